"""Who of a recording's shoppers came in without an account: nobody can be charged for them."""

import msgspec
from tebura_contract.recording import SCENARIO_ATTACHMENT
from tebura_edge.recorder import RecordingError

from tebura_simulator.reels import Reel
from tebura_simulator.story.scenario import Part, Scenario


def strangers_in(reel: Reel) -> frozenset[str]:
    """Strangers of the scenario inside a recording; nobody where there is none.

    Raises:
        RecordingError: If the scenario inside cannot be read.
    """
    raw = reel.attachment(SCENARIO_ATTACHMENT)
    if raw is None:
        return frozenset()
    try:
        return strangers_of(msgspec.toml.decode(raw, type=Scenario))
    except msgspec.MsgspecError as error:
        raise RecordingError(f"{reel.path}: {SCENARIO_ATTACHMENT}: {error}") from error


def strangers_of(scenario: Scenario) -> frozenset[str]:
    """Shoppers without an account who are nobody's guests."""
    return frozenset(
        person.id
        for person in scenario.shopper
        if person.part is Part.SHOPPER and person.member is None and person.guest_of is None
    )
