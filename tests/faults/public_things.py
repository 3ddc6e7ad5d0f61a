"""What is public in minnet, found by looking."""

import functools
import importlib
import inspect
import pkgutil

import matplotlib

matplotlib.use("Agg")  # before minnet.lab.displays opens it


import minnet
from minnet import (
    EnsembleTrainer,
    Network,
    PiecewiseLinear,
    Trainer,
    activations,
    callbacks,
    descend,
    distributed,
    initializers,
    layers,
    links,
    losses,
    optimizers,
    user_activations,
)
from minnet.lab import displays, theory
from minnet.training import lbfgs
from minnet.views import trace

__all__ = ["PROTOCOLS", "public"]


#: Methods that minnet calls and others override: they get arguments that were checked before, run in
#: every step, and check nothing themselves.
PROTOCOLS = {
    activations.Activation: {"derivative"},
    callbacks.Callback: {
        "begin", "begin_epoch", "next_step", "at_step", "end_epoch", "end", "abort",
        "on_fit_task_begin", "on_fit_task_end", "setup", "teardown",
    },
    initializers.Initializer: {"adapt", "draw", "draw_kernel", "for_layer", "formula"},
    distributed.Communicator: {"abort", "gather", "left", "sum"},
    layers.Context: {"gradient", "total"},
    layers.Layer: {
        "backward", "bind", "forward", "output_size", "parameters", "state", "taken_apart",
        "update_state",
    },
    losses.Loss: {"gradient", "kink_sides", "predict", "value"},
    Network: {"draws", "forward_backward", "forward_training", "views"},
    optimizers.Optimizer: {"constants", "prepare", "update"},
    optimizers.Schedule: {"after_epoch", "factors", "over", "rates", "reduce"},
    PiecewiseLinear: {"held", "kink_sides"},
    trace.Trace: {"of_batch"},
    Trainer: {
        "check_stall", "continue_from", "loss_of_kept_weights", "next_rate", "raise_if_diverged",
        "restore_best_weights", "set_options",
    },
    EnsembleTrainer: {"mean_score", "next_rate", "note_epochs", "restore_best_weights", "resume"},
    user_activations.UserActivation: {"compiled"},
    object: {"copy", "get_config", "get_metadata_routing"},
}  # fmt: skip


@functools.cache
def public():
    """Return the names of all public functions, classes and methods, with the objects."""
    modules = [
        importlib.import_module(f"minnet.{module.name}")
        for module in pkgutil.iter_modules(minnet.__path__)
        if not module.name.startswith("_") and module.name not in ("backends", "common", "views")
    ]
    found = {}
    for module in (minnet, *modules, trace, lbfgs, theory, displays):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not callable(value) or not value.__module__.startswith("minnet"):
                continue
            if isinstance(value, type) and issubclass(value, BaseException):
                continue
            name = key_of(value)
            if value in _OF_EACH_STEP:
                continue
            if name in (*_OF_WHOLE_SETS, _ENDLESS):
                continue
            if inspect.isclass(value):
                found.update(_methods(value, name))
                if inspect.isabstract(value) or not takes_arguments(value):
                    continue
            found[name] = value
    return found


#: They get arrays that were checked.
_OF_EACH_STEP = (
    links.check_class_indices,
    links.check_normal_number,
    links.check_numbers,
    links.dense,
    optimizers.clip_gradients,
    descend.shuffled_order,
    descend.descend,
)

#: What needs the network or files of many megabytes: tests/datasets has their hostile files.
_OF_WHOLE_SETS = ("fetch_mnist", "fetch_cifar10", "load_mnist", "load_cifar10")


#: Serves until Ctrl-C: tests/playground has what it refuses.
_ENDLESS = "serve"


def key_of(value):
    """Return the name of a call: the module's too, where several have one of the name."""
    module = value.__module__.removeprefix("minnet.").split(".")[0]
    return f"{module}.{value.__name__}" if value.__name__ in _TWICE else value.__name__


_TWICE = {"Identity", "Constant"}


def takes_arguments(cls):
    return cls.__init__ is not object.__init__


def _methods(cls, name):
    skipped = set().union(*(names for base, names in PROTOCOLS.items() if issubclass(cls, base)))
    if cls is initializers.Initializer:
        skipped.add("__call__")  # called of each subclass, which say what is drawn
    for method in dir(cls):
        value = inspect.getattr_static(cls, method)
        owner = next(base for base in cls.__mro__ if method in vars(base))
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        value = getattr(value, "fn", value)  # of scikit-learn's available_if
        if method in skipped or not inspect.isfunction(value):
            continue
        if method == "__call__" and not issubclass(cls, initializers.Initializer):
            continue
        if method.startswith("_") and method != "__call__":
            continue
        if not owner.__module__.startswith("minnet") and method not in ("score", "set_params"):
            continue
        of = key_of(owner) if owner.__module__.startswith("minnet") else name
        # The calls of initializers differ by class in what they draw.
        yield f"{name if method == '__call__' else of}.{method}", value
