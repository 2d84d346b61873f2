"""Tebura and its peers on the same simulated visits, case by case and in sum.

`suites` say which cases there are, `contest` runs one, `crew` many at once, `lines` is what is told
of each, `journal` keeps it, `table` shows it.
"""

from tebura_simulator.bench.run import BenchOptions, run

__all__ = ["BenchOptions", "run"]
