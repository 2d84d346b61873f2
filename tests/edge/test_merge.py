"""Merging by store time: one order however threads ran, bounded in time and number."""

from hypothesis import given
from hypothesis import strategies as st
from tebura_edge.merge import MAX_HELD, Merge

LAG = 100


def labels(merge: Merge[str], now_ns: int) -> list[str]:
    return [merged.item for merged in merge.pop(now_ns)]


@given(
    times=st.dictionaries(
        st.sampled_from("abc"),
        st.lists(st.integers(0, 1000), max_size=20).map(sorted),
        min_size=1,
    ),
    data=st.data(),
)
def test_the_order_does_not_depend_on_how_sources_interleave(
    times: dict[str, list[int]], data: st.DataObject
) -> None:
    expected = sorted(
        (at, source, n) for source, all_at in times.items() for n, at in enumerate(all_at)
    )
    merge: Merge[tuple[int, str, int]] = Merge(times, lag_ns=10_000)
    queues = {source: list(enumerate(all_at)) for source, all_at in times.items()}
    out: list[tuple[int, str, int]] = []
    while any(queues.values()):
        source = data.draw(st.sampled_from([s for s, queue in queues.items() if queue]))
        n, at = queues[source].pop(0)
        merge.push(source, at, (at, source, n))
        out += [merged.item for merged in merge.pop(1000)]
    for source in times:
        merge.heard(source, 2000)
    out += [merged.item for merged in merge.pop(1000)]
    assert out == expected
    assert merge.late_count == 0


def test_an_input_waits_until_every_source_has_looked_past_it() -> None:
    merge: Merge[str] = Merge(["left", "right"], LAG)
    merge.push("left", 10, "left 10")
    assert labels(merge, 20) == []
    merge.push("right", 5, "right 5")
    assert labels(merge, 20) == ["right 5"]
    merge.heard("right", 11)
    assert labels(merge, 20) == ["left 10"]


def test_nothing_waits_longer_than_the_lag() -> None:
    merge: Merge[str] = Merge(["left", "right"], LAG)
    merge.push("left", 10, "left 10")
    assert labels(merge, 10 + LAG - 1) == []
    assert labels(merge, 10 + LAG) == ["left 10"]


def test_a_late_input_is_handed_on_and_counted() -> None:
    merge: Merge[str] = Merge(["left", "right"], LAG)
    merge.push("left", 50, "left")
    assert labels(merge, 500) == ["left"]
    merge.push("right", 20, "right")
    assert labels(merge, 500) == ["right"]
    assert merge.late_count == 1


def test_a_blind_source_holds_nobody_up() -> None:
    merge: Merge[str] = Merge(["left", "right"], LAG)
    merge.await_source("right", False)
    merge.push("left", 10, "left")
    assert labels(merge, 11) == ["left"]


def test_what_may_be_promised_waits_for_a_slow_source_without_end() -> None:
    merge: Merge[str] = Merge(["left", "right"], LAG)
    merge.push("left", 5000, "left")
    assert merge.promised_ns(6000) is None
    merge.heard("right", 10)
    assert merge.promised_ns(6000) == 10
    merge.await_source("right", False)
    assert merge.promised_ns(6000) == 5000


def test_at_the_bound_the_oldest_go_early_and_none_is_lost() -> None:
    merge: Merge[int] = Merge(["left", "right"], LAG)
    out: list[int] = []
    for n in range(MAX_HELD + 100):
        merge.push("left", n, n)
        out += [merged.item for merged in merge.pop(0)]
    assert out == list(range(100))
    assert merge.held_count() == MAX_HELD


def test_when_time_itself_is_set_everything_held_goes_on_and_order_begins_anew() -> None:
    merge: Merge[str] = Merge(["left"], LAG)
    merge.push("left", 10_000, "before")
    merge.pop(10_000)
    merge.push("left", 10_050, "held")
    merge.heard("left", 40)
    assert [merged.item for merged in merge.flush()] == ["held"]
    merge.push("left", 50, "after")
    assert labels(merge, 60) == ["after"]
    assert merge.late_count == 0
