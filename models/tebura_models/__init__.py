"""The networks of Tebura: pinned files, the loader that refuses any other, and their training.

`manifest.toml` lists them; `loader` opens them; `heads` turns their rows into people. `train`,
`export` and `evaluate` make and judge new ones and need the ``train`` extra where they say so.
"""

import os

# onnxruntime collects figures of its use for its maker, and reads this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
