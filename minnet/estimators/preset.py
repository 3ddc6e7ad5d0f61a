"""Arguments for tables in the place of those of MLPClassifier: ``preset="tables"``."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Self, TypeVar

from minnet.common.checks import check_whole
from minnet.common.communicator import in_use, on_all_ranks
from minnet.common.names import check_name
from minnet.common.types import Estimator
from minnet.estimators.agreement import agree_on_preset, size_of
from minnet.estimators.arguments import defaults_of, is_default
from minnet.layers import Dense, Dropout, Layer
from minnet.losses import get_loss
from minnet.ntk import ntk
from minnet.schedules import FlatThenCosine

__all__ = ["PRESETS", "Pace", "PresetMixin", "by_preset", "pace_for", "written_for"]

_Method = TypeVar("_Method", bound=Callable[..., Any])

#: What ``preset`` may be.
PRESETS = ("tables",)

#: Of each of two hidden layers.
_UNITS = 192

#: Of a network, however many rows there are.
_MOST_STEPS = 25_000

#: What belongs to the callbacks of a call, not to what it has fitted.
_OF_CALL = ("_skl_callbacks", "_parent_callback_ctx")


class Pace(NamedTuple):
    """How a network is trained on so many rows.

    Attributes
    ----------
    batch_size, max_iter : int
    dropout : float
    """

    batch_size: int
    max_iter: int
    dropout: float


def pace_for(n_rows: int) -> Pace:
    """Return how a network is trained on a table of so many rows.

    Examples
    --------
    >>> for n_rows in (200, 20_000, 1_000_000):
    ...     print(pace_for(n_rows))
    Pace(batch_size=32, max_iter=48, dropout=0.3)
    Pace(batch_size=128, max_iter=32, dropout=0.1)
    Pace(batch_size=256, max_iter=6, dropout=0.1)
    """
    batch_size = 32 if n_rows < 500 else 128 if n_rows < 50_000 else 256
    n_epochs = max(32, min(48, 250_000 // max(1, n_rows)))
    most = _MOST_STEPS * batch_size // max(1, n_rows)
    return Pace(batch_size, max(4, min(n_epochs, most)), 0.3 if n_rows < 1500 else 0.1)


def _for_tables(estimator: Estimator, n_samples: int, n_features: int) -> dict[str, Any]:
    """Return the arguments that ``preset="tables"`` stands for."""
    pace = pace_for(n_samples)
    if estimator.early_stopping:  # which may set some aside
        n_samples -= math.ceil(estimator.validation_fraction * n_samples)
    hidden: list[Layer] = [Dense(_UNITS, "silu"), Dropout(pace.dropout)]
    arguments = {
        "hidden_layer_sizes": defaults_of(estimator.__class__)["hidden_layer_sizes"],
        "activation": "relu",
        "dropout": 0.0,
        "batch_norm": False,
        "layers": ntk([*hidden, *hidden], n_features),
        "output_layer": {"lr_factor": _UNITS**-0.5, "bias_lr_factor": 0.1, "decay_factor": 1.0},
        "init": "unit_variance",
        "bias_init": "hull",
        "solver": "adam",
        "beta_2": 0.95,
        "learning_rate": FlatThenCosine(),
        "learning_rate_init": 0.04,
        "weight_decay": 0.02,
        "alpha": 0.0,
        "batch_size": max(1, min(pace.batch_size, n_samples)),
        "max_iter": pace.max_iter,
        "keep": "best" if estimator.early_stopping else "last",
    }
    if hasattr(estimator, "scale_targets"):
        loss = get_loss(estimator.loss, n_outputs=1)
        arguments["scale_targets"] = loss.output == "identity"
    return arguments


class PresetMixin:
    """The part of an estimator that is about ``preset``."""

    preset: str | None

    def written_out(self, n_samples: int, n_features: int) -> Self:
        """Return a copy in which the arguments that ``preset`` sets are written out.

        They are arguments like any others then, which may be changed and searched; a fit of data of this
        size is the same to the last bit.

        Parameters
        ----------
        n_samples, n_features : int
            Of the data that it is to be fitted to.

        Returns
        -------
        copy : MinNetClassifier or MinNetRegressor
            With ``preset=None``; with the same callbacks, and fitted where this one is.

        Raises
        ------
        ValueError
            If an argument that the preset sets is not at its default.

        Examples
        --------
        >>> from minnet import MinNetClassifier
        >>> clf = MinNetClassifier(preset="tables").written_out(n_samples=1000, n_features=16)
        >>> clf.learning_rate_init, clf.batch_size, clf.max_iter
        (0.04, 128, 48)
        >>> [(layer.units, round(layer.lr_factor, 3)) for layer in clf.layers[::2]]
        [(192, 0.25), (192, 0.072)]
        """
        check_whole("n_samples", n_samples)
        check_whole("n_features", n_features)
        written: Any = copy.copy(self)
        if self.preset is None:
            return written
        check_name("preset", self.preset, PRESETS)
        arguments = _for_tables(self, n_samples, n_features)
        defaults = defaults_of(type(self))  # type: ignore[arg-type]
        for name in arguments:
            value, default = getattr(self, name), defaults[name]
            if not is_default(value, default):
                raise ValueError(
                    f"{name} must be left at its default {default!r} where preset={self.preset!r} sets "
                    f"it, got {value!r:.200}: written_out(n_samples, n_features) returns a copy in which "
                    "it may be changed"
                )
        written.__dict__.update(arguments, preset=None)
        return written


def by_preset(method: _Method) -> _Method:
    """Return ``fit`` or ``initialize`` as it is where the estimator has a preset, too.

    A copy whose arguments are written out is what is fitted; the estimator then takes over what that has
    become.
    """

    @functools.wraps(method)
    def fitted(estimator: Any, X: Any, *args: Any, **options: Any) -> Any:
        size = None if in_use() is None else agree_on_preset(estimator, method.__name__, X)
        if estimator.preset is None:
            return method(estimator, X, *args, **options)
        estimator._validate_params()
        written = written_for(estimator, X) if size is None else estimator.written_out(*size)
        getattr(written, method.__name__)(X, *args, **options)
        own = {*defaults_of(estimator.__class__), *_OF_CALL}
        kept = {name: value for name, value in vars(estimator).items() if name in own}
        made = {name: value for name, value in vars(written).items() if name not in own}
        estimator.__dict__ = kept | made
        return estimator

    return on_all_ranks(fitted)  # type: ignore[return-value]


def written_for(estimator: Any, X: Any) -> Any:
    """Return an estimator without a preset: itself, or a copy that is written out for its data.

    Where the number of rows or columns is not to be told, the fit has yet to say what is wrong with X.
    """
    if estimator.preset is None:
        return estimator
    return estimator.written_out(*(max(1, n) for n in size_of(X)))
