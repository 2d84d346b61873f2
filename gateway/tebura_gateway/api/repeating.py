"""`Idempotency-Key`: an unsafe call that is repeated under it has one effect and one answer."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from pydantic import BaseModel
from starlette.responses import Response

from tebura_gateway.api.access import Caller, RuntimeDep, caller_of
from tebura_gateway.api.problems import ProblemType, Trouble
from tebura_gateway.api.runtime import Calls, Runtime
from tebura_gateway.service.idempotency import Answer, Asked
from tebura_gateway.service.views import Views

KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = r"^[\x21-\x7e]{1,200}$"
REPEATED = "Idempotent-Replayed"
"""Header of an answer that was given before."""

KeyHeader = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        pattern=KEY_PATTERN,
        description=(
            "A name of the caller's for this call, for example a UUID; remembered for a day. The "
            "same call under it again does nothing and is answered the same."
        ),
    ),
]


class UnderWay:
    """Keys of calls that are being answered now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: set[tuple[str, str]] = set()

    @contextmanager
    def claimed(self, asked: Asked) -> Iterator[None]:
        """Hold a key for the time of a call.

        Raises:
            Trouble: 409 if a call under it is still being answered.
        """
        key = (asked.caller, asked.key)
        with self._lock:
            if key in self._now:
                raise Trouble(
                    409,
                    ProblemType.UNDER_WAY,
                    "a call under this Idempotency-Key is still being answered",
                    headers={"Retry-After": "1"},
                )
            self._now.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._now.discard(key)


@dataclass(frozen=True)
class Unsafe:
    """One unsafe call, and whether it came under a key."""

    request: Request
    runtime: Runtime
    caller: Caller
    key: str | None
    under_way: UnderWay = field(repr=False)

    def answer(
        self, body: BaseModel | None, status: int, act: Callable[[Calls, Views], BaseModel]
    ) -> Answer:
        """Do it in one transaction with the answer, or give the answer of before.

        Args:
            body: The request as it was understood; another one under the same key is refused.
            status: What success is answered with.
            act: The call; what it returns is the answer's body.
        """

        def acted(calls: Calls, views: Views) -> Answer:
            return Answer(status=status, body=act(calls, views).model_dump_json())

        if self.key is None:
            return self.runtime.services.once(None, acted)
        asked = Asked(caller=self.caller.id, key=self.key, digest=self._digest(body))
        with self.under_way.claimed(asked):
            return self.runtime.services.once(asked, acted)

    def do(
        self, body: BaseModel | None, status: int, act: Callable[[Calls, Views], BaseModel]
    ) -> Response:
        """`answer` as an HTTP response."""
        return respond(self.answer(body, status, act))

    def _digest(self, body: BaseModel | None) -> str:
        target = f"{self.request.method} {self.request.url.path}?{self.request.url.query}\n"
        understood = body.model_dump_json() if body is not None else ""
        return hashlib.sha256((target + understood).encode()).hexdigest()


def respond(answer: Answer) -> Response:
    """The stored bytes as they are: they may be those of an older version."""
    headers = {REPEATED: "true"} if answer.is_repeat else {}
    return Response(answer.body, answer.status, headers, media_type="application/json")


def unsafe(
    request: Request,
    runtime: RuntimeDep,
    caller: Annotated[Caller, Security(caller_of)],
    key: KeyHeader = None,
) -> Unsafe:
    """A call that a repetition harms little or not at all: the key is up to the caller."""
    return Unsafe(request, runtime, caller, key, request.app.state.under_way)


def unsafe_with_key(call: Annotated[Unsafe, Depends(unsafe)]) -> Unsafe:
    """A call that moves money each time it is made: only under a key.

    Raises:
        Trouble: 400 without one.
    """
    if call.key is None:
        raise Trouble(400, ProblemType.KEY_MISSING, "this call needs an Idempotency-Key")
    return call


UnsafeDep = Annotated[Unsafe, Depends(unsafe)]
UnsafeWithKeyDep = Annotated[Unsafe, Depends(unsafe_with_key)]
