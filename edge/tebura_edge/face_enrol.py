"""Makes a template of a few frames that somebody's phone took of them; the frames are not kept."""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from tebura_contract.face_threshold import FaceThreshold
from tebura_contract.faces import MAX_VECTORS, EnrolFault, FaceTemplate
from tebura_models.faces.quality import FaceFault
from tebura_models.faces.reader import FaceReader

from tebura_edge.face_look import AS_NEAR
from tebura_edge.face_match import Vector, template_of

LEAST_FRAMES: Final = 3
MOST_PIXELS: Final = 4_000_000
"""A phone's page sends 640 x 480; what is far larger was not sent by it."""
FAULTS: Final = {
    FaceFault.TOO_SMALL: EnrolFault.TOO_SMALL,
    FaceFault.TURNED_AWAY: EnrolFault.TURNED_AWAY,
    FaceFault.TOO_DARK: EnrolFault.TOO_DARK,
    FaceFault.TOO_BRIGHT: EnrolFault.TOO_DARK,
    FaceFault.BLURRED: EnrolFault.BLURRED,
}


class Enroller:
    """Enrols one person at a time, on one thread.

    Args:
        open_reader: Opens the networks, when the first asks to be enrolled.
        threshold: Says how near frames of one person are.
    """

    def __init__(self, open_reader: Callable[[], FaceReader], threshold: FaceThreshold) -> None:
        self._open_reader, self._threshold = open_reader, threshold
        self._reader: FaceReader | None = None

    def __call__(self, jpegs: Sequence[bytes]) -> FaceTemplate | EnrolFault:
        """A template of at least three good frames of one person alone, or what is wrong."""
        if self._reader is None:
            self._reader = self._open_reader()
        vectors: list[Vector] = []
        faults: list[EnrolFault] = []
        for jpeg in jpegs:
            match self._vector(self._reader, jpeg):
                case EnrolFault() as fault:
                    faults.append(fault)
                case vector:
                    vectors.append(vector)
        if EnrolFault.SEVERAL_FACES in faults:
            return EnrolFault.SEVERAL_FACES
        if len(vectors) < LEAST_FRAMES:
            return max(set(faults), key=faults.count) if faults else EnrolFault.NO_FACE
        rows = np.stack(vectors[:MAX_VECTORS])
        if float((1 - rows @ rows.T).max()) > self._threshold.distance:
            return EnrolFault.NOT_ONE_PERSON
        return template_of(self._threshold.network, rows)

    def _vector(self, reader: FaceReader, jpeg: bytes) -> Vector | EnrolFault:
        image = _picture(jpeg)
        faces = [] if image is None else reader.faces(image)
        if image is None or not faces:
            return EnrolFault.NO_FACE
        if any(face.eyes_px >= AS_NEAR * faces[0].eyes_px for face in faces[1:]):
            return EnrolFault.SEVERAL_FACES
        read = reader.read(image, faces[0])
        if read is None:
            return EnrolFault.NO_FACE
        return FAULTS[read.fault] if read.fault else reader.vector(image, read)


def _picture(jpeg: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None":
    if not jpeg:
        return None
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape[0] * image.shape[1] > MOST_PIXELS:
        return None
    return np.asarray(image, np.uint8)
