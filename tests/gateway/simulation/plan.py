"""What happens in the shop, all of it decided by one seed."""

import random
from dataclasses import dataclass, field

from tebura_contract.ids import EventId, MemberId, Sku, VisitId
from tebura_gateway.domain.settlement import Call
from tebura_simulator.payments.acquirer import Fate

from tests.gateway.shop import KEN, MIKA, RICE, TEA, Script, candidate

PLATE_OF = {TEA: ("p1", 0.25), RICE: ("p2", 0.75)}
VISIT_S = 40.0
MOST_FATES = 4


@dataclass(frozen=True, slots=True)
class Shopping:
    """One visit: what was taken for good, and what becomes of it later."""

    visit: VisitId
    member: MemberId
    left_s: float
    bought: dict[Sku, int]
    # When staff give all of it back.
    refunded_s: float | None


@dataclass
class Plan:
    """A day of visits, what its provider does to each key, and how bad the wire is."""

    seed: int
    script: Script = field(default_factory=Script)
    visits: list[Shopping] = field(default_factory=list)
    # From when on a node knows what it will say, where that is later than it happened.
    known_s: dict[EventId, float] = field(default_factory=dict)
    rng: random.Random = field(init=False)
    holds: bool = field(init=False)
    hold_minor: int = field(init=False)
    duplicates: float = field(init=False)
    lost_acks: float = field(init=False)
    trouble: float = field(init=False)
    # How often a message that is doubled comes again.
    most_copies: int = 4
    # When the broker is away: whatever is said is lost.
    outages: list[tuple[float, float]] = field(default_factory=list)
    _fates: dict[str, list[Fate]] = field(default_factory=dict)
    _late: list[tuple[float, float, Sku]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.holds = self.rng.random() < 0.7
        self.hold_minor = self.rng.choice([0, 0, 200, 3_000])
        self.duplicates = self.rng.choice([0.0, 0.2, 1.0])
        self.lost_acks = self.rng.choice([0.0, 0.3])
        self.trouble = self.rng.choice([0.0, 0.3, 0.6])

    def copies(self, rng: random.Random) -> list[int]:
        """How often a message comes again, at up to three times: few mostly, now and then many."""
        if rng.random() >= self.duplicates:
            return []
        few = min(4, self.most_copies)
        count = rng.randint(1, self.most_copies if rng.random() < 0.1 else few)
        times = rng.randint(1, min(3, count))
        return [count // times] * times

    def is_cut_off(self, at_s: float) -> bool:
        return any(from_s <= at_s < to_s for from_s, to_s in self.outages)

    def go_shopping(self, start_s: float, is_simple: bool = False) -> None:
        """One member comes in, takes and puts back, and leaves; with something if `is_simple`."""
        rng, script = self.rng, self.script
        self.remember_late(start_s)
        member = rng.choice([MIKA, KEN])
        track = script.walk_in(len(self.visits) + 1, start_s)
        visit = script.enter(member, start_s + 1.0)
        held: dict[Sku, int] = {}
        for n in range(2 if is_simple else rng.randint(0, 5)):
            at_s = start_s + 4.0 + 5.0 * n
            sku = rng.choice([TEA, RICE])
            plate, x_m = PLATE_OF[sku]
            script.reach(track, at_s - 0.5, at_s + 1.0, x_m=x_m)
            keeps_some = not is_simple or sum(held.values()) > 1
            if held.get(sku) and rng.random() < 0.3 and keeps_some:
                script.put_back(at_s, candidate(sku), plate=plate)
                held[sku] -= 1
            else:
                count = rng.randint(1, 2)
                script.pick(at_s, candidate(sku, count), plate=plate)
                held[sku] = held.get(sku, 0) + count
        script.walk_out(track, start_s + VISIT_S - 8.0)
        bought = {sku: count for sku, count in held.items() if count}
        self.visits.append(self._aftermath(visit, member, start_s + VISIT_S, bought))

    def remember_late(self, until_s: float) -> None:
        """Plates that remember, long after, that something had been put back."""
        for late in sorted(late for late in self._late if late[0] <= until_s):
            self._late.remove(late)
            known_s, happened_s, sku = late
            fact = self.script.put_back(happened_s, candidate(sku), plate=PLATE_OF[sku][0])
            self.known_s[fact.id] = known_s

    def _aftermath(
        self, visit: VisitId, member: MemberId, left_s: float, bought: dict[Sku, int]
    ) -> Shopping:
        rng = self.rng
        is_refunded = bool(bought) and rng.random() < 0.4
        if bought and not is_refunded and rng.random() < 0.2:
            late_s = left_s + rng.uniform(300.0, 700.0)
            self._late.append((late_s, left_s - 12.0, min(bought)))
        return Shopping(
            visit,
            member,
            left_s,
            bought,
            left_s + rng.uniform(400.0, 900.0) if is_refunded else None,
        )

    def fate(self, call: Call, key: str) -> Fate:
        """What becomes of a call: the first few under a key may fail, later ones do not."""
        if key not in self._fates:
            # Seeded by the key: the same story whoever else asks in between.
            rng = random.Random(f"{self.seed} {key}")
            lost = [Fate.LOST_QUESTION, Fate.LOST_ANSWER]
            count = rng.randint(1, MOST_FATES) if rng.random() < self.trouble else 0
            fates = [rng.choice(lost) for _ in range(count)]
            if call is not Call.VOID and call is not Call.REFUND and key.endswith(":1"):
                fates += [Fate.DECLINED] * (rng.random() < self.trouble / 2)
            self._fates[key] = fates
        fates = self._fates[key]
        return fates.pop(0) if fates else Fate.DONE
