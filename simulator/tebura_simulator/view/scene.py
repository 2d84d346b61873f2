"""What the page is told: plain values in seconds, grams and metres. `page.js` reads these names."""

import msgspec
from tebura_gateway.web.floor import FloorPlan

from tebura_simulator.view.envelopes import Trace


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the page."""


class Guess(Part, frozen=True, kw_only=True):
    """One explanation of a step."""

    name: str
    quantity: int
    probability: float


class Mark(Part, frozen=True, kw_only=True):
    """What the replay said of one step. `known_s`: from when on it was more than "checking"."""

    kind: str
    shelf: str
    plates: tuple[str, ...]
    from_s: float
    to_s: float
    known_s: float
    name: str
    quantity: int
    delta_g: float
    confidence: float
    guesses: tuple[Guess, ...]
    visit: str
    track: str
    reason: str
    verdict: str = ""
    """``right``, ``wrong`` or ``wrong person`` where there is a truth to say so."""


class TrueMark(Part, frozen=True, kw_only=True):
    """What really happened; `state` is ``found``, ``asked`` (a person decides) or ``missed``."""

    kind: str
    shelf: str
    plates: tuple[str, ...]
    at_s: float
    name: str
    quantity: int
    who: str
    state: str


class Hand(Part, frozen=True, kw_only=True):
    """A tracked person's hand in a shelf."""

    shelf: str
    track: str
    visit: str
    from_s: float
    to_s: float
    camera: str
    confidence: float


class Trouble(Part, frozen=True, kw_only=True):
    """A sensor that was blind, a node that was off, a planted fault; `shelves` empty for all."""

    what: str
    why: str
    from_s: float
    to_s: float
    shelves: tuple[str, ...] = ()


class PlateLane(Part, frozen=True, kw_only=True):
    """One plate; `fit_g` is the range that shows settled levels well."""

    id: str
    label: str
    products: str
    trace: Trace
    fit_g: tuple[float, float]
    has_moved: bool


class ShelfBlock(Part, frozen=True, kw_only=True):
    id: str
    products: str
    is_open: bool
    front_m: tuple[float, float] | None
    plates: tuple[PlateLane, ...]


class VisitCard(Part, frozen=True, kw_only=True):
    """A visit as the replay saw it; `who` is the account where the truth knows it.

    From `settled_s` on the receipt waits for nothing but reviews.
    """

    id: str
    who: str
    from_s: float
    to_s: float | None
    settled_s: float | None
    tracks: tuple[str, ...]
    doubt: str


class Walk(Part, frozen=True, kw_only=True):
    """A track on the floor: (seconds, x, y) with metres of the store."""

    track: str
    visit: str
    points: tuple[tuple[float, float, float], ...]


class Still(Part, frozen=True, kw_only=True):
    """A camera's picture with what was found in it, as JPEG in base64."""

    at_s: float
    jpeg: str


class FilmStrip(Part, frozen=True, kw_only=True):
    camera: str
    kind: str
    count: int
    stretches: tuple[tuple[float, float], ...]
    stills: tuple[Still, ...] = ()


class ReceiptRow(Part, frozen=True, kw_only=True):
    """What somebody should pay for and what the replay would charge, article to count.

    `state` is ``exact``; ``asked`` where what is charged is right and a person decides the rest;
    ``differs``.
    """

    who: str
    expected: dict[str, int]
    charged: dict[str, int]
    reviews: int
    state: str


class Scene(Part, frozen=True, kw_only=True):
    title: str
    about: str
    end_s: float
    opens_at_end: bool
    has_truth: bool
    floor: FloorPlan
    shelves: tuple[ShelfBlock, ...]
    marks: tuple[Mark, ...]
    truths: tuple[TrueMark, ...]
    hands: tuple[Hand, ...]
    troubles: tuple[Trouble, ...]
    visits: tuple[VisitCard, ...]
    walks: tuple[Walk, ...]
    films: tuple[FilmStrip, ...]
    receipts: tuple[ReceiptRow, ...]
