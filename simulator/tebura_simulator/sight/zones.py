"""Whether somebody stands in a gate's zone, asked for every step of everybody."""

from functools import lru_cache

from tebura_contract.geometry import Xy
from tebura_edge.geometry import is_inside


def is_in_zone(zone_m: tuple[Xy, ...], foot_m: Xy, margin_m: float = 0.0) -> bool:
    """As the camera role has it; whoever is not even near costs little."""
    if len(zone_m) < 3:
        return False
    x_low, y_low, x_high, y_high = _box(zone_m)
    x_m, y_m = foot_m
    if not x_low - margin_m <= x_m <= x_high + margin_m:
        return False
    if not y_low - margin_m <= y_m <= y_high + margin_m:
        return False
    return is_inside(zone_m, foot_m, margin_m)


@lru_cache(maxsize=64)
def _box(zone_m: tuple[Xy, ...]) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in zone_m], [y for _, y in zone_m]
    return min(xs), min(ys), max(xs), max(ys)
