"""A real Medusa, from npm and over a real PostgreSQL: the outside check of the online shop.

It is a download of 700 MB, so it is installed by hand, into a folder outside this repository:
``python -m tests.gateway.medusa_shop FOLDER``. Tests find it by TEBURA_MEDUSA=FOLDER.
"""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

VERSION = "2.21.2"
PACKAGE = {
    "name": "online-shop",
    "private": True,
    "dependencies": {f"@medusajs/{part}": VERSION for part in ("medusa", "framework", "cli")},
}
CONFIG = """
const { defineConfig } = require("@medusajs/framework/utils")
module.exports = defineConfig({
  admin: { disable: true },
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { ssl: false },
    http: {
      jwtSecret: process.env.TEST_SECRET,
      cookieSecret: process.env.TEST_SECRET,
      storeCors: "*",
      adminCors: "*",
      authCors: "*",
    },
  },
})
"""
START_TIMEOUT_S = 600.0
STAFF = {"email": "staff@shop.example", "password": "the-shop-s-own"}


def install(folder: Path) -> None:
    """Put it there; again changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps(PACKAGE, indent=1))
    (folder / "medusa-config.js").write_text(CONFIG)
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(["npm", "install", *quiet], cwd=folder, check=True)


@dataclass
class MedusaShop:
    """One that is running. Its regions add no taxes; `channel` is where purchases are filed."""

    address: str
    key: str
    channel: str
    regions: dict[str, str]
    store_key: str
    _tokens: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def register(self, email: str, has_account: bool = True) -> str:
        """A customer's id; without an account they only once ordered as a guest."""
        if not has_account:
            return str(self.admin("POST", "customers", {"email": email})["customer"]["id"])
        who = {"email": email, "password": "a-shopper-s-own"}
        token = self._ask("POST", "/auth/customer/emailpass/register", who)["token"]
        fields = self._as_shopper(token)
        customer = self._ask("POST", "/store/customers", {"email": email}, fields)["customer"]
        self._tokens[customer["id"]] = self._ask("POST", "/auth/customer/emailpass", who)["token"]
        return str(customer["id"])

    def orders(self, customer: str) -> list[Any]:
        """What a customer, signed in to the shop, is shown."""
        wanted = "status,total,credit_line_total,metadata,*items,*payment_collections"
        fields = self._as_shopper(self._tokens[customer])
        found = self._ask("GET", f"/store/orders?fields={wanted}", None, fields)
        return list(found["orders"])

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        key = base64.b64encode(f"{self.key}:".encode()).decode()
        return self._ask(method, f"/admin/{path}", body, {"Authorization": f"Basic {key}"})

    def _as_shopper(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "x-publishable-api-key": self.store_key}

    def _ask(
        self, method: str, path: str, body: Any = None, fields: dict[str, str] | None = None
    ) -> Any:
        return _ask(self.address, method, path, body, fields)


def _ask(
    address: str, method: str, path: str, body: Any, fields: dict[str, str] | None = None
) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(fields or {})}
    request = urllib.request.Request(address + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=120.0) as answer:
        return json.loads(answer.read(), parse_float=Decimal)


@contextmanager
def running(folder: Path, database: str, port: int, log: Path) -> Iterator[MedusaShop]:
    """Start it over an empty database, with a member of staff, a channel and two regions."""
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "TEST_SECRET": "s" * 32,
        "MEDUSA_DISABLE_TELEMETRY": "true",
        "NODE_ENV": "production",
    }
    program = str(folder / "node_modules" / ".bin" / "medusa")

    def do(*arguments: str) -> None:
        with log.open("ab") as said:
            subprocess.run(
                [program, *arguments], cwd=folder, env=environment, stdout=said, check=True
            )

    do("db:migrate", "--skip-scripts")
    do("user", "-e", STAFF["email"], "-p", STAFF["password"])
    address = f"http://127.0.0.1:{port}"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [program, "start", "-H", "127.0.0.1", "-p", str(port)],
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=said,
        )
    try:
        _wait(address, process)
        yield _furnished(address)
    finally:
        process.terminate()
        process.wait(30.0)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"Medusa ended with {process.returncode} at its start")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2.0):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"Medusa does not answer after {START_TIMEOUT_S} s")


def _furnished(address: str) -> MedusaShop:
    token = _ask(address, "POST", "/auth/user/emailpass", STAFF)["token"]
    staff = {"Authorization": f"Bearer {token}"}

    def made(what: str, body: Any) -> Any:
        (found,) = _ask(address, "POST", f"/admin/{what}", body, staff).values()
        return found

    channel = made("sales-channels", {"name": "In the store"})["id"]
    regions = {
        code: made("regions", {"name": code, "currency_code": code, "automatic_taxes": False})["id"]
        for code in ("jpy", "usd")
    }
    public = made("api-keys", {"title": "pages", "type": "publishable"})
    made(f"api-keys/{public['id']}/sales-channels", {"add": [channel]})
    secret = made("api-keys", {"title": "tebura", "type": "secret"})
    return MedusaShop(address, secret["token"], channel, regions, public["token"])


if __name__ == "__main__":
    install(Path(sys.argv[1]).expanduser())
