"""A small store and a recording of it made by hand, without errors unless they are put in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from tebura_contract.calibration import Calibration, PlateCalibration, dump_calibration
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.codec import encode
from tebura_contract.entry_code import time_step
from tebura_contract.envelope import parse, seal
from tebura_contract.events import (
    Event,
    HandContent,
    Reach,
    ShopperEntered,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
)
from tebura_contract.geometry import Xy
from tebura_contract.ids import (
    CameraId,
    EventId,
    GateId,
    NodeId,
    PlateId,
    ShelfId,
    StoreId,
    TrackId,
)
from tebura_contract.messages import Position
from tebura_contract.recording import CountBatch, Meta
from tebura_contract.truth import TrueReceipt, Truth
from tebura_edge.recorder import Recorded
from tebura_simulator.accounts import member_of
from tebura_simulator.memory_reel import Attached, MemoryReel, Source

START_NS = 1_775_000_000 * SECOND_NS
LEFT = ShelfId("left/1")
RIGHT = ShelfId("right/1")
LEFT_XY_M, RIGHT_XY_M, GATE_XY_M = (0.5, -0.5), (6.5, -0.5), (3.5, -3.0)
FULL_G = 3000.0
SHELF = """
[[gondola]]
id = "{name}"
size_m = [1.0, 0.4, 1.4]
[gondola.store_from_gondola]
translation_m = [{x}, 0.0, 0.0]
[[gondola.shelf]]
id = "1"
size_m = [1.0, 0.4, 0.4]
reports_picks = "plates"
[gondola.shelf.gondola_from_shelf]
translation_m = [0.0, 0.0, 1.0]
"""
PLATE = """
[[gondola.shelf.plate]]
id = "{n}"
xy_m = [{x}, 0.0]
size_m = [0.25, 0.4]
"""
FACING = """
[[gondola.shelf.facing]]
id = "{sku}"
sku = "{sku}"
x_m = [{a}, {b}]
plates = {plates}
"""
PRODUCT = """
[[product]]
sku = "{sku}"
name = "{sku}"
price_minor = 100
weight_g = {weight_g}
"""
# Product: shelf, first and last plate, grams. Candy and soap are a gram apart, on one shelf; chips
# and bites too, and share a plate.
STOCK = {
    "tea": ("left", 1, 1, 552.0),
    "bread": ("left", 2, 2, 96.0),
    "chips": ("left", 3, 4, 68.0),
    "bites": ("left", 4, 4, 67.0),
    "soap": ("right", 1, 1, 130.0),
    "pens": ("right", 2, 2, 60.0),
    "coffee": ("right", 3, 3, 215.0),
    "candy": ("right", 4, 4, 131.0),
}


def layout_toml() -> bytes:
    text = '[store]\nid = "hand-made"\nname = "hand-made"\n'
    text += "".join(PRODUCT.format(sku=sku, weight_g=g) for sku, (*_, g) in STOCK.items())
    for name, x in (("left", 0.0), ("right", 6.0)):
        text += SHELF.format(name=name, x=x)
        text += "".join(PLATE.format(n=n, x=(n - 1) * 0.25) for n in (1, 2, 3, 4))
        for sku, (shelf, first, last, _) in STOCK.items():
            if shelf == name:
                plates = [str(n) for n in range(first, last + 1)]
                a, b = (first - 1) * 0.25, last * 0.25
                text += FACING.format(sku=sku, a=a, b=b, plates=plates)
    x, y = GATE_XY_M
    zone = [[x - 0.5, y - 0.5], [x + 0.5, y - 0.5], [x + 0.5, y + 0.5], [x - 0.5, y + 0.5]]
    text += f'\n[[gate]]\nid = "door"\nnode = "eyes"\nzone_m = {zone}\n'
    return text.encode()


@dataclass
class HandMade:
    """A recording in memory, made step by step; times in seconds from its first sample."""

    seconds: float = 40.0
    rate_hz: float = 60.0
    accounts: tuple[str, ...] = ("ann",)
    moves: list[tuple[float, ShelfId, dict[int, float]]] = field(default_factory=list)
    unread: list[tuple[float, float, PlateId]] = field(default_factory=list)
    told: list[Recorded] = field(default_factory=list)
    disturb: Callable[[list[Recorded]], list[Recorded]] = list
    """How the batches of each scale arrive, of those in order."""
    _seq: int = 0

    def moved(self, t_s: float, sku: str, count: int) -> None:
        """So many articles leave their place, or (negative) come back to it."""
        shelf, first, last, weight_g = STOCK[sku]
        share = -count * weight_g / (last - first + 1)
        plates = dict.fromkeys(range(first, last + 1), share)
        self.moves.append((t_s, ShelfId(f"{shelf}/1"), plates))

    def comes(
        self,
        account: str,
        t_s: float,
        goes: Sequence[tuple[float, Xy]],
        code_s: float | None = None,
    ) -> TrackId:
        """Enters by code at `t_s`, is at each place from its time on, at the gate until then.

        With `code_s` the code is shown that early, and a camera sees who it was only later.
        """
        track = TrackId(f"eyes-1-{self._seq}")
        at = Ns(START_NS + round(t_s * SECOND_NS))
        places = [(t_s - 1.0, GATE_XY_M), *goes]
        gate, eye = GateId("door"), CameraId("eye")
        first = Ns(at - SECOND_NS)
        self._event(TrackStarted(track=track, camera=eye, at_ns=first, foot_xy_m=GATE_XY_M))
        self._event(TrackAtGate(track=track, gate=gate, at_ns=first, is_inside=True))
        member = member_of(account)
        if code_s is not None:
            at = Ns(START_NS + round(code_s * SECOND_NS))
        self._event(ShopperEntered(gate=gate, member=member, code_step=time_step(at), at_ns=at))
        away = Ns(START_NS + round(goes[0][0] * SECOND_NS))
        self._event(TrackAtGate(track=track, gate=gate, at_ns=away, is_inside=False))
        for t in np.arange(t_s - 1.0, self.seconds, 0.2):
            foot = [xy for from_s, xy in places if from_s <= t + 1e-9][-1]
            at = Ns(START_NS + round(float(t) * SECOND_NS))
            self._say("/positions/eyes", at, Position(track=track, at_ns=at, foot_xy_m=foot))
        return track

    def reaches(
        self,
        track: TrackId,
        t_s: float,
        sku: str,
        before: HandContent = HandContent.UNKNOWN,
        after: HandContent = HandContent.UNKNOWN,
    ) -> None:
        shelf, first, last, _ = STOCK[sku]
        at = START_NS + round(t_s * SECOND_NS)
        self._event(
            Reach(
                track=track,
                camera=CameraId("eye"),
                shelf=ShelfId(f"{shelf}/1"),
                x_m=(first + last - 1) * 0.125,
                from_ns=Ns(at - SECOND_NS // 2),
                to_ns=Ns(at + SECOND_NS // 2),
                hand_before=before,
                hand_after=after,
                confidence=0.9,
            )
        )

    def breaks(
        self, track: TrackId, t_s: float, xy_m: Xy, goes_on_xy_m: Xy | None = None
    ) -> TrackId:
        """The track ends; another one begins a second later, a step further or where told."""
        at = Ns(START_NS + round(t_s * SECOND_NS))
        kept = [
            r
            for r in self.told
            if not isinstance(r.message, Position)
            or r.message.track != track
            or r.message.at_ns <= at
        ]
        self.told = kept
        self._event(TrackEnded(track=track, at_ns=at, foot_xy_m=xy_m))
        new, later = TrackId(f"eyes-1-{self._seq}"), Ns(at + SECOND_NS)
        there = goes_on_xy_m or (xy_m[0] + 0.4, xy_m[1])
        self._event(TrackStarted(track=new, camera=CameraId("eye"), at_ns=later, foot_xy_m=there))
        for t in np.arange(t_s + 1.0, self.seconds, 0.2):
            at = Ns(START_NS + round(float(t) * SECOND_NS))
            self._say("/positions/eyes", at, Position(track=new, at_ns=at, foot_xy_m=there))
        return new

    def seen_also(self, track: TrackId, from_s: float) -> TrackId:
        """Another camera follows the same person, from `from_s` on and 0.2 m beside."""
        new, first = TrackId(f"eyes-1-{self._seq}"), START_NS + round(from_s * SECOND_NS)
        walk = [r.message for r in self.told if isinstance(r.message, Position)]
        mine = [at for at in walk if at.track == track and at.at_ns >= first]
        for at in mine:
            beside = (at.foot_xy_m[0] + 0.2, at.foot_xy_m[1])
            moved = Position(track=new, at_ns=at.at_ns, foot_xy_m=beside)
            self._say("/positions/eyes", at.at_ns, moved)
        start, there = mine[0].at_ns, mine[0].foot_xy_m
        other = CameraId("other-eye")
        self._event(TrackStarted(track=new, camera=other, at_ns=start, foot_xy_m=there))
        return new

    def reel(self) -> MemoryReel:
        meta = Meta(title="", made_by="a test", is_simulated=True, start_ns=Ns(START_NS))
        receipts = tuple(TrueReceipt(shopper=account, items={}) for account in self.accounts)
        plates = {
            PlateId(f"{shelf}/{n}"): PlateCalibration(tare_counts=500.0, counts_per_g=4.0)
            for shelf in (LEFT, RIGHT)
            for n in (1, 2, 3, 4)
        }
        calibration = Calibration(node=NodeId("plates"), measured_ns=Ns(START_NS), plates=plates)
        attached = {
            "layout.toml": Attached(layout_toml(), "application/toml"),
            "truth.json": Attached(encode(Truth(receipts=receipts)), "application/json"),
            "calibration/plates.json": Attached(dump_calibration(calibration), "application/json"),
        }
        sources: dict[tuple[str, ...], Source] = {
            (f"/counts/{shelf.replace('/', '-')}",): partial(self._arrived, shelf)
            for shelf in (LEFT, RIGHT)
        }
        told = sorted(self.told, key=lambda recorded: recorded.at_ns)
        for topic in {recorded.topic for recorded in told}:
            sources[(topic,)] = [one for one in told if one.topic == topic].__iter__
        return MemoryReel("hand-made", meta, attached, sources)

    def _arrived(self, shelf: ShelfId) -> list[Recorded]:
        return self.disturb(self._counts(shelf))

    def _counts(self, shelf: ShelfId) -> list[Recorded]:
        """Batches of 12; a still plate trembles by half a gram, a step takes 0.2 s."""
        at_s = np.arange(round(self.seconds * self.rate_hz)) / self.rate_hz
        grams = np.full((len(at_s), 4), FULL_G)
        for t_s, where, plates in self.moves:
            for n, delta_g in plates.items() if where == shelf else ():
                grams[:, n - 1] += delta_g * np.clip((at_s - t_s) / 0.2 + 0.5, 0.0, 1.0)
        grams += np.random.default_rng([1, len(shelf)]).normal(0.0, 0.5, grams.shape)
        counts = np.round(500.0 + 4.0 * grams).astype(int)
        names = tuple(PlateId(f"{shelf}/{n}") for n in (1, 2, 3, 4))
        rows: list[list[int | None]] = [[int(c) for c in row] for row in counts]
        for from_s, to_s, plate in self.unread:
            for row, t in zip(rows, at_s, strict=True) if plate in names else ():
                if from_s <= t < to_s:
                    row[names.index(plate)] = None
        label = shelf.replace("/", "-")
        found = []
        for first in range(0, len(rows), 12):
            at = [Ns(START_NS + round(float(t) * SECOND_NS)) for t in at_s[first : first + 12]]
            batch = CountBatch(
                scale=label,
                plates=names,
                at_ns=tuple(at),
                counts=tuple(tuple(row) for row in rows[first : first + 12]),
            )
            found.append(Recorded(f"/counts/{label}", at[-1], batch))
        return found

    def _event(self, event: Event) -> None:
        at = max(getattr(event, "at_ns", 0), getattr(event, "to_ns", 0))
        self._seq += 1
        sealed = seal(
            StoreId("hand-made"),
            EventId(NodeId("eyes"), 1, self._seq),
            event,
            StoreTime(at_ns=Ns(at)),
            0,
            b"key",
        )
        self._say("/events/eyes", Ns(at), parse(sealed))

    def _say(self, topic: str, at: Ns, message: object) -> None:
        self.told.append(Recorded(topic, at, message))  # type: ignore[arg-type]
