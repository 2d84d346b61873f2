"""Plates of a real store as they behave at 60 Hz, written as the CSV that is imported.

Made from the statistics of 348 channels of that store, independently of the simulator's own plates,
which are kinder: noise from still to 10 g with positive or negative autocorrelation, slow walks,
0.24 g steps of the converter, picks of 0.1-0.3 s that overshoot by 5-40 % and ring, hands that
lean or lift by up to 165 g, neighbours that shake by up to 20 g and stay off by up to 9 g, packages
up to 5 % off their catalogue weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tebura_contract.codec import encode
from tebura_contract.ids import PlateId
from tebura_contract.layout import Facing, Layout
from tebura_contract.truth import OutcomeKind, TrueEvent, TrueReceipt, Truth

EPOCH_S = 1_573_090_828.4
BATCH = 12
STEP_G = 0.24

Floats = NDArray[np.float64]


@dataclass
class StorePlates:
    """Plates of a store over some time, to which actions are added."""

    layout: Layout
    plates: Sequence[PlateId]
    duration_s: float
    seed: int
    rate_hz: float = 60.0
    time_s: Floats = field(init=False)
    grams: Floats = field(init=False)
    random: np.random.Generator = field(init=False)
    events: list[TrueEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.time_s = np.arange(round(self.duration_s * self.rate_hz)) / self.rate_hz
        self._weight_g = {str(p.sku): p.weight_g for p in self.layout.product}
        self._taken_g: dict[str, list[float]] = {}
        self._put_g: dict[tuple[str, tuple[PlateId, ...]], float] = {}
        rows, count = len(self.time_s), len(self.plates)
        noise_g = self._quantile(count, (0.0, 0.05, 0.8, 3.0, 9.9, 12.0))
        walk_g = self._quantile(count, (0.0, 0.0, 0.01, 0.15, 0.6, 0.9))
        white = self.random.normal(0.0, 1.0, (rows + 1, count))
        blend = self.random.uniform(-0.7, 0.7, count)  # lag-1 autocorrelation -0.47 to 0.47
        noise = (white[1:] + blend * white[:-1]) / np.sqrt(1 + blend**2)
        walk = self.random.normal(0.0, 1.0 / np.sqrt(self.rate_hz), (rows, count)).cumsum(axis=0)
        self.grams = self.random.uniform(300, 3000, count) + noise_g * noise + walk_g * walk

    def take(self, at_s: float, plates: Sequence[PlateId], sku: str, quantity: int = 1) -> None:
        """Units of a product leave these plates."""
        units_g = [self._unit_g(plates, sku) for _ in range(quantity)]
        self._taken_g.setdefault(sku, []).extend(units_g)
        self._act(at_s, plates, -sum(units_g))
        self._note(OutcomeKind.PICK, at_s, plates, sku, quantity)

    def put(self, at_s: float, plates: Sequence[PlateId], sku: str) -> None:
        """A unit taken before is put on these plates."""
        unit_g = self._taken_g[sku].pop() * (1 + self.random.uniform(-0.01, 0.01))
        self._put_g[sku, tuple(plates)] = unit_g
        self._act(at_s, plates, unit_g)
        self._note(OutcomeKind.RETURN, at_s, plates, sku, 1)

    def some_of(self, shelf: str, facing: Facing) -> list[PlateId]:
        """One or two plates of a facing that lie side by side."""
        count = min(int(self.random.integers(1, 3)), len(facing.plates))
        first = int(self.random.integers(0, len(facing.plates) - count + 1))
        return [PlateId(f"{shelf}/{p}") for p in facing.plates[first : first + count]]

    def truth(self) -> Truth:
        items: dict[str, int] = {}
        for event in self.events:
            sign = 1 if event.kind is OutcomeKind.PICK else -1
            items[event.sku] = items.get(event.sku, 0) + sign * event.quantity
        bought = {sku: count for sku, count in items.items() if count}
        return Truth(events=tuple(self.events), receipts=(TrueReceipt(shopper="a", items=bought),))

    def write(
        self,
        folder: Path,
        *,
        is_one_time_a_batch: bool = False,
        back: tuple[float, float] = (np.inf, 0.0),
        unread_share: float = 0.0,
        unknown_plates: int = 0,
    ) -> Path:
        """Write ``plates.csv`` and ``truth.json``; `back` is when the clock is set back by what."""
        rows = np.arange(len(self.time_s))
        written_s = self.time_s[rows // BATCH * BATCH if is_one_time_a_batch else rows] + EPOCH_S
        written_s = np.where(self.time_s >= back[0], written_s - back[1], written_s)
        grams = np.round(self.grams / STEP_G) * STEP_G
        grams[self.random.random(grams.shape) < unread_share] = np.nan
        names = [str(plate).replace("/", ",") for plate in self.plates]
        unknown = [f"99,1,{n}" for n in range(unknown_plates)]
        path = folder / "plates.csv"
        with path.open("w") as file:
            file.write("timestamp,gondola,shelf,plate,grams\n")
            for start in range(0, len(rows), BATCH):
                times = [f"{t:.6f}" for t in written_s[start : start + BATCH].tolist()]
                for column, name in enumerate(names):
                    values = grams[start : start + BATCH, column].tolist()
                    file.writelines(
                        f"{t},{name},{g:.2f}\n" for t, g in zip(times, values, strict=True)
                    )
                file.writelines(f"{t},{name},0\n" for name in unknown for t in times)
        (folder / "truth.json").write_bytes(encode(self.truth()))
        return path

    def _unit_g(self, plates: Sequence[PlateId], sku: str) -> float:
        """A unit's weight: what was put here and is taken again weighs the same."""
        fresh_g = self._weight_g[sku] * (1 + self.random.uniform(-0.05, 0.05))
        return self._put_g.pop((sku, tuple(plates)), fresh_g)

    def _quantile(self, count: int, values: tuple[float, ...]) -> Floats:
        """Random numbers whose 0, 10, 50, 90, 99 and 100 % quantiles are `values`."""
        drawn: Floats = np.interp(self.random.random(count), (0, 0.1, 0.5, 0.9, 0.99, 1), values)
        return drawn

    def _act(self, at_s: float, plates: Sequence[PlateId], delta_g: float) -> None:
        random = self.random
        moving_s, hz = random.uniform(0.1, 0.3), random.uniform(4, 10)
        ramp = np.clip((self.time_s - at_s) / moving_s, 0, 1)
        rung_s = np.clip(self.time_s - at_s - moving_s, 0, None)
        ring = np.exp(-rung_s / random.uniform(0.12, 0.2)) * np.sin(2 * np.pi * hz * rung_s)
        overshoot = random.uniform(0.05, 0.4)
        columns = [self.plates.index(plate) for plate in plates]
        shares = random.dirichlet([6.0] * len(columns))
        for column, share in zip(columns, shares, strict=True):
            self.grams[:, column] += share * delta_g * (ramp + overshoot * ring)
        hand_g = float(self._quantile(1, (-10, 5, 11, 52, 111, 165))[0]) * random.choice([1, -0.5])
        lead_s = random.uniform(0.1, 0.5) * (1 if delta_g < 0 else -1)
        lean = np.exp(-(((self.time_s - at_s + lead_s) / random.uniform(0.08, 0.2)) ** 2))
        self.grams[:, columns[0]] += hand_g * lean
        shelf = plates[0].rsplit("/", 1)[0]
        for column, plate in enumerate(self.plates):
            apart = min(abs(column - other) for other in columns)
            if plate.rsplit("/", 1)[0] == shelf and 0 < apart <= 2:
                bump = np.exp(-(((self.time_s - at_s - moving_s / 2) / 0.2) ** 2))
                stays_g = random.exponential(1.5) * random.choice([-1, 1])
                shift = random.uniform(-20, 20) * bump + np.clip(stays_g, -9, 9) * ramp
                self.grams[:, column] += shift / apart

    def _note(
        self, kind: OutcomeKind, at_s: float, plates: Sequence[PlateId], sku: str, quantity: int
    ) -> None:
        gondola, shelf, _ = plates[0].split("/")
        self.events.append(
            TrueEvent(
                kind=kind,
                time_s=at_s,
                gondola=int(gondola),
                shelf=int(shelf),
                plates=tuple(int(plate.rsplit("/", 1)[1]) for plate in plates),
                sku=sku,
                quantity=quantity,
                shopper="a",
            )
        )
