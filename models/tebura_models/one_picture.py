"""Networks that look at one picture of one size at a time; they belong to one thread at a time."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tebura_models.loader import (
    BEST_FIRST,
    PICTURE,
    EntryT,
    ModelError,
    Provider,
    open_first,
    read_verified,
)

NetworkT = TypeVar("NetworkT", bound="OnePictureNetwork[Any]")


@dataclass(frozen=True, slots=True)
class OnePictureNetwork(ABC, Generic[EntryT]):
    """An open network and its input (1, height, width, 3), BGR: drawn into before each run."""

    entry: EntryT
    session: Any
    picture: NDArray[np.uint8] = field(repr=False)

    @abstractmethod
    def run(self) -> object:
        """What it says of what was drawn."""

    def _put_out(self, *names: str) -> list[NDArray[np.float32]]:
        outputs = self.session.run(list(names), {PICTURE: self.picture})
        return [np.asarray(output, np.float32) for output in outputs]


def open_one_picture(entry: EntryT, kind: type[NetworkT], threads: int, manifest: Path) -> NetworkT:
    """Open a network on the first provider that can look at a grey picture.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    width, height = entry.input.size_px

    def attempt(_: Provider, session: Any, __: tuple[str, ...]) -> NetworkT:
        network = kind(entry, session, np.full((1, height, width, 3), 128, np.uint8))
        try:
            network.run()
        except Exception as error:  # the runtime's own exceptions share no public base class
            raise ModelError(f"the first picture fails: {error}") from error
        return network

    try:
        raw = read_verified(entry, manifest)
        return open_first(raw, attempt, threads=threads, providers=BEST_FIRST)
    except ModelError as error:
        raise ModelError(f"{manifest.parent / entry.file}: cannot run; {error}") from error
