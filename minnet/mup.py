r"""Width scaling: networks that train alike at any width (maximal update parametrization, muP).

In the standard parametrization the best learning rate falls with the width: one step of Adam moves
all weights alike, and a unit with ten times as many inputs moves ten times as far. muP scales initial
variances and learning rates layer by layer, so that activations and their change in a step have the same
size at every width. Then the rate found on a narrow network is right for a wide one.

Yang, Hu, Babuschkin, Sidor, Liu, Farhi, Ryder, Pachocki, Chen & Gao 2022, "Tensor Programs V",
arXiv:2203.03466, table 3:

==================== ========================= ====================== ===============
..                   first weights, all biases output weights         hidden weights
==================== ========================= ====================== ===============
variance             1 / fan_in                1 / fan_in²            1 / fan_in
rate of SGD          fan_out                   1 / fan_in             1
rate of Adam         1                         1 / fan_in             1 / fan_in
==================== ========================= ====================== ===============
"""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from minnet.common.checks import as_numbers, check_flag, check_whole, is_whole, n_axes
from minnet.common.communicator import apart
from minnet.common.entry import entry
from minnet.common.names import check_name
from minnet.common.types import Array, ArrayLike, Matrix, RandomState
from minnet.layers import Layer
from minnet.losses import Loss
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.residual import check_layers
from minnet.training import Trainer

__all__ = ["Coordinates", "coordinate_check", "mup"]


def __dir__() -> list[str]:
    return __all__


def mup(
    layers: Sequence[Layer],
    base_width: int | Sequence[int],
    optimizer: str = "adam",
    *,
    output: bool = True,
    zero_output: bool = True,
) -> list[Layer]:
    r"""Return the layers with the initial variances and learning rates of muP.

    With :math:`m` the width of a hidden layer divided by its base width, :math:`m_{in}` that of the layer
    below a weight matrix (1 for the data) and :math:`m_{out}` its own (1 for the output), the rate is
    multiplied for Adam by :math:`1 / m_{in}` for weights and 1 for biases; for SGD, with or without
    momentum, by :math:`m_{out} / m_{in}` for weights and :math:`m_{out}` for biases. So a network
    of the base width is trained as it would be without muP.

    Parameters
    ----------
    layers : list of Layer
        Those of a network, the output layer last. They are copied. Only Dense layers have widths; a
        BatchNorm or LayerNorm is trained as the biases below it are, and the scale of a residual block at
        the full rate. How many blocks there are is not looked at: muP is about width.
    base_width : int or sequence of int
        Width of the hidden layers at which the learning rate is right; one number, or one for each hidden
        Dense.
    optimizer : {"adam", "sgd"}, default="adam"
        What will train it.
    output : bool, default=True
        Whether the last layer is the output. False is for ``layers=`` of an estimator, which adds the
        output layer by itself, at the full rate. All factors are then multiplied by m of the last hidden
        layer, and the estimator's ``learning_rate_init`` is to be divided by it; the output's bias,
        which learns m times as slowly, should start where it belongs: see the example.
    zero_output : bool, default=True
        Start from output weights of 0, as the authors advise: otherwise the output's variance at the
        start falls as 1 / m. With False the variance is ``1 / (m fan_in)``.

    Returns
    -------
    layers : list of Layer
        With the parts of a :class:`minnet.Residual` block in its place. Dense layers that named no
        ``init`` have ``lecun_normal`` with ``gain="auto"``, and the output zeros (or a normal law). One
        that names its own keeps it, and its variance must be proportional to 1 / fan_in: so Glorot's is
        not right for the first layer. Factors already there are multiplied.

    Notes
    -----
    Widths should be large, and Adam's ``epsilon`` small against the gradients, which fall as 1 / m.
    ``weight_decay`` is multiplied by the learning rate of its layer, as in AdamW, so that under Adam it
    falls as 1 / m_in. The authors' code multiplies it by m_in, which keeps the product: do so yourself if
    it matters. It is one number for all layers, though; for the first, whose rate does not fall, it is
    then m times too large.

    Examples
    --------
    The hidden layers of a network of width 512 whose rate was found at width 64:

    >>> from minnet.mup import mup
    >>> from minnet import Dense, MinNetClassifier, Network
    >>> layers = mup([Dense(512, "relu"), Dense(512, "relu"), Dense(10)], base_width=64)
    >>> [layer.lr_factor for layer in layers], [layer.bias_lr_factor for layer in layers]
    ([1.0, 0.125, 0.125], [1.0, 1.0, 1.0])
    >>> net = Network(layers).initialize(n_features=20, random_state=0)

    And for an estimator whose best rate at width 64 is 0.01:

    >>> hidden = mup([Dense(512, "relu"), Dense(512, "relu")], base_width=64, output=False)
    >>> clf = MinNetClassifier(layers=hidden, learning_rate_init=0.01 / 8,
    ...                        init=[None, None, "zeros"], bias_init="output_prior")
    """
    layers = check_layers(layers)
    check_flag("output", output)
    check_flag("zero_output", zero_output)
    check_name("optimizer", optimizer, ("adam", "sgd"))
    dense = [i for i, layer in enumerate(layers) if layer.fully_connected]
    hidden = dense[:-1] if output else dense
    if not hidden:
        raise ValueError(f"layers must have a hidden Dense layer, got {layers!r}")
    bases = dict(zip(hidden, _check_widths(base_width, len(hidden)), strict=True))

    ratio = 1.0  # of the width of the layer below to its base
    whole = 1.0 if output else layers[hidden[-1]].units / bases[hidden[-1]]
    scaled = []
    for i, layer in enumerate(layers):
        below = ratio
        if i in bases:
            ratio = layer.units / bases[i]
        if layer.fully_connected:
            ours = 1.0 if i not in bases else ratio
            init = _init(below, zero_output) if i not in bases else _HIDDEN
            scaled.append(_scaled_dense(layer, optimizer, below, ours, whole, init))
        elif layer.normalizes:
            factor = whole * (ratio if optimizer == "sgd" else 1.0)
            scaled.append(_changed(layer, lr_factor=layer.lr_factor * factor))
        elif layer.closes_skip:  # one number, which sees the whole width
            scaled.append(_changed(layer, lr_factor=layer.lr_factor * whole))
        else:
            scaled.append(layer.copy())
    return scaled


_HIDDEN = {"name": "lecun_normal", "gain": "auto"}


def _init(ratio: float, zero_output: bool) -> Any:
    return "zeros" if zero_output else {"name": "variance_scaling", "scale": 1 / ratio}


def _scaled_dense(
    layer: Any, optimizer: str, below: float, ours: float, whole: float, init: Any
) -> Layer:
    of_weights = whole * (1 if optimizer == "adam" else ours) / below
    of_biases = whole * (1 if optimizer == "adam" else ours)
    given = layer.lr_factor if layer.bias_lr_factor is None else layer.bias_lr_factor
    return _changed(
        layer,
        init=init if layer.init is None else layer.init,
        lr_factor=layer.lr_factor * of_weights,
        bias_lr_factor=given * of_biases,
    )


def _changed(layer: Any, **changes: Any) -> Layer:
    return type(layer)(**{**layer.copy().get_config(), **changes})


def _check_widths(base_width: Any, n_hidden: int) -> list[int]:
    widths = [base_width] * n_hidden if isinstance(base_width, Real) else base_width
    several = isinstance(widths, list | tuple | np.ndarray) and all(map(is_whole, widths))
    if not several or len(widths) != n_hidden:
        raise ValueError(
            f"base_width must be a whole number of at least 1, or {n_hidden} of them, one for each "
            f"hidden Dense layer, got {base_width!r}"
        )
    return list(widths)


class Coordinates(NamedTuple):
    r"""What :func:`coordinate_check` measures, by width, step and Dense layer.

    Parameters
    ----------
    sizes : ndarray of shape (n_widths, n_steps + 1, n_dense)
        Mean of \|Z_t\|, the pre-activations of each Dense layer after t steps, the output's last.
    changes : ndarray of shape (n_widths, n_steps + 1, n_dense)
        Mean of \|Z_t - Z_0\|, by how far training has moved them; 0 before the first step.
    """

    sizes: Array
    changes: Array


@entry
@apart()
def coordinate_check(
    make_layers: Callable[[int], list[Layer]],
    widths: Sequence[int],
    X: Matrix,
    T: ArrayLike,
    *,
    loss: str | Loss = "log_loss",
    optimizer: str | Optimizer = "adam",
    n_steps: int = 4,
    random_state: RandomState = 0,
) -> Coordinates:
    r"""Return how large activations are at each width, and how far the first steps of training move them.

    The parametrization is right if both are the same at every width. In the standard one the sizes grow
    with the width after the first step; at a rate that falls with the width they stay, but then layers
    below the output move less and less, which only the changes tell.

    Parameters
    ----------
    make_layers : callable
        ``make_layers(width)`` returns the layers of a network, the output included.
    widths : sequence of int
        Units of the hidden layers that are tried.
    X : array of shape (n_samples, n_features)
        Inputs, a row for each sample.
    T : array-like
        Targets, as :meth:`minnet.Network.loss_and_grad` takes them.
    loss : str or Loss, default="log_loss"
        Of the networks that are made.
    optimizer : str or Optimizer, default="adam"
        With the learning rate to try; ``minnet.Adam(0.01)``, for example.
    n_steps : int, default=4
        Each on all of ``X``.
    random_state : int, RandomState or None, default=0
        Decides the initial weights.

    Returns
    -------
    coordinates : Coordinates
        A pair ``(sizes, changes)`` of arrays of shape (n_widths, n_steps + 1, n_dense): the means of
        \|Z_t\| and \|Z_t - Z_0\|, the pre-activations of each Dense layer, the output's last.

    Notes
    -----
    An output that starts from zeros gives no gradient to the layers below in the first step: with
    :func:`mup`'s ``zero_output`` their changes begin with the second. Above a Dropout its noise is a
    part of the change.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.mup import coordinate_check, mup
    >>> from minnet import Adam, Dense
    >>> rng = np.random.default_rng(0)
    >>> X, T = rng.normal(size=(64, 10)), rng.integers(3, size=64)
    >>> def standard(width):
    ...     return [Dense(width, "relu", init="lecun_normal"), Dense(width, "relu"), Dense(3)]

    >>> def scaled(width):
    ...     return mup([Dense(width, "relu"), Dense(width, "relu"), Dense(3)], base_width=64)

    >>> for make_layers in (standard, scaled):
    ...     found = coordinate_check(make_layers, [64, 1024], X, T, optimizer=Adam(0.01))
    ...     outputs = found.sizes[:, -1, -1]
    ...     print(f"{make_layers.__name__:8} times {outputs[1] / outputs[0]:.1f} at 16 times the width")
    standard times 12.5 at 16 times the width
    scaled   times 0.9 at 16 times the width

    A sixteenth of the rate would keep the standard outputs where they are. But then the first layer,
    whose inputs are no more than before, hardly moves:

    >>> def slower(width):
    ...     factor = 64 / width
    ...     return [Dense(width, "relu", init="lecun_normal", lr_factor=factor),
    ...             Dense(width, "relu", lr_factor=factor), Dense(3, lr_factor=factor)]

    >>> for make_layers in (slower, scaled):
    ...     found = coordinate_check(make_layers, [64, 1024], X, T, optimizer=Adam(0.01))
    ...     sizes, changes = (values[1, -1, 0] / values[0, -1, 0] for values in found)
    ...     print(f"{make_layers.__name__:8} first layer: size times {sizes:.2f}, change {changes:.2f}")
    slower   first layer: size times 0.99, change 0.06
    scaled   first layer: size times 0.98, change 1.01
    """
    if not callable(make_layers) or isinstance(make_layers, type):
        raise TypeError(f"make_layers must be a function of the width, got {make_layers!r:.200}")
    n_steps = check_whole("n_steps", n_steps, 0, 10**6)
    in_a_row = isinstance(widths, list | tuple | range | np.ndarray) and n_axes(widths) == 1
    if not in_a_row or len(widths) == 0:
        raise ValueError(
            f"widths must be whole numbers in a row, at least one, got {widths!r:.200}"
        )
    sizes: list[list[list[float]]] = []
    changes: list[list[list[float]]] = []
    X = X if issparse(X) else as_numbers("X", X)
    if X.ndim != 2:
        raise ValueError(f"X must have shape (n_samples, n_features), got {X.shape}")
    for width in widths:
        check_whole("widths", width)
        network = Network(make_layers(width), loss)
        network.initialize(X.shape[1], random_state)
        data = network.check_batch(X, T)
        trainer = Trainer(network, optimizer, batch_size=data[0].shape[0], shuffle=False)
        start = _pre_activations(network, data[0])
        if not start or (sizes and len(start) != len(sizes[0][0])):
            raise ValueError(
                "make_layers must return as many Dense layers for each width, at least one, got "
                f"{len(start)} for the width {width}"
            )
        sizes.append([_means(start)])
        changes.append([[0.0] * len(start)])
        for _ in range(n_steps):
            trainer.run_epoch(*data)
            now = _pre_activations(network, data[0])
            sizes[-1].append(_means(now))
            changes[-1].append(_means([Z - Z0 for Z, Z0 in zip(now, start, strict=True)]))
    return Coordinates(np.array(sizes), np.array(changes))


def _pre_activations(network: Network, X: Matrix) -> list[Array]:
    contexts = network.forward_training(X)[1]
    of_dense = zip(network.layers, contexts, strict=True)
    return [np.array(ctx.Z) for layer, ctx in of_dense if layer.fully_connected]


def _means(arrays: list[Array]) -> list[float]:
    return [float(np.abs(Z).mean()) for Z in arrays]
