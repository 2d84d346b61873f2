"""Asks the payment provider, outside any transaction."""

from dataclasses import dataclass

from tebura_contract.ids import MemberId

from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import holding, refunding, settling
from tebura_gateway.service.ports import About, Answer, NoAnswer, PaymentProvider, ProviderCall
from tebura_gateway.service.transaction import Tx


@dataclass(frozen=True, slots=True)
class Said:
    """What came back: an answer, None for "never heard of it", or nothing at all."""

    answer: Answer | None
    is_known: bool


def perform(provider: PaymentProvider, call: ProviderCall) -> Said:
    """Make one call; a question is answered by what became of the key."""
    try:
        if call.asks:
            found = provider.find(call)
            if found is not None or call.about is About.SETTLEMENT:
                return Said(found, is_known=True)
        match call.call:
            case Call.AUTHORIZE:
                done = provider.authorize(call.key, MemberId(call.account), call.amount)
            case Call.CAPTURE:
                done = provider.capture(
                    call.key, MemberId(call.account), call.amount, call.reference or None
                )
            case Call.VOID:
                done = provider.void(call.key, call.reference)
            case Call.REFUND:
                done = provider.refund(call.key, call.reference, call.amount)
    except NoAnswer:
        return Said(None, is_known=False)
    return Said(done, is_known=True)


def take_answer(tx: Tx, call: ProviderCall, said: Said) -> None:
    """Put what came back where it belongs."""
    match call.about:
        case About.SETTLEMENT:
            settling.answer(tx, call, said.answer, said.is_known)
        case About.HOLD:
            holding.answer(tx, call, said.answer, said.is_known)
        case About.REFUND:
            refunding.answer(tx, call, said.answer, said.is_known)
