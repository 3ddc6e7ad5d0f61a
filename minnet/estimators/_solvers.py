"""From the arguments of an estimator to a training: by epochs, or by L-BFGS."""

import warnings

from minnet.backends import make_backend
from minnet.estimators._validation import split
from minnet.optimizers import SGD, Adam
from minnet.training import Trainer
from minnet.training.lbfgs import minimize_lbfgs

__all__ = ["Solvers"]


class Solvers:
    """What an estimator trains a network with, by ``solver`` and what belongs to it."""

    def _new_trainer(self, network, n_samples):
        if self.solver == "sgd":
            optimizer = SGD(self.learning_rate_init, self.momentum, self.nesterovs_momentum)
        else:
            optimizer = Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)
        # As in scikit-learn, the named schedules are for sgd; objects and functions are for both.
        named = isinstance(self.learning_rate, str)
        return Trainer(
            network,
            optimizer,
            learning_rate="constant" if named and self.solver == "adam" else self.learning_rate,
            power_t=self.power_t,
            **self._trainer_options(n_samples),
        )

    def _trainer_options(self, n_samples):
        """Return what may change between calls of partial_fit; the optimizer stays."""
        names = ("shuffle", "tol", "n_iter_no_change", "clip_value", "clip_norm", "weight_decay",
                 "backend", "n_threads", "verbose")  # fmt: skip
        options = {name: getattr(self, name) for name in names}
        return {"batch_size": self._batch_size(n_samples), **options}

    def _batch_size(self, n_samples):
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped.",
                stacklevel=6,
            )
        return min(self.batch_size, n_samples)

    def _fit_stochastic(self, network, previous, X, y, T, weights, validation, callbacks):
        """Train by epochs; with a previous trainer (warm start) its records go on.

        Return the name of the backend that ran.
        """
        if self.early_stopping and validation is None:
            X, T, weights, validation = split(self, network.key, X, y, T, weights)
        trainer = self._new_trainer(network, X.shape[0])
        if previous is not None:
            trainer.continue_from(previous)
        epochs_before = trainer.n_epochs
        trainer.fit(
            X,
            T,
            weights,
            max_epochs=self.max_iter,
            validate=validation,
            early_stopping=self.early_stopping,
            callbacks=callbacks,
        )
        n_iter = trainer.n_epochs - epochs_before
        self._publish(network, trainer, n_iter, validated=validation is not None)
        return trainer.ran

    def _fit_lbfgs(self, network, X, T, weights):
        n_iter, loss = minimize_lbfgs(
            network,
            X,
            T,
            weights,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            verbose=self.verbose,
            backend=self.backend,
            n_threads=self.n_threads,
        )
        self._publish(network, None, n_iter)
        self.loss_ = loss
        backend = make_backend(self.backend, network, self.n_threads)
        return "numpy" if backend.name == "numba" else backend.ran  # which has it computed by NumPy
