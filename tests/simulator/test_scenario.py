from pathlib import Path

import pytest
from tebura_contract.config import ConfigError
from tebura_contract.layout import Layout, load_layout
from tebura_simulator import demo
from tebura_simulator.story.scenario import Hand, dump_scenario, load_scenario

DEMO = Path(demo.__file__).parent


@pytest.fixture(scope="module")
def layout() -> Layout:
    return load_layout(DEMO / "layout.toml")


def _problems(tmp_path: Path, layout: Layout, text: str) -> list[str]:
    path = tmp_path / "scenario.toml"
    path.write_text('name = "try"\nduration_s = 60\n' + text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, layout)
    return caught.value.problems


@pytest.mark.parametrize("path", sorted((DEMO / "scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_demo_scenario_is_accepted_and_named_after_its_file(path: Path, layout: Layout) -> None:
    assert load_scenario(path, layout).name == path.stem


@pytest.mark.parametrize(
    ("step", "place"),
    [
        pytest.param('action = "take"\nsku = "caviar"', "shopper[0].do[0].sku", id="no-product"),
        pytest.param('action = "take"', "shopper[0].do[0].sku: missing", id="take-what"),
        pytest.param(
            'action = "take"\nsku = "green-tea"\nfacing = "g1/s9/f1"',
            "shopper[0].do[0].facing: no facing 'g1/s9/f1'",
            id="no-facing",
        ),
        pytest.param(
            'action = "put_back"\nsku = "green-tea"',
            "shopper[0].do[0].quantity: puts back more 'green-tea' than it has",
            id="never-taken",
        ),
        pytest.param(
            'action = "take"\nsku = "green-tea"\nhnad = "left"',
            "shopper[0].do[0].hnad: unknown key (did you mean 'hand'?)",
            id="misspelt",
        ),
        pytest.param('action = "juggle"', "shopper[0].do[0].action", id="unknown-action"),
    ],
)
def test_a_wrong_step_is_refused_with_its_place(
    step: str, place: str, tmp_path: Path, layout: Layout
) -> None:
    text = f'[[shopper]]\nid = "a"\nenter_s = 0\n[[shopper.do]]\n{step}\n'
    problems = _problems(tmp_path, layout, text)
    assert any(problem.startswith(place) for problem in problems), problems


SHOP = '[[shopper]]\nid = "ana"\nmember = "ana"\nenter_s = 5\n'


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        pytest.param(
            '[[shopper.do]]\naction = "take"\nsku = "gren-tea"',
            "shopper[0].do[0].sku: product 'gren-tea' is not in the layout (did you mean",
            id="near-match",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "walk"',
            "shopper[0].do[0].to_m: missing, walk needs a place",
            id="walk-where",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "lean"',
            "shopper[0].do[0].facing: missing, lean needs a facing or a product",
            id="lean-where",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "refill"\nsku = "green-tea"',
            "shopper[0].do[0].action: only staff refill, 'ana' is a shopper",
            id="shoppers-do-not-refill",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "look"\nsku = "green-tea"\nother_hand = {sku = "melon-pan"}',
            "shopper[0].do[0].other_hand: look is done with one hand",
            id="other-hand",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "take"\nsku = "green-tea"\nat_s = 60',
            "shopper[0].do[0].at_s: after the end (60.0 s)",
            id="after-the-end",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "take"\nsku = "green-tea"\n'
            '[[shopper.do]]\naction = "hand_over"\nsku = "green-tea"\nto = "ben"',
            "shopper[0].do[1].to: no shopper 'ben'",
            id="to-nobody",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "drop"\nsku = "green-tea"',
            "shopper[0].do[0].quantity: drops more 'green-tea' than it has",
            id="drops-what-it-lacks",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "pick_up"\nsku = "green-tea"',
            "shopper[0].do[0].quantity: picks up more 'green-tea' than anybody drops",
            id="picks-up-nothing",
        ),
        pytest.param(
            '[[shopper.do]]\naction = "retrieve"\nfacing = "g1/s1/f1"',
            "shopper[0].do[0].facing: nothing of its own lies in 'g1/s1/f1'",
            id="retrieves-nothing",
        ),
        pytest.param(
            '[[shopper]]\nid = "kid"\nguest_of = "anna"\nenter_s = 6',
            "shopper[1].guest_of: no shopper 'anna' (did you mean 'ana'?)",
            id="guest-of-nobody",
        ),
        pytest.param(
            '[[shopper]]\nid = "kid"\nguest_of = "kid"\nenter_s = 6',
            "shopper[1].guest_of: 'kid' has no member of its own, nobody would pay",
            id="guest-of-itself",
        ),
        pytest.param(
            '[[shopper]]\nid = "kid"\nguest_of = "ana"\nenter_s = 1',
            "shopper[1].enter_s: comes in before 'ana', whose guest it is",
            id="guest-before-host",
        ),
        pytest.param(
            '[[shopper]]\nid = "kid"\nguest_of = "ana"\nmember = "kid"\nenter_s = 6',
            "shopper[1].member: a guest enters by the code of who pays, not by its own",
            id="guest-with-code",
        ),
        pytest.param(
            '[[shopper]]\nid = "sam"\npart = "staff"\nmember = "sam"\nenter_s = 6',
            "shopper[1].member: staff show no code",
            id="staff-with-code",
        ),
        pytest.param(
            '[[fault]]\nkind = "cell-stuck"\non = "g1/s1"',
            "fault[0].on: 'g1/s1' is a shelf, cell-stuck needs a plate",
            id="fault",
        ),
    ],
)
def test_what_cannot_be_is_the_only_problem_and_named_with_its_place(
    more: str, problem: str, tmp_path: Path, layout: Layout
) -> None:
    (found,) = _problems(tmp_path, layout, SHOP + more)
    assert found.startswith(problem)


def test_what_another_one_hands_over_can_be_put_back(tmp_path: Path, layout: Layout) -> None:
    path = tmp_path / "scenario.toml"
    steps = (
        '[[shopper.do]]\naction = "take"\nsku = "green-tea"\n'
        '[[shopper.do]]\naction = "hand_over"\nsku = "green-tea"\nto = "ben"\n'
        '[[shopper]]\nid = "ben"\nenter_s = 5\n'
        '[[shopper.do]]\naction = "put_back"\nsku = "green-tea"\n'
    )
    path.write_text('name = "try"\nduration_s = 60\n' + SHOP + steps)
    assert len(load_scenario(path, layout).shopper) == 2


def test_a_scenario_is_written_as_it_was_read(tmp_path: Path, layout: Layout) -> None:
    for path in sorted((DEMO / "scenarios").glob("*.toml")):
        scenario = load_scenario(path, layout)
        copy = tmp_path / path.name
        copy.write_text(dump_scenario(scenario), encoding="utf-8")
        assert load_scenario(copy, layout) == scenario


def test_all_problems_are_reported_together(tmp_path: Path, layout: Layout) -> None:
    shopper = '[[shopper]]\nid = "a"\nenter_s = 61\n'
    problems = _problems(tmp_path, layout, 'stock = {"g1/s1/f9" = 1}\n' + shopper + shopper)
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "shopper 'a' is named twice",
        "shopper[0].enter_s",
        "shopper[1].enter_s",
        "stock",
    ]


def test_hands_default_to_the_right_one(tmp_path: Path, layout: Layout) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(
        'name = "try"\nduration_s = 60\n[[shopper]]\nid = "a"\nenter_s = 0\n'
        '[[shopper.do]]\naction = "take"\nsku = "green-tea"\n',
        encoding="utf-8",
    )
    assert load_scenario(path, layout).shopper[0].do[0].hand is Hand.RIGHT
