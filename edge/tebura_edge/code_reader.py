"""Reads entry codes off a gate camera's frames; only the text goes on, no picture is kept."""

import itertools
from typing import Final

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s

from tebura_edge.frames import Frame
from tebura_edge.role import CodeRead

REPEAT_AFTER_NS = ns_from_s(1)
MAX_TEXT = 512
"""A QR code can hold 3 kB; an entry code has 33 characters, so more is none of ours."""
EVEN_OVER_PX: Final = 41
"""Wider than a code's largest dark square, or its middle would turn grey."""

Grey = NDArray[np.uint8]
"""A picture, (height, width)."""


class CodeReader:
    """One gate camera's reader; call it with each frame.

    ZXing-C++ finds the codes. Where a frame shows none as it is, it is looked at once more,
    mended: against blur, then the dark, then cracks in the glass, one remedy a frame in turn. A
    phone is held up for many frames, so within half a second each has had its try, and a gate that
    nobody stands at costs two looks a frame. `benchmarks/codes.py` says what it reads.
    """

    def __init__(self) -> None:
        self._last_ns: dict[str, int] = {}
        self._remedies = itertools.cycle(REMEDIES)

    def __call__(self, frame: Frame) -> list[CodeRead]:
        """Codes in this frame; one that stays in view is repeated once a second."""
        now_ns = frame.captured_ns
        self._last_ns = {
            known: at_ns
            for known, at_ns in self._last_ns.items()
            if 0 <= now_ns - at_ns < REPEAT_AFTER_NS
        }
        new = [text for text in self._read(frame) if text not in self._last_ns]
        self._last_ns |= dict.fromkeys(new, now_ns)
        return [CodeRead(reader=frame.camera, text=text, at_ns=now_ns) for text in new]

    def _read(self, frame: Frame) -> list[str]:
        grey = np.asarray(cv2.cvtColor(frame.image_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        return _texts(grey) or _texts(next(self._remedies)(grey))


def _texts(grey: Grey) -> list[str]:
    codes = zxingcpp.read_barcodes(grey, formats=_QR)
    return [text for text in dict.fromkeys(c.text for c in codes) if 0 < len(text) <= MAX_TEXT]


def sharper(grey: Grey) -> Grey:
    """Twice as large, with its edges drawn out: for small codes and those out of focus."""
    large = cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.asarray(
        cv2.addWeighted(large, 3, cv2.GaussianBlur(large, (0, 0), 4), -2, 0), np.uint8
    )


def evened(grey: Grey) -> Grey:
    """Every part as bright and as rich in contrast as the next: for dim screens and glare."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8).astype(np.float32)
    middle = cv2.blur(smooth, (EVEN_OVER_PX, EVEN_OVER_PX))
    swing = cv2.blur(cv2.absdiff(smooth, middle), (EVEN_OVER_PX, EVEN_OVER_PX))
    even = (128 + 60 * (smooth - middle) / (swing + 2)).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(even, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)


def without_dark_lines(grey: Grey) -> Grey:
    """Thin dark lines are gone: for cracks in the light part of a code."""
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_CLOSE, _THIN), np.uint8)


def without_bright_lines(grey: Grey) -> Grey:
    """Thin bright lines are gone: for cracks in the dark part of a code."""
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_OPEN, _THIN), np.uint8)


_QR: Final = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
_THIN: Final = np.ones((3, 3), np.uint8)
REMEDIES: Final = (sharper, evened, without_dark_lines, without_bright_lines)
