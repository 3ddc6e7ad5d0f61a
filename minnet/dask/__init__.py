"""Estimators whose data are Dask's: arrays and frames whose parts lie on the workers of a cluster.

They are those of minnet, in the manner of ``xgboost.dask``::

    client = Client()  # or Client("tcp://scheduler:8786")
    clf = DaskMinNetClassifier(random_state=0).fit(X, y)
    clf.predict_proba(X)  # lazy

Needs ``pip install 'minnet-learn[dask]'``.
"""

from minnet.dask.estimators import DaskMinNetClassifier, DaskMinNetRegressor

__all__ = ["DaskMinNetClassifier", "DaskMinNetRegressor"]


def __dir__() -> list[str]:
    return __all__
