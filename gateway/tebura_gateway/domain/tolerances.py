"""The numbers the judgement leans on, in one table that `gateway.toml` may change."""

from typing import Annotated

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class JudgementSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How near in time and place things must be to belong together. Seconds and metres.

    None of these was measured in a real shop yet: they are what the simulated one needs, with
    room. The thresholds weigh reviews against wrong lines: lower charges more guesses, higher asks
    staff more often.
    """

    # How likely it must be what it is, if it was theirs; and theirs. The first is read off lines of
    # simulated receipts (`tebura-simulate reliability`): of 24,445 that nobody was asked about 11
    # were wrong. From 0.98 on it would ask about one line in five instead of one in six.
    threshold: Share = 0.96
    who_threshold: Share = 0.8
    # How likely it must be none of the candidates to be nobody's.
    nobodys_threshold: Share = 0.9
    # A reach may end this long before its plates step, or begin this long after: the plates' own
    # start is known to about half a second, and a hand can press before it takes.
    reach_before_s: Positive = 1.5
    reach_after_s: Positive = 1.0
    # A step is decided once every node it needs has spoken this far beyond it.
    slack_s: Positive = 1.5
    # A code read at the gate and the person in its zone, apart at most.
    entry_s: Positive = 5.0
    # A track that ends and one that begins are one person when this near.
    link_s: Positive = 4.0
    link_m: Positive = 1.2
    walk_mps: Positive = 1.6
    # Out of sight at the gate this long: gone. Longer for who never went in: tracks break there.
    # With 3 s the simulated shops' receipts were the same, a second later.
    exit_s: Positive = 2.0
    turned_s: Positive = 15.0
    # Nobody in sight this long although a visit is open: it ended unseen.
    empty_s: Positive = 30.0
    longest_visit_s: Positive = 4 * 3600.0
    # Whoever comes in without a code gets a visit without an account, paid at the exit screen.
    walk_up: bool = False
    # Whether picks of age-restricted goods wait for staff; a shop always asks.
    asks_age: bool = False
