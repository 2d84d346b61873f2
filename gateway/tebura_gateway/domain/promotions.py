"""Promotions as data: what they are off, when they run, for whom.

A piece takes part in one promotion at most, and a coupon may come on top. `combination` finds out
which of them together leave the shopper with least to pay.
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import Sku

Amount = Annotated[int, msgspec.Meta(ge=0)]
PromotionId = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]


class Day(StrEnum):
    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_DAYS: Final = tuple(Day)


class _Promotion(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True
):
    """Common ground: when it runs, in the store's local time, and whether it is for members.

    From `starts` until just before `ends`; on these `days`, all where none is named; from
    `from_time` until just before `to_time`, which may lie after midnight: the day is then the one
    on which it began.
    """

    id: PromotionId
    name: str
    name_en: str = ""
    members_only: bool = False
    starts: dt.datetime | None = None
    ends: dt.datetime | None = None
    days: tuple[Day, ...] = ()
    from_time: dt.time | None = None
    to_time: dt.time | None = None

    def __post_init__(self) -> None:
        zoned = (self.starts, self.ends, self.from_time, self.to_time)
        if any(moment is not None and moment.tzinfo is not None for moment in zoned):
            raise ValueError("times are the store's: write them without an offset")
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise ValueError("starts must lie before ends")
        if (self.from_time is None) != (self.to_time is None):
            raise ValueError("from_time and to_time go together")

    def is_on(self, at_ns: int, zone: dt.tzinfo) -> bool:
        """Whether it runs at an instant of store time."""
        local = dt.datetime.fromtimestamp(at_ns // SECOND_NS, tz=zone).replace(tzinfo=None)
        if self.starts is not None and local < self.starts:
            return False
        if self.ends is not None and local >= self.ends:
            return False
        day, hour = local.date(), local.time()
        if self.from_time is not None and self.to_time is not None:
            is_overnight = self.to_time <= self.from_time
            is_after_midnight = is_overnight and hour < self.to_time
            if hour < self.from_time and not is_after_midnight:
                return False
            if hour >= self.to_time and not is_overnight:
                return False
            if is_after_midnight:
                day -= dt.timedelta(days=1)
        return not self.days or _DAYS[day.weekday()] in self.days


def _check_percent(percent_off: Decimal | None) -> None:
    if percent_off is not None and not 0 < percent_off <= 100:
        raise ValueError("percent_off must lie above 0, up to 100")


class _Cut(_Promotion, frozen=True, kw_only=True):
    """What it is off: a share, an amount, or down to a price; exactly one of them."""

    percent_off: Decimal | None = None
    minus_minor: Amount | None = None
    price_minor: Amount | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = (self.percent_off, self.minus_minor, self.price_minor)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("say one of percent_off, minus_minor, price_minor")
        _check_percent(self.percent_off)

    def off(self, amount_minor: int) -> int:
        """What it takes off an amount; a share is rounded in the shopper's favour."""
        if self.percent_off is not None:
            return min(-(-amount_minor * Fraction(self.percent_off) // 100), amount_minor)
        if self.minus_minor is not None:
            return min(self.minus_minor, amount_minor)
        assert self.price_minor is not None
        return max(amount_minor - self.price_minor, 0)


class TimeSale(_Cut, frozen=True, kw_only=True, tag="sale"):
    """These articles cost less while it runs."""

    skus: Annotated[tuple[Sku, ...], msgspec.Meta(min_length=1)]


class MemberPrice(_Cut, frozen=True, kw_only=True, tag="member"):
    """These articles cost members less."""

    skus: Annotated[tuple[Sku, ...], msgspec.Meta(min_length=1)]
    members_only: bool = True


class Several(_Promotion, frozen=True, kw_only=True, tag="n-for-m"):
    """`take` pieces of these articles for the price of `pay` (the cheapest are free), or a price.

    The articles may be mixed.
    """

    skus: Annotated[tuple[Sku, ...], msgspec.Meta(min_length=1)]
    take: Annotated[int, msgspec.Meta(ge=2, le=12)]
    pay: Annotated[int, msgspec.Meta(ge=0)] | None = None
    price_minor: Amount | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.pay is None) == (self.price_minor is None):
            raise ValueError("say one of pay, price_minor")
        if self.pay is not None and self.pay >= self.take:
            raise ValueError("pay must be less than take")

    def off(self, prices_minor: list[int]) -> int:
        """What it takes off a group of so many pieces."""
        assert len(prices_minor) == self.take
        if self.pay is not None:
            return sum(sorted(prices_minor)[: self.take - self.pay])
        assert self.price_minor is not None
        return max(sum(prices_minor) - self.price_minor, 0)


class Bundle(_Cut, frozen=True, kw_only=True, tag="bundle"):
    """So many of each article, taken together."""

    parts: dict[Sku, Annotated[int, msgspec.Meta(ge=1, le=12)]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(self.parts.values()) < 2:
            raise ValueError("a bundle has two pieces or more")


class Coupon(_Promotion, frozen=True, kw_only=True, tag="coupon"):
    """What whoever holds it takes off a bill once; on all articles where none is named.

    A share is one of the list prices. It counts where those of its articles come to `least_minor`.
    """

    skus: tuple[Sku, ...] = ()
    percent_off: Decimal | None = None
    minus_minor: Amount | None = None
    least_minor: Amount = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.percent_off is None) == (self.minus_minor is None):
            raise ValueError("say one of percent_off, minus_minor")
        _check_percent(self.percent_off)

    def takes(self, sku: Sku) -> bool:
        return not self.skus or sku in self.skus

    def off(self, listed_minor: int, left_minor: int) -> int:
        """What it takes off what is left to pay of articles with these list prices."""
        if listed_minor < self.least_minor:
            return 0
        if self.percent_off is not None:
            wanted = int(-(-listed_minor * Fraction(self.percent_off) // 100))
        else:
            assert self.minus_minor is not None
            wanted = self.minus_minor
        return min(wanted, left_minor)


OnPiece = TimeSale | MemberPrice
OnGroup = Several | Bundle
Promotion = TimeSale | MemberPrice | Several | Bundle | Coupon


class Promotions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file of promotions."""

    promotion: tuple[Promotion, ...] = ()

    def __post_init__(self) -> None:
        names = [one.id for one in self.promotion]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")


def articles_of(promotion: Promotion) -> tuple[Sku, ...]:
    """The articles it names."""
    if isinstance(promotion, Bundle):
        return tuple(promotion.parts)
    return promotion.skus


def kind_of(promotion: Promotion) -> str:
    """Its kind, as the file says it.

    >>> kind_of(Coupon(id="welcome", name="", minus_minor=100))
    'coupon'
    """
    tag = type(promotion).__struct_config__.tag
    assert isinstance(tag, str)
    return tag
