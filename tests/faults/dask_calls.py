"""Good calls of what is for Dask, which ``valid_calls`` has among all: on a cluster of one thread."""

import copy
import functools

from call_makers import CLASS, WEIGHT, Call, X, Y, _small

from minnet.dask import DaskMinNetClassifier, DaskMinNetRegressor

__all__ = ["DASK_CALLS"]


@functools.cache
def _client():
    from distributed import Client, LocalCluster

    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    return Client(LocalCluster(**options, dashboard_address=None))


def _lazy(values):
    import dask.array as da

    return da.from_array(values, chunks=(11, *values.shape[1:]))


@functools.cache
def _fitted(kind):
    y = CLASS if kind is DaskMinNetClassifier else Y
    return kind(**_small(), client=_client()).fit(_lazy(X), _lazy(y))


def _new(kind, y):
    """A fit with the arguments of the constructor among those that may be replaced."""

    def fit(X, y, **arguments):
        kind(**arguments).fit(X, y)

    return lambda: Call(
        fit, {"X": _lazy(X), "y": _lazy(y), **_small(), "client": _client(), "timeout": 60}
    )


def _on(kind, method, **data):
    def make():
        model = copy.copy(_fitted(kind))
        model.client = _client()
        lazy = {name: _lazy(values) for name, values in data.items()}
        return Call(getattr(model, method), lazy, watched=model)

    return make


_HELD = {"X_val": X, "y_val": CLASS, "sample_weight_val": WEIGHT}

DASK_CALLS = {
    "DaskMinNetClassifier": _new(DaskMinNetClassifier, CLASS),
    "DaskMinNetRegressor": _new(DaskMinNetRegressor, Y),
    "DaskMixin.fit": _on(
        DaskMinNetClassifier, "fit", X=X, y=CLASS, sample_weight=WEIGHT, **_HELD
    ),
    "DaskMixin.predict": _on(DaskMinNetRegressor, "predict", X=X),
    "DaskMixin.score": _on(DaskMinNetRegressor, "score", X=X, y=Y, sample_weight=WEIGHT),
    "DaskMixin.score labels": _on(DaskMinNetClassifier, "score", X=X, y=CLASS, sample_weight=WEIGHT),
    "DaskMixin.to_local": _on(DaskMinNetClassifier, "to_local"),
    "DaskMinNetClassifier.predict_proba": _on(DaskMinNetClassifier, "predict_proba", X=X),
    "DaskMinNetClassifier.predict_log_proba": _on(DaskMinNetClassifier, "predict_log_proba", X=X),
}  # fmt: skip
