r"""The equations of a convex student on inputs of any covariance Sigma.

Setting: x in R^N of mean zero and covariance Sigma; two fields, both of unit variance:
u, whose sign is the label, and v, so that z = c u + s v is the probe's field.  They are
linear in x or not; L = E[x (u, v)] (N x 2) are their loadings.  What is left, x - L (u,
v), is taken as Gaussian, of covariance Sigma - L L^T, and independent of (u, v), of the
label and of what is kept.  (For Gaussian x, u and v that is no assumption.)

Derivation.  A student's minimum says N lambda w = sum over kept examples of y x h,
where h = p/V is minus the slope of the loss at the margin that the example has after
training, p = prox_{V l}(m) - m, and m = y w.x the margin under the student trained
without it.  The part of the sum along L is its mean: N L alpha E[y (u, v) h].  In the
rest x - L (u, v) the margin is linear with the weights w, so that by Stein's lemma its
mean is -Vhat (Sigma - L L^T) w, with Vhat = -alpha E[dh/dm], and about that mean it is
Gaussian with the covariance alpha E[h^2] Sigma/N.  With G = (lambda + Vhat Sigma)^-1
therefore

    w = G L kappa + G Gaussian,        kappa = alpha E[y (u, v) h] + Vhat m_s,
    m_s = L^T w = L^T G L kappa        (the weights A and B of the fields),
    Q = w^T Sigma w = kappa^T L^T G Sigma G L kappa + alpha E[h^2] tr (Sigma G)^2/N,
    V = tr(Sigma G)/N,                 r^2 = Q - |m_s|^2,

V being what an example adds to its own margin per unit of slope.  The averages are
those of isotropic inputs (:mod:`.equations`), where G is V times the unit matrix.

In the unknowns that are solved, a = A/r, b = B/r and q = p/r, with shrink = lambda V,
bent = V Vhat = -alpha E[dq/dM], k = alpha E[(u, v) q] + bent (a, b), and in the
eigenbasis of Sigma with h_j = sigma_j/(shrink + bent sigma_j), P_j = L_j^T L_j/sigma_j,

    1 = mean of h,                          (V)
    (1 - bent M) (a, b) = M alpha E[(u, v) q],       M = sum of P_j h_j,
    1 = k^T X k + alpha E[q^2] mean of h^2,          X = sum of P_j h_j^2 - M M.

Two of these are differences of like numbers at large loads.  R = sum of P_j = L^T
Sigma^-1 L is the part of the fields that is linear in x, and D = 1 - R what is not; so

    1 - bent M = D + shrink sum of P_j/(shrink + bent sigma_j),

and X is a covariance of h: counted from h at sigma = 1, d_j = h_j - h_1 = shrink
(sigma_j - 1) h_1/(shrink + bent sigma_j), which is no difference,

    X = h_1^2 R D + h_1 (D E + E D) + sum of P_j d_j^2 - E E,    E = sum of P_j d_j.

Eigenvalues are scaled to mean one, and with them the ridge: lambda over their mean.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ROUNDING = 1e-9  # by which loadings may exceed what is possible


class Spectrum(NamedTuple):
    """Eigenvalues over their mean, P_j and D (both: uu, uv, vv), and that mean."""

    eigenvalues: Float[Array, " n"]
    shares: Float[Array, "3 n"]
    hidden: Float[Array, " 3"]
    mean: Float[Array, ""]

    def without_probe(self) -> Spectrum:
        """The same with the label's field alone: v is a part of the rest."""
        zero, one = jnp.zeros(()), jnp.ones(())
        shares = self.shares * jnp.array([[1.0], [0.0], [0.0]])
        return self._replace(
            shares=shares, hidden=jnp.stack([self.hidden[0], zero, one])
        )

    def possible(self) -> Any:
        """Whether fields of unit variance can have these loadings, inside a trace."""
        uu, uv, vv = self.hidden
        whole = (uu >= -ROUNDING) & (vv >= -ROUNDING)
        whole = whole & (uu * vv - uv * uv >= -ROUNDING)
        return whole & jnp.all(self.eigenvalues > 0) & jnp.isfinite(self.mean)


# a spectrum to go on with where one is not possible
HARMLESS = Spectrum(1.0, 0.0, 1.0, 1.0)  # pyright: ignore[reportArgumentType]


class Resolved(NamedTuple):
    """Averages over the spectrum; symmetric matrices as (uu, uv, vv).

    ``first`` and ``second`` are the means of h and h^2, ``pull`` is M, ``rest`` is 1 -
    bent M, ``spread`` is X, and ``unit`` is h at the eigenvalue one.
    """

    first: Float[Array, ""]
    second: Float[Array, ""]
    pull: Float[Array, " 3"]
    rest: Float[Array, " 3"]
    spread: Float[Array, " 3"]
    unit: Float[Array, ""]


def resolved(
    spectrum: Spectrum, shrink: Float[Array, ""], bent: Float[Array, ""]
) -> Resolved:
    """The averages over the spectrum at lambda V and V Vhat."""
    sigma, shares, hidden, _ = spectrum
    unit = 1.0 / (shrink + bent)
    inverse = 1.0 / (shrink + bent * sigma)
    h, off = sigma * inverse, shrink * unit * (sigma - 1.0) * inverse
    linear = jnp.array([1.0, 0.0, 1.0]) - hidden
    near = jnp.sum(shares * off, axis=1)
    square = jnp.sum(shares * (off * off), axis=1)
    spread = unit * unit * product(linear, hidden) + square - product(near, near)
    return Resolved(
        jnp.mean(h),
        jnp.mean(h * h),
        unit * linear + near,
        hidden + shrink * jnp.sum(shares * inverse, axis=1),
        spread + 2.0 * unit * product(hidden, near),
        unit,
    )


def product(one: Float[Array, " 3"], other: Float[Array, " 3"]) -> Float[Array, " 3"]:
    """The symmetric part of the product of two symmetric matrices."""
    uu, uv, vv = one
    xx, xy, yy = other
    mixed = 0.5 * (uu * xy + uv * yy + uv * xx + vv * xy)
    return jnp.stack([uu * xx + uv * xy, mixed, uv * xy + vv * yy])


def quadratic(
    matrix: Float[Array, " 3"], x: Float[Array, ""], y: Float[Array, ""]
) -> Float[Array, ""]:
    """The form of a symmetric matrix at (x, y)."""
    xx, xy, yy = matrix
    return xx * x * x + 2.0 * xy * x * y + yy * y * y


def tangent_at(
    spectrum: Spectrum, shrink: Float[Array, ""], bent: Float[Array, ""]
) -> Any:
    """``resolved`` near a place to first order, as a function of shrink and bent.

    So that derivatives by the many arguments of the equations take two passes over the
    spectrum and not one each.
    """

    def at(place: Float[Array, " 2"]) -> tuple[Resolved, Resolved]:
        out = resolved(spectrum, place[0], place[1])
        return out, out

    by, here = jax.jacfwd(at, has_aux=True)(jnp.stack([shrink, bent]))

    def near(new_shrink: Float[Array, ""], new_bent: Float[Array, ""]) -> Resolved:
        moved = jnp.stack([new_shrink - shrink, new_bent - bent])
        return jax.tree.map(lambda x, dx: x + dx @ moved, here, by)

    return near


def combine(
    sums: Float[Array, " 5"],
    a: Float[Array, ""],
    b: Float[Array, ""],
    log_shrink: Float[Array, ""],
    against: Float[Array, ""],
    size: Float[Array, ""],
    on_line: bool,
    resolve: Any,
) -> Float[Array, " 4"]:
    """The four equations of structured inputs, as those of :func:`.equations.combine`.

    ``resolve``(shrink, bent) gives the averages over the spectrum.  Of the spectrum of
    isotropic inputs this is the same function.
    """
    square, u, v, _, bent = sums
    at = resolve(jnp.exp(log_shrink), bent)
    (m_u, m_uv, m_v), (e_u, e_uv, e_v) = at.pull, at.rest
    k_u, k_v = u + bent * a, v + bent * b
    tilted = quadratic(at.spread, k_u, k_v)
    noise = jnp.log((square * at.second + tilted) / (at.first * at.first))
    less, more, none = jnp.maximum(-a, 0.0), jnp.maximum(a, 0.0), against * m_u
    first = jnp.arcsinh((m_u * u + m_uv * v - e_uv * b + none) / e_u + less)
    first = first - jnp.arcsinh(none / e_u + more)
    third = m_uv * u + m_v * v - e_uv * a - e_v * b
    third = b if on_line else third / (size * at.unit)
    return jnp.stack([noise, first, third, -jnp.log(at.first)])
