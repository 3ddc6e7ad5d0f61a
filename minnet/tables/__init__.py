"""Networks for tables: the encoding of data frames, and estimators that take them as they are."""

from minnet.tables.classifier import TabularClassifier
from minnet.tables.encoder import TableEncoder
from minnet.tables.regressor import TabularRegressor
from minnet.tables.rules import Recipe, recipe_for

__all__ = ["Recipe", "TableEncoder", "TabularClassifier", "TabularRegressor", "recipe_for"]


def __dir__() -> list[str]:
    return __all__
