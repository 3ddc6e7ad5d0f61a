"""Layer-wise pre-training: the loss falls, it is what training by hand gives, failures change nothing."""

import numpy as np
import pytest
from scipy import sparse

from minnet import (
    SGD,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    Network,
    Trainer,
    pretrain,
)
from minnet.activations import list_activations
from minnet.layers import Context, Layer, Parameter
from minnet.random import Stream

RNG = np.random.default_rng(0)
# Twelve columns that depend on three: there is something to restore an element from.
X = np.tanh(RNG.normal(size=(150, 3)) @ RNG.normal(size=(3, 12)))


def make(*hidden, n_features=12, dtype="float64", seed=0, **options):
    network = Network([*hidden, Dense(4)], **options)
    return network.initialize(n_features, random_state=seed, dtype=dtype)


def by_hand(network, i, H, loss, corruption, n_epochs, optimizer="adam", batch_size=32):
    """Train the autoencoder of layer ``i``, a Dense; return its W, b and losses."""
    layer, n_inputs = network.layers[i], H.shape[1]
    encoder = Dense(layer.units, layer.activation, init=layer.W.copy(), bias_init=layer.b.copy())
    autoencoder = Network([Dropout(corruption), encoder, Dense(n_inputs, init="glorot")], loss=loss)
    seed = int(Stream(network.key, "pretraining", i).words(1)[0])
    autoencoder.initialize(n_inputs, random_state=seed, dtype=network.dtype)
    trainer = Trainer(autoencoder, optimizer, batch_size=batch_size, n_iter_no_change=np.inf)
    trainer.fit(H, H, callbacks=[lambda trainer: trainer.n_epochs == n_epochs])
    return autoencoder.layers[1].W, autoencoder.layers[1].b, trainer.loss_curve


class TestWhatItDoes:
    @pytest.mark.parametrize("activation", list_activations())
    def test_loss_falls_and_weights_move(self, activation):
        network = make(Dense(10, activation), Dense(8, activation))
        before = network.params.copy()
        assert pretrain(network, X, n_epochs=10, optimizer=Adam(0.01)) is network
        assert list(network.reconstruction_losses) == [0, 1]
        for losses in network.reconstruction_losses.values():
            assert len(losses) == 10
            assert losses[-1] < 0.9 * losses[0]
        for row in network.parameter_table:
            moved = not np.array_equal(network.params[row.slice], before[row.slice])
            assert moved == (row.layer < 2), row.label  # the output layer stays

    def test_restores_better_than_the_mean(self):
        # Without noise, and with as many units as there are directions, as PCA would.
        network = make(Dense(8, "identity"))
        pretrain(network, X, corruption=0.0, n_epochs=200, batch_size=150, optimizer=Adam(0.01))
        variance = 0.5 * np.square(X - X.mean(axis=0)).sum(axis=1).mean()
        s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
        best = 0.5 * np.square(s[8:]).sum() / len(X)
        assert best <= network.reconstruction_losses[0][-1] < 0.1 * variance

    def test_noise_makes_it_harder(self):
        last = []
        for corruption in (0.0, 0.25, 0.6):
            network = pretrain(make(Dense(10, "tanh")), X, corruption=corruption)
            last.append(network.reconstruction_losses[0][-1])
        assert last == sorted(last)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(
        ("activation", "losses"),
        [
            ("tanh", ("squared_error", "squared_error")),
            ("sigmoid", ("squared_error", "sigmoid_cross_entropy")),
        ],
    )
    def test_equals_training_by_hand(self, activation, losses, dtype):
        network = make(Dense(10, activation), Dropout(0.5), Dense(8, activation), dtype=dtype)
        given = network.astype(dtype)  # a copy
        options = {"corruption": 0.3, "n_epochs": 3, "batch_size": 20}
        pretrain(network, X, optimizer=SGD(0.01, momentum=0.9), **options)
        H = X.astype(dtype)
        for i, loss in zip((0, 2), losses, strict=True):
            W, b, curve = by_hand(given, i, H, loss, optimizer=SGD(0.01, momentum=0.9), **options)
            np.testing.assert_array_equal(network.layers[i].W, W)
            np.testing.assert_array_equal(network.layers[i].b, b)
            assert network.reconstruction_losses[i] == curve
            H = network.layers[i].forward(H, Context())  # clean

    def test_cross_entropy_for_inputs_between_0_and_1(self):
        inside = (X + 1) / 2
        network = make(Dense(10, "tanh"), Dense(8, "tanh"))
        given = network.astype("float64")
        pretrain(network, inside, corruption=0.1, n_epochs=2)
        _, _, curve = by_hand(given, 0, inside, "sigmoid_cross_entropy", 0.1, 2)
        assert network.reconstruction_losses[0] == curve
        given = make(Dense(10, "tanh"))
        _, _, curve = by_hand(given, 0, inside, "squared_error", 0.1, 2)
        pretrain(given, inside, corruption=0.1, n_epochs=2, loss="squared_error")
        assert given.reconstruction_losses[0] == curve


class TestRandomness:
    def test_own_key_decides(self):
        first = pretrain(make(Dense(6, "tanh")), X, n_epochs=2)
        again = pretrain(make(Dense(6, "tanh")), X, n_epochs=2)
        other = pretrain(make(Dense(6, "tanh"), seed=1), X, n_epochs=2)
        np.testing.assert_array_equal(first.params, again.params)
        assert first.reconstruction_losses != other.reconstruction_losses

    def test_random_state_decides(self):
        results = [
            pretrain(make(Dense(6, "tanh")), X, n_epochs=2, random_state=seed).params
            for seed in (0, 0, 1)
        ]
        np.testing.assert_array_equal(results[0], results[1])
        assert not np.array_equal(results[0], results[2])

    def test_layers_have_draws_of_their_own(self):
        # What is above a layer does not matter to it.
        short = pretrain(make(Dense(12, "tanh")), X, n_epochs=2)
        deep = pretrain(make(Dense(12, "tanh"), Dense(12, "tanh")), X, n_epochs=2)
        np.testing.assert_array_equal(short.layers[0].W, deep.layers[0].W)
        assert deep.reconstruction_losses[0] != deep.reconstruction_losses[1]


class TestOtherLayers:
    def test_batch_norm_is_trained_with_its_dense(self):
        network = make(Dense(10), BatchNorm("tanh"), Dense(8), BatchNorm("tanh"))
        pretrain(network, X, n_epochs=10)
        assert list(network.reconstruction_losses) == [0, 2]
        for i in (1, 3):
            norm = network.layers[i]
            assert not np.array_equal(norm.gamma, np.ones_like(norm.gamma))
            assert not np.array_equal(norm.running_mean, np.zeros_like(norm.running_mean))
        # Biases before a BatchNorm are taken away by it.
        assert np.abs(network.layers[0].b).max() < 1e-6
        # The running averages are those of the layer's inputs, corrupted.
        Z = X @ network.layers[0].W + network.layers[0].b
        assert np.abs(network.layers[1].running_mean - Z.mean(axis=0)).max() < 0.5 * Z.std()

    def test_frozen_layers_stay(self):
        network = make(Dense(10, "tanh", trainable=False), Dense(8, "tanh"))
        W = network.layers[0].W.copy()
        given = network.astype("float64")
        pretrain(network, X, n_epochs=2, corruption=0.25)
        np.testing.assert_array_equal(network.layers[0].W, W)
        assert list(network.reconstruction_losses) == [1]
        _, _, curve = by_hand(
            given, 1, np.tanh(X @ W + given.layers[0].b), "squared_error", 0.25, 2
        )
        assert network.reconstruction_losses[1] == pytest.approx(curve, rel=1e-9)

    def test_layers_below_the_first_dense(self):
        network = Network([Dropout(0.2), BatchNorm(), Dense(6, "tanh"), Dense(2)]).initialize(12)
        gamma = network.layers[1].gamma.copy()
        pretrain(network, X, n_epochs=2)
        assert list(network.reconstruction_losses) == [2]
        np.testing.assert_array_equal(network.layers[1].gamma, gamma)

    def test_a_layer_of_the_users_own(self):
        class Scale(Layer):
            def parameters(self, n_inputs):
                return {"g": Parameter((n_inputs,), init="ones")}

            def forward(self, X, ctx):
                ctx.X = X
                return X * self.g

            def backward(self, dY, ctx):
                ctx.dg = (dY * ctx.X).sum(axis=0)
                return dY * self.g

        network = pretrain(make(Dense(6, "tanh"), Scale()), X, n_epochs=2)
        assert not np.array_equal(network.layers[1].g, np.ones(6))

    def test_sparse_equals_dense(self):
        data = np.where(np.abs(X) > 0.5, X, 0.0)
        dense = pretrain(make(Dense(6, "tanh")), data, n_epochs=2)
        for form in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array):
            given = pretrain(make(Dense(6, "tanh")), form(data), n_epochs=2)
            np.testing.assert_array_equal(given.params, dense.params)

    def test_numpy_backend_agrees(self):
        compiled = pretrain(make(Dense(6, "tanh")), X, n_epochs=2)
        plain = pretrain(make(Dense(6, "tanh")), X, n_epochs=2, backend="numpy")
        np.testing.assert_allclose(compiled.params, plain.params, rtol=1e-6, atol=1e-9)


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"corruption": 1.0}, "corruption must be at least 0 and below 1, got 1.0"),
            ({"corruption": "0.2"}, "corruption must be"),
            ({"loss": "hinge"}, "loss must be 'auto', .* got 'hinge'"),
            ({"loss": "cross_entropy"}, r"loss must be .* inputs of layers\[0\]"),
            (
                {"n_epochs": 0},
                "n_epochs must be a whole number of at least 1 and at most 1000000, got 0",
            ),
            ({"batch_size": 0}, "batch_size must be"),
            ({"optimizer": "adma"}, "optimizer must be .* got 'adma'"),
            ({"backend": "fortran"}, "backend"),
        ],
    )
    def test_bad_arguments(self, options, message):
        network = make(Dense(6, "tanh"))
        before = network.params.copy()
        with pytest.raises(ValueError, match=message):
            pretrain(network, X, **options)
        np.testing.assert_array_equal(network.params, before)
        assert not hasattr(network, "reconstruction_losses")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (X[:, :5], r"X must have shape \(n_samples, 12\)"),
            (X[:0], "X must have at least one row"),
            (np.where(X[3, 3] == X, np.nan, X), "X must be finite"),
        ],
    )
    def test_bad_data(self, data, message):
        with pytest.raises(ValueError, match=message):
            pretrain(make(Dense(6, "tanh")), data)

    def test_bad_networks(self):
        with pytest.raises(TypeError, match="network must be a Network"):
            pretrain(MinNetClassifier(), X)
        with pytest.raises(ValueError, match="must have a hidden Dense layer"):
            pretrain(make(), X)
        with pytest.raises(ValueError, match="no parameters yet"):
            pretrain(Network([Dense(6), Dense(2)]), X)

    def test_divergence_leaves_the_network_as_it_was(self):
        # The first layer is done when the second diverges.
        network = make(Dense(6, "tanh"), Dense(6, "identity", lr_factor=1e200), Dense(6, "relu"))
        before, state = network.params.copy(), network.state.copy()
        with (
            np.errstate(all="ignore"),
            pytest.raises(
                ValueError, match=r"non-finite .* autoencoder that pre-trains layers\[1\]"
            ),
        ):
            pretrain(network, X, optimizer=SGD(0.01), n_epochs=5)
        np.testing.assert_array_equal(network.params, before)
        np.testing.assert_array_equal(network.state, state)
        assert not hasattr(network, "reconstruction_losses")

    def test_interrupt_leaves_the_network_as_it_was(self, monkeypatch):
        network = make(Dense(6, "tanh"), Dense(6, "tanh"))
        before, run_epoch = network.params.copy(), Trainer.run_epoch

        def interrupted(self, *args, **options):
            if self.network.sizes[0] == 6:  # the second layer's
                raise KeyboardInterrupt
            run_epoch(self, *args, **options)

        monkeypatch.setattr(Trainer, "run_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pretrain(network, X, n_epochs=2)
        np.testing.assert_array_equal(network.params, before)


def test_an_estimator_starts_from_it():
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    network = make(Dense(10, "tanh"), Dense(8, "tanh"))
    pretrain(network, X, n_epochs=3)
    below = network.layers[:-1]
    clf = MinNetClassifier(
        (10, 8),
        "tanh",
        init=[*(layer.W for layer in below), "auto"],
        bias_init=[*(layer.b for layer in below), "auto"],
        max_iter=1,
        learning_rate_init=1e-12,
    )
    with pytest.warns(match="Maximum iterations"):
        clf.fit(X, y)
    for layer, W, b in zip(below, clf.coefs_[:-1], clf.intercepts_[:-1], strict=True):
        np.testing.assert_allclose(W, layer.W, atol=1e-9)
        np.testing.assert_allclose(b, layer.b, atol=1e-9)


def test_verbose(capsys):
    network = pretrain(make(Dense(6, "tanh")), X, n_epochs=2, verbose=True)
    first, last = network.reconstruction_losses[0]
    expected = f"Layer 0: reconstruction loss {first:.6f} to {last:.6f}\n"
    assert capsys.readouterr().out == expected
