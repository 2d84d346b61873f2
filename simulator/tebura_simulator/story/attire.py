"""Words for what people wear, for scenario files and for what draws them."""

from enum import StrEnum


class HairStyle(StrEnum):
    BALD = "bald"
    CROPPED = "cropped"
    SHORT = "short"
    PARTED = "parted"
    CURLY = "curly"
    BOB = "bob"
    LONG = "long"
    PONYTAIL = "ponytail"
    BUN = "bun"
    FRINGE = "fringe"


class Hat(StrEnum):
    NONE = "none"
    CAP = "cap"
    BEANIE = "beanie"


class Top(StrEnum):
    T_SHIRT = "t-shirt"
    POLO = "polo"
    SHIRT = "shirt"
    PULLOVER = "pullover"
    BLOUSE = "blouse"
    TANK = "tank"


class Over(StrEnum):
    """What is worn over the top."""

    NONE = "none"
    JACKET = "jacket"
    BLAZER = "blazer"
    CARDIGAN = "cardigan"
    COAT = "coat"
    APRON = "apron"


class Bottom(StrEnum):
    JEANS = "jeans"
    TROUSERS = "trousers"
    WIDE = "wide"
    LEGGINGS = "leggings"
    SHORTS = "shorts"
    SKIRT = "skirt"
    LONG_SKIRT = "long-skirt"


class Bag(StrEnum):
    NONE = "none"
    TOTE = "tote"
    SHOULDER = "shoulder"
    BACKPACK = "backpack"
    BASKET = "basket"
