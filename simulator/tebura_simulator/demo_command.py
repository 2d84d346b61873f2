"""``tebura-simulate demo``: a store of real processes, recorded visits, receipts to be right.

Everything a person reads goes to `say`; with JSON only verdicts go to standard output.
"""

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from tebura_contract.money import Money

from tebura_simulator.demo_lock import DemoLock
from tebura_simulator.live_store import LiveStore
from tebura_simulator.shop_client import Amount, Receipt, ShopError, Visit
from tebura_simulator.stage import StageError, free_port, is_listening
from tebura_simulator.take import Take, load_take
from tebura_simulator.visit_report import (
    CartNews,
    Tone,
    Verdict,
    is_over,
    verdict,
    visit_of,
)

DEMO_PORT = 8642
SETTLE_TIMEOUT_S = 75.0
REVIEW_GRACE_S = 15.0
"""A visit in review may go on by itself (a node's word was late); then it is a person's turn."""
POLL_S = 0.3
STYLES = {Tone.QUIET: "dim", Tone.GOOD: "green", Tone.OPEN: "yellow", Tone.BAD: "red"}


class DemoError(RuntimeError):
    """The demo cannot be played; the text says why."""


@dataclass(frozen=True)
class DemoOptions:
    """How to play; `recordings` in order, all of one store."""

    recordings: tuple[Path, ...]
    folder: Path
    is_json: bool = False
    is_serving: bool = False
    speed: float = 1.0


@dataclass
class Showing:
    """A store and what was told of it so far."""

    store: LiveStore
    say: Console
    news: CartNews = field(default_factory=CartNews)
    at_s: float = 0.0

    def tell(self) -> list[Visit]:
        """Print what is new in the carts; returns all visits, newest first."""
        try:
            visits = self.store.client.visits()
        except ShopError:
            return []  # it is being restarted; what it knows comes when it is back
        names = {member.id: member.name for member in self.store.members.values()}
        for news in self.news.of(visits, names):
            line = f"  {self.at_s:5.1f} s  {news.text}"
            self.say.print(line, style=STYLES[news.tone], markup=False, highlight=False)
        return visits


def run_demo(options: DemoOptions, on_verdict: Callable[[Verdict], None]) -> int:
    """Play everything; 0 if every receipt is what it should be.

    Raises:
        AlreadyRunning: If another demo holds the folder.
        DemoError, StageError, ShopError: If the store cannot be brought up or breaks down.
    """
    began_s = time.monotonic()
    say = Console(stderr=options.is_json)
    takes = _load(options.recordings)
    with _stop_signals(), DemoLock(options.folder) as lock:
        run_folder = options.folder / "run"
        shutil.rmtree(run_folder, ignore_errors=True)
        run_folder.mkdir(parents=True)
        port = free_port() if is_listening(DEMO_PORT) else DEMO_PORT
        with LiveStore(run_folder, takes[0], http_port=port, speed=options.speed) as store:
            lock.say(f"{store.address}/live")
            store.wait_sensing()
            store.add_members({name: name.capitalize() for t in takes for name in t.accounts()})
            say.print(f"The shop is open after {time.monotonic() - began_s:.1f} s.")
            say.print(f"Watch it live: {store.address}/live", highlight=False)
            say.print(f"Logs and state: {run_folder}", highlight=False)
            showing = Showing(store, say)
            for take in takes:
                if take.truth is None or not take.truth.receipts:
                    say.print(f"{take.path.name} names no receipts: nothing to compare with.")
            verdicts = [v for take in takes for v in play(showing, take, on_verdict)]
            _sum_up(say, verdicts, time.monotonic() - began_s)
            if options.is_serving:
                _serve(showing)
    return 0 if verdicts and all(v.is_exact for v in verdicts) else 1


def play(
    showing: Showing,
    take: Take,
    on_verdict: Callable[[Verdict], None],
    turn: Callable[[float], None] = lambda _: None,
) -> list[Verdict]:
    """Show one recording and wait for its receipts.

    Args:
        showing: The running store.
        take: What to show.
        on_verdict: Told of each visit once it is over.
        turn: Called several times a second with the recording's time; may break things.
    """
    store, say = showing.store, showing.say
    about = f"({take.path.name}, {take.duration_s:.0f} s)"
    say.print(f"\n[bold]{escape(take.title)}[/bold] {about}", highlight=False)
    store.refresh_phones()
    known = frozenset(visit.id for visit in showing.tell())
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=say, transient=True) as progress:
        task = progress.add_task("visit", total=take.duration_s)
        told_s = 0.0

        def each(at_s: float) -> None:
            nonlocal told_s
            showing.at_s = at_s
            turn(at_s)
            store.check()
            progress.update(task, completed=at_s)
            if time.monotonic() - told_s > POLL_S:
                told_s = time.monotonic()
                showing.tell()

        store.play(take, each)
        progress.update(task, description="receipt", completed=take.duration_s)
        return _verdicts(showing, take, known, on_verdict)


def _verdicts(
    showing: Showing, take: Take, known: frozenset[str], on_verdict: Callable[[Verdict], None]
) -> list[Verdict]:
    expected = take.truth.receipts if take.truth else ()
    waiting = {receipt.shopper: receipt for receipt in expected}
    began_s = time.monotonic()
    found: list[Verdict] = []
    while waiting:
        showing.store.check()
        visits = showing.tell()
        waited_s = time.monotonic() - began_s
        for shopper, wanted in list(waiting.items()):
            member = showing.store.members.get(shopper)
            visit = visit_of(member.id, visits, known) if member else None
            is_stuck = visit is not None and visit.stage == "review" and waited_s > REVIEW_GRACE_S
            if not (is_over(visit) or is_stuck or waited_s > SETTLE_TIMEOUT_S):
                continue
            receipt = _receipt(showing, visit)
            if visit is not None and visit.stage == "settled" and receipt is None:
                continue  # it is on its way
            one = verdict(take.path.stem, wanted, visit, receipt, _delay_s(visit))
            _show(showing.say, one, receipt)
            on_verdict(one)
            found.append(one)
            del waiting[shopper]
        time.sleep(POLL_S)
    return found


def _receipt(showing: Showing, visit: Visit | None) -> Receipt | None:
    if visit is None:
        return None
    with suppress(ShopError):
        return showing.store.client.receipt(visit.id)
    return None


def _delay_s(visit: Visit | None) -> float | None:
    import datetime as dt

    if visit is None or visit.exited is None or visit.settled is None:
        return None
    exited, settled = (dt.datetime.fromisoformat(t) for t in (visit.exited, visit.settled))
    return round((settled - exited).total_seconds(), 2)


def _show(say: Console, one: Verdict, receipt: Receipt | None) -> None:
    if receipt is not None:
        say.print(_receipt_table(receipt, one.shopper.capitalize()))
    who = one.shopper.capitalize()
    if one.is_exact:
        after = f" {one.seconds_to_receipt:.1f} s after leaving" if one.seconds_to_receipt else ""
        what = f"the receipt is exact{after}" if one.receipt else "rightly nothing to pay"
        say.print(f"  [green]✓ {who}: {what}[/green]", highlight=False)
        return
    mark = "✗ WRONG" if one.is_wrong else f"? {one.stage}"
    reason = f" ({one.reason})" if one.reason else ""
    said = f"  {mark}{reason}: {who}, expected {one.expected}, got {one.receipt}"
    say.print(said, style="red" if one.is_wrong else "yellow", markup=False, highlight=False)


def _receipt_table(receipt: Receipt, who: str) -> Table:
    table = Table(title=f"Receipt {receipt.number} · {who}", title_justify="left")
    table.add_column("article", min_width=24)
    table.add_column("count", justify="right")
    table.add_column("amount", justify="right")
    for line in receipt.lines:
        name = escape(line.name_en or line.name)
        table.add_row(name, str(line.quantity), _money(line.amount))
    table.add_section()
    table.add_row("total, tax included", "", _money(receipt.total), style="bold")
    for tax in receipt.taxes:
        table.add_row(f"of it tax at {tax.rate_percent} %", "", _money(tax.tax), style="dim")
    return table


def _money(amount: Amount) -> str:
    return str(Money(amount.minor, amount.currency))


def _sum_up(say: Console, verdicts: Sequence[Verdict], took_s: float) -> None:
    exact = sum(v.is_exact for v in verdicts)
    colour = "green" if exact == len(verdicts) else "red"
    say.print(f"\n[{colour}]{exact} of {len(verdicts)} visits exact[/{colour}] in {took_s:.0f} s")


def _serve(showing: Showing) -> None:
    showing.say.print("The shop stays open. Ctrl-C closes it.")
    with suppress(KeyboardInterrupt):
        while True:
            showing.store.check()
            showing.tell()
            time.sleep(1.0)


def _load(recordings: tuple[Path, ...]) -> list[Take]:
    if not recordings:
        raise DemoError("there is no recording to play")
    takes = [load_take(path) for path in recordings]
    first = takes[0]
    for take in takes[1:]:
        if take.layout != first.layout:
            raise DemoError(f"{take.path}: is of another store than {first.path}")
        if take.scales.keys() != first.scales.keys() or take.cameras.keys() != first.cameras.keys():
            raise DemoError(f"{take.path}: has other sensors than {first.path}")
    return takes


@contextmanager
def _stop_signals() -> Iterator[None]:
    """A SIGTERM ends the demo as Ctrl-C does: everything it started is stopped."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


__all__ = ["DemoError", "DemoOptions", "Showing", "StageError", "play", "run_demo"]
