"""Models of each class as records of JSON and arrays, and back."""

from __future__ import annotations

from typing import Any

from minnet.common.fields import one_of
from minnet.estimators import MinNetClassifier, MinNetRegressor
from minnet.network import Network
from minnet.persistence import trainings
from minnet.persistence.ensembles import describe_ensemble, restore_ensemble
from minnet.persistence.estimator import describe_estimator, restore_estimator
from minnet.persistence.record import Record
from minnet.persistence.table_encoder import describe_table_encoder, restore_table_encoder
from minnet.persistence.tabular import describe_tabular, restore_tabular
from minnet.persistence.values import Decoder, Encoder
from minnet.tables import TableEncoder, TabularClassifier, TabularRegressor
from minnet.training import EnsembleTrainer, Trainer

__all__ = ["describe", "restore"]

# A transformer holds an estimator: that is what is saved.
_ESTIMATORS = {cls.__name__: cls for cls in (MinNetClassifier, MinNetRegressor)}


_TABULAR = {cls.__name__: cls for cls in (TabularClassifier, TabularRegressor)}
_NAMED = (*_ESTIMATORS, *_TABULAR, TableEncoder.__name__, EnsembleTrainer.__name__)


def describe(model: Any, encoder: Encoder) -> dict[str, Any]:
    """Return the record of a model; its arrays go into the encoder.

    Raises
    ------
    TypeError
        If it is none of minnet's own.
    ValueError
        If it has something that cannot be kept.
    """
    kind = type(model).__name__
    if type(model) is Network:
        return {"class": kind, "network": trainings.describe_network(model, encoder)}
    if type(model) is Trainer:
        return {
            "class": kind,
            "network": trainings.describe_network(model.network, encoder),
            "trainer": trainings.describe_trainer(model, encoder),
        }
    if type(model) is TableEncoder:
        return {"class": kind, **describe_table_encoder(model, encoder)}
    if _TABULAR.get(kind) is type(model):
        return {"class": kind, **describe_tabular(model, encoder)}
    if type(model) is EnsembleTrainer:
        return {"class": kind, "trainer": describe_ensemble(model, encoder)}
    if _ESTIMATORS.get(kind) is not type(model):
        cure = "joblib.dump keeps anything, but its files must be trusted"
        if hasattr(model, "to_local"):  # one of minnet.dask
            cure = "save what its to_local() returns"
        raise TypeError(
            f"model must be a Network, a Trainer or one of {', '.join(_NAMED)}, got a {kind}: {cure}"
        )
    return {"class": kind, **describe_estimator(model, encoder)}


def restore(value: Any, decoder: Decoder) -> Any:
    """Return the model of a record."""
    record = Record(value, "model")
    kind = record.read("class", one_of("Network", "Trainer", *_NAMED))
    model: Any
    if kind == "TableEncoder":
        model = restore_table_encoder(record, decoder)
    elif kind in _TABULAR:
        model = restore_tabular(_TABULAR[kind], record, decoder)
    elif kind == "EnsembleTrainer":
        model = restore_ensemble(record.record("trainer"), decoder)
    elif kind in _ESTIMATORS:
        model = restore_estimator(_ESTIMATORS[kind], record, decoder)
    else:
        model = trainings.restore_network(record.record("network"), decoder)
        if kind == "Trainer":
            model = trainings.restore_trainer(record.record("trainer"), model, decoder)
    record.done()
    return model
