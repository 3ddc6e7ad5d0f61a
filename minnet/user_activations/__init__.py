"""Activations made of a user's own functions, which compiled training can call.

``activation`` makes them, ``loops`` compiles loops over them with Numba, ``vector_math`` has the
exponential and its kin for these loops.
"""

from minnet.user_activations.activation import CannotCompileError, UserActivation, activation

__all__ = ["CannotCompileError", "UserActivation", "activation"]


def __dir__() -> list[str]:
    return __all__
