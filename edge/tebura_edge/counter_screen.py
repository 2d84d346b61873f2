"""What a counter's page shows: what lies there, what it costs, and how to say that it is paid.

Nobody's name is shown: whoever stands behind the shopper can read along.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files

from tebura_contract.ids import ShelfId
from tebura_contract.layout import Layout
from tebura_contract.messages import CounterLine

from tebura_edge.config import Setup
from tebura_edge.counter_role import CounterShown
from tebura_edge.screen import Page, Said, Screen

OnTap = Callable[[ShelfId], None]


class CounterScreens:
    """Shows a node's counters on its screen.

    Args:
        layout: Names the articles.
        counters: Whose pages there are.
        screen: Serves the pages; None where nobody looks.
        on_tap: Told when somebody presses a counter's button.
    """

    def __init__(
        self,
        layout: Layout,
        counters: tuple[ShelfId, ...],
        screen: Screen | None,
        on_tap: OnTap,
    ) -> None:
        self._products, self._currency = layout.products(), layout.store.currency
        self._screen, self._is_stalled = screen, False
        self._shown: dict[ShelfId, Said] = {}
        html = files("tebura_edge").joinpath("counter_screen.html").read_bytes()
        if screen is not None:
            for counter in counters:
                page = Page(html, partial(self._now, counter), partial(on_tap, counter))
                screen.add(counter, page)

    def show(self, shown: CounterShown) -> None:
        listed = shown.listed
        said: Mapping[str, object] = {
            "state": listed.state.value,
            "hint": shown.hint.value,
            "lines": [self._line(line) for line in listed.lines],
            "total": listed.total_minor,
            "currency": self._currency,
        }
        self._shown[shown.counter] = said
        self._tell(shown.counter)

    def stall(self, is_stalled: bool) -> None:
        """Nothing that is said here could be stored for now, or again."""
        if is_stalled == self._is_stalled:
            return
        self._is_stalled = is_stalled
        for counter in self._shown:
            self._tell(counter)

    def _tell(self, counter: ShelfId) -> None:
        if self._screen is not None:
            # Only what is there now counts: a list that was is a wrong price.
            self._screen.tell_at_once(counter, self._now(counter))

    def _now(self, counter: ShelfId) -> Said:
        nothing: Said = {"state": "empty", "hint": "", "lines": [], "total": 0}
        shown = self._shown.get(counter, {**nothing, "currency": self._currency})
        return {**shown, "state": "stalled", "hint": ""} if self._is_stalled else shown

    def _line(self, line: CounterLine) -> Said:
        product = self._products.get(line.sku)
        return {
            "name": product.name if product else line.sku,
            "name_en": (product.name_en or product.name) if product else line.sku,
            "quantity": line.quantity,
            "amount": line.amount_minor,
        }


def open_counters(setup: Setup, screen: Screen | None, on_tap: OnTap) -> CounterScreens:
    """The pages of the counters that a node's configuration names."""
    counters = tuple(one.shelf for one in setup.config.counter)
    return CounterScreens(setup.layout, counters, screen, on_tap)
