"""A network that is too slow for its cameras is said to be."""

from tebura_contract.clock import SECOND_NS
from tebura_edge.looking import Looking, LookRates


def test_a_network_that_keeps_up_is_not_mentioned() -> None:
    rates = LookRates()
    for second in range(10):
        counts = {"aisle": Looking(looked=6 * second, followed=4 * second, overtaken=4 * second)}
        assert rates.trouble(counts, second * SECOND_NS) == ""


def test_a_network_that_is_too_slow_is_named_with_its_camera() -> None:
    rates = LookRates()
    told = [
        rates.trouble(
            {
                "aisle": Looking(looked=2 * second, followed=8 * second, overtaken=8 * second),
                "door": Looking(looked=second // 10, followed=10 * second),
            },
            second * SECOND_NS,
        )
        for second in range(10)
    ]
    assert told[-1] == "aisle: looked at 2 times a second, should be 5"


def test_trouble_that_is_over_is_forgotten_after_seconds() -> None:
    rates = LookRates()
    rates.trouble({"aisle": Looking()}, 0)
    assert rates.trouble({"aisle": Looking(looked=10, dropped=3)}, SECOND_NS) == (
        "aisle: 3 frames came too fast in 1 s"
    )
    later = [
        rates.trouble({"aisle": Looking(looked=10 * n, dropped=3)}, n * SECOND_NS)
        for n in range(2, 9)
    ]
    assert later[-1] == ""
