"""What baskets cost, worked out a second time: slowly, piece by piece, with exact fractions.

Shares no code with the gateway. `python -m tests.gateway.baskets` writes the expected values of
`data/baskets/*.toml` anew where the baskets themselves were changed; those in `by_hand` were worked
out on paper and are only checked.
"""

import datetime as dt
import itertools
import random
import tomllib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data" / "baskets"
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

# (percent, percent eaten in) of reduced and standard; included; rounded down.
COUNTRIES = {
    "JP": ({"reduced": ("8", "10"), "standard": ("10", "10")}, True, True),
    "DE": ({"reduced": ("7", "7"), "standard": ("19", "19")}, True, False),
    "KW": ({"reduced": ("0", "0"), "standard": ("0", "0")}, True, False),
    "GB": ({"reduced": ("0", "20"), "standard": ("20", "20")}, True, True),
    "US": ({"reduced": ("0", "0"), "standard": ("8.875", "8.875")}, False, False),
}

Piece = tuple[str, int, str, frozenset[str]]  # article, price, tax class, promotions it may have
Priced = list[tuple[Piece, int]]  # each piece with what comes off it


def worked_out(shop: dict[str, Any], basket: dict[str, Any]) -> tuple[int, int, list[Any]]:
    """The least to pay before tax is added, the discounts in it, and the taxes it may carry."""
    best: int | None = None
    taxes: list[Any] = []
    listed = sum(shop["product"][sku]["price"] * count for sku, count in basket["items"].items())
    for pieces in kept(shop, basket):
        for priced in ways(shop, basket, pieces):
            left = sum(piece[1] - off for piece, off in priced)
            if best is None or left < best:
                best, taxes = left, []
            if left == best and (found := taxed(shop, basket, priced)) not in taxes:
                taxes.append(found)
    assert best is not None
    return best, listed - best, taxes


def kept(shop: dict[str, Any], basket: dict[str, Any]) -> Iterator[list[Piece]]:
    """The pieces that may be the ones bought, where more was picked than bought."""
    choices = []
    for sku, count in basket["items"].items():
        product = shop["product"][sku]
        times = [*basket.get("picked", {}).get(sku, [])]
        times += [basket["at"]] * (count - len(times))
        own = [
            (sku, product["price"], product["tax"], running(shop, basket, sku, at)) for at in times
        ]
        choices.append(
            sorted({tuple(some) for some in itertools.combinations(own, count)}, key=str)
        )
    for chosen in itertools.product(*choices):
        # The dearest first: what cannot be split evenly goes to them.
        yield sorted((one for some in chosen for one in some), key=lambda p: (-p[1], p[0], str(p)))


def running(
    shop: dict[str, Any], basket: dict[str, Any], sku: str, at: dt.datetime
) -> frozenset[str]:
    found = set()
    for one in shop["promotion"]:
        own = one["parts"] if one["kind"] == "bundle" else one.get("skus", [])
        if sku in own and (is_on(one, at) or is_on(one, basket["at"])):
            found.add(one["id"])
    return frozenset(found)


def is_on(one: dict[str, Any], at: dt.datetime) -> bool:
    if ("starts" in one and at < one["starts"]) or ("ends" in one and at >= one["ends"]):
        return False
    if "days" in one and DAYS[at.weekday()] not in one["days"]:
        return False
    return "from_time" not in one or one["from_time"] <= at.time() < one["to_time"]


def ways(shop: dict[str, Any], basket: dict[str, Any], pieces: list[Piece]) -> Iterator[Priced]:
    """Every way to use the promotions: each piece alone or in one group, then one coupon."""
    mine = [
        one
        for one in shop["promotion"]
        if basket.get("member", False)
        or not (one.get("members_only", False) or one["kind"] == "member")
    ]
    coupons = [
        one
        for one in mine
        if one["kind"] == "coupon"
        and one["id"] in basket.get("coupons", [])
        and is_on(one, basket["at"])
    ]
    for priced in grouped(pieces, mine):
        yield priced
        for coupon in coupons:
            yield with_coupon(priced, coupon)


def grouped(pieces: list[Piece], promotions: list[dict[str, Any]]) -> Iterator[Priced]:
    if not pieces:
        yield []
        return
    first, rest = pieces[0], pieces[1:]
    offs = {0} | {
        cut(one, first[1])
        for one in promotions
        if one["kind"] in ("sale", "member") and one["id"] in first[3]
    }
    for off in offs:
        for others in grouped(rest, promotions):
            yield [(first, off), *others]
    for one in promotions:
        if one["kind"] not in ("n-for-m", "bundle") or one["id"] not in first[3]:
            continue
        size = one["take"] if one["kind"] == "n-for-m" else sum(one["parts"].values())
        for others in itertools.combinations(range(len(rest)), size - 1):
            group = [first, *(rest[index] for index in others)]
            if any(one["id"] not in piece[3] for piece in group):
                continue
            if one["kind"] == "bundle" and sorted(piece[0] for piece in group) != sorted(
                sku for sku, count in one["parts"].items() for _ in range(count)
            ):
                continue
            prices = [piece[1] for piece in group]
            if "pay" in one:
                off = sum(sorted(prices)[: one["take"] - one["pay"]])
            else:
                off = cut(one, sum(prices))
            split = parted(off, prices)
            left = [piece for index, piece in enumerate(rest) if index not in others]
            for more in grouped(left, promotions):
                yield [*zip(group, split, strict=True), *more]


def cut(one: dict[str, Any], amount: int) -> int:
    """What is taken off an amount; shares are rounded for the shopper."""
    if "percent_off" in one:
        exact = Fraction(amount) * Fraction(str(one["percent_off"])) / 100
        return int(exact) + (1 if exact != int(exact) else 0)
    if "minus_minor" in one:
        return min(int(one["minus_minor"]), amount)
    return max(amount - int(one["price_minor"]), 0)


def with_coupon(priced: Priced, coupon: dict[str, Any]) -> Priced:
    def counts(piece: Piece) -> bool:
        return not coupon.get("skus") or piece[0] in coupon["skus"]

    listed = sum(piece[1] for piece, _ in priced if counts(piece))
    if listed < coupon.get("least_minor", 0):
        return priced
    ordered = sorted(priced, key=lambda one: (one[1] - one[0][1], one[0][0]))
    left = [piece[1] - off if counts(piece) else 0 for piece, off in ordered]
    split = parted(min(cut(coupon, listed), sum(left)), left)
    return [(piece, off + more) for (piece, off), more in zip(ordered, split, strict=True)]


def parted(amount: int, weights: list[int]) -> list[int]:
    """An amount split by weights; the odd units go to the first ones, one each."""
    if not amount:
        return [0 for _ in weights]
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    found = [int(one) for one in exact]
    for index in range(len(weights)):
        if sum(found) < amount and found[index] < weights[index]:
            found[index] += 1
    return found


def taxed(shop: dict[str, Any], basket: dict[str, Any], priced: Priced) -> dict[str, list[int]]:
    """By percent: what is paid, and the tax in it; rounded once each."""
    rates, is_included, is_down = COUNTRIES[shop["country"]]
    sums: dict[str, int] = {}
    for piece, off in priced:
        percent = rates[piece[2]][1 if basket.get("eats_in", False) else 0]
        sums[percent] = sums.get(percent, 0) + piece[1] - off
    found = {}
    for percent, amount in sorted(sums.items(), key=lambda one: Fraction(one[0])):
        rate = Fraction(percent) / 100
        exact = amount * rate / (1 + rate) if is_included else amount * rate
        tax = int(exact) if is_down else int(exact + Fraction(1, 2))
        found[percent] = [amount if is_included else amount + tax, tax]
    return found


def drawn(shop: dict[str, Any], seed: int, count: int) -> list[dict[str, Any]]:
    """Baskets by lot: up to six pieces, picked on a Friday around the evening sale."""
    dice = random.Random(seed)
    baskets = []
    for _ in range(count):
        skus = dice.sample(sorted(shop["product"]), dice.randint(1, min(4, len(shop["product"]))))
        items = dict.fromkeys(skus, 1)
        for _ in range(dice.randint(0, 6 - len(items))):
            items[dice.choice(skus)] += 1
        at = dt.datetime(2026, 11, 20, 17, 30) + dt.timedelta(minutes=dice.randint(0, 200))
        picked = {
            sku: sorted(
                at - dt.timedelta(minutes=dice.randint(1, 90))
                for _ in range(number + dice.choice([0, 0, 0, 1]))
            )
            for sku, number in items.items()
        }
        coupons = [one["id"] for one in shop["promotion"] if one["kind"] == "coupon"]
        baskets.append(
            {
                "items": items,
                "picked": picked,
                "at": at,
                "member": dice.random() < 0.5,
                "coupons": [one for one in coupons if dice.random() < 0.4],
                "eats_in": dice.random() < 0.3,
            }
        )
    return baskets


def expected(shop: dict[str, Any], basket: dict[str, Any]) -> dict[str, Any]:
    """What the file says of a basket; taxes only where one answer alone is the best."""
    _, discount, taxes = worked_out(shop, basket)
    found: dict[str, Any] = {"discount": discount}
    totals = {sum(gross for gross, _ in one.values()) for one in taxes}
    if len(totals) == 1:
        found["total"] = totals.pop()
    if len(taxes) == 1:
        found["taxes"] = taxes[0]
    return found


def read(name: str) -> dict[str, Any]:
    shop = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    shop.setdefault("promotion", [])
    return shop


def written(basket: dict[str, Any]) -> str:
    """A basket as TOML."""

    def value(one: Any) -> str:
        match one:
            case bool():
                return "true" if one else "false"
            case dict():
                return (
                    "{" + ", ".join(f'"{key}" = {value(item)}' for key, item in one.items()) + "}"
                )
            case list():
                return "[" + ", ".join(value(item) for item in one) + "]"
            case dt.datetime():
                return one.isoformat()
            case str():
                return f'"{one}"'
            case _:
                return str(one)

    lines = [f"{key} = {value(item)}" for key, item in basket.items() if item not in (False, [])]
    return "\n[[basket]]\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Draw the baskets of each shop and write down what they cost."""
    for name, seed, count in (("jp", 1, 110), ("de", 2, 40), ("us", 3, 40), ("kw", 4, 30)):
        shop = read(name)
        path = FOLDER / f"{name}.toml"
        head, _, _ = path.read_text(encoding="utf-8").partition("\n[[basket]]")
        baskets = drawn(shop, seed, count)
        text = "".join(written({**one, "expected": expected(shop, one)}) for one in baskets)
        path.write_text(head.rstrip() + "\n" + text, encoding="utf-8")


if __name__ == "__main__":
    main()
