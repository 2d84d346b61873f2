"""Take the pictures of a node's own screens again: ``python tests/edge/node_screens.py [FOLDER]``.

A gate's and a counter's page, as a browser in kiosk mode shows them, one picture each.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_contract.ids import GateId, MemberId, ShelfId, Sku, VisitId  # noqa: E402
from tebura_contract.layout import load_layout  # noqa: E402
from tebura_contract.messages import CounterLine, CounterListed, CounterState  # noqa: E402
from tebura_edge.answers import Answer, AnswerKind  # noqa: E402
from tebura_edge.counter_role import CounterHint, CounterShown  # noqa: E402
from tebura_edge.counter_screen import CounterScreens  # noqa: E402
from tebura_edge.face_gate import Prompt, PromptKind  # noqa: E402
from tebura_edge.face_light import Tint  # noqa: E402
from tebura_edge.gate_screen import GateScreen  # noqa: E402
from tebura_edge.screen import Screen  # noqa: E402

from tests.web.screenshots import CHROMIUM, FLAGS, shrink  # noqa: E402

DEMO = ROOT / "simulator/tebura_simulator/demo/layout.toml"
DOOR, COUNTER = GateId("door"), ShelfId("desk/top")
LINES = (
    CounterLine(sku=Sku("green-tea"), quantity=2, amount_minor=324),
    CounterLine(sku=Sku("onigiri-tuna"), quantity=1, amount_minor=160),
    CounterLine(sku=Sku("melon-pan"), quantity=1, amount_minor=149),
)


def shown(state: CounterState, hint: CounterHint | PromptKind) -> CounterShown:
    listed = CounterListed(
        counter=COUNTER,
        state=state,
        visit=VisitId("gate-1-1-1"),
        member=MemberId("MIKAAAAAAAAAAAA"),
        lines=LINES,
        total_minor=633,
    )
    return CounterShown(COUNTER, listed, hint)


def main(folder: Path) -> None:
    screen = Screen(0)
    gate = GateScreen(screen, (DOOR,))
    counters = CounterScreens(load_layout(DEMO), (COUNTER,), screen, lambda _: None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 800, "height": 600})

        def take(name: str) -> None:
            page.wait_for_timeout(400)
            page.screenshot(path=folder / f"{name}.png")
            shrink(folder / f"{name}.png")

        _open(page, screen, DOOR)
        take("gate-idle")
        gate.ask(Prompt(DOOR, PromptKind.TURN_LEFT, 0))
        take("gate-face")
        gate.ask(Prompt(DOOR, PromptKind.TURN_LEFT, 0, (Tint.CYAN,) * 50))
        take("gate-light")
        gate.show(Answer(DOOR, AnswerKind.COME_IN))
        take("gate-welcome")
        _open(page, screen, COUNTER)
        for name, state, hint in (
            ("counter-face", CounterState.TO_PAY, PromptKind.LOOK_HERE),
            ("counter-thumb", CounterState.TO_PAY, CounterHint.THUMB),
            ("counter-paid", CounterState.PAID, CounterHint.NONE),
        ):
            counters.show(shown(state, hint))
            take(name)
        browser.close()
    screen.close()


def _open(page: Page, screen: Screen, place: str) -> None:
    page.goto(f"http://127.0.0.1:{screen.port}/{place}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "edge" / "screenshots")
