"""The networks of Tebura: pinned files, the loader that refuses any other, and their training.

`manifest.toml` lists them; `loader` opens them; `heads` turns their outputs into people. `train`,
`export` and `evaluate` make and judge new ones and need the ``train`` extra where they say so.
"""
