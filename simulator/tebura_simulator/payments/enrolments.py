"""The provider's side of enrolling: sessions, the page a shopper is sent to, and hints to the shop.

A hint is a message of the provider's that the shop did not ask for. Here it can be sent again, out
of order, late, or by somebody who does not have the key.
"""

import secrets
import threading
from dataclasses import dataclass, field

import msgspec
from tebura_gateway.adapters.bridge import SIGNATURE, EnrolmentOrder, sign
from tebura_gateway.service.ports import Begun, Enrolled, Hint


@dataclass
class Enrolments:
    """Sessions by name; a shopper who opens the page of one has said what they pay with."""

    address: str = ""
    orders: dict[str, EnrolmentOrder] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, order: EnrolmentOrder) -> Begun:
        session = secrets.token_urlsafe(12)
        with self._lock:
            self.orders[session] = order
        return Begun(session=session, address=f"{self.address}/enrol/{session}")

    def visit_page(self, session: str) -> str | None:
        """The shopper enters a card; where their browser goes then."""
        with self._lock:
            order = self.orders.get(session)
            if order is None:
                return None
            self.done.add(session)
        return order.return_address

    def finished(self, session: str) -> Enrolled | None:
        with self._lock:
            if session not in self.done:
                return None
            return Enrolled(customer=self.orders[session].account, method=f"card-{session}")


def signed(hint: Hint, secret: bytes, target: str, at_s: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of a hint, as its provider posts it."""
    body = msgspec.json.encode(hint)
    return {SIGNATURE: sign(secret, at_s, "POST", target, body, "")}, body
