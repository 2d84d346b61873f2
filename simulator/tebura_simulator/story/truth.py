"""What really happened in a scenario, and who has to pay for what.

Whoever takes a package off a shelf pays for it until any hand puts that package back on a shelf,
be it in a wrong place or by somebody else. Handed over, carried out or left on the floor it stays
the taker's.
"""

from collections import Counter

from tebura_contract.truth import OutcomeKind, TrueEvent, TrueReceipt, Truth, layout_name

from tebura_simulator.story.timeline import Action, ActionKind, Timeline

_KINDS = {
    ActionKind.TAKE: OutcomeKind.PICK,
    ActionKind.PUT_BACK: OutcomeKind.RETURN,
    ActionKind.REFILL: OutcomeKind.REFILL,
    ActionKind.LAY: OutcomeKind.FOREIGN,
    ActionKind.RETRIEVE: OutcomeKind.FOREIGN,
}


def truth_of(timeline: Timeline) -> Truth:
    """Events and receipts of a scenario.

    People go by the account that pays, else by their own id. Guests are on their host's receipt;
    staff have none, and whatever they take or put is a `refill`.
    """
    account = {p.shopper: str(p.member or p.shopper) for p in timeline.passages}
    staff = {p.shopper for p in timeline.passages if p.is_staff}
    sku_of = {item.id: str(item.sku) for item in timeline.items(0.0)}
    taker: dict[str, str] = {}
    for action in timeline.actions:
        for package in action.items:
            if action.kind is ActionKind.TAKE:
                taker[package] = action.shopper
            else:
                taker.pop(package, None)
    receipts: dict[str, Counter[str]] = {
        account[p.shopper]: Counter() for p in timeline.passages if not p.is_staff
    }
    for package, shopper in taker.items():
        if shopper not in staff:
            receipts[account[shopper]][sku_of[package]] += 1
    return Truth(
        events=tuple(
            _event(action, account[action.shopper], is_staffs=action.shopper in staff)
            for action in timeline.actions
        ),
        receipts=tuple(
            TrueReceipt(shopper=name, items=dict(items)) for name, items in receipts.items()
        ),
    )


def _event(action: Action, shopper: str, *, is_staffs: bool) -> TrueEvent:
    gondola, shelf, _ = action.facing.split("/")
    kind = _KINDS[action.kind]
    if is_staffs and kind is not OutcomeKind.FOREIGN:
        kind = OutcomeKind.REFILL
    return TrueEvent(
        kind=kind,
        time_s=action.t_s,
        gondola=layout_name(gondola),
        shelf=layout_name(shelf),
        plates=tuple(layout_name(plate.rsplit("/", 1)[-1]) for plate in action.plates),
        sku=action.sku,
        quantity=action.quantity,
        shopper=shopper,
    )
