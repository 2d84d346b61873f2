"""The shopper's face: the consent, the camera, coming in hands free, and all of it gone again."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from tebura_contract.codec import DecodeError, decode

from tebura_gateway.api.access import MemberDep, RuntimeDep, ShopperDep, require_own_form
from tebura_gateway.api.private import BodyDep, PrivateDep, address_of
from tebura_gateway.api.runtime import Faces
from tebura_gateway.service.consents import ConsentKind, text_of
from tebura_gateway.service.sealing import HALF_BYTES
from tebura_gateway.web.answers import WordsDep, page, see_other

router = APIRouter(include_in_schema=False)

FORM_HEADER: Final = "x-form"
CAMERA_POLICY: Final = "camera=(self), microphone=(), geolocation=()"


class _Half(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The phone's half of the key, and the token of its session's forms."""

    form: str
    half: bytes


def faces_of(runtime: RuntimeDep) -> Faces:
    """The faces, where the shop keeps any.

    Raises:
        HTTPException: 404 where it does not.
    """
    if runtime.faces is None:
        raise HTTPException(404)
    return runtime.faces


FacesDep = Annotated[Faces, Depends(faces_of)]


@router.get("/me/face")
def face(
    request: Request,
    words: WordsDep,
    session: ShopperDep,
    member: MemberDep,
    faces: FacesDep,
    told: str = "",
) -> Response:
    """Everything about one's face at one address."""
    values = {
        "form": session.form,
        "member": member,
        "face": faces.view(member.id),
        "face_text": text_of(ConsentKind.FACE, words.language),
        "hands_free_text": text_of(ConsentKind.HANDS_FREE, words.language),
        "notice": f"face.told_{told}" if words.has(f"face.told_{told}") else "",
    }
    answer = page(request, words, "face.html", values)
    answer.headers["permissions-policy"] = CAMERA_POLICY
    return answer


@router.post("/me/face/consent")
def agree(
    session: ShopperDep,
    member: MemberDep,
    faces: FacesDep,
    form: Annotated[str, Form()],
    kind: Annotated[ConsentKind, Form()],
    language: Annotated[str, Form(pattern="^(ja|en)$")],
    digest: Annotated[str, Form(max_length=64)],
) -> Response:
    """They have read these words and agree."""
    require_own_form(session, form)
    faces.agree(member.id, kind, language, digest)
    return see_other("/me/face")


@router.post("/me/face/enrolments")
def begin(
    session: ShopperDep, member: MemberDep, faces: FacesDep, body: BodyDep, _: PrivateDep
) -> Response:
    """Begin: the phone made a new half of a key."""
    given = _half(body)
    require_own_form(session, given.form)
    return JSONResponse({"ticket": faces.begin(member.id, given.half)}, 201)


@router.post("/me/face/enrolments/{ticket}/frames")
def add_frame(
    request: Request,
    session: ShopperDep,
    member: MemberDep,
    faces: FacesDep,
    ticket: str,
    body: BodyDep,
    _: PrivateDep,
) -> Response:
    """A picture from the phone's camera; kept in memory until a gate node takes it."""
    require_own_form(session, request.headers.get(FORM_HEADER, ""))
    faces.add_frame(ticket, member.id, body)
    return Response(status_code=204)


@router.post("/me/face/enrolments/{ticket}/end")
def submit(
    request: Request, session: ShopperDep, member: MemberDep, faces: FacesDep, ticket: str
) -> Response:
    """These are all."""
    require_own_form(session, request.headers.get(FORM_HEADER, ""))
    faces.submit(ticket, member.id)
    return Response(status_code=204)


@router.get("/me/face/enrolments/{ticket}")
def progress(words: WordsDep, member: MemberDep, faces: FacesDep, ticket: str) -> Response:
    """How far it is, and if it failed, why."""
    found = faces.progress(ticket, member.id)
    why = f"face.fault_{found.fault.replace('-', '_')}" if found.fault is not None else ""
    said = {"progress": found.progress.value, "why": words(why) if why else ""}
    return JSONResponse(said)


@router.post("/me/face/key")
def lend(
    request: Request,
    session: ShopperDep,
    member: MemberDep,
    faces: FacesDep,
    body: BodyDep,
    _: PrivateDep,
) -> Response:
    """The phone shows its code and lends its half, or is told that there is nothing to open."""
    given = _half(body)
    require_own_form(session, given.form)
    is_enrolled = faces.view(member.id).enrolled_ns is not None
    if is_enrolled:
        faces.lend(member.id, given.half, address_of(request))
    return JSONResponse({"state": "lent" if is_enrolled else "not-enrolled"})


@router.post("/me/face/hands-free")
def hands_free(
    session: ShopperDep,
    member: MemberDep,
    faces: FacesDep,
    form: Annotated[str, Form()],
    what: Annotated[str, Form(pattern="^(today|stop)$")],
) -> Response:
    """Hands free for half a day, or not any more."""
    require_own_form(session, form)
    if what == "today":
        faces.go_hands_free(member.id)
    else:
        faces.stop_hands_free(member.id)
    return see_other(f"/me/face?told={what}")


@router.post("/me/face/withdraw")
def withdraw(
    session: ShopperDep, member: MemberDep, faces: FacesDep, form: Annotated[str, Form()]
) -> Response:
    """Take the consent back: everything about their face goes now."""
    require_own_form(session, form)
    faces.erase(member.id)
    return see_other("/me/face?told=erased")


def _half(body: bytes) -> _Half:
    try:
        given = decode(body, _Half)
    except DecodeError as error:
        raise HTTPException(422, str(error)) from error
    if len(given.half) != HALF_BYTES:
        raise HTTPException(422, f"half: {HALF_BYTES} bytes are wanted")
    return given
