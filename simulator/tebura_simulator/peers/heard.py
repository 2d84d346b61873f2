"""What gate and camera nodes told in a recording, each event once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.codec import DecodeError, decode
from tebura_contract.envelope import Envelope, identify
from tebura_contract.events import (
    Event,
    Reach,
    ShopperEntered,
    ShopperLeft,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
    began_ns,
)
from tebura_contract.geometry import Xy
from tebura_contract.ids import EventId, MemberId, TrackId
from tebura_contract.messages import Position

from tebura_simulator.accounts import member_of
from tebura_simulator.recordings import truth_of
from tebura_simulator.reels import Reel

FRESH_NS = 1_500_000_000
"""A position older than this says nothing of where somebody is now; they come a few a second."""

STEP_NS = 500_000_000
"""Positions of two tracks this near in time can be compared."""
SHARED_STEPS = 3


@dataclass(frozen=True)
class Walk:
    """The foot of one track over time: rising `at_ns`, shape (n,), and `xy_m`, shape (n, 2)."""

    at_ns: NDArray[np.int64]
    xy_m: NDArray[np.float64]

    def at(self, at_ns: int, fresh_ns: int = FRESH_NS) -> Xy | None:
        """The nearest position in time; None where none is fresh."""
        after = int(np.searchsorted(self.at_ns, at_ns))
        near = [i for i in (after - 1, after) if 0 <= i < len(self.at_ns)]
        best = min(near, key=lambda i: abs(int(self.at_ns[i]) - at_ns), default=None)
        if best is None or abs(int(self.at_ns[best]) - at_ns) > fresh_ns:
            return None
        return float(self.xy_m[best, 0]), float(self.xy_m[best, 1])

    def apart_m(self, other: "Walk") -> float | None:
        """Mean distance from another walk while both were told; None where that was hardly so."""
        after = np.searchsorted(other.at_ns, self.at_ns).clip(1, len(other.at_ns) - 1)
        before = after - 1
        is_before = self.at_ns - other.at_ns[before] <= other.at_ns[after] - self.at_ns
        nearest = np.where(is_before, before, after)
        is_shared = np.abs(other.at_ns[nearest] - self.at_ns) <= STEP_NS
        if np.count_nonzero(is_shared) < SHARED_STEPS:
            return None
        offset = self.xy_m[is_shared] - other.xy_m[nearest[is_shared]]
        return float(np.linalg.norm(offset, axis=1).mean())


@dataclass(frozen=True)
class Heard:
    """Events of gates and cameras in order of when they began, and everybody's walks."""

    events: tuple[Event, ...]
    walks: dict[TrackId, Walk]


def heard(reel: Reel) -> Heard:
    """Everything nodes told of people. What cannot be read is left out."""
    topics = [t for t in reel.topics() if t.startswith(("/events/", "/positions/"))]
    events: dict[EventId, Event] = {}
    steps: dict[TrackId, list[tuple[int, float, float]]] = {}
    for recorded in reel.messages(topics) if topics else ():
        match recorded.message:
            case Envelope() as envelope:
                event = _opened(envelope)
                if event is not None:
                    events.setdefault(identify(envelope)[1], event)
            case Position() as position:
                x, y = position.foot_xy_m
                steps.setdefault(position.track, []).append((int(position.at_ns), x, y))
            case _:
                pass
    return Heard(
        tuple(sorted(events.values(), key=began_ns)),
        {track: _walk(points) for track, points in steps.items()},
    )


def account_names(reel: Reel) -> dict[MemberId, str]:
    """What each member is called in the recording's truth.

    Only the names come from there: the score asks for them, and no node knows them.
    """
    truth = truth_of(reel)
    receipts = truth.receipts if truth is not None else ()
    return {member_of(receipt.shopper): receipt.shopper for receipt in receipts}


def _opened(envelope: Envelope) -> Event | None:
    try:
        event: Event = decode(bytes(envelope.data), Event)  # type: ignore[arg-type]
    except DecodeError:
        return None
    people = (Reach, TrackStarted, TrackAtGate, TrackEnded, ShopperEntered, ShopperLeft)
    return event if isinstance(event, people) else None


def _walk(points: Iterable[tuple[int, float, float]]) -> Walk:
    ordered = sorted(set(points))
    return Walk(
        np.array([point[0] for point in ordered], np.int64),
        np.array([point[1:] for point in ordered], np.float64),
    )
