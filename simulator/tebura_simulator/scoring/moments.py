"""Events and claims in one form, in which they are compared."""

from dataclasses import dataclass

from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent


@dataclass(frozen=True)
class Moment:
    """An event or a claim, as far as it is compared.

    `number` is its place in its list. `kind` of a review is what it is about as far as its weight
    tells: a pick, a return, or unknown (review).
    """

    number: int
    kind: OutcomeKind
    shelf: str
    plates: frozenset[str]
    sku: str | None
    quantity: int
    account: str | None
    time_s: float

    def key(self) -> tuple[OutcomeKind, str, str, str]:
        return self.kind, self.shelf, self.sku or "", self.account or ""

    def shares_plates(self, other: "Moment") -> bool:
        return not self.plates or not other.plates or bool(self.plates & other.plates)

    def may_be_about(self, event: "Moment") -> bool:
        """Whether whoever looks at this review sees what happened there."""
        is_kind = self.kind in (event.kind, OutcomeKind.REVIEW)
        return is_kind and self.shelf == event.shelf and self.shares_plates(event)

    def apart_s(self, other: "Moment") -> float:
        return abs(self.time_s - other.time_s)


def moment_of_event(
    number: int, event: TrueEvent, has_who: bool, strangers: frozenset[str]
) -> Moment:
    is_nobody = not has_who or event.shopper in strangers
    return Moment(
        number=number,
        kind=event.kind,
        shelf=f"{event.gondola}/{event.shelf}",
        plates=frozenset(map(str, event.plates)),
        sku=event.sku,
        quantity=event.quantity,
        account=None if is_nobody else event.shopper,
        time_s=event.time_s,
    )


def moment_of_claim(number: int, line: Outcome, has_who: bool) -> Moment:
    kind = line.kind
    if kind is OutcomeKind.REVIEW and line.delta_g:
        kind = OutcomeKind.PICK if line.delta_g < 0 else OutcomeKind.RETURN
    return Moment(
        number=number,
        kind=kind,
        shelf=f"{line.gondola}/{line.shelf}",
        plates=frozenset(map(str, line.plates)),
        sku=line.sku,
        quantity=line.quantity,
        account=line.visit if has_who else None,
        time_s=line.time_s,
    )
