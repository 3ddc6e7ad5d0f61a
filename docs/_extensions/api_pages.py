"""The API pages have what is public: the build warns of what is missing; methods in the order of use."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

from sphinx.util import logging

import minnet

# What comes first on the page of an estimator; the rest, which is scikit-learn's, follows.
IN_ORDER_OF_USE = [
    "fit",
    "partial_fit",
    "fit_stream",
    "initialize",
    "set_callbacks",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predictor",
    "transform",
    "fit_transform",
    "get_feature_names_out",
    "score",
    "summary",
    "activations",
    "coefs_",
    "intercepts_",
    "get_params",
    "set_params",
]
# Modules of minnet with names that other modules need, and no user.
INTERNAL = ("common", "links")


def public_modules():
    """Yield the modules that a user imports from."""
    yield minnet
    for _, name, _ in iter_modules(minnet.__path__):
        if not name.startswith("_") and name not in INTERNAL:
            yield import_module(f"minnet.{name}")
    yield from map(import_module, ("minnet.lab.theory", "minnet.lab.displays"))


def public_names():
    """Yield the names of what is minnet's own, and of the methods of classes, that a page must have."""
    for module in public_modules():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not getattr(value, "__module__", "").startswith("minnet."):
                continue
            yield name
            if inspect.isclass(value):
                yield from (f"{name}.{method}" for method in methods(value))


def methods(cls):
    """Yield the names of the public methods of a class, and of the properties not in its text."""
    for name in dir(cls):
        [owner, *_] = [base for base in cls.__mro__ if name in vars(base)] or [type]
        value = inspect.getattr_static(cls, name)
        named = isinstance(value, property) and name in (cls.__doc__ or "")
        is_method = inspect.isroutine(value) or isinstance(value, property)
        if is_method and name[0] != "_" and not named and owner.__module__ != "builtins":
            yield name


def check(app, env):
    """Warn of each public name without an entry on a page."""
    entries = env.get_domain("py").objects
    known = {".".join(name.split(".")[-n:]) for name in entries for n in (1, 2)}
    for name in sorted(set(public_names()) - known):
        logging.getLogger(__name__).warning("no API page has %s", name)


def setup(app):
    app.config.autosummary_context["in_order_of_use"] = IN_ORDER_OF_USE
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
