"""What the gateway's commands share: the configuration, one transaction, how they give up."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from tebura_contract.config import ConfigError

from tebura_gateway.adapters.database import DatabaseError, migrate, open_database
from tebura_gateway.config import GatewayConfig, load_config

if TYPE_CHECKING:
    from tebura_gateway.service.transaction import Tx

NAME = "a command"
BAD_USE = 2
"""Exit status for what the caller must put right."""

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The gateway's configuration file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def load(config: Path) -> GatewayConfig:
    """Read the configuration, or say what is wrong with it and end."""
    try:
        return load_config(config)
    except ConfigError as error:
        fail(str(error))


def fail(text: str) -> NoReturn:
    """Say why and end."""
    print(text, file=sys.stderr)
    raise typer.Exit(BAD_USE)


@contextmanager
def transaction(config: GatewayConfig) -> Iterator["Tx"]:
    """One transaction, also while the gateway runs; what is refused is said, and ends."""
    # Imported here: reading a configuration needs none of it.
    from tebura_gateway.adapters.turns import Turns
    from tebura_gateway.bootstrap import now_ns, shop_of
    from tebura_gateway.service.requests import Refused
    from tebura_gateway.service.transaction import Tx

    try:
        database = open_database(config.settings.database, config.path.parent)
        migrate(database)
        shop = shop_of(config)
        with database.transaction() as connection:
            tx = Tx(connection, shop, now_ns())
            turns = Turns(NAME, database.writing)
            turns.begin(tx)
            turns.leads = False
            yield tx
            tx.write_changes()
            turns.end(tx)
        database.dispose()
    except (DatabaseError, Refused) as error:
        fail(str(error))
