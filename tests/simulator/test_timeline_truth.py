"""Who has to pay for what a scenario's people do."""

from pathlib import Path

import pytest
from tebura_contract.ids import FacingId, MemberId, Sku
from tebura_contract.layout import load_layout
from tebura_contract.truth import OutcomeKind, Truth
from tebura_simulator import demo
from tebura_simulator.story.scenario import Deed, Part, Scenario, ShopperScript, Step
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.truth import truth_of

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
TEA, WATER = Sku("green-tea"), Sku("mineral-water")
TEA_PLACE, WATER_PLACE = FacingId("g1/s1/f4"), FacingId("g1/s1/f2")
TAKE = Step(action=Deed.TAKE, sku=TEA)
GIVE = Step(action=Deed.HAND_OVER, sku=TEA, to="b")
DROP = Step(action=Deed.DROP, sku=TEA)
PICK_UP = Step(action=Deed.PICK_UP, sku=TEA)
BACK = Step(action=Deed.PUT_BACK, sku=TEA)


def shopper(name: str, *steps: Step, enter_s: float = 0.5) -> ShopperScript:
    return ShopperScript(id=name, member=MemberId(f"member-{name}"), enter_s=enter_s, do=steps)


def truth(*people: ShopperScript, stock: dict[FacingId, int] | None = None) -> Truth:
    return truth_of(
        Timeline(Scenario(name="try", duration_s=240, shopper=people, stock=stock or {}), LAYOUT)
    )


def receipts(*people: ShopperScript, stock: dict[FacingId, int] | None = None) -> dict[str, object]:
    return {r.shopper: r.items for r in truth(*people, stock=stock).receipts}


@pytest.mark.parametrize(
    ("a", "b", "paid_by_a"),
    [
        pytest.param([TAKE], [], {"green-tea": 1}, id="taken"),
        pytest.param([TAKE, BACK], [], {}, id="put-back"),
        pytest.param([TAKE, GIVE], [], {"green-tea": 1}, id="handed-over"),
        pytest.param([TAKE, GIVE], [BACK], {}, id="handed-over-and-put-back-by-the-other"),
        pytest.param([TAKE, DROP], [], {"green-tea": 1}, id="left-on-the-floor"),
        pytest.param([TAKE, DROP], [PICK_UP], {"green-tea": 1}, id="picked-up-by-the-other"),
        pytest.param([TAKE, DROP], [PICK_UP, BACK], {}, id="picked-up-and-put-back"),
    ],
)
def test_the_taker_pays_until_any_hand_puts_the_package_back(
    a: list[Step], b: list[Step], paid_by_a: dict[str, int]
) -> None:
    assert receipts(shopper("a", *a), shopper("b", *b, enter_s=6.0)) == {
        "member-a": paid_by_a,
        "member-b": {},
    }


def test_a_wrong_place_counts_as_back_and_the_next_taker_pays() -> None:
    wrong = Step(action=Deed.PUT_BACK, sku=TEA, facing=WATER_PLACE)
    found = Step(action=Deed.TAKE, sku=TEA, facing=WATER_PLACE)
    assert receipts(
        shopper("a", TAKE, wrong), shopper("b", found, enter_s=40.0), stock={WATER_PLACE: 3}
    ) == {"member-a": {}, "member-b": {"green-tea": 1}}


def test_who_puts_back_what_another_one_took_credits_that_one_alone() -> None:
    a = shopper("a", TAKE, GIVE)
    b = shopper("b", BACK, enter_s=6.0)
    c = shopper("c", TAKE, enter_s=9.0)
    told = truth(a, b, c)
    assert [(e.kind, e.shopper) for e in told.events if e.kind is OutcomeKind.RETURN] == [
        (OutcomeKind.RETURN, "member-b")
    ]
    assert {r.shopper: r.items for r in told.receipts} == {
        "member-a": {},
        "member-b": {},
        "member-c": {"green-tea": 1},
    }


def test_a_guest_s_takings_are_on_the_host_s_receipt() -> None:
    guest = ShopperScript(id="kid", guest_of="a", enter_s=4.0, do=(TAKE,))
    told = truth(shopper("a", TAKE), guest)
    assert [(r.shopper, r.items) for r in told.receipts] == [("member-a", {"green-tea": 2})]
    assert {event.shopper for event in told.events} == {"member-a"}


def test_a_stranger_has_a_receipt_of_its_own_and_staff_have_none() -> None:
    stranger = ShopperScript(id="x", enter_s=1.0, do=(TAKE,))
    bring = Step(action=Deed.REFILL, sku=TEA, quantity=2)
    staff = ShopperScript(id="staff", part=Part.STAFF, enter_s=20.0, do=(bring, TAKE))
    told = truth(stranger, staff, stock={TEA_PLACE: 4})
    assert [(r.shopper, r.items) for r in told.receipts] == [("x", {"green-tea": 1})]
    assert [(e.kind, e.shopper, e.quantity) for e in told.events] == [
        (OutcomeKind.PICK, "x", 1),
        (OutcomeKind.REFILL, "staff", 2),
        (OutcomeKind.REFILL, "staff", 1),
    ]


def test_what_is_no_product_is_a_foreign_event() -> None:
    lay = Step(action=Deed.LAY, facing=TEA_PLACE)
    away = Step(action=Deed.RETRIEVE, facing=TEA_PLACE)
    told = truth(shopper("a", lay, away))
    assert [(e.kind, e.sku, e.plates) for e in told.events] == [
        (OutcomeKind.FOREIGN, "", ("p5",)),
        (OutcomeKind.FOREIGN, "", ("p5",)),
    ]
    assert [r.items for r in told.receipts] == [{}]
