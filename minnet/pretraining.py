"""Layer-wise pre-training: hidden layers that learn from inputs alone, before any target is seen."""

import copy
from collections.abc import Sequence
from typing import Any

from scipy import sparse

from minnet.activations import Sigmoid
from minnet.common.buffers import all_finite
from minnet.common.checks import check_verbose, check_whole, is_real
from minnet.common.communicator import refuse_together
from minnet.common.entry import entry
from minnet.common.flat_parameters import check_is_network
from minnet.common.names import check_name
from minnet.common.types import Array, Matrix, RandomState
from minnet.layers import Context, Dense, Dropout, Layer
from minnet.network import Network
from minnet.optimizers import Optimizer, get_optimizer
from minnet.random import Stream, draw_key
from minnet.training import Trainer

__all__ = ["pretrain"]


def __dir__() -> list[str]:
    return __all__


_LOSSES = {"squared_error": "squared_error", "cross_entropy": "sigmoid_cross_entropy"}


@entry
def pretrain(
    network: Network,
    X: Matrix,
    *,
    corruption: float = 0.25,
    loss: str = "auto",
    n_epochs: int = 20,
    batch_size: int = 32,
    optimizer: str | Optimizer = "adam",
    random_state: RandomState | None = None,
    backend: str = "auto",
    n_threads: int | None = None,
    verbose: bool | int = False,
) -> Network:
    r"""Pre-train the hidden layers of a network as a stack of denoising autoencoders.

    Each hidden Dense layer in turn, from the input up, learns to restore its own input :math:`x` from a
    corrupted copy :math:`\tilde x`, in which each element is set to 0 with probability :math:`\nu`
    (masking noise). A linear decoder is trained with it, and then thrown away:

    .. math:: h = f(\tilde x W + b), \quad z = h V + c, \quad
              \min_{W, b, V, c} \sum_{x} E_{\tilde x}\, l(z, x)

    with either the squared error or, for :math:`x` in [0, 1], the cross-entropy of a sigmoid
    :math:`\sigma(z)`,

    .. math:: l = \tfrac12 \sum_j (z_j - x_j)^2 \quad \text{or} \quad
              l = -\sum_j \left( x_j \log \sigma(z_j) + (1 - x_j) \log (1 - \sigma(z_j)) \right) .

    The next layer learns from the outputs :math:`f(x W + b)` for the inputs as they are: noise is only
    there while a layer is trained. The output layer, the last Dense of the network, is left as it is;
    training with targets (fine-tuning) follows, with a :class:`Trainer` or an estimator.

    Parameters
    ----------
    network : Network
        Initialized; its hidden layers change in place, starting from the values that they have.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        No targets are needed, so rows without a label serve as well. A sparse X is made dense, as the
        reconstructions are.
    corruption : float, default=0.25
        :math:`\nu`, at least 0 (a plain autoencoder) and below 1.
    loss : {"auto", "squared_error", "cross_entropy"}, default="auto"
        "auto" is the cross-entropy for outputs of sigmoid units, and for ``X`` if it lies in [0, 1]; the
        squared error otherwise.
    n_epochs : int, default=20
        Epochs for each layer.
    batch_size : int, default=32
        Rows in a step.
    optimizer : str or Optimizer, default="adam"
        Each layer starts with a fresh copy.
    random_state : int, RandomState or None, default=None
        Decides masks, the order of the rows and the start of the decoders. None takes them from the
        network's own key: the same network gives the same result.
    backend : str, default="auto"
        What runs the training; "auto" takes the first that is installed.
    n_threads : int or None, default=None
        Threads; None leaves the libraries' settings alone.
    verbose : bool, default=False
        Print a line a layer.

    Returns
    -------
    network : Network
        The same, with an attribute ``reconstruction_losses``: a dict from the index of each layer that
        was pre-trained to the list of its mean losses, one an epoch.

    Raises
    ------
    ValueError, TypeError
        If arguments or data do not fit, or if training diverges. The network is then as it was.

    Notes
    -----
    A Dense is trained together with what follows up to the next Dense, such as a BatchNorm: its scale,
    shift and running averages are learned too, and layers above see what it gives in prediction. Dropout
    layers are left out. A frozen Dense is passed over; it still transforms the data for those above. So
    does a layer below the first Dense. L2 (``alpha``) is not applied.

    Where this differs from the papers: each element is masked by itself, while they mask a fixed share
    of each sample; what is left is divided by :math:`1 - \nu`, as dropout does, so that a corrupted input
    has the mean of the clean one; and the decoder is free, starting from the normalized initialization,
    where they may tie it to the encoder (:math:`V = W^\top`).

    With an estimator, give weights and biases to its ``init`` and ``bias_init``, with "auto" for the
    output layer (second example).

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, "Extracting and composing robust
       features with denoising autoencoders", ICML 2008.
    .. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising
       autoencoders", Journal of Machine Learning Research 11, 3371-3408, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import Dense, MinNetClassifier, Network, pretrain
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> hidden = [Dense(50, "sigmoid"), Dense(30, "sigmoid")]
    >>> net = Network([*hidden, Dense(10)]).initialize(n_features=64, random_state=0)
    >>> net = pretrain(net, X, n_epochs=5)
    >>> [losses[-1] < losses[0] for losses in net.reconstruction_losses.values()]
    [True, True]

    An estimator that starts from there:

    >>> below = net.layers[:-1]
    >>> clf = MinNetClassifier(
    ...     (50, 30),
    ...     "sigmoid",
    ...     init=[*(layer.W for layer in below), "auto"],
    ...     bias_init=[*(layer.b for layer in below), "auto"],
    ...     random_state=0,
    ... )
    >>> clf.fit(X, y).score(X, y) > 0.9
    True
    """
    refuse_together("pretrain")
    _check_arguments(network, corruption, loss, n_epochs, verbose)
    H = _check_data(network, X)
    get_optimizer(optimizer)
    key = network.key if random_state is None else draw_key(random_state)
    options = {"batch_size": batch_size, "backend": backend, "n_threads": n_threads}

    # All work is done on a copy, so that a failure leaves the network as it was.
    trained = copy.deepcopy(network)
    curves, below = {}, None
    for i, layers in _blocks(trained):
        where = f"layers[{i}]"
        if i is not None and layers[0].trainable:
            autoencoder = Network(
                [Dropout(corruption), *map(_unset, layers), Dense(H.shape[1], init="glorot")],
                loss=_LOSSES[_choose_loss(loss, H, below, where)],
            )
            seed = int(Stream(key, "pretraining", i).words(1)[0])
            autoencoder.initialize(H.shape[1], random_state=seed, dtype=network.dtype)
            encoder = autoencoder.layers[1:-1]
            _copy_arrays(layers, encoder)
            curves[i] = _train(autoencoder, H, n_epochs, optimizer, options, where)
            _copy_arrays(encoder, layers)
            if verbose:
                first, last = curves[i][0], curves[i][-1]
                print(f"Layer {i}: reconstruction loss {first:.6f} to {last:.6f}")
        for layer in layers:
            H = layer.forward(H, Context())
        below = layers
    network.params[...], network.state[...] = trained.params, trained.state
    network.reconstruction_losses = curves
    return network


def _check_arguments(
    network: Any, corruption: float, loss: Any, n_epochs: int, verbose: Any
) -> None:
    check_is_network("network", network)
    if sum(layer.fully_connected for layer in network.layers) < 2:
        kinds = ", ".join(type(layer).__name__ for layer in network.layers)
        raise ValueError(
            f"network must have a hidden Dense layer besides that of the output, got {kinds:.200}"
        )
    if any(layer.opens_skip for layer in network.layers):
        raise ValueError(
            "network must have no residual block: its layers are pre-trained one by one"
        )
    if not is_real(corruption) or not 0 <= corruption < 1:
        raise ValueError(f"corruption must be at least 0 and below 1, got {corruption!r}")
    check_name("loss", loss, ("auto", *_LOSSES))
    check_whole("n_epochs", n_epochs, 1, 10**6)
    check_verbose("verbose", verbose)


def _check_data(network: Network, X: Matrix) -> Array:
    """Return X as a dense array of the network's dtype."""
    X = network.check_X(X)
    if sparse.issparse(X):
        X = X.toarray()
    if not len(X):
        raise ValueError("X must have at least one row, got none")
    if not all_finite(X):
        raise ValueError("X must be finite, got NaN or infinity")
    return X


def _blocks(network: Network) -> list[tuple[int | None, list[Layer]]]:
    """Return what is pre-trained together: index and layers of each block, from the input up.

    A block is a Dense and what follows it up to the next, without Dropout. The index is None for what lies
    below the first Dense. The last Dense and what follows it belong to the output.
    """
    blocks: list[tuple[int | None, list[Layer]]] = [(None, [])]
    for i, layer in enumerate(network.layers):
        if layer.fully_connected:
            blocks.append((i, [layer]))
        elif not layer.only_in_training:
            blocks[-1][1].append(layer)
    return [(i, layers) for i, layers in blocks[:-1] if layers]


def _unset(layer: Any) -> Layer:
    """Return a copy of a layer whose values cost nothing to make: they are replaced."""
    layer = layer.copy()
    if layer.fully_connected:
        layer.init = layer.bias_init = "zeros"
    return layer


def _copy_arrays(sources: Sequence[Layer], targets: Sequence[Layer]) -> None:
    """Copy parameters and state from layers to layers of the same kinds and sizes."""
    for source, target in zip(sources, targets, strict=True):
        for name in vars(source)["_arrays"]:
            setattr(target, name, getattr(source, name))


def _choose_loss(loss: str, H: Array, below: Sequence[Layer] | None, where: str) -> str:
    """Return the name of the loss for restoring ``H``, which the layers ``below`` made (None: X)."""
    if loss == "auto":
        if below is None:
            within = H.min() >= 0 and H.max() <= 1
        else:
            within = isinstance(below[-1].activation, Sigmoid)
        return "cross_entropy" if within else "squared_error"
    if loss == "cross_entropy" and not (H.min() >= 0 and H.max() <= 1):
        raise ValueError(
            f"loss must be 'squared_error' or 'auto' where the inputs of {where} do not lie in [0, 1], "
            f"got 'cross_entropy' for values from {H.min():g} to {H.max():g}"
        )
    return loss


def _train(
    autoencoder: Network,
    H: Array,
    n_epochs: int,
    optimizer: str | Optimizer,
    options: dict[str, Any],
    where: str,
) -> list[float]:
    """Train an autoencoder to restore ``H``; return its mean loss in each epoch."""
    trainer = Trainer(autoencoder, optimizer, **options)
    data = autoencoder.check_batch(H, H)
    try:
        for _ in range(n_epochs):
            trainer.run_epoch(*data)
            trainer.raise_if_diverged(data[0])
    except ValueError as error:
        raise ValueError(f"{error} It was the autoencoder that pre-trains {where}.") from error
    return trainer.loss_curve
