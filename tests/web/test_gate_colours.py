"""A gate's page in a real browser: the colours that its camera looks for on a face."""

import itertools
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, sync_playwright
from tebura_contract.ids import GateId
from tebura_edge.answers import Answer, AnswerKind
from tebura_edge.face_gate import Prompt, PromptKind
from tebura_edge.face_light import LIGHTS, Tint
from tebura_edge.gate_screen import GateScreen
from tebura_edge.screen import Screen

from tests.web.screenshots import FLAGS

DOOR = GateId("door")
COLOURS = (Tint.CYAN, Tint.YELLOW, Tint.MAGENTA, Tint.CYAN, Tint.MAGENTA, Tint.YELLOW)
WATCH = """() => {
  window.seen = [];
  const look = () => seen.push([document.body.dataset.tint ?? "",
                                getComputedStyle(document.body).backgroundColor]);
  new MutationObserver(look).observe(document.body, {attributeFilter: ["data-tint"]});
}"""


@pytest.fixture
def served() -> Iterator[Screen]:
    served = Screen(0)
    yield served
    served.close()


@pytest.fixture
def shone() -> list[int]:
    """When pages said that they shine, in milliseconds of the wall clock."""
    return []


@pytest.fixture
def gate(served: Screen, shone: list[int]) -> GateScreen:
    return GateScreen(served, (DOOR,), lambda _gate, at_ms: shone.append(at_ms))


@pytest.fixture
def page(served: Screen, gate: GateScreen, require_program: Callable[[str], str]) -> Iterator[Page]:
    assert gate.page
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{served.port}/{DOOR}")
        page.wait_for_selector("body[data-now=idle]")
        page.evaluate(WATCH)
        yield page
        browser.close()


def test_the_page_goes_through_the_colours_in_their_order_while_it_asks(
    gate: GateScreen, page: Page
) -> None:
    gate.ask(Prompt(DOOR, PromptKind.LOOK_HERE, 0, COLOURS))
    page.wait_for_selector("body[data-tint]")
    gate.ask(Prompt(DOOR, PromptKind.TURN_LEFT, 0))
    page.wait_for_selector("body[data-asked=turn-left][data-tint]")
    page.wait_for_selector("body:not([data-tint])")
    shown = page.evaluate("seen")
    tints = [tint for tint, _ in itertools.groupby(tint for tint, _ in shown) if tint]
    # On a busy machine a page may come too late for one of them; it never shows another instead.
    assert len(tints) >= len(COLOURS) - 2
    coming = iter(COLOURS)
    assert all(tint in coming for tint in tints)
    for tint, background in shown:
        if tint:
            red, green, blue = LIGHTS[tint]
            assert background == f"rgb({255 * red}, {255 * green}, {255 * blue})"


def test_the_page_says_when_it_began_to_shine(
    gate: GateScreen, page: Page, shone: list[int]
) -> None:
    told_ms = time.time_ns() // 1_000_000
    gate.ask(Prompt(DOOR, PromptKind.LOOK_HERE, 0, COLOURS))
    page.wait_for_selector("body[data-tint]")
    gate.ask(Prompt(DOOR, PromptKind.TURN_LEFT, 0))
    page.wait_for_selector("body[data-asked=turn-left]")
    page.wait_for_timeout(200)
    (at_ms,) = shone
    assert told_ms - 1 <= at_ms <= time.time_ns() // 1_000_000


def test_the_colours_end_with_the_answer(gate: GateScreen, page: Page) -> None:
    gate.ask(Prompt(DOOR, PromptKind.LOOK_HERE, 0, COLOURS * 10))
    page.wait_for_selector("body[data-tint]")
    gate.show(Answer(DOOR, AnswerKind.COME_IN))
    page.wait_for_selector("body[data-now=come-in]")
    page.wait_for_timeout(600)
    assert page.evaluate("document.body.dataset.tint") is None
    assert page.evaluate("seen.at(-1)[0]") == ""
