"""minnet: dense neural networks from scratch, for people who live in scikit-learn.

>>> from minnet import MinNetClassifier
>>> from sklearn.datasets import load_iris
>>> X, y = load_iris(return_X_y=True)
>>> clf = MinNetClassifier((16,), init="glorot", solver="lbfgs", random_state=0).fit(X, y)
>>> clf.score(X, y) > 0.95
True
"""

# First: after parts of SciPy its import touches twice the memory, which takes 0.15 s.
import sklearn.base  # noqa: F401

from minnet._version import __version__
from minnet.backends.configuration import show_config
from minnet.estimators import MinNetClassifier, MinNetRegressor, MinNetTransformer
from minnet.gradcheck import check_gradients
from minnet.layers import BatchNorm, Dense, Dropout, LayerNorm
from minnet.network import Network
from minnet.optimizers import SGD, Adam, AdamW, RMSProp
from minnet.piecewise import PiecewiseLinear
from minnet.pretraining import pretrain
from minnet.residual import Residual
from minnet.training import EnsembleTrainer, Trainer
from minnet.transfer import copy_weights
from minnet.user_activations import activation

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "BatchNorm",
    "Dense",
    "Dropout",
    "EnsembleTrainer",
    "LayerNorm",
    "MinNetClassifier",
    "MinNetRegressor",
    "MinNetTransformer",
    "Network",
    "PiecewiseLinear",
    "RMSProp",
    "Residual",
    "TableEncoder",
    "TabularClassifier",
    "TabularRegressor",
    "Trainer",
    "__version__",
    "activation",
    "check_gradients",
    "copy_weights",
    "load_model",
    "pretrain",
    "save_model",
    "show_config",
]


# Modules whose own names are documented.
_MODULES = (
    "activations", "backends", "callbacks", "curvature", "dask", "datasets", "descend", "distributed",
    "export", "gradcheck", "initializers", "lab", "layers", "losses", "mup", "ntk", "optimizers",
    "parameter_table", "piecewise", "playground", "pytorch", "random", "residual", "schedules", "streams",
    "tables", "temperature", "training", "user_activations", "views",
)  # fmt: skip

# Of __all__, what importing minnet does not import.
_LATER = {
    "persistence": ("load_model", "save_model"),
    "tables": ("TableEncoder", "TabularClassifier", "TabularRegressor"),
}


def __dir__() -> list[str]:
    return [*__all__, *_MODULES]


def __getattr__(name):
    """Open what stands beside the framework when it is first asked for: importing minnet does not."""
    import importlib

    if name in _MODULES:
        return importlib.import_module(f"minnet.{name}")
    for module, names in _LATER.items():
        if name in names:
            return getattr(importlib.import_module(f"minnet.{module}"), name)
    raise AttributeError(f"module 'minnet' has no attribute {name!r}")
