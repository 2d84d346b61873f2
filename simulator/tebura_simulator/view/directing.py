"""From a watched replay to the scene that the page shows."""

from collections import Counter
from collections.abc import Mapping

from tebura_contract.clock import SECOND_NS, seconds
from tebura_contract.ids import CameraId, PlateId, ShelfId, TrackId, VisitId
from tebura_contract.truth import Truth
from tebura_gateway.domain.decision import Status
from tebura_gateway.domain.presence import Visit
from tebura_gateway.web.floor import floor_plan

from tebura_simulator.recordings import faults_of, truth_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay import LONE_MEMBER
from tebura_simulator.scoring.tebura import accounts
from tebura_simulator.view.lanes import shelf_blocks
from tebura_simulator.view.marks import hands_of, marks_of, troubles_of
from tebura_simulator.view.scene import FilmStrip, Hand, ReceiptRow, Scene, Still, VisitCard, Walk
from tebura_simulator.view.watching import Watched

MOST_STEPS = 20_000
"""Points of all walks together; longer ones are thinned."""
STRANGER = "unknown"


def scene_of(reel: Reel, watched: Watched, opens_at_end: bool) -> Scene:
    """Everything the page shows.

    Raises:
        RecordingError: If the truth or the faults inside are malformed.
    """
    layout, replay = watched.replay.layout, watched.replay
    truth = truth_of(reel)
    end_s = round(seconds(watched.end_ns - replay.start_ns), 3)
    names = {str(sku): product.name for sku, product in layout.products().items()}
    owner = {
        track: visit.id for visit in replay.judgement.visits.values() for track in visit.tracks
    }
    account_of = _account_of(replay.judgement.visits, truth)
    hands = hands_of(replay.facts, replay.start_ns, owner)
    marks, truths = marks_of(watched, truth, names, account_of)
    told: dict[ShelfId, set[PlateId]] = {}
    for shelf, plates in [(m.shelf, m.plates) for m in marks] + [
        (t.shelf, t.plates) for t in truths
    ]:
        told.setdefault(ShelfId(shelf), set()).update(map(PlateId, plates))
    meta = reel.meta()
    made = "simulated" if meta.is_simulated else "real"
    return Scene(
        title=meta.title,
        about=f"{reel.path.name} · {made} · {meta.made_by}",
        end_s=end_s,
        opens_at_end=opens_at_end,
        has_truth=truth is not None,
        floor=floor_plan(layout),
        shelves=shelf_blocks(layout, watched.envelopes.values(), replay.start_ns, told),
        marks=marks,
        truths=truths,
        hands=hands,
        troubles=troubles_of(watched, faults_of(reel), end_s),
        visits=tuple(
            _card(visit, account_of[visit.id], watched)
            for visit in sorted(replay.judgement.visits.values(), key=lambda v: v.entered_ns)
        ),
        walks=_walks(watched, owner),
        films=_films(watched, _stills(reel, watched, hands)),
        receipts=_receipts(watched, truth, account_of, names),
    )


def _account_of(visits: Mapping[VisitId, Visit], truth: Truth | None) -> dict[VisitId, str]:
    """Whose a visit is, in the truth's names."""
    account_of = accounts([receipt.shopper for receipt in truth.receipts] if truth else [])
    account_of.setdefault(LONE_MEMBER, "everybody")
    return {name: account_of.get(visit.member, STRANGER) for name, visit in visits.items()}


def _card(visit: Visit, who: str, watched: Watched) -> VisitCard:
    start_ns, left_ns = watched.replay.start_ns, visit.exited_ns
    settled_ns = watched.replay.left_ns.get(visit.id)
    return VisitCard(
        id=visit.id,
        who=who,
        from_s=round(seconds(visit.entered_ns - start_ns), 3),
        to_s=None if left_ns is None else round(seconds(left_ns - start_ns), 3),
        settled_s=None if settled_ns is None else round(seconds(settled_ns - start_ns), 3),
        tracks=visit.tracks,
        doubt=visit.doubt.value if visit.doubt else "",
    )


def _walks(watched: Watched, owner: Mapping[TrackId, VisitId]) -> tuple[Walk, ...]:
    start_ns = watched.replay.start_ns
    every = sum(map(len, watched.paths.values())) // MOST_STEPS + 1
    return tuple(
        Walk(
            track=track,
            visit=str(owner.get(track, "")),
            points=tuple(
                (round((at_ns - start_ns) / SECOND_NS, 2), round(x, 2), round(y, 2))
                for at_ns, (x, y) in path[::every]
            ),
        )
        for track, path in sorted(watched.paths.items())
    )


def _stills(
    reel: Reel, watched: Watched, hands: tuple[Hand, ...]
) -> Mapping[CameraId, tuple[Still, ...]]:
    """What cameras showed; a recording without pictures loads no code for them."""
    if not any(topic.startswith("/video/") for topic in reel.topics()):
        return {}
    from tebura_simulator.view.stills import stills_of

    replay = watched.replay
    span_ns = (replay.start_ns, watched.end_ns)
    return stills_of(reel, replay.layout, watched.findings, hands, span_ns)


def _films(watched: Watched, stills: Mapping[CameraId, tuple[Still, ...]]) -> tuple[FilmStrip, ...]:
    start_ns = watched.replay.start_ns
    return tuple(
        FilmStrip(
            camera=camera,
            kind=film.kind,
            count=film.count,
            stretches=tuple(
                (round(seconds(a - start_ns), 2), round(seconds(b - start_ns), 2))
                for a, b in film.stretches
            ),
            stills=stills.get(camera, ()),
        )
        for camera, film in sorted(watched.films.items())
    )


def _receipts(
    watched: Watched,
    truth: Truth | None,
    account_of: Mapping[VisitId, str],
    names: Mapping[str, str],
) -> tuple[ReceiptRow, ...]:
    expected = {r.shopper: dict(r.items) for r in truth.receipts} if truth else {}
    charged: dict[str, Counter[str]] = {who: Counter() for who in expected}
    reviews: Counter[str] = Counter()
    for who in account_of.values():
        charged.setdefault(who, Counter())
    for decision in watched.replay.judgement.decisions.values():
        if decision.visit is None:
            continue
        who = account_of.get(decision.visit, STRANGER)
        if decision.status is not Status.DECIDED:
            reviews[who] += 1
        elif decision.sku is not None:
            charged[who][decision.sku] += decision.quantity
    return tuple(
        ReceiptRow(
            who=who,
            expected=_named(expected.get(who, {}), names),
            charged=_named(items, names),
            reviews=reviews[who],
            state=_state(expected.get(who, {}), items, reviews[who]),
        )
        for who, items in charged.items()
    )


def _state(expected: Mapping[str, int], charged: Mapping[str, int], reviews: int) -> str:
    if {k: n for k, n in charged.items() if n} == {k: n for k, n in expected.items() if n}:
        return "asked" if reviews else "exact"
    is_right = all(0 <= count <= expected.get(sku, 0) for sku, count in charged.items())
    return "asked" if reviews and is_right else "differs"


def _named(items: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    return {names.get(sku, sku): count for sku, count in sorted(items.items()) if count}
