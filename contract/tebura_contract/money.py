"""Money is a whole number of minor units and a currency; there is no float on its way."""

import msgspec

_NO_DIGITS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
    *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THREE_DIGITS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
MINOR_DIGITS = dict.fromkeys(_NO_DIGITS, 0) | dict.fromkeys(_THREE_DIGITS, 3)
"""ISO 4217 exponents that differ from two."""


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in minor units (yen, cents) of an ISO 4217 currency."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, count: int) -> "Money":
        return Money(self.minor * count, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add up")
        return other.minor

    def __str__(self) -> str:
        """Plain text for people.

        >>> str(Money(1250, "EUR")), str(Money(-330, "JPY"))
        ('12.50 EUR', '-330 JPY')
        """
        digits = MINOR_DIGITS.get(self.currency, 2)
        sign, whole = ("-" if self.minor < 0 else ""), abs(self.minor)
        if digits == 0:
            return f"{sign}{whole} {self.currency}"
        return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d} {self.currency}"
