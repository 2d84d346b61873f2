"""From the form of a review to a ruling, with a word on what was wrong where it cannot be taken."""

from urllib.parse import quote

import msgspec
from tebura_contract.ids import Sku, VisitId
from tebura_contract.layout import Layout

from tebura_gateway.service.requests import Ruling, RulingKind

STAFF_DID_IT = "staff"
"""In place of a visit: it was staff, filling up or clearing away."""
_MOST = 999


def review_address(review: str) -> str:
    """Where a review is answered; their names hold slashes and colons."""
    return f"/staff/review?id={quote(review, safe='')}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it was sent; shown again if it could not be taken.

    `choice` is a candidate, ``sku|quantity`` as carts count. To change, `article` is what somebody
    typed and `count` how many; `direction` is -1 where the weight came back.
    """

    ruling: str = ""
    choice: str = ""
    article: str = ""
    count: str = ""
    direction: str = "1"
    visit: str = ""


class BadAnswer(ValueError):
    """A form that says nothing that can be done; `key` and `values` are the text that says why."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


def ruling_of(answer: Answer, layout: Layout) -> Ruling:
    """What a form asks for.

    Raises:
        BadAnswer: If it names no article, or no number.
    """
    kind = answer.ruling or (RulingKind.ACCEPT if answer.choice else "")
    if kind not in list(RulingKind):
        raise BadAnswer("review.no_ruling")
    is_staff = answer.visit == STAFF_DID_IT
    sku, quantity = None, None
    if kind == RulingKind.CHANGE:
        sku = article_of(answer.article, layout)
        quantity = _whole(answer.count) * (-1 if answer.direction == "-1" else 1)
    elif kind == RulingKind.ACCEPT and answer.choice:
        chosen, _, count = answer.choice.rpartition("|")
        sku, quantity = Sku(chosen), _whole(count)
    return Ruling(
        kind=RulingKind(kind),
        sku=sku,
        quantity=quantity,
        visit=VisitId(answer.visit) if answer.visit and not is_staff else None,
        is_staff_work=is_staff,
    )


def article_of(text: str, layout: Layout) -> Sku:
    """The one article that a text names: its number, its name, or a part that no other has.

    Raises:
        BadAnswer: If none fits, or several do.
    """
    wanted = text.strip().casefold()
    names = {
        product.sku: [product.sku, product.name.casefold(), product.name_en.casefold()]
        for product in layout.product
    }
    exact = [sku for sku, own in names.items() if wanted and wanted in own]
    found = exact or [sku for sku, own in names.items() if wanted and wanted in " ".join(own)]
    if not found:
        raise BadAnswer("review.no_article", text=text)
    if len(found) > 1:
        raise BadAnswer("review.many_articles", text=text, found=", ".join(found[:5]))
    return found[0]


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise BadAnswer("review.no_number", text=text) from error
    if not -_MOST <= number <= _MOST:
        raise BadAnswer("review.no_number", text=text)
    return number
