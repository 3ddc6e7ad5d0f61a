"""minnet.training: when it stops, what it says, and what it leaves behind."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from minnet import SGD, Adam, AdamW, BatchNorm, Dense, Dropout, Network, RMSProp, Trainer
from minnet.schedules import Schedule

N = 40


@pytest.fixture(name="X")
def inputs():
    return np.random.default_rng(0).normal(size=(N, 3))


@pytest.fixture(name="T")
def class_indices(X):
    return (X[:, 0] + X[:, 1] > 0).astype(int)


def make(layers=None, seed=0, **given):
    layers = layers or [Dense(6, "tanh"), Dense(2)]
    return Network(layers, **given).initialize(3, random_state=seed)


def fit(trainer, *data, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return trainer.fit(*data, **given)


# ---- when it stops


def test_a_stall_is_more_than_n_iter_no_change_epochs(X, T):
    trainer = Trainer(make(), SGD(0.0), n_iter_no_change=4)  # nothing ever improves
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.fit(X, T, max_epochs=100)
    assert trainer.n_epochs == len(trainer.loss_curve) == 1 + 4 + 1
    assert trainer.no_improvement_count == 5


@pytest.mark.parametrize("n_iter_no_change", [1, 3])
def test_stops_when_scikit_learn_stops(n_iter_no_change, X, T):
    mlp = MLPClassifier((6,), solver="sgd", learning_rate_init=1e-300, random_state=0)
    mlp.set_params(n_iter_no_change=n_iter_no_change, max_iter=50).fit(X, T)
    trainer = Trainer(make(), SGD(0.0), n_iter_no_change=n_iter_no_change)
    assert trainer.fit(X, T).n_epochs == mlp.n_iter_


def test_an_improvement_of_exactly_tol_counts(X):
    trainer = Trainer(make(), SGD(0.0), tol=0.25, n_iter_no_change=1)
    for loss, count in ((2.0, 0), (1.75, 0), (1.6, 1), (1.35, 0), (1.2, 1), (1.3, 2)):
        trainer.loss_curve.append(loss)
        assert trainer.check_stall() == (count == 2)
        assert trainer.no_improvement_count == count
    assert trainer.best_loss == 1.2


def test_the_last_epoch_is_announced(X, T):
    message = r"Stochastic Optimizer: Maximum iterations \(3\) reached and the optimization hasn't"
    with pytest.warns(ConvergenceWarning, match=message):
        Trainer(make()).fit(X, T, max_epochs=3)


def test_a_later_call_counts_anew(X, T):
    trainer = Trainer(make(), SGD(0.0), n_iter_no_change=3)
    trainer.fit(X, T)
    assert trainer.n_epochs == 5
    trainer.fit(X, T)
    assert trainer.n_epochs == 5 + 4  # the best loss is remembered, the count is not


def test_n_iter_no_change_may_be_infinite(X, T):
    trainer = fit(Trainer(make(), SGD(0.0), n_iter_no_change=np.inf), X, T, max_epochs=30)
    assert trainer.n_epochs == 30


@pytest.mark.parametrize(
    ("schedule", "validate", "message"),
    [
        (
            "constant",
            None,
            "Training loss did not improve more than tol=0.000100 for 2 consecutive epochs. "
            "Stopping.",
        ),
        (
            "constant",
            lambda network: 0.5,
            "Validation score did not improve more than tol=0.000100 for 2 consecutive epochs. "
            "Stopping.",
        ),
        (
            "adaptive",
            None,
            "Training loss did not improve more than tol=0.000100 for 2 consecutive epochs. "
            "Learning rate too small. Stopping.",
        ),
    ],
)
def test_a_stall_is_printed(schedule, validate, message, X, T, capsys):
    optimizer = SGD(1e-7)  # for "adaptive" too small to be divided
    trainer = Trainer(
        make(), optimizer, learning_rate=schedule, n_iter_no_change=2, verbose=2, tol=1e-4
    )
    trainer.fit(X, T, validate=validate)
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == message
    assert out[0] == f"Iteration 1, loss = {trainer.loss_curve[0]:.8f}"
    assert ("Validation score: 0.500000" in out) == (validate is not None)


def test_adaptive_divides_the_rate_by_5_at_a_stall(X, T, capsys):
    # In steps so small that none counts as an improvement.
    trainer = Trainer(
        make(), SGD(2e-5), learning_rate="adaptive", n_iter_no_change=2, verbose=True
    ).fit(X, T)
    out = capsys.readouterr().out
    rates = [line.rsplit(" ", 1)[1] for line in out.splitlines() if "Setting" in line]
    assert rates == ["0.000004", "0.000001"]
    assert trainer.optimizer.learning_rate == pytest.approx(2e-5 / 25)
    assert trainer.n_epochs == 4 + 3 + 3
    assert trainer.initial_rate == 2e-5


def test_nothing_is_printed_by_default(X, T, capsys):
    fit(Trainer(make()), X, T, max_epochs=5)
    assert capsys.readouterr().out == ""


# ---- rates


def test_a_function_of_the_step_gives_every_rate(X, T):
    rates = [0.5, 0.1, 0.3, 0.2, 0.05, 0.4]
    trainer = Trainer(make(), SGD(), batch_size=15, learning_rate=rates.__getitem__, shuffle=False)
    fit(trainer, X, T, max_epochs=2)  # 2 epochs of 3 steps: no rate is asked for beyond them
    assert trainer.optimizer.learning_rate == rates[-1]
    network = make()
    for step, rate in enumerate(rates):
        rows = slice(15 * (step % 3), min(15 * (step % 3) + 15, N))
        network.params -= rate * network.loss_and_grad(X[rows], T[rows])[1]
    np.testing.assert_allclose(trainer.network.params, network.params, rtol=1e-12)


def test_a_function_goes_on_counting_in_a_later_call(X, T):
    asked = []

    def rate(step):
        asked.append(step)
        return 0.1

    trainer = Trainer(make(), SGD(), batch_size=20, learning_rate=rate)
    fit(trainer, X, T, max_epochs=2)
    fit(trainer, X, T, max_epochs=1)
    assert asked == [0, 1, 2, 3, 4, 5]


def test_invscaling_falls_with_the_samples_seen(X, T):
    trainer = Trainer(make(), SGD(0.5), batch_size=20, learning_rate="invscaling", power_t=0.25)
    fit(trainer, X, T, max_epochs=3)
    assert trainer.optimizer.learning_rate == pytest.approx(0.5 / (3 * N + 1) ** 0.25)


class Halving(Schedule):
    def reduce(self, current):
        return current / 2 if current > 0.1 else None


def test_a_users_schedule_answers_a_stall(X, T, capsys):
    trainer = Trainer(make(), SGD(0.4), tol=10.0, n_iter_no_change=1, learning_rate=Halving())
    trainer.verbose = 2
    trainer.fit(X, T)
    assert trainer.optimizer.learning_rate == pytest.approx(0.1)
    assert capsys.readouterr().out.rstrip().endswith("consecutive epochs. Stopping.")


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_layers_have_rates_of_their_own(momentum, X, T):
    layers = [
        Dense(6, "tanh", lr_factor=0.5, bias_lr_factor=3),
        Dense(4, "tanh", lr_factor=0),
        Dense(2, bias_lr_factor=0),
    ]
    network, plain = make(layers), make([Dense(6, "tanh"), Dense(4, "tanh"), Dense(2)])
    start = network.params.copy()
    for each in (network, plain):
        fit(Trainer(each, SGD(0.1, momentum), batch_size=N, shuffle=False), X, T, max_epochs=1)
    for row in network.parameter_table:
        moved = network.params[row.slice] - start[row.slice]
        expected = plain.params[row.slice] - start[row.slice]
        np.testing.assert_allclose(moved, row.lr_factor * expected, atol=1e-15)


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, 0.9), Adam(0.1), AdamW(0.1), RMSProp(0.1, momentum=0.5)], ids=repr
)
def test_frozen_layers_do_not_move(optimizer, X, T):
    layers = [Dense(6, "tanh", trainable=False), BatchNorm(trainable=False), Dense(2)]
    network = make(layers, alpha=1.0)
    start, state = network.params.copy(), network.state.copy()
    fit(Trainer(network, optimizer, weight_decay=0.1), X, T, max_epochs=5)
    for row in network.parameter_table:
        same = np.array_equal(network.params[row.slice], start[row.slice])
        assert same == (not row.trainable)
    np.testing.assert_array_equal(network.state, state)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"lr_factor": 0.5}, 0.5),
        ({"lr_factor": 0.5, "decay_factor": 3.0}, 3.0),
        ({"lr_factor": 0.5, "decay_factor": 0.0}, 0.0),
        ({"lr_factor": 0.0, "decay_factor": 1.0}, 1.0),
        ({"decay_factor": 2.0, "bias_lr_factor": 7.0}, 2.0),
    ],
    ids=repr,
)
def test_weight_decay_acts_on_weights_only_and_beside_the_gradient(factors, expected, X, T):
    layers = [Dense(6, "tanh", **factors), BatchNorm(), Dense(2)]
    given = {"batch_size": N, "shuffle": False}
    with_decay, without = make(layers, bias_init="ones"), make(layers, bias_init="ones")
    start = without.params.copy()
    fit(Trainer(with_decay, Adam(0.1), weight_decay=0.2, **given), X, T, max_epochs=1)
    fit(Trainer(without, Adam(0.1), **given), X, T, max_epochs=1)
    for row in without.parameter_table:
        pull = (
            0.1 * {0: expected, 2: 1.0}[row.layer] * 0.2 * start[row.slice] if row.is_weight else 0
        )
        np.testing.assert_allclose(
            with_decay.params[row.slice], without.params[row.slice] - pull, atol=1e-14
        )


# ---- batches, order and weights


def test_more_than_all_rows_is_all_rows(X, T):
    a = fit(Trainer(make(), batch_size=N), X, T, max_epochs=3)
    b = fit(Trainer(make(), batch_size=10 * N), X, T, max_epochs=3)
    np.testing.assert_array_equal(a.network.params, b.network.params)
    assert b.optimizer.step == 3


def orders(seed=0, n_epochs=2, calls=1, batch_size=4, **given):
    """Return the rows in the order of training, one list an epoch."""
    seen = []

    class Watch(Dense):
        def forward(self, X, ctx):
            if ctx.training:
                seen.extend(X[:, 0].astype(int).tolist())
            return super().forward(X, ctx)

    network = Network([Watch(1)], "squared_error").initialize(1, random_state=seed)
    trainer = Trainer(network, SGD(0.0), batch_size=batch_size, **given)
    for _ in range(calls):
        fit(trainer, np.arange(10.0)[:, None], np.zeros(10), max_epochs=n_epochs // calls)
    return [seen[start : start + 10] for start in range(0, len(seen), 10)]


def test_every_epoch_visits_every_row_in_an_order_of_its_own():
    epochs = orders(n_epochs=5)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5
    assert orders(n_epochs=5) == epochs
    assert orders(seed=1, n_epochs=5) != epochs


def test_a_later_call_goes_on_with_the_orders():
    assert orders(n_epochs=4, calls=2) == orders(n_epochs=4)


def test_unshuffled_rows_come_as_they_lie():
    assert orders(shuffle=False) == [list(range(10))] * 2


def test_orders_do_not_depend_on_the_batch_size():
    assert orders(batch_size=3) == orders(batch_size=10) == orders()


STACK = [Dense(6), BatchNorm("tanh"), Dropout(0.3), Dense(2)]


def test_equal_keys_give_equal_bits(X, T):
    runs = [fit(Trainer(make(STACK)), X, T, max_epochs=5) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].network.params, runs[1].network.params)
    np.testing.assert_array_equal(runs[0].network.state, runs[1].network.state)
    assert runs[0].loss_curve == runs[1].loss_curve
    other = fit(Trainer(make(STACK, seed=1)), X, T, max_epochs=5)
    assert not np.array_equal(runs[0].network.params, other.network.params)


def test_two_calls_are_one(X, T):
    whole = fit(Trainer(make(STACK)), X, T, max_epochs=6)
    parts = Trainer(make(STACK))
    for epochs in (1, 3, 2):
        fit(parts, X, T, max_epochs=epochs)
    np.testing.assert_array_equal(parts.network.params, whole.network.params)
    assert parts.loss_curve == whole.loss_curve
    assert parts.n_epochs == whole.n_epochs == 6
    assert parts.n_seen == whole.n_seen == 6 * N


def test_continue_from_takes_over_the_records(X, T):
    first = fit(Trainer(make()), X, T, max_epochs=3)
    second = Trainer(first.network)
    second.continue_from(first)
    fit(second, X, T, max_epochs=2)
    assert second.n_epochs == 5
    assert second.n_seen == 5 * N
    assert second.loss_curve[:3] == first.loss_curve
    assert len(first.loss_curve) == 3


def test_loss_curve_is_the_mean_objective(X, T):
    network = make(alpha=0.5)
    expected = network.objective(X, T)
    trainer = Trainer(network, SGD(0.0), batch_size=15)
    fit(trainer, X, T, max_epochs=1)
    assert trainer.loss_curve[0] == pytest.approx(expected, rel=1e-12)


def test_every_epoch_drops_anew(X, T):
    network = make([Dropout(0.5), Dense(2)])
    trainer = fit(Trainer(network, SGD(0.0), shuffle=False), X, T, max_epochs=3)
    expected = [network.loss_and_grad(X, T, position=epoch * N)[0] for epoch in range(3)]
    np.testing.assert_allclose(trainer.loss_curve, expected, rtol=1e-12)
    assert len(set(expected)) == 3


@pytest.mark.parametrize("layers", [None, STACK], ids=["dense", "with batch norm"])
def test_whole_batches_of_zero_weight_do_no_harm(layers, X, T):
    weight = np.zeros(N)
    weight[:4] = 1
    trainer = Trainer(make(layers), batch_size=4, shuffle=False)
    with np.errstate(all="raise", under="ignore"):
        fit(trainer, X, T, weight, max_epochs=3)
    assert np.isfinite(trainer.network.params).all()
    assert np.isfinite(trainer.loss_curve).all()


def test_rows_of_weight_zero_have_no_say(X, T):
    weight = (np.arange(N) % 3).astype(float)
    changed = T.copy()
    changed[weight == 0] ^= 1
    a = fit(Trainer(make()), X, T, weight, max_epochs=3)
    b = fit(Trainer(make()), X, changed, weight, max_epochs=3)
    np.testing.assert_array_equal(a.network.params, b.network.params)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype, X, T):
    network = Network(STACK).initialize(3, random_state=0, dtype=dtype)
    data = network.check_batch(X, T, np.linspace(0, 1, N))
    for ctx in network.forward_backward(*data)[2]:
        arrays = [value for value in vars(ctx).values() if isinstance(value, np.ndarray)]
        assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_of_parameters_is_kept(dtype, X, T):
    network = Network(STACK).initialize(3, random_state=0, dtype=dtype)
    fit(Trainer(network, clip_norm=1.0, weight_decay=0.1), X, T, np.ones(N), max_epochs=2)
    assert network.params.dtype == network.state.dtype == dtype


def test_clipping_bounds_the_step(X, T):
    for given, norm in (({"clip_norm": 1e-3}, 2), ({"clip_value": 1e-3}, np.inf)):
        network = make()
        start = network.params.copy()
        fit(Trainer(network, SGD(1.0), batch_size=N, **given), X, T, max_epochs=1)
        moved = np.linalg.norm(network.params - start, norm)
        assert moved == pytest.approx(1e-3, rel=1e-6)


# ---- validation


def test_the_best_epoch_comes_back_with_its_running_averages(X, T):
    scores, kept = iter([0.1, 0.5, 0.9, 0.3, 0.2, 0.9, 0.1]), []

    def validate(network):
        kept.append((network.params.copy(), network.state.copy()))
        return next(scores)

    trainer = Trainer(make(STACK), n_iter_no_change=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.fit(X, T, validate=validate)
    np.testing.assert_array_equal(trainer.network.params, kept[2][0])
    np.testing.assert_array_equal(trainer.network.state, kept[2][1])
    assert trainer.validation_scores == [0.1, 0.5, 0.9, 0.3, 0.2, 0.9, 0.1]
    assert trainer.best_score == 0.9
    assert np.shares_memory(trainer.network.layers[0].W, trainer.network.params)


def test_a_better_score_within_tol_is_kept_but_counts_as_a_stall(X, T):
    scores, kept = iter([0.5, 0.5 + 1e-6, 0.5]), []

    def validate(network):
        kept.append(network.params.copy())
        return next(scores)

    trainer = Trainer(make(), n_iter_no_change=1, tol=1e-4).fit(X, T, validate=validate)
    np.testing.assert_array_equal(trainer.network.params, kept[1])


def test_a_later_call_that_gets_worse_comes_back_to_where_it_began(X, T):
    trainer = fit(Trainer(make()), X, T, validate=lambda network: 0.9, max_epochs=1)
    before = trainer.network.params.copy()
    fit(trainer, X, T, validate=lambda network: 0.1, max_epochs=2)
    np.testing.assert_array_equal(trainer.network.params, before)


def test_a_pair_is_score_and_loss(X, T):
    trainer = Trainer(make())
    fit(trainer, X, T, validate=lambda network: (0.5, 2.0), max_epochs=2)
    fit(trainer, X, T, validate=lambda network: 0.5, max_epochs=1)
    assert trainer.validation_scores == [0.5] * 3
    np.testing.assert_array_equal(trainer.validation_loss_curve, [2.0, 2.0, np.nan])


def test_without_early_stopping_scores_are_only_noted(X, T, capsys):
    expected = fit(Trainer(make(), SGD(0.01)), X, T, max_epochs=30)
    trainer = Trainer(make(), SGD(0.01), n_iter_no_change=2, tol=0, verbose=2)
    fit(trainer, X, T, validate=lambda network: 0.5, early_stopping=False, max_epochs=30)
    np.testing.assert_array_equal(trainer.network.params, expected.network.params)
    assert trainer.validation_scores == [0.5] * 30
    assert trainer.best_loss == min(trainer.loss_curve)
    assert capsys.readouterr().out.count("Validation score: 0.500000") == 30


def test_the_weights_of_a_later_start_take_part_with_their_score_of_now(X, T):
    trainer = fit(Trainer(make()), X, T, validate=lambda network: 0.9, max_epochs=1)
    scores, kept = iter([0.1, 0.2, 0.15]), []

    def validate(network):
        kept.append(network.params.copy())
        return next(scores)

    fit(trainer, X, T, validate=validate, max_epochs=2)
    assert trainer.best_score == 0.2
    np.testing.assert_array_equal(trainer.network.params, kept[1])


@pytest.mark.parametrize("score", [np.nan, -np.inf])
def test_the_last_weights_stay_where_no_score_is_a_number(score, X, T):
    expected = fit(Trainer(make()), X, T, max_epochs=4)
    trainer = Trainer(make(), n_iter_no_change=3)
    with pytest.warns(ConvergenceWarning, match="NaN or minus infinity in every epoch"):
        trainer.fit(X, T, validate=lambda network: score)
    assert trainer.n_epochs == 4
    np.testing.assert_array_equal(trainer.network.params, expected.network.params)


# ---- divergence


@pytest.mark.filterwarnings("error")
def test_divergence_is_an_error_that_says_where_and_what_to_do(X, T):
    trainer = Trainer(make([Dense(6), Dense(2)], loss="squared_error"), SGD(1e150), batch_size=N)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights") as caught:
        trainer.fit(X, X[:, :2])
    message = str(caught.value)
    assert message.startswith(
        "Solver produced non-finite parameter weights. The input data may contain large values "
        "and need to be preprocessed."
    )
    assert "layer 0 (Dense) in epoch 2, at learning rate 1e+150" in message
    assert "clip_norm" in message
    assert trainer.n_epochs == 2
    assert not trainer.is_finite()
    with pytest.raises(ValueError, match="Solver produced"):
        trainer.raise_if_diverged()


def test_the_layer_that_diverged_is_named(X, T):
    trainer = Trainer(make([Dense(6), BatchNorm(), Dense(2)]))
    trainer.raise_if_diverged()
    trainer.network.layers[1].beta = np.full(6, np.nan)
    with pytest.raises(ValueError, match=r"layer 1 \(BatchNorm\)"):
        trainer.raise_if_diverged()


def test_divergence_under_validation_is_a_warning_and_the_best_comes_back(X, T):
    def rate(step):
        return 0.1 if step < 3 else 1e300

    kept = []

    def validate(network):
        kept.append(network.params.copy())
        return len(kept)

    network = make([Dense(6), Dense(2)], loss="squared_error")
    trainer = Trainer(network, SGD(), batch_size=N, learning_rate=rate)
    with pytest.warns(ConvergenceWarning, match="non-finite .* best epoch were restored"):
        trainer.fit(X, X[:, :2], validate=validate)
    np.testing.assert_array_equal(network.params, kept[-1])
    assert trainer.is_finite()
    assert np.isnan(trainer.validation_scores[-1])
    assert trainer.best_score == len(kept)


def test_a_score_that_is_nan_is_no_improvement(X, T):
    trainer = fit(Trainer(make(), n_iter_no_change=2), X, T, validate=lambda network: np.nan)
    assert trainer.n_epochs == 3
    assert trainer.best_score == -np.inf


# ---- callbacks and interrupts


def test_callbacks_see_every_epoch_the_last_too(X, T):
    seen, losses = [], []
    callbacks = [
        lambda trainer: seen.append(trainer.n_epochs),
        lambda trainer: losses.append(trainer.loss_curve[-1]),
    ]
    trainer = Trainer(make(), SGD(0.0), n_iter_no_change=2)
    trainer.fit(X, T, callbacks=callbacks)
    assert seen == [1, 2, 3, 4]  # the fourth is the one that stalled
    assert losses == trainer.loss_curve


def test_a_callback_that_returns_true_ends_training(X, T):
    others = []
    callbacks = [lambda trainer: trainer.n_epochs == 3, lambda trainer: others.append(1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer = Trainer(make()).fit(X, T, callbacks=callbacks)
    assert trainer.n_epochs == 3
    assert len(others) == 3
    with pytest.warns(ConvergenceWarning):  # only True ends it, no other number
        Trainer(make()).fit(X, T, max_epochs=2, callbacks=[lambda trainer: 1])


def interrupt(trainer):
    if trainer.n_epochs == 3:
        raise KeyboardInterrupt


def test_an_interrupt_keeps_the_model(X, T):
    expected = fit(Trainer(make()), X, T, max_epochs=3)
    trainer = Trainer(make())
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        trainer.fit(X, T, callbacks=[interrupt])
    np.testing.assert_array_equal(trainer.network.params, expected.network.params)
    fit(trainer, X, T, max_epochs=1)  # and goes on
    assert trainer.n_epochs == 4


def test_an_interrupt_under_validation_restores_the_best(X, T):
    scores, kept = iter([0.9, 0.5, 0.1]), []

    def validate(network):
        kept.append(network.params.copy())
        return next(scores)

    trainer = Trainer(make())
    with pytest.warns(UserWarning, match="interrupted"):
        trainer.fit(X, T, validate=validate, callbacks=[interrupt])
    np.testing.assert_array_equal(trainer.network.params, kept[0])


# ---- bad input


def test_data_are_checked_before_the_first_step(X, T):
    trainer = Trainer(make())
    before = trainer.network.params.copy()
    for data in ((X[:, :2], T), (X, T[:-1]), (X, T, -np.ones(N)), (X * np.nan, T)):
        with pytest.raises(ValueError, match=r"X|T|sample_weight"):
            trainer.fit(*data)
    np.testing.assert_array_equal(trainer.network.params, before)
    assert trainer.n_epochs == 0
