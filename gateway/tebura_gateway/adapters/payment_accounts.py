"""Members' accounts at the payment provider outside, and the messages that it sends by itself.

Whatever comes in from a browser or by such a message only makes us ask. The provider is asked
outside any transaction; what it answers is stored in one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, StoreId

from tebura_gateway.adapters import tables
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import enrolling, hinting
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import Hint, NoAnswer, OutsideProvider
from tebura_gateway.service.requests import Unavailable
from tebura_gateway.service.transaction import Tx
from tebura_gateway.service.views import AccountView

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PaymentAccounts:
    """`members_pay` names the provider that asks members for money."""

    reading: Engine
    writer: Writer
    store: StoreId
    outside: Mapping[str, OutsideProvider]
    members_pay: str
    now_ns: Callable[[], int]

    def account(self, member: MemberId) -> AccountView | None:
        """How a member pays; None where they need not say so."""
        provider = self.outside.get(self.members_pay)
        if provider is None or not provider.enrols:
            return None
        table = tables.payment_account
        query = select(table.c.changed_ns).where(
            table.c.store == self.store,
            table.c.provider == self.members_pay,
            table.c.member == member,
        )
        with self.reading.begin() as connection:
            return AccountView(since_ns=connection.execute(query).scalar())

    def begin(self, member: MemberId, return_address: str) -> str | None:
        """Where a member says what they pay with; None where they need not."""
        if self.account(member) is None:
            return None
        begun = _asked(lambda: self.outside[self.members_pay].begin(member, return_address))
        self._do(lambda tx, _: enrolling.begin(tx, self.members_pay, begun.session, member))
        return begun.address

    def finish(self, member: MemberId) -> bool:
        """Ask what became of all that a member began; whether something new was stored."""
        begun = self._do(lambda tx, _: enrolling.open_sessions(tx, member))
        found = [self._finish(name, session) for name, session in begun if name in self.outside]
        return any(found)

    def hint(self, name: str, headers: Mapping[str, str], target: str, body: bytes) -> bool | None:
        """Take a provider's message: whether it was new, or None if there is no such provider.

        Raises:
            Forged: If it is not from that provider, or old.
            Unavailable: If it cannot be taken now; the provider sends it again.
        """
        provider = self.outside.get(name)
        if provider is None:
            return None
        hint = provider.hint(headers, target, body, self.now_ns() // SECOND_NS)
        enrolled = _asked(lambda: provider.finished(hint.session)) if hint.session else None

        def work(tx: Tx, _: Memory, hint: Hint = hint) -> bool:
            if enrolled is not None:
                enrolling.finish(tx, name, hint.session, enrolled)
            return hinting.take(tx, name, hint)

        return self._do(work)

    def _finish(self, name: str, session: str) -> bool:
        enrolled = _asked(lambda: self.outside[name].finished(session))
        if enrolled is None:
            return False
        return self._do(lambda tx, _: enrolling.finish(tx, name, session, enrolled))

    def _do(self, work: Callable[[Tx, Memory], T]) -> T:
        try:
            return self.writer.call(work)
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            raise Unavailable("the database does not take it now") from error


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except NoAnswer as error:
        raise Unavailable("the payment provider does not answer now") from error
