"""From the epochs of a trainer to the tasks of scikit-learn's callbacks."""

import copy

from minnet.training.callback import Callback

__all__ = ["EpochTasks"]


class EpochTasks(Callback):
    """Makes each epoch a task of the estimator's fit, as scikit-learn's callback protocol has it.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
    context : sklearn.callback.CallbackContext
        Of the whole fit.
    data : dict
        ``X``, ``y`` and ``metadata``, what the callbacks may ask for.
    """

    def __init__(self, estimator, context, data):
        self.estimator = estimator
        self.context = context
        self.data = data

    def begin_epoch(self, trainer):
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._fitted(trainer),
        )

    def end_epoch(self, trainer):
        return self.task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._fitted(trainer),
        )

    def _fitted(self, trainer):
        """Return the attributes of the estimator as if its fit ended here."""
        fitted = self.estimator._as_fitted(copy.deepcopy(trainer.network), trainer.n_epochs)
        fitted.loss_curve_ = list(trainer.loss_curve)
        parameters = fitted.get_params(deep=False)
        return {name: value for name, value in vars(fitted).items() if name not in parameters}
