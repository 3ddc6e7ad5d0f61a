"""What a check is: a function of a case that returns a finding or None, and its place among the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from minnet.lab.diagnosis.remedy import Remedy

if TYPE_CHECKING:
    from minnet.lab.diagnosis.case import Case

__all__ = ["CHECKS", "Check", "Found", "examine", "finding"]


@dataclass(frozen=True)
class Found:
    """What a check found.

    Attributes
    ----------
    layer : int or None
        Where it begins; None for the network as a whole.
    figure, threshold : float
        What was measured, and what it was compared with.
    sentence : str
        What is wrong, with the figure.
    remedies : list of Remedy
        What may help, best first: those that do not are left out before anybody reads of them.
    advice : str
        What to do where no remedy helps, or there can be none: a sentence, or nothing.
    by_training : bool
        Whether only a training can tell if a remedy helps.
    tried : bool
        Whether the check itself has trained with its first remedy, or for longer, and that helped:
        ``advice`` says so.
    remark : bool
        Whether it is a remark of a fit that has learned: a choice, and nothing wrong.
    must_learn : bool
        Whether a remedy also has to learn something in a short training.
    """

    layer: int | None
    figure: float
    threshold: float
    sentence: str
    remedies: Sequence[Remedy] = ()
    advice: str = ""
    by_training: bool = False
    tried: bool = False
    must_learn: bool = False
    remark: bool = False


class Check(NamedTuple):
    """A function with its row in the documentation, and the codes of what alone makes its finding."""

    function: Callable[[Case], Found | None]
    row: str
    unless: tuple[str, ...]
    after_fit: bool
    of_data: bool


#: By code, most serious first: what comes earlier is often the cause of what comes later.
CHECKS: dict[str, Check] = {}


def finding(
    row: str, unless: tuple[str, ...] = (), after_fit: bool = False, of_data: bool = False
) -> Callable[[Callable[[Case], Found | None]], Callable[[Case], Found | None]]:
    """Enter a function among the checks, after those above it; its name is the code.

    Parameters
    ----------
    row : str
        Of the table in :func:`diagnose`: the figure, and what is too much of it.
    unless : tuple of str
        Codes of what alone makes this finding, so that it would send the reader the wrong way.
    after_fit : bool
        Whether it is about the outcome of a fit, and is not looked for before one.
    of_data : bool
        Whether it is about the data alone: no change but one of the data can make it come.
    """

    def enter(function: Callable[[Case], Found | None]) -> Callable[[Case], Found | None]:
        CHECKS[function.__name__[1:]] = Check(function, row, unless, after_fit, of_data)
        return function

    return enter


def examine(case: Case, of_data: Collection[str] | None = None) -> dict[str, Found]:
    """Return what is found in a case, by code, most serious first.

    Parameters
    ----------
    case : Case
    of_data : collection of str or None
        Codes of what is found in the data, where that is known: it is not looked for again then, and not
        in the result.
    """
    found: dict[str, Found] = {}
    decisive = {code for check in CHECKS.values() for code in check.unless}
    with warnings.catch_warnings(action="ignore"):  # what there is to say is said in findings
        for code, check in CHECKS.items():
            if "not_finite" in found:
                break  # the other figures would be none
            if (check.after_fit and not case.fitted) or (check.of_data and of_data is not None):
                continue
            left_out = (found.keys() | set(of_data or ())) & set(check.unless)
            if left_out and code not in decisive:
                continue  # it may take trainings, and would not be said
            if (what := check.function(case)) is not None:
                found[code] = what
    there = found.keys() | set(of_data or ())
    return {code: what for code, what in found.items() if not there & set(CHECKS[code].unless)}
