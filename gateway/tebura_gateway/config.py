"""`gateway.toml`: parsed once, all problems together; touches no network."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace
from tebura_contract.config import ConfigError, load_toml
from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout, load_layout
from tebura_contract.settings import MqttSettings, beside

from tebura_gateway.domain.countries import UnknownCountry, rules_for
from tebura_gateway.domain.promotions import Promotion, Promotions, articles_of
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.domain.tax import TaxRules
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.online_config import OnlineShopConfig, OnlineShopSettings, read_online_shop
from tebura_gateway.payment_config import Payment, PaymentSettings, read_payments
from tebura_gateway.service.shop import HOUSE

MIN_KEY_BYTES = 32


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class HttpSettings(Table, frozen=True, kw_only=True):
    """Where the pages and the API are served; behind a TLS proxy where others can reach it.

    `staff_token_file` may be left out: then nobody is staff. `public_live` shows the shop at a
    glance to anyone: for demonstrations.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8080
    secret_file: str
    staff_token_file: str = ""
    public_live: bool = False


class InvoiceSettings(Table, frozen=True, kw_only=True):
    """Who issues the receipts; `registration` is T and 13 digits in Japan."""

    issuer: Annotated[str, msgspec.Meta(min_length=1)]
    registration: str
    address: str = ""


class SettlementSettings(Table, frozen=True, kw_only=True):
    """Who pays: `house` is the built-in tab, others are `[[payment]]` tables.

    `house_limit_minor` is what new members' tabs are good for. `hold_minor` is held at the entry,
    where the provider can. With `blocks_unpaid` who owes for a visit does not come in again. Who
    has not said what they pay with, where the provider asks for that, comes in only with
    `admits_without_means`, and then owes.
    """

    provider: str = HOUSE.name
    walk_up_provider: str = ""
    house_limit_minor: Annotated[int, msgspec.Meta(ge=0)] = 30_000
    hold_minor: Annotated[int, msgspec.Meta(ge=0)] = 0
    blocks_unpaid: bool = False
    admits_without_means: bool = False


class AfterSaleSettings(Table, frozen=True, kw_only=True):
    """Disputes up to `auto_refund_minor` are paid back at once, so many times a month and member.

    Refunds above `two_people_minor` need a second person; where it is left out, none does.
    """

    auto_refund_minor: Annotated[int, msgspec.Meta(ge=0)] = 0
    auto_refunds_a_month: Annotated[int, msgspec.Meta(ge=0)] = 3
    two_people_minor: Annotated[int, msgspec.Meta(ge=0)] | None = None


class WalkUpSettings(Table, frozen=True, kw_only=True):
    """The exit screen signs in with the token in `exit_token_file`.

    Above `correction_limit_minor` staff look before a list that a shopper corrected is charged.
    """

    exit_token_file: str
    correction_limit_minor: Annotated[int, msgspec.Meta(ge=0)] = 500


class FacesSettings(Table, frozen=True, kw_only=True):
    """Members may register their faces.

    `halves` is the folder of the shop's halves of their keys: back it up never, and with several
    gateways let all of them reach it. A phone that speaks from one of `store_networks` (as in
    ``192.168.7.0/24``) is in the store.
    """

    halves: str = "face-halves"
    store_networks: tuple[str, ...] = ()


class GatewaySettings(Table, frozen=True, kw_only=True):
    """The whole file; paths are relative to it."""

    layout: str
    database: str = "sqlite:///gateway.db"
    node_keys: str
    entry_key_file: str
    mqtt: MqttSettings = MqttSettings()
    http: HttpSettings
    invoice: InvoiceSettings
    settlement: SettlementSettings = SettlementSettings()
    payment: tuple[PaymentSettings, ...] = ()
    judgement: JudgementSettings = JudgementSettings()
    # A file of promotions; where it is left out there are none.
    promotions: str = ""
    # The shop's own rules of tax, where its country has none or rates are local.
    tax: TaxRules | None = None
    after_sale: AfterSaleSettings = AfterSaleSettings()
    # Shoppers without an account; where it is left out nobody comes in without a code.
    walk_up: WalkUpSettings | None = None
    # Where members also see their purchases; where it is left out, on our own pages alone.
    online_shop: OnlineShopSettings | None = None
    # Faces are registered only where this stands.
    faces: FacesSettings | None = None


@dataclass(frozen=True)
class GatewayConfig:
    """The file and what it points at, read and checked."""

    path: Path
    settings: GatewaySettings
    layout: Layout
    node_keys: dict[NodeId, bytes]
    entry_key: bytes
    http_secret: bytes
    staff_token: str
    promotions: tuple[Promotion, ...]
    exit_token: str
    payments: tuple[Payment, ...] = ()
    store_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    online_shop: OnlineShopConfig | None = None

    @property
    def issuer(self) -> Issuer:
        invoice = self.settings.invoice
        return Issuer(
            name=invoice.issuer, registration=invoice.registration, address=invoice.address
        )

    def mqtt_tls(self) -> tuple[str, str | None, str | None] | None:
        """Paths of authority, certificate and key, where the broker wants TLS."""
        mqtt = self.settings.mqtt
        if not mqtt.ca_file:
            return None
        own = [
            str(beside(self.path, name)) if name else None
            for name in (mqtt.cert_file, mqtt.key_file)
        ]
        return str(beside(self.path, mqtt.ca_file)), own[0], own[1]


def restart_needed(old: GatewayConfig, new: GatewayConfig) -> tuple[str, ...]:
    """What of a configuration differs that a running gateway cannot take up.

    Prices, names of articles, promotions and what holds after a sale can be taken up.
    """

    def fixed(config: GatewayConfig) -> dict[str, object]:
        settings = replace(config.settings, promotions="", after_sale=old.settings.after_sale)
        articles = tuple(
            replace(one, price_minor=0, name="", name_en="") for one in config.layout.product
        )
        return {
            "gateway.toml": settings,
            "layout": replace(config.layout, product=articles),
            "node_keys": config.node_keys,
            "entry_key_file": config.entry_key,
            "http": (config.http_secret, config.staff_token),
            "walk_up": config.exit_token,
            "payment": config.payments,
            "online_shop": config.online_shop,
        }

    before, after = fixed(old), fixed(new)
    return tuple(place for place in before if before[place] != after[place])


def load_config(path: Path) -> GatewayConfig:
    """Read `gateway.toml`, its layout and its keys.

    Raises:
        ConfigError: With all problems, each naming its place.
    """
    settings = load_toml(path, GatewaySettings)
    problems: list[str] = []
    layout = load_layout(beside(path, settings.layout))
    problems += _tax_problems(settings, layout)
    promotions = _promotions(path, settings, layout, problems)
    keys = {}
    for node in sorted(layout.nodes()):
        key = _key(beside(path, settings.node_keys) / f"{node}.key", "node_keys", problems)
        if key is not None:
            keys[node] = key
    entry_key = _key(beside(path, settings.entry_key_file), "entry_key_file", problems)
    secret = _key(beside(path, settings.http.secret_file), "http.secret_file", problems)
    token = ""
    if settings.http.staff_token_file:
        name = settings.http.staff_token_file
        token = _token(beside(path, name), "http.staff_token_file", problems)
    exit_token = ""
    if settings.walk_up is not None:
        name = settings.walk_up.exit_token_file
        exit_token = _token(beside(path, name), "walk_up.exit_token_file", problems)
    for place, name in (
        ("mqtt.ca_file", settings.mqtt.ca_file),
        ("mqtt.cert_file", settings.mqtt.cert_file),
        ("mqtt.key_file", settings.mqtt.key_file),
    ):
        if name:
            problems += _unreadable(beside(path, name), place)
    payments = read_payments(path, settings.payment, _providers_used(settings), problems)
    online_shop = read_online_shop(path, settings.online_shop, problems)
    if (settings.walk_up is not None) != bool(settings.settlement.walk_up_provider):
        problems.append("walk_up: [walk_up] and settlement.walk_up_provider need each other")
    networks = _networks(settings, problems)
    if problems:
        raise ConfigError(path, problems)
    assert entry_key is not None
    assert secret is not None
    return GatewayConfig(
        path,
        settings,
        layout,
        keys,
        entry_key,
        secret,
        token,
        promotions,
        exit_token,
        payments,
        networks,
        online_shop,
    )


def _networks(
    settings: GatewaySettings, problems: list[str]
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    found = []
    for text in settings.faces.store_networks if settings.faces is not None else ():
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            problems.append(f"faces.store_networks: {error}")
    return tuple(found)


def _providers_used(settings: GatewaySettings) -> tuple[tuple[str, str], ...]:
    return (
        ("settlement.provider", settings.settlement.provider),
        ("settlement.walk_up_provider", settings.settlement.walk_up_provider),
    )


def _tax_problems(settings: GatewaySettings, layout: Layout) -> list[str]:
    rules = settings.tax
    try:
        rules = rules if rules is not None else rules_for(layout.store.country)
    except UnknownCountry as error:
        return [f"layout: {error}"]
    if rules.is_registration(settings.invoice.registration):
        return []
    return [
        f"invoice.registration: {settings.invoice.registration!r} is none in "
        f"{layout.store.country}, where it is written {rules.registration}"
    ]


def _promotions(
    path: Path, settings: GatewaySettings, layout: Layout, problems: list[str]
) -> tuple[Promotion, ...]:
    """The promotions, whose articles the layout must know."""
    if not settings.promotions:
        return ()
    found = load_toml(beside(path, settings.promotions), Promotions).promotion
    known = layout.products()
    problems += [
        f"{settings.promotions}: promotion {one.id!r}: no article {sku!r}"
        for one in found
        for sku in articles_of(one)
        if sku not in known
    ]
    return found


def _unreadable(path: Path, place: str) -> list[str]:
    """What is wrong with a file that a library will open by its name."""
    try:
        path.open("rb").close()
    except OSError as error:
        return [f"{place}: {path} cannot be read: {error.strerror}"]
    return []


def _text(path: Path, place: str, problems: list[str]) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        problems.append(f"{place}: {path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{place}: {path} is no text")
    return None


def _key(path: Path, place: str, problems: list[str]) -> bytes | None:
    text = _text(path, place, problems)
    if text is None:
        return None
    if not re.fullmatch(r"([0-9a-fA-F]{2})+", text) or len(text) < 2 * MIN_KEY_BYTES:
        problems.append(f"{place}: {path} must hold at least {MIN_KEY_BYTES} bytes in hex")
        return None
    return bytes.fromhex(text)


def _token(path: Path, place: str, problems: list[str]) -> str:
    token = _text(path, place, problems)
    if token is not None and len(token) < 16:
        problems.append(f"{place}: {path} holds fewer than 16 characters")
    return token or ""
