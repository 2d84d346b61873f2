"""A reel whose messages are made once and read by every method."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tebura_contract.recording import Meta
from tebura_edge.recorder import Recorded

from tebura_simulator.reels import Reel


class KeptReel:
    """Another reel (`reels.Reel`) read in whole and kept in memory."""

    def __init__(self, reel: Reel) -> None:
        self._reel = reel
        self._messages = tuple(reel.messages())
        self._by_topic: dict[str, list[Recorded]] = {name: [] for name in reel.topics()}
        for recorded in self._messages:
            self._by_topic.setdefault(recorded.topic, []).append(recorded)

    @property
    def path(self) -> Path:
        return self._reel.path

    def meta(self) -> Meta:
        return self._reel.meta()

    def topics(self) -> tuple[str, ...]:
        return tuple(sorted(self._by_topic))

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[Recorded]:
        """All messages of these topics (default: all) in order of log time."""
        if topics is None:
            return iter(self._messages)
        wanted = set(topics)
        if len(wanted) == 1:
            return iter(self._by_topic.get(wanted.pop(), ()))
        return (recorded for recorded in self._messages if recorded.topic in wanted)

    def attachment(self, name: str) -> bytes | None:
        return self._reel.attachment(name)

    def attachments(self) -> tuple[str, ...]:
        return self._reel.attachments()
