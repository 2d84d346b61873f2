"""`tebura-gateway`: run the store's gateway, check its configuration, keep its members."""

import json
from pathlib import Path
from typing import Annotated

import structlog
import typer
from tebura_contract.entry_code import member_key
from tebura_contract.ids import MemberId

from tebura_gateway import cli_keys as keys
from tebura_gateway import cli_online as online
from tebura_gateway import cli_webhooks as webhooks
from tebura_gateway import logs
from tebura_gateway.adapters.database import AlreadyServed, DatabaseError
from tebura_gateway.cli_backup import audit, backup, restore
from tebura_gateway.cli_books import close, reconcile
from tebura_gateway.cli_options import ConfigOption, JsonOption, fail, load, transaction
from tebura_gateway.cli_schema import schema

app = typer.Typer(
    help="The store's gateway: visits, carts, settlement, receipts, pages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
member_app = typer.Typer(help="Members of the store.", no_args_is_help=True)
app.add_typer(member_app, name="member")
app.add_typer(keys.app, name="key")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(online.app, name="online")
app.command("backup", epilog="Example: tebura-gateway backup -c gateway.toml night.backup")(backup)
app.command("restore", epilog="Example: tebura-gateway restore -c gateway.toml night.backup")(
    restore
)
app.command("audit", epilog="Example: tebura-gateway audit -c gateway.toml")(audit)
app.command("close", epilog="Example: tebura-gateway close -c gateway.toml")(close)
app.command("reconcile", epilog="Example: tebura-gateway reconcile -c gateway.toml")(reconcile)
app.command("schema", epilog="Example: tebura-gateway schema -o schemas")(schema)


@app.command(epilog="Example: tebura-gateway run --config gateway.toml --check")
def run(
    config: ConfigOption,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the configuration and say what is wrong.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v")] = False,
) -> None:
    """Serve one store until stopped (SIGTERM)."""
    loaded = load(config)
    if check:
        typer.echo(f"{config}: OK (store {loaded.layout.store.id})")
        return
    logs.set_up(verbose)
    # Imported here: reading a configuration needs neither broker client nor web server.
    from tebura_gateway.adapters.providers import ProviderMissing
    from tebura_gateway.bootstrap import AddressTaken, WriterDied, serve

    try:
        serve(loaded)
    except (AddressTaken, AlreadyServed, DatabaseError, ProviderMissing) as error:
        fail(str(error))
    except WriterDied as error:
        structlog.get_logger().error("gateway stopped", reason=str(error))
        raise typer.Exit(1) from error


@app.command(epilog="Example: tebura-gateway events visit.json --config gateway.toml")
def events(
    file: Annotated[Path, typer.Argument(help="JSON list of {node, event}, in order of time.")],
    config: ConfigOption,
) -> None:
    """Play a file of events to the running gateway, as its nodes would report them."""
    from tebura_gateway.adapters.rehearsal import Rehearsal, RehearsalError, read_lines
    from tebura_gateway.bootstrap import now_ns

    loaded = load(config)
    # Every play is newer than the one before.
    boot = now_ns() // 10**9
    try:
        count = Rehearsal(loaded, now_ns).play(read_lines(file, boot, now_ns()), boot)
    except RehearsalError as error:
        fail(str(error))
    typer.echo(f"{count} events acknowledged")


@member_app.command(
    "add", epilog='Example: tebura-gateway member add -c gateway.toml --name "Mika"'
)
def member_add(
    config: ConfigOption,
    name: Annotated[str, typer.Option(help="As shown on their phone.")],
    member: Annotated[str, typer.Option("--id", help="A member number of your own.")] = "",
    locale: Annotated[str, typer.Option(help="ja or en.")] = "ja",
    limit: Annotated[int, typer.Option(help="House account limit, minor units.")] = -1,
    as_json: JsonOption = False,
) -> None:
    """Add a member; works while the gateway runs as well as while it does not."""
    from tebura_gateway.service import members

    loaded = load(config)
    store = loaded.layout.store.id
    with transaction(loaded) as tx:
        account = members.add(
            tx,
            name,
            locale,
            MemberId(member) if member else None,
            limit if limit >= 0 else None,
        )
    key = member_key(loaded.entry_key, store, account.member)
    if as_json:
        found = {"member": account.member, "name": account.name, "key": key.hex()}
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        typer.echo(f"{account.member}  {account.name}")


@member_app.command("link", epilog="Example: tebura-gateway member link -c gateway.toml --id ID")
def member_link(
    config: ConfigOption,
    member: Annotated[str, typer.Option("--id", help="The member number.")],
    base: Annotated[str, typer.Option(help="Address the phone reaches the gateway at.")] = "",
) -> None:
    """Print an address that signs this member's phone in, once, within a quarter of an hour."""
    from tebura_gateway.api.signing import sign_in_link
    from tebura_gateway.bootstrap import now_ns

    loaded = load(config)
    http = loaded.settings.http
    address = base or f"http://{http.host}:{http.port}"
    typer.echo(sign_in_link(loaded.http_secret, address, MemberId(member), now_ns()))


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
