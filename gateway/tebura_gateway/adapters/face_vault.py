"""Faces as the gateway handles them: sealed on the disk, open in memory while their owner is there.

Ties together what phones lend (memory), the shop's halves (a folder that is in no backup) and the
sealed templates (the database). One lock: this is a few calls a second.
"""

import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.clock import Ns
from tebura_contract.faces import (
    EnrolDone,
    ExpectedFace,
    FaceOpened,
    FaceState,
    FaceTemplate,
    Round,
    RoundAsked,
)
from tebura_contract.ids import MemberId, StoreId

from tebura_gateway.adapters.person_tables import face
from tebura_gateway.adapters.shares import Shares
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import consents, faces
from tebura_gateway.service.consents import ConsentKind
from tebura_gateway.service.enrolment_desk import EnrolmentDesk, Progress, Ticket
from tebura_gateway.service.lending import Lendings
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import Refused, Unavailable
from tebura_gateway.service.sealing import CannotOpen, open_sealed, seal
from tebura_gateway.service.transaction import Tx
from tebura_gateway.service.views import FaceView

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FaceVault:
    """All calls may come from any thread; those that write raise `Unavailable`.

    `networks` are the store's own: a phone that speaks from there is in the store.
    """

    reading: Engine
    writer: Writer
    store: StoreId
    shares: Shares
    now_ns: Callable[[], int]
    networks: tuple[Network, ...] = ()
    _lendings: Lendings = field(default_factory=Lendings)
    _desk: EnrolmentDesk = field(default_factory=EnrolmentDesk)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What the phone asks for.

    def agree(self, member: MemberId, kind: ConsentKind, language: str, digest: str) -> None:
        """Somebody agreed to these words. Raises `Refused` if they are not those of today."""
        self._do(lambda tx, _: consents.give(tx, member, kind, language, digest))
        with self._lock:
            self._lendings.version += 1

    def begin(self, member: MemberId, half: bytes) -> str:
        """An enrolment with a new half of a key; its name. Raises `Refused`."""
        if not self._do(lambda tx, _: consents.holds(tx, member, ConsentKind.FACE)):
            raise Refused("nobody's face is taken without their consent")
        with self._lock:
            return self._desk.begin(member, half, self.now_ns())

    def add_frame(self, ticket: str, member: MemberId, jpeg: bytes) -> None:
        with self._lock:
            self._desk.add(ticket, member, jpeg, self.now_ns())

    def submit(self, ticket: str, member: MemberId) -> None:
        with self._lock:
            self._desk.submit(ticket, member, self.now_ns())

    def progress(self, ticket: str, member: MemberId) -> Ticket:
        with self._lock:
            return self._desk.progress(ticket, member, self.now_ns())

    def view(self, member: MemberId) -> FaceView:
        """What they agreed to, and what there is."""
        with self.reading.connect() as connection:
            given = {
                kind: consents.given_ns(connection, self.store, member, kind)
                for kind in ConsentKind
            }
        row = self._row(member)
        with self._lock:
            until_ns = self._lendings.hands_free_until_ns(member, self.now_ns())
        return FaceView(
            agreed_ns=given[ConsentKind.FACE],
            enrolled_ns=row.enrolled_ns if row is not None else None,
            agreed_hands_free_ns=given[ConsentKind.HANDS_FREE],
            hands_free_until_ns=until_ns,
        )

    def lend(self, member: MemberId, half: bytes, address: str) -> None:
        """The phone, at this network address, shows its code and lends its half for a moment."""
        is_in_store = _is_within(address, self.networks)
        with self._lock:
            self._lendings.lend(member, half, self.now_ns(), is_in_store=is_in_store)

    def go_hands_free(self, member: MemberId) -> None:
        """Keep the half that was lent for half a day. Raises `Refused` without consent or half."""
        if not self._do(lambda tx, _: consents.holds(tx, member, ConsentKind.HANDS_FREE)):
            raise Refused("hands free needs a consent of its own")
        with self._lock:
            if not self._lendings.go_hands_free(member, self.now_ns()):
                raise Refused("this phone has lent no key: open the code's page on it")

    def stop_hands_free(self, member: MemberId) -> None:
        with self._lock:
            self._lendings.stop_hands_free(member)

    def erase(self, member: MemberId) -> None:
        """Make everything about somebody's face unusable, for everybody and for good.

        First memory, then the shop's half: from then on nothing that is or was on any disk of the
        shop opens. Then the rows.

        Raises:
            Unavailable: If the disk or the database does not take it; to be asked again.
        """
        with self._lock:
            self._lendings.take_back(member)
            self._lendings.version += 1
            self._desk.drop(member)
            try:
                self.shares.drop(member)
            except OSError as error:
                raise Unavailable("the disk does not take it now") from error
            self._do(lambda tx, memory: faces.erase(tx, memory, member))

    # What a gate node asks for.

    def open(self, member: MemberId) -> FaceOpened:
        """The template of whoever claims to be this member, while their phone lends its half."""
        with self._lock:
            row = self._row(member)
            if row is None or self.shares.read(member) is None:
                return FaceOpened(state=FaceState.NOT_ENROLLED)
            half = self._lendings.half(member, self.now_ns())
            template = self._opened(member, half) if half is not None else None
            if template is None:
                return FaceOpened(state=FaceState.NO_KEY)
            return FaceOpened(state=FaceState.OPENED, template=template)

    def round(self, asked: RoundAsked) -> Round:
        """What is new for a gate."""
        with self._lock:
            now_ns = self.now_ns()
            work = self._desk.work(now_ns)
            halves = self._lendings.hands_free(now_ns)
            phones = {m: Ns(at_ns) for m, at_ns in self._lendings.phones(now_ns).items()}
            version = self._lendings.version
            found, agreed = None, None
            if asked.version != version:
                with self.reading.connect() as connection:
                    agreed = consents.holders(connection, self.store, ConsentKind.HANDS_FREE)
                opened = ((member, self._opened(member, half)) for member, half in halves.items())
                found = tuple(
                    ExpectedFace(member=member, template=template)
                    for member, template in opened
                    if template is not None
                )
            return Round(version=version, faces=found, agreed=agreed, phones=phones, work=work)

    def finish(self, done: EnrolDone) -> bool:
        """A node brings what became of frames; False if nobody waits for it any more."""
        with self._lock:
            ticket = self._desk.worked_on(done.ticket, self.now_ns())
            if ticket is None:
                return False
            if done.template is None:
                ticket.progress, ticket.fault = Progress.FAULT, done.fault
                return True
            self._keep(ticket, done.template)
            ticket.progress = Progress.DONE
            return True

    def sweep(self) -> int:
        """Bring database and halves together; how many had to go.

        A half without a template is left of an enrolment or erasure that broke off. A template
        without its half came back with a restored backup: it opens for nobody, and goes.
        """
        with self._lock:
            known = self._do(lambda tx, _: faces.members(tx))
            stray = self.shares.members(settled=True) - known
            for member in stray:
                self.shares.drop(member)
            returned = known - self.shares.members()
            for member in returned:
                self.erase(member)
        if stray or returned:
            _LOG.info("faces swept", stray_halves=len(stray), returned_templates=len(returned))
        return len(stray) + len(returned)

    def _keep(self, ticket: Ticket, template: FaceTemplate) -> None:
        member = ticket.member
        try:
            shop_half = self.shares.make(member)
        except OSError as error:
            raise Unavailable("the disk does not take it now") from error
        sealed = seal(template, self.store, member, ticket.half, shop_half)
        self._do(lambda tx, _: faces.keep(tx, member, template.network, sealed))
        # Another half opens it from now on; a gallery must not hold the old one.
        self._lendings.take_back(member)

    def _opened(self, member: MemberId, half: bytes) -> FaceTemplate | None:
        row, shop_half = self._row(member), self.shares.read(member)
        if row is None or shop_half is None:
            return None
        try:
            return open_sealed(bytes(row.sealed), row.network, self.store, member, half, shop_half)
        except CannotOpen:
            return None

    def _row(self, member: MemberId):  # type: ignore[no-untyped-def]
        query = select(face).where(face.c.store == self.store, face.c.member == member)
        with self.reading.connect() as connection:
            return connection.execute(query).first()

    def _do(self, work: Callable[[Tx, Memory], T]) -> T:
        try:
            return self.writer.call(work)
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            raise Unavailable("the database does not take it now") from error


def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in one for one in networks)
