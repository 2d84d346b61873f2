"""The same unsafe call again has no second effect and gets the answer of the first.

The answer is stored in the transaction of the effect: either both are there after a crash or
neither, so a caller that heard nothing repeats the call under the same key. A call that a rule
refused had no effect; it is not stored, and judged anew when it is repeated.
"""

from collections.abc import Callable

import msgspec
from sqlalchemy import delete
from tebura_contract.clock import SECOND_NS

from tebura_gateway.adapters.api_tables import api_answer
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

KEPT_NS = 24 * 3600 * SECOND_NS
"""So long a key is remembered; later it is a new one."""


class KeyReused(Refused):
    """The key came before with another request."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A call under a key of its caller's; `digest` tells one request from another."""

    caller: str
    key: str
    digest: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is answered; `is_repeat` where that was said before."""

    status: int
    body: str
    is_repeat: bool = False


def once(tx: Tx, asked: Asked | None, act: Callable[[], Answer]) -> Answer:
    """Do what is asked unless it was done under this key before; without a key, in any case.

    Raises:
        KeyReused: If the key came with another request.
        Refused: If a rule refuses it.
    """
    if asked is None:
        return act()
    stale = api_answer.c.asked_ns <= tx.now_ns - KEPT_NS
    tx.connection.execute(delete(api_answer).where(api_answer.c.store == tx.store, stale))
    key = {"caller": asked.caller, "key": asked.key}
    # The row comes first: where several gateways share a database, the second waits here.
    if tx.add_once(api_answer, **key, digest=asked.digest, status=0, body="", asked_ns=tx.now_ns):
        answer = act()
        tx.change(api_answer, key, status=answer.status, body=answer.body)
        return answer
    row = tx.get(api_answer, **key)
    assert row is not None
    if row.digest != asked.digest:
        raise KeyReused("this Idempotency-Key came before with another request")
    return Answer(status=row.status, body=row.body, is_repeat=True)
