"""Tables that appear in more than one configuration file."""

from pathlib import Path
from typing import Annotated

import msgspec


class MqttSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach the broker.

    With `ca_file` the connection is TLS; `cert_file` and `key_file` are this node's own
    certificate, whose name is its MQTT user. Paths are relative to the file.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together")
        if self.cert_file and not self.ca_file:
            raise ValueError("a client certificate needs ca_file")


def beside(config: Path, name: str) -> Path:
    """A path written in a configuration file: relative ones start at the file's own folder."""
    return config.parent / name
