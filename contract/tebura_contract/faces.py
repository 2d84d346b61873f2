"""What a gate node and the gateway tell each other about faces: over TLS, in memory, for one entry.

None of it is an event: it never travels over MQTT and is on no disk in the clear. A template is
kept sealed by the gateway, under a key that only its owner's phone holds; a gate gets it opened
while that owner's code is being shown.
"""

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import GateId, MemberId, NodeId

MAX_VECTORS: Final = 16
MAX_FRAMES: Final = 8
MAX_FRAME_BYTES: Final = 200_000
MAX_WORK_BYTES: Final = 4 * 1024 * 1024
"""Frames of one enrolment, in base64 and with room to spare."""

ROUND_LIFE_NS: Final = 20 * SECOND_NS

REQUEST_LIFE_NS: Final = 60 * SECOND_NS
"""A signed request is good this long, once; node and gateway keep one store time."""

NODE_HEADER: Final = "Tebura-Node"
TIME_HEADER: Final = "Tebura-Time"
NONCE_HEADER: Final = "Tebura-Nonce"
SIGNATURE_HEADER: Final = "Tebura-Signature"


class FaceTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """What a face looks like to one network: a few vectors of unit length.

    `vectors` holds them one after the other, `size` float32 each, little endian. Templates of
    another `network` say nothing about this one's.

    Raises:
        ValueError: If the bytes are not whole vectors, or too many.
    """

    network: str
    size: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    vectors: bytes

    def __post_init__(self) -> None:
        count, rest = divmod(len(self.vectors), 4 * self.size)
        if rest or not 1 <= count <= MAX_VECTORS:
            raise ValueError(f"a template is 1 to {MAX_VECTORS} vectors of {self.size} float32")


class FaceState(StrEnum):
    """What the gateway knows about the face of whoever claims to be a member.

    `NO_KEY`: enrolled, but the phone has not sent its key, so nobody can open the template.
    `UNREACHABLE` is what the node says itself when the gateway did not answer in time.
    """

    OPENED = "opened"
    NOT_ENROLLED = "not-enrolled"
    NO_KEY = "no-key"
    UNREACHABLE = "unreachable"


class FaceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A gate read a good code of this member."""

    gate: GateId
    member: MemberId


class FaceOpened(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; a template only where the state is `OPENED`."""

    state: FaceState
    template: FaceTemplate | None = None


class EnrolFault(StrEnum):
    """Why no template could be made of the frames."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    TOO_SMALL = "too-small"
    BLURRED = "blurred"
    TOO_DARK = "too-dark"
    TURNED_AWAY = "turned-away"
    NOT_ONE_PERSON = "not-one-person"


class EnrolWork(msgspec.Struct, frozen=True, kw_only=True):
    """Frames (JPEG) that somebody's phone took of them, to make a template of."""

    ticket: str
    frames: tuple[bytes, ...]


class EnrolDone(msgspec.Struct, frozen=True, kw_only=True):
    """What became of them: a template or the reason why not.

    Raises:
        ValueError: If it is both or neither.
    """

    ticket: str
    template: FaceTemplate | None = None
    fault: EnrolFault | None = None

    def __post_init__(self) -> None:
        if (self.template is None) == (self.fault is None):
            raise ValueError("either a template or a fault")


class ExpectedFace(msgspec.Struct, frozen=True, kw_only=True):
    """A member who comes in hands free today, and when their phone was last seen in the store."""

    member: MemberId
    template: FaceTemplate
    phone_seen_ns: Ns | None = None


class RoundAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Once a second a gate asks for what is new; `version` is that of the faces it holds."""

    version: int = 0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What is new: who comes in hands free (None: as before), whose phone is there, work to do.

    A gate forgets whoever is not among `faces` any more, and everybody when no round came for
    `ROUND_LIFE_NS`. `agreed` are all who agree to hands free, today or not: a palm reader forgets
    whoever is not among them.
    """

    version: int
    faces: tuple[ExpectedFace, ...] | None = None
    agreed: tuple[MemberId, ...] | None = None
    phones: dict[MemberId, Ns] = {}
    work: EnrolWork | None = None


def request_signature(
    key: bytes, node: NodeId, place: str, at_ns: int, nonce: str, body: bytes
) -> str:
    """The signature of a node's request, under the key that it signs its events with.

    `place` is method and path, as in ``POST /node/v1/faces/asked``.
    """
    message = f"faces\n{node}\n{place}\n{at_ns}\n{nonce}\n".encode() + body
    return hmac.new(key, message, hashlib.sha256).hexdigest()
