from pathlib import Path

import pytest
from tebura_contract.config import ConfigError
from tebura_contract.layout import Layout, load_layout
from tebura_simulator import demo
from tebura_simulator.story.scenario import Hand, load_scenario

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
