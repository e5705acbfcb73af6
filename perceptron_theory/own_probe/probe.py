r"""A probe trained on (a part of) the pool that it prunes, and the margins it gives.

The probe minimises sum l(y p.x) + (N mu/2) |p|^2.  Under the probe trained without it
an example has the margin a = y p.x, of the law of a fresh probe: in units of |p| =
sqrt(m^2 + b^2), m and b the weights along the teacher and across it, Z = a/|p| has the
density

    2 phi(Z) [(1 - e) Phi(Z m/b) + e Phi(-Z m/b)],

e the part of wrong labels.  Training on it adds the probe's own pull: its margin is

    k = prox_{V l}(a),    a = k + V l'(k),    k - a = -V l'(k),

V the probe's response.  The map is increasing: among the examples that the probe was
trained on the order of the signed margins is that of the margins without themselves.
The order of the absolute ones is not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq
from scipy.special import ndtr, owens_t

from ..convex.loss import Loss

FAR = 9.0  # of a normal variable: 1e-19 of it lies beyond


class Probe(NamedTuple):
    """A trained probe, N -> infinity.

    ``along`` and ``across`` are its weights m along the teacher and b orthogonal to
    it, ``response`` is V, ``part`` the part of the pool that it was trained on and
    ``wrong`` the part of wrong labels.
    """

    loss: Loss
    along: float
    across: float
    response: float
    part: float
    wrong: float

    @property
    def length(self) -> float:
        """|p|."""
        return float(np.hypot(self.along, self.across))

    def without(
        self, k: Float[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """The margin a of trained examples without themselves, and da/dk, from k."""
        slope, bend = map(np.asarray, _slopes(self.loss)(jnp.asarray(k)))
        return k + self.response * slope, 1.0 + self.response * bend

    def within(self, z: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The margins k of trained examples, from Z; good to a few digits."""
        loss = self.loss
        step = jnp.asarray(self.response)
        margin = jnp.asarray(self.length * z)
        t = loss.parameter(margin - loss.kink, step)
        return self._margins_at(t)

    def bends(self) -> Float[np.ndarray, " n"]:
        """Margins k between which the pull is smooth."""
        return self._margins_at(self.loss.bends(jnp.asarray(self.response)))

    def _margins_at(self, t: Float[Array, " n"]) -> Float[np.ndarray, " n"]:
        answer = self.loss.response(t, jnp.asarray(self.response))
        return np.asarray(answer.margin + answer.pull) + self.loss.kink

    def below(self, k: float) -> float:
        """The part of the pool with a signed margin below k."""
        trained = self.without(np.array([k]))[0][0]
        parts = (self.part, trained), (1.0 - self.part, k)
        return sum(part * self._mass(a / self.length) for part, a in parts)

    def _mass(self, z: float) -> float:
        """Prob(Z < z): of a skew normal law, by Owen's function."""
        skew = (1.0 - 2.0 * self.wrong) * owens_t(z, self.along / self.across)
        return float(ndtr(z) - 2.0 * skew)

    def threshold(self, below: float, margin: str) -> float:
        """The ranked margin with the part ``below`` of the pool under it."""
        least = 0.0 if margin == "absolute" else -np.inf
        if below <= 0.0 or below >= 1.0:
            return least if below <= 0.0 else np.inf
        # the loss falls at 0 and is convex: so much at most it moves a margin upwards
        push = max(0.0, -float(self.without(np.zeros(1))[0][0]))
        far = FAR * self.length + push

        def miss(k: float) -> float:
            inside = self.below(k)
            if margin == "absolute":
                inside -= self.below(-k)
            return inside - below

        low = 0.0 if margin == "absolute" else -far
        if miss(low) >= 0.0 or miss(far) <= 0.0:  # by rounding
            return least if miss(low) >= 0.0 else np.inf
        root: Any = brentq(miss, low, far, xtol=1e-14 * far)
        return float(root)


@lru_cache(maxsize=16)
def _slopes(loss: Loss) -> Any:
    """The derivatives of a loss, compiled: thresholds ask for them one by one."""
    return jax.jit(loss.slopes)
