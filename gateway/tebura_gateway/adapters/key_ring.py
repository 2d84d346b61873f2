"""Recognises API keys from any thread, and notes now and then that one was used."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine
from tebura_contract.ids import StoreId

from tebura_gateway.service import api_keys
from tebura_gateway.service.api_keys import USE_NOTED_EVERY_NS, ApiKey


@dataclass(frozen=True, slots=True)
class KeyRing:
    """`note_use` gets a prefix, at most once a minute for each key; it must not wait."""

    engine: Engine
    store: StoreId
    now_ns: Callable[[], int]
    note_use: Callable[[str], None]
    # Prefix to when its use was noted; no longer than the table of keys.
    _noted_ns: dict[str, int] = field(default_factory=dict)

    def holder(self, key: str) -> ApiKey | None:
        """Whose key this is, while it is in use."""
        with self.engine.connect() as connection:
            found = api_keys.find(connection, self.store, key)
        if found is not None:
            self._note(found)
        return found

    def _note(self, key: ApiKey) -> None:
        now_ns = self.now_ns()
        last_ns = max(self._noted_ns.get(key.prefix, 0), key.used_ns or 0)
        if now_ns - last_ns >= USE_NOTED_EVERY_NS:
            self._noted_ns[key.prefix] = now_ns
            self.note_use(key.prefix)
