"""Fitting on a stream of batches."""

import sys
import time

from minnet.estimators._callbacks import EpochTasks
from minnet.estimators._fit_info import fit_info
from minnet.estimators._validation import check_given
from minnet.training.reading import Batches, unpack

__all__ = ["fit_stream"]


def fit_stream(
    estimator, batches, n_epochs, batches_per_epoch, X_val, y_val, sample_weight_val, **given
):
    """Fit an estimator to a stream; see MinNetClassifier.fit_stream.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
    batches, n_epochs, batches_per_epoch, X_val, y_val, sample_weight_val
        As that method takes them.
    **given
        ``classes``, of a classifier.
    """
    began = time.perf_counter()
    if estimator.early_stopping and X_val is None:
        raise ValueError(
            "X_val and y_val must be given for early_stopping=True: nothing is set aside of a stream"
        )
    context = estimator._init_callback_context(task_name="fit_stream", max_subtasks=n_epochs)
    data = {"X": None, "y": None, "metadata": None}
    context.call_on_fit_task_begin(estimator=estimator, **data)
    warm = estimator.warm_start and hasattr(estimator, "network_")
    source = Batches(batches, n_epochs, batches_per_epoch)
    X, T, weights = estimator._check_data(*unpack(source.peek()), first=not warm, **given)
    held = X_val, y_val, sample_weight_val
    validation = check_given(estimator, X, T, None, *held)
    network = estimator._network_of_fit(X, T, weights, warm)

    estimator.n_outputs_ = network.sizes[-1]  # what later batches are checked by

    def prepare(X, y, sample_weight):
        checked = estimator._check_data(X, y, sample_weight, first=False, **given)
        return network.check_batch(*checked)

    source.prepare = prepare
    trainer = estimator._new_trainer(network, sys.maxsize)
    if warm and hasattr(estimator, "_trainer"):
        trainer.continue_from(estimator._trainer)
    epochs_before = trainer.n_epochs
    callbacks = estimator._callbacks_of_trainer(EpochTasks(estimator, context, data))
    trainer.fit_stream(
        source,
        n_epochs=n_epochs,
        validate=validation,
        early_stopping=estimator.early_stopping,
        callbacks=callbacks,
    )
    n_iter = trainer.n_epochs - epochs_before
    estimator._publish(network, trainer, n_iter, validated=validation is not None)
    seconds = time.perf_counter() - began
    estimator.fit_info_ = fit_info(network, trainer.ran, estimator.n_threads, seconds)
    context.call_on_fit_task_end(estimator=estimator, **data, reconstruction_attributes={})
