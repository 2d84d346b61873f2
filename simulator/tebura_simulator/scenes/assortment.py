"""What there is to wear, and who wears it: shapes, colours, cuts. Said twice is twice as likely."""

from tebura_simulator.scenes.fabric import Pattern
from tebura_simulator.story.attire import Bag, Bottom, HairStyle, Over, Top

WOMEN = ("woman", "small-woman", "tall-woman", "slim-woman", "heavy-woman", "old-woman")
MEN = ("man", "tall-man", "slim-man", "stocky-man", "heavy-man", "old-man")
CHILDREN = ("boy", "girl", "teen-boy", "teen-girl")
SMALL = {"boy", "girl"}
FEMALE = {*WOMEN, "girl", "teen-girl"}
OLD = {"old-woman", "old-man"}
TEST_SHAPES = {"small-woman", "heavy-woman", "slim-man", "tall-man", "teen-boy", "girl"}
SKINS = (
    "#f0cbb2",
    "#e6b898",
    "#d9a582",
    "#c98f68",
    "#b57a54",
    "#96603f",
    "#74472e",
    "#5a3724",
    "#e3b48d",
    "#f3d3c0",
    "#a9714c",
    "#43291c",
)
HAIR = ("#17110f", "#241813", "#3a2519", "#5a3a22", "#7d5530", "#a67c46", "#c9a35f", "#6e2f1c")
GREY = ("#8d8b88", "#b9b6b1", "#d6d3cd", "#6f6c69")
EYES = ("#4a2f1d", "#2f2018", "#5b7d93", "#59704a", "#6b4a2b", "#3d5a78")
CLOTH = (
    "#c8102e",
    "#1d3f8a",
    "#f2f0ea",
    "#202226",
    "#2f6b4f",
    "#d98c1f",
    "#7a2f5d",
    "#8fa7b8",
    "#e8d9b5",
    "#5b6b3a",
    "#b8482e",
    "#3aa0a6",
    "#d8748f",
    "#6d4fa3",
    "#f1c232",
    "#7c7f86",
    "#243b53",
    "#a83246",
    "#e4e1da",
    "#4a7c59",
    "#bf6f3f",
    "#20707a",
    "#e9a3a0",
    "#46356b",
)
LEGS = (
    "#27304a",
    "#2b2b2e",
    "#5a5145",
    "#3f5876",
    "#8d7b62",
    "#1d2a3f",
    "#6d7076",
    "#473a31",
    "#7f93a8",
    "#31402f",
    "#b3a58c",
    "#191a1d",
)
SHOES = (
    "#e9e7e2",
    "#1b1b1d",
    "#5a3a24",
    "#b43a36",
    "#2f4b7c",
    "#8b8f95",
    "#d7c7a3",
    "#3b4a3a",
)
PATTERNS = tuple(Pattern)
TOPS_F = (Top.T_SHIRT, Top.BLOUSE, Top.PULLOVER, Top.SHIRT, Top.TANK, Top.T_SHIRT)
TOPS_M = (Top.T_SHIRT, Top.SHIRT, Top.POLO, Top.PULLOVER, Top.T_SHIRT)
STYLES_F = (
    HairStyle.LONG,
    HairStyle.BOB,
    HairStyle.PONYTAIL,
    HairStyle.FRINGE,
    HairStyle.BUN,
    HairStyle.CURLY,
    HairStyle.LONG,
    HairStyle.PARTED,
)
STYLES_M = (
    HairStyle.SHORT,
    HairStyle.CROPPED,
    HairStyle.PARTED,
    HairStyle.CURLY,
    HairStyle.BALD,
    HairStyle.SHORT,
)
BOTTOMS_F = (
    Bottom.JEANS,
    Bottom.SKIRT,
    Bottom.TROUSERS,
    Bottom.WIDE,
    Bottom.LEGGINGS,
    Bottom.LONG_SKIRT,
    Bottom.JEANS,
    Bottom.SHORTS,
)
BOTTOMS_M = (Bottom.JEANS, Bottom.TROUSERS, Bottom.JEANS, Bottom.SHORTS, Bottom.WIDE)
OVERS = (
    Over.NONE,
    Over.NONE,
    Over.NONE,
    Over.JACKET,
    Over.BLAZER,
    Over.CARDIGAN,
    Over.COAT,
)
WARM = {Over.JACKET, Over.BLAZER, Over.COAT}
BAGS = (Bag.TOTE, Bag.TOTE, Bag.SHOULDER, Bag.BACKPACK, Bag.NONE, Bag.BASKET)
BAGS_SMALL = (Bag.NONE, Bag.NONE, Bag.BACKPACK)
"""What hangs from an adult's shoulder would drag along the floor beside a child."""
