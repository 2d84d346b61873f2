"""Who is asking: a shopper's or staff's session, a program's key; and that a form is ours."""

import hashlib
import hmac
from collections import deque
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.exceptions import HTTPException
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId

from tebura_gateway.api.runtime import Runtime
from tebura_gateway.api.signing import (
    SESSION_S,
    STAFF_SESSION_S,
    Purpose,
    form_token,
    issue,
    recognise,
)
from tebura_gateway.service.api_keys import ALL_SCOPES, Scope
from tebura_gateway.service.views import MemberView

SHOPPER_COOKIE: Final = "tebura_session"
STAFF_COOKIE: Final = "tebura_staff"
EXIT_COOKIE: Final = "tebura_exit"
MAX_FAILURES: Final = 10
"""Wrong tokens and keys a minute, from everywhere together; then nobody may try for its rest."""


KEY: Final = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="An API key with the scopes that the call names, or the staff token.",
)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A program; `id` never changes its meaning, `name` is what people called it."""

    id: str
    name: str
    scopes: frozenset[Scope]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in person and the token that their forms must carry."""

    subject: str
    form: str


class SignInNeeded(Exception):
    """A page for signed-in people only; `where` is the page to sign in at."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(where)


class Failures:
    """Counts failed tries of the last minute."""

    def __init__(self) -> None:
        self._at_ns: deque[int] = deque(maxlen=MAX_FAILURES)

    def is_locked(self, now_ns: int) -> bool:
        return len(self._at_ns) == MAX_FAILURES and now_ns - self._at_ns[0] < 60 * SECOND_NS

    def note(self, now_ns: int) -> None:
        self._at_ns.append(now_ns)


def runtime_of(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]


def shopper_of(request: Request, runtime: RuntimeDep) -> Session:
    """The signed-in member.

    Raises:
        SignInNeeded: If there is none.
    """
    session = _session(request, runtime, Purpose.SHOPPER, SHOPPER_COOKIE)
    if session is None:
        raise SignInNeeded("/")
    return session


def member_of(runtime: RuntimeDep, session: Annotated[Session, Depends(shopper_of)]) -> MemberView:
    """The member behind the session, as they are now.

    Raises:
        SignInNeeded: If the member is gone.
    """
    member = runtime.views.member(MemberId(session.subject))
    if member is None:
        raise SignInNeeded("/")
    return member


def staff_of(request: Request, runtime: RuntimeDep) -> Session:
    """The signed-in staff.

    Raises:
        SignInNeeded: If nobody is signed in.
    """
    session = _session(request, runtime, Purpose.STAFF, STAFF_COOKIE)
    if session is None or not runtime.web.staff_token:
        raise SignInNeeded("/staff/sign-in")
    return session


def exit_of(request: Request, runtime: RuntimeDep) -> Session:
    """The screen at the exit.

    Raises:
        SignInNeeded: If staff have not signed it in.
    """
    session = _session(request, runtime, Purpose.EXIT, EXIT_COOKIE)
    if session is None or not runtime.web.exit_token:
        raise SignInNeeded("/exit/sign-in")
    return session


def caller_of(
    request: Request,
    runtime: RuntimeDep,
    needed: SecurityScopes,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(KEY)],
) -> Caller:
    """Whoever holds an API key, or the staff token, which opens everything.

    Raises:
        HTTPException: 401 without it, 403 where it does not open this, 429 after too many wrong
            ones.
    """
    caller = _recognised(runtime, given.credentials) if given is not None else None
    if caller is None:
        failures: Failures = request.app.state.failures
        if given is not None:
            if failures.is_locked(runtime.now_ns()):
                raise HTTPException(429, "problem.try_later", headers={"Retry-After": "60"})
            failures.note(runtime.now_ns())
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    missing = [scope for scope in needed.scopes if scope not in caller.scopes]
    if missing:
        wanted = " ".join(missing)
        challenge = f'Bearer error="insufficient_scope", scope="{wanted}"'
        raise HTTPException(
            403, f"this key lacks {wanted}", headers={"WWW-Authenticate": challenge}
        )
    return caller


def still_opens(runtime: Runtime, token: str, *scopes: Scope) -> bool:
    """Whether a key that opened something some time ago would still do so."""
    caller = _recognised(runtime, token)
    return caller is not None and caller.scopes.issuperset(scopes)


def _recognised(runtime: Runtime, token: str) -> Caller | None:
    if is_staff_token(runtime, token):
        return Caller(id="staff", name="api", scopes=ALL_SCOPES)
    key = runtime.holder(token)
    if key is None:
        return None
    return Caller(id=key.prefix, name=key.name, scopes=key.scopes)


def needs(*scopes: Scope) -> Any:
    """What a route of the API demands of the key."""
    return Security(caller_of, scopes=[scope.value for scope in scopes])


ShopperDep = Annotated[Session, Depends(shopper_of)]
MemberDep = Annotated[MemberView, Depends(member_of)]
StaffDep = Annotated[Session, Depends(staff_of)]
ExitDep = Annotated[Session, Depends(exit_of)]


def is_staff_token(runtime: Runtime, text: str) -> bool:
    return _is_token(runtime.web.staff_token, text)


def is_exit_token(runtime: Runtime, text: str) -> bool:
    return _is_token(runtime.web.exit_token, text)


def _is_token(expected: str, text: str) -> bool:
    """Compared by hash, so that neither content nor length shows in the time it takes."""
    given, wanted = (hashlib.sha256(token.encode()).digest() for token in (text, expected))
    return bool(expected) and hmac.compare_digest(given, wanted)


def sign_in(request: Request, response: Response, runtime: Runtime, member: MemberId) -> None:
    """Give the browser a shopper's session."""
    token = issue(runtime.web.secret, Purpose.SHOPPER, member, runtime.now_ns(), SESSION_S)
    # Lax: the link is opened from a mail or a message.
    response.set_cookie(
        SHOPPER_COOKIE,
        token,
        max_age=SESSION_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def sign_in_staff(request: Request, response: Response, runtime: Runtime, name: str) -> None:
    """Give the browser a staff session in somebody's name: what they decide is kept under it."""
    token = issue(runtime.web.secret, Purpose.STAFF, name, runtime.now_ns(), STAFF_SESSION_S)
    response.set_cookie(
        STAFF_COOKIE,
        token,
        max_age=STAFF_SESSION_S,
        path="/staff",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def sign_in_exit(request: Request, response: Response, runtime: Runtime) -> None:
    """Give the screen at the exit its session."""
    token = issue(runtime.web.secret, Purpose.EXIT, "exit", runtime.now_ns(), SESSION_S)
    response.set_cookie(
        EXIT_COOKIE,
        token,
        max_age=SESSION_S,
        path="/exit",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def require_own_form(session: Session, given: str) -> None:
    """Refuse a form that another site made.

    Raises:
        HTTPException: 403 if the token is not this session's.
    """
    if not hmac.compare_digest(session.form.encode(), given.encode()):
        raise HTTPException(403, "problem.form_old")


def require_same_site(request: Request) -> None:
    """Refuse a form sent from another site to someone not signed in yet.

    Raises:
        HTTPException: 403 if the browser says so.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "problem.form_old")


def _session(request: Request, runtime: Runtime, purpose: Purpose, cookie: str) -> Session | None:
    secret = runtime.web.secret
    token = recognise(secret, purpose, request.cookies.get(cookie, ""), runtime.now_ns())
    if token is None:
        return None
    return Session(subject=token.subject, form=form_token(secret, token.nonce))
