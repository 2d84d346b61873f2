"""The page that answers one review after the other: evidence, a choice, on to the next."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import Sku
from tebura_contract.money import Money

from tebura_gateway.api.access import RuntimeDep, Session, StaffDep, require_own_form
from tebura_gateway.api.runtime import Runtime
from tebura_gateway.service.requests import UNDO_NS, Refused
from tebura_gateway.service.views import (
    OPEN_STAGES,
    Evidence,
    ReviewCandidate,
    ReviewPerson,
    ReviewView,
)
from tebura_gateway.web.answering import Answer, BadAnswer, review_address, ruling_of
from tebura_gateway.web.answers import WordsDep, page, see_other
from tebura_gateway.web.shelf_strip import shelf_strip
from tebura_gateway.web.trace_chart import trace_chart

router = APIRouter(include_in_schema=False)

FormText = Annotated[str, Form(max_length=300)]
CHOICES = 9
"""Candidates that have a key."""
QUEUE = 200
"""So many reviews are gone through; what is left comes up when they are answered."""


class Bills(msgspec.Struct, frozen=True, kw_only=True):
    """What a cart comes to without the step, and with each choice."""

    without: Money
    after: tuple[Money, ...]


@router.get("/staff/review")
def review_page(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: StaffDep,
    id: str = "",  # noqa: A002
    undo: str = "",
) -> Response:
    """One review; without an id, the first that waits."""
    queue = runtime.views.reviews(limit=QUEUE)
    if not id:
        return see_other(review_address(queue[0].id) if queue else "/staff")
    values = _values(runtime, session, queue, id) | {"undo": undo}
    return page(request, words, "staff_review.html", values)


@router.post("/staff/reviews")
def decide(
    request: Request,
    words: WordsDep,
    runtime: RuntimeDep,
    session: StaffDep,
    form: FormText,
    review: FormText,
    ruling: FormText = "",
    choice: FormText = "",
    article: FormText = "",
    count: FormText = "",
    direction: FormText = "1",
    visit: FormText = "",
) -> Response:
    """Accept, change or void, and on to the next. What cannot be taken is shown again as it was."""
    require_own_form(session, form)
    answer = Answer(
        ruling=ruling,
        choice=choice,
        article=article,
        count=count,
        direction=direction,
        visit=visit,
    )
    queue = runtime.views.reviews(limit=QUEUE)
    try:
        ruled = msgspec.structs.replace(ruling_of(answer, runtime.layout), by=session.subject)
        runtime.services.rule(review, ruled, undo_ns=UNDO_NS)
    except BadAnswer as bad:
        notice, status = words(bad.key, **bad.values), 422
    except Refused as refused:
        notice, status = words("review.refused", why=str(refused)), 409
    else:
        return see_other(_onwards(queue, review))
    values = _values(runtime, session, queue, review) | {"notice": notice, "answer": answer}
    return page(request, words, "staff_review.html", values, status)


@router.post("/staff/reviews/undo")
def take_back(runtime: RuntimeDep, session: StaffDep, form: FormText, review: FormText) -> Response:
    """The last answer was a slip: ask again."""
    require_own_form(session, form)
    runtime.services.take_back(review)
    return see_other(review_address(review))


def _onwards(queue: Sequence[ReviewView], review: str) -> str:
    """Where to go after an answer: the review after it, else the first of the others, else home."""
    names = [one.id for one in queue]
    index = names.index(review) if review in names else 0
    others = [name for name in names[index:] + names[:index] if name != review]
    undo = f"undo={quote(review, safe='')}"
    return f"{review_address(others[0])}&{undo}" if others else f"/staff?{undo}"


def _values(
    runtime: Runtime, session: Session, queue: Sequence[ReviewView], name: str
) -> dict[str, object]:
    evidence = runtime.views.evidence(name)
    if evidence is None:
        raise HTTPException(404)
    review, step = evidence.review, evidence.step
    choices = review.candidates[:CHOICES]
    products = runtime.layout.products()
    expected_g = [
        -one.quantity * products[one.product.sku].weight_g if one.product.sku in products else None
        for one in choices
    ]
    return {
        "tab": "now",
        "form": session.form,
        "evidence": evidence,
        "review": review,
        "choices": choices,
        "bills": _bills(evidence, choices, {p.sku: p.price_minor for p in products.values()}),
        "people": _people(evidence, runtime),
        "chart": trace_chart(step, expected_g) if step is not None else None,
        "strip": shelf_strip(runtime.layout, step) if step is not None else None,
        "now_ns": runtime.now_ns(),
        "undo_s": UNDO_NS // SECOND_NS,
        "notice": "",
        "answer": Answer(),
        "undo": "",
        **_place(queue, name),
    }


def _place(queue: Sequence[ReviewView], name: str) -> dict[str, object]:
    """Where this review stands among those that wait."""
    names = [one.id for one in queue]
    if name not in names:
        return {"queue_length": len(queue), "position": None, "before": "", "after": ""}
    index = names.index(name)
    return {
        "queue_length": len(queue),
        "position": index + 1,
        "before": review_address(names[index - 1]) if index else "",
        "after": review_address(names[index + 1]) if index + 1 < len(names) else "",
    }


def _bills(
    evidence: Evidence, choices: Sequence[ReviewCandidate], prices: Mapping[Sku, int]
) -> Bills | None:
    """What becomes of the likeliest cart; None where that is billed already, or nobody's."""
    cart = evidence.carts[0] if evidence.carts else None
    if cart is None or evidence.step is None or cart.stage not in OPEN_STAGES:
        return None
    standing = sum(
        one.quantity * prices.get(one.product.sku, 0)
        for one in cart.happenings
        if one.event == evidence.review.event and one.product is not None
    )
    rest_minor, currency = cart.total.minor - standing, cart.total.currency
    return Bills(
        without=Money(rest_minor, currency),
        after=tuple(
            Money(rest_minor + one.quantity * prices.get(one.product.sku, 0), currency)
            for one in choices
        ),
    )


def _people(evidence: Evidence, runtime: Runtime) -> tuple[ReviewPerson, ...]:
    """Whose it may have been: the suspects, or for want of any everybody who is in."""
    if evidence.review.people or evidence.review.kind != "step":
        return evidence.review.people
    return tuple(
        ReviewPerson(visit=visit.id, member_name=visit.member_name, probability=0.0)
        for visit in runtime.views.open_visits()
    )
