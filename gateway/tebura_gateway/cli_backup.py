"""`tebura-gateway backup`, `restore`, `audit`: copies of the database, and whether it is right."""

from pathlib import Path
from typing import Annotated

import typer
from tebura_contract.clock import rfc3339

from tebura_gateway.adapters.database import (
    AlreadyServed,
    DatabaseError,
    lease,
    migrate,
    open_database,
)
from tebura_gateway.cli_options import ConfigOption, fail, load, transaction


def backup(
    config: ConfigOption,
    file: Annotated[Path, typer.Argument(help="Where to; must not exist.")],
) -> None:
    """Copy the database, also while the gateway runs, and look through the copy."""
    from tebura_gateway.adapters.backup import BadBackup, back_up

    loaded = load(config)
    try:
        database = open_database(loaded.settings.database, loaded.path.parent)
        found = back_up(database, loaded.layout.store.id, file)
        database.dispose()
    except (BadBackup, DatabaseError) as error:
        fail(str(error))
    typer.echo(f"{file}: {found.receipts} receipts, the last is number {found.last_receipt}")


def restore(
    config: ConfigOption,
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    receipts_through: Annotated[
        int, typer.Option(min=0, help="The highest receipt number that was given out since.")
    ] = 0,
) -> None:
    """Put a backup in the database's place; the gateway must not run. The old one is kept."""
    from tebura_gateway.adapters.backup import BadBackup
    from tebura_gateway.adapters.backup import restore as put_back
    from tebura_gateway.service.books import skip_receipts

    loaded = load(config)
    store = loaded.layout.store.id
    try:
        database = open_database(loaded.settings.database, loaded.path.parent)
        with lease(database, store):
            found, aside = put_back(database, store, file)
            with transaction(loaded) as tx:
                skip_receipts(tx, receipts_through)
        database.dispose()
    except (AlreadyServed, BadBackup, DatabaseError) as error:
        fail(str(error))
    assert found.latest_ns is not None
    since = rfc3339(found.latest_ns)
    typer.echo(f"restored as of {since}: {found.receipts} receipts, {found.unfinished} visits open")
    if aside is not None:
        typer.echo(f"the database of before is {aside}")
    if receipts_through <= found.last_receipt:
        typer.echo(
            f"The next receipt is number {found.last_receipt + 1}. If higher ones were given out, "
            "restore again with --receipts-through, so that none is used twice."
        )
    typer.echo(
        f"What was captured after {since} is not in these books: compare them with the provider's "
        "list from then on (tebura-gateway reconcile) before the shop opens."
    )


def audit(config: ConfigOption) -> None:
    """Look through the books: sums, receipts, refunds, numbers. Ends with 1 if something is off."""
    from tebura_gateway.service.books import contents, faults

    loaded = load(config)
    store = loaded.layout.store.id
    try:
        database = open_database(loaded.settings.database, loaded.path.parent)
        migrate(database)
        with database.reading.connect() as connection:
            wrong, found = faults(connection, store), contents(connection, store)
        database.dispose()
    except DatabaseError as error:
        fail(str(error))
    for fault in wrong:
        typer.echo(fault)
    typer.echo(f"{found.receipts} receipts, {len(wrong)} faults")
    if wrong:
        raise typer.Exit(1)
