"""What must not be read on the way: who may send it, and by which line."""

import ipaddress
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException


def require_private_line(request: Request) -> None:
    """Refuse a key or a template that travels in the clear; on one machine it may.

    Raises:
        HTTPException: 403 without TLS.
    """
    if request.url.scheme != "https" and not _is_this_machine(address_of(request)):
        raise HTTPException(403, "problem.needs_tls")


def address_of(request: Request) -> str:
    """Where a request comes from; behind the TLS proxy what that says."""
    return request.client.host if request.client is not None else ""


async def raw_body(request: Request) -> bytes:
    """The body as it came."""
    return await request.body()


BodyDep = Annotated[bytes, Depends(raw_body)]
PrivateDep = Annotated[None, Depends(require_private_line)]


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
