"""Take the picture of the `view` page again: ``python tests/simulator/view_screenshot.py``.

It shows the named case with three shoppers and 34 events. PNG, at most 250 kB.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_simulator.cases import named  # noqa: E402
from tebura_simulator.memory_reel import reel_of  # noqa: E402
from tebura_simulator.stores import store  # noqa: E402
from tebura_simulator.story.scenario import load_scenario  # noqa: E402
from tebura_simulator.view.directing import scene_of  # noqa: E402
from tebura_simulator.view.rendering import page_of  # noqa: E402
from tebura_simulator.view.watching import watch  # noqa: E402

from tests.web.screenshots import CHROMIUM, FLAGS, picture  # noqa: E402

TARGET = ROOT / "simulator" / "screenshots" / "view.png"
CASE = "three-shoppers-34-events"
AT_S = 24.6


def main() -> None:
    case = named()[CASE]
    layout, toml = store(case.store)
    reel = reel_of(load_scenario(case.path, layout), layout, toml)
    *_, (_, watched) = watch(reel)
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "view.html"
        file.write_text(page_of(scene_of(reel, watched, opens_at_end=False)), "utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 920})
        page.goto(f"file://{file}#t={AT_S}")
        page.locator('[data-shelf="g3/s2"]').evaluate("e => e.scrollIntoView()")
        picture(page, TARGET, is_whole=False)
        browser.close()


if __name__ == "__main__":
    main()
