"""Comparison of backpropagation with central differences, and what is likely wrong where they differ."""

from minnet.gradcheck.check import GradientCheck, check_gradients

__all__ = ["GradientCheck", "check_gradients"]


def __dir__() -> list[str]:
    return __all__
