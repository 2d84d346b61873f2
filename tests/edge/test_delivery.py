"""The window of events on their way: bounded, in order, again when nobody answers."""

from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.ids import EventId, NodeId
from tebura_edge.delivery import MAX_PATIENCE, Delivery

NODE = NodeId("plates-1")


def event_id(seq: int) -> EventId:
    return EventId(NODE, 1, seq)


def test_no_more_than_the_bound_are_on_their_way() -> None:
    delivery = Delivery(in_flight=3, timeout_ns=10)
    for seq in range(3):
        delivery.handed(event_id(seq), 0)
    assert delivery.room() == 0
    delivery.acked([event_id(1)])
    assert delivery.room() == 1


def test_what_is_not_acknowledged_goes_out_again_oldest_first_and_less_and_less_often() -> None:
    delivery = Delivery(in_flight=3, timeout_ns=10)
    for seq in (0, 1):
        delivery.handed(event_id(seq), 0)
    assert delivery.overdue(9) == []
    assert delivery.overdue(10) == [event_id(0), event_id(1)]
    again_ns = []
    now_ns = 10
    for _ in range(MAX_PATIENCE + 3):
        delivery.handed_again(event_id(0), now_ns)
        delivery.acked([event_id(1)])
        wait_ns = next(w for w in range(1, 1000) if delivery.overdue(now_ns + w))
        again_ns.append(wait_ns)
        now_ns += wait_ns
    assert again_ns == [20, 30, 40, 50, 50, 50, 50, 50]


def test_after_a_reconnect_all_begins_anew_but_what_the_client_sends_by_itself() -> None:
    delivery = Delivery(in_flight=5, timeout_ns=10)
    for seq in range(4):
        delivery.handed(event_id(seq), 0)
    delivery.reconnected(lambda known: known == event_id(2))
    assert delivery.last_handed is None
    assert delivery.room() == 4
    assert delivery.is_on_its_way(event_id(2))
    assert not delivery.is_on_its_way(event_id(0))


@given(
    st.lists(st.tuples(st.sampled_from(["hand", "ack", "wait", "reconnect"]), st.integers(0, 9)))
)
def test_the_window_never_holds_what_was_acknowledged(steps: list[tuple[str, int]]) -> None:
    delivery = Delivery(in_flight=4, timeout_ns=5)
    now_ns, acked = 0, set()
    for what, n in steps:
        match what:
            case "hand" if delivery.room() and event_id(n) not in acked:
                delivery.handed(event_id(n), now_ns)
            case "ack":
                delivery.acked([event_id(n)])
                acked.add(event_id(n))
            case "reconnect":
                delivery.reconnected(lambda _: False)
            case _:
                now_ns += n
        assert not acked & set(delivery.overdue(now_ns + 1_000))
        assert 0 <= delivery.room() <= 4
