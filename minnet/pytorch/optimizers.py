"""The optimizers of PyTorch as minnet's, with their state."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.types import Array
from minnet.network import Network
from minnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp
from minnet.pytorch.recognition import as_array

__all__ = ["TorchOptimizer"]

#: The state of each kind, in the order of minnet's.
_STATES = {
    "SGD": ["momentum_buffer"],
    "Adam": ["exp_avg", "exp_avg_sq"],
    "AdamW": ["exp_avg", "exp_avg_sq"],
    "RMSprop": ["square_avg", "momentum_buffer"],
}


class TorchOptimizer:
    """What is read of an optimizer of PyTorch.

    Parameters
    ----------
    optimizer : torch.optim.SGD, Adam, AdamW or RMSprop
        Parameters of one group have one rate; all else is taken from the group of the first weights.
    model : torch.nn.Module
        Whose parameters it trains.
    """

    def __init__(self, optimizer: Any, model: Any) -> None:
        self.optimizer = optimizer
        self.kind = type(optimizer).__name__
        if self.kind not in _STATES:
            raise TypeError(
                f"optimizer must be a name, an Optimizer or one of {', '.join(_STATES)} of torch.optim, "
                f"got {self.kind}"
            )
        self.groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        known = [p for p in model.parameters() if id(p) in self.groups]
        if not known:
            raise ValueError(
                "optimizer must train parameters of the model, got one that has none of them: its "
                "steps do not change this model"
            )
        self.group = self.groups[id(max(known, key=lambda p: p.ndim))]
        for option in ("maximize", "dampening", "centered"):
            if self.group.get(option):
                raise ValueError(
                    f"optimizer must have {option}={type(self.group[option])(0)}, got {self.group[option]}"
                )
        self.decoupled = self.kind == "AdamW" or bool(self.group.get("decoupled_weight_decay"))
        self.rate = float(self.group["lr"])

    def factor(self, parameter: Any) -> float:
        """Return what the learning rate is multiplied with for a parameter; 0 where it is not trained."""
        if parameter is None or not parameter.requires_grad:
            return 0.0
        if not parameter.is_leaf:  # computed of others, as what torch.nn.utils.prune leaves
            return 1.0
        if id(parameter) not in self.groups:
            return 0.0
        return float(self.groups[id(parameter)]["lr"]) / self.rate if self.rate else 1.0

    def alpha(self, weight_sum: float) -> float:
        """Return the strength of the network's L2 term."""
        return 0.0 if self.decoupled else float(self.group["weight_decay"]) * weight_sum

    def converted(self) -> Optimizer:
        """Return minnet's optimizer that takes the same steps."""
        group, rate = self.group, self.rate
        if self.kind == "SGD":
            return SGD(rate, float(group["momentum"]), bool(group["nesterov"]))
        epsilon = float(group["eps"])
        if self.kind == "RMSprop":
            return RMSProp(rate, float(group["alpha"]), float(group["momentum"]), epsilon)
        first, second = (float(beta) for beta in group["betas"])
        if self.decoupled:
            return AdamW(rate, first, second, epsilon, float(group["weight_decay"]))
        return Adam(rate, first, second, epsilon)

    def put_state(
        self,
        optimizer: Optimizer,
        network: Network,
        parameters: list[dict[str, Any]],
    ) -> None:
        """Give minnet's optimizer the state, if the optimizer has made steps."""
        states = {
            (i, name): self.optimizer.state.get(parameter)
            for i, named in enumerate(parameters)
            for name, parameter in named.items()
        }
        made = [state for state in states.values() if state]
        if not made:
            return
        optimizer.prepare(network.params)
        steps = (int(state["step"]) for state in made if "step" in state)
        optimizer.step = max(steps, default=1)
        for row, key in zip(_rows(optimizer), _STATES[self.kind], strict=False):
            views = network.views(row)
            for (i, name), state in states.items():
                if state and state.get(key) is not None:
                    views[i][name][...] = np.asarray(as_array(state[key])).T


def _rows(optimizer: Optimizer) -> list[Array]:
    return [] if optimizer.state is None else list(optimizer.state)
