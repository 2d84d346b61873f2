"""The `[online_shop]` table of `gateway.toml`: where members also see what they bought here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from tebura_contract.settings import beside

from tebura_gateway.domain.webhook import BadAddress, check_address

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class OnlineShopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Medusa shop: `key_file` holds a secret key of its Admin API.

    `region` is one in the store's currency that adds no taxes, `sales_channel` what its orders are
    filed under; both are Medusa's ids.
    """

    kind: Literal["medusa"]
    address: str
    key_file: str
    region: _Name
    sales_channel: _Name


@dataclass(frozen=True, slots=True)
class OnlineShopConfig:
    """The table, with its secret."""

    settings: OnlineShopSettings
    key: str


def read_online_shop(
    path: Path, settings: OnlineShopSettings | None, problems: list[str]
) -> OnlineShopConfig | None:
    """Read the key and check the address; what is wrong is added to `problems`."""
    if settings is None:
        return None
    try:
        check_address(settings.address)
    except BadAddress as error:
        problems.append(f"online_shop.address: {error}")
    file = beside(path, settings.key_file)
    try:
        key = file.read_text(encoding="ascii").strip()
    except OSError as error:
        problems.append(f"online_shop.key_file: {file} cannot be read: {error.strerror}")
        return None
    except UnicodeDecodeError:
        problems.append(f"online_shop.key_file: {file} is no text")
        return None
    if not key or not key.isprintable():
        problems.append(f"online_shop.key_file: {file} holds no key")
    return OnlineShopConfig(settings, key)
