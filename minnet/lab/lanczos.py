r"""Lanczos' iteration: a few products of a symmetric matrix tell its ends and its density.

From a vector :math:`v` it makes orthonormal vectors in which the matrix is tridiagonal. The eigenvalues
of that small matrix are near those at the ends of the spectrum first; with the squares of the first
entries of its eigenvectors they are the nodes and weights of Gauss's quadrature of the spectrum as ``v``
sees it (Golub and Meurant 2010). Each new vector is made orthogonal to all before, twice: without it,
found eigenvalues come back as ghosts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

from minnet.common.types import Array

__all__ = ["gauss_nodes", "largest_eigenvalue"]

_END = 1e-9  # of the largest entry: the space that v reaches is used up


class _Lanczos:
    """The tridiagonal matrix, made row by row."""

    def __init__(self, product: Callable[[Array], Array], v: Array, n_most: int) -> None:
        self.product = product
        self.basis = np.zeros((min(n_most, v.size), v.size))
        self.alphas: list[float] = []
        self.betas: list[float] = []
        self._next: Array | None = v / np.linalg.norm(v)

    def advance(self) -> bool:
        """Add a row; return whether there can be another."""
        n, q = len(self.alphas), self._next
        if q is None or n == len(self.basis):
            return False
        self.basis[n] = q
        w = self.product(q)
        self.alphas.append(float(q @ w))
        known = self.basis[: n + 1]
        for _ in range(2):
            w = w - known.T @ (known @ w)
        beta = math.sqrt(w @ w)
        self.betas.append(beta)
        scale = max(*map(abs, self.alphas), *self.betas)
        self._next = w / beta if beta > _END * scale else None
        return self._next is not None and n + 1 < len(self.basis)

    def solve(self) -> tuple[Array, Array]:
        """Return eigenvalues, ascending, and eigenvectors of the tridiagonal matrix."""
        return eigh_tridiagonal(np.array(self.alphas), np.array(self.betas[:-1]))


def largest_eigenvalue(
    product: Callable[[Array], Array], v: Array, tol: float = 1e-3, max_iter: int = 100
) -> float:
    """Return the largest eigenvalue of a symmetric matrix, by as few products as it takes.

    Parameters
    ----------
    product : callable
        Of the matrix with a vector.
    v : ndarray of shape (n,)
        Where to start: not orthogonal to the eigenvector.
    tol : float, default=1e-3
        How far the eigenvalue may be from one of the matrix, as a share of the largest magnitude: where
        the residual of the vector is so small, it ends.
    max_iter : int, default=100
        Products, at most.

    Returns
    -------
    float
        NaN if a product is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.lab.lanczos import largest_eigenvalue
    >>> H = np.diag(np.r_[5.0, np.linspace(-1, 1, 50)])
    >>> round(largest_eigenvalue(lambda v: H @ v, np.ones(51)), 3)
    5.0
    """
    made = _Lanczos(product, v, max_iter)
    while True:
        more = made.advance()
        if not math.isfinite(made.alphas[-1]) or not math.isfinite(made.betas[-1]):
            return math.nan
        values, vectors = made.solve()
        residual = made.betas[-1] * abs(vectors[-1, -1])
        if not more or residual <= tol * np.abs(values).max():
            return float(values[-1])


def gauss_nodes(product: Callable[[Array], Array], v: Array, n_iter: int) -> tuple[Array, Array]:
    """Return nodes and weights of the spectrum of a symmetric matrix as a vector sees it.

    Parameters
    ----------
    product : callable
        Of the matrix with a vector.
    v : ndarray of shape (n,)
        A random one sees each eigenvalue alike in the mean.
    n_iter : int
        Nodes, at most; there are fewer where they are all there is.

    Returns
    -------
    nodes : ndarray
        Ascending.
    weights : ndarray
        Their sum is 1.
    """
    made = _Lanczos(product, v, n_iter)
    while made.advance():
        pass
    if not np.isfinite([*made.alphas, *made.betas]).all():
        return np.full(1, np.nan), np.ones(1)
    values, vectors = made.solve()
    return values, vectors[0] ** 2
