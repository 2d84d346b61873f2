"""`tebura-gateway webhook`: programs outside that are told what happens."""

import json
from typing import Annotated

import typer
from tebura_contract.clock import rfc3339

from tebura_gateway.cli_options import ConfigOption, JsonOption, load, transaction

app = typer.Typer(help="Addresses that are told what happens.", no_args_is_help=True)

Webhook = Annotated[str, typer.Argument(help="Its name, as wh-…")]


@app.command(
    "add",
    epilog="Example: tebura-gateway webhook add -c gateway.toml https://shop.example/hook "
    "--kind receipt.issued",
)
def add(
    config: ConfigOption,
    url: Annotated[str, typer.Argument(help="https, or http on this machine.")],
    kind: Annotated[list[str], typer.Option("--kind", help="A kind of fact; may be repeated.")],
) -> None:
    """Tell an address of these facts from now on; prints its name and secret."""
    from tebura_gateway.domain.webhook import secret_of, shown_secret
    from tebura_gateway.service import outgoing

    loaded = load(config)
    with transaction(loaded) as tx:
        added = outgoing.add(tx, url, kind)
    typer.echo(f"{added.id}  {shown_secret(secret_of(loaded.http_secret, added.id))}")


@app.command("list", epilog="Example: tebura-gateway webhook list -c gateway.toml --json")
def list_(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show all webhooks, those that ended too, with how many messages wait or were given up."""
    from tebura_gateway.service import outgoing

    with transaction(load(config)) as tx:
        found = outgoing.webhooks(tx.connection, tx.store)
        states = outgoing.tally(tx.connection, tx.store)
    for one in found:
        shown = {
            "id": one.id,
            "url": one.url,
            "kinds": list(one.kinds),
            "created": rfc3339(one.created_ns),
            "ended": rfc3339(one.ended_ns) if one.ended_ns is not None else None,
            "messages": states.get(one.id, {}),
        }
        ended = f"  ended {shown['ended']}" if one.ended_ns is not None else ""
        text = f"{one.id}  {one.url}  {' '.join(one.kinds)}  {states.get(one.id, {})}{ended}"
        typer.echo(json.dumps(shown) if as_json else text)


@app.command("end", epilog="Example: tebura-gateway webhook end -c gateway.toml wh-0123456789ab")
def end(config: ConfigOption, webhook: Webhook) -> None:
    """Tell an address nothing more."""
    from tebura_gateway.service import outgoing

    with transaction(load(config)) as tx:
        outgoing.end(tx, webhook)
    typer.echo(f"{webhook}  ended")


@app.command(
    "replay", epilog="Example: tebura-gateway webhook replay -c gateway.toml wh-0123456789ab"
)
def replay(
    config: ConfigOption,
    webhook: Webhook,
    message: Annotated[str, typer.Option(help="One message; without it all given up.")] = "",
) -> None:
    """Send again what was given up; the running gateway does it within a second."""
    from tebura_gateway.service import outgoing

    with transaction(load(config)) as tx:
        count = outgoing.replay(tx, webhook, message or None)
    typer.echo(f"{count} messages are sent again")
