"""What is wrong with the outcome of a fit."""

from __future__ import annotations

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding

_NOTHING_LEARNED = 0.95  # of the loss of the best constant


@finding(
    "after a fit: the loss of the predictions over that of the best answer that is the same for all: 0.95",
    after_fit=True,
)
def _learned_nothing(case: Case) -> Found | None:
    return None
