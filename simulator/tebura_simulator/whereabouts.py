"""Where everybody truly was in each frame of each camera's film.

Kept beside the films of a bench, to compare with what cameras then tell.
"""

import msgspec
from tebura_contract.codec import DecodeError, decode
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId
from tebura_edge.recorder import RecordingError

from tebura_simulator.reels import Reel

PEOPLE_ATTACHMENT = "people.json"
MAX_BYTES = 64 * 1024 * 1024


class Stander(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person at least partly in a camera's picture.

    `account` is what pays for what they take, as in the truth of events; `is_known` whether anybody
    could tell it (a stranger's is their own name). `seen_share` is of the whole body's outline.
    """

    shopper: str
    account: str
    foot_m: Xy
    seen_share: float
    is_known: bool = True


class TrueLook(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody in one camera's picture, `at_s` seconds after the recording's start."""

    camera: CameraId
    at_s: float
    people: tuple[Stander, ...]


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """All looks, a camera after the other, each in order of time."""

    looks: tuple[TrueLook, ...]


def whereabouts_of(reel: Reel) -> Whereabouts | None:
    """Where people were in a recording; None where nobody wrote it down.

    Raises:
        RecordingError: If it is there but malformed.
    """
    raw = reel.attachment(PEOPLE_ATTACHMENT)
    if raw is None:
        return None
    try:
        return decode(raw, Whereabouts, limit_bytes=MAX_BYTES)
    except DecodeError as error:
        raise RecordingError(f"{reel.path}: {PEOPLE_ATTACHMENT}: {error}") from error
