"""Scenes drawn without a screen: mujoco reads how when it is first imported."""

import os
import sys

if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "egl")
