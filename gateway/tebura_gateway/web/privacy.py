"""What the shop keeps of people: the notice, the sign at the door, one's own data to take along."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from tebura_gateway.api.access import MemberDep, RuntimeDep
from tebura_gateway.service.consents import KEPT_NS as CONSENT_KEPT_NS
from tebura_gateway.service.pruning import KEPT_FACE_NS, KEPT_NS, KEPT_SEEN_NS
from tebura_gateway.web.answers import WordsDep, page
from tebura_gateway.web.language import Language, Words

router = APIRouter(include_in_schema=False)

_DAY_NS = 24 * 3600 * 1_000_000_000


@router.get("/privacy")
def notice(request: Request, words: WordsDep, runtime: RuntimeDep) -> Response:
    """The notice, with the times after which the gateway really throws things away."""
    values = {
        "issuer": runtime.issuer,
        "has_faces": runtime.faces is not None,
        "days": {
            "seen": KEPT_SEEN_NS // _DAY_NS,
            "evidence": KEPT_NS // _DAY_NS,
            "face": KEPT_FACE_NS // _DAY_NS,
            "consent": CONSENT_KEPT_NS // _DAY_NS,
        },
    }
    return page(request, words, "privacy.html", values)


@router.get("/privacy/sign")
def sign(request: Request, words: WordsDep, runtime: RuntimeDep) -> Response:
    """The sign at the door, to print: both languages on one sheet."""
    zone = runtime.layout.store.timezone
    values = {
        "issuer": runtime.issuer,
        "has_faces": runtime.faces is not None,
        "both": [Words(Language.JA, zone), Words(Language.EN, zone)],
        "address": str(request.base_url).rstrip("/") + "/privacy",
    }
    return page(request, words, "sign.html", values)


@router.get("/me/data.json")
def my_data(runtime: RuntimeDep, member: MemberDep) -> Response:
    """All that is kept about this member, as one document."""
    return Response(
        runtime.export(member.id),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="my-data.json"'},
    )
