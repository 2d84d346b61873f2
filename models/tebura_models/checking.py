"""Whether a network of the manifest is whole and works, whatever it is for."""

from pathlib import Path

from tebura_models.embedding import load_embedder
from tebura_models.faces.networks import load_face_network, load_points_network
from tebura_models.gestures.networks import load_hand_points_network, load_palm_network
from tebura_models.hands import load_hand_reader
from tebura_models.loader import load_network
from tebura_models.manifest import (
    MANIFEST,
    AnyEntry,
    EmbeddingEntry,
    FaceEntry,
    FacePointsEntry,
    HandEntry,
    HandPointsEntry,
    PalmEntry,
    PeopleEntry,
)


def check_network(entry: AnyEntry, manifest: Path = MANIFEST) -> None:
    """Open it as a node does.

    Raises:
        ModelError: If the file is not the pinned one, or nothing runs it.
    """
    match entry:
        case PeopleEntry():
            load_network(entry.name, manifest=manifest)
        case EmbeddingEntry():
            load_embedder(entry.name, manifest=manifest)
        case HandEntry():
            load_hand_reader(entry.name, manifest=manifest)
        case FaceEntry():
            load_face_network(entry.name, manifest=manifest)
        case FacePointsEntry():
            load_points_network(entry.name, manifest=manifest)
        case PalmEntry():
            load_palm_network(entry.name, manifest=manifest)
        case HandPointsEntry():
            load_hand_points_network(entry.name, manifest=manifest)
