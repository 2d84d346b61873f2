"""A counter's page: the list as it is now, words for all there is to say, and one button."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from tebura_contract.ids import MemberId, VisitId
from tebura_contract.layout import Product
from tebura_contract.messages import CounterListed, CounterState
from tebura_edge.counter_role import CounterHint, CounterShown
from tebura_edge.counter_screen import CounterScreens
from tebura_edge.face_gate import PromptKind
from tebura_edge.screen import Screen

from tests.edge.test_counter_role import COUNTER, LAYOUT, LISTED

PRODUCTS = (
    Product(sku=LISTED.lines[0].sku, name="緑茶", name_en="Tea", price_minor=162, weight_g=550.0),
)


class Shown:
    """The page, served, and what was pressed on it."""

    def __init__(self) -> None:
        self.screen, self.taps = Screen(0), list[str]()
        layout = LAYOUT.__class__(store=LAYOUT.store, gondola=LAYOUT.gondola, product=PRODUCTS)
        self.pages = CounterScreens(layout, (COUNTER,), self.screen, self.taps.append)

    def ask(self, method: str, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        line = http.client.HTTPConnection("127.0.0.1", self.screen.port, timeout=5)
        line.request(method, path, headers=headers)
        return line.getresponse()

    def first(self) -> dict[str, object]:
        """What a browser that comes now is told first."""
        with closing(self.ask("GET", f"/{COUNTER}/stream", {})) as stream:
            found: dict[str, object] = json.loads(stream.readline().removeprefix(b"data: "))
            return found


@pytest.fixture
def shown() -> Iterator[Shown]:
    made = Shown()
    yield made
    made.screen.close()


def test_a_browser_that_comes_late_sees_the_list_as_it_is_now(shown: Shown) -> None:
    assert (shown.first()["state"], shown.first()["lines"]) == ("empty", [])
    shown.pages.show(CounterShown(COUNTER, LISTED, CounterHint.THUMB))
    now = shown.first()
    assert (now["state"], now["hint"], now["total"]) == ("to-pay", "thumb", 473)
    lines = now["lines"]
    assert isinstance(lines, list)
    assert lines[0] == {"name": "緑茶", "name_en": "Tea", "quantity": 2, "amount": 324}
    # An article that this layout does not know yet is shown by its number.
    assert lines[1]["name"] == "pan"


def test_whose_list_it_is_is_not_on_the_page(shown: Shown) -> None:
    member, visit = MemberId("MIKAAAAAAAAAAAA"), VisitId("gate-1-1-4")
    listed = CounterListed(
        counter=COUNTER, state=CounterState.TO_PAY, visit=visit, member=member, lines=LISTED.lines
    )
    shown.pages.show(CounterShown(COUNTER, listed))
    text = json.dumps(shown.first())
    assert member not in text
    assert visit not in text


def test_while_nothing_can_be_stored_nobody_is_asked_for_a_word(shown: Shown) -> None:
    shown.pages.show(CounterShown(COUNTER, LISTED, CounterHint.THUMB))
    shown.pages.stall(True)
    assert (shown.first()["state"], shown.first()["hint"]) == ("stalled", "")
    shown.pages.stall(False)
    assert shown.first()["hint"] == "thumb"


def test_only_the_page_itself_can_press_the_button(shown: Shown) -> None:
    own = {"X-Tap": "yes", "Content-Length": "0"}
    assert shown.ask("POST", f"/{COUNTER}/tap", {"Content-Length": "0"}).status == 404
    assert shown.ask("POST", "/desk/other/tap", own).status == 404
    assert shown.ask("POST", f"/{COUNTER}", own).status == 404
    assert shown.taps == []
    assert shown.ask("POST", f"/{COUNTER}/tap", own).status == 204
    assert shown.taps == [COUNTER]


def test_the_page_has_words_for_all_there_is_to_say_in_both_languages(shown: Shown) -> None:
    page = shown.ask("GET", f"/{COUNTER}", {}).read().decode()
    states = {state.value for state in CounterState} - {"to-pay"}
    hints = {hint.value for hint in CounterHint} - {""}
    for word in (*states, *hints, *(kind.value for kind in PromptKind), "stalled"):
        said = re.search(rf'"?{word}"?: \["(.+?)",\s+"(.+?)", "\w+"\]', page)
        assert said, word
        assert not said[1].isascii()
        assert said[2].isascii()
