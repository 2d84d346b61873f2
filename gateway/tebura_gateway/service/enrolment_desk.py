"""Enrolments under way: frames from a phone that wait for a gate node to make a template of them.

All of it is in memory. Frames are handed to one node, once, and are gone here when they are, or
after a minute.
"""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from tebura_contract.clock import SECOND_NS
from tebura_contract.faces import MAX_FRAME_BYTES, MAX_FRAMES, EnrolFault, EnrolWork
from tebura_contract.ids import MemberId

from tebura_gateway.service.requests import Refused

LIFE_NS = 60 * SECOND_NS
MOST_TICKETS = 20
FEWEST_FRAMES = 3


class Progress(StrEnum):
    """How far an enrolment is."""

    TAKING = "taking"
    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAULT = "fault"


@dataclass(slots=True)
class Ticket:
    """One enrolment; `half` is the phone's half of the key to come."""

    member: MemberId
    half: bytes = field(repr=False)
    begun_ns: int
    frames: list[bytes] = field(default_factory=list, repr=False)
    progress: Progress = Progress.TAKING
    fault: EnrolFault | None = None


class EnrolmentDesk:
    """Tickets by name. Time is passed in; the caller keeps threads apart."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def begin(self, member: MemberId, half: bytes, now_ns: int) -> str:
        """A new ticket; the member's ones of before end.

        Raises:
            Refused: If too many enrol at once.
        """
        self._forget(now_ns)
        self.drop(member)
        if len(self._tickets) >= MOST_TICKETS:
            raise Refused("too many are enrolling now: try again in a minute")
        name = secrets.token_urlsafe(12)
        self._tickets[name] = Ticket(member, half, now_ns)
        return name

    def add(self, name: str, member: MemberId, jpeg: bytes, now_ns: int) -> None:
        """Another frame.

        Raises:
            Refused: If it is none, or there is no such ticket.
        """
        ticket = self._own(name, member, now_ns)
        if ticket.progress is not Progress.TAKING or len(ticket.frames) >= MAX_FRAMES:
            raise Refused("no more frames are wanted")
        if not jpeg.startswith(b"\xff\xd8") or len(jpeg) > MAX_FRAME_BYTES:
            raise Refused(f"a frame is a JPEG of at most {MAX_FRAME_BYTES} bytes")
        ticket.frames.append(jpeg)

    def submit(self, name: str, member: MemberId, now_ns: int) -> None:
        """These are all: a node may take them.

        Raises:
            Refused: If they are too few, or there is no such ticket.
        """
        ticket = self._own(name, member, now_ns)
        if len(ticket.frames) < FEWEST_FRAMES:
            raise Refused(f"at least {FEWEST_FRAMES} frames are wanted")
        if ticket.progress is Progress.TAKING:
            ticket.progress = Progress.WAITING

    def work(self, now_ns: int) -> EnrolWork | None:
        """The oldest enrolment that waits; its frames leave with it."""
        self._forget(now_ns)
        for name, ticket in self._tickets.items():
            if ticket.progress is Progress.WAITING:
                ticket.progress = Progress.WORKING
                frames, ticket.frames = tuple(ticket.frames), []
                return EnrolWork(ticket=name, frames=frames)
        return None

    def worked_on(self, name: str, now_ns: int) -> Ticket | None:
        """The ticket that a node brings an answer to; None if it is over."""
        self._forget(now_ns)
        ticket = self._tickets.get(name)
        return ticket if ticket is not None and ticket.progress is Progress.WORKING else None

    def progress(self, name: str, member: MemberId, now_ns: int) -> Ticket:
        """How far it is.

        Raises:
            Refused: If there is no such ticket.
        """
        return self._own(name, member, now_ns)

    def drop(self, member: MemberId) -> None:
        """End a member's enrolments."""
        for name in [name for name, one in self._tickets.items() if one.member == member]:
            del self._tickets[name]

    def _own(self, name: str, member: MemberId, now_ns: int) -> Ticket:
        self._forget(now_ns)
        ticket = self._tickets.get(name)
        if ticket is None or ticket.member != member:
            raise Refused("this enrolment is over: begin again")
        return ticket

    def _forget(self, now_ns: int) -> None:
        for name in [n for n, one in self._tickets.items() if now_ns - one.begun_ns > LIFE_NS]:
            del self._tickets[name]
