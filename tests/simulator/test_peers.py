"""Each peer does what its idea can do: on hand-made recordings without errors it is right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
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
    Sku,
    StoreId,
    TrackId,
)
from tebura_contract.layout import load_layout
from tebura_contract.messages import Position
from tebura_contract.recording import CountBatch, Meta
from tebura_contract.truth import OutcomeKind, TrueReceipt, Truth
from tebura_edge.recorder import Recorded
from tebura_simulator.accounts import member_of
from tebura_simulator.claims import Claims, Method
from tebura_simulator.memory_reel import Attached, MemoryReel, Source, reel_of
from tebura_simulator.peers import PEERS
from tebura_simulator.peers.levels import changes_of
from tebura_simulator.peers.moving_deviation import stirs_of
from tebura_simulator.peers.planogram import Planogram
from tebura_simulator.peers.traces import ShelfTrace, first_sample_ns, weighed
from tebura_simulator.peers.winner import scores
from tebura_simulator.recordings import layout_of, truth_of
from tebura_simulator.story.scenario import (
    PlateKind,
    PlatesScript,
    SightScript,
    load_scenario,
)

CLEAR = SightScript(
    missed=0.0,
    swapped=0.0,
    doubled=0.0,
    invented=0.0,
    late=0.0,
    time_sd_s=0.0,
    along_sd_m=0.0,
    foot_sd_m=0.0,
    breaks=0.0,
    exchanged=0.0,
    hand_known=1.0,
    hand_wrong=0.0,
)
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

    def comes(self, account: str, t_s: float, goes: Sequence[tuple[float, Xy]]) -> TrackId:
        """Enters by code at `t_s`, is at each place from its time on, at the gate until then."""
        track = TrackId(f"eyes-1-{self._seq}")
        at = Ns(START_NS + round(t_s * SECOND_NS))
        places = [(t_s - 1.0, GATE_XY_M), *goes]
        gate, eye = GateId("door"), CameraId("eye")
        first = Ns(at - SECOND_NS)
        self._event(TrackStarted(track=track, camera=eye, at_ns=first, foot_xy_m=GATE_XY_M))
        self._event(TrackAtGate(track=track, gate=gate, at_ns=first, is_inside=True))
        member = member_of(account)
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


def peer(name: str) -> Method:
    return next(method for method in PEERS if method.name == name)


def lines(claims: Claims) -> list[tuple[str, str | None, int, str | None]]:
    return [(o.kind.value, o.sku, o.quantity, o.visit) for o in claims.outcomes]


def calm_visit(rate_hz: float = 60.0) -> HandMade:
    """One shopper, single picks well apart in time, one of them put back."""
    made = HandMade(rate_hz=rate_hz)
    track = made.comes("ann", 2.0, [(4.0, LEFT_XY_M), (20.0, RIGHT_XY_M)])
    taken = ((6.0, "tea"), (10.0, "bread"), (14.0, "chips"), (24.0, "coffee"))
    for t_s, sku in taken:
        made.moved(t_s, sku, 1)
        made.reaches(track, t_s, sku, HandContent.EMPTY, HandContent.HOLDING)
    made.moved(30.0, "coffee", -1)
    made.reaches(track, 30.0, "coffee", HandContent.HOLDING, HandContent.EMPTY)
    return made


def test_four_peers_go_by_the_names_of_the_bench() -> None:
    assert [p.name for p in PEERS] == ["winner", "weight-only", "vision-only", "nearest-person"]


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_a_calm_visit_of_one_shopper_is_right_for_every_peer(method: Method) -> None:
    claims = method(calm_visit().reel())
    assert lines(claims) == [
        ("pick", "tea", 1, "ann"),
        ("pick", "bread", 1, "ann"),
        ("pick", "chips", 1, "ann"),
        ("pick", "coffee", 1, "ann"),
        ("return", "coffee", 1, "ann"),
    ]
    assert claims.carts == {"ann": {"tea": 1, "bread": 1, "chips": 1}}
    for outcome, true_s in zip(claims.outcomes, (6.0, 10.0, 14.0, 24.0, 30.0), strict=True):
        assert outcome.time_s == pytest.approx(true_s, abs=1.0)
        assert (outcome.gondola, outcome.shelf) == ("left" if true_s < 20 else "right", 1)


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_ten_samples_a_second_are_enough_for_weights(name: str) -> None:
    claims = peer(name)(calm_visit(rate_hz=10.0).reel())
    assert claims.carts == {"ann": {"tea": 1, "bread": 1, "chips": 1}}


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_two_of_one_product_are_two(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.moved(8.0, "bread", 2)
    assert peer(name)(made.reel()).carts == {"ann": {"bread": 2}}


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_place_decides_between_products_of_one_weight(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, RIGHT_XY_M)])
    made.moved(8.0, "candy", 1)
    made.moved(12.0, "soap", 1)
    made.moved(16.0, "chips", 1)
    made.moved(20.0, "bites", 1)
    assert [o.sku for o in peer(name)(made.reel()).outcomes] == ["candy", "soap", "chips", "bites"]


@pytest.mark.parametrize("name", ["winner", "vision-only", "nearest-person"])
def test_shoppers_far_apart_keep_what_each_took(name: str) -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    ben = made.comes("ben", 8.0, [(10.0, RIGHT_XY_M)])
    for t_s, track, sku in ((12.0, ann, "tea"), (15.0, ben, "coffee"), (18.0, ann, "bread")):
        made.moved(t_s, sku, 1)
        made.reaches(track, t_s, sku)
    carts = peer(name)(made.reel()).carts
    assert carts == {"ann": {"tea": 1, "bread": 1}, "ben": {"coffee": 1}}


def test_without_cameras_the_last_to_enter_gets_it() -> None:
    made = HandMade(accounts=("ann", "ben"))
    made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.moved(6.0, "tea", 1)
    made.comes("ben", 8.0, [(10.0, RIGHT_XY_M)])
    made.moved(14.0, "bread", 1)
    assert peer("weight-only")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {"bread": 1}}


@pytest.mark.parametrize("name", ["winner", "vision-only", "nearest-person"])
def test_broken_tracks_go_on_where_they_broke(name: str) -> None:
    made = HandMade(accounts=("ann", "ben"))
    ben = made.comes("ben", 2.0, [(4.0, RIGHT_XY_M)])
    ann = made.comes("ann", 6.0, [(8.0, LEFT_XY_M)])
    ann_again = made.breaks(ann, 12.0, LEFT_XY_M)
    ben_again = made.breaks(ben, 12.2, RIGHT_XY_M)
    for t_s, track, sku in ((16.0, ann_again, "tea"), (20.0, ben_again, "coffee")):
        made.moved(t_s, sku, 1)
        made.reaches(track, t_s, sku)
    assert peer(name)(made.reel()).carts == {"ann": {"tea": 1}, "ben": {"coffee": 1}}


def test_who_was_lost_alone_is_found_again_anywhere() -> None:
    made = HandMade(accounts=("ann", "ben"))
    made.comes("ben", 2.0, [(4.0, RIGHT_XY_M)])
    ann = made.comes("ann", 6.0, [(8.0, RIGHT_XY_M)])
    again = made.breaks(ann, 12.0, RIGHT_XY_M, goes_on_xy_m=LEFT_XY_M)
    made.reaches(again, 16.0, "tea")
    assert peer("vision-only")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {}}


def test_a_wrist_in_the_shelf_wins_over_a_nearer_head_for_the_winner() -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 2.0, [(4.0, (0.1, -0.9))])
    made.comes("ben", 8.0, [(10.0, (0.15, -0.3))])
    made.moved(14.0, "tea", 1)
    assert peer("winner")(made.reel()).carts["ben"] == {"tea": 1}
    made.reaches(ann, 14.0, "tea")
    assert peer("winner")(made.reel()).carts == {"ann": {"tea": 1}, "ben": {}}


def test_a_reach_that_took_nothing_is_no_pick() -> None:
    made = HandMade()
    track = made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.reaches(track, 8.0, "tea", HandContent.EMPTY, HandContent.EMPTY)
    assert peer("vision-only")(made.reel()).outcomes == ()


def test_a_put_back_in_the_wrong_place_is_what_the_shopper_holds() -> None:
    made = HandMade()
    track = made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.moved(8.0, "tea", 1)
    made.reaches(track, 8.0, "tea", HandContent.EMPTY, HandContent.HOLDING)
    made.moves.append((14.0, LEFT, {2: 552.0}))
    made.reaches(track, 14.0, "bread", HandContent.HOLDING, HandContent.EMPTY)
    for method in PEERS:
        claims = method(made.reel())
        assert claims.carts == {"ann": {}}, method.name
        assert claims.outcomes[-1].kind is OutcomeKind.RETURN


@pytest.mark.parametrize("name", ["weight-only", "nearest-person"])
def test_of_two_articles_of_one_weight_the_one_that_belongs_there_came_back(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, RIGHT_XY_M)])
    for t_s, sku, count in ((8.0, "candy", 1), (12.0, "soap", 1), (16.0, "soap", -1)):
        made.moved(t_s, sku, count)
    assert peer(name)(made.reel()).carts == {"ann": {"candy": 1}}


def test_a_pick_and_a_return_two_seconds_apart_are_both_told() -> None:
    for rate_hz in (10.0, 60.0):
        made = HandMade(rate_hz=rate_hz)
        made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
        made.moved(8.0, "bread", 1)
        made.moved(10.0, "bread", -1)
        kinds = [outcome.kind for outcome in peer("weight-only")(made.reel()).outcomes]
        assert kinds == [OutcomeKind.PICK, OutcomeKind.RETURN]


def test_what_creeps_a_little_is_no_step() -> None:
    """Over two blocks of a quarter second, so that the rests before and after share a block."""
    grams = FULL_G - 6.6 * np.clip((np.arange(600) - 300) / 30, 0.0, 1.0)
    assert changes_of(trace_of(grams), Planogram(layout_of(HandMade().reel()))) == []


def test_noisy_plates_hide_no_step_of_a_quiet_one() -> None:
    names = tuple(PlateId(f"left/1/{n}") for n in (1, 2, 3, 4))
    noise_g = np.array([0.5, 20.0, 20.0, 20.0])
    grams = FULL_G + np.random.default_rng(3).normal(0.0, noise_g, (1200, 4))
    grams[600:, 0] -= 30.0
    at_ns = (np.arange(1200) * SECOND_NS / 60).astype(np.int64)
    planogram = Planogram(layout_of(HandMade().reel()))
    (change,) = changes_of(ShelfTrace(LEFT, names, at_ns, grams, 60.0), planogram)
    assert change.plates == names[:1]
    assert change.delta_g == pytest.approx(-30.0, abs=1.0)


@pytest.mark.parametrize("name", ["winner", "weight-only", "nearest-person"])
def test_samples_that_were_not_read_are_no_pick(name: str) -> None:
    made = HandMade()
    made.comes("ann", 2.0, [(4.0, LEFT_XY_M)])
    made.unread.append((8.0, 10.0, PlateId("left/1/1")))
    made.unread.append((0.0, 40.0, PlateId("left/1/2")))
    assert peer(name)(made.reel()).outcomes == ()


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_nobody_is_billed_for_what_moves_while_nobody_is_inside(method: Method) -> None:
    made = HandMade()
    made.moved(1.0, "tea", 1)
    made.comes("ann", 20.0, [(22.0, LEFT_XY_M)])
    assert method(made.reel()).carts == {"ann": {}}


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_where_a_peer_is_known_to_fail_it_still_answers(method: Method) -> None:
    made = HandMade(accounts=("ann", "ben"))
    ann = made.comes("ann", 2.0, [(4.0, RIGHT_XY_M)])
    ben = made.comes("ben", 5.0, [(7.0, RIGHT_XY_M)])
    # The two swap what weighs the same; a hand rests on the plate before it takes.
    made.moves.append((10.0, RIGHT, {1: -130.0, 4: +131.0}))
    made.moves += [(15.0, RIGHT, {3: +900.0}), (25.0, RIGHT, {3: -1115.0})]
    made.reaches(ann, 10.0, "soap")
    made.reaches(ben, 10.0, "candy")
    claims = method(made.reel())
    assert set(claims.carts) == {"ann", "ben"}
    assert all(count > 0 for cart in claims.carts.values() for count in cart.values())


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_a_recording_without_a_gate_is_one_visit_of_its_only_account(method: Method) -> None:
    made = HandMade()
    made.moved(8.0, "tea", 1)
    expected = {} if method.name == "vision-only" else {"tea": 1}
    assert method(made.reel()).carts == {"ann": expected}


@pytest.mark.parametrize("method", PEERS, ids=lambda method: method.name)
def test_an_easy_scenario_seen_without_errors_is_right_for_every_peer(
    repository: Path, method: Method
) -> None:
    demo = repository / "simulator/tebura_simulator/demo"
    layout = load_layout(demo / "layout.toml")
    easy = load_scenario(demo / "scenarios" / "take-two-put-one-back.toml", layout)
    scenario = msgspec.structs.replace(
        easy, sight=CLEAR, plates=PlatesScript(kind=PlateKind.STORE60)
    )
    reel = reel_of(scenario, layout)
    truth = truth_of(reel)
    assert truth is not None
    claims = method(reel)
    assert claims.carts == {receipt.shopper: receipt.items for receipt in truth.receipts}
    assert lines(claims) == [(e.kind.value, e.sku, e.quantity, e.shopper) for e in truth.events]


# ------------------------------------------------------------- what the winner's team published


def trace_of(grams: np.ndarray, rate_hz: float = 60.0) -> ShelfTrace:
    at_ns = (np.arange(len(grams)) * SECOND_NS / rate_hz).astype(np.int64)
    return ShelfTrace(LEFT, (PlateId("left/1/1"),), at_ns, grams.reshape(-1, 1), rate_hz)


def step_of(size_g: float) -> np.ndarray:
    return np.where(np.arange(600) < 300, FULL_G, FULL_G - size_g)


def test_the_published_detector_loses_a_part_of_each_step() -> None:
    """With k of 60 samples after a step of D the deviation is D*sqrt(k/60*(1-k/60)): for 100 g it
    is over 20 g from the third sample on, so the change is 100 g less twice three sixtieths."""
    (stir,) = stirs_of(trace_of(step_of(100.0)))
    assert stir.delta_g == pytest.approx(-90.0, abs=0.1)
    assert stir.peak_ns == pytest.approx(5 * SECOND_NS, abs=SECOND_NS / 30)


def test_the_published_detector_does_not_see_steps_below_46_grams() -> None:
    assert stirs_of(trace_of(step_of(44.0))) == []
    assert len(stirs_of(trace_of(step_of(60.0)))) == 1


def test_the_published_detector_forgives_a_single_wild_sample() -> None:
    grams = np.full(600, FULL_G)
    grams[300] += 20_000.0
    assert stirs_of(trace_of(grams)) == []


def test_at_ten_hertz_a_wild_sample_beside_a_step_does_no_harm() -> None:
    grams = np.where(np.arange(200) < 100, FULL_G, FULL_G - 552.0)
    grams[102] += 14_000.0
    (stir,) = stirs_of(trace_of(grams, rate_hz=10.0))
    assert stir.delta_g == pytest.approx(-552.0, rel=0.25)


def test_arrangement_counts_four_times_what_weight_does() -> None:
    planogram = Planogram(layout_of(HandMade().reel()))
    grams = np.full((600, 4), FULL_G)
    grams[300:, 1] -= 552.0
    names = tuple(PlateId(f"left/1/{n}") for n in (1, 2, 3, 4))
    at_ns = (np.arange(600) * SECOND_NS / 60).astype(np.int64)
    (stir,) = stirs_of(ShelfTrace(LEFT, names, at_ns, grams, 60.0))
    ranked = scores(stir, planogram)
    assert ranked[Sku("bread")] == pytest.approx(0.8, abs=0.01)
    assert 0.0 < ranked[Sku("tea")] <= 0.2


def test_samples_are_put_in_their_own_order_and_counted_once() -> None:
    made = HandMade(seconds=2.0)
    made.disturb = lambda batches: [*batches[1:3], batches[0], *batches[2:]]
    trace, _ = weighed(made.reel(), layout_of(made.reel())).traces
    assert len(trace.at_ns) == 120
    assert (np.diff(trace.at_ns) > 0).all()
    assert trace.rate_hz == pytest.approx(60.0, rel=1e-3)


def test_the_zero_of_time_is_the_first_sample() -> None:
    made = HandMade(seconds=2.0)
    assert (
        first_sample_ns(made.reel())
        == weighed(made.reel(), layout_of(made.reel())).start_ns
        == START_NS
    )
