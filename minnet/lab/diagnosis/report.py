"""What ``diagnose`` says: findings, remarks, and what is to be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from minnet.common import html
from minnet.common.checks import check_flag
from minnet.common.shown import Shown, wrapped
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.measurement import Measurement
from minnet.network import Network

__all__ = ["Finding", "Report"]

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
        What to change, or that what was tried does not help.
    remedy : Remedy or None
        The change, which was made and measured: with it the finding goes away, and no other comes. None
        where no change is known that does that.

    Notes
    -----
    Remedies are tried once, when ``advice`` or ``remedy`` is first asked for: printing a report takes a
    second or two, of a network of 50 layers ten or twenty; the list of its findings, and printing it
    again, do not. They are tried on the model as it was given to ``diagnose``, whatever has become of it
    since, and on a copy of at most 1000 rows; where what is found shows in more rows only, on the data
    themselves. When all are tried the report lets go of the data.
    """

    code: str
    layer: int | None
    figure: float
    threshold: float
    sentence: str
    _prove: Callable[[], tuple[str, Remedy | None]] | None = field(compare=False)

    @cached_property
    def _proven(self) -> tuple[str, Remedy | None]:
        prove = self._prove
        if prove is None:  # another thread was faster
            return vars(self)["_proven"]
        proven = prove()
        vars(self).update(_proven=proven, _prove=None)  # with which the data go
        return proven

    @property
    def advice(self) -> str:  # noqa: D102  # an attribute above
        return self._proven[0]

    @property
    def remedy(self) -> Remedy | None:  # noqa: D102  # an attribute above
        return self._proven[1]

    def __getstate__(self) -> dict[str, Any]:
        self._proven  # noqa: B018  # computed
        return dict(vars(self))

    def _text(self) -> str:
        return wrapped(f"{self.sentence} {self.advice}".strip())

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
    remarks : list of Finding
        What could be better of a network that has learned: no reason for alarm.
    outcome : str
        What became of a fitted model in one sentence, where that is something to say; "" otherwise.
    """

    findings: list[Finding]
    measurement: Measurement = field(compare=False)
    remarks: list[Finding] = field(default_factory=list)
    outcome: str = ""
    _model: Any = field(default=None, compare=False)
    _finish: Callable[[Any], Any] | None = field(default=None, compare=False)
    _combine: Callable[[list[tuple[str, Remedy]]], Remedy] | None = field(
        default=None, compare=False
    )

    @cached_property
    def _remedies(self) -> tuple[Remedy, Remedy] | None:
        """The first remedy, and all that go together; None if there is none."""
        combine = self._combine
        if "_remedies" in vars(self):  # another thread was faster
            return vars(self)["_remedies"]
        for finding in self.remarks:
            finding._proven  # noqa: B018  # computed
        remedies = [(one.code, one.remedy) for one in self.findings if one.remedy is not None]
        found = None
        if remedies:
            first = remedies[0][1]
            found = first, first if combine is None else combine(remedies)
        vars(self).update(_remedies=found, _combine=None)  # with which the data go
        return found

    def __getstate__(self) -> dict[str, Any]:
        self._remedies  # noqa: B018  # computed
        return dict(vars(self))

    def apply(self, *, all: bool = False) -> Any:
        """Return the model with the remedy of the first finding that has one.

        Parameters
        ----------
        all : bool, default=False
            The remedies of all findings together, without those with which something new would be found,
            and those for what has gone with the ones before; of two that change the same the first.

        Returns
        -------
        estimator, Pipeline, Network or torch.nn.Sequential
            New and not fitted; a Pipeline also where a scaler is put before an estimator, a Network or a
            Sequential with new weights. The model that was looked at does not change.

        Raises
        ------
        ValueError
            If no finding has a remedy; or if it is one of the data or the training, and the model a
            Network or one of PyTorch, which have neither. With ``all`` such remedies are left out.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from minnet import MinNetClassifier
        >>> from minnet.lab import diagnose
        >>> X, y = load_digits(return_X_y=True)
        >>> deep = MinNetClassifier((64,) * 12, "relu", init="glorot", random_state=0)
        >>> diagnose(deep, X / 16, y).apply().init
        'he_normal'
        """
        check_flag("all", all)
        if self._remedies is None:
            what = "nothing is wrong" if not self.findings else "none is known for what it says"
            raise ValueError(f"report must have a remedy to apply, and has none: {what}")
        remedy = self._remedies[1 if all else 0]
        if isinstance(self._model, Network):
            own = remedy._of_network(of_torch=self._finish is not None)
            if own != remedy and not (all and own.changes):
                first = next(f for f in self.findings if f.remedy is not None)
                raise ValueError(
                    "report must have a remedy of the model to apply, and has one of its data or "
                    f"training: {first.advice}"
                )
            remedy = own
        applied = remedy.apply(self._model)
        return applied if self._finish is None else self._finish(applied)

    def _text(self) -> str:
        self._remedies  # noqa: B018  # tries them all
        advice = _advice(self.findings)
        numbered = [
            wrapped(f"{i}. {finding.sentence} {advice[i - 1]}".strip(), indent="   ")
            for i, finding in enumerate(self.findings, start=1)
        ]
        first = [wrapped(self.outcome)] if self.outcome else []
        remarks = [
            wrapped(f"Remark: {finding.sentence} {finding.advice}".strip(), indent="   ")
            for finding in self.remarks
        ]
        nothing = [] if numbered else [_NOTHING]
        return "\n".join([*first, *numbered, *nothing, *remarks])

    def _html(self) -> str:
        self._remedies  # noqa: B018  # tries them all
        n = len(self.findings)
        title = f"{n} finding{'s' * (n != 1)}, most serious first" if n else _NOTHING
        measured = html.details("what was measured, by layer", self.measurement._table())
        listed = html.listing(_items(self.findings)) if self.findings else ""
        remarks = ""
        if self.remarks:
            items = _items(self.remarks)
            several = len(items) > 1
            remarks = html.paragraph("Remarks:" if several else "Remark:")
            remarks += html.listing(items) if several else items[0]
        if self.outcome:
            return html.page(self.outcome, html.paragraph(title), listed, remarks, measured)
        return html.page(title, listed, remarks, measured)

    def __bool__(self) -> bool:
        """Return whether something was found."""
        return bool(self.findings)


def _items(findings: list[Finding]) -> list[str]:
    return [
        html.paragraph(finding.sentence) + html.paragraph(advice, "title")
        for finding, advice in zip(findings, _advice(findings), strict=True)
    ]


def _advice(findings: list[Finding]) -> list[str]:
    """Return the advice of findings, the same but once."""
    texts = [finding.advice for finding in findings]
    first = [texts.index(text) for text in texts]
    return [
        f"As under {at + 1}." if text and at < i else text
        for i, (at, text) in enumerate(zip(first, texts, strict=True))
    ]
