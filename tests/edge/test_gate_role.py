"""Codes become entries: once each, never for a forged one, and guests join who pays."""

import random
from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import STEP_S, make_code, member_key, new_member_id
from tebura_contract.events import EntryRefused, Event, RefusalReason, ShopperEntered, ShopperLeft
from tebura_contract.ids import EventId, GateId, MemberId, NodeId, VisitId
from tebura_contract.layout import Gate, GateDirection, Layout, StoreInfo
from tebura_contract.messages import MemberAdmitted, MemberRevoked, VisitOpened
from tebura_edge.gate_role import GROUP_NS, KEEP_STEPS, GateRole
from tebura_edge.role import CodeRead

STORE = "demo"
KEY = b"store key of thirty-two bytes....."
MIKA = new_member_id(b"mika.....")
KEN = new_member_id(b"ken......")
STEP_NS = STEP_S * SECOND_NS
START_NS = 1_763_000_000 * SECOND_NS // STEP_NS * STEP_NS
NODE = NodeId("gate-1")
LAYOUT = Layout(
    store=StoreInfo(id=STORE, name="Demo"),  # type: ignore[arg-type]
    gate=(
        Gate(id=GateId("door"), node=NODE, direction=GateDirection.ENTRY),
        Gate(id=GateId("way-out"), node=NODE, direction=GateDirection.EXIT),
        Gate(id=GateId("other"), node=NodeId("gate-2")),
    ),
)
READERS = {GateId("door"): "gate-camera", GateId("way-out"): "exit-camera"}


def new_role(saved: bytes = b"") -> GateRole:
    return GateRole(LAYOUT, NODE, [KEY], saved, READERS)


def code(member: MemberId, at_s: float, store: str = STORE, spare: int = 0) -> str:
    key, at_ns = member_key(KEY, store, member), START_NS + round(at_s * SECOND_NS)  # type: ignore[arg-type]
    return make_code(key, store, member, at_ns, spare)  # type: ignore[arg-type]


def show(role: GateRole, text: str, at_s: float, reader: str = "gate-camera") -> list[Event]:
    at_ns = START_NS + round(at_s * SECOND_NS)
    events = role.step(CodeRead(reader, text, at_ns)) + role.tick(at_ns)
    for n, event in enumerate(events):
        role.recorded(EventId(NODE, 1, round(at_s * 10) + n), event)
    return events


def reasons(events: list[Event]) -> list[RefusalReason]:
    assert all(isinstance(event, EntryRefused) for event in events)
    return [event.reason for event in events if isinstance(event, EntryRefused)]


def test_a_good_code_lets_its_member_in() -> None:
    (event,) = show(new_role(), code(MIKA, 1), 1)
    assert isinstance(event, ShopperEntered)
    assert (event.gate, event.member, event.joins) == ("door", MIKA, None)
    assert event.code_step == START_NS // STEP_NS
    assert event.at_ns == START_NS + SECOND_NS


def test_a_phone_held_up_for_long_is_one_entry() -> None:
    role = new_role()
    events = [event for n in range(100) for event in show(role, code(MIKA, 1), 1 + n * 0.25)]
    assert len(events) == 1


def test_a_code_that_turns_while_the_phone_is_held_up_is_one_entry() -> None:
    role = new_role()
    events = [event for n in range(40) for event in show(role, code(MIKA, 25 + n / 4), 25 + n / 4)]
    assert len(events) == 1


def test_the_same_code_shown_again_later_is_refused() -> None:
    role = new_role()
    text = code(MIKA, 1)
    show(role, text, 1)
    assert reasons(show(role, text, 10)) == [RefusalReason.REPLAYED]


def test_ten_thousand_replays_open_nothing() -> None:
    role = new_role()
    text = code(MIKA, 1)
    show(role, text, 1)
    events = [event for n in range(10_000) for event in show(role, text, 2 + n * 3.5 / 1000)]
    events += [event for n in range(10) for event in show(role, text, 40 + n * 3.5)]
    assert events
    assert set(reasons(events)) <= {RefusalReason.REPLAYED, RefusalReason.EXPIRED}


def test_a_used_code_stays_used_over_a_restart() -> None:
    role = new_role()
    text = code(MIKA, 1)
    show(role, text, 1)
    again = new_role(role.save())
    assert reasons(show(again, text, 10)) == [RefusalReason.REPLAYED]


def test_a_used_code_stays_used_when_the_clock_is_set_back() -> None:
    role = new_role()
    text = code(MIKA, 1)
    show(role, text, 1)
    role.tick(START_NS + (KEEP_STEPS - 1) * STEP_NS)
    assert reasons(show(role, text, 20)) == [RefusalReason.REPLAYED]


def test_screenshots_and_inventions_are_refused_by_name() -> None:
    role = new_role()
    assert reasons(show(role, code(MIKA, 0), 300)) == [RefusalReason.EXPIRED]
    assert reasons(show(role, code(MIKA, 310, store="elsewhere"), 310)) == [RefusalReason.FORGED]
    assert reasons(show(role, "https://example.org/menu", 320)) == [RefusalReason.MALFORMED]
    forged = code(MIKA, 330)
    forged = forged[:-1] + ("A" if forged[-1] != "A" else "B")
    assert reasons(show(role, forged, 330)) == [RefusalReason.FORGED]


@given(texts=st.lists(st.text(max_size=60), max_size=30))
def test_no_text_that_is_not_a_code_ever_opens(texts: list[str]) -> None:
    role = new_role()
    for n, text in enumerate(texts):
        assert not any(isinstance(e, ShopperEntered) for e in show(role, text, n * 5))


def test_a_code_held_up_wrongly_is_refused_once_and_a_flood_once_a_second() -> None:
    role = new_role()
    assert sum(len(show(role, "nonsense", n * 0.2)) for n in range(50)) == 1
    flood = [e for n in range(100) for e in show(role, f"nonsense {n}", 100 + n * 0.1)]
    assert 9 <= len(flood) <= 11


def test_a_fresh_code_of_a_member_inside_brings_a_guest_who_joins_the_visit() -> None:
    role = new_role()
    show(role, code(MIKA, 1), 1)  # seq 10
    (event,) = show(role, code(MIKA, 31), 31)
    assert isinstance(event, ShopperEntered)
    assert event.joins == "gate-1-1-10"
    (second_guest,) = show(role, code(MIKA, 61), 61)
    assert isinstance(second_guest, ShopperEntered)
    assert second_guest.joins == "gate-1-1-10"


def test_two_friends_come_in_within_half_a_minute_and_each_code_opens_once() -> None:
    role = new_role()
    entries = [e for n in range(3) for e in show(role, code(MIKA, 1, spare=n), 1 + 7 * n)]
    joined = [e.joins for e in entries if isinstance(e, ShopperEntered)]
    assert joined == [None, "gate-1-1-10", "gate-1-1-10"]
    again = new_role(role.save())
    for n in range(3):
        text = code(MIKA, 1, spare=n)
        assert reasons(show(again, text, 22 + 4 * n)) == [RefusalReason.REPLAYED]


def test_a_phone_that_goes_over_to_its_next_code_in_sight_of_the_reader_is_one_entry() -> None:
    role = new_role()
    events = [e for n in range(20) for e in show(role, code(MIKA, 1, spare=int(n > 3)), 1 + n / 4)]
    assert len(events) == 1
    (guest,) = show(role, code(MIKA, 1, spare=1), 10)
    assert isinstance(guest, ShopperEntered)
    assert guest.joins == "gate-1-1-10"


def test_codes_used_before_there_were_spares_stay_used() -> None:
    role = new_role()
    show(role, code(MIKA, 1), 1)
    used = [[MIKA, START_NS // STEP_NS, 0]]
    saved = msgspec.json.decode(role.save())
    assert saved["used"] == used
    earlier = msgspec.json.encode(saved | {"used": [one[:2] for one in used]})
    assert reasons(show(new_role(earlier), code(MIKA, 1), 10)) == [RefusalReason.REPLAYED]


def test_a_guest_may_come_right_after_a_restart_of_the_gate() -> None:
    role = new_role()
    show(role, code(MIKA, 1), 1)
    (event,) = show(new_role(role.save()), code(MIKA, 31), 31)
    assert isinstance(event, ShopperEntered)
    assert event.joins == "gate-1-1-10"


def test_a_visit_that_only_the_gateway_knows_can_be_joined_too() -> None:
    role = new_role()
    role.step(CodeRead("gate-camera", code(MIKA, 1), START_NS + SECOND_NS))
    role.step(VisitOpened(gate=GateId("door"), member=MIKA, visit=VisitId("v-9")))
    (event,) = show(role, code(MIKA, 31), 31)
    assert isinstance(event, ShopperEntered)
    assert event.joins == "v-9"


def test_much_later_a_fresh_code_is_a_new_visit() -> None:
    role = new_role()
    show(role, code(MIKA, 1), 1)
    later_s = 2 + GROUP_NS / SECOND_NS
    (event,) = show(role, code(MIKA, later_s), later_s)
    assert isinstance(event, ShopperEntered)
    assert event.joins is None


def test_two_members_do_not_disturb_each_other() -> None:
    role = new_role()
    events = show(role, code(MIKA, 1), 1) + show(role, code(KEN, 1.5), 1.5)
    assert [e.member for e in events if isinstance(e, ShopperEntered)] == [MIKA, KEN]
    assert all(isinstance(e, ShopperEntered) and e.joins is None for e in events)


def test_the_exit_says_who_leaves_refuses_nothing_and_ends_the_group() -> None:
    role = new_role()
    show(role, code(MIKA, 1), 1)
    (event,) = show(role, code(MIKA, 20), 20, reader="exit-camera")  # the code of the entry
    assert event == ShopperLeft(gate=GateId("way-out"), member=MIKA, at_ns=event.at_ns)  # type: ignore[union-attr]
    assert show(role, code(MIKA, 21), 21, reader="exit-camera") == []
    (again,) = show(role, code(MIKA, 40), 40)
    assert isinstance(again, ShopperEntered)
    assert again.joins is None


def test_a_revoked_member_stays_out_also_after_a_restart() -> None:
    role = new_role()
    role.step(MemberRevoked(member=MIKA))
    assert reasons(show(role, code(MIKA, 1), 1)) == [RefusalReason.UNPAID]
    assert reasons(show(new_role(role.save()), code(MIKA, 5), 5)) == [RefusalReason.UNPAID]
    assert isinstance(show(role, code(KEN, 5), 5)[0], ShopperEntered)


def test_who_has_not_said_what_they_pay_with_is_told_so_once_a_showing() -> None:
    role = new_role()
    role.step(MemberRevoked(member=MIKA, reason=RefusalReason.NO_MEANS))
    text = code(MIKA, 1)
    assert reasons(show(role, text, 1)) == [RefusalReason.NO_MEANS]
    assert show(role, text, 2) == []
    role.step(MemberAdmitted(member=MIKA))
    # The code was never used up.
    assert isinstance(show(role, text, 8)[0], ShopperEntered)


def test_whoever_is_barred_still_gets_out() -> None:
    role = new_role()
    show(role, code(MIKA, 1), 1)
    role.step(MemberRevoked(member=MIKA))
    (event,) = show(role, code(MIKA, 20), 20, reader="exit-camera")
    assert isinstance(event, ShopperLeft)


def test_a_member_who_settled_what_they_owed_comes_in_again() -> None:
    role = new_role()
    role.step(MemberRevoked(member=MIKA))
    role.step(MemberAdmitted(member=MIKA))
    role.step(MemberAdmitted(member=KEN))
    assert isinstance(show(role, code(MIKA, 1), 1)[0], ShopperEntered)


def test_readers_of_other_gates_are_not_ours() -> None:
    assert show(new_role(), code(MIKA, 1), 1, reader="elsewhere") == []


def test_what_is_remembered_is_forgotten_in_time() -> None:
    role = new_role()
    for n in range(200):
        show(role, code(MIKA, n * 31), n * 31)
    assert len(role.save()) < 200 * 30
    role.tick(START_NS + 10_000 * SECOND_NS)
    assert MIKA not in role.save().decode()


def test_of_ten_thousand_bad_codes_each_is_refused_by_its_name_and_double_ones_fold() -> None:
    role, chance = new_role(), random.Random(1)
    kinds = {
        "replayed": RefusalReason.REPLAYED,
        "forged": RefusalReason.FORGED,
        "expired": RefusalReason.EXPIRED,
        "foreign": RefusalReason.FORGED,
        "double": None,
    }
    entries: Counter[str] = Counter()
    refused: dict[str, Counter[RefusalReason]] = {kind: Counter() for kind in kinds}
    for number in range(10_000):
        kind = list(kinds)[number % len(kinds)]
        member = new_member_id(chance.randbytes(9))
        # Half a minute apart, on the second half of a step: the step beside it is not meant.
        at_s = 40.0 + 30.0 * number
        good = code(member, at_s)
        if kind == "expired":
            events = show(role, code(member, at_s - 90 - 30 * chance.randrange(100)), at_s)
        elif kind == "foreign":
            events = show(role, code(member, at_s, store="elsewhere"), at_s)
        elif kind == "forged":
            place = chance.randrange(2, len(good))
            letter = chance.choice([one for one in "ABCDEFGHIJ234567" if one != good[place]])
            events = show(role, good[:place] + letter + good[place + 1 :], at_s)
        else:
            entries[kind] += len(show(role, good, at_s))
            wait_s = 2.9 if kind == "double" else 4.0
            events = show(role, good, at_s + wait_s)
        refused[kind].update(reasons(events))
    share = 10_000 // len(kinds)
    assert entries == {"replayed": share, "double": share}
    for kind, reason in kinds.items():
        assert refused[kind] == ({} if reason is None else {reason: share})
