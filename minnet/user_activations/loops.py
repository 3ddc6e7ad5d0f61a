"""From a function of one number to compiled loops over arrays, for C and the numba backend to call.

Imported only when an activation is compiled, since it imports Numba. The loops have C's
signatures: ``value(const T *z, T *y, n)`` and ``slope(const T *z, const T *y, T *slope, n)``. NaN stays
NaN, and a division by 0 gives infinity.
"""

from __future__ import annotations

import ctypes
import functools
import math
import operator
import sys
import types as python_types
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import errors, ir, ir_utils
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.untyped_passes import IRProcessing

from minnet.activations import Activation
from minnet.common.formula_text import FormulaText
from minnet.common.types import Array, DTypeLike
from minnet.user_activations.vector_math import REPLACEMENTS

__all__ = ["Loops", "compile_loops", "loops_of"]

_OPTIONS = {"error_model": "numpy", "nogil": True}


class Loops:
    """The compiled loops of an activation for one dtype; their addresses are good while this lives.

    Parameters
    ----------
    value, slope : numba.core.ccallback.CFunc
    """

    def __init__(self, value: Any, slope: Any):
        self._kept = value, slope
        self.value_address, self.slope_address = value.address, slope.address
        pointer, size = ctypes.c_void_p, ctypes.c_ssize_t
        self._value = ctypes.CFUNCTYPE(None, pointer, pointer, size)(value.address)
        self._slope = ctypes.CFUNCTYPE(None, pointer, pointer, pointer, size)(slope.address)

    def value(self, Z: Array) -> Array:
        """Return ``f(Z)`` for a contiguous array."""
        Y = np.full_like(Z, np.nan)
        self._value(Z.ctypes.data, Y.ctypes.data, Z.size)
        return Y

    def slope(self, Z: Array, Y: Array) -> Array:
        """Return ``f'(Z)`` for contiguous arrays."""
        slope = np.full_like(Y, np.nan)
        self._slope(Z.ctypes.data, Y.ctypes.data, slope.ctypes.data, Y.size)
        return slope


def compile_loops(
    function: Callable[..., Any], slope: Callable[..., Any], reads: Sequence[str], dtype: DTypeLike
) -> Loops:
    """Compile value and derivative of an activation.

    Parameters
    ----------
    function, slope : callable
        Of numbers.
    reads : tuple of str
        The arguments of ``slope``: ("z", "y"), ("y",) or ("z",).
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Loops
    """
    real = {"float32": types.float32, "float64": types.float64}[np.dtype(dtype).name]
    f, g = (
        numba.njit(pipeline_class=_Pipeline, forceinline=True, **_OPTIONS)(each)
        for each in (function, slope)
    )
    pointer = types.CPointer(real)

    @numba.cfunc(types.void(pointer, pointer, types.intp), **_OPTIONS)
    def value_loop(z, y, n):
        Z, Y = numba.carray(z, n), numba.carray(y, n)
        for i in range(n):
            x = Z[i]
            Y[i] = real(f(x)) if x == x else x

    return Loops(value_loop, _slope_loop(g, reads, real, pointer))


@functools.cache
def loops_of(activation: Activation, dtype: np.dtype[Any]) -> Loops:
    """Compile one of minnet's own activations: NumPy's text, rewritten for numbers."""
    text = FormulaText(activation, form="numbers")
    names = {**vars(sys.modules[type(activation).__module__]), "math": math}
    exec(f"{text.of('__call__', 'f')}\n{text.of('derivative', 'g')}", names)
    return compile_loops(names["f"], names["g"], ("z", "y"), dtype)


def _slope_loop(g, reads, real, pointer):
    def of_both(z, y, slope, n):
        Z, Y, S = numba.carray(z, n), numba.carray(y, n), numba.carray(slope, n)
        for i in range(n):
            x = Y[i]
            S[i] = real(g(Z[i], x)) if x == x else x

    def of_output(z, y, slope, n):
        Y, S = numba.carray(y, n), numba.carray(slope, n)
        for i in range(n):
            x = Y[i]
            S[i] = real(g(x)) if x == x else x

    def of_input(z, y, slope, n):
        Z, Y, S = numba.carray(z, n), numba.carray(y, n), numba.carray(slope, n)
        for i in range(n):
            x = Y[i]
            S[i] = real(g(Z[i])) if x == x else x

    loop = {("z", "y"): of_both, ("y",): of_output, ("z",): of_input}[reads]
    return numba.cfunc(types.void(pointer, pointer, pointer, types.intp), **_OPTIONS)(loop)


# ---- how a function of numbers is compiled


class _Pipeline(CompilerBase):
    """Numba's pipeline, with the rewriting below before types are inferred."""

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_Rewriting, IRProcessing)
        passes.finalize()
        return [passes]


# Operators of which an operand may be float32 as well as a whole number.
_ARITHMETIC = {
    *(operator.add, operator.sub, operator.mul, operator.truediv),
    *(operator.iadd, operator.isub, operator.imul, operator.itruediv),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
}


_RAISING = (
    ir.Raise,
    ir.StaticRaise,
    ir.DynamicRaise,
    ir.TryRaise,
    ir.StaticTryRaise,
    ir.DynamicTryRaise,
)


@register_pass(mutates_CFG=False, analysis_only=False)
class _Rewriting(FunctionPass):
    """Puts the functions of _vector_math in place of those that run one number at a time.

    Of a function of float32 it makes the numbers float32 that are written in it: as NumPy takes them, and
    unlike Numba, for which ``0.5 * z`` is float64, at half the speed or less.
    """

    _name = "minnet_rewriting"

    def __init__(self):
        super().__init__()

    def run_pass(self, state):
        blocks = state.func_ir.blocks
        if any(isinstance(inst, _RAISING) for block in blocks.values() for inst in block.body):
            # C could not hear of it.
            raise errors.UnsupportedError("a function that raises is called from Python only")
        narrow = types.float32 in state.args
        weak, strong = _uses(blocks)
        modules: dict[str, Any] = {}
        changed = False
        for block in blocks.values():
            for inst in block.body:
                if not isinstance(inst, ir.Assign):
                    continue
                known, value = _outside(inst.value, modules)
                if not known:
                    continue
                if isinstance(value, python_types.ModuleType):
                    modules[inst.target.name] = value
                    continue
                name = inst.target.name
                own = next((own for other, own in REPLACEMENTS if other is value), None)
                if own is not None:
                    inst.value = ir.Global(own.__name__, own, inst.loc)
                elif narrow and _narrows(value, name in weak and name not in strong):
                    inst.value = ir.Const(np.float32(value), inst.loc)
                else:
                    continue
                changed = True
        if changed:
            state.func_ir._definitions = ir_utils.build_definitions(blocks)
        return changed


def _outside(node, modules):
    """Return whether a node is known before the function runs, and its value."""
    if isinstance(node, ir.Const | ir.Global | ir.FreeVar):
        return True, node.value
    if isinstance(node, ir.Expr) and node.op == "getattr" and node.value.name in modules:
        value = getattr(modules[node.value.name], node.attr, None)
        return value is not None, value
    return False, None


def _narrows(value, only_in_arithmetic):
    """Return whether a number that is written down becomes float32."""
    if type(value) in (float, np.float64):
        return True
    return type(value) is int and only_in_arithmetic and np.float32(value) == value


def _uses(blocks):
    """Return the names of variables used in arithmetic, and of those used in any other way."""
    weak: set[str] = set()
    strong: set[str] = set()
    functions: dict[str, Any] = {}
    for block in blocks.values():
        for inst in block.body:
            value: Any = inst.value if isinstance(inst, ir.Assign) else None
            if isinstance(value, ir.Global | ir.FreeVar):
                functions[inst.target.name] = value.value
            op = getattr(value, "op", None)
            if op in ("binop", "inplace_binop"):
                operands = {value.lhs.name, value.rhs.name}
                if value.fn in _ARITHMETIC:
                    weak |= operands
                elif value.fn in (operator.pow, operator.ipow):
                    weak.add(value.lhs.name)
                    strong.add(value.rhs.name)  # z ** 2 is a product, z ** 2.0 is not
                else:
                    strong |= operands
            elif op == "call" and functions.get(value.func.name) in (max, min):
                weak |= {argument.name for argument in value.args}
            elif isinstance(value, ir.Var):
                strong.add(value.name)
            elif isinstance(value, ir.Inst):
                strong |= {variable.name for variable in value.list_vars()}
            elif not isinstance(inst, ir.Assign):
                strong |= {variable.name for variable in inst.list_vars()}
    return weak, strong
