"""Losses for the numba backend: NumPy's own text, compiled for rows."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from typing import Any

import numba
import numpy as np
from numba import carray, types

from minnet.backends._numba_kernels import cached
from minnet.common.formula_text import FormulaText
from minnet.losses import Loss

__all__ = ["loss_loop"]

_njit: Any = numba.jit(nopython=True, no_cpython_wrapper=True)


@_njit
def expit(Z: Any) -> Any:
    return 1 / (1 + np.exp(-Z))


@_njit
def softmax(Z: Any) -> Any:
    E = np.exp(Z - Z.max())
    return E / E.sum()


_LINKS = {"identity": np.asarray, "softmax": softmax, "logistic": expit, "exp": np.exp}

_ROWS = """
def rows(z, t, d, values, n, width):
    Z, D, V = carray(z, (n, width)), carray(d, (n, width)), carray(values, n)
    T = carray(t, (n, COLUMNS))
    for m in range(n):
        V[m], D[m] = value(Z[m], T[m]), gradient(Z[m], T[m])
"""


@functools.cache
def loss_loop(loss: Loss, dtype: np.dtype[Any]) -> Any:
    """Return a compiled function of the addresses of logits, targets, gradients and values, and two sizes.

    Targets are class indices for a softmax, otherwise numbers of ``dtype``; values are float64.
    """
    rows = FormulaText(loss, form="rows")
    texts = rows.with_called("value", ["predict"]) | rows.with_called("gradient", ["predict"])
    classes = loss.output == "softmax"
    text = "".join(f"@njit\n{text}\n" for text in texts.values())
    text += _ROWS.replace("COLUMNS", "1" if classes else "width")
    # Numba's cache goes by names, so the name has a digest of all that it is made of.
    made_of = dtype.name + text + inspect.getsource(sys.modules[__name__])
    name = f"rows_{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    text = text.replace("def rows(", f"def {name}(")
    names = {"np": np, "expit": expit, "softmax": softmax, "njit": _njit}
    names |= {"carray": carray, "predict": _LINKS[loss.output], "__name__": __name__}
    exec(compile(text, __file__, "exec"), names)
    real, of_values = types.CPointer(numba.from_dtype(dtype)), types.CPointer(types.float64)
    targets = types.CPointer(types.int64) if classes else real
    signature = types.void(real, targets, real, of_values, types.intp, types.intp)
    return cached(numba.cfunc, signature)(names[name])
