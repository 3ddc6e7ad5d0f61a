"""keep="best" and "last": all epochs are made, and no stall ends them."""

import warnings

import numpy as np
import pytest

from minnet import (
    Dense,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Trainer,
    load_model,
    save_model,
)
from minnet.callbacks import Callback, Checkpoint
from minnet.optimizers import SGD, Cosine
from minnet.training.callback import StopTraining

RNG = np.random.default_rng(0)
X, X_VAL = RNG.normal(size=(60, 4)), RNG.normal(size=(40, 4))
Y, Y_VAL = (np.sin(3 * A[:, 0]) + 0.5 * RNG.normal(size=len(A)) > 0 for A in (X, X_VAL))
T, T_VAL = Y.astype(int), Y_VAL.astype(int)
N_EPOCHS = 30


def network():
    return Network([Dense(30, "tanh"), Dense(2)]).initialize(4, random_state=0)


def score(net):
    return -net.objective(X_VAL, T_VAL)


def trainer(**options):
    return Trainer(network(), SGD(1.0), batch_size=10, tol=10.0, n_iter_no_change=1, **options)


@pytest.fixture(scope="module")
def epochs():
    """Return the weights after each epoch of a loop by hand, and their scores."""
    by_hand = trainer()
    weights, scores = [], []
    for _ in range(N_EPOCHS):
        by_hand.run_epoch(X, T)
        weights.append(by_hand.network.params.copy())
        scores.append(score(by_hand.network))
    assert 1 < np.argmax(scores) < N_EPOCHS - 1
    return weights, scores


@pytest.mark.parametrize("keep", ["best", "last", None])
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("validate", [score, None])
@pytest.mark.parametrize("stream", [False, True])
def test_all_epochs_are_made_and_the_weights_of_one_stay(
    keep, early_stopping, validate, stream, epochs
):
    options = {"validate": validate, "early_stopping": early_stopping, "keep": keep}
    made = trainer()

    def fit():
        if stream:
            return made.fit_stream([(X, T)], n_epochs=N_EPOCHS, **options)
        return made.fit(X, T, max_epochs=N_EPOCHS, **options)

    if keep == "best" and validate is None:
        with pytest.raises(
            ValueError, match="keep must be None or 'last' where nothing is validated"
        ):
            fit()
        assert made.n_epochs == 0
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit()
    assert made.n_epochs == (3 if keep is None else N_EPOCHS)
    weights, scores = epochs
    best = keep == "best" or (keep is None and early_stopping and validate)
    kept = int(np.argmax(scores[: made.n_epochs])) if best else made.n_epochs - 1
    np.testing.assert_array_equal(made.network.params, weights[kept])
    if validate:
        np.testing.assert_allclose(made.validation_scores, scores[: made.n_epochs], rtol=1e-12)


ESTIMATORS = {MinNetClassifier: (Y, Y_VAL), MinNetRegressor: (1.0 * Y, 1.0 * Y_VAL)}


def estimator(cls, **options):
    given = {
        "solver": SGD(0.3),
        "batch_size": 10,
        "max_iter": 12,
        "tol": 10.0,
        "n_iter_no_change": 1,
    }
    if options.get("keep"):
        del given["tol"], given["n_iter_no_change"]
    return (
        cls((30,), random_state=0, **given, **options)
        if cls is MinNetClassifier
        else cls(hidden_layer_sizes=(30,), random_state=0, **given, **options)
    )


class Weights(Callback):
    def end_epoch(self, trainer):
        self.seen.append(trainer.network.params.copy())

    seen = ()


@pytest.mark.parametrize("cls", ESTIMATORS)
@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_of_an_estimator(cls, keep, held, early_stopping):
    y, y_val = ESTIMATORS[cls]
    data = {"X_val": X_VAL, "y_val": y_val} if held else {}
    weights = Weights()
    weights.seen = []
    est = estimator(cls, keep=keep, early_stopping=early_stopping, scoring="loss")
    if not (held or early_stopping):
        est.set_params(scoring=None)
    est.set_callbacks(weights)
    if keep == "best" and not (held or early_stopping):
        with pytest.raises(
            ValueError, match="keep must be None or 'last' without a validation set"
        ):
            est.fit(X, y)
        assert not hasattr(est, "network_")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        est.fit(X, y, **data)
    assert est.n_iter_ == len(weights.seen) == 12
    epoch = int(np.argmax(est.validation_scores_)) if keep == "best" else 11
    np.testing.assert_array_equal(est.network_.params, weights.seen[epoch])
    assert (est.best_loss_ is None) == (keep == "best")


def test_other_ways_to_end_it(epochs):
    weights, scores = epochs

    class Ends(Callback):
        def end_epoch(self, trainer):
            return trainer.n_epochs == 9

    class Breaks(Callback):
        def next_step(self, trainer):
            return 33

        def at_step(self, trainer):
            if trainer.n_steps == 33:
                raise StopTraining

    for callback, n_epochs in ((Ends(), 9), (Breaks(), 5)):
        made = trainer()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.fit(X, T, keep="best", validate=score, callbacks=[callback])
        assert made.n_epochs == n_epochs
        np.testing.assert_array_equal(made.network.params, weights[np.argmax(scores[:n_epochs])])


@pytest.mark.filterwarnings("ignore")
def test_divergence():
    bad = {"solver": SGD(1e6), "max_iter": 30, "early_stopping": True}
    for keep in ("best", None):
        est = MinNetRegressor(keep=keep, random_state=0, **bad).fit(X, Y * 1e3)
        assert np.isfinite(est.network_.params).all()
    with pytest.raises(ValueError, match="Solver produced non-finite"):
        MinNetRegressor(keep="last", random_state=0, **bad).fit(X, Y * 1e3)


def test_adaptive_answers_stalls_all_the_same():
    made = Trainer(network(), SGD(0.4), learning_rate="adaptive", tol=10.0, n_iter_no_change=1)
    made.fit(X, T, max_epochs=40, keep="last")
    assert made.n_epochs == 40
    assert made.optimizer.learning_rate < 1e-6


@pytest.mark.parametrize("keep", ["best", "last"])
def test_it_goes_on_from_a_checkpoint_and_is_saved(keep, tmp_path):
    class PowerCut(Callback):
        def next_step(self, trainer):
            return 33

        def at_step(self, trainer):
            if trainer.n_steps == 33:
                raise MemoryError("the power is gone")

    def made(*callbacks):
        est = estimator(MinNetClassifier, keep=keep, learning_rate=Cosine())
        return est.set_callbacks(*callbacks).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)

    whole, checkpoint = made(), Checkpoint(tmp_path / "c.safetensors", every=0)
    with pytest.raises(MemoryError):
        made(checkpoint, PowerCut())
    again = made(checkpoint)
    np.testing.assert_array_equal(again.network_.params, whole.network_.params)
    save_model(again, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert loaded.keep == keep
    assert loaded.best_loss_ == again.best_loss_


def test_wrong_names():
    with pytest.raises(
        ValueError, match="keep must be 'best' or 'last', got 'bst': did you mean 'best'"
    ):
        trainer().fit(X, T, keep="bst")
    with pytest.raises(ValueError, match="The 'keep' parameter of MinNetClassifier must be"):
        MinNetClassifier(keep="bst").fit(X, Y)
