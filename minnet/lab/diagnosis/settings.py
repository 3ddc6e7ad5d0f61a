"""Which settings of a training to try where a fit has learned nothing, and nothing measured says why."""

from __future__ import annotations

from typing import Any

from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.remedy import Remedy, by_batch
from minnet.lab.diagnosis.weights import weights_to_try
from minnet.layers import Dropout

__all__ = ["settings_to_try"]

_ALPHA = 1e-4  # that of the estimators
_DECAY = 0.01  # that of AdamW
_FACTORS = 0.1, 10.0, 0.01, 100.0, 1000.0  # of the learning rate
_DEEP = 10  # hidden layers
_SANE = 1e-5, 1.0  # learning rates


def settings_to_try(case: Case) -> list[Remedy]:
    """Return what may keep a network from learning, as changes: first what was set on purpose."""
    model, network, optimizer = case.estimator, case.network, case.subject.optimizer
    changes: list[dict[str, Any]] = []
    if network.alpha > 10 * _ALPHA:
        changes.append({"alpha": _ALPHA})
    if getattr(model, "weight_decay", 0.0) > 0 or _decay(optimizer) > 10 * _DECAY:
        changes.append({"weight_decay": 0.0})
    if any(isinstance(layer, Dropout) for layer in network.layers):
        changes.append({"dropout": 0.0})
    clips = [name for name, clip in (case.subject.clip or {}).items() if clip is not None]
    changes += [{name: None} for name in clips]
    if optimizer is not None and 100 * optimizer.learning_rate <= _SANE[1]:
        # A rate that is too low as well hides that it was the clipping.
        rate = float(f"{100 * optimizer.learning_rate:.1g}")
        changes += [{name: None, "learning_rate_init": rate} for name in clips]
    if optimizer is not None:
        rates = [float(f"{factor * optimizer.learning_rate:.1g}") for factor in _FACTORS]
        changes += [{"learning_rate_init": rate} for rate in rates if _SANE[0] <= rate <= _SANE[1]]
    if model is not None and model.solver != "lbfgs":
        if model.learning_rate != "constant":
            changes.append({"learning_rate": "constant"})
        if not model.shuffle:
            changes.append({"shuffle": True})
    if network.loss_.output == "identity" and not getattr(model, "scale_targets", False):
        changes.append({"scale_targets": True})
    changes.append({"scaler": MaxAbsScaler() if sparse.issparse(case.X) else StandardScaler()})
    if any(map(by_batch, network.layers)):
        changes.append({"batch_norm": False})
    if len(case.hidden) >= _DEEP:
        changes += [remedy.changes for remedy in weights_to_try(case, depth=True)[:2]]
    for name in ("init", "bias_init"):
        there = getattr(network if model is None else model, name)
        if not isinstance(there, str) or there != "auto":
            changes.append({name: "auto"})
    if getattr(model, "activation", "relu") != "relu":
        changes.append({"activation": "relu"})
    return [Remedy(change, _words(change)) for change in changes]


def _decay(optimizer: Any) -> float:
    return getattr(optimizer, "weight_decay", 0.0)


def _words(change: dict[str, Any]) -> str:
    scaler = change.get("scaler")
    return f"a {type(scaler).__name__} before the network" if scaler is not None else ""
