"""Estimators for scikit-learn."""

from minnet.estimators.classifier import MinNetClassifier
from minnet.estimators.regressor import MinNetRegressor

__all__ = ["MinNetClassifier", "MinNetRegressor"]
