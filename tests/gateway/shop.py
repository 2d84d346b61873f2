"""A small shop for the gateway's tests: two shelves, an aisle camera, a gate; times in seconds."""

from dataclasses import dataclass, field

from tebura_contract.clock import Ns
from tebura_contract.events import (
    Candidate,
    Event,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    NodeStarted,
    Reach,
    SensorChanged,
    SensorKind,
    SensorState,
    ShopperEntered,
    ShopperLeft,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
)
from tebura_contract.geometry import Intrinsics, Pose, Xy
from tebura_contract.ids import (
    CameraId,
    EventId,
    GateId,
    MemberId,
    NodeId,
    PlateId,
    ShelfId,
    Sku,
    StoreId,
    TrackId,
    VisitId,
    track_id,
)
from tebura_contract.layout import (
    Camera,
    Facing,
    Gate,
    Gondola,
    Layout,
    Plate,
    Product,
    Shelf,
    StoreInfo,
    TaxClass,
)
from tebura_gateway.domain.facts import Fact

STORE = StoreId("corner")
PLATES, CAMERA, GATE = NodeId("plates-1"), NodeId("camera-1"), NodeId("gate-1")
NODES = (PLATES, CAMERA, GATE)
DOOR = GateId("door")
TOP, LOW = ShelfId("g/top"), ShelfId("g/low")
TEA, RICE, PAN = Sku("tea"), Sku("rice-ball"), Sku("frying-pan")
WEIGHTS_G = {TEA: 550.0, RICE: 110.0, PAN: 900.0}
MIKA, KEN = MemberId("MIKAAAAAAAAAAAA"), MemberId("KENBBBBBBBBBBBB")
AT_DOOR: Xy = (0.0, 0.0)
INSIDE: Xy = (3.0, 2.0)
EPOCH_NS = 1_800_000_000 * 1_000_000_000
FOREVER = 2**61


def ns(at_s: float) -> Ns:
    """Store time `at_s` seconds after the scripts' zero."""
    return Ns(EPOCH_NS + round(at_s * 1e9))


def layout() -> Layout:
    """Tea and rice balls above (two plates), a frying pan below, which no camera watches."""

    def shelf(name: str, facings: tuple[Facing, ...], plates: tuple[Plate, ...]) -> Shelf:
        return Shelf(
            id=name,
            gondola_from_shelf=Pose(),
            size_m=(1.0, 0.3, 0.3),
            reports_picks=PLATES,
            plate=plates,
            facing=facings,
        )

    top = shelf(
        "top",
        (
            Facing(id="a", sku=TEA, x_m=(0.0, 0.5), plates=("p1",)),
            Facing(id="b", sku=RICE, x_m=(0.5, 1.0), plates=("p2",)),
        ),
        (
            Plate(id="p1", xy_m=(0.0, 0.0), size_m=(0.5, 0.3)),
            Plate(id="p2", xy_m=(0.5, 0.0), size_m=(0.5, 0.3)),
        ),
    )
    low = shelf(
        "low",
        (Facing(id="a", sku=PAN, x_m=(0.0, 1.0), plates=("p1",)),),
        (Plate(id="p1", xy_m=(0.0, 0.0), size_m=(1.0, 0.3)),),
    )
    return Layout(
        store=StoreInfo(id=STORE, name="角の店"),
        product=(
            Product(sku=TEA, name="緑茶", name_en="Tea", price_minor=162, weight_g=WEIGHTS_G[TEA]),
            Product(
                sku=RICE, name="おにぎり", name_en="Rice", price_minor=105, weight_g=WEIGHTS_G[RICE]
            ),
            Product(
                sku=PAN,
                name="フライパン",
                name_en="Pan",
                price_minor=3300,
                tax=TaxClass.STANDARD,
                weight_g=WEIGHTS_G[PAN],
            ),
        ),
        gondola=(
            Gondola(id="g", store_from_gondola=Pose(), size_m=(1.0, 0.4, 1.6), shelf=(top, low)),
        ),
        camera=(
            Camera(
                label=CameraId("aisle"),
                node=CAMERA,
                intrinsics=Intrinsics(
                    size_px=(640, 360), focal_px=(400.0, 400.0), center_px=(320.0, 180.0)
                ),
                store_from_camera=Pose(),
                watches=(TOP,),
            ),
        ),
        gate=(
            Gate(
                id=DOOR,
                node=GATE,
                zone_m=((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)),
            ),
        ),
    )


def weight_g(one: Candidate) -> float:
    """What so many of a product weigh by the catalogue."""
    return WEIGHTS_G[one.sku] * one.quantity


def candidate(sku: Sku, quantity: int = 1, log_likelihood: float = 0.0) -> Candidate:
    return Candidate(sku=sku, quantity=quantity, log_likelihood=log_likelihood, log_prior=0.0)


@dataclass
class Script:
    """Writes facts as nodes would: numbered without gaps, each call one event."""

    facts: list[Fact] = field(default_factory=list)
    boots: dict[NodeId, int] = field(default_factory=lambda: dict.fromkeys(NODES, 1))
    seqs: dict[tuple[NodeId, int], int] = field(default_factory=dict)
    uncertainty_ns: int = 0

    def say(self, node: NodeId, event: Event) -> Fact:
        boot = self.boots[node]
        seq = self.seqs.get((node, boot), -1) + 1
        self.seqs[node, boot] = seq
        fact = Fact(EventId(node, boot, seq), event, self.uncertainty_ns)
        self.facts.append(fact)
        return fact

    def enter(self, member: MemberId, at_s: float, joins: VisitId | None = None) -> VisitId:
        event = ShopperEntered(
            gate=DOOR, member=member, code_step=int(at_s), at_ns=ns(at_s), joins=joins
        )
        found = self.say(GATE, event).id
        return VisitId(f"{found.node}-{found.boot}-{found.seq}")

    def leave(self, member: MemberId | None, at_s: float) -> Fact:
        return self.say(GATE, ShopperLeft(gate=DOOR, member=member, at_ns=ns(at_s)))

    def track(self, n: int, at_s: float, xy_m: Xy = AT_DOOR) -> TrackId:
        name = track_id(CAMERA, self.boots[CAMERA], n)
        self.say(
            CAMERA,
            TrackStarted(track=name, camera=CameraId("aisle"), at_ns=ns(at_s), foot_xy_m=xy_m),
        )
        return name

    def cross(self, track: TrackId, at_s: float, is_inside: bool) -> None:
        self.say(CAMERA, TrackAtGate(track=track, gate=DOOR, at_ns=ns(at_s), is_inside=is_inside))

    def end(self, track: TrackId, at_s: float, xy_m: Xy = AT_DOOR) -> None:
        gate = DOOR if xy_m == AT_DOOR else None
        self.say(CAMERA, TrackEnded(track=track, at_ns=ns(at_s), foot_xy_m=xy_m, gate=gate))

    def walk_in(self, n: int, at_s: float) -> TrackId:
        """Seen at the gate, then inside two seconds later."""
        track = self.track(n, at_s)
        self.cross(track, at_s + 2.0, is_inside=False)
        return track

    def walk_out(self, track: TrackId, at_s: float) -> None:
        """Back in the gate's zone, out of sight two seconds later."""
        self.cross(track, at_s, is_inside=True)
        self.end(track, at_s + 2.0)

    def reach(
        self, track: TrackId, from_s: float, to_s: float, shelf: ShelfId = TOP, x_m: float = 0.25
    ) -> Fact:
        return self.say(
            CAMERA,
            Reach(
                track=track,
                camera=CameraId("aisle"),
                shelf=shelf,
                x_m=x_m,
                from_ns=ns(from_s),
                to_ns=ns(to_s),
                confidence=0.9,
            ),
        )

    def pick(
        self,
        at_s: float,
        *candidates: Candidate,
        shelf: ShelfId = TOP,
        plate: str = "p1",
        blind: str = "",
        delta_g: float | None = None,
        log_other: float | None = None,
    ) -> Fact:
        candidates = candidates or (candidate(TEA),)
        event = ItemPicked(
            shelf=shelf,
            plates=(PlateId(f"{shelf}/{plate}"),),
            delta_g=delta_g if delta_g is not None else -weight_g(candidates[0]),
            sigma_g=1.0,
            from_ns=ns(at_s),
            to_ns=ns(at_s + 0.8),
            blind=blind,
            candidates=candidates,
            log_other=log_other,
        )
        return self.say(PLATES, event)

    def put_back(
        self,
        at_s: float,
        *candidates: Candidate,
        shelf: ShelfId = TOP,
        plate: str = "p1",
        delta_g: float | None = None,
        sigma_g: float = 1.0,
        log_other: float | None = None,
    ) -> Fact:
        candidates = candidates or (candidate(TEA),)
        event = ItemReturned(
            shelf=shelf,
            plates=(PlateId(f"{shelf}/{plate}"),),
            delta_g=delta_g if delta_g is not None else weight_g(candidates[0]),
            sigma_g=sigma_g,
            from_ns=ns(at_s),
            to_ns=ns(at_s + 0.8),
            candidates=candidates,
            log_other=log_other,
        )
        return self.say(PLATES, event)

    def foreign(
        self, at_s: float, delta_g: float, *candidates: Candidate, log_other: float | None = None
    ) -> Fact:
        event = ForeignObject(
            shelf=TOP,
            plates=(PlateId(f"{TOP}/p1"),),
            delta_g=delta_g,
            sigma_g=1.0,
            from_ns=ns(at_s),
            to_ns=ns(at_s + 0.8),
            candidates=candidates,
            log_other=log_other,
        )
        return self.say(PLATES, event)

    def passing(self, at_s: float, delta_g: float, *candidates: Candidate) -> tuple[Fact, Fact]:
        """Something that came and went, or went and came, before the plates rested."""
        halves = []
        for grams in (delta_g, -delta_g):
            event = ForeignObject(
                shelf=TOP,
                plates=(PlateId(f"{TOP}/p1"),),
                delta_g=grams,
                sigma_g=10.0,
                from_ns=ns(at_s),
                to_ns=ns(at_s + 1.5),
                candidates=candidates or (candidate(TEA),),
                is_passing=True,
            )
            halves.append(self.say(PLATES, event))
        return halves[0], halves[1]

    def sensor(self, node: NodeId, at_s: float, state: SensorState, kind: SensorKind) -> Fact:
        return self.say(
            node,
            SensorChanged(
                sensor="left",
                sensor_kind=kind,
                state=state,
                reason="silent",
                shelves=(TOP,),
                since_ns=ns(at_s),
            ),
        )

    def restart(self, node: NodeId, at_s: float, last_alive_s: float | None) -> Fact:
        self.boots[node] += 1
        return self.say(
            node,
            NodeStarted(
                version="1",
                at_ns=ns(at_s),
                last_alive_ns=None if last_alive_s is None else ns(last_alive_s),
                shelves=(TOP, LOW) if node == PLATES else (TOP,),
            ),
        )


def through(at_s: float | None = None) -> dict[NodeId, int]:
    """All nodes have reported up to here; None: to the end of time."""
    return dict.fromkeys(NODES, FOREVER if at_s is None else ns(at_s))
