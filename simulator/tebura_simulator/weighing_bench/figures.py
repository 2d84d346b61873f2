"""Sums over the cases of a suite."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from tebura_gateway.domain.decision import Status

from tebura_simulator.weighing_bench.bill import Bill, together
from tebura_simulator.weighing_bench.calibration import (
    Calibration,
    calibration,
    given_lines_of,
    lines_of,
)
from tebura_simulator.weighing_bench.lines import CaseLine, Cause, StepLine, ToldLine
from tebura_simulator.weighing_bench.matching import Fate
from tebura_simulator.weighing_bench.places import Place

BUDGET_S = {60.0: 0.8, 10.0: 1.5}
NET_G = 10.0
FULL_STORE_PLATES = 306
QUIET_G = 1.65
ORDINARY_G = 3.5
LOUDNESS = ("quiet", "ordinary", "noisy")
"""Plates by their converters' white noise; the noisy ones rest for longer before they are told."""


COMPANY = {"alone": True, "in company": False}
"""Whether nothing else went on on the step's shelf until it was told."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    p50: float
    p95: float
    worst: float


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """Settled to report of some steps; `late` of `of` beyond the budget."""

    spread: Spread | None
    late: int
    of: int


class ByPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Steps of products found alone, by whether weight and place can tell what they were.

    `sure` are right and would be charged, `wrong` are wrong and would be.
    """

    found: int
    right: int
    sure: int
    wrong: int


class ByDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway would decide of the events if who it was were given; refills are no part.

    `right` and `wrong` would be charged or credited without a person, `foreign` are nobody's.
    """

    right: int
    wrong: int
    review: int
    review_right: int
    foreign: int
    reasons: dict[str, int]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A suite in figures.

    `surely_right`, `surely_wrong`, `unsure`: of the events of products that nothing marks as
    doubtful, by the threshold in use; `doubtful` are those marked. `product_right` and
    `product_among` are of `product_found` true steps of products found alone. `late`: reports
    beyond the budget; noisy plates rest for longer on purpose, and a step in company is told with
    what else goes on on its shelf. `touches_unbilled` leave nothing on
    any receipt, with who given.
    """

    suite: str
    cases: int
    failed: int
    store_h: float
    samples: int
    steps: int
    fates: dict[str, int]
    product_found: int
    product_right: int
    product_among: int
    told: int
    surely_right: int
    surely_wrong: int
    unsure: int
    doubtful: int
    foreign_true: int
    foreign_right: int
    foreign_as_product: int
    product_as_foreign: int
    false: int
    false_by_cause: dict[str, int]
    false_g: Spread | None
    error_g: Spread | None
    error_share: Spread | None
    late_s: Spread | None
    late: int
    timed: int
    late_by_noise: dict[str, Late]
    late_by_company: dict[str, Late]
    cpu_share: float
    cpu_share_full_store: float
    took_s: float
    touches: int
    touches_net: int
    touches_silent: int
    touches_unbilled: int
    touches_asked: int
    plates_sick: int
    found_by_noise: dict[str, tuple[int, int]]
    by_place: dict[str, ByPlace]
    calibration: Calibration
    given: ByDecision
    given_calibration: Calibration
    bill: Bill


def figures(suite: str, cases: Sequence[CaseLine], threshold: float) -> Figures:
    """Sum up the cases of a suite; `threshold` is the gateway's for charging."""
    steps = [step for case in cases for step in case.steps]
    told = [one for case in cases for one in case.told]
    lines = [(one.probability, one) for one in told if one.candidates and not one.blind]
    sure = [one for p, one in lines if p >= threshold]
    right = sum(one.is_right and not one.is_foreign_truth for one in sure)
    alone = [
        one for one in told if len(one.truth) == 1 and not one.is_piece and not one.is_foreign_truth
    ]
    false = [one for one in told if one.cause is not None]
    foreign = [one for one in told if one.is_foreign_truth]
    touches = [grams for case in cases for grams in case.touches]
    late = [
        (step, step.late_s, BUDGET_S.get(case.rate_hz, 1.5))
        for case in cases
        for step in case.steps
        if step.late_s is not None
    ]
    cpu_s, store_s = sum(case.cpu_s for case in cases), sum(case.store_s for case in cases)
    plate_s = sum(case.store_s * case.plates for case in cases)
    found = [step for step in steps if step.error_g is not None]
    return Figures(
        suite=suite,
        cases=len(cases),
        failed=sum(bool(case.failure) for case in cases),
        store_h=round(store_s / 3600.0, 3),
        samples=sum(case.samples for case in cases),
        steps=len(steps),
        fates={fate.value: sum(step.fate is fate for step in steps) for fate in Fate},
        product_found=len(alone),
        product_right=sum(one.is_right for one in alone),
        product_among=sum(one.has_candidate for one in alone),
        told=len(told),
        surely_right=right,
        surely_wrong=len(sure) - right,
        unsure=len(lines) - len(sure),
        doubtful=sum(bool(one.blind) for one in told),
        foreign_true=sum(step.sku == "" for step in steps),
        foreign_right=sum(one.is_right for one in foreign),
        foreign_as_product=sum(not one.is_right for one in foreign),
        product_as_foreign=sum(one.kind == "foreign" for one in alone),
        false=len(false),
        false_by_cause={cause.value: sum(one.cause is cause for one in false) for cause in Cause},
        false_g=_spread([abs(one.delta_g) for one in false]),
        error_g=_spread([abs(step.error_g or 0.0) for step in found]),
        error_share=_spread([abs(step.error_g or 0.0) / abs(step.delta_g) for step in found]),
        late_s=_spread([late_s for _, late_s, _ in late]),
        late=sum(late_s > budget_s for _, late_s, budget_s in late),
        timed=len(late),
        late_by_noise={
            name: _late([times for step, *times in late if _loudness(step) == name])
            for name in LOUDNESS
        },
        late_by_company={
            name: _late([times for step, *times in late if step.is_alone is is_alone])
            for name, is_alone in COMPANY.items()
        },
        cpu_share=round(cpu_s / store_s, 5) if store_s else 0.0,
        cpu_share_full_store=round(cpu_s / plate_s * FULL_STORE_PLATES, 5) if plate_s else 0.0,
        took_s=round(sum(case.took_s for case in cases), 1),
        touches=len(touches),
        touches_net=sum(grams < NET_G for grams in touches),
        touches_silent=sum(grams == 0.0 for grams in touches),
        touches_unbilled=sum(count == 0 for case in cases for count in case.touches_charged),
        touches_asked=sum(case.touches_asked for case in cases),
        plates_sick=sum(case.plates_sick for case in cases),
        found_by_noise=_by_noise(steps),
        by_place={
            place.value: _by_place([one for one in alone if one.place is place], threshold)
            for place in Place
            if place is not Place.NONE
        },
        calibration=calibration(lines_of(cases), threshold),
        given=_by_decision(told),
        given_calibration=calibration(given_lines_of(cases), threshold),
        bill=together(case.bill for case in cases),
    )


def failures(case: CaseLine) -> list[str]:
    """What went wrong in a case, a line each, in order of time."""
    said: list[tuple[float, str]] = []
    for step in case.steps:
        if step.fate in (Fate.MISSED, Fate.NETTED):
            said.append((step.at_s, _step_said(step)))
    for one in case.told:
        what = _wrong(one)
        if what:
            said.append((one.from_s, f"{what}: {told_said(one)}"))
    return [f"{case.case} seed {case.seed} {text}" for _, text in sorted(said)]


def _wrong(one: ToldLine) -> str:
    if one.cause is not None:
        return f"false ({one.cause.value})"
    if not one.is_right:
        return "wrong" if not one.is_foreign_truth else "foreign told as product"
    if one.blind:
        return "doubtful"
    return "unsure" if one.candidates and one.probability < 0.8 else ""


def _step_said(step: StepLine) -> str:
    return (
        f"{step.fate.value}: {step.at_s:.2f} {step.kind} {step.quantity} {step.sku or 'thing'} "
        f"{step.delta_g:+.1f} g on {' '.join(step.plates)} (noise {step.noise_g} g)"
    )


def told_said(one: ToldLine) -> str:
    """An event, its candidates and what it truly was, in a line."""
    top = ", ".join(f"{count} {sku} {p:.3f}" for sku, count, p in one.candidates[:3])
    return (
        f"{one.from_s:.2f}-{one.to_s:.2f} {one.kind} {one.delta_g:+.1f}±{one.sigma_g:.1f} g on "
        f"{' '.join(one.plates)} [{top}] truth: {'; '.join(one.truth) or 'nothing'}"
        f"{' BLIND ' + one.blind if one.blind else ''}"
    )


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    p50, p95, worst = np.quantile(values, [0.5, 0.95, 1.0])
    return Spread(p50=round(float(p50), 4), p95=round(float(p95), 4), worst=round(float(worst), 4))


def _by_place(alone: Sequence[ToldLine], threshold: float) -> ByPlace:
    sure = [one.is_right for one in alone if not one.blind and one.probability >= threshold]
    return ByPlace(
        found=len(alone),
        right=sum(one.is_right for one in alone),
        sure=sum(sure),
        wrong=len(sure) - sum(sure),
    )


def _by_decision(told: Sequence[ToldLine]) -> ByDecision:
    made = [one.given for one in told if one.given is not None]
    decided = [one for one in made if one.status is Status.DECIDED]
    lines = [one for one in decided if one.sku]
    asked = [one for one in made if one.status is not Status.DECIDED]
    reasons = sorted({one.reason for one in asked})
    return ByDecision(
        right=sum(one.is_right for one in lines),
        wrong=sum(not one.is_right for one in lines),
        review=len(asked),
        review_right=sum(one.is_right for one in asked),
        foreign=len(decided) - len(lines),
        reasons={reason: sum(one.reason == reason for one in asked) for reason in reasons},
    )


def _by_noise(steps: Iterable[StepLine]) -> dict[str, tuple[int, int]]:
    """Of the steps on quiet, ordinary and noisy plates: how many were told alone, of how many."""
    found = {name: [0, 0] for name in LOUDNESS}
    for step in steps:
        one = found[_loudness(step)]
        one[0] += step.fate in (Fate.FOUND, Fate.MERGED, Fate.SPLIT)
        one[1] += 1
    return {name: (one, of) for name, (one, of) in found.items()}


def _loudness(step: StepLine) -> str:
    quiet, ordinary, noisy = LOUDNESS
    if step.noise_g <= QUIET_G:
        return quiet
    return ordinary if step.noise_g <= ORDINARY_G else noisy


def _late(times: Sequence[Sequence[float]]) -> Late:
    """Of how late each is, and how late it may be."""
    return Late(
        spread=_spread([late_s for late_s, _ in times]),
        late=sum(late_s > budget_s for late_s, budget_s in times),
        of=len(times),
    )
