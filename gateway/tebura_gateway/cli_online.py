"""`tebura-gateway online …`: members' purchases on their way to the online shop."""

import json
from typing import Annotated

import typer
from tebura_contract.clock import rfc3339
from tebura_contract.ids import MemberId

from tebura_gateway.cli_options import ConfigOption, JsonOption, load, transaction

app = typer.Typer(help="The online shop's orders.", no_args_is_help=True)


@app.command("status", epilog="Example: tebura-gateway online status -c gateway.toml")
def status(config: ConfigOption, as_json: JsonOption = False) -> None:
    """How many purchases wait, since when, and the last reason why; 1 if some were given up."""
    from tebura_gateway.service import online_shop

    with transaction(load(config)) as tx:
        found = online_shop.standing(tx.connection, tx.store)
    if found is None:
        typer.echo("nothing was ever to be told")
        return
    since = rfc3339(found.since_ns) if found.since_ns is not None else None
    if as_json:
        said = {"waiting": found.waiting, "since": since, "given_up": found.given_up}
        typer.echo(json.dumps(said | {"answer": found.answer}, ensure_ascii=False))
    else:
        typer.echo(f"{found.waiting} waiting{f' since {since}' if since else ''}")
        typer.echo(f"{found.given_up} given up")
        if found.answer:
            typer.echo(f"the last answer: {found.answer}")
    if found.given_up:
        raise typer.Exit(1)


@app.command("retry", epilog="Example: tebura-gateway online retry -c gateway.toml")
def retry(config: ConfigOption) -> None:
    """Tell now what waits or was given up; the running gateway does it within a second."""
    from tebura_gateway.service import online_shop

    with transaction(load(config)) as tx:
        count = online_shop.retry(tx)
    typer.echo(f"{count} are told again")


@app.command("unlink", epilog="Example: tebura-gateway online unlink -c gateway.toml --id ID")
def unlink(
    config: ConfigOption,
    member: Annotated[str, typer.Option("--id", help="The member number.")],
) -> None:
    """Forget who a member is at the online shop; their orders there stay."""
    from tebura_gateway.service import online_shop

    with transaction(load(config)) as tx:
        online_shop.unlink(tx, MemberId(member))
    typer.echo(f"{member}  unlinked")


@app.command("link", epilog="Example: tebura-gateway online link -c gateway.toml --id ID --email A")
def link(
    config: ConfigOption,
    member: Annotated[str, typer.Option("--id", help="The member number.")],
    email: Annotated[str, typer.Option(help="Their address at the online shop.")] = "",
    subject: Annotated[str, typer.Option(help="The online shop's own name for them.")] = "",
) -> None:
    """Say who a member is at the online shop; what they bought here before goes there, too."""
    from tebura_gateway.service import online_shop

    with transaction(load(config)) as tx:
        online_shop.link(tx, MemberId(member), subject, email)
    typer.echo(f"{member}  linked")
