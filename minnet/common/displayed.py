"""How a network shows itself: the views stand beside the core and are opened when first asked for."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from minnet.common.configurable import shown
from minnet.common.shown import InNotebooks, in_lines

__all__ = ["Displayed", "views"]

_MOST_LAYERS, _AT_ENDS = 24, 8  # printed; of more layers the first and the last ones


def views() -> ModuleType:
    """Return :mod:`minnet.views`; named in a string, since the core does not depend on it."""
    return importlib.import_module("minnet.views")


class Displayed(InNotebooks):
    """Mixin of a network: its printed form, its table, its trace, and its drawing in notebooks."""

    layers: list[Any]

    def __repr__(self) -> str:
        shown_layers = [repr(layer) for layer in self.layers]
        if len(shown_layers) > _MOST_LAYERS:
            left_out = f"<{len(shown_layers) - 2 * _AT_ENDS} more>"
            shown_layers = [*shown_layers[:_AT_ENDS], left_out, *shown_layers[-_AT_ENDS:]]
        defaults: dict[str, Any] = {
            "loss": "log_loss", "init": "auto", "bias_init": "auto", "alpha": 0.0, "precision": None,
        }  # fmt: skip
        options = [
            f"{name}={shown(getattr(self, name))}"
            for name, default in defaults.items()
            if not (
                isinstance(getattr(self, name), type(default)) and getattr(self, name) == default
            )
        ]
        first, last = shown_layers[:-1], shown_layers[-1:] or [""]
        start = "Network(["
        return f"{start}{in_lines([*first, f'{last[0]}]', *options], len(start))})"

    def summary(self) -> str:
        """Return a table of the layers as text: units, activation, initializers, parameters.

        Examples
        --------
        >>> from minnet import Dense, Dropout, Network
        >>> print(Network([Dense(50, "tanh"), Dropout(0.2), Dense(3)]).initialize(4, 0).summary())
        Network: 4 inputs, 3 outputs
        --------------------------------------------------------------------------
        layer                units  activation  array  initializer      parameters
        --------------------------------------------------------------------------
        0 Dense                 50  tanh        W      GlorotUniform()         200
                                                b      GlorotUniform()          50
        1 Dropout(rate=0.2)     50                                               0
        2 Dense                  3  identity    W      GlorotUniform()         150
                                                b      Zeros()                   3
        --------------------------------------------------------------------------
        403 parameters: 403 trained, 0 frozen; float64 (3.22 kB)
        loss SoftmaxCrossEntropy(), output softmax
        """
        return views().summarize(self)

    def trace(self, X: Any, T: Any, sample_weight: Any = None) -> Any:
        """Return the whole of one batch, forward and backward, as a table for teaching.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like
            Targets of the loss, as :meth:`minnet.Network.loss_and_grad` takes them.
        sample_weight : array-like of shape (n_samples,) or None
            What each sample counts; None means all alike.

        Returns
        -------
        minnet.views.Trace

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import Dense, Network
        >>> net = Network([Dense(2, "tanh"), Dense(2)]).initialize(n_features=3, random_state=0)
        >>> trace = net.trace(np.eye(3), [0, 1, 1])
        >>> trace.layers[0]["dW"].shape
        (3, 2)
        """
        return views().Trace.of_batch(self, X, T, sample_weight)

    def _html(self) -> str | None:
        try:
            return views().draw(self, type(self).__name__)
        except (TypeError, ValueError):  # of an argument that initialize refuses
            return None
