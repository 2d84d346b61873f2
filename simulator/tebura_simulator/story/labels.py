"""Labelled visits as people wrote them down: picks and put-backs of shoppers in a real store.

The form is that of the AutoCheckout competition's labels: a list of visits, each a `dataset` (its
name) and `events`. Here they are only read; what is wrong with them is put right in `cleaning`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec

_DAY = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = r"(?P<hour>\d{1,2})[-:](?P<minute>\d\d)[-:](?P<second>\d\d(?:\.\d+)?)"
_FORMS = (
    re.compile(rf"{_DAY}[_ T]{_CLOCK}"),
    re.compile(rf"(?P<month>\d\d)_(?P<day>\d\d)_(?P<year>\d{{4}})_{_CLOCK}"),
)
_OFFSET = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d\d(?:\.\d+)?)")


class LabelError(ValueError):
    """Labels that cannot be read; each line of the text names the visit and the event."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Stamp:
    """When an event was: seconds since 1970 in the store's own time of day.

    `video_s` is when the film began from which the time was read, and `offset_s` how far into it,
    where it was written that way.
    """

    at_s: float
    video_s: float | None = None
    offset_s: float = 0.0


class LabelledProduct(msgspec.Struct, frozen=True, kw_only=True):
    """An article as it was written down: any of it may be missing or a placeholder."""

    name: str = ""
    gtin: str | int | None = None
    weight_g: float | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it was written down."""

    time: str | float
    shopper: str | int
    gondola: str | int
    shelf: str | int
    plates: tuple[str | int, ...]
    putback: bool | Annotated[int, msgspec.Meta(ge=0, le=1)]
    products: tuple[LabelledProduct, ...]


@dataclass(frozen=True)
class LabelledEvent:
    """A label with its place in the file (counted from 0) and its time read."""

    index: int
    stamp: Stamp
    label: Label


@dataclass(frozen=True)
class LabelledVisit:
    """The events of one visit, in the order of the file."""

    dataset: str
    events: tuple[LabelledEvent, ...]


class _RawVisit(msgspec.Struct, frozen=True, kw_only=True):
    dataset: str
    events: tuple[msgspec.Raw, ...]


def read_visits(raw: bytes) -> tuple[LabelledVisit, ...]:
    """Read a file of labelled visits.

    Raises:
        LabelError: With every problem found, each naming its visit and event.
    """
    try:
        visits = msgspec.json.decode(raw, type=tuple[_RawVisit, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LabelError([f"no list of visits, each with dataset and events: {error}"]) from error
    problems: list[str] = []
    read = []
    for visit in visits:
        events = tuple(_events(visit, problems))
        read.append(LabelledVisit(visit.dataset, events))
        if not visit.events:
            problems.append(f"visit {visit.dataset!r}: has no events")
    if problems:
        raise LabelError(problems)
    return tuple(read)


def _events(visit: _RawVisit, problems: list[str]) -> Iterator[LabelledEvent]:
    for index, raw in enumerate(visit.events):
        place = f"visit {visit.dataset!r}, event {index}"
        try:
            label = msgspec.json.decode(raw, type=Label)
            yield LabelledEvent(index, parse_stamp(label.time), label)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            problems.append(f"{place}: {error}")


def parse_stamp(text: str | float) -> Stamp:
    """Read a time in one of the forms labels have, or seconds since 1970.

    Raises:
        ValueError: If it is in none of them.

    >>> parse_stamp("2019-11-07_02-35-28") == parse_stamp("11_07_2019_02:35:28")
    True
    >>> parse_stamp("1:52 + 2019-11-07_02-41-19").at_s - parse_stamp("2019-11-07_02-41-19").at_s
    112.0
    """
    if not isinstance(text, str):
        return Stamp(float(text))
    offset, plus, day = text.rpartition("+")
    began = next((m for form in _FORMS if (m := form.fullmatch(day.strip()))), None)
    into = _OFFSET.fullmatch(offset.strip())
    if began is None or (plus and into is None):
        raise ValueError(
            f"time {text!r}: expected 2019-11-07_02-35-28, 11_07_2019_02:35:28 "
            "or an offset into a film, 1:52 + 2019-11-07_02-35-28"
        )
    video_s = _seconds(began, text)
    if not plus or into is None:
        return Stamp(video_s)
    hours, minutes, seconds = into["hours"] or 0, into["minutes"], into["seconds"]
    offset_s = 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
    return Stamp(video_s + offset_s, video_s, offset_s)


def _seconds(match: re.Match[str], text: str) -> float:
    whole, _, part = match["second"].partition(".")
    numbers = [int(match[name]) for name in ("year", "month", "day", "hour", "minute")]
    try:
        # The store's own time of day; only differences matter.
        moment = datetime(*numbers, int(whole), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise ValueError(f"time {text!r}: {error}") from error
    return moment.timestamp() + float(f"0.{part or 0}")
