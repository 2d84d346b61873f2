"""Looks at a picture for faces that could be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tebura_models.faces.alignment import aligned
from tebura_models.faces.encoding import FaceEncoder, load_encoder
from tebura_models.faces.finding import Face, find_faces
from tebura_models.faces.mesh import mesh_of
from tebura_models.faces.networks import (
    FaceNetwork,
    PointsNetwork,
    load_face_network,
    load_points_network,
)
from tebura_models.faces.quality import ReadFace, quality_of
from tebura_models.heads import Floats, Image
from tebura_models.manifest import FACE_EMBEDDING, MANIFEST


@dataclass(frozen=True, slots=True)
class FaceReader:
    """The networks that read faces; they belong to one thread at a time."""

    finder: FaceNetwork
    points: PointsNetwork
    encoder: FaceEncoder

    def faces(self, image_bgr: Image) -> Sequence[Face]:
        """All faces of a picture, the largest first."""
        return find_faces(self.finder, image_bgr)

    def read(self, image_bgr: Image, face: Face) -> ReadFace | None:
        """One of them more closely; None where it is none after all."""
        mesh = mesh_of(self.points, image_bgr, face)
        if mesh is None:
            return None
        quality = quality_of(aligned(image_bgr, mesh.five_px()), mesh.eyes_px)
        return ReadFace(face, mesh, mesh.pose(), quality)

    def largest(self, image_bgr: Image) -> ReadFace | None:
        """The face that is nearest to the camera."""
        found = self.faces(image_bgr)
        return self.read(image_bgr, found[0]) if found else None

    def vector(self, image_bgr: Image, read: ReadFace) -> Floats:
        return self.encoder.encode(image_bgr, read)


def load_face_reader(
    encoder: str = FACE_EMBEDDING, *, threads: int = 1, manifest: Path = MANIFEST
) -> FaceReader:
    """Open all networks that faces want.

    Raises:
        ModelError: If one of them cannot be used.
    """
    return FaceReader(
        load_face_network(threads=threads, manifest=manifest),
        load_points_network(threads=threads, manifest=manifest),
        load_encoder(encoder, threads=threads, manifest=manifest),
    )
