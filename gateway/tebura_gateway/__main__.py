"""``python -m tebura_gateway``."""

from tebura_gateway.cli import main

main()
