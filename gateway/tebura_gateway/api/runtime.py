"""What the pages and the API need from the rest of the gateway; `bootstrap` provides it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from tebura_contract.faces import EnrolDone, FaceOpened, Round, RoundAsked
from tebura_contract.ids import MemberId, NodeId, Sku, VisitId
from tebura_contract.layout import Layout
from tebura_contract.messages import Position

from tebura_gateway.domain.promotions import Coupon
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.service.api_keys import ApiKey
from tebura_gateway.service.consents import ConsentKind
from tebura_gateway.service.enrolment_desk import Ticket
from tebura_gateway.service.idempotency import Answer, Asked
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.opinions import Motive
from tebura_gateway.service.requests import FacingCount, ListOrder, Ruling
from tebura_gateway.service.views import (
    AccountView,
    BillView,
    FaceView,
    MemberView,
    Views,
    WebhookView,
)


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets and switches of the HTTP side.

    `secret` signs sessions and sign-in links (at least 32 bytes). `staff_token` opens the staff
    page and, as a key, the whole API; empty closes the page. `public_live` shows the shop at a
    glance without sign-in: for demonstrations only.
    """

    secret: bytes
    staff_token: str = ""
    public_live: bool = False
    # Signs the exit screen in, where walk-ups pay; empty: there is none.
    exit_token: str = ""
    # What staff may hand to members.
    coupons: tuple[Coupon, ...] = ()


class Changes(Protocol):
    """A number that grows with each committed change, to wait on."""

    def number(self) -> int: ...

    async def wait(self, after: int, timeout_s: float) -> int:
        """The number, as soon as it is greater than `after` or the time is over."""
        ...


class Calls(Protocol):
    """What people and programs may change. Each call is one database transaction."""

    def rule(self, review: str, ruling: Ruling, undo_ns: int = 0) -> None:
        """Answer a review; its visit is not billed for `undo_ns`, so that it can be taken back.

        Raises `Refused` if the review is closed or the ruling does not fit it.
        """
        ...

    def take_back(self, review: str) -> None:
        """Undo the answer to a review. Raises `Refused` if it has had its effect already."""
        ...

    def count_stock(self, counts: Sequence[FacingCount], by: str) -> None:
        """Staff counted facings; all are taken or none. Raises `Refused` naming the facing."""
        ...

    def refund(self, visit: VisitId, sku: Sku | None, quantity: int, reason: str, by: str) -> None:
        """Pay back pieces of a line, or with `sku` None all of the receipt that is left."""
        ...

    def dispute(self, visit: VisitId, sku: Sku) -> None:
        """The shopper says that they did not take this."""
        ...

    def accept_gap(self, node: NodeId) -> None:
        """What is missing of a node will not come: go on without it."""
        ...

    def add_member(self, name: str, locale: str, subject: str = "", email: str = "") -> MemberView:
        """A new member, and who they are at the online shop; whom it knows is no new one.

        Raises `Refused` for what makes no sense.
        """
        ...

    def redeem(self, nonce: str, expires_ns: int) -> bool:
        """Note that a sign-in link was used; False if it was before."""
        ...

    def confirm_list(self, visit: VisitId, order: ListOrder) -> None:
        """A walk-up pays for this list. Raises `Refused` if they cannot now."""
        ...

    def list_bill(self, visit: VisitId, order: ListOrder) -> BillView:
        """What a list would cost; nothing is changed."""
        ...

    def forget_list(self, visit: VisitId) -> None:
        """Back to the list, as long as nothing is billed."""
        ...

    def retry_payment(self, visit: VisitId) -> None:
        """Try a declined payment again."""
        ...

    def pay_again(self, visit: VisitId) -> None:
        """The shopper tries a declined payment again. Raises `Refused` just after a decline."""
        ...

    def close_visit(self, visit: VisitId, by: str) -> None:
        """Staff: whoever it was has left, though nobody saw it."""
        ...

    def eat_in(self, visit: VisitId, eats_in: bool) -> None:
        """Whether it is eaten in the shop, as long as nothing is billed."""
        ...

    def tell_opinion(
        self, member: MemberId, visit: VisitId, motive: Motive, comes_again: bool | None
    ) -> None:
        """What a shopper says of a visit of theirs. Raises `Refused` if it is not, or too old."""
        ...

    def set_role(self, member: MemberId, role: MemberRole) -> None:
        """Make a member staff, or a shopper again."""
        ...

    def give_coupon(self, member: MemberId, promotion: str) -> None:
        """Give a member a coupon of the shop's promotions."""
        ...

    def add_webhook(self, url: str, kinds: Sequence[str]) -> WebhookView:
        """Tell an address of these kinds of facts. Raises `Refused` for what makes no sense."""
        ...

    def end_webhook(self, webhook: str) -> WebhookView:
        """Tell an address nothing more. Raises `Refused` if there is no such webhook."""
        ...

    def replay(self, webhook: str, message: str | None) -> int:
        """Send a message again, or with None all that were given up; how many."""
        ...


class Payments(Protocol):
    """The payment provider outside, as members and its own messages reach it."""

    def account(self, member: MemberId) -> AccountView | None:
        """How a member pays there; None where they need not say so."""
        ...

    def begin(self, member: MemberId, return_address: str) -> str | None:
        """Where a member says what they pay with. Raises `Unavailable`, `Refused`."""
        ...

    def finish(self, member: MemberId) -> bool:
        """Ask what became of what a member began. Raises `Unavailable`."""
        ...

    def hint(self, name: str, headers: Mapping[str, str], target: str, body: bytes) -> bool | None:
        """Take a provider's message: whether it was new; None: no such provider.

        Raises `Forged` for what is not from it, `Unavailable`.
        """
        ...


class Faces(Protocol):
    """Faces of members who agreed: see `adapters.face_vault`. Writing may raise `Unavailable`."""

    def view(self, member: MemberId) -> FaceView: ...

    def agree(self, member: MemberId, kind: ConsentKind, language: str, digest: str) -> None: ...

    def begin(self, member: MemberId, half: bytes) -> str: ...

    def add_frame(self, ticket: str, member: MemberId, jpeg: bytes) -> None: ...

    def submit(self, ticket: str, member: MemberId) -> None: ...

    def progress(self, ticket: str, member: MemberId) -> Ticket: ...

    def lend(self, member: MemberId, half: bytes, address: str) -> None: ...

    def go_hands_free(self, member: MemberId) -> None: ...

    def stop_hands_free(self, member: MemberId) -> None: ...

    def erase(self, member: MemberId) -> None: ...

    def open(self, member: MemberId) -> FaceOpened: ...

    def round(self, asked: RoundAsked) -> Round: ...

    def finish(self, done: EnrolDone) -> bool: ...


class Services(Calls, Protocol):
    """The calls, each by itself or several as one. All may raise `Unavailable`."""

    def once(self, asked: Asked | None, act: Callable[[Calls, Views], Answer]) -> Answer:
        """Run `act` in one transaction, unless that was done before under the key of `asked`.

        Raises `KeyReused` if the key came with another request.
        """
        ...


class Runtime(Protocol):
    """The gateway, as seen from HTTP. Attributes are read-only."""

    @property
    def layout(self) -> Layout: ...

    @property
    def web(self) -> WebSettings: ...

    @property
    def views(self) -> Views: ...

    @property
    def services(self) -> Services: ...

    @property
    def payments(self) -> Payments: ...

    @property
    def changes(self) -> Changes: ...

    @property
    def faces(self) -> Faces | None:
        """None where the shop keeps no faces."""
        ...

    @property
    def issuer(self) -> Issuer:
        """Who answers for the shop."""
        ...

    def now_ns(self) -> int:
        """Store time now."""
        ...

    def holder(self, key: str) -> ApiKey | None:
        """Whose API key this is, while it is in use."""
        ...

    def member_key(self, member: MemberId) -> bytes:
        """The key that this member's phone makes entry codes with."""
        ...

    def node_key(self, node: NodeId) -> bytes | None:
        """The key that a node signs with; None for a stranger."""
        ...

    def export(self, member: MemberId) -> bytes:
        """All that is kept about a member, as JSON."""
        ...

    def positions(self) -> tuple[Position, ...]:
        """Where people stand now: the newest position of each track, none older than a second."""
        ...

    @property
    def providers(self) -> frozenset[str]:
        """All payment providers that the configuration names, the built-in tab among them."""
        ...

    def is_writable(self) -> bool:
        """Whether the database takes writes; what `/health` answers."""
        ...

    def is_closing(self) -> bool:
        """Whether the gateway is stopping: streams end then."""
        ...
