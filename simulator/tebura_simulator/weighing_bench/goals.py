"""What the suites that ask one thing each should come to, and what they came to."""

from tebura_contract.binomial import clopper_pearson, upper_bound

from tebura_simulator.weighing_bench.figures import Figures
from tebura_simulator.weighing_bench.matching import Fate

NET_SHARE = 0.995
LIGHT_SHARE = 0.99
SAMPLES = 10_000_000
_FOUND = (Fate.FOUND, Fate.MERGED, Fate.SPLIT)


def goals(one: Figures) -> list[str]:
    """A line a goal; nothing for suites that have none. Bounds are one-sided, 95 %."""
    if one.failed:
        return []
    match one.suite:
        case "glitches":
            at_most = SAMPLES * upper_bound(one.told, one.samples)
            said = f"{one.told} events in {one.samples:,} samples, at most {at_most:.1f} in 10^7"
            return [_goal("no event in 10^7 samples", said, not one.told)]
        case "drift":
            said = f"{one.told} events in {one.store_h:g} h"
            return [_goal("no event in 24 h", said, not one.told)]
        case "presses":
            return [
                _shares("net to nothing on receipts", one.touches_unbilled, one.touches, NET_SHARE),
                _shares("net to nothing in grams", one.touches_net, one.touches, NET_SHARE),
            ]
        case "light":
            found = sum(one.fates[fate.value] for fate in _FOUND)
            return [_shares("15 g found", found, one.steps, LIGHT_SHARE)]
        case _:
            return []


def _shares(name: str, count: int, of: int, least: float) -> str:
    if not of:
        return _goal(name, "nothing happened", is_reached=False)
    at_least = clopper_pearson(count, of, 0.90)[0]
    said = f"{count} of {of} ({count / of:.2%}), at least {at_least:.2%}"
    return _goal(f"{least:.1%} {name}", said, count >= least * of)


def _goal(name: str, said: str, is_reached: bool) -> str:
    return f"  goal: {name}: {said}: {'reached' if is_reached else 'NOT reached'}"
