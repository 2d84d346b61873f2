"""Which mutants do the tests of a module miss? Many a minute: each meets only tests that reach it.

Runs inside one pytest session. Every test is run once, and what it reaches is noted. Then for each
mutant the process forks; the changed function's code is put where the module's own was, so whoever
imported it has the mutant too, and the quickest tests that come by its line go first.
"""

import ast
import inspect
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings

MOST_CPU_S = 60
"""A mutant that runs longer goes round in circles, and counts as noticed."""


class Hunt:
    """A pytest plugin: instead of running the tests it tries mutants on them."""

    def __init__(
        self, module: str, mutants: Sequence[Any], on_survivor: Callable[[str], None]
    ) -> None:
        self._module, self._mutants, self._on_survivor = module, mutants, on_survivor
        self._took_s: dict[str, float] = {}

    def pytest_collection(self) -> None:
        # A failure is enough: no smaller one is looked for, and none is kept for the next time.
        quick = settings(phases=(Phase.explicit, Phase.generate), database=None)
        settings.register_profile("hunt", quick)
        settings.load_profile("hunt")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        target = sys.modules[self._module]
        reached = self._reached(session.items, str(target.__file__))
        for mutant in self._mutants:
            first, last = mutant.lines
            tests = {name for line in range(first, last + 1) for name in reached.get(line, ())}
            chosen = sorted(
                (item for item in session.items if item.nodeid in tests),
                key=lambda item: self._took_s[item.nodeid],
            )
            if not _is_noticed(target, mutant.tree(), mutant.function, chosen):
                self._on_survivor(mutant.name)
        return True

    def _reached(self, items: Iterable[pytest.Item], file: str) -> dict[int, list[str]]:
        """The tests that come by each line of a file."""
        watch = coverage.Coverage(data_file=None, include=[file], config_file=False)
        watch.start()
        for item in items:
            watch.switch_context(item.nodeid)
            began_s = time.perf_counter()
            assert _passes(item), f"{item.nodeid} fails anyhow"
            self._took_s[item.nodeid] = time.perf_counter() - began_s
        watch.stop()
        return watch.get_data().contexts_by_lineno(file)


def _passes(item: pytest.Item) -> bool:
    return all(report.passed or report.skipped for report in _reports(item))


def _reports(item: pytest.Item) -> list[pytest.TestReport]:
    return runtestprotocol(item, log=False, nextitem=None)


def _is_noticed(
    target: ModuleType, tree: ast.Module, function: str, items: Sequence[pytest.Item]
) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (_cpu_s() + MOST_CPU_S, resource.RLIM_INFINITY))
            _put(target, compile(tree, str(target.__file__), "exec"), function)
            status = 0 if all(_passes(item) for item in items) else 1
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return status != 0


def _cpu_s() -> int:
    return int(time.process_time()) + 1


def _put(target: ModuleType, code: CodeType, function: str) -> None:
    """Give the function of this qualified name the code that it has in a changed module."""
    found: Any = target
    for name in function.split("."):
        found = inspect.getattr_static(found, name)
    _plain(found).__code__ = next(one for one in _codes(code) if one.co_qualname == function)


def _plain(found: Any) -> FunctionType:
    """The function itself, without what is wrapped around it."""
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    found = inspect.unwrap(found)
    assert isinstance(found, FunctionType), found
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)
