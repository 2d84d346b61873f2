"""What came off the wire is acknowledged in the order in which it came, whatever it is."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.settings import MqttSettings
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters.bulk_client import Arrived
from tebura_gateway.adapters.desk import Mail
from tebura_gateway.adapters.mqtt import MqttAdapter

from tests.gateway.shop import GATE, PLATES, STORE

TOPICS = [
    topic(Channel.EVENT, STORE, PLATES),
    topic(Channel.EVENT, STORE, GATE),
    topic(Channel.HEALTH, STORE, PLATES),
    topic(Channel.COMMAND, STORE, PLATES),
    "somebody/else",
]


class Line:
    def __init__(self) -> None:
        self.acked: list[int] = []

    def acknowledge(self, numbers: Iterable[int]) -> None:
        self.acked += numbers


class Writer:
    """Does one after the other, as the real one, and says so at once."""

    def take_in(self, mail: Mail, _: float) -> bool:
        mail.then([None] * len(mail.messages))
        return True

    def offer(self, work: object, then: Callable[[Any], None], timeout_s: float) -> bool:
        del work, timeout_s
        then(None)
        return True


@given(st.lists(st.lists(st.sampled_from(TOPICS), max_size=8), max_size=4))
def test_acks_keep_the_order_of_the_wire(pieces: list[list[str]]) -> None:
    adapter = MqttAdapter(MqttSettings(), STORE, lambda: 0)
    adapter._writer = Writer()  # type: ignore[assignment]
    line, number = Line(), 0
    for piece in pieces:
        arrived = []
        for name in piece:
            number += 1
            arrived.append(Arrived(name, b"{}", number))
        adapter._received(arrived, line)
    assert line.acked == list(range(1, number + 1))


@pytest.mark.parametrize("count", [1, 5])
def test_events_that_came_together_stay_together(count: int) -> None:
    adapter, taken = MqttAdapter(MqttSettings(), STORE, lambda: 0), []

    class Counting(Writer):
        def take_in(self, mail: Mail, timeout_s: float) -> bool:
            taken.append(len(mail.messages))
            return super().take_in(mail, timeout_s)

    adapter._writer = Counting()  # type: ignore[assignment]
    adapter._received([Arrived(TOPICS[0], b"{}", n) for n in range(count)], Line())
    assert taken == [count]
