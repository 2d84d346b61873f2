"""Keys of programs over a real database and from the shell."""

import json
from pathlib import Path
from typing import Any

import pytest
from tebura_gateway.adapters.api_tables import api_key
from tebura_gateway.adapters.key_ring import KeyRing
from tebura_gateway.service import api_keys
from tebura_gateway.service.api_keys import Scope
from tebura_gateway.service.requests import Refused

from tests.gateway.core import Core
from tests.gateway.nodes import GatewayProcess
from tests.gateway.shop import STORE, ns

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


def create(core: Core, name: str = "till", *scopes: str) -> str:
    return core.do(lambda tx, _: api_keys.create(tx, name, scopes or ("visits:read",)))


def ring(core: Core, noted: list[str], at_s: float = 0.0) -> KeyRing:
    return KeyRing(core.database.reading, STORE, lambda: int(ns(at_s)), noted.append)


@BOTH
def test_a_key_is_recognised_with_its_scopes_until_it_is_revoked(core: Core) -> None:
    key = create(core, "till", "visits:read", "refunds:write")
    found = ring(core, []).holder(key)
    assert found is not None
    assert found.name == "till"
    assert found.scopes == frozenset({Scope.VISITS_READ, Scope.REFUNDS_WRITE})
    core.do(lambda tx, _: api_keys.revoke(tx, found.prefix))
    assert ring(core, []).holder(key) is None
    with pytest.raises(Refused):
        core.do(lambda tx, _: api_keys.revoke(tx, found.prefix))


def test_nothing_of_the_database_is_a_key(core: Core) -> None:
    key = create(core)
    (row,) = core.rows(api_key)
    assert key not in str(row)
    secret = key.rpartition("_")[2]
    wrong = [row.digest, row.prefix, f"tebura_{row.prefix}_{row.digest}", key[:-1], secret, ""]
    wrong += [f"tebura_{row.prefix}_{'0' * 64}", f"tebura_00000000_{secret}", key + "\n", key + "é"]
    for text in wrong:
        assert ring(core, []).holder(text) is None, text


def test_the_use_of_a_key_is_noted_once_a_minute(core: Core) -> None:
    key = create(core)
    noted: list[str] = []
    now = {"s": 0.0}
    held = KeyRing(core.database.reading, STORE, lambda: int(ns(now["s"])), noted.append)
    for at_s in (0.0, 30.0, 59.9):
        now["s"] = at_s
        held.holder(key)
    assert len(noted) == 1
    now["s"] = 60.0
    held.holder(key)
    assert len(noted) == 2
    core.do(lambda tx, _: api_keys.note_use(tx, noted[0]))
    (row,) = core.rows(api_key)
    assert row.used_ns == core.now_ns


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        pytest.param("till", ["everything"], id="unknown-scope"),
        pytest.param("till", [], id="no-scope"),
        pytest.param("The Till", ["visits:read"], id="bad-name"),
        pytest.param("first", ["visits:read"], id="name-in-use"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(core: Core, name: str, scopes: list[str]) -> None:
    create(core, "first")
    with pytest.raises(Refused):
        core.do(lambda tx, _: api_keys.create(tx, name, scopes))
    assert len(core.rows(api_key)) == 1


def test_keys_are_kept_from_the_shell(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path / "gw", 1883, 8080)
    gateway.write()

    def key(*arguments: str) -> Any:
        return gateway.cli("key", *arguments, "-c", str(gateway.config))

    made = key("create", "--name", "till", "--scope", "visits:read", "--scope", "stock:write")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert secret.startswith("tebura_")
    listed = json.loads(key("list", "--json").stdout)
    assert (listed["name"], listed["scopes"]) == ("till", ["stock:write", "visits:read"])
    assert secret not in str(listed)
    assert key("revoke", "till").returncode == 0
    assert json.loads(key("list", "--json").stdout)["revoked"] is not None
    refused = key("create", "--name", "till", "--scope", "money:all")
    assert refused.returncode == 2
    assert "money:all" in refused.stderr
    assert "visits:read" in refused.stderr
