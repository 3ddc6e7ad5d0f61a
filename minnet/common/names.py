"""What to say of a name that is none of those there are: the nearest one, and all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "check_name", "hint", "hint_of_keyword", "known_as", "listed", "nearest", "nearest_keyword", "suggest",
]  # fmt: skip

#: What other libraries call it, and what it may be here: the first that is among the options. Capitals,
#: underscores and hyphens do not count.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    # losses and scores
    "crossentropy": ("log_loss", "neg_log_loss"),
    "crossentropyloss": ("log_loss", "neg_log_loss"),
    "categoricalcrossentropy": ("softmax_cross_entropy", "log_loss"),
    "sparsecategoricalcrossentropy": ("softmax_cross_entropy", "log_loss"),
    "negativeloglikelihood": ("log_loss", "neg_log_loss"),
    "nll": ("log_loss", "neg_log_loss"),
    "nllloss": ("log_loss", "neg_log_loss"),
    "deviance": ("log_loss", "neg_log_loss"),
    "binarycrossentropy": ("sigmoid_cross_entropy", "log_loss"),
    "bce": ("sigmoid_cross_entropy", "log_loss"),
    "bceloss": ("sigmoid_cross_entropy", "log_loss"),
    "bcewithlogitsloss": ("sigmoid_cross_entropy", "log_loss"),
    "mse": ("squared_error", "neg_mean_squared_error"),
    "mseloss": ("squared_error", "neg_mean_squared_error"),
    "meansquarederror": ("squared_error", "neg_mean_squared_error"),
    "rmse": ("squared_error", "neg_root_mean_squared_error"),
    "quadratic": ("squared_error",),
    "leastsquares": ("squared_error",),
    "l2": ("squared_error", "alpha"),
    "mae": ("absolute_error", "neg_mean_absolute_error"),
    "meanabsoluteerror": ("absolute_error", "neg_mean_absolute_error"),
    "l1": ("absolute_error",),
    "l1loss": ("absolute_error",),
    "smoothl1": ("huber",),
    "smoothl1loss": ("huber",),
    "pinball": ("quantile",),
    "acc": ("accuracy",),
    "auc": ("roc_auc",),
    "rsquared": ("r2",),
    # activations
    "none": ("identity",),
    "linear": ("identity",),
    "swish": ("silu",),
    "prelu": ("leaky_relu",),
    "rrelu": ("leaky_relu",),
    "lrelu": ("leaky_relu",),
    "hardsigmoid": ("sigmoid",),
    "hardswish": ("silu",),
    "expit": ("sigmoid",),
    "logsig": ("sigmoid",),
    "mish": ("silu",),
    # solvers and schedules
    "momentum": ("sgd",),
    "gd": ("sgd",),
    "gradientdescent": ("sgd",),
    "nadam": ("adam",),
    "adamax": ("adam",),
    "adagrad": ("rmsprop",),
    "adadelta": ("rmsprop",),
    "bfgs": ("lbfgs",),
    "newtoncg": ("lbfgs",),
    "liblinear": ("lbfgs",),
    "inversescaling": ("invscaling",),
    "cosineannealing": ("Cosine",),
    "cosineannealinglr": ("Cosine",),
    "cosinedecay": ("Cosine",),
    "step": ("StepDecay",),
    "steplr": ("StepDecay",),
    "exponential": ("StepDecay",),
    "exponentialdecay": ("StepDecay",),
    "linearwarmup": ("WarmUp",),
    "plateau": ("adaptive",),
    "reduceonplateau": ("adaptive",),
    # initializers and backends
    "bengio": ("glorot_uniform",),
    "svd": ("orthogonal",),
    "datadependent": ("lsuv",),
    "random": ("normal",),
    "randomnormal": ("normal",),
    "randn": ("normal",),
    "randomuniform": ("uniform",),
    "rand": ("uniform",),
    "c": ("cython",),
    "python": ("numpy",),
    "cpu": ("auto",),
    # parameters
    "lr": ("learning_rate_init", "learning_rate"),
    "eta": ("learning_rate_init", "learning_rate"),
    "eta0": ("learning_rate_init", "learning_rate"),
    "epochs": ("max_iter", "n_epochs", "max_epochs"),
    "schedule": ("learning_rate",),
    "scheduler": ("learning_rate",),
    "lrschedule": ("learning_rate",),
    "lrscheduler": ("learning_rate",),
    "learningrateschedule": ("learning_rate",),
    "nepochs": ("max_iter", "max_epochs"),
    "maxepochs": ("max_iter",),
    "niter": ("max_iter",),
    "maxiter": ("max_epochs",),
    "optimizer": ("solver",),
    "solver": ("optimizer",),
    "optim": ("solver", "optimizer"),
    "criterion": ("loss",),
    "patience": ("n_iter_no_change",),
    "seed": ("random_state", "rng"),
    "randomseed": ("random_state", "rng"),
    "randomstate": ("rng",),
    "rng": ("random_state",),
    "tolerance": ("tol",),
    "tol": ("tolerance",),
    "nesterov": ("nesterovs_momentum",),
    "njobs": ("n_threads",),
    "hiddenunits": ("hidden_layer_sizes",),
    "hiddenlayers": ("hidden_layer_sizes",),
    "hiddensize": ("hidden_layer_sizes",),
    "hiddensizes": ("hidden_layer_sizes",),
    "dropoutrate": ("dropout",),
    "validationsplit": ("validation_fraction",),
    "validationdata": ("X_val",),
    "evalset": ("X_val",),
    "metrics": ("scoring",),
    "metric": ("scoring",),
    "weightinit": ("init",),
    "initializer": ("init",),
    "kernelinitializer": ("init",),
    "biasinitializer": ("bias_init",),
    "kernelregularizer": ("alpha",),
    "l2regularization": ("alpha",),
    "l2reg": ("alpha",),
    "l2penalty": ("alpha",),
    "reg": ("alpha",),
    "regularization": ("alpha",),
    "weightdecayl2": ("alpha",),
    "units": ("hidden_layer_sizes",),
    "hidden": ("hidden_layer_sizes",),
    "neurons": ("units", "hidden_layer_sizes"),
    "nunits": ("units", "hidden_layer_sizes"),
    "nhidden": ("hidden_layer_sizes",),
    "outfeatures": ("units",),
    "p": ("rate",),
    "eps": ("epsilon",),
    "betas": ("beta_1",),
    "minlr": ("low", "final"),
    "startlr": ("low",),
    "maxlr": ("high",),
    "endlr": ("high",),
    "numiter": ("n_steps",),
    "opsetversion": ("opset",),
    "targetopset": ("opset",),
    "logdir": ("folder",),
    "timeout": ("seconds",),
    "maxtime": ("seconds",),
    "filepath": ("path",),
    "filename": ("path",),
    "tmax": ("n_steps",),
    "totalsteps": ("n_steps",),
    "decaysteps": ("n_steps",),
    "stepsize": ("n_steps",),
    "warmupsteps": ("n_steps",),
    "etamin": ("final",),
    "gamma": ("factor",),
}

_INPUTS = "the number of inputs is found from the data: leave it out"
_SOFTMAX = (
    "the softmax belongs to the output layer, which an estimator adds by itself; in a Network the loss "
    "has it, and the last Dense names no activation"
)
_CALLBACKS = "callbacks are given to set_callbacks of an estimator, or to Trainer.fit"
_OPTIMIZER = "an optimizer is given to Trainer, or to an estimator as its solver"
_RANDOM = "random_state is given to the estimator, or to Network.initialize"

#: What other libraries have, and what is to be said of it, where one of the second is among the options.
_EXPLAINED: dict[str, tuple[str, str]] = {
    # Where these are, they are among the options.
    "numba": ("numpy", "the backend numba needs Numba: pip install 'minnet-learn[jit]'"),
    "cython": (
        "numpy",
        "the backend cython needs the extension: minnet.show_config() says why not",
    ),
    "softmax": ("tanh", _SOFTMAX),
    "logsoftmax": ("tanh", _SOFTMAX),
    "softmin": ("tanh", _SOFTMAX),
    "inputshape": ("init", _INPUTS),
    "inputdim": ("init", _INPUTS),
    "inputsize": ("init", _INPUTS),
    "infeatures": ("init", _INPUTS),
    "nfeatures": ("init", _INPUTS),
    "nfeaturesin": ("init", _INPUTS),
    "ninputs": ("init", _INPUTS),
    "numfeatures": ("epsilon", _INPUTS),
    "usebias": (
        "bias_init",
        "a Dense has a bias: bias_init='zeros', bias_lr_factor=0 keeps it at 0",
    ),
    "bias": ("bias_init", "a Dense has a bias: bias_init='zeros', bias_lr_factor=0 keeps it at 0"),
    "device": ("n_threads", "minnet computes on the processor, with n_threads threads"),
}

#: Keywords of other libraries that belong elsewhere, and where.
_ELSEWHERE = {
    "callbacks": _CALLBACKS,
    "callback": _CALLBACKS,
    "optimizer": _OPTIMIZER,
    "solver": _OPTIMIZER,
    "seed": _RANDOM,
    "randomseed": _RANDOM,
    "randomstate": _RANDOM,
    "rng": _RANDOM,
}

#: How much alike two names must be. Of keywords there are few, mostly short: half alike is another.
_ALIKE, _ALIKE_KEYWORDS = 0.5, 0.75

_MOST_IN_A_SENTENCE = 12


def nearest(value: Any, options: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Return the option that is most like what was typed, or None where none is like it.

    Capitals, hyphens and underscores do not count; a class or a function is taken by its name; the usual
    names of other libraries are known.

    Examples
    --------
    >>> nearest("ReLU", ["tanh", "relu"]), nearest("mse", ["log_loss", "squared_error"])
    ('relu', 'squared_error')
    >>> nearest("qqq", ["tanh", "relu"]) is None
    True
    """
    typed = _typed(value)
    if typed is None:
        return None
    options = list(options)
    plain = {_plain(option): option for option in options}
    close = difflib.get_close_matches(typed, plain, n=1, cutoff=alike)
    return known_as(value, options) or (plain[close[0]] if close else None)


def known_as(value: Any, options: Iterable[str]) -> str | None:
    """Return the option that is the same but for its spelling, or what other libraries call it.

    Examples
    --------
    >>> known_as("epochs", ["max_iter"]), known_as("max_itr", ["max_iter"])
    ('max_iter', None)
    """
    typed = _typed(value) or ""
    plain = {_plain(option): option for option in options}
    names = [_plain(name) for name in _SYNONYMS.get(typed, ())]
    return next((plain[name] for name in [typed, *names] if name in plain), None)


def hint(value: Any, options: Iterable[str]) -> str:
    """Return the end of the sentence for a name that is none of the options: what is meant, or nothing.

    Examples
    --------
    >>> hint("ReLU", ["tanh", "relu"])
    ": did you mean 'relu'?"
    >>> hint("input_shape", ["units", "init"])
    ': the number of inputs is found from the data: leave it out'
    """
    return _end(value, list(options), _ALIKE)


def _end(value: Any, options: list[str], alike: float) -> str:
    among, explained = _EXPLAINED.get(_typed(value) or "", ("", ""))
    if among in options:
        return f": {explained}"
    close = nearest(value, options, alike)
    return f": did you mean {close!r}?" if close else ""


def hint_of_keyword(keyword: str, options: Iterable[str]) -> str:
    """Return the end of the sentence for a keyword that there is not: what is meant, or nothing.

    Examples
    --------
    >>> hint_of_keyword("eps", ["epsilon", "rng"])
    ": did you mean 'epsilon'?"
    >>> hint_of_keyword("seed", ["self", "gain"])
    ': random_state is given to the estimator, or to Network.initialize'
    >>> hint_of_keyword("schedule", ["shuffle"])
    ''
    """
    options = [option for option in options if option != "self"]
    elsewhere = _ELSEWHERE.get(_plain(keyword))
    if elsewhere is not None and known_as(keyword, options) is None:
        return f": {elsewhere}"
    return _end(keyword, options, _ALIKE_KEYWORDS)


def nearest_keyword(keyword: str, options: Iterable[str]) -> str | None:
    """Return the keyword that is meant, or None where none is near.

    Examples
    --------
    >>> nearest_keyword("lr", ["learning_rate"]), nearest_keyword("units", ["init"])
    ('learning_rate', None)
    """
    return nearest(keyword, options, _ALIKE_KEYWORDS)


def _typed(value: Any) -> str | None:
    """Return what was typed, or the name of what was given, in plain letters; None if it has none."""
    typed = value if isinstance(value, str) else getattr(value, "__name__", value)
    typed = "none" if typed is None else typed
    return _plain(typed[:100]) if isinstance(typed, str) else None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


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
    because: str | None = None,
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
    because : str, optional
        What else there is to say where no name is near.

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
    end = f": did you mean {instead}?" if instead else hint(value, options)
    if because and not end:
        end = f": {because}"
    if what is None:
        return sentence + end
    stop = "" if end.endswith("?") else "."
    return f"{sentence}{end}{stop} The names are {', '.join(map(repr, options)) or 'none'}"
