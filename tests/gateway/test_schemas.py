"""The documents for other programs say what the code does, and are in the repository as it is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tebura_contract.events import EVENT_TYPES
from tebura_contract.topics import CHANNELS
from tebura_gateway.api.problems import ProblemType
from tebura_gateway.cli_schema import as_text, documents

FOLDER = Path(__file__).resolve().parents[2] / "gateway" / "schemas"
DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_repository_holds_the_documents_of_this_version(
    name: str, require_file: Callable[[Path], Path]
) -> None:
    written = require_file(FOLDER / name).read_text(encoding="utf-8")
    assert written == as_text(DOCUMENTS[name]), (
        f"write it anew and read the difference: tebura-gateway schema -o {FOLDER}"
    )


def nodes_of(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from nodes_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from nodes_of(value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_leads_somewhere(name: str) -> None:
    references = {node["$ref"] for node in nodes_of(DOCUMENTS[name]) if "$ref" in node}
    assert references
    for reference in references:
        found: Any = DOCUMENTS[name]
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENTS["openapi.json"]["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_call_names_its_scopes_and_its_errors() -> None:
    assert DOCUMENTS["openapi.json"]["openapi"].startswith("3.1.")
    for path, method, operation in operations():
        if not path.startswith("/api/"):
            continue
        assert all(scopes for one in operation["security"] for scopes in one.values()), path
        assert {"401", "403", "429"} <= set(operation["responses"]), path
        for status, response in operation["responses"].items():
            is_problem = "application/problem+json" in response.get("content", {})
            assert is_problem == (status >= "4"), (path, status)
        if method != "get":
            names = [one["name"] for one in operation["parameters"]]
            assert "Idempotency-Key" in names, f"an unsafe call that cannot be repeated: {path}"


def test_only_what_moves_money_demands_a_key() -> None:
    needing = {
        path
        for path, _, operation in operations()
        for one in operation.get("parameters", [])
        if one["name"] == "Idempotency-Key" and one["required"]
    }
    assert needing == {"/api/v1/refunds"}


def test_lists_tell_of_the_next_page() -> None:
    lists = {
        path
        for path, method, operation in operations()
        if method == "get"
        and "array" in str(operation["responses"]["200"].get("content", {}).get("application/json"))
    }
    linked = {
        path
        for path, _, operation in operations()
        if "Link" in operation["responses"].get("200", {}).get("headers", {})
    }
    assert lists
    assert lists == linked


def test_all_types_of_problems_are_named() -> None:
    named = DOCUMENTS["openapi.json"]["components"]["schemas"]["ProblemType"]["enum"]
    assert named == [kind.value for kind in ProblemType]


def test_every_topic_and_event_is_described() -> None:
    document = DOCUMENTS["asyncapi.json"]
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == {channel.value for channel in CHANNELS}
    for channel, delivery in CHANNELS.items():
        action = "receive" if delivery.from_node else "send"
        operation = document["operations"][f"{action}-{channel.value}"]
        assert operation["bindings"]["mqtt"]["qos"] == delivery.qos
        assert operation["bindings"]["mqtt"]["retain"] == delivery.retain
    assert len(document["channels"]["event"]["messages"]) == len(EVENT_TYPES)
