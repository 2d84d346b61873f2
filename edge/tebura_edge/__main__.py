"""``python -m tebura_edge`` is ``tebura-edge``."""

from tebura_edge.cli import main

main()
