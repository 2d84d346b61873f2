"""What weight and place can decide of two things taken at once, for a judge who knows every spread.

Two of the named hard cases stay short of their goal: both are two products off one plate in one
moment, of which a plate shows the sum. Drawn here are such sums as they truly spread (packages,
gains, where things stand, noise), and a judge who knows those spreads, how often people take how
many, and how often things stand on the next plate (2 of 78 labelled picks of a real store) says how
sure of it one can be. No code of a node judges here; its priors do. Gains are those of simulated
plates, or half of them those of a real store's, off by anything up to 5 %.
"""

import argparse
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import PlateId, ShelfId, Sku
from tebura_contract.layout import Layout
from tebura_edge.apart import LOG_NEAR, LOG_PAIR, PAIR_QUANTITY
from tebura_edge.bearing import BESIDE
from tebura_edge.identification import CALIBRATED, MAX_QUANTITY, MOST_OFF, log_quantity
from tebura_edge.planogram import Place, Planogram
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_simulator import stores
from tebura_simulator.plates.models import PACKAGE_SHARE, STORE60

DRAWS = 4_000
NOISES_G = (0.8, 2.0)
GAINS = np.linspace(-MOST_OFF, MOST_OFF, 51)
What = tuple[tuple[Sku, int], ...]
"""Products with their quantities, sorted."""


@dataclass(frozen=True)
class Case:
    """What a named case takes off one plate at once; the last two are decided there."""

    name: str
    store: str
    shelf: ShelfId
    plate: str
    taken: tuple[Sku, Sku]


CASES = (
    Case(
        "two-products-at-once", "corner", ShelfId("g1/s4"), "board", (Sku("natto"), Sku("pudding"))
    ),
    Case("very-fast-picks", "kiosk", ShelfId("k1/s1"), "p4", (Sku("chocolate-bar"), Sku("gum"))),
    Case(
        "very-fast-picks", "kiosk", ShelfId("k1/s1"), "p3", (Sku("coffee-black"), Sku("energy-bar"))
    ),
)


@dataclass(frozen=True)
class Judge:
    """Everything that may have left a plate: what, how likely before it is weighed, its weight.

    Of plates the share `off` shows anything up to 5 % more or less.
    """

    layout: Layout
    noise_g: float
    off: float

    def readings(self, shelf: ShelfId, plate: PlateId) -> Iterator[tuple[What, float]]:
        """With log priors: so many of one product, or of two that stand on this plate."""
        places = Planogram(self.layout).places(shelf)
        total = sum(place.expectation for place in places)
        shares = {id(place): math.log(place.expectation / total) for place in places}
        for place, count in itertools.product(places, range(1, MAX_QUANTITY + 1)):
            log_place = _log_place(place, plate)
            if log_place > -math.inf:
                prior = shares[id(place)] + log_place + log_quantity(count)
                yield ((place.sku, count),), prior
        here = [place for place in places if plate in place.plates]
        counts = range(1, PAIR_QUANTITY + 1)
        for one, other in itertools.combinations(here, 2):
            for many, few in itertools.product(counts, repeat=2):
                prior = shares[id(one)] + shares[id(other)] + log_quantity(many) + log_quantity(few)
                what = tuple(sorted([(one.sku, many), (other.sku, few)]))
                yield what, prior + LOG_PAIR + LOG_NEAR + math.log(2.0)

    def weight_g(self, what: What) -> tuple[float, float]:
        """Mean of what a well calibrated plate shows of it, and the deviation on any one plate."""
        products = self.layout.products()
        mean_g = sum(count * products[sku].weight_g for sku, count in what)
        units_g2 = sum(
            count * (products[sku].weight_sd_g or PACKAGE_SHARE * products[sku].weight_g) ** 2
            for sku, count in what
        )
        return mean_g, math.sqrt(units_g2 + (STORE60.corner * mean_g) ** 2 + self.noise_g**2)

    def gains(self) -> NDArray[np.float64]:
        """How likely each of `GAINS` is."""
        calibrated = np.exp(-0.5 * (GAINS / STORE60.gain_error) ** 2)
        shares = (1.0 - self.off) * calibrated / calibrated.sum() + self.off / len(GAINS)
        return np.asarray(shares, np.float64)

    def sure_of(self, case: Case) -> NDArray[np.float64]:
        """How likely it is what it is, of so many draws."""
        rng, gains = np.random.default_rng(1), self.gains()
        truth: What = tuple(sorted((sku, 1) for sku in case.taken))
        mean_g, sd_g = self.weight_g(truth)
        shown_g = rng.normal(mean_g * (1.0 + rng.choice(GAINS, DRAWS, p=gains)), sd_g)
        densities: dict[What, NDArray[np.float64]] = {}
        for what, log_prior in self.readings(case.shelf, PlateId(f"{case.shelf}/{case.plate}")):
            expected_g, spread_g = self.weight_g(what)
            off = (shown_g[:, None] - expected_g * (1.0 + GAINS)) / spread_g
            density = math.exp(log_prior) / spread_g * (np.exp(-0.5 * off**2) @ gains)
            densities[what] = densities.get(what, np.zeros(DRAWS)) + density
        found: NDArray[np.float64] = densities[truth] / sum(densities.values())
        return found


def _log_place(place: Place, plate: PlateId) -> float:
    if plate in place.plates:
        return math.log1p(-BESIDE)
    return math.log(BESIDE / 2.0) if plate in place.beside else -math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    threshold = JudgementSettings().threshold
    for case, off, noise_g in itertools.product(CASES, (0.0, 1.0 - CALIBRATED[0]), NOISES_G):
        sure = Judge(stores.store(case.store)[0], noise_g, off).sure_of(case)
        row = {
            "case": case.name,
            "taken": list(case.taken),
            "off": off,
            "noise_g": noise_g,
            "decided": float((sure >= threshold).mean()),
            "median": float(np.median(sure)),
        }
        if options.json:
            print(json.dumps(row))
        else:
            gains = "a store's" if off else "simulated"
            print(
                f"  {case.name:22}{' + '.join(case.taken):28}{gains} gains, noise {noise_g:.1f} g: "
                f"{row['decided']:4.0%} surer than {threshold}, in the middle {row['median']:.2f}"
            )


if __name__ == "__main__":
    main()
