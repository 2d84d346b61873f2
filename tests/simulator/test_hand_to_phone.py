"""A move's wait runs from the hand's leaving to the cart that has it, each move with its own."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchmarks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def waits(moves: list[tuple[float, int]], shown: list[tuple[float, int]]) -> list[float | None]:
    """Of moves at a second (negative: put back), with half a second until the hand is out."""
    from hand_to_phone import Shown, waits_s
    from tebura_simulator.story.script import Hand
    from tebura_simulator.story.timetable import Action, ActionKind

    actions = [
        Action(
            t_s=at_s,
            kind=ActionKind.TAKE if pieces > 0 else ActionKind.PUT_BACK,
            shopper="ken",
            member=None,
            sku="tea",  # type: ignore[arg-type]
            quantity=abs(pieces),
            delta_g=0.0,
            facing="g/s/f",  # type: ignore[arg-type]
            plates=(),
            hand=Hand.RIGHT,
            inside_from_s=at_s - 0.5,
            inside_to_s=at_s + 0.5,
        )
        for at_s, pieces in moves
    ]
    return waits_s(actions, [Shown(at_s, pieces) for at_s, pieces in shown])


def test_each_move_waits_for_the_cart_that_has_it() -> None:
    shown = [(1.0, 0), (11.0, 2), (21.5, 3), (31.25, 2)]
    assert waits([(10, 2), (20, 1), (30, -1)], shown) == [0.5, 1.0, 0.75]


def test_what_the_cart_showed_before_is_no_answer() -> None:
    """One taken, put back, taken again: the first answer is not the third's."""
    shown = [(11.0, 1), (21.0, 0), (32.0, 1)]
    assert waits([(10, 1), (20, -1), (30, 1)], shown) == [0.5, 0.5, 1.5]


def test_a_cart_that_is_wrong_is_no_answer_and_costs_the_next_nothing() -> None:
    assert waits([(10, 2), (20, 1)], [(11.0, 1), (21.0, 3)]) == [None, 0.5]


def test_a_cart_may_have_it_before_the_hand_is_out() -> None:
    assert waits([(10, 1)], [(10.25, 1)]) == [-0.25]


def test_scenarios_are_chosen_by_a_part_of_their_name(tmp_path: Path) -> None:
    from hand_to_phone import scenes

    every = scenes(60, tmp_path, "")
    assert len(every) > 1
    assert [scenes(60, tmp_path, one.name)[0].name for one in every] == [one.name for one in every]
    with pytest.raises(SystemExit, match="'nothing'"):
        scenes(60, tmp_path, "nothing")
