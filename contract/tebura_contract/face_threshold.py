"""How near two faces must be to count as one person's, and on what evidence that rests.

Written by ``tebura-calibrate gate``, read by gates and by ``tebura-models evaluate faces``. No
distance stands in the code: a gate without such a file compares no faces.
"""

import math
from pathlib import Path
from typing import Annotated, Final

import msgspec

from tebura_contract.codec import DecodeError, decode, encode

SCHEMA: Final = "tebura/face-threshold/1"
MAX_FILE_BYTES: Final = 64 * 1024
MOST_WRONG: Final = 0.001
"""How often a stranger may be taken for any of all who are enrolled, at most."""


class FaceThresholdError(ValueError):
    """A threshold file that must not be used; the text names the file and why."""


class ErrorRate(msgspec.Struct, frozen=True, kw_only=True):
    """`count` errors `of` comparisons, and the exact 95 % interval of the rate."""

    count: Annotated[int, msgspec.Meta(ge=0)]
    of: Annotated[int, msgspec.Meta(ge=1)]
    low: Annotated[float, msgspec.Meta(ge=0, le=1)]
    high: Annotated[float, msgspec.Meta(ge=0, le=1)]


class FaceOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared: `data` names it, `sha256` is of the list of pairs."""

    data: str
    sha256: str
    measured_on: str
    people: int
    pictures: int
    not_detected: int
    nearest_different: float | None
    furthest_same: float | None


class FaceThreshold(msgspec.Struct, frozen=True, kw_only=True):
    """`distance` (1 - cosine) and below counts as the same person, for one `network`.

    `false_match` and `false_non_match` are counted by comparison. One person who looks like
    another spoils every comparison of the two, so `people_matched` counts pairs of people, of
    whom any comparison matched. `spread` is by how much comparisons of one person differ (their
    deviation): by so much the best of many must beat the second.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
    network: str
    distance: Annotated[float, msgspec.Meta(gt=0, lt=2)]
    spread: Annotated[float, msgspec.Meta(ge=0)]
    false_match: ErrorRate
    people_matched: ErrorRate
    false_non_match: ErrorRate
    origin: FaceOrigin

    @property
    def most_enrolled(self) -> int:
        """Among how many a face may be looked for without a claim: 0 is none.

        The largest N with 1 - (1 - r)^N <= `MOST_WRONG`, r the worse of both upper bounds. Where
        nothing went wrong in n comparisons r is still about 3/n: too little data allows nobody.
        """
        rate = max(self.false_match.high, self.people_matched.high)
        if rate >= 1:
            return 0
        return math.floor(math.log1p(-MOST_WRONG) / math.log1p(-rate))


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: str
    threshold: FaceThreshold


def dump_face_threshold(threshold: FaceThreshold) -> bytes:
    """The bytes of the file."""
    return msgspec.json.format(encode(_File(schema=SCHEMA, threshold=threshold)), indent=2) + b"\n"


def load_face_threshold(path: Path) -> FaceThreshold:
    """Read a threshold file.

    Raises:
        FaceThresholdError: If it cannot be read or is no such file.
    """
    try:
        file = decode(path.read_bytes(), _File, limit_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise FaceThresholdError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise FaceThresholdError(f"{path}: {error}") from error
    if file.schema != SCHEMA:
        raise FaceThresholdError(f"{path}: schema {file.schema!r}, expected {SCHEMA!r}")
    return file.threshold
