"""`/api/v1/webhooks`: who outside is told what happens, and what became of the messages."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from tebura_gateway.api import wire
from tebura_gateway.api.access import RuntimeDep, needs
from tebura_gateway.api.listing import LongPagingDep, PagingDep
from tebura_gateway.api.repeating import UnsafeDep, respond
from tebura_gateway.api.runtime import Calls
from tebura_gateway.domain.webhook import secret_of, shown_secret
from tebura_gateway.service.api_keys import Scope
from tebura_gateway.service.idempotency import Answer
from tebura_gateway.service.views import Views

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

WebhookPath = Annotated[str, Path(max_length=32, pattern=wire.PLAIN)]


@router.get("", dependencies=[needs(Scope.WEBHOOKS_READ)])
def webhooks(runtime: RuntimeDep, paging: LongPagingDep) -> list[wire.WebhookOut]:
    """All webhooks, those that ended too."""
    return [wire.webhook_out(one) for one in paging.cut_whole(runtime.views.webhooks(), str)]


@router.post(
    "",
    status_code=201,
    response_model=wire.WebhookOut,
    dependencies=[needs(Scope.WEBHOOKS_WRITE)],
)
def add_webhook(call: UnsafeDep, runtime: RuntimeDep, webhook: wire.WebhookIn) -> Response:
    """Tell an address of these kinds of facts from now on; keep the secret that is answered.

    Without a key a repetition makes a second webhook, which tells the same again.
    """

    def act(calls: Calls, _: Views) -> wire.WebhookOut:
        return wire.webhook_out(calls.add_webhook(webhook.url, webhook.kinds))

    answer = call.answer(webhook, 201, act)
    added = wire.WebhookOut.model_validate_json(answer.body)
    # Not stored with the answer: it can be made again, and only here.
    added.secret = shown_secret(secret_of(runtime.web.secret, added.id))
    body = added.model_dump_json()
    return respond(Answer(status=answer.status, body=body, is_repeat=answer.is_repeat))


@router.delete(
    "/{webhook}", response_model=wire.WebhookOut, dependencies=[needs(Scope.WEBHOOKS_WRITE)]
)
def end_webhook(call: UnsafeDep, webhook: WebhookPath) -> Response:
    """Tell an address nothing more; the same again changes nothing, so a key is not needed."""

    def act(calls: Calls, _: Views) -> wire.WebhookOut:
        return wire.webhook_out(calls.end_webhook(webhook))

    return call.do(None, 200, act)


@router.get("/{webhook}/deliveries", dependencies=[needs(Scope.WEBHOOKS_READ)])
def deliveries(
    runtime: RuntimeDep, paging: PagingDep, webhook: WebhookPath
) -> list[wire.DeliveryOut]:
    """Messages of a webhook, newest first."""
    after = paging.after(int, str)
    found = runtime.views.deliveries(webhook, limit=paging.ask, after=after)
    return [wire.delivery_out(one) for one in paging.cut(found)]


@router.post(
    "/{webhook}/replays",
    status_code=202,
    response_model=wire.ReplayOut,
    dependencies=[needs(Scope.WEBHOOKS_WRITE)],
)
def replay(call: UnsafeDep, webhook: WebhookPath, replay: wire.ReplayIn) -> Response:
    """Send one message again, or all that were given up; receivers know a repetition by its id."""

    def act(calls: Calls, _: Views) -> wire.ReplayOut:
        return wire.ReplayOut(count=calls.replay(webhook, replay.message))

    return call.do(replay, 202, act)
