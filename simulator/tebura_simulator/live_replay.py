"""A recording through real processes: broker, gateway and nodes as a shop runs them.

Slower than in process (it takes as long as the recording did), and nothing is left out: what the
lines say went through serial lines, outboxes, the broker, the gateway's database and its API.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tebura_contract.clock import SECOND_NS
from tebura_contract.truth import Outcome, OutcomeKind, layout_name

from tebura_simulator.live_store import LiveStore
from tebura_simulator.outcomes import DIGITS_G, DIGITS_S, DIGITS_SHARE
from tebura_simulator.reels import Reel
from tebura_simulator.shop_client import ShopError, Step, Visit
from tebura_simulator.take import Take, take_of

SETTLE_TIMEOUT_S = 75.0
POLL_S = 0.5
BEFORE_NS = 2 * SECOND_NS
"""A step may be told to have begun a little before the recording was put on."""
OVER = ("settled", "nothing-taken", "not-charged", "unpaid", "review")


def live_outcomes(
    reel: Reel, speed: float = 1.0, progress: Callable[[float], None] = lambda _: None
) -> list[Outcome]:
    """What a real store makes of a recording, in order of time.

    Args:
        reel: One recording, or several of one store as one.
        speed: Seconds of the recording a second.
        progress: Told of the second that is being played.

    Raises:
        StageError, ShopError: If the store cannot be brought up or breaks down.
        RecordingError: If the recording cannot be read.
    """
    take = take_of(reel)
    with (
        tempfile.TemporaryDirectory(prefix="tebura-") as scratch,
        LiveStore(Path(scratch) / "store", take, speed=speed) as store,
    ):
        store.wait_sensing()
        store.add_members({account: account for account in take.accounts()})
        began_ns = time.time_ns()
        store.play(take, progress)
        steps = _settled(store, began_ns - BEFORE_NS)
        return [_outcome(step, store, take) for step in reversed(steps)]


def _settled(store: LiveStore, since_ns: int) -> list[Step]:
    """All steps, once nothing more is to come without a person."""
    deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        store.check()
        try:
            steps, visits = store.client.steps(since_ns), store.client.visits()
        except ShopError:
            if time.monotonic() > deadline_s:
                raise
        else:
            if _is_over(steps, visits) or time.monotonic() > deadline_s:
                return steps
        time.sleep(POLL_S)


def _is_over(steps: list[Step], visits: list[Visit]) -> bool:
    is_decided = all(step.status != "checking" for step in steps)
    return is_decided and all(visit.stage in OVER for visit in visits)


def _outcome(step: Step, store: LiveStore, take: Take) -> Outcome:
    gondola, _, shelf = step.shelf.partition("/")
    at_s = store.told.recorded_s(int(step.from_ns))
    first_s = min((track.at_s[0] for track in take.scales.values() if len(track.at_s)), default=0.0)
    return Outcome(
        kind=_kind(step),
        time_s=round(at_s - float(first_s), DIGITS_S),
        gondola=layout_name(gondola),
        shelf=layout_name(shelf),
        plates=tuple(layout_name(plate.rsplit("/", 1)[-1]) for plate in step.plates),
        sku=step.sku,
        quantity=abs(step.quantity),
        delta_g=round(step.delta_g, DIGITS_G),
        confidence=round(step.confidence, DIGITS_SHARE),
        candidates=step.candidates,
        track=step.track,
        visit=step.visit,
        reason=step.reason,
    )


def _kind(step: Step) -> OutcomeKind:
    if step.kind == "foreign":
        return OutcomeKind.FOREIGN
    if step.status != "decided":
        return OutcomeKind.REVIEW
    return OutcomeKind.PICK if step.kind == "pick" else OutcomeKind.RETURN
