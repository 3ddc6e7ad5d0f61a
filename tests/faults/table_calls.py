"""Good calls of what is for tables, which ``valid_calls`` has among all."""

import copy
import functools

from call_makers import CLASS, WEIGHT, Call, X, Y, _new, _of

from minnet import TableEncoder, TabularClassifier, TabularRegressor, tables

__all__ = ["TABLE_CALLS"]

SMALL = {"hidden_layer_sizes": (4,), "n_members": 2, "max_iter": 2, "batch_size": 8, "bins": 4,
         "random_state": 0}  # fmt: skip


@functools.cache
def _encoder():
    return TableEncoder(bins=4).fit(X)


@functools.cache
def _tabular_classifier():
    return TabularClassifier(**SMALL).fit(X, CLASS)


@functools.cache
def _tabular_regressor():
    return TabularRegressor(**SMALL).fit(X, Y)


def _arguments(fitted, target):
    """A fit with the arguments of the constructor among those that may be replaced."""

    def make():
        model = copy.deepcopy(fitted())

        def fit(X, y, **arguments):
            before = model.get_params(deep=False)
            model.set_params(**arguments)
            try:
                model.fit(X, y)
            finally:
                model.set_params(**before)

        numbers = {
            "dropout": 0.1,
            "code_dropout": 0.2,
            "learning_rate_init": 0.04,
            "weight_decay": 0.02,
            "time_limit": 9.0,
        }
        known = model.get_params(deep=False)
        known |= {name: number for name, number in numbers.items() if name in known}
        return Call(fit, {**known, "X": X.copy(), "y": target.copy()}, model)

    return make


TABLE_CALLS = {
    "TableEncoder": _arguments(_encoder, CLASS),
    "TableEncoder.fit": _of(_encoder, "fit", X=X, y=CLASS, sample_weight=WEIGHT),
    "TableEncoder.transform": _of(_encoder, "transform", X=X),
    "TableEncoder.set_params": _of(_encoder, "set_params", bins=8, dtype="float64"),
    "TableEncoder.get_feature_names_out": _of(
        _encoder, "get_feature_names_out", input_features=None
    ),
    "TabularClassifier": _arguments(_tabular_classifier, CLASS),
    "TabularRegressor": _arguments(_tabular_regressor, Y),
    "BaseTabular.fit": _of(
        _tabular_classifier, "fit", X=X, y=CLASS, sample_weight=WEIGHT, X_val=X, y_val=CLASS,
        sample_weight_val=WEIGHT,
    ),
    "BaseTabular.fit numbers": _of(_tabular_regressor, "fit", X=X, y=Y, sample_weight=WEIGHT),
    "TabularClassifier.predict": _of(_tabular_classifier, "predict", X=X),
    "TabularClassifier.predict_proba": _of(_tabular_classifier, "predict_proba", X=X),
    "TabularClassifier.predict_log_proba": _of(_tabular_classifier, "predict_log_proba", X=X),
    "TabularClassifier.score": _of(
        _tabular_classifier, "score", X=X, y=CLASS, sample_weight=WEIGHT
    ),
    "TabularRegressor.predict": _of(_tabular_regressor, "predict", X=X),
    "TabularRegressor.score": _of(_tabular_regressor, "score", X=X, y=Y, sample_weight=WEIGHT),
    "recipe_for": _new(tables.recipe_for, n_rows=1000, quality="balanced", n_columns=9),
    "Recipe.with_given": _of(lambda: tables.recipe_for(1000), "with_given", bins=8),
}  # fmt: skip
