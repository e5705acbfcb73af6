"""Decompositions of matrices, which NumPy programs call as XLA calls LAPACK."""

from __future__ import annotations

from typing import Any

import numpy as np


def cholesky(x: Any) -> Any:
    """Lower factors from the lower triangles; NaN where a matrix is not positive."""
    from scipy import linalg

    (factor,) = linalg.get_lapack_funcs(("potrf",), (x,))
    found = np.empty_like(x)
    for at in np.ndindex(x.shape[:-2]):
        # to LAPACK, which stores columns, the lower triangle is the upper one
        upper, failed = factor(x[at].T, lower=False, clean=True)
        found[at] = np.nan if failed else upper.T
    return found


def lu(x: Any) -> tuple[Any, Any, Any]:
    """Factors, pivots and the permutation of the rows, of each matrix."""
    from scipy import linalg

    *batch, rows, columns = x.shape
    factor = linalg.get_lapack_funcs("getrf", (x,))
    found = [factor(a) for a in x.reshape(-1, rows, columns)]
    factors = np.reshape([a for a, *_ in found], x.shape)
    pivots = np.array([b for _, b, _ in found], np.int32)
    order = np.tile(np.arange(rows, dtype=np.int32), (len(found), 1))
    each = np.arange(len(found))
    for i, j in enumerate(pivots.T):
        order[each, i], order[each, j] = order[each, j], order[each, i]
    return factors, pivots.reshape(*batch, -1), order.reshape(*batch, rows)


def triangular_solve(
    a: Any, b: Any, left: bool, lower: bool, transposed: bool, unit: bool
) -> Any:
    """``lax.linalg.triangular_solve``: of many matrices unknown by unknown."""
    if not left:  # x a = b
        b = np.swapaxes(b, -1, -2)
        x = triangular_solve(a, b, True, lower, not transposed, unit)
        return np.swapaxes(x, -1, -2)
    if transposed:
        a, lower = np.swapaxes(a, -1, -2), not lower
    if a.ndim == 2:
        from scipy import linalg

        (solve,) = linalg.get_blas_funcs(("trsm",), (a, b))
        # to BLAS, which stores columns, it is the transpose
        return solve(1.0, a.T, b, lower=not lower, trans_a=True, diag=unit)
    x, n = np.array(b), a.shape[-1]
    for i in range(n) if lower else range(n - 1, -1, -1):
        rest = slice(i + 1, n) if lower else slice(i)
        if not unit:
            x[..., i, :] /= a[..., i, i, None]
        x[..., rest, :] -= a[..., rest, i, None] * x[..., i, None, :]
    return x
