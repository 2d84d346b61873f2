"""The list of networks: what each file must be, what goes in, what comes out, whose it is.

`manifest.toml` beside this module is ours; a shop may keep a manifest of its own networks in
another folder. Reading it touches no network file.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from tebura_contract.config import ConfigError, load_toml
from tebura_contract.ids import NAME_PATTERN

MANIFEST = Path(__file__).with_name("manifest.toml")
FACE_THRESHOLD = Path(__file__).with_name("face_threshold.json")
"""The threshold that ships: measured on few people, so a shop should measure its own."""
EMBEDDING = "mobilenetv2-embedding"
HAND_CONTENT = "hand-content"
FACES = "blazeface"
FACE_POINTS = "facemesh"
FACE_EMBEDDING = "mobilefacenet"
PALMS = "palms"
HAND_POINTS = "hand-points"
"""What products, hands, faces and gestures are told with where nobody says otherwise."""

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Positive = Annotated[int, msgspec.Meta(gt=0)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the manifest."""


class InputSpec(Table, frozen=True, kw_only=True):
    """What the network takes: pictures (N, height, width, 3), uint8, BGR.

    Width and height are multiples of `size_multiple`; `size_px` (width, height) is the size to use
    where nobody says otherwise.
    """

    size_multiple: Positive = 32
    size_px: tuple[Positive, Positive]


class Measurement(Table, frozen=True, kw_only=True):
    """One measured figure: what, on which data and machine, at which input size."""

    what: str
    value: float
    unit: str = ""
    size_px: tuple[Positive, Positive]
    data: str


class NetworkEntry(Table, frozen=True, kw_only=True, tag_field="task"):
    """What the manifest says of every network; `file` and `card` are relative to it.

    It looks at no more than `batch` pictures at once.
    """

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    file: str
    sha256: Sha256
    batch: Positive = 1
    licence: str
    source: str
    card: str
    input: InputSpec
    measured: tuple[Measurement, ...] = ()

    @property
    def task(self) -> str:
        """What it is for, in the manifest's word."""
        return str(self.__struct_config__.tag)


class PeopleEntry(NetworkEntry, frozen=True, kw_only=True, tag="people"):
    """Finds at most `max_people` in a picture."""

    labels: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    max_people: Positive


class EmbeddingEntry(NetworkEntry, frozen=True, kw_only=True, tag="embedding"):
    """Turns a picture into `dimensions` numbers; pictures alike have numbers alike."""

    dimensions: Positive


class HandEntry(NetworkEntry, frozen=True, kw_only=True, tag="hand-content"):
    """Says what a hand holds, by what network `on` makes of its picture."""

    on: str


class FaceEntry(NetworkEntry, frozen=True, kw_only=True, tag="faces"):
    """Finds faces, each with six points."""


class FacePointsEntry(NetworkEntry, frozen=True, kw_only=True, tag="face-points"):
    """Knows the points of a face that was cut out."""


class PalmEntry(NetworkEntry, frozen=True, kw_only=True, tag="palms"):
    """Finds palms, each with seven points."""


class HandPointsEntry(NetworkEntry, frozen=True, kw_only=True, tag="hand-points"):
    """Knows the points of a hand that was cut out."""


AnyEntry = (
    PeopleEntry
    | EmbeddingEntry
    | HandEntry
    | FaceEntry
    | FacePointsEntry
    | PalmEntry
    | HandPointsEntry
)


class Manifest(Table, frozen=True, kw_only=True):
    network: tuple[AnyEntry, ...]


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """Read and check a manifest.

    Raises:
        ConfigError: With all problems, each naming its place.
    """
    manifest = load_toml(path, Manifest)
    names = [entry.name for entry in manifest.network]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(path, [f"network {name!r} is named twice" for name in twice])
    return manifest
