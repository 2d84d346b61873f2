"""One simulated clerk who answers reviews, one after the other, in the order they come.

Real staff have other work and look at several screens; this says how long receipts wait for
reviews if somebody is always there and takes the same time for each.
"""

from collections.abc import Mapping
from typing import TypeVar

REVIEW_S = 45.0
"""What a review takes, as an assumption: watch the clip, choose, next."""

Question = TypeVar("Question")


def answered_s(
    asked_s: Mapping[Question, float], review_s: float = REVIEW_S
) -> dict[Question, float]:
    """When each question is answered, by when it was asked; both in seconds of the store."""
    free_s = float("-inf")
    answers: dict[Question, float] = {}
    for question, at_s in sorted(asked_s.items(), key=lambda item: item[1]):
        free_s = max(free_s, at_s) + review_s
        answers[question] = free_s
    return answers
