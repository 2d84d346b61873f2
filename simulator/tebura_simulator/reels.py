"""Several recordings read as one: what the nodes of a store recorded, each by itself."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tebura_contract.recording import LAYOUT_ATTACHMENT, Meta
from tebura_edge.recorder import Recorded, RecordingError, RecordingReader


class Reel(Protocol):
    """What a replay reads: one recording, or several as one."""

    @property
    def path(self) -> Path: ...

    def meta(self) -> Meta: ...

    def topics(self) -> tuple[str, ...]: ...

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[Recorded]: ...

    def attachment(self, name: str) -> bytes | None: ...

    def attachments(self) -> tuple[str, ...]: ...


class Reels:
    """Recordings of one store in one order of time. Use it as a context manager.

    Raises:
        RecordingError: If one cannot be read, or they are of different stores.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._open = ExitStack()
        try:
            self._readers = [self._open.enter_context(RecordingReader(path)) for path in paths]
            self.path = paths[0]
            for reader in self._readers[1:]:
                if reader.attachment(LAYOUT_ATTACHMENT) != self.attachment(LAYOUT_ATTACHMENT):
                    raise RecordingError(f"{reader.path}: is of another store than {self.path}")
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    @property
    def cut_short(self) -> tuple[Path, ...]:
        """Those that end without their index: only what came before the end is told."""
        return tuple(reader.path for reader in self._readers if reader.is_cut_short)

    def meta(self) -> Meta:
        """That of the recording which began first."""
        return min((reader.meta() for reader in self._readers), key=lambda meta: meta.start_ns)

    def topics(self) -> tuple[str, ...]:
        """Names of the topics that occur in any, sorted."""
        return tuple(sorted({topic for reader in self._readers for topic in reader.topics()}))

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[Recorded]:
        """All messages of these topics (default: all) in order of log time."""
        wanted = None if topics is None else tuple(topics)
        streams = [reader.messages(wanted) for reader in self._readers]
        return heapq.merge(*streams, key=lambda recorded: recorded.at_ns)

    def attachment(self, name: str) -> bytes | None:
        """The bytes of an attachment, from the first recording that has it."""
        found = (reader.attachment(name) for reader in self._readers)
        return next((data for data in found if data is not None), None)

    def attachments(self) -> tuple[str, ...]:
        """Names of all attachments, each once."""
        names = (name for reader in self._readers for name in reader.attachments())
        return tuple(dict.fromkeys(names))
