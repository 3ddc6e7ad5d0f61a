"""Who is compared: each at its defaults, with the same DataFrame of floats and categories as input.

What a library cannot read is encoded for it, in a pipeline whose time counts as its own:

* scikit-learn's networks and forest, and minnet's plain estimators: categories one-hot; for the networks
  numbers and, in regression, the target standardized too (to scikit-learn's advice), missing numbers
  replaced by the median, with an indicator;
* CatBoost: categories as text, since it refuses missing ones;
* RealMLP and TabM: missing numbers replaced by the median, with an indicator.

All other arguments are the library's own defaults, but for seed, threads and silence. "5xHGB" is no
default: it tells how much of an ensemble's lead boosting would have as an ensemble.
"""

from dataclasses import dataclass

__all__ = ["CONTESTANTS", "Contestant", "Setting", "names"]


@dataclass(frozen=True)
class Setting:
    """What a contestant is made for: task, columns, threads and seed."""

    task: str  # "class" or "reg"
    numbers: list
    categories: list
    some_missing: bool  # among the numbers
    threads: int
    seed: int

    @property
    def classes(self):
        """Whether the target is a class."""
        return self.task == "class"


@dataclass(frozen=True)
class Contestant:
    """A model: how it is made, which package's version counts, and whether it takes minutes a fit."""

    make: object
    package: str
    slow: bool = False


def _hgb(s):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = HistGradientBoostingClassifier if s.classes else HistGradientBoostingRegressor
    return model(random_state=s.seed)


def _five_hgb(s):
    """Five HGB, each stopped by a tenth of the rows of its own: what Tabular does, done to boosting."""
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        VotingClassifier,
        VotingRegressor,
    )

    model = HistGradientBoostingClassifier if s.classes else HistGradientBoostingRegressor
    members = [(f"{i}", model(early_stopping=True, random_state=5 * s.seed + i)) for i in range(5)]
    return VotingClassifier(members, voting="soft") if s.classes else VotingRegressor(members)


def _xgboost(s):
    from xgboost import XGBClassifier, XGBRegressor

    model = XGBClassifier if s.classes else XGBRegressor
    return model(enable_categorical=True, random_state=s.seed, n_jobs=s.threads)


def _lightgbm(s):
    from lightgbm import LGBMClassifier, LGBMRegressor

    model = LGBMClassifier if s.classes else LGBMRegressor
    return model(random_state=s.seed, n_jobs=s.threads, verbose=-1)


def _as_text(X):
    return X.assign(**{c: X[c].astype(object).where(X[c].notna(), "missing").astype(str)
                       for c in X if str(X[c].dtype) == "category"})  # fmt: skip


def _catboost(s):
    from catboost import CatBoostClassifier, CatBoostRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = (CatBoostClassifier if s.classes else CatBoostRegressor)(
        cat_features=s.categories, random_seed=s.seed, thread_count=s.threads, verbose=0,
        allow_writing_files=False,
    )  # fmt: skip
    return make_pipeline(FunctionTransformer(_as_text), model) if s.categories else model


def _columns(s, numbers, categories):
    from sklearn.compose import ColumnTransformer

    return ColumnTransformer([("numbers", numbers, s.numbers), ("categories", categories, s.categories)],
                             verbose_feature_names_out=False)  # fmt: skip


def _imputer():
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median", add_indicator=True)


def _pytabkit(classifier, regressor):
    def make(s):
        import pytabkit
        from sklearn.pipeline import make_pipeline

        model = getattr(pytabkit, classifier if s.classes else regressor)
        model = model(device="cpu", random_state=s.seed, n_threads=s.threads)
        if not s.some_missing:
            return model
        columns = _columns(s, _imputer(), "passthrough").set_output(transform="pandas")
        return make_pipeline(columns, model)

    return make


def _one_hot(**options):
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="ignore", **options)


def _network(make_model):
    """Return what makes a plain network on standardized numbers and one-hot categories."""

    def make(s):
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        numbers = make_pipeline(_imputer(), StandardScaler())
        columns = _columns(s, numbers, _one_hot(sparse_output=False))
        model = make_pipeline(columns, make_model(s))
        return (
            model if s.classes else TransformedTargetRegressor(model, transformer=StandardScaler())
        )

    return make


@_network
def _mlp(s):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return (MLPClassifier if s.classes else MLPRegressor)(random_state=s.seed)


@_network
def _minnet(s):
    from minnet import MinNetClassifier, MinNetRegressor

    model = MinNetClassifier if s.classes else MinNetRegressor
    return model(random_state=s.seed, n_threads=s.threads)


def _forest(s):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import make_pipeline

    model = RandomForestClassifier if s.classes else RandomForestRegressor
    columns = _columns(s, "passthrough", _one_hot(sparse_output=False))
    return make_pipeline(columns, model(random_state=s.seed, n_jobs=s.threads))


def _tabular(**quality):
    def make(s):
        from minnet import TabularClassifier, TabularRegressor

        model = TabularClassifier if s.classes else TabularRegressor
        return model(random_state=s.seed, n_threads=s.threads, **quality)

    return make


CONTESTANTS = {
    "Tabular": Contestant(_tabular(), "minnet-learn"),
    "Tabular-fast": Contestant(_tabular(quality="fast"), "minnet-learn"),
    "Tabular-best": Contestant(_tabular(quality="best"), "minnet-learn"),
    "MinNet": Contestant(_minnet, "minnet-learn"),
    "HGB": Contestant(_hgb, "scikit-learn"),
    "5xHGB": Contestant(_five_hgb, "scikit-learn"),
    "XGBoost": Contestant(_xgboost, "xgboost"),
    "LightGBM": Contestant(_lightgbm, "lightgbm"),
    "CatBoost": Contestant(_catboost, "catboost"),
    "forest": Contestant(_forest, "scikit-learn"),
    "MLP": Contestant(_mlp, "scikit-learn"),
    "RealMLP": Contestant(
        _pytabkit("RealMLP_TD_Classifier", "RealMLP_TD_Regressor"), "pytabkit", True
    ),
    "TabM": Contestant(_pytabkit("TabM_D_Classifier", "TabM_D_Regressor"), "pytabkit", True),
}


def names(slow):
    """Return the names of the contestants that take minutes a fit, or of those that do not."""
    return [name for name, contestant in CONTESTANTS.items() if contestant.slow == slow]
