"""One step of a small network as on a blackboard: which network, and which data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from minnet.common.checks import check_real, check_whole
from minnet.common.names import check_name
from minnet.optimizers import SGD
from minnet.playground.experiment import Experiment
from minnet.views.step import step

__all__ = ["LIMITS", "blackboard"]


def __dir__() -> list[str]:
    return __all__


#: Lowest and highest of what a student may choose: more is not readable.
LIMITS = {"n_samples": (1, 6), "n_units": (1, 6), "n_layers": (1, 3), "steps": (0, 1000)}


def blackboard(experiment: Experiment, options: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return one step of a small network that has an experiment's data, activation and initialization.

    The step is one of plain gradient descent on all the samples, in float64.

    Parameters
    ----------
    experiment : Experiment
        Depth, width, batch normalization, dropout and optimizer do not count. In place of digits, whose 64
        inputs fit no blackboard, there are moons.
    options : dict
        ``n_samples`` and ``n_units`` (1 to 6, by default 3), ``n_layers``: hidden ones (1 to 3, by default
        1), ``steps`` that were taken before (0 to 1000, by default 0), ``learning_rate`` (0 to 100, by
        default 0.5), and ``experiment``, fields that are to be other than those of ``experiment``.

    Returns
    -------
    dict
        What :func:`minnet.views.step.step` returns, and ``data``, ``init``, ``gain`` and ``steps``.

    Raises
    ------
    ValueError
        If there is no such option, or one cannot be what is given.

    Examples
    --------
    >>> from minnet.playground.blackboard import blackboard
    >>> from minnet.playground.experiment import Experiment
    >>> board = blackboard(Experiment(data="xor"), {"n_samples": 2, "steps": 10})
    >>> len(board["X"]), len(board["layers"]), board["loss_after"] < board["loss"]
    (2, 2, True)
    """
    for name in options:
        check_name("option", name, [*LIMITS, "learning_rate", "experiment"])
    given = {"n_samples": 3, "n_units": 3, "n_layers": 1, "steps": 0} | dict(options)
    n_samples, n_units, n_layers, steps = (check_whole(k, given[k], *LIMITS[k]) for k in LIMITS)
    rate = check_real("learning_rate", given.get("learning_rate", 0.5), 0, 100)
    chosen = Experiment.from_dict(given.get("experiment", {}), experiment)
    data = "moons" if chosen.data == "digits" else chosen.data
    size: dict[str, Any] = {"depth": n_layers, "width": n_units}
    small = replace(chosen, data=data, **size, batch_norm=False, dropout=0.0)
    X, T, *_ = small.make_data()
    network = small.network(X)
    # Each class has its turn.
    nth = [np.count_nonzero(T[:i] == T[i]) for i in range(len(T))]
    rows = np.lexsort((T, nth))[:n_samples]
    X, T = X[rows], T[rows]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            grads = network.loss_and_grad(X, T)[1]
            SGD(rate).update(network.params, grads, rate)
    told = {"data": data, "init": chosen.init, "gain": chosen.gain, "steps": steps}
    return step(network, X, T, rate) | told
