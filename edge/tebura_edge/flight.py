"""The flight recorder: the last hours of what the node sensed and said, in files of some minutes.

It never stands in the way of sensing: what cannot be written is left out, said once, and tried
again with the next file. The oldest files go when the folder reaches its limit, and it stops
altogether while the disk is nearly full: recordings stop first, events never.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import structlog
from tebura_contract.clock import Ns, ns_from_s, rfc3339
from tebura_contract.ids import CameraId, NodeId, PlateId
from tebura_contract.recording import (
    CALIBRATION_ATTACHMENT,
    LAYOUT_ATTACHMENT,
    CountBatch,
    Meta,
)

from tebura_edge.detections import Detections, to_recorded
from tebura_edge.health import DISK_LIMIT, disk_share
from tebura_edge.recorder import RecordingWriter
from tebura_edge.role import Counts

_log = structlog.get_logger(__name__)


class FlightRecorder:
    """Main loop's thread only.

    Args:
        folder: Where the files go, ``NODE-TIME.mcap``.
        node: Whose flight.
        limit_bytes: All files together.
        file_s: Length of a file.
        plates: Plates of each scale, in its order.
        attachments: Files to put into each recording: name to bytes.
    """

    def __init__(
        self,
        folder: Path,
        node: NodeId,
        *,
        limit_bytes: int,
        file_s: float,
        plates: dict[str, tuple[PlateId, ...]],
        attachments: dict[str, bytes],
    ) -> None:
        self._folder, self._node = folder, node
        self._limit_bytes, self._file_ns = limit_bytes, ns_from_s(file_s)
        self._plates = plates
        self._attachments = attachments
        self._writer: RecordingWriter | None = None
        self._until_ns = 0
        self.trouble = ""

    def counts(self, counts: Counts) -> None:
        rows = tuple(
            tuple(None if np.isnan(value) else round(value) for value in row)
            for row in counts.counts.tolist()
        )
        batch = CountBatch(
            scale=counts.scale,
            plates=self._plates[counts.scale],
            at_ns=tuple(Ns(at) for at in counts.at_ns.tolist()),
            counts=rows,
        )
        self._write(int(counts.at_ns[-1]), lambda writer: writer.counts(batch))

    def detections(self, found: Detections) -> None:
        recorded = to_recorded(found, self._node)
        self._write(found.captured_ns, lambda writer: writer.detections(recorded))

    def image(self, camera: CameraId, at_ns: int, jpeg: bytes) -> None:
        self._write(at_ns, lambda writer: writer.image(camera, at_ns, jpeg))

    def event(self, at_ns: int, sealed: bytes) -> None:
        self._write(at_ns, lambda writer: writer.event(self._node, at_ns, sealed))

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                self._troubled(str(error))

    def _write(self, at_ns: int, put: Callable[[RecordingWriter], None]) -> None:
        try:
            if at_ns >= self._until_ns:
                self._next(at_ns)
            if self._writer is not None:
                put(self._writer)
        except OSError as error:
            self._troubled(str(error))
            self.close()

    def _next(self, at_ns: int) -> None:
        """Begin a new file, after making room for it."""
        self.close()
        self._until_ns = at_ns + self._file_ns
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room()
        share = disk_share(self._folder)
        if share is not None and share > DISK_LIMIT:
            self._troubled(f"disk {share:.0%} full")
            return
        meta = Meta(
            title=f"flight of {self._node}",
            made_by="tebura-edge",
            is_simulated=False,
            start_ns=Ns(at_ns),
        )
        stamp = rfc3339(at_ns)[:19].replace(":", "")
        path = self._folder / f"{self._node}-{stamp}.mcap"
        # A fourth, so that one wild file cannot push all others out.
        self._writer = RecordingWriter(path, meta, limit_bytes=max(1, self._limit_bytes // 4))
        for name, data in self._attachments.items():
            self._writer.attach(name, data, "application/octet-stream")
        self.trouble = ""

    def _make_room(self) -> None:
        files = sorted(self._folder.glob(f"{self._node}-*.mcap"))
        sizes = {path: path.stat().st_size for path in files}
        while files and sum(sizes[path] for path in files) > self._limit_bytes * 3 // 4:
            files.pop(0).unlink()

    def _troubled(self, why: str) -> None:
        if why != self.trouble:
            _log.warning("the flight recorder does not write", why=why)
        self.trouble = why


def attachments(layout: Path, calibration: bytes | None, node: NodeId) -> dict[str, bytes]:
    """What a recording carries so that it can be replayed elsewhere."""
    found = {LAYOUT_ATTACHMENT: layout.read_bytes()}
    if calibration is not None:
        found[CALIBRATION_ATTACHMENT.format(node=node)] = calibration
    return found
