"""Which settings of a training to try where a fit has learned nothing, and nothing measured says why."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from minnet.estimators.regressor import MinNetRegressor
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.remedy import Remedy
from minnet.layers import Dropout

__all__ = ["settings_to_try"]

_ALPHA = 1e-4  # that of the estimators
_FACTORS = 0.1, 10.0, 0.01, 100.0  # of the learning rate
_SANE = 1e-5, 1.0  # learning rates


def settings_to_try(case: Case) -> list[Remedy]:
    """Return what may keep a network from learning, as changes: first what was set on purpose."""
    model = case.estimator
    if model is None:
        return []
    changes: list[dict[str, Any]] = []
    if model.alpha > 10 * _ALPHA:
        changes.append({"alpha": _ALPHA})
    if model.weight_decay > 0:
        changes.append({"weight_decay": 0.0})
    if any(isinstance(layer, Dropout) for layer in case.network.layers):
        changes.append({"dropout": 0.0})
    for name in ("clip_norm", "clip_value"):
        if getattr(model, name) is not None:
            changes.append({name: None})
    if model.solver != "lbfgs":
        rate = case.subject.optimizer.learning_rate
        rates = [float(f"{factor * rate:.1g}") for factor in _FACTORS]
        changes += [{"learning_rate_init": rate} for rate in rates if _SANE[0] <= rate <= _SANE[1]]
        if model.learning_rate != "constant":
            changes.append({"learning_rate": "constant"})
        if not model.shuffle:
            changes.append({"shuffle": True})
    numbers = isinstance(model, MinNetRegressor) and case.network.loss_.output == "identity"
    if numbers and not model.scale_targets:
        changes.append({"scale_targets": True})
    scaler = MaxAbsScaler() if sparse.issparse(case.X) else StandardScaler()
    changes.append({"scaler": scaler})
    if np.any([layer.normalizes for layer in case.network.layers]):
        changes.append({"batch_norm": False})
    for name in ("init", "bias_init"):
        if not isinstance(there := getattr(model, name), str) or there != "auto":
            changes.append({name: "auto"})
    if not (isinstance(model.activation, str) and model.activation == "relu"):
        changes.append({"activation": "relu"})
    return [Remedy(change, _words(change)) for change in changes]


def _words(change: dict[str, Any]) -> str:
    scaler = change.get("scaler")
    return f"a {type(scaler).__name__} before the network" if scaler is not None else ""
