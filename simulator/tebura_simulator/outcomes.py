"""What a replay says happened, in the reference schema (`tebura_contract.truth.Outcome`)."""

from collections.abc import Iterable

from tebura_contract.clock import seconds
from tebura_contract.ids import PlateId, ShelfId
from tebura_contract.truth import Outcome, OutcomeCandidate, OutcomeKind, layout_name
from tebura_gateway.domain.decision import Decision, Status, StepKind
from tebura_gateway.domain.judgement import Judgement

DIGITS_G = 2
DIGITS_S = 3
DIGITS_SHARE = 4


def outcomes(judgement: Judgement, start_ns: int) -> list[Outcome]:
    """One outcome a step, in order of time. `start_ns` is the first sample's store time."""
    ordered = sorted(judgement.decisions.values(), key=lambda d: (d.from_ns, d.id))
    return [outcome(decision, start_ns) for decision in ordered]


def outcome(decision: Decision, start_ns: int) -> Outcome:
    """One decision as a line of a replay; one that still waits counts as a review."""
    gondola, shelf = _names(decision.shelf)
    return Outcome(
        kind=_kind(decision),
        time_s=round(seconds(decision.from_ns - start_ns), DIGITS_S),
        gondola=gondola,
        shelf=shelf,
        plates=tuple(_plate_names(decision.plates)),
        sku=decision.sku,
        quantity=abs(decision.quantity),
        delta_g=round(decision.delta_g, DIGITS_G),
        confidence=round(decision.confidence, DIGITS_SHARE),
        candidates=tuple(
            OutcomeCandidate(
                sku=guess.sku,
                quantity=guess.quantity,
                probability=round(guess.probability, DIGITS_SHARE),
            )
            for guess in decision.candidates
        ),
        track=decision.track,
        visit=decision.visit,
        reason=decision.reason.value,
    )


def _kind(decision: Decision) -> OutcomeKind:
    if decision.kind is StepKind.FOREIGN:
        return OutcomeKind.FOREIGN
    if decision.status is not Status.DECIDED:
        return OutcomeKind.REVIEW
    return OutcomeKind.PICK if decision.kind is StepKind.PICK else OutcomeKind.RETURN


def _names(shelf: ShelfId) -> tuple[int | str, int | str]:
    gondola, _, name = shelf.partition("/")
    return layout_name(gondola), layout_name(name)


def _plate_names(plates: Iterable[PlateId]) -> Iterable[int | str]:
    return (layout_name(plate.rsplit("/", 1)[-1]) for plate in plates)
