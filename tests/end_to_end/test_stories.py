"""The stories of the gate and the counter in the demo's shop, from the door to the receipt.

What a step took is printed (`-s`) and held to its time with room to spare: these machines are busy.
"""

import ctypes.util
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tebura_contract.ids import TrackId

from tests.conftest import missing
from tests.end_to_end.demo_shop import (
    COUNTER,
    DOOR,
    GATE,
    TILL,
    DemoShop,
    Looks,
    demo_shop,
    receipt,
    shows,
    until,
)
from tests.gateway.faces import Phone

pytestmark = pytest.mark.timeout(240)

WALK_S = 1.3
"""From the door to the shelf, two metres, or back."""
TEA, TUNA, MELON = "green-tea", "onigiri-tuna", "melon-pan"


@pytest.fixture(scope="module")
def looks() -> Looks:
    os.environ.setdefault("MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")
    return Looks("man", 1000)


@pytest.fixture(scope="module")
def walk_out(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[DemoShop]:
    folder = tmp_path_factory.mktemp("shop") / "walk-out"
    with demo_shop(folder, repository, has_counter=False) as shop:
        yield shop


@pytest.fixture(scope="module")
def at_counter(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[DemoShop]:
    folder = tmp_path_factory.mktemp("shop") / "counter"
    with demo_shop(folder, repository, has_counter=True) as shop:
        yield shop


def visit_of(shop: DemoShop, phone: Phone) -> str:
    return next(one.id for one in shop.staff.visits() if one.member == phone.member)


def is_inside(shop: DemoShop, phone: Phone) -> bool:
    return any(one.member == phone.member for one in shop.staff.visits())


def told(what: str, took_s: float) -> None:
    print(f"{what}: {took_s:.2f} s")


def items(bill: dict[str, object] | None) -> dict[str, int]:
    assert bill is not None
    lines = bill["lines"]
    assert isinstance(lines, list)
    return {line["sku"]: line["quantity"] for line in lines}


def test_s1_a_friend_on_the_same_account_one_bill_and_a_refund_in_one_tap(
    walk_out: DemoShop,
) -> None:
    shop, phone = walk_out, walk_out.member("Hana")
    host = shop.eyes.come_in()
    shop.show_code(phone)
    told("code to entry", until(lambda: is_inside(shop, phone)))
    shop.eyes.go_in(host)
    # The reader takes two codes of one member for one showing within three seconds.
    time.sleep(3.5)
    friend = shop.eyes.come_in()
    shop.show_code(phone, spare=1)
    time.sleep(1.0)
    shop.eyes.go_in(friend)
    assert len(shop.staff.visits()) == 1, "a guest joins the visit"

    visit, grams = visit_of(shop, phone), shop.grams(TEA)
    steps_s = []
    for change_g, total in ((-grams, "¥162"), (-grams, "¥324"), (grams, "¥162")):
        changed_s = shop.take(friend, "g1/s1", "p5", 1.0, change_g)
        until(lambda: shows(phone, total))  # noqa: B023  # called before the next turn
        steps_s.append(time.monotonic() - changed_s)
        told(f"{change_g:+.0f} g on the plate to {total} on the phone", steps_s[-1])
    shop.eyes.go_out(friend)
    shop.eyes.go_out(host)
    bill_s = until(lambda: receipt(phone, visit) is not None)
    told("left to the receipt", bill_s)
    assert items(receipt(phone, visit)) == {TEA: 1}
    assert bill_s <= 30.0
    # A second's goal, half of it the hand in the shelf; on a busy machine it is checked loosely.
    assert max(steps_s) <= 5.0

    began_s = time.monotonic()
    pressed = phone.http.post(f"/me/visits/{visit}/dispute", data={"form": phone.form, "sku": TEA})
    assert pressed.status_code == 200
    until(lambda: "162" in phone.http.get(f"/me/visits/{visit}?lang=en").text)
    told("one tap to the refund", time.monotonic() - began_s)
    assert "refund" in phone.http.get(f"/me/visits/{visit}?lang=en").text.lower()


def test_s3_hands_free_on_palm_and_face_a_tea_and_the_receipt_in_ten_seconds(
    walk_out: DemoShop, looks: Looks
) -> None:
    shop, phone = walk_out, walk_out.member("Yuki")
    shop.enrol(phone, looks)
    phone.agree("hands-free")
    assert phone.lend() == "lent"
    phone.press("hands-free", what="today")
    shop.palm.enrol(phone.member)
    # The reader keeps the palms of those who agreed, which the gateway tells within a second.
    time.sleep(2.5)
    shop.palm.enrol(phone.member)
    shop.stand(looks, "gate-face", GATE, DOOR)
    track = shop.eyes.come_in()
    time.sleep(1.0)
    began_s = time.monotonic()
    shop.palm.hold(phone.member)
    entered_s = until(lambda: is_inside(shop, phone))
    told("palm to entry, with the face", entered_s)
    shop.leave_all()
    visit = visit_of(shop, phone)
    inside_s = time.monotonic()
    shop.eyes.go_in(track)
    time.sleep(WALK_S)
    shop.take(track, "g1/s1", "p5", 1.0, -shop.grams(TEA))
    time.sleep(WALK_S)
    shop.eyes.go_out(track)
    until(lambda: receipt(phone, visit) is not None)
    bought_s = time.monotonic() - inside_s
    told("from entry to the receipt", bought_s)
    told("from palm to the receipt", time.monotonic() - began_s)
    assert items(receipt(phone, visit)) == {TEA: 1}
    assert bought_s <= 10.0
    assert 'name="motive"' in phone.http.get(f"/me/visits/{visit}").text


SHELVES = {TEA: ("g1/s1", "p5", 1.0), TUNA: ("g1/s2", "p2", 0.4), MELON: ("g1/s2", "p4", 1.0)}


def come_to_the_counter(shop: DemoShop, phone: Phone) -> tuple[str, TrackId]:
    """In by code, and face where they have one; three things off the shelves onto the counter."""
    track = shop.eyes.come_in()
    shop.show_code(phone)
    began_s = time.monotonic()
    with suppress(AssertionError):
        until(lambda: is_inside(shop, phone), for_s=15.0)
    if not is_inside(shop, phone):
        # Refused at the first try: on a busy machine a face may be seen too seldom.
        phone.lend()
        shop.show_code(phone, spare=1)
        until(lambda: is_inside(shop, phone))
    told("code to entry", time.monotonic() - began_s)
    shop.eyes.go_in(track)
    for sku, (shelf, plate, x_m) in SHELVES.items():
        shop.take(track, shelf, plate, x_m, -shop.grams(sku))
        time.sleep(1.0)
    for sku in SHELVES:
        shop.plates.change(f"{COUNTER}/p1", shop.grams(sku))
        time.sleep(2.0)
    return visit_of(shop, phone), track


def take_up_and_leave(shop: DemoShop, track: TrackId) -> None:
    for sku in SHELVES:
        shop.plates.change(f"{COUNTER}/p1", -shop.grams(sku))
        time.sleep(1.5)
    shop.eyes.go_out(track)


def test_s2_three_things_on_the_counter_a_face_and_a_thumb(
    at_counter: DemoShop, looks: Looks
) -> None:
    shop, phone = at_counter, at_counter.member("Mei")
    shop.enrol(phone, looks)
    assert phone.lend() == "lent"
    gate = shop.stand(looks, "gate-face", GATE, DOOR)
    till = shop.stand(looks, "till-face", TILL, COUNTER)
    till.shows_thumb = False
    visit, track = come_to_the_counter(shop, phone)
    gate.go()
    until(lambda: len(till.now.get("lines", ())) == 3, till)  # type: ignore[arg-type]
    until(lambda: till.now.get("state") == "to-pay", till)
    assert till.now["total"] == 471

    # Their phone shows its page meanwhile, and so lends its key.
    until(lambda: phone.lend() == "lent" and till.now.get("hint") == "thumb", till)
    time.sleep(3.0)
    assert receipt(phone, visit) is None, "nothing is charged without the word"
    assert till.now["state"] == "to-pay"
    till.shows_thumb = True
    paid_s = until(lambda: phone.lend() == "lent" and till.now.get("state") == "paid", till)
    told("thumb to paid", paid_s)
    assert items(receipt(phone, visit)) == dict.fromkeys(SHELVES, 1)
    assert len([one for one in shop.staff.visits() if one.member == phone.member]) == 1
    take_up_and_leave(shop, track)
    until(lambda: till.now.get("state") == "empty", till)
    shop.leave_all()
    assert shop.staff.reviews() == []
    assert not shop.keeps_a_picture_of(looks)
    assert items(receipt(phone, visit)) == dict.fromkeys(SHELVES, 1)


@pytest.mark.long
def test_s2_who_declines_the_face_pays_on_their_phone(at_counter: DemoShop) -> None:
    shop, phone = at_counter, at_counter.member("Ken")
    visit, track = come_to_the_counter(shop, phone)
    until(lambda: shows(phone, "¥471"))
    assert receipt(phone, visit) is None
    html = phone.http.get("/me?lang=en").text
    seen = html.partition('name="seen" value="')[2].partition('"')[0]
    phone.http.post(f"/me/visits/{visit}/confirm", data={"form": phone.form, "seen": seen})
    told("pressed to the receipt", until(lambda: receipt(phone, visit) is not None))
    assert items(receipt(phone, visit)) == dict.fromkeys(SHELVES, 1)
    take_up_and_leave(shop, track)
