"""Templates into HTML: always escaped, never with a missing value, in one language at a time."""

import hashlib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import jinja2
from tebura_contract.layout import Layout
from tebura_contract.money import Money

from tebura_gateway.service.views import VisitView
from tebura_gateway.web.answering import review_address
from tebura_gateway.web.language import Words

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
TINTS: Final = 8
"""How many product colours the stylesheet knows (`.tint-0` and up)."""


class Renderer:
    """All templates, with what every page may use: the shop, icons, colours, addresses."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        order = {product.sku: index for index, product in enumerate(layout.product)}
        currency = layout.store.currency
        self._environment.globals.update(
            store=layout.store,
            static=static_address,
            tint=lambda name: order.get(name, _stable(name)) % TINTS,
            items=item_count,
            fit=fit,
            review_address=review_address,
            products=layout.product,
            has_counter=any(shelf.is_counter for _, shelf in layout.shelves().values()),
            products_by_sku=layout.products(),
            weights={product.sku: product.weight_g for product in layout.product} | {"": 0.0},
            prices={
                product.sku: Money(product.price_minor, currency) for product in layout.product
            },
        )

    def render(self, template: str, words: Words, values: Mapping[str, object]) -> str:
        """One template as HTML."""
        loaded = self._environment.get_template(template)
        icons = self._environment.get_template("icons.html").module
        return loaded.render({"stream": "", "words": words, "icons": icons, **values})


def item_count(visit: VisitView) -> int:
    """How many pieces a cart holds."""
    return sum(line.quantity for line in visit.lines)


def fit(text: str, letters: int) -> str:
    """Cut a text to a width in Latin letters; Japanese ones count double.

    >>> fit("おにぎり 鮭", 8), fit("Green tea", 9)
    ('おにぎ…', 'Green tea')
    """
    widths = [2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text]
    if sum(widths) <= letters:
        return text
    used, count = 0, 0
    while used + widths[count] < letters:
        used += widths[count]
        count += 1
    return text[:count].rstrip(" ,、") + "…"


@cache
def static_address(name: str) -> str:
    """Address of a static file that changes with its content, so that it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _stable(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[0]
