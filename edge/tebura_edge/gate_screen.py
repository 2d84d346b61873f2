"""What a gate's page shows: answers, what is asked of who stands there, and that nothing works.

Nobody's name is shown: whoever stands behind the shopper can read along.
"""

from collections.abc import Callable, Iterable
from functools import partial
from importlib.resources import files
from typing import Final

from tebura_contract.clock import MILLISECOND_NS, SECOND_NS
from tebura_contract.ids import GateId

from tebura_edge.answers import Answer
from tebura_edge.face_gate import Prompt
from tebura_edge.face_light import SLOT_NS
from tebura_edge.screen import Page, Said, Screen

OnShone = Callable[[GateId, int], None]

SAID_WITHIN_NS: Final = SECOND_NS


def shone_ns(at_ms: int, wall_ns: int, store_ns: int) -> int | None:
    """In store time what a page says by the wall clock; now it is `wall_ns` and `store_ns`.

    None where that is long ago, or to come: then it is not by this machine's clock.
    """
    age_ns = wall_ns - at_ms * MILLISECOND_NS
    return store_ns - age_ns if -MILLISECOND_NS <= age_ns <= SAID_WITHIN_NS else None


class GateScreen:
    """Shows a node's gates on its screen.

    Args:
        screen: Serves the pages; whoever opened it closes it.
        gates: Whose pages there are.
        on_shone: Told when (milliseconds of the wall clock) a page began with its colours.
    """

    label = "screen"
    trouble = ""

    def __init__(
        self,
        screen: Screen,
        gates: Iterable[GateId],
        on_shone: OnShone = lambda _gate, _at_ms: None,
    ) -> None:
        self._screen, self._gates = screen, tuple(gates)
        self._is_stalled = False
        self.page = files("tebura_edge").joinpath("gate_screen.html").read_bytes()
        for gate in self._gates:
            screen.add(gate, Page(self.page, self._begins, on_shone=partial(on_shone, gate)))

    def show(self, answer: Answer) -> None:
        reason = answer.reason.value if answer.reason else ""
        self._screen.tell(answer.gate, {"kind": answer.kind.value, "reason": reason})

    def ask(self, prompt: Prompt) -> None:
        said: Said = {"kind": "ask", "reason": prompt.kind.value}
        if prompt.light:
            light = [tint.value for tint in prompt.light]
            said = {**said, "light": light, "slot_ms": SLOT_NS // MILLISECOND_NS}
        self._screen.tell(prompt.gate, said)

    def stall(self, is_stalled: bool) -> None:
        """Show "ask our staff" until it is over, also to browsers that join meanwhile."""
        if is_stalled == self._is_stalled:
            return
        self._is_stalled = is_stalled
        said: Said = {"kind": "stalled" if is_stalled else "idle", "reason": ""}
        for gate in self._gates:
            self._screen.tell_at_once(gate, said)

    def close(self) -> None:
        """Nothing of its own."""

    def _begins(self) -> Said | None:
        return {"kind": "stalled", "reason": ""} if self._is_stalled else None
