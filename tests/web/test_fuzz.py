"""The API under input nobody would send: every answer is one that its document announces.

Schemathesis makes the input from the OpenAPI document, within its rules and against them; behind
the application are the real services over a database with a day's business in it.
"""

import dataclasses
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tebura_gateway.adapters.services import WriterServices
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.api.app import create_app, routed
from tebura_gateway.service import outgoing

from tests.gateway.conftest import postgres  # noqa: F401  # a fixture
from tests.web.showcase import STAFF_TOKEN, Showcase, serving
from tests.web.test_paging import fill
from tests.web.test_reading import Counter, opened

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(routed().openapi())
OPERATIONS = {
    f"{method.upper()} {path}": (path, method)
    for path in SCHEMA
    for method in SCHEMA[path]
    # A stream does not end.
    if path != "/api/v1/stream"
}
FEW, MANY = 25, 250


class Live(Showcase):
    """The real services and reads, without broker and provider."""

    counter: Counter
    writer: Writer

    @property
    def views(self) -> Any:
        return self.counter.views

    @property
    def services(self) -> Any:
        return WriterServices(self.writer)

    def is_writable(self) -> bool:
        return self.writer.is_healthy


@contextmanager
def shop_at(folder: Path, port: int, database: str) -> Iterator[str]:
    with opened(folder, database) as counter:
        fill(counter)
        counter.shop = dataclasses.replace(counter.shop, has_online_shop=True)
        counter.do(lambda tx, _: outgoing.add(tx, "https://shop.example/", ["stock.changed"]))
        shop = Live()
        shop.counter = counter
        now_ns = int(counter.views.visits()[0].entered_ns) + 10**12
        shop.time_ns = now_ns
        shop.writer = Writer(
            counter.database,
            counter.shop,
            lambda: now_ns,
            on_commit=lambda _: None,
            on_call=lambda _: None,
        )
        shop.writer.start()
        try:
            with serving(create_app(shop), shop, port) as server:
                yield server.address
            assert shop.writer.is_alive, "a request has ended the writer"
        finally:
            shop.writer.stop()


@pytest.fixture(scope="module", params=["sqlite"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    database = "sqlite:///gateway.db"
    if request.param == "postgres":
        database = request.getfixturevalue("postgres").fresh()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with shop_at(tmp_path_factory.mktemp("fuzz"), port, database) as found:
        yield found


def fuzz(address: str, name: str, examples: int) -> None:
    path, method = OPERATIONS[name]
    operation = SCHEMA[path][method]
    modes = st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    cases = modes.flatmap(lambda mode: operation.as_strategy(generation_mode=mode))

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def run(case: Any) -> None:
        headers = {"authorization": f"Bearer {STAFF_TOKEN}"}
        case.call_and_validate(address, headers=headers, checks=CHECKS)

    run()


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_input_is_answered_with_anything_but_what_is_announced(address: str, name: str) -> None:
    fuzz(address, name, FEW)


@pytest.mark.long
@pytest.mark.parametrize("address", ["sqlite", "postgres"], indirect=True, scope="module")
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_input_of_many_is_answered_with_anything_else(address: str, name: str) -> None:
    fuzz(address, name, MANY)
