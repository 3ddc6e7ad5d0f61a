"""What a fit leaves in an estimator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
import sklearn

from minnet._version import __version__
from minnet.backends import make_backend
from minnet.common.types import Array, Estimator
from minnet.estimators.data import Features
from minnet.estimators.targets import Labels, Numbers
from minnet.network import Network
from minnet.training import Trainer

__all__ = ["BackendCache", "Fitted", "fit_info"]


#: Attributes of a fitted estimator, and what a trainer calls them.
_OF_TRAINER = {
    "_optimizer": "optimizer",
    "_no_improvement_count": "no_improvement_count",
    "t_": "n_seen",
    "loss_curve_": "loss_curve",
    "best_loss_": "best_loss",
}

#: Likewise; None where a fit had no validation set.
_OF_VALIDATION = {
    "validation_scores_": "validation_scores",
    "validation_loss_curve_": "validation_loss_curve",
    "best_validation_score_": "best_score",
}


class _Absent:
    """Stands for an attribute that a fit does not leave."""


@dataclass
class Fitted:
    """All that a fit leaves in an estimator, which has it as attributes.

    A call of ``fit``, ``partial_fit``, ``fit_stream`` or ``initialize`` makes a new one and leaves the
    estimator alone; at its end :meth:`put_into` is a single assignment. So a call that fails changes
    nothing.

    Attributes
    ----------
    features : Features
    targets : Labels or Numbers
    network : Network or None
        None until it is made.
    trainer : Trainer or None
        None where nothing was trained, or by L-BFGS.
    n_iter : int
    validated : bool
        Whether this fit had a validation set.
    early_stopping : bool
        Whether it decided when to stop.
    loss : float or None
        That of L-BFGS; a trainer knows its own.
    info : dict or None
        See :func:`fit_info`.
    temperature : float or None
        What the logits are divided by for probabilities.
    others : list of Network
        Where several were trained, those beside ``network``.
    seeds : list of int or None
        Of all of them; None where one was trained.
    """

    features: Features
    targets: Labels | Numbers
    network: Network | None = None
    trainer: Trainer | None = None
    n_iter: int = 0
    validated: bool = False
    early_stopping: bool = False
    loss: float | None = None
    info: dict[str, Any] | None = None
    temperature: float | None = None
    others: list[Network] = field(default_factory=list)
    seeds: list[int] | None = None

    def put_into(self, estimator: Estimator) -> None:
        """Replace what an earlier fit left in an estimator."""
        new = self._attributes()
        others = {name: value for name, value in vars(estimator).items() if name not in new}
        there = {name: value for name, value in new.items() if value is not _Absent}
        estimator.__dict__ = others | there

    def _attributes(self) -> dict[str, Any]:
        """Return each attribute that a fit may leave, absent ones included."""
        network, trainer = self.network, self.trainer
        assert network is not None
        names = self.features.names
        init = [network.init_[row.label] for row in network.parameter_table if row.is_weight]
        return {
            "n_features_in_": self.features.n,
            "feature_names_in_": _Absent if names is None else names,
            **self.targets.attributes(),
            "network_": network,
            "n_iter_": self.n_iter,
            "n_outputs_": network.sizes[-1],
            "out_activation_": network.loss_.output,
            "init_": init,
            "n_layers_": len(init) + 1,
            "_other_networks": self.others,
            "seeds_": _Absent if self.seeds is None else self.seeds,
            "_backend_caches": [BackendCache() for _ in range(1 + len(self.others))],
            "_minnet_version": __version__,
            **self._records(trainer),
            "fit_info_": _Absent if self.info is None else self.info,
            "temperature_": _Absent if self.temperature is None else self.temperature,
        }

    def _records(self, trainer: Trainer | None) -> dict[str, Any]:
        names = _OF_TRAINER | _OF_VALIDATION
        records = {name: getattr(trainer, known, _Absent) for name, known in names.items()}
        if trainer is None:
            loss = _Absent if self.loss is None else self.loss
            return records | {"_trainer": _Absent, "t_": 0, "loss_": loss}
        if not self.validated:
            records |= dict.fromkeys(_OF_VALIDATION)
        elif self.early_stopping:
            records["best_loss_"] = None
        loss = trainer.loss_curve[-1] if trainer.loss_curve else np.inf
        return records | {"_trainer": trainer, "loss_": loss}


class BackendCache:
    """Makes a backend when it is first asked for, and again for another network, or another buffer of it.

    To make one takes longer than to predict one row. A backend notices by itself what else has changed of
    its network (:class:`minnet.backends.border.Border`). Copies and pickles start without.
    """

    def __init__(self) -> None:
        self._made: tuple[Any, str, Array] | None = None

    def get(self, name: str, network: Network, n_threads: int | None) -> Any:
        """Return the backend ``name`` for ``network``."""
        made = self._made  # read once: other threads may predict too
        if made is not None:
            backend, of_name, params = made
            if (
                backend.network is network
                and getattr(network, "params", None) is params
                and of_name == name
                and backend.n_threads is n_threads
            ):
                return backend
        backend = make_backend(name, network, n_threads)
        self._made = backend, name, network.params
        return backend

    def __reduce__(self) -> tuple[type[BackendCache], tuple[()]]:
        return BackendCache, ()


def fit_info(
    network: Network, backend: str, n_threads: int | None, seconds: float
) -> dict[str, Any]:
    """Return what one needs to know to run a fit again, in numbers and strings only.

    Parameters
    ----------
    network : Network
        Fitted.
    backend : str
        The name of the backend whose code ran.
    n_threads : int or None
        As the user gave it.
    seconds : float
        What the call took.

    Returns
    -------
    dict
        ``random_key``, the key of all random streams of the fit; ``backend``; ``cpu_level`` of the
        compiled kernels, None where they did not run; ``n_threads``, the most that could be used, None
        where the libraries' settings decide; ``dtype``; ``seconds``; ``versions`` of minnet, numpy,
        scipy and scikit-learn.

    Examples
    --------
    >>> from minnet import MinNetClassifier
    >>> clf = MinNetClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], [0, 1])
    >>> sorted(clf.fit_info_)
    ['backend', 'cpu_level', 'dtype', 'n_threads', 'random_key', 'seconds', 'versions']
    >>> clf.fit_info_["dtype"]
    'float64'
    """
    cpu_level = None
    if backend == "cython":
        import minnet_ext

        cpu_level = minnet_ext.cpu_level
        n_threads = minnet_ext.effective_n_threads(n_threads)
    elif backend == "numba":
        n_threads = 1
    return {
        "random_key": int(network.key),
        "backend": backend,
        "cpu_level": cpu_level,
        "n_threads": None if n_threads is None else int(n_threads),
        "dtype": network.dtype.name,
        "seconds": float(seconds),
        "versions": {
            "minnet": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
