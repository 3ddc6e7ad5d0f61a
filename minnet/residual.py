r"""Residual blocks: :math:`Y = X + s\, F(X)`, where F is some layers and s a number.

He, Zhang, Ren and Sun (2016). A network takes a block apart, so that everything that walks its layers sees
a flat row: a :class:`Split` where the skip begins, the layers of F, and an :class:`Add` where it ends.

>>> from minnet import Dense, Network, Residual
>>> Network([Dense(8), Residual([Dense(8, "relu"), Dense(8)]), Dense(3)]).layers[1:5]
[Split(), Dense(8, activation=Relu()), Dense(8, activation=Identity()), Add()]

What a block does to the variance is a product: if F gives :math:`c` times the variance that it gets, and
weights of mean 0, L blocks give :math:`\prod_l (1 + s_l^2 c)` times what comes in: :math:`2^L` for He's
initialization and s = 1, bounded where :math:`\sum s_l^2` is (Hanin & Rolnick 2018). Three ways of
beginning without that growth are :func:`fixup`, ReZero and SkipInit: see :class:`Residual`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from minnet.activations import Activation, Identity, list_activations
from minnet.common.checks import check_flag, is_whole
from minnet.common.fields import checked, finite, flag, real
from minnet.common.names import known_as
from minnet.common.types import Array
from minnet.initializers import HeNormal
from minnet.layers import Layer, Parameter, is_open

__all__ = ["Add", "Residual", "Split", "fixup"]


def __dir__() -> list[str]:
    return __all__


class Split(Layer):
    r"""Where a skip begins: :math:`Y = X`, which goes into the branch and, past it, to the :class:`Add`.

    Backward, the gradients of both ways are added: :math:`dX = dY + dY_{\text{skip}}`.

    Examples
    --------
    >>> from minnet.residual import Add, Split
    >>> from minnet import Dense, Network
    >>> net = Network([Split(), Dense(2, init="zeros", bias_init="zeros"), Add()], "squared_error")
    >>> net.initialize(2).predict([[3.0, 4.0]])
    array([[3., 4.]])
    """

    opens_skip = True

    def forward(self, X: Array, ctx: Any) -> Array:
        ctx.skips.append(X)
        return X

    def backward(self, dY: Array, ctx: Any) -> Any:
        return dY + ctx.skips.pop()


class Add(Layer):
    r"""Where a skip ends: :math:`Y = X_0 + s X`, with :math:`X_0` what the :class:`Split` was given.

    Backward, :math:`dX = s\, dY`, :math:`ds = \sum_{ij} dY_{ij} X_{ij}`, and :math:`dY` itself goes back
    along the skip.

    Parameters
    ----------
    scale : float, default=1.0
        What the parameter ``s``, of shape (1,), starts as.
    trainable : bool, default=False
        Whether s is trained.
    lr_factor : float, default=1.0
        Multiplies the learning rate for s.

    Examples
    --------
    >>> from minnet.residual import Add
    >>> Add(0.5)
    Add(scale=0.5)
    """

    closes_skip = True
    s: Array

    scale: float = finite()
    trainable: bool = flag()
    lr_factor: float = real(0)

    def __init__(
        self, scale: float = 1.0, *, trainable: bool = False, lr_factor: float = 1.0
    ) -> None:
        self.scale = scale
        self.trainable = trainable
        self.lr_factor = lr_factor

    def parameters(self, n_inputs: int) -> dict[str, Parameter]:
        return {"s": Parameter((1,), init={"name": "constant", "value": float(self.scale)})}

    def forward(self, X: Array, ctx: Any) -> Array:
        if not ctx.skips:
            raise ValueError(
                "Add must come after its Split, in contexts that share their list of skips, got none"
            )
        ctx.X = X
        ctx.Z = ctx.Y = ctx.skips.pop() + self.s * X
        return ctx.Y

    def backward(self, dY: Array, ctx: Any) -> Any:
        ctx.dZ, ctx.ds = dY, (dY * ctx.X).sum().reshape(1)
        ctx.skips.append(dY)
        return dY * self.s


class Residual(Layer):
    r"""A residual block :math:`Y = X + s\, F(X)`, for the ``layers`` of a network or an estimator.

    A network holds a :class:`Split`, the layers of F and an :class:`Add` in its place. F must have as many
    outputs as inputs, which is looked at when the network is initialized. Blocks may be nested, some sixty
    deep if the model is to be saved by :func:`minnet.save_model`.

    Parameters
    ----------
    layers : list of Layer
        The branch F. Its last Dense or BatchNorm is linear if it names no activation, in an estimator
        too: what is added to X should have both signs.
    scale : float, default=1.0
        The scalar multiplier s; what it starts as, if it is trained.
    trainable_scale : bool, default=False
        Whether s is trained.
    scale_lr_factor : float, default=1.0
        Multiplies the learning rate for s.

    Notes
    -----
    How blocks begin without normalization:

    - ReZero (Bachlechner et al. 2020): ``scale=0.0, trainable_scale=True``; each block is the identity at
      the start, and s learns to let F in.
    - SkipInit (De & Smith 2020), the same scalar in the place of batch normalization: 0, or
      :math:`1 / \sqrt L` for L blocks.
    - Fixup (Zhang, Dauphin & Ma 2019): :func:`fixup`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import Dense, MinNetClassifier, Residual
    >>> X, y = load_digits(return_X_y=True)
    >>> def block():  # ReZero
    ...     return Residual([Dense(32, "relu"), Dense(32)], scale=0.0, trainable_scale=True)
    ...
    >>> clf = MinNetClassifier(
    ...     layers=[Dense(32), *(block() for _ in range(20))], max_iter=20, tol=0, random_state=0
    ... )
    >>> clf.fit(X / 16, y).score(X / 16, y) > 0.95
    True
    """

    layers: Sequence[Layer] = checked(lambda name, value: _check_branch(value))
    scale: float = finite()
    trainable_scale: bool = flag()
    scale_lr_factor: float = real(0)

    def __init__(
        self,
        layers: Sequence[Layer],
        scale: float = 1.0,
        trainable_scale: bool = False,
        *,
        scale_lr_factor: float = 1.0,
    ) -> None:
        self.layers = layers
        self.scale = scale
        self.trainable_scale = trainable_scale
        self.scale_lr_factor = scale_lr_factor

    def taken_apart(self) -> list[Layer]:
        """Return the flat row that the block stands for."""
        branch = _flat(self.layers)
        for i in reversed(range(len(branch))):
            if branch[i].takes_activation:
                if is_open(branch[i]):
                    branch[i] = branch[i].copy()
                    branch[i].activation = Identity()
                break
        end = Add(self.scale, trainable=self.trainable_scale, lr_factor=self.scale_lr_factor)
        return [Split(), *branch, end]


def _check_branch(layers: Any) -> list[Layer]:
    if isinstance(layers, Iterator):  # which can be read once only
        layers = list(layers)
    _flat(layers)
    return list(layers)


def _flat(layers: Any) -> list[Layer]:
    """Return a branch as a flat row, after a look at it: its list may have been changed since."""
    try:
        flat = check_layers(layers)
    except RecursionError:
        raise ValueError(
            "layers of Residual must not contain the block itself, nor hundreds of nested blocks"
        ) from None
    if not flat:
        raise ValueError("layers of Residual must have at least one layer, got an empty list")
    skips(flat)
    return flat


def check_layers(layers: Any) -> list[Layer]:
    """Return layers as a list, with those of blocks in the place of the blocks, or say what is none.

    Examples
    --------
    >>> from minnet import Dense
    >>> check_layers([Dense(64), 32])
    Traceback (most recent call last):
        ...
    TypeError: layers[1] must be a Layer such as Dense(64), got 32: did you mean Dense(32)?
    """
    if isinstance(layers, Layer):
        raise TypeError(
            f"layers must be a list of layers, got {layers!r}: did you mean [{layers!r}]?"
        )
    try:
        layers = list(layers)
    # NotImplementedError is what iter() of SciPy's BSR matrices and of memoryviews raises.
    except (TypeError, NotImplementedError):
        raise TypeError(f"layers must be a list of layers, got {layers!r:.200}") from None
    for i, layer in enumerate(layers):
        if isinstance(layer, Layer):
            if isinstance(layer.activation, str):
                raise TypeError(
                    f"layers[{i}].activation must be an Activation object, got {layer.activation!r:.200}: "
                    f"{type(layer).__name__}.__init__ is to keep get_activation(activation) of "
                    "minnet.activations"
                )
            continue
        hint = ""
        if is_whole(layer):
            hint = f": did you mean Dense({layer})?"
        elif isinstance(layer, type) and issubclass(layer, Layer):
            hint = f": it is the class, {layer.__name__}(...) makes a layer"
        elif isinstance(layer, Activation) or known_as(layer, list_activations()):
            hint = ": an activation is an argument of its layer, as in Dense(64, 'relu')"
        raise TypeError(f"layers[{i}] must be a Layer such as Dense(64), got {layer!r:.200}{hint}")
    return [part for layer in layers for part in layer.taken_apart()]


def skips(layers: Sequence[Layer], complete: bool = True) -> dict[int, int]:
    """Return for each Split the place of its Add, both in a flat row of layers.

    Parameters
    ----------
    layers : list of Layer
    complete : bool, default=True
        Whether each Split must have an Add; among the first layers of a network some have none.

    Raises
    ------
    ValueError
        If one of them has no other.

    Examples
    --------
    >>> from minnet import Dense
    >>> skips([Split(), Dense(4), Split(), Dense(4), Add(), Add()])
    {2: 4, 0: 5}
    """
    found: dict[int, int] = {}
    begun: list[int] = []
    for i, layer in enumerate(layers):
        if layer.opens_skip:
            begun.append(i)
        elif layer.closes_skip:
            if not begun:
                raise ValueError(f"layers[{i}] must have a Split below it, got {layer!r}")
            found[begun.pop()] = i
    if begun and complete:
        raise ValueError(
            f"layers[{begun[-1]}] must have an Add above it, got {layers[begun[-1]]!r}"
        )
    return found


def without_open_skips(layers: Sequence[Layer]) -> list[Layer]:
    """Return the first layers of a network without each Split whose Add is no more among them.

    Examples
    --------
    >>> from minnet import Dense
    >>> without_open_skips([Dense(4), Split(), Dense(4)])
    [Dense(4), Dense(4)]
    """
    kept = list(layers)
    depth = 0
    for i in reversed(range(len(kept))):
        if kept[i].closes_skip:
            depth += 1
        elif kept[i].opens_skip:
            if depth == 0:
                del kept[i]
            depth = max(depth - 1, 0)
    return kept


def check_skips(layers: Sequence[Layer], sizes: Sequence[int]) -> None:
    """Raise ValueError where what is added has another width than what it is added to.

    Parameters
    ----------
    layers : list of Layer
        A flat row.
    sizes : list of int
        Inputs of each layer, then the outputs of the last.
    """
    for begin, end in skips(layers).items():
        if sizes[begin] != sizes[end]:
            raise ValueError(
                f"the branch from layers[{begin + 1}] to layers[{end - 1}] must have as many outputs as "
                f"inputs, since they are added: got {sizes[begin]} inputs and {sizes[end]} outputs"
            )


def fixup(layers: Sequence[Layer], *, output: bool = True) -> list[Layer]:
    r"""Return the layers of a residual network with the initialization of Fixup.

    Of L blocks with m weight matrices each, the branches have He's initialization times
    :math:`L^{-1 / (2m - 2)}` but for their last matrix, which is 0, and scalar multipliers that are
    trained from 1: each block is the identity at the start, and an update of the weights changes the
    network by an amount that does not depend on L. Matrices outside of blocks have He's
    initialization, and the output's is 0. Biases are 0.

    Zhang, Dauphin & Ma 2019, "Fixup initialization: residual learning without normalization", section 3.

    Parameters
    ----------
    layers : list of Layer
        With :class:`Residual` blocks, which are not nested; copied. ``init`` and ``bias_init`` that their
        layers name are replaced.
    output : bool, default=True
        Whether the last layer is the output. False is for ``layers=`` of an estimator, which adds the
        output layer by itself: give it ``init="zeros"``, which is then the output's alone.

    Returns
    -------
    layers : list of Layer

    Raises
    ------
    ValueError
        If there is no block, or one within another.

    Notes
    -----
    The exponent is often printed without its sign, which makes the factor larger than 1; at m = 2 and
    L = 100 it is 0.1. He's variance is that of rectifiers. The paper's scalar biases are here the biases
    of the layers, one for each unit.

    Examples
    --------
    >>> from minnet import Dense, MinNetClassifier, Residual
    >>> from minnet.residual import fixup
    >>> blocks = [Residual([Dense(64, "relu"), Dense(64)]) for _ in range(100)]
    >>> fixup([Dense(64, "relu"), *blocks, Dense(10)])[1].layers[0].init
    HeNormal(gain=0.1)
    >>> hidden = fixup([Dense(64, "relu"), *blocks], output=False)
    >>> clf = MinNetClassifier(layers=hidden, init="zeros")
    """
    check_flag("output", output)
    check_layers(layers)
    copies = [layer.copy() for layer in layers]
    blocks = [layer for layer in copies if isinstance(layer, Residual)]
    if not blocks:
        raise ValueError(f"layers must have a Residual block, got {layers!r:.200}")
    for layer in copies:
        if isinstance(layer, Residual):
            _fix_branch(layer, len(blocks))
        elif layer.fully_connected:
            layer.init, layer.bias_init = HeNormal(), "zeros"
    if output and copies[-1].fully_connected:
        copies[-1].init = "zeros"
    return copies


def _fix_branch(block: Residual, n_blocks: int) -> None:
    """Give the layers of a block their initializers."""
    block.scale, block.trainable_scale = 1.0, True
    dense: list[Any] = [layer for layer in block.layers if layer.fully_connected]
    if not dense or any(layer.opens_skip or isinstance(layer, Residual) for layer in block.layers):
        raise ValueError(
            f"each Residual block must have a Dense layer and no other block within, got {block!r:.200}"
        )
    for layer in dense[:-1]:
        layer.init = HeNormal(gain=n_blocks ** (-1 / (2 * len(dense) - 2)))
    dense[-1].init = "zeros"
    for layer in dense:
        layer.bias_init = "zeros"
