"""What is known of a picture of a product: what a network makes of it, and its colours.

Colours tell more than a network that was taught to overlook them; but they change with light and
camera. So each photograph is also learnt from in other light, and as small as a hand is before a
ceiling camera: what light and distance change counts little.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from tebura_models.embedding import Embedder, unit
from tebura_models.heads import Floats, Image
from tebura_models.products.photos import VIEWS, central, embed_views

COLOUR_BINS = (12, 4, 4)
"""Of hue, saturation and value."""
COLOUR_SIDE_PX = 96
COLOUR_SHARE = 0.5
"""Length of the colours' part of a row; the network's part has length 1."""
GAMMA, GAIN = 0.2, 0.15
"""How other light may be: deviation of log gamma, and reach of each colour's gain."""


SMALL_PX = 80
"""Shorter side of a photograph as it is learnt from small."""


def describe(embedder: Embedder, images_bgr: Sequence[Image]) -> Floats:
    """(N, views, numbers): each picture with more and with less around what it shows."""
    network = embed_views(embedder, images_bgr)
    colours = np.stack([[_colours(central(image, s)) for s in VIEWS] for image in images_bgr])
    return np.concatenate([network, COLOUR_SHARE * unit(colours)], axis=2)


def describe_to_learn(embedder: Embedder, image_bgr: Image, seed: int) -> Floats:
    """(3 x views, numbers): a photograph as it is, in other light, and small."""
    lit = relit(image_bgr, np.random.default_rng(seed))
    scale = SMALL_PX / min(image_bgr.shape[:2])
    small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.concatenate(describe(embedder, [image_bgr, lit, np.asarray(small, np.uint8)]))


def relit(image_bgr: Image, rng: np.random.Generator) -> Image:
    """As another camera, or the same in the evening, might show it."""
    gamma = float(np.exp(rng.normal(0, GAMMA)))
    levels = (np.arange(256) / 255) ** gamma * 255
    gains = rng.uniform(1 - GAIN, 1 + GAIN, 3)
    table = np.clip(levels[:, None] * gains, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image_bgr, table[None]), np.uint8)


def _colours(image_bgr: Image) -> Floats:
    """Shares of hue, saturation and value, as square roots: equal steps are equally visible."""
    side = min(COLOUR_SIDE_PX, *image_bgr.shape[:2])
    small = cv2.resize(image_bgr, (side, side), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    ranges = [0, 180, 0, 256, 0, 256]
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(COLOUR_BINS), ranges).ravel()
    return np.asarray(np.sqrt(counts), np.float32)
