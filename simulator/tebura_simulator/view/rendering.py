"""A scene as one HTML page that needs nothing else: no network, no second file."""

from pathlib import Path
from typing import Final

from markupsafe import Markup
from tebura_contract.codec import encode

from tebura_simulator.pages import template
from tebura_simulator.view.scene import Scene

_HERE: Final = Path(__file__).parent


def page_of(scene: Scene) -> str:
    """The whole page: template, style, script and data in one."""
    # A product may be called "</script>".
    data = encode(scene).decode().replace("<", "\\u003c")
    return template(_HERE / "page.html").render(
        scene=scene,
        data=Markup(data),
        style=Markup((_HERE / "page.css").read_text("utf-8")),
        script=Markup((_HERE / "page.js").read_text("utf-8")),
    )
