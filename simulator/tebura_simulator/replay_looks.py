"""What turns a camera's recorded pictures into findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tebura_edge.role import Input


@dataclass(frozen=True)
class CodeOnScreen:
    """What a phone in the picture shows, and where."""

    corners_px: tuple[tuple[float, float], ...]
    text: str


class Look(Protocol):
    """Turns a camera's recorded pictures into what its node would have found in them."""

    def __call__(self, at_ns: int, data: bytes, code: CodeOnScreen | None) -> Sequence[Input]: ...
