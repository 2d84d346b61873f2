"""The two halves of all drawn worlds: what one is trained on, and what it is then tested on.

Nothing that can be told apart is in both: shops are drawn from different streams, products,
wardrobes and prints come from different halves, and no camera of one half has a focal length of the
other's.
"""

from enum import StrEnum


class Split(StrEnum):
    TRAIN = "train"
    TEST = "test"
