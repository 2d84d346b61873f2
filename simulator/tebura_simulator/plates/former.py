"""What the plates of a store feel while a scenario happens: counts as a converter gives them.

A first honest model, its numbers from the real plates described in ../shared/data/README.md (60 Hz)
and from ``plates-hx711`` (10 Hz): white noise and slow drift, a hand that presses, a weight that
overshoots and rings, neighbours that move along and stay a little off, packages that differ from
the catalogue, gains that are off, and single samples of nonsense.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration, PlateCalibration
from tebura_contract.clock import Ns
from tebura_contract.ids import FacingId, NodeId, PlateId, Sku
from tebura_contract.layout import Layout

from tebura_simulator.story.planning import Action, ActionKind

COUNT_LIMIT = (1 << 23) - 1


@dataclass(frozen=True, kw_only=True)
class PlateModel:
    """How the simulated plates behave; grams and seconds unless named otherwise."""

    rate_hz: float = 10.0
    noise_g: float = 0.5
    """White, per sample: the still HX711 plate, median of its sample-to-sample change."""
    drift_g: float = 0.04
    """Random walk, per square root of a second: about 0.3 g in a minute."""
    gain_error: float = 0.005
    """Deviation of a plate's gain from its calibration."""
    ramp_s: tuple[float, float] = (0.1, 0.3)
    overshoot: tuple[float, float] = (0.05, 0.40)
    ring_s: float = 0.15
    ring_hz: float = 5.0
    touch_g: tuple[float, float] = (0.0, 60.0)
    """Press of the hand that takes or puts; 11 g median, 111 g at worst in the real store."""
    neighbour_g: float = 6.0
    neighbour_stays_g: float = 0.4
    glitch_share: float = 0.001
    counts_per_g: float = 100.0


@dataclass(frozen=True, eq=False)
class PlateTrace:
    """Counts of all plates of a node: `at_s` (n,), `counts` (n, plates) int64."""

    plates: tuple[PlateId, ...]
    at_s: NDArray[np.float64]
    counts: NDArray[np.int64]
    calibration: Calibration


def simulate_plates(
    layout: Layout,
    node: NodeId,
    standing: dict[FacingId, tuple[Sku, ...]],
    actions: Sequence[Action],
    duration_s: float,
    seed: int,
    model: PlateModel | None = None,
) -> PlateTrace:
    """Simulate the plates of one node; the same seed gives the same counts.

    Args:
        layout: The store.
        node: Whose plates: those of the shelves whose picks it reports.
        standing: What stands in each facing at the start.
        actions: What leaves and lands when.
        duration_s: From the first to the last sample.
        seed: Of all that is random.
        model: How the plates behave.
    """
    model = model or PlateModel()
    rng = np.random.default_rng(seed)
    shelves = layout.shelves()
    plates = tuple(
        p for p, (s, _) in layout.plates().items() if shelves[s][1].reports_picks == node
    )
    at_s = np.arange(round(duration_s * model.rate_hz) + 1) / model.rate_hz
    grams = np.tile(_standing_g(layout, plates, standing), (len(at_s), 1))
    units = _Units(layout, rng)
    for action in actions:
        touched = [plates.index(plate) for plate in action.plates if plate in plates]
        if touched:
            delta_g = units.delta_g(action)
            grams += _transient(at_s, action.t_s, delta_g, touched, len(plates), model, rng)
            grams += _neighbours(at_s, action.t_s, touched, plates, model, rng)
    grams += rng.normal(0.0, model.noise_g, grams.shape)
    walk = rng.normal(0.0, model.drift_g / math.sqrt(model.rate_hz), grams.shape)
    grams += np.cumsum(walk, axis=0)
    return _as_counts(node, plates, at_s, grams, model, rng)


class _Units:
    """Weight of each package: what is put back weighs what it weighed when it was taken."""

    def __init__(self, layout: Layout, rng: np.random.Generator) -> None:
        self._products = layout.products()
        self._rng = rng
        self._held: dict[tuple[str, Sku], list[float]] = {}

    def delta_g(self, action: Action) -> float:
        held = self._held.setdefault((action.shopper, action.sku), [])
        product = self._products[action.sku]
        if action.kind is ActionKind.TAKE:
            taken = self._rng.normal(product.weight_g, product.weight_sd_g, action.quantity)
            held += taken.tolist()
            return -float(taken.sum())
        back, held[:] = held[-action.quantity :], held[: -action.quantity]
        return sum(back)


def _standing_g(
    layout: Layout, plates: tuple[PlateId, ...], standing: dict[FacingId, tuple[Sku, ...]]
) -> NDArray[np.float64]:
    products, facings = layout.products(), layout.facings()
    total_g = np.zeros(len(plates))
    for name, skus in standing.items():
        shelf, facing = facings[name]
        under = [plates.index(p) for q in facing.plates if (p := PlateId(f"{shelf}/{q}")) in plates]
        if under:
            weight_g = sum(products[sku].weight_g for sku in skus)
            total_g[under] += weight_g / len(under)
    return total_g


def _transient(
    at_s: NDArray[np.float64],
    t_s: float,
    delta_g: float,
    touched: list[int],
    plate_count: int,
    model: PlateModel,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(n, plates) grams added by an item that leaves or lands at `t_s`."""
    ramp_s = rng.uniform(*model.ramp_s)
    since_s = at_s - t_s
    shape = np.clip(since_s / ramp_s + 0.5, 0.0, 1.0)
    after_s = np.maximum(since_s - ramp_s / 2, 0.0)
    ring = np.sin(2 * math.pi * model.ring_hz * after_s) * np.exp(-after_s / model.ring_s)
    shape = shape + rng.uniform(*model.overshoot) * ring
    press_g = rng.uniform(*model.touch_g)
    # The hand lies on what it takes before, and on what it put a moment longer.
    lead_s = 0.25 if delta_g < 0 else -0.25
    press = press_g * np.exp(-(((since_s + lead_s) / 0.12) ** 2))
    share = rng.dirichlet(np.full(len(touched), 6.0))
    added = np.zeros((len(at_s), plate_count))
    for plate, part in zip(touched, share, strict=True):
        added[:, plate] = part * (delta_g * shape + press)
    return added


def _neighbours(
    at_s: NDArray[np.float64],
    t_s: float,
    touched: list[int],
    plates: tuple[PlateId, ...],
    model: PlateModel,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(n, plates) grams that the other plates of the shelf feel while one is handled."""
    shelf = plates[touched[0]].rsplit("/", 1)[0]
    added = np.zeros((len(at_s), len(plates)))
    bump = np.exp(-(((at_s - t_s) / 0.2) ** 2))
    stays = 1.0 / (1.0 + np.exp(-(at_s - t_s) / 0.05))
    for index, plate in enumerate(plates):
        if index not in touched and plate.rsplit("/", 1)[0] == shelf:
            added[:, index] = rng.normal(0.0, model.neighbour_g) * bump
            added[:, index] += rng.normal(0.0, model.neighbour_stays_g) * stays
    return added


def _as_counts(
    node: NodeId,
    plates: tuple[PlateId, ...],
    at_s: NDArray[np.float64],
    grams: NDArray[np.float64],
    model: PlateModel,
    rng: np.random.Generator,
) -> PlateTrace:
    # A plate's zero and gain are its own: the same in every recording of the shop.
    cells = [np.random.default_rng(zlib.crc32(plate.encode())) for plate in plates]
    tare = np.array([round(cell.uniform(-80_000, 80_000)) for cell in cells], float)
    gain = np.array([round(model.counts_per_g * cell.uniform(0.9, 1.1), 4) for cell in cells])
    true_gain = gain * [1.0 + cell.normal(0.0, model.gain_error) for cell in cells]
    counts = np.round(tare + grams * true_gain)
    glitches = rng.random(counts.shape) < model.glitch_share
    counts[glitches] = np.round(rng.uniform(-COUNT_LIMIT, COUNT_LIMIT, int(glitches.sum())))
    calibration = Calibration(
        node=node,
        measured_ns=Ns(0),
        plates={
            plate: PlateCalibration(
                tare_counts=float(tare[i]),
                counts_per_g=float(gain[i]),
                noise_g=model.noise_g,
            )
            for i, plate in enumerate(plates)
        },
    )
    return PlateTrace(
        plates=plates,
        at_s=at_s,
        counts=np.clip(counts, -COUNT_LIMIT, COUNT_LIMIT).astype(np.int64),
        calibration=calibration,
    )
