"""How a trainer shows itself: how far it is, and its losses as a curve."""

from __future__ import annotations

import math
from typing import Any

from minnet.common import html
from minnet.common.shown import Shown, wrapped

__all__ = ["ShownTrainer"]


class ShownTrainer(Shown):
    """Mixin of a trainer, which has what is read here."""

    network: Any
    optimizer: Any
    batch_size: int
    n_epochs: int
    n_steps: Any  # an int; of an ensemble it is counted when it is read
    loss_curve: list[float]
    validation_loss_curve: list[float]
    validation_scores: list[float]

    def _curves(self) -> dict[str, list[float]]:
        curves = {
            "loss": self.loss_curve,
            "validation loss": self.validation_loss_curve,
            "validation score": self.validation_scores,
        }
        return {name: values for name, values in curves.items() if len(values)}

    def _size(self) -> str:
        n = len(self.network.layers)
        n_parameters = sum(math.prod(row.shape) for row in self.network.parameter_table)
        return f"{n} layer{'s' * (n != 1)}, {n_parameters:,} parameters"

    def _title(self) -> str:
        size = self._size()
        epochs = f"{self.n_epochs:,} epoch{'s' * (self.n_epochs != 1)}"
        last = [f"{name} {values[-1]:.4g}" for name, values in self._curves().items()]
        title = f"{type(self).__name__} of {size}; after {epochs} and {self.n_steps:,} steps"
        return ", ".join([title, *last])

    def _with(self) -> str:
        return f"optimizer {self.optimizer!r:.200}, batch_size {self.batch_size}"

    def _text(self) -> str:
        return f"{wrapped(self._title())}\n{wrapped(self._with())}"

    def _html(self) -> str:
        drawn = [
            html.figure(
                name, f"{values[0]:.4g} to {values[-1]:.4g}", html.curve(values, name, 200, 60)
            )
            for name, values in self._curves().items()
        ]
        return html.page(self._title(), html.row("", *drawn), html.paragraph(self._with()))
