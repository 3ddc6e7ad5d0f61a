"""What may watch a training, and stop it."""

__all__ = ["Callback", "as_callback"]


class Callback:
    """Base of the callbacks of :meth:`minnet.Trainer.fit`: a subclass has the methods that it needs.

    Each is called with the trainer, whose ``network``, ``n_steps``, ``n_epochs`` and ``loss_curve`` tell
    where the training is.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network, Trainer
    >>> from minnet.callbacks import Callback
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def end_epoch(self, trainer):
    ...         return trainer.loss_curve[-1] < self.loss
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)
    >>> trainer = Trainer(net, "sgd").fit(X, X[:, :1], max_epochs=500, callbacks=[StopBelow(0.1)])
    >>> trainer.loss_curve[-1] < 0.1 <= trainer.loss_curve[-2]
    True
    """

    def begin(self, trainer):
        """Get ready for a training."""

    def begin_epoch(self, trainer):
        """Do something before an epoch."""

    def next_step(self, trainer):
        """Return at which number of steps (``trainer.n_steps``) the epoch is to pause; None for not."""
        return None

    def at_step(self, trainer):
        """Do something at the step that :meth:`next_step` named, after which it names a later one."""

    def end_epoch(self, trainer):
        """Do something after an epoch; True ends the training."""

    def end(self, trainer):
        """Do something after a training, also one that was interrupted."""


class _AfterEachEpoch(Callback):
    """Calls a function after each epoch."""

    def __init__(self, function):
        self.function = function

    def end_epoch(self, trainer):
        return self.function(trainer)


def as_callback(spec):
    """Return a callback from one, or from a function to be called after each epoch.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(spec, Callback):
        return spec
    if not callable(spec) or isinstance(spec, type):
        raise TypeError(f"a callback must be a Callback or a function of the trainer, got {spec!r}")
    return _AfterEachEpoch(spec)


def __getattr__(name):
    """Open what stands beside the framework when it is first asked for."""
    if name == "Checkpoint":
        from minnet.persistence.checkpoint import Checkpoint

        return Checkpoint
    raise AttributeError(f"module 'minnet.callbacks' has no attribute {name!r}")
