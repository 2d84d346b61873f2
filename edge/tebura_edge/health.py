"""The node's state as others see it: which parts work, which do not and why. Pure."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from tebura_contract.clock import JOIN_UNCERTAINTY_NS, SECOND_NS, Ns, StoreTime
from tebura_contract.events import SensorState
from tebura_contract.messages import Health, NodeState, Part

EVERY_NS = 5 * SECOND_NS
AT_MOST_EVERY_NS = SECOND_NS
DISK_LIMIT = 0.85
"""Above this share the disk counts as full and the flight recorder stops; the outbox goes on."""


class HealthBoard:
    """Collects parts and says when others should hear of it: on a change, and every 5 s."""

    def __init__(self, boot: int, version: str, inference: str = "") -> None:
        self._boot, self._version = boot, version
        self.inference = inference
        self._parts: dict[str, Part] = {}
        self._told: Health | None = None
        self._told_ns: int | None = None

    def set(self, name: str, state: SensorState, reason: str = "") -> bool:
        """Note a part's state; True if that is news."""
        part = Part(name=name, state=state, reason=reason)
        is_news = self._parts.get(name) != part
        self._parts[name] = part
        return is_news

    def put(self, parts: Iterable[Part], among: str) -> None:
        """Replace all parts called ``among/NAME`` by these."""
        prefix = f"{among}/"
        self._parts = {n: part for n, part in self._parts.items() if not n.startswith(prefix)}
        for part in parts:
            self.set(prefix + part.name, part.state, part.reason)

    def due(self, monotonic_ns: int, now: StoreTime, waiting: int) -> Health | None:
        """The message to publish now, if any.

        Args:
            monotonic_ns: For the pace.
            now: Store time, and how sure.
            waiting: Events in the outbox.
        """
        is_sure = now.uncertainty_ns <= JOIN_UNCERTAINTY_NS
        self.set(
            "clock",
            SensorState.OK if is_sure else SensorState.BLIND,
            "" if is_sure else "store time is uncertain by more than 200 ms",
        )
        health = Health(
            state=NodeState.ONLINE,
            boot=self._boot,
            version=self._version,
            at_ns=now.at_ns,
            waiting=waiting,
            clock_uncertainty_ns=Ns(now.uncertainty_ns),
            inference=self.inference,
            parts=tuple(self._parts[name] for name in sorted(self._parts)),
        )
        since_ns = None if self._told_ns is None else monotonic_ns - self._told_ns
        is_changed = self._told is None or self._told.parts != health.parts
        if since_ns is not None and since_ns < (AT_MOST_EVERY_NS if is_changed else EVERY_NS):
            return None
        self._told, self._told_ns = health, monotonic_ns
        return health

    def forget_told(self) -> None:
        """The broker may have forgotten: say it again at once."""
        self._told_ns = None


def disk_share(folder: Path) -> float | None:
    """Used share of the disk that holds `folder`, 0..1; None where it cannot be told."""
    with contextlib.suppress(OSError):
        usage = shutil.disk_usage(folder)
        return usage.used / usage.total if usage.total else None
    return None
