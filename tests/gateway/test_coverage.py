"""Every branch of the rules of money is taken by the tests of those rules alone."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = (
    "cart",
    "checkout",
    "combination",
    "countries",
    "late",
    "ledger",
    "pricing",
    "promotions",
    "receipt",
    "settlement",
    "tax",
)
TESTS = ("test_baskets", "test_cart", "test_checkout", "test_money", "test_promotions")
# They repeat what others take once, at length.
LENGTHY = "not file_says and not permutations and not never_raises and not order_of_lines"

CONFIGURATION = r"""
[run]
branch = true
include = {include}
[report]
# Where all members of a union have their case, none falls through; each case is a line of its own.
partial_branches =
    pragma: no branch
    ^\s*case\b
"""


def test_no_branch_of_the_rules_of_money_is_left_out(tmp_path: Path) -> None:
    include = ",".join(f"*/tebura_gateway/domain/{name}.py" for name in RULES)
    (tmp_path / "coverage.ini").write_text(CONFIGURATION.format(include=include))
    measure = [sys.executable, "-m", "coverage"]
    settings = [f"--rcfile={tmp_path / 'coverage.ini'}", f"--data-file={tmp_path / 'data'}"]
    tests = [f"tests/gateway/{name}.py" for name in TESTS]
    pytest = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", LENGTHY, *tests]
    ran = subprocess.run(
        [*measure, "run", *settings, *pytest], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    report = [*measure, "report", *settings, "--show-missing", "--fail-under=100"]
    said = subprocess.run(report, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout
    assert all(f"domain/{name}.py" in said.stdout for name in RULES), said.stdout
