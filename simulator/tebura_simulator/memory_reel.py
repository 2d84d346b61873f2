"""A scenario as a recording that was never written: plates and evidence made while it is read.

The same object is written to disk by `write`; what is read back is the same.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import msgspec
from tebura_contract.calibration import dump_calibration
from tebura_contract.clock import Ns
from tebura_contract.codec import encode
from tebura_contract.envelope import Envelope
from tebura_contract.ids import CameraId, NodeId
from tebura_contract.layout import Layout
from tebura_contract.messages import Position, Watermark
from tebura_contract.recording import (
    CALIBRATION_ATTACHMENT,
    COUNTS_TOPIC,
    FAULTS_ATTACHMENT,
    LAYOUT_ATTACHMENT,
    META_TOPIC,
    SCENARIO_ATTACHMENT,
    TRUTH_ATTACHMENT,
    CompressedImage,
    CompressedVideo,
    CountBatch,
    Meta,
    RecordedDetections,
    Screen,
)
from tebura_edge.recorder import Recorded, RecordingWriter

from tebura_simulator.epoch import START_NS
from tebura_simulator.plates.simulated import SimulatedPlates, simulate
from tebura_simulator.sight.evidence import evidence
from tebura_simulator.sight.told import Told
from tebura_simulator.story.faults import settled
from tebura_simulator.story.scenario import Scenario, dump_scenario
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.truth import truth_of

JSON, TOML = "application/json", "application/toml"


@dataclass(frozen=True)
class Attached:
    """A file beside the messages."""

    data: bytes
    media_type: str


Source = Callable[[], Iterable[Recorded]]
"""Messages of some topics in order of time, the same ones each time it is asked."""


class MemoryReel:
    """A recording in memory (`reels.Reel`); messages are made anew whenever they are asked for.

    Args:
        name: What messages about it call it.
        meta: Its first message.
        attached: Files by name.
        sources: By the topics each brings.
    """

    def __init__(
        self,
        name: str,
        meta: Meta,
        attached: Mapping[str, Attached],
        sources: Mapping[tuple[str, ...], Source],
    ) -> None:
        self.path = Path(f"{name}.scenario")
        self._meta, self._attached, self._sources = meta, dict(attached), dict(sources)

    def meta(self) -> Meta:
        return self._meta

    def topics(self) -> tuple[str, ...]:
        """Names of the topics, sorted."""
        return tuple(sorted({META_TOPIC, *(t for topics in self._sources for t in topics)}))

    def messages(self, topics: Iterable[str] | None = None) -> Iterator[Recorded]:
        """All messages of these topics (default: all) in order of log time."""
        wanted = set(self.topics() if topics is None else topics)
        streams = [
            _only(source, wanted, is_whole=wanted >= set(names))
            for names, source in self._sources.items()
            if wanted & set(names)
        ]
        if META_TOPIC in wanted:
            yield Recorded(META_TOPIC, Ns(self._meta.start_ns), self._meta)
        yield from heapq.merge(*streams, key=lambda recorded: recorded.at_ns)

    def attachment(self, name: str) -> bytes | None:
        found = self._attached.get(name)
        return None if found is None else found.data

    def attachments(self) -> tuple[str, ...]:
        return tuple(self._attached)

    def write(self, path: Path) -> None:
        """Write it all as one file; the same content gives the same bytes."""
        partial = path.with_name(path.name + ".partial")
        try:
            with RecordingWriter(partial, self._meta) as writer:
                for name, attached in self._attached.items():
                    writer.attach(name, attached.data, attached.media_type)
                for recorded in self.messages():
                    write_message(writer, recorded)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def reel_of(
    scenario: Scenario,
    layout: Layout,
    layout_toml: bytes | None = None,
    *,
    has_evidence: bool = True,
    films: Mapping[tuple[str, ...], Source] | None = None,
    beside: Mapping[str, Attached] | None = None,
) -> MemoryReel:
    """Plates, evidence and truth of a scenario.

    Args:
        scenario: What happens.
        layout: Where.
        layout_toml: The layout's own file; written anew where there is none.
        has_evidence: Whether cameras and gates speak without pixels.
        films: What cameras show, where they are filmed.
        beside: Files that lie beside it as well.

    Raises:
        ValueError: If the scenario cannot be played in the layout.
    """
    timeline = Timeline(scenario, layout)
    faults = settled(scenario, layout)
    plates = simulate(timeline, layout, faults)
    told = evidence(timeline, layout, faults, has_sight=has_evidence)
    attached = {
        LAYOUT_ATTACHMENT: Attached(layout_toml or msgspec.toml.encode(layout), TOML),
        TRUTH_ATTACHMENT: Attached(encode(truth_of(timeline)), JSON),
        SCENARIO_ATTACHMENT: Attached(dump_scenario(scenario).encode(), TOML),
    }
    if faults:
        attached[FAULTS_ATTACHMENT] = Attached(encode(faults), JSON)
    for node, calibration in plates.calibrations.items():
        name = CALIBRATION_ATTACHMENT.format(node=node)
        attached[name] = Attached(dump_calibration(calibration), JSON)
    attached.update(beside or {})
    meta = Meta(
        title=scenario.title or scenario.name,
        made_by="tebura-simulate record",
        is_simulated=True,
        start_ns=START_NS,
    )
    sources = {**_plates(plates), **_evidence(told), **(films or {})}
    return MemoryReel(scenario.name, meta, attached, sources)


def write_message(writer: RecordingWriter, recorded: Recorded) -> None:
    """Add a message to a recording at its own log time."""
    at_ns, node = int(recorded.at_ns), NodeId(recorded.topic.rsplit("/", 1)[-1])
    match recorded.message:
        case Meta():
            pass  # the writer's first message
        case CountBatch() as batch:
            writer.counts(batch, at_ns)
        case Envelope() as envelope:
            writer.event(node, at_ns, encode(envelope))
        case Watermark() as mark:
            writer.watermark(node, at_ns, mark)
        case Position() as position:
            writer.position(node, at_ns, position)
        case Screen() as screen:
            writer.screen(at_ns, screen)
        case CompressedVideo() as video:
            writer.video(CameraId(video.frame_id), at_ns, video.data)
        case CompressedImage() as image:
            writer.image(CameraId(image.frame_id), at_ns, image.data)
        case RecordedDetections() as detections:
            writer.detections(detections)
        case _ as never:
            assert_never(never)


def _plates(plates: SimulatedPlates) -> dict[tuple[str, ...], Source]:
    def source() -> Iterator[Recorded]:
        last_ns: dict[str, int] = {}
        for arrived_ns, batch in plates.batches():
            topic = COUNTS_TOPIC.format(scale=batch.scale)
            at_ns = max(arrived_ns, last_ns.get(topic, 0))
            last_ns[topic] = at_ns
            yield Recorded(topic, Ns(at_ns), batch)

    return {tuple(COUNTS_TOPIC.format(scale=scale) for scale in plates.scales): source}


def _evidence(told: Sequence[Told]) -> dict[tuple[str, ...], Source]:
    """One source a topic, so that those who want few read few."""
    topics: dict[str, list[Recorded]] = {}
    for one in told:
        topics.setdefault(one.topic, []).append(Recorded(one.topic, Ns(one.at_ns), one.message))
    return {(topic,): found.__iter__ for topic, found in topics.items()}


def _only(source: Source, wanted: set[str], *, is_whole: bool) -> Iterable[Recorded]:
    return source() if is_whole else (one for one in source() if one.topic in wanted)
