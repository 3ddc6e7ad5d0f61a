"""What is wrong with a network, in sentences: from one measurement on a batch."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common import html
from minnet.common.shown import Shown, wrapped
from minnet.common.types import ArrayLike, Matrix
from minnet.lab.findings import CHECKS, Case
from minnet.lab.measurement import Measurement
from minnet.lab.probe import measure, one_pass
from minnet.lab.subject import subject_of
from minnet.optimizers import Optimizer

__all__ = ["Finding", "Report", "diagnose"]

_NOTHING = "Nothing is wrong that can be seen on this batch."


@dataclass(frozen=True, repr=False)
class Finding(Shown):
    """One thing that is wrong.

    Attributes
    ----------
    code : str
        Such as "vanishing_backward".
    layer : int or None
        Index in ``network.layers`` of the layer where it begins; None for the network as a whole.
    figure : float
        What was measured.
    threshold : float
        What the figure was compared with.
    sentence : str
        What is wrong, with the figure.
    advice : str
        What to change.
    """

    code: str
    layer: int | None
    figure: float
    threshold: float
    sentence: str
    advice: str

    def _text(self) -> str:
        return wrapped(f"{self.sentence} {self.advice}")

    def _html(self) -> str:
        return html.page(self.sentence, html.paragraph(self.advice))


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """What :func:`diagnose` found; printed, it is sentences.

    Attributes
    ----------
    findings : list of Finding
        Most serious first; empty when all is well.
    measurement : Measurement
        What they were found in.
    """

    findings: list[Finding]
    measurement: Measurement

    def _text(self) -> str:
        if not self.findings:
            return _NOTHING
        return "\n".join(
            wrapped(f"{i}. {finding.sentence} {finding.advice}", indent="   ")
            for i, finding in enumerate(self.findings, start=1)
        )

    def _html(self) -> str:
        n = len(self.findings)
        title = f"{n} finding{'s' * (n != 1)}, most serious first" if n else _NOTHING
        found = [
            html.paragraph(finding.sentence) + html.paragraph(finding.advice, "title")
            for finding in self.findings
        ]
        measured = html.details("what was measured, by layer", self.measurement._table())
        return html.page(title, html.listing(found) if found else "", measured)

    def __bool__(self) -> bool:
        """Return whether something was found."""
        return bool(self.findings)


def diagnose(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    optimizer: str | Optimizer | None = None,
) -> Report:
    """Say what is wrong with a network and what to change.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor or Pipeline that ends in one
        An estimator that is not fitted is looked at as its fit would start.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Some hundred rows of the training data.
    y : array-like
        As ``fit`` takes it; for a Network the targets of its loss.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    optimizer : str or Optimizer, default=None
        An estimator's own unless given; the learning rate of a Network alone is not judged.

    Returns
    -------
    Report

    Notes
    -----
    {findings}

    Where the loss is less than half of that of the best constant answer the network has learned: then
    signals and gradients are not judged, nor a learning rate that is low, and dead units only from 0.9 on.

    The measurement is that of :func:`minnet.lab.probe`. The output layer is left out where layers are
    compared: its width is another.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import diagnose
    >>> X, y = load_digits(return_X_y=True)
    >>> deep = MinNetClassifier((64,) * 12, "relu", init="glorot", random_state=0)
    >>> report = diagnose(deep, X / 16, y)
    >>> [finding.code for finding in report.findings]
    ['vanishing_forward', 'vanishing_backward']
    >>> print(report.findings[0].advice)
    Draw larger weights: init="he_normal"; or put in BatchNorm.
    """
    subject = subject_of(model, X, y, sample_weight, optimizer)
    if subject.T is None:
        raise ValueError("y must be given: half of what can be wrong shows in gradients, got None")
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        passed = one_pass(subject)
    case = Case(subject, measure(subject, passed=passed), passed[1])
    found: dict[str, Finding] = {}
    for code, check in CHECKS.items():
        if "not_finite" in found:
            break  # the other figures would be none
        if (what := check.function(case)) is not None:
            found[code] = Finding(code, *what)
    left = [found[code] for code in found if not found.keys() & set(CHECKS[code].unless)]
    return Report(left, case.m)


def _table() -> str:
    """Return the table of the findings, for the docstring."""
    rule = f"{'=' * 27} {'=' * 66}"
    rows = [rule, f"{'code':<27} figure, and what is too much of it", rule]
    for code, check in CHECKS.items():
        for i, line in enumerate(textwrap.wrap(check.row, 74)):
            rows.append(f"{f'``{code}``' if i == 0 else '':<27} {line}")
    return "\n    ".join([*rows, rule])


if diagnose.__doc__:  # not with python -OO
    diagnose.__doc__ = diagnose.__doc__.replace("{findings}", _table())
