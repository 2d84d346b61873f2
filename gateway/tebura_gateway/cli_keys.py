"""`tebura-gateway key`: the keys of programs."""

import json
from typing import Annotated

import typer
from tebura_contract.clock import rfc3339

from tebura_gateway.cli_options import ConfigOption, JsonOption, load, transaction

app = typer.Typer(help="API keys of programs.", no_args_is_help=True)

ScopeOption = Annotated[
    list[str], typer.Option("--scope", help="What it opens, as visits:read; may be repeated.")
]


@app.command(
    "create",
    epilog="Example: tebura-gateway key create -c gateway.toml --name till --scope receipts:read",
)
def create(
    config: ConfigOption,
    name: Annotated[str, typer.Option(help="What it is for; appears on what it does.")],
    scope: ScopeOption,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from tebura_gateway.service import api_keys

    with transaction(load(config)) as tx:
        key = api_keys.create(tx, name, scope)
    typer.echo(key)


@app.command("list", epilog="Example: tebura-gateway key list -c gateway.toml")
def list_(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show all keys by their prefix, with what they open and when they were used last."""
    from tebura_gateway.service import api_keys

    with transaction(load(config)) as tx:
        found = api_keys.listed(tx.connection, tx.store)
    for key in found:
        shown = {
            "prefix": key.prefix,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "created": rfc3339(key.created_ns),
            "used": rfc3339(key.used_ns) if key.used_ns is not None else None,
            "revoked": rfc3339(key.revoked_ns) if key.revoked_ns is not None else None,
        }
        if as_json:
            typer.echo(json.dumps(shown))
        else:
            state = f"revoked {shown['revoked']}" if key.revoked_ns else f"used {shown['used']}"
            typer.echo(f"{key.prefix}  {key.name:20}  {' '.join(sorted(key.scopes))}  {state}")


@app.command("revoke", epilog="Example: tebura-gateway key revoke -c gateway.toml till")
def revoke(
    config: ConfigOption,
    key: Annotated[str, typer.Argument(help="Its prefix or name.")],
) -> None:
    """End a key: it opens nothing from now on."""
    from tebura_gateway.service import api_keys

    with transaction(load(config)) as tx:
        ended = api_keys.revoke(tx, key)
    typer.echo(f"{ended.prefix}  {ended.name}  revoked")
