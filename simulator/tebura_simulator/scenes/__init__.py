"""Scenes drawn without a screen: mujoco reads how when it is first imported."""

import os
import sys

if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "egl")
    # Mesa's software renderer, with threads of its own, now and then rounds a tile otherwise: films
    # are the same to the byte, and are drawn side by side by processes instead.
    os.environ.setdefault("LP_NUM_THREADS", "0")
