"""Estimators for scikit-learn."""

from minnet.estimators.classifier import MinNetClassifier
from minnet.estimators.regressor import MinNetRegressor
from minnet.estimators.transformer import MinNetTransformer

__all__ = ["MinNetClassifier", "MinNetRegressor", "MinNetTransformer"]


def __dir__() -> list[str]:
    return __all__
