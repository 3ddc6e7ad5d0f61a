"""What :func:`minnet.lab.diagnose` says of an experiment, and which controls its remedies turn."""

import functools
import threading
from dataclasses import replace
from typing import Any

from minnet.estimators import MinNetClassifier
from minnet.initializers import get_initializer
from minnet.lab import Remedy, diagnose
from minnet.playground.experiment import Experiment

__all__ = ["advice", "estimator"]

_MOST_WEIGHTS = 100_000  # of more it takes minutes
# One at a time: what short trainings warn of is held back for the whole process.
_ALONE = threading.Lock()
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
        ``change``, the fields of the experiment that the remedy changes, None where there is no remedy
        or no control for it.

    Raises
    ------
    ValueError
        If the network has more than 100,000 weights.

    Examples
    --------
    >>> from minnet.playground.advice import advice
    >>> from minnet.playground.experiment import Experiment
    >>> finding = advice(Experiment(depth=3, init="zeros"))["findings"][0]
    >>> finding["code"], finding["change"]
    ('symmetric_units', {'init': 'auto'})
    """
    if experiment.n_weights > _MOST_WEIGHTS:
        raise ValueError(
            f"depth and width must give a network of at most {_MOST_WEIGHTS:,} weights to be diagnosed "
            f"while one waits, got {experiment.n_weights:,}"
        )
    X, T, *_ = experiment.make_data()
    with _ALONE:
        report = diagnose(estimator(experiment), X, T)
    findings = []
    for one in report.findings:
        told = {"code": one.code, "sentence": one.sentence, "advice": one.advice}
        findings.append(told | {"change": _change(experiment, one.remedy)})
    return {"text": str(report), "findings": findings}


def _change(experiment: Experiment, remedy: Remedy | None) -> dict[str, Any] | None:
    """Return the remedy as fields of the experiment; None if it is more than its controls can do."""
    changes = {} if remedy is None else dict(remedy.changes)
    init = changes.pop("init", None)
    if init is not None:
        changes |= {"gain": 1.0} | ({"name": init} if isinstance(init, str) else init)
        name = changes.pop("name")
        # It may be an alias, such as "glorot".
        changes["init"] = name if name == "auto" else get_initializer(name).names[0]
    if str(changes.get("bias_init")) in ("auto", "zeros"):
        changes |= {"bias": 0.0}
        del changes["bias_init"]
    try:
        cured = replace(experiment, **{_CALLED.get(name, name): changes[name] for name in changes})
    except (TypeError, ValueError):
        return None
    return cured.changes_from(experiment) or None
