"""Students on inputs of any covariance that are known without a search.

In the notation of :mod:`.spectrum`; the ridge is over the mean eigenvalue.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .pulls import unknowns_of
from .spectrum import Spectrum, quadratic, resolved

CLOSE = 1e-10  # of log V, for a start
ROUNDS = 60


def of_large_ridge(
    spectrum: Spectrum,
    alpha: Float[Array, ""],
    force: Float[Array, ""],
    log_ridge: Float[Array, ""],
    u: Float[Array, ""],
    v: Float[Array, ""],
) -> Float[Array, " 4"]:
    """The student of a ridge so large that all examples respond alike.

    V = 1/lambda and q is one number, given by the noise; ``u`` and ``v`` are E[y u] and
    E[y v].  As (log r, arsinh a, b/sqrt(1 + a^2), log V).
    """
    at = resolved(spectrum, jnp.ones(()), jnp.zeros(()))
    m_u, m_uv, m_v = at.pull
    tilted = quadratic(at.spread, u, v)
    pull = 1.0 / jnp.sqrt(alpha * (at.second + alpha * tilted))
    a, b = alpha * pull * (m_u * u + m_uv * v), alpha * pull * (m_uv * u + m_v * v)
    log_r = jnp.log(force) - log_ridge - jnp.log(pull)
    return unknowns_of(log_r, a, b, -log_ridge)


def response(
    spectrum: Spectrum, alpha: Float[Array, ""], ridge: Float[Array, ""]
) -> Float[Array, ""]:
    """The V of the square loss: the root of mean of h = 1 with bent = alpha V/(1 + V).

    Newton's method in log V within a bracket.  As h is concave in the eigenvalue, V is
    at most that of isotropic inputs, and at least that of the largest eigenvalue.
    """
    low = jnp.log(isotropic_response(alpha * jnp.max(spectrum.eigenvalues), ridge))
    high = jnp.log(isotropic_response(alpha, ridge))

    def value(y: Float[Array, ""]) -> Float[Array, ""]:
        step = jnp.exp(y)
        bent = alpha * step / (1.0 + step)
        sigma = spectrum.eigenvalues
        return -jnp.log(jnp.mean(sigma / (ridge * step + bent * sigma)))

    def body(state):
        y, low, high, _, count = state
        off, slope = jax.jvp(value, (y,), (jnp.ones(()),))
        low, high = jnp.where(off < 0, y, low), jnp.where(off < 0, high, y)
        new = y - off / slope
        # every fourth step halves the bracket, whatever Newton's method does
        inside = (new >= low) & (new <= high) & (count % 4 != 3)
        new = jnp.where(inside, new, 0.5 * (low + high))
        return new, low, high, jnp.abs(new - y) < CLOSE, count + 1

    go_on = lambda s: ~s[3] & (s[4] < ROUNDS)  # noqa: E731
    begin = high, low, high, jnp.zeros((), bool), jnp.zeros((), int)
    return jnp.exp(jax.lax.while_loop(go_on, body, begin)[0])


def isotropic_response(
    alpha: Float[Array, ""], ridge: Float[Array, ""]
) -> Float[Array, ""]:
    """The V of the square loss on isotropic inputs: lambda V + alpha V/(1 + V) = 1.

    Marchenko & Pastur; of the two forms of the root the one without cancellation.
    """
    half = 0.5 * (ridge + alpha - 1.0)
    root = jnp.sqrt(half * half + ridge)
    down = 1.0 / jnp.where(half > 0, half + root, 1.0)
    return jnp.where(half > 0, down, (root - half) / ridge)


def of_square_loss(
    spectrum: Spectrum,
    alpha: Float[Array, ""],
    ridge: Float[Array, ""],
    mean: Float[Array, " 2"],
    second: Float[Array, " 3"],
) -> Float[Array, " 4"]:
    """The student of the square loss, whose equations are linear given V.

    ``mean`` is E[y (u, v)] of the kept examples, ``second`` is E of (u^2, u v, v^2) =
    C.  With s = alpha V/(1 + V) they are (1 - s M + s M C)(A, B) = s M E[y (u, v)].
    """
    step = response(spectrum, alpha, ridge)
    part = step / (1.0 + step)
    bent = alpha * part
    at = resolved(spectrum, ridge * step, bent)
    (m_u, m_uv, m_v), (e_u, e_uv, e_v) = at.pull, at.rest
    (u, v), (uu, uv, vv) = mean, second
    one = e_u + bent * (m_u * uu + m_uv * uv)
    two = e_uv + bent * (m_u * uv + m_uv * vv)
    three = e_uv + bent * (m_uv * uu + m_v * uv)
    four = e_v + bent * (m_uv * uv + m_v * vv)
    right_u, right_v = bent * (m_u * u + m_uv * v), bent * (m_uv * u + m_v * v)
    whole = one * four - two * three
    a = (four * right_u - two * right_v) / whole
    b = (one * right_v - three * right_u) / whole
    k_u = bent * (u + a - uu * a - uv * b)
    k_v = bent * (v + b - uv * a - vv * b)
    tilted = quadratic(at.spread, k_u, k_v)
    miss = 1.0 - 2.0 * (a * u + b * v) + a * a * uu + 2.0 * a * b * uv + b * b * vv
    noise = bent * part * at.second
    r = jnp.sqrt((tilted + noise * miss) / (1.0 - noise))
    return unknowns_of(jnp.log(r), a / r, b / r, jnp.log(step))
