"""Ctrl-C comes between steps: what is left is a model that took a whole number of them."""

import signal
import threading
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minnet import Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.backends import list_backends
from minnet.callbacks import Callback
from minnet.training import interrupts, lbfgs
from minnet.training.interrupts import Interrupts

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2000, 30))
Y = (X[:, 0] > 0).astype(int)


class StopAt(Callback):
    """Does what it is told at a step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def next_step(self, trainer):
        return self.step if trainer.n_steps <= self.step else None

    def at_step(self, trainer):
        self.action()
        self.step = -1


def network():
    return Network([Dense(40, "tanh"), Dense(1)], "log_loss").initialize(30, random_state=0)


def press_after(began, seconds=0.0):
    """Press Ctrl-C from a thread, so long after an event."""

    def press():
        began.wait()
        time.sleep(seconds)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()


class Beginning(Callback):
    """Sets an event when the training begins."""

    def __init__(self):
        self.event = threading.Event()

    def begin_epoch(self, trainer):
        self.event.set()


@pytest.fixture(autouse=True)
def usual_handler(monkeypatch):
    """Where tests run in the background, the shell has them ignore Ctrl-C."""
    monkeypatch.setattr(interrupts, "_last_heard", -np.inf)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("seconds", [0.0, 0.013, 0.05, 0.1])
def test_an_interrupted_training_took_whole_steps(backend, seconds):
    def trainer():
        return Trainer(
            network(), "adam", batch_size=5, backend=backend, tol=0, n_iter_no_change=10**9
        )

    trainer().fit(X, Y, max_epochs=1)  # whatever is compiled is
    stopped = trainer()
    beginning = Beginning()
    press_after(beginning.event, seconds)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        stopped.fit(X, Y, max_epochs=10**9, callbacks=[beginning])
    assert stopped.n_steps == stopped.optimizer.step
    # The same number of steps, uninterrupted:
    again = trainer()
    n_epochs, rest = divmod(stopped.n_steps, 400)
    # Ctrl-C may have come after the last step of an epoch and before that was noted.
    assert stopped.n_epochs == len(stopped.loss_curve)
    assert stopped.n_epochs in ((n_epochs - 1, n_epochs) if rest == 0 else (n_epochs,))

    def halt():
        raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again.fit(X, Y, max_epochs=n_epochs + 1, callbacks=[StopAt(stopped.n_steps, halt)])
    assert again.n_steps == stopped.n_steps
    assert_array_equal(again.network.params, stopped.network.params)
    assert_array_equal(again.optimizer.state, stopped.optimizer.state)


def test_the_handler_before_comes_back():
    came = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        mine = signal.getsignal(signal.SIGINT)
        Trainer(network()).fit(
            X, Y, max_epochs=1, callbacks=[lambda _: signal.raise_signal(signal.SIGINT)]
        )
        assert came == [signal.SIGINT]  # one's own handler is called, and training goes on
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_interrupt_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    trainer = Trainer(network()).fit(
        X, Y, max_epochs=2, callbacks=[lambda _: signal.raise_signal(signal.SIGINT)]
    )
    assert trainer.n_epochs == 2
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_train_without_signals():
    def train():
        with Interrupts() as interrupts, interrupts.held():
            done.append(Trainer(network()).fit(X, Y, max_epochs=2).n_epochs)

    done = []
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert done == [2]


@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_lbfgs_keeps_what_it_has(cls, monkeypatch):
    wide = RNG.normal(size=(3000, 50))
    y = (wide[:, 0] * wide[:, 1] > 0).astype(int)
    est = cls(hidden_layer_sizes=(200, 200), solver="lbfgs", max_iter=100_000, max_fun=10**9, tol=0,
              random_state=0)  # fmt: skip
    third = threading.Event()
    monkeypatch.setattr(lbfgs, "print", lambda line: line.startswith("Iteration 3") and third.set(),
                        raising=False)  # fmt: skip
    press_after(third, 0.1)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est.set_params(verbose=True).fit(wide, y)
    assert 3 <= est.n_iter_ < 100_000
    whole = cls(**est.get_params(deep=False) | {"max_iter": est.n_iter_})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(wide, y)
    assert whole.n_iter_ == est.n_iter_
    assert_array_equal(est.network_.params, whole.network_.params)
    assert est.loss_ == whole.loss_


def test_an_interrupted_stream_keeps_what_it_has():
    def batches():
        for i in range(100_000):
            if i == 10:
                signal.raise_signal(signal.SIGINT) if threading.current_thread() is (
                    threading.main_thread()
                ) else signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            yield X[:200], Y[:200]

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est = MinNetClassifier((5,), random_state=0).fit_stream(batches, classes=[0, 1])
    assert 0 < est.t_ <= 200 * 12
    assert est.n_iter_ == 0
    assert np.isfinite(est.predict_proba(X)).all()
    for thread in threading.enumerate():
        if thread.name == "minnet-reader":
            thread.join()  # it ends
