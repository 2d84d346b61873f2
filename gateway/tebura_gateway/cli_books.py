"""`tebura-gateway close` and `reconcile`: the end of the day, from a shell or a timer."""

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer
from tebura_contract.codec import to_plain

from tebura_gateway.cli_options import ConfigOption, JsonOption, fail, load, transaction

if TYPE_CHECKING:
    from tebura_gateway.domain.closing import DayClosing

DayOption = Annotated[str, typer.Option("--day", help="A day as 2026-11-30; yesterday without it.")]
DIFFERENT = 1
"""Exit status where books and list differ: staff have the questions on their page."""


def close(config: ConfigOption, day: DayOption = "", as_json: JsonOption = False) -> None:
    """Close a day: check the books, seal them, print what was sold. Again changes nothing."""
    from tebura_gateway.service import closing

    loaded, asked = load(config), _day(day)
    try:
        with transaction(loaded) as tx:
            closed = closing.close(tx, asked)
    except closing.BooksBroken as error:
        fail(f"nothing was closed: {error}")
    if as_json:
        typer.echo(json.dumps(to_plain(closed), ensure_ascii=False))
    else:
        _print(closed)


def reconcile(config: ConfigOption, day: DayOption = "", as_json: JsonOption = False) -> None:
    """Compare a day with each provider's own list; differences become questions for staff."""
    from tebura_gateway.adapters.database import open_database
    from tebura_gateway.adapters.providers import open_providers
    from tebura_gateway.service import reconciling
    from tebura_gateway.service.ports import NoAnswer

    loaded, asked = load(config), _day(day)
    providers = open_providers(loaded, open_database(loaded.settings.database, config.parent))
    count = 0
    with transaction(loaded) as tx:
        zone, now_ns = tx.shop.zone, tx.now_ns
    from_ns, to_ns = reconciling.span_of(asked, zone, now_ns)
    for name, provider in sorted(providers.items()):
        try:
            moved = reconciling.listed(provider, from_ns, to_ns)
        except NoAnswer as error:
            fail(f"{name} does not give its list: {error}")
        with transaction(loaded) as tx:
            found = reconciling.reconcile(tx, name, moved, from_ns, to_ns)
        count += len(found)
        for one in found:
            if as_json:
                typer.echo(json.dumps({"provider": name} | to_plain(one), ensure_ascii=False))
            else:
                typer.echo(
                    f"{name}: {one.call} {one.name}: {one.kind}, "
                    f"booked {one.booked_minor}, listed {one.listed_minor} {one.currency}"
                )
    if count:
        raise typer.Exit(DIFFERENT)
    if not as_json:
        typer.echo("books and lists agree")


def _day(text: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        fail(f"--day {text!r} is no day; write it as 2026-11-30")


def _print(closed: "DayClosing") -> None:
    numbers = f"{closed.first_receipt}-{closed.last_receipt}" if closed.receipts else "none"
    typer.echo(f"{closed.day}  receipts {closed.receipts} ({numbers})")
    typer.echo(f"  sold {closed.sold_minor} {closed.currency}")
    typer.echo(f"  given back {closed.refunded_minor} {closed.currency} in {closed.refunds}")
    for one in closed.balances:
        typer.echo(f"  {one.account:<24} {one.moved_minor:>12} {one.balance_minor:>14}")
    typer.echo(f"  seal {closed.seal}")
