"""What to say of a name that is none of those there are: the nearest one, and all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = ["check_name", "listed", "nearest", "suggest"]

#: What other libraries call it, and what it may be here: the first that is among the options.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    # losses and scores
    "cross_entropy": ("log_loss", "neg_log_loss"),
    "crossentropy": ("log_loss", "neg_log_loss"),
    "categorical_crossentropy": ("softmax_cross_entropy", "log_loss"),
    "sparse_categorical_crossentropy": ("softmax_cross_entropy", "log_loss"),
    "negative_log_likelihood": ("log_loss", "neg_log_loss"),
    "nll": ("log_loss", "neg_log_loss"),
    "nll_loss": ("log_loss", "neg_log_loss"),
    "deviance": ("log_loss", "neg_log_loss"),
    "binary_crossentropy": ("sigmoid_cross_entropy", "log_loss"),
    "bce": ("sigmoid_cross_entropy", "log_loss"),
    "mse": ("squared_error", "neg_mean_squared_error"),
    "mse_loss": ("squared_error", "neg_mean_squared_error"),
    "mean_squared_error": ("squared_error", "neg_mean_squared_error"),
    "rmse": ("squared_error", "neg_root_mean_squared_error"),
    "quadratic": ("squared_error",),
    "least_squares": ("squared_error",),
    "l2": ("squared_error",),
    "mae": ("absolute_error", "neg_mean_absolute_error"),
    "mean_absolute_error": ("absolute_error", "neg_mean_absolute_error"),
    "l1": ("absolute_error",),
    "l1_loss": ("absolute_error",),
    "smooth_l1": ("huber",),
    "pinball": ("quantile",),
    "acc": ("accuracy",),
    "auc": ("roc_auc",),
    "r_squared": ("r2",),
    # activations
    "none": ("identity",),
    "linear": ("identity",),
    "swish": ("silu",),
    "prelu": ("leaky_relu",),
    "lrelu": ("leaky_relu",),
    "hard_sigmoid": ("sigmoid",),
    "expit": ("sigmoid",),
    # solvers and schedules
    "momentum": ("sgd",),
    "gd": ("sgd",),
    "gradient_descent": ("sgd",),
    "nadam": ("adam",),
    "adamax": ("adam",),
    "l_bfgs": ("lbfgs",),
    "bfgs": ("lbfgs",),
    "inverse_scaling": ("invscaling",),
    "plateau": ("adaptive",),
    "reduce_on_plateau": ("adaptive",),
    # initializers and backends
    "bengio": ("glorot_uniform",),
    "svd": ("orthogonal",),
    "data_dependent": ("lsuv",),
    "c": ("cython",),
    "python": ("numpy",),
    "cpu": ("auto",),
    # parameters
    "lr": ("learning_rate", "learning_rate_init"),
    "eta": ("learning_rate", "learning_rate_init"),
    "eta0": ("learning_rate", "learning_rate_init"),
    "epochs": ("max_iter",),
    "n_epochs": ("max_iter",),
    "max_epochs": ("max_iter",),
    "optimizer": ("solver",),
    "patience": ("n_iter_no_change",),
    "seed": ("random_state",),
    "hidden_units": ("hidden_layer_sizes",),
    "neurons": ("units",),
    "n_units": ("units",),
    "p": ("rate",),
    "eps": ("epsilon",),
}

_MOST_IN_A_SENTENCE = 12


def nearest(value: Any, options: Iterable[str]) -> str | None:
    """Return the option that is most like what was typed, or None where none is like it.

    Capitals and hyphens do not count; a class or a function is taken by its name; the usual names of
    other libraries are known.

    Examples
    --------
    >>> nearest("ReLU", ["tanh", "relu"]), nearest("mse", ["log_loss", "squared_error"])
    ('relu', 'squared_error')
    >>> nearest("qqq", ["tanh", "relu"]) is None
    True
    """
    typed = value if isinstance(value, str) else getattr(value, "__name__", value)
    typed = "none" if typed is None else typed
    if not isinstance(typed, str):
        return None
    typed = _plain(typed[:100])
    plain = {_plain(option): option for option in options}
    for synonym in _SYNONYMS.get(typed, ()):
        if synonym in plain:
            return plain[synonym]
    close = difflib.get_close_matches(typed, plain, n=1, cutoff=0.5)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def listed(options: Iterable[str]) -> str:
    """Return names as a list for people.

    Examples
    --------
    >>> print(listed(["sgd", "adam", "rmsprop"]))
    'sgd', 'adam' or 'rmsprop'
    """
    names = [repr(str(option)) for option in options]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def check_name(name: str, value: Any, options: Iterable[str]) -> str:
    """Return a name that is one of the options, or raise :func:`suggest`'s sentence.

    Examples
    --------
    >>> check_name("kind", "line", ["ridges", "lines"])
    Traceback (most recent call last):
        ...
    ValueError: kind must be 'ridges' or 'lines', got 'line': did you mean 'lines'?
    """
    if not isinstance(value, str) or value not in options:
        raise ValueError(suggest(name, value, options))
    return value


def suggest(
    name: str,
    value: Any,
    options: Iterable[str],
    what: str | None = None,
    instead: str | None = None,
) -> str:
    """Return the sentence for a value that is none of the names an argument may be.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
        What it was.
    options : iterable of str
        The names, in the order in which they are listed.
    what : str, optional
        What the argument may be, in words, where there are more names than a sentence holds or where
        it may be something else than a name; the names then come last.
    instead : str, optional
        What is meant, where it is not the nearest name.

    Examples
    --------
    >>> suggest("mode", "fan_inn", ["fan_in", "fan_out"])
    "mode must be 'fan_in' or 'fan_out', got 'fan_inn': did you mean 'fan_in'?"
    >>> print(suggest("init", "helecun", ["he", "lecun"], "a name or a number"))
    init must be a name or a number, got 'helecun': did you mean 'lecun'? The names are 'he', 'lecun'
    >>> suggest("mode", 3, ["fan_in", "fan_out"])
    "mode must be 'fan_in' or 'fan_out', got 3"
    """
    options = [str(option) for option in options]
    if what is None and len(options) > _MOST_IN_A_SENTENCE:
        what = "one of the names"
    sentence = f"{name} must be {what or listed(options)}, got {value!r:.200}"
    close = nearest(value, options)
    hint = f": did you mean {instead or repr(close)}?" if instead or close else ""
    if what is None:
        return sentence + hint
    return f"{sentence}{hint or '.'} The names are {', '.join(map(repr, options)) or 'none'}"
