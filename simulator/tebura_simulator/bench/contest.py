"""One case: the scenario is drawn and played once, and every method reads the same reel."""

import time
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tebura_simulator.bench.kept_reel import KeptReel
from tebura_simulator.bench.lines import CaseLine, case_line
from tebura_simulator.bench.suites import Drawn, Suite
from tebura_simulator.claims import Method
from tebura_simulator.reels import Reel
from tebura_simulator.scoring.recorded import score_reel
from tebura_simulator.scoring.tebura import Tebura


@dataclass(frozen=True)
class Work:
    """A case to run, by methods of these names. With `has_pixels` cameras see the case's films."""

    suite: Suite
    case: str
    seed: int
    methods: tuple[str, ...]
    review_s: float
    has_pixels: bool = False

    def failed(self, why: str) -> list[CaseLine]:
        """Every method's line, where the case could not be run."""
        return [self.failure(name, why) for name in self.methods]

    def failure(self, method: str, why: str) -> CaseLine:
        return CaseLine(
            suite=self.suite.name, case=self.case, seed=self.seed, method=method, failure=why
        )


def contest(work: Work) -> list[CaseLine]:
    """A line for each method; what crashes says so on its line."""
    try:
        drawn = work.suite.draw(work.case, work.seed)
        with _reel(work, drawn) as reel:
            return [_judge(work, method, drawn, reel) for method in _methods(work)]
    except Exception as error:  # a crash is a result here: it is told with its seed
        return work.failed(_said(error))


def method_names() -> tuple[str, ...]:
    """Tebura, then its peers."""
    return tuple(method.name for method in all_methods())


def all_methods(review_s: float | None = None) -> tuple[Method, ...]:
    from tebura_simulator.peers import PEERS

    tebura = Tebura() if review_s is None else Tebura(review_s)
    return (tebura, *PEERS)


def _methods(work: Work) -> Sequence[Method]:
    by_name = {method.name: method for method in all_methods(work.review_s)}
    return [by_name[name] for name in work.methods]


def _judge(work: Work, method: Method, drawn: Drawn, reel: Reel) -> CaseLine:
    begun_s = time.process_time()
    try:
        scored = score_reel(work.case, reel, method)
    except Exception as error:  # as above
        return work.failure(method.name, _said(error))
    cpu_s = time.process_time() - begun_s
    store_s = drawn.scenario.duration_s
    return case_line(work.suite.name, work.case, work.seed, method.name, scored, store_s, cpu_s)


def _reel(work: Work, drawn: Drawn) -> AbstractContextManager[Reel]:
    if work.has_pixels:
        from tebura_simulator.bench.films import filmed

        return filmed(drawn)
    from tebura_simulator.memory_reel import reel_of

    return nullcontext(KeptReel(reel_of(drawn.scenario, drawn.layout, drawn.layout_toml)))


def _said(error: Exception) -> str:
    """What went wrong and where, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")
