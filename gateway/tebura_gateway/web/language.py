"""Two languages, one catalogue file each, and how numbers, money and times are written in them."""

import datetime as dt
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from tebura_contract.clock import SECOND_NS
from tebura_contract.money import MINOR_DIGITS, Money

CATALOGUES: Final = Path(__file__).parent / "catalogue"
_SIGNS: Final = {"JPY": "¥", "CNY": "CN¥", "USD": "$", "EUR": "€", "GBP": "£", "KRW": "₩"}


class Language(StrEnum):
    """A language that the pages speak."""

    JA = "ja"
    EN = "en"


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """All texts of a language by their dotted key."""
    tree = tomllib.loads((CATALOGUES / f"{language}.toml").read_text(encoding="utf-8"))
    return {
        f"{section}.{key}": text for section, texts in tree.items() for key, text in texts.items()
    }


def negotiate(asked: str | None, remembered: str | None, accept_language: str) -> Language:
    """The language to answer in: what the address asks, else the cookie, else the browser's.

    >>> negotiate(None, None, "fr;q=0.9, en-GB;q=0.8, ja;q=0.5").value
    'en'
    >>> negotiate("ja", "en", "").value
    'ja'
    """
    for choice in (asked, remembered):
        if choice in list(Language):
            return Language(choice)
    wishes = []
    for index, wish in enumerate(accept_language[:200].split(",")):
        match = re.fullmatch(r"\s*([A-Za-z]{2})\S*?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", wish)
        if match and match[1].lower() in list(Language):
            wishes.append((-float(match[2] or 1), index, match[1].lower()))
    return Language(min(wishes)[2]) if wishes else Language.JA


class Words:
    """The texts of one language, and the store's way of writing figures in it."""

    def __init__(self, language: Language, timezone: str) -> None:
        self.language = language
        self._texts = catalogue(language)
        try:
            self._zone: dt.tzinfo = zoneinfo.ZoneInfo(timezone)
        except zoneinfo.ZoneInfoNotFoundError:
            # A bare board may lack the zone files; UTC is marked as such wherever a time is shown.
            self._zone = dt.UTC

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with its places filled in.

        Raises:
            KeyError: If the catalogue lacks it.
        """
        text = self._texts[key]
        return text.format(**values) if values else text

    def count(self, key: str, n: int) -> str:
        """A text that depends on a count: `key` with `.one` or `.other`."""
        which = f"{key}_one" if n == 1 else f"{key}_other"
        return self._texts[which].format(n=f"{n:,}")

    def has(self, key: str) -> bool:
        return key in self._texts

    def product(self, name: str, name_en: str) -> str:
        """A product's name in this language."""
        return name_en if self.language is Language.EN and name_en else name

    def other_name(self, name: str, name_en: str) -> str:
        """The name in the other language, where there is one that differs."""
        other = name if self.language is Language.EN and name_en else name_en
        return "" if other == self.product(name, name_en) else other

    def money(self, money: Money) -> str:
        """An amount as people write it: `¥1,280`, `€12.50`, `12.500 KWD`."""
        digits = MINOR_DIGITS.get(money.currency, 2)
        minus, whole = ("−" if money.minor < 0 else ""), abs(money.minor)
        major = f"{whole // 10**digits:,}"
        if digits:
            major += f".{whole % 10**digits:0{digits}d}"
        sign = _SIGNS.get(money.currency)
        return f"{minus}{sign}{major}" if sign else f"{minus}{major} {money.currency}"

    def percent(self, share: float) -> str:
        """A probability, never rounded up to certainty."""
        return f"{min(round(share * 100), 99) if share < 1 else 100}%"

    def grams(self, value_g: float) -> str:
        return f"{'−' if value_g < 0 else '+'}{abs(value_g):,.0f} g"

    def signed(self, value: float) -> str:
        """A number with its sign, none on zero: `−100`, `+2`, `0`."""
        sign = "−" if value < 0 else "+" if value > 0 else ""
        return f"{sign}{abs(value):,g}"

    def offset(self, zero_ns: int, at_ns: int) -> str:
        """How long before or after: `−0.4 s`."""
        tenths = round((at_ns - zero_ns) * 10 / SECOND_NS)
        return f"{'−' if tenths < 0 else '+'}{abs(tenths) / 10:.1f} s"

    def age(self, since_ns: int, now_ns: int) -> str:
        """How long something has waited, in minutes, from an hour on in hours."""
        minutes = max(0, (now_ns - since_ns) // (60 * SECOND_NS))
        hours = minutes // 60
        return self.count("age.hours", hours) if hours else self.count("age.minutes", minutes)

    def time(self, at_ns: int) -> str:
        """Clock time in the store: `14:05`."""
        return self._moment(at_ns).strftime("%H:%M") + self._zone_mark()

    def time_s(self, at_ns: int) -> str:
        return self._moment(at_ns).strftime("%H:%M:%S") + self._zone_mark()

    def day(self, at_ns: int) -> str:
        """A date in the store's calendar: `2026年11月21日`, `21 November 2026`."""
        moment = self._moment(at_ns)
        if self.language is Language.JA:
            return f"{moment.year}年{moment.month}月{moment.day}日"
        return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"

    def duration(self, from_ns: int, to_ns: int) -> str:
        """How long something took, in minutes and seconds: `2:07`."""
        whole_s = max(0, (to_ns - from_ns) // SECOND_NS)
        hours, rest_s = divmod(whole_s, 3600)
        minutes, left_s = divmod(rest_s, 60)
        return f"{hours}:{minutes:02d}:{left_s:02d}" if hours else f"{minutes}:{left_s:02d}"

    def _moment(self, at_ns: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(at_ns // SECOND_NS, tz=self._zone)

    def _zone_mark(self) -> str:
        return " UTC" if self._zone is dt.UTC else ""


_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
