"""``python -m tebura_simulator``."""

from tebura_simulator.cli import main

main()
