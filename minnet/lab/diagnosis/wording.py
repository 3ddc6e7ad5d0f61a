"""Changes of a model in the words of its user: an estimator's arguments, layers, PyTorch."""

from __future__ import annotations

import math
import re
from typing import Any

from sklearn.pipeline import Pipeline

from minnet.network import Network
from minnet.optimizers import Optimizer

__all__ = [
    "IN_OPTIMIZERS",
    "OF_OPTIMIZERS",
    "as_advice",
    "change_in_words",
    "in_words",
    "quoted",
    "with_names",
]

#: Arguments of an estimator that an optimizer object has itself, and those with another name there.
OF_OPTIMIZERS = (
    "learning_rate_init", "momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon",
    "weight_decay",
)  # fmt: skip
IN_OPTIMIZERS = {"learning_rate_init": "learning_rate", "nesterovs_momentum": "nesterov"}

_BEFORE = " before the network"
_IN_TORCH = {"learning_rate_init": "lr", "nesterovs_momentum": "nesterov"}
_INIT_IN_TORCH = {
    "he": "kaiming_normal_", "he_normal": "kaiming_normal_", "he_uniform": "kaiming_uniform_",
    "glorot": "xavier_uniform_", "glorot_uniform": "xavier_uniform_", "glorot_normal": "xavier_normal_",
    "orthogonal": "orthogonal_", "zeros": "zeros_",
}  # fmt: skip
_NO_BETTER = 0.95  # times the loss of the best constant
_WITH_GAIN = "xavier_uniform_", "xavier_normal_", "orthogonal_"
_ACTIVATIONS_IN_TORCH = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "tanh": "Tanh", "gelu": "GELU", "selu": "SELU",
    "silu": "SiLU", "elu": "ELU", "softplus": "Softplus",
}  # fmt: skip


def quoted(value: Any) -> str:
    """Return a value as the documentation writes it: strings in double quotes.

    Examples
    --------
    >>> print(quoted({"name": "normal", "std": 0.1}), quoted(["he", None]))
    {"name": "normal", "std": 0.1} ["he", None]
    """
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(quoted, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def change_in_words(changes: dict[str, Any], words: str, model: Any, of_torch: bool = False) -> str:
    """Return changes as the user of a model writes them there.

    Parameters
    ----------
    changes : dict
        As of a remedy.
    words : str
        Of what is no argument.
    model : Network, estimator or Pipeline
    of_torch : bool, default=False
        Whether it is a Network that stands for a model of PyTorch.

    Examples
    --------
    >>> from minnet import MinNetClassifier, SGD
    >>> print(change_in_words({"learning_rate_init": 0.1}, "", MinNetClassifier()))
    learning_rate_init=0.1
    >>> print(change_in_words({"learning_rate_init": 0.1}, "", MinNetClassifier(solver=SGD(5.0))))
    learning_rate=0.1 of the optimizer
    """
    last = model
    while isinstance(last, Pipeline):
        last = last[-1]
    said = []
    for name, value in changes.items():
        text = None
        if name == "scaler":
            text = words or f"a {type(value).__name__} before the network"
        elif of_torch:
            text = _for_torch(name, value)
        elif isinstance(last, Network) or getattr(last, "layers", None) is not None:
            text = _in_layers(name, value, last.layers)
        if text is None and name in OF_OPTIMIZERS:
            of_object = isinstance(getattr(last, "solver", None), Optimizer)
            if of_object or isinstance(last, Network):
                text = f"{IN_OPTIMIZERS.get(name, name)}={quoted(value)} of the optimizer"
        if text is None and name == "scale_targets" and isinstance(last, Network):
            text = "targets of mean 0 and standard deviation 1"
        own_words = "" if "scaler" in changes else words
        said.append(text or own_words or f"{name}={quoted(value)}")
    return ", ".join(dict.fromkeys(said))


def _in_layers(name: str, value: Any, layers: Any) -> str | None:
    """Return a change of layers that a user has made."""
    if name in ("init", "bias_init"):
        own = any(getattr(layer, name, None) is not None for layer in layers)
        return f"{name}={quoted(value)} in each layer" if own else None
    if name == "batch_norm":
        return "a BatchNorm after each Dense" if value else "no BatchNorm"
    if name == "dropout":
        return f"rate={quoted(value)} of each Dropout" if value else "no Dropout"
    if name == "activation":
        return f"activation={quoted(value)} in the hidden layers"
    if name == "residual_scale":
        return f"scale={value:g} and trainable_scale=True in each Residual"
    return "trainable=True in each layer" if name == "trainable" else None


def _law_in_torch(value: Any) -> str | None:
    """Return how PyTorch draws such weights; None where it has no function for it."""
    if isinstance(value, str):
        return _INIT_IN_TORCH.get(value)
    options = dict(value) if isinstance(value, dict) else {}
    law = _INIT_IN_TORCH.get(options.pop("name", ""))
    if law not in _WITH_GAIN or options.keys() != {"gain"}:
        return None
    gain = math.sqrt(2) if options["gain"] == "auto" else options["gain"]  # auto: of a relu
    return f"{law}(w, gain={gain:.3g})"


def _for_torch(name: str, value: Any) -> str | None:
    if name in OF_OPTIMIZERS:
        return f"{_IN_TORCH.get(name, name)}={quoted(value)} of the optimizer"
    if name in ("init", "bias_init"):
        of = "weights" if name == "init" else "biases"
        law = _law_in_torch(value)
        return f"{of} of " + (f"torch.nn.init.{law}" if law else f"minnet's {name}={quoted(value)}")
    if name == "batch_norm":
        return "a BatchNorm1d after each Linear" if value else "no BatchNorm1d"
    if name == "dropout":
        return f"p={quoted(value)} of each Dropout" if value else "no Dropout"
    if name == "activation":
        return f"{_ACTIVATIONS_IN_TORCH.get(value, value)} in the hidden layers"
    if name == "alpha":
        return f"weight_decay={quoted(value)} of the optimizer" if value == 0 else None
    if name == "loss":
        return f"torch.nn.HuberLoss(delta={getattr(value, 'delta', 1):g})"
    return "requires_grad=True for all parameters" if name == "trainable" else None


def in_words(outcome: float) -> str:
    """Return a loss over that of the best constant answer, after such a one.

    Examples
    --------
    >>> in_words(0.5), in_words(float("inf"))
    ('0.5 times', 'no better than that')
    """
    return f"{outcome:.2g} times" if outcome < _NO_BETTER else "no better than that"


def as_advice(text: str) -> str:
    """Return a change as a sentence, but for its end.

    Examples
    --------
    >>> for text in ("alpha=0", "a StandardScaler before the network", "only 5 hidden layers"):
    ...     print(as_advice(text))
    Set alpha=0
    Put a StandardScaler before the network
    Use only 5 hidden layers
    """
    scaler, before, also = text.partition(_BEFORE + ", ")
    if before:
        more = as_advice(also)
        return f"Put {scaler}{_BEFORE}, and {more[0].lower()}{more[1:]}"
    if text.startswith("a "):
        return f"Put {text}"
    if text.startswith("without "):
        return f"Leave out {text.removeprefix('without ')}"
    return f"{'Set' if '=' in text.split(' ')[0] else 'Use'} {text}"


def with_names(sentence: str, names: dict[int, str] | None) -> str:
    """Return a sentence with the names of layers in the place of their numbers.

    Examples
    --------
    >>> with_names("Saturated from layer 2 on.", {2: "Linear 'body.4'"})
    "Saturated from Linear 'body.4' on."
    """
    if not names:
        return sentence

    def name(found: re.Match[str]) -> str:
        return names.get(int(found[1]), found[0])

    return re.sub(r"\blayer (\d+)\b", name, sentence)
