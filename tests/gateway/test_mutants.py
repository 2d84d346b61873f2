"""Would the tests notice a small change to the rules of money? What they may miss is listed."""

import subprocess
import sys

import pytest

from tests.gateway.mutants import ROOT, TESTS, mutants

SURVIVORS: dict[str, dict[str, str]] = {
    "cart": {},
    "ledger": {},
    "pricing": {
        "at_ns: int = 0  [0 1]": "no promotion begins or ends in the first nanosecond of 1970",
        "picked += [deal.at_ns] * (quantity - len(picked))  [Sub Add]": (
            "what runs at the bill's time counts for every piece: more pieces of that time, of "
            "which none is bought, leave no less to pay"
        ),
    },
    "settlement": {},
}
"""Mutants that nobody need notice, and why."""


@pytest.mark.parametrize("module", TESTS)
def test_what_is_listed_as_surviving_is_there_to_survive(module: str) -> None:
    names = {one.name for one in mutants(module)}
    assert len(names) > 5
    assert SURVIVORS[module].keys() <= names


@pytest.mark.long
@pytest.mark.parametrize("module", TESTS)
def test_every_mutant_is_noticed_or_explained(module: str) -> None:
    # In a process of its own: here the rules are loaded already.
    command = [sys.executable, "-m", "tests.gateway.mutants", module]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    survived = {said.strip() for said in ran.stdout.splitlines()[1:]}
    assert survived <= SURVIVORS[module].keys()
