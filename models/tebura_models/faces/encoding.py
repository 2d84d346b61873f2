"""A face as a vector of unit length: two pictures of one person give vectors that are near."""

from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tebura_models.embedding import Embedder, load_embedder, unit
from tebura_models.faces.alignment import aligned
from tebura_models.faces.quality import ReadFace
from tebura_models.heads import Floats, Image
from tebura_models.loader import ModelError
from tebura_models.manifest import FACE_EMBEDDING, MANIFEST

DLIB: Final = "dlib-resnet"
"""Not in the manifest: it comes with the packages `dlib-bin` and `face-recognition-models`."""


class FaceEncoder(Protocol):
    """Makes vectors of faces; vectors of two encoders say nothing about each other."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def encode(self, image_bgr: Image, read: ReadFace) -> Floats:
        """The vector (size,) of one face of a picture."""
        ...


class NetworkEncoder:
    """A network of the manifest on the aligned face."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name = embedder.entry.name
        self.size = embedder.entry.dimensions

    def encode(self, image_bgr: Image, read: ReadFace) -> Floats:
        return np.asarray(self._embedder.embed([aligned(image_bgr, read.mesh.five_px())])[0])


class DlibEncoder:
    """dlib's network with its own five points, as the `face_recognition` package uses it.

    Raises:
        ModelError: If the packages are not installed.
    """

    name = DLIB
    size = 128

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise ModelError(f"{DLIB} wants the package dlib-bin: {error}") from error
        self._dlib: Any = dlib
        folder = _model_folder()
        self._points = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(
            str(folder / "dlib_face_recognition_resnet_model_v1.dat")
        )

    def encode(self, image_bgr: Image, read: ReadFace) -> Floats:
        rgb = np.ascontiguousarray(image_bgr[:, :, ::-1])
        box = self._dlib.rectangle(*(round(float(side)) for side in read.face.box_px))
        numbers = self._network.compute_face_descriptor(rgb, self._points(rgb, box))
        return unit(np.asarray(numbers, np.float32))


def _model_folder() -> Path:
    """Where the models package lies; importing it would want a setuptools that is no more."""
    import importlib.util

    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"{DLIB} wants the package face-recognition-models")
    return Path(spec.submodule_search_locations[0]) / "models"


def load_encoder(
    name: str = FACE_EMBEDDING, *, threads: int = 1, manifest: Path = MANIFEST
) -> FaceEncoder:
    """Open what makes vectors of faces.

    Raises:
        ModelError: If it cannot be used.
    """
    if name == DLIB:
        return DlibEncoder()
    return NetworkEncoder(load_embedder(name, threads=threads, manifest=manifest))


def distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """1 - cosine of two vectors of unit length: 0 the same, about 1 strangers."""
    return float(1 - np.dot(np.asarray(a, np.float64), np.asarray(b, np.float64)))
