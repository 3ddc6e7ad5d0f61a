"""What :func:`minnet.lab.diagnose` says of an experiment, and which controls its remedies turn."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from minnet.estimators import MinNetClassifier
from minnet.initializers import get_initializer
from minnet.lab import diagnose
from minnet.playground.experiment import Experiment

__all__ = ["advice", "estimator"]

_MOST_TRIED, _MOST_LOOKED_AT = 60_000, 500_000  # weights: what takes some seconds, not minutes
_NOT_TRIED = "Cures are tried on networks of at most {:,} weights; this one has {:,}."
_CALLED = {"learning_rate_init": "learning_rate", "hidden_layers": "depth"}


def estimator(experiment: Experiment) -> MinNetClassifier:
    """Return the estimator whose fit begins with the experiment's network.

    Of two classes it has one output, not two.

    Parameters
    ----------
    experiment : Experiment

    Examples
    --------
    >>> from minnet.playground.advice import estimator
    >>> from minnet.playground.experiment import Experiment
    >>> estimator(Experiment(depth=2)).hidden_layer_sizes
    (32, 32)
    """
    init, bias_init = experiment.initializers()
    return MinNetClassifier(
        (experiment.width,) * experiment.depth,
        experiment.activation,
        init=init,
        bias_init=bias_init,
        solver=experiment.make_optimizer(),
        batch_size=min(experiment.batch_size, experiment.n_samples),
        batch_norm=experiment.batch_norm,
        dropout=experiment.dropout,
        random_state=experiment.seed,
    )


@functools.lru_cache(maxsize=16)
def advice(experiment: Experiment) -> dict[str, Any]:
    """Return what is wrong with an experiment as it starts, and what cures it.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    dict
        ``text``, all of it; ``findings``, a list of dict with ``code``, ``sentence``, ``advice`` and
        ``change``, the fields of the experiment that the remedy sets, None where there is no remedy or no
        control for it. Of more than 60,000 weights no remedy is tried.

    Raises
    ------
    ValueError
        If the network has more than 500,000 weights.

    Examples
    --------
    >>> from minnet.playground.advice import advice
    >>> from minnet.playground.experiment import Experiment
    >>> finding = advice(Experiment(depth=3, init="zeros"))["findings"][0]
    >>> finding["code"], finding["change"]
    ('symmetric_units', {'init': 'auto', 'gain': 1.0})
    """
    n = experiment.n_weights
    if n > _MOST_LOOKED_AT:
        most = f"at most {_MOST_LOOKED_AT:,} weights to be diagnosed while one waits"
        raise ValueError(f"depth and width must give a network of {most}, got {n:,}")
    X, T, *_ = experiment.make_data()
    report = diagnose(estimator(experiment), X, T)
    tried = n <= _MOST_TRIED
    findings = [
        {
            "code": one.code,
            "sentence": one.sentence,
            "advice": one.advice if tried else "",
            "change": _change(experiment, one.remedy.changes) if tried and one.remedy else None,
        }
        for one in report.findings
    ]
    if tried or not findings:
        text = str(report)
    else:
        sentences = [f"{i}. {one['sentence']}" for i, one in enumerate(findings, 1)]
        text = "\n".join([*sentences, _NOT_TRIED.format(_MOST_TRIED, n)])
    return {"text": text, "findings": findings}


def _change(experiment: Experiment, remedy: dict[str, Any]) -> dict[str, Any] | None:
    """Return the remedy as fields of the experiment; None if it is more than its controls can do."""
    change: dict[str, Any] = {}
    for name, value in remedy.items():
        if name == "init":
            spec = value if isinstance(value, dict) else {"name": value}
            if not {"name", "gain"} >= spec.keys():
                return None
            if (called := spec["name"]) != "auto":
                called = get_initializer(called).names[0]  # "glorot" is an alias
            change |= {"init": called, "gain": spec.get("gain", 1.0)}
        elif name == "bias_init" and value in ("auto", "zeros"):
            change["bias"] = 0.0
        else:
            change[_CALLED.get(name, name)] = value
    try:
        replace(experiment, **change)
    except (TypeError, ValueError):
        return None
    return change
