r"""Students of what a probe keeps of the pool that it was trained on, N -> infinity.

The probe minimises sum l_p(y p.x) + (N mu/2) |p|^2 over the pool (or a part of it), the
student sum l(y w.x) + (N lambda/2) |w|^2 over the examples whose margin y p.x, or its
size, lies in some intervals.  Leave an example i out of both: under the two that remain
it has the margins a and m, and with u = T.x these are jointly Gaussian, because x is
independent of them.  Put it back:

- The probe moves by V_p g x_i y_i/N, g = -l_p'(k), so that its margin is k = a + V_p g
  (:mod:`.probe`): i is kept or not by k.
- The student moves by V h x_i y_i/N, h = -l'(its margin), if i is kept; and for another
  reason: the probe's motion takes some sqrt(N) examples j over the thresholds, each of
  which adds its force or takes it away.  Which way depends on the sign of x_j.x_i, so
  that together they point along x_i y_i.  In all the student's margin is

      prox_{V l}(m + C g),    C = V V_p alpha_tot E[d(kept h)/da],

  with the delta functions of the thresholds in the derivative.  C is the response of w
  to a force on the probe; that of w to a force on itself is V as ever.

Call F = V h the student's pull on kept examples (0 on others), G = V_p g/b the probe's
over its noise, and D = C b/V_p, so that

    F = prox_{V l}(m + D G) - (m + D G),
    p = m_p T + b T_perp,    w = A T + B T_perp + r (rest),

T_perp the direction of the probe beside the teacher.  G, m_p, b and V_p are those of a
student of the whole pool (:mod:`perceptron_theory.convex.equations`).  The sum of
forces, lambda w = sum y x h/N, taken along T, along p and along itself, and the two
responses are

    rho A           = alpha_tot E[u F],
    1 - rho         = -alpha_tot E[dF/dm],         rho = lambda V,
    D - (1 - rho) B = alpha_tot E[v F],
    B - D           = alpha_tot E[F G],
    r^2             = alpha_tot E[F^2] - (alpha_tot E[F G])^2
                    = alpha_tot E[(F - (B - D) G)^2],    as alpha_tot E[G^2] = 1,

u and v = T_perp.x the fields times the label, m = A u + B v + r xi.  The delta
functions are gone: the third line is C with its derivative integrated by parts (Stein's
lemma).  The last two say that the noise of p is the sum of all V_p g, and that of w the
sum of all V h + C g, of covariances b B and B^2 + r^2; the sum of the probe's forces
along w gives the fourth line once more.

Limits: D = 0 where all examples are kept, or random ones; B = D where G = 0 on what is
kept (a probe of examples of its own), and then these are the equations of a fresh probe
at this angle; r = 0 where all are kept and the student is the probe's twin.  The
student of largest margin has F = max(1 - m - D G, 0), and rho as an unknown.

What is not proven here: given what is kept the student's problem is convex, but the
choice is not part of a convex problem.  The argument is that of the cavity.  Those
sqrt(N) examples also leave a noise of the order of N^(-1/4) on each margin, so that
corrections may fall more slowly than 1/N.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..convex.loss import Loss
from ..numerics.gaussian import cdf, density
from ..numerics.newtons_method import Root, newton
from ..numerics.quadrature import panels
from ..students.state import Evaluation
from ..students.student import CHART
from .kept_pool import Kept

NODES = 12  # a panel along the student's margin
PLACES = (-8.5, -5.0, -2.5, 0.0, 2.5, 5.0, 8.5)  # of its widths, for its normal law
STEPS = (-6.0, -2.0, 0.0, 2.0, 6.0)  # widths of the labels' step at which panels end
MAX_STEPS = 25
TOLERANCE = 1e-10

# A, B, ln r, ln rho, D
Unknowns = Float[Array, " 5"]


class Sums(NamedTuple):
    """alpha_tot times the averages of 1, u F, v F, F G, (F - (B - D) G)^2 and dF/dm."""

    one: Float[Array, ""]
    u_pull: Float[Array, ""]
    v_pull: Float[Array, ""]
    pulls: Float[Array, ""]
    apart: Float[Array, ""]
    bent: Float[Array, ""]


def sums(x: Unknowns, ridge: Any, kept: Kept, loss: Loss) -> Sums:
    """The averages over the kept examples, nodes in Z times nodes along m + D G."""
    z, weight, pull = map(jnp.asarray, kept[:3])
    c, s, wrong = kept.cosine, kept.sine, kept.wrong
    a, b, r, shift = x[0], x[1], jnp.exp(x[2]), x[4]
    step = jnp.exp(x[3]) / ridge
    # y the normal coordinate beside Z: u = c Z + s y, v = s Z - c y
    along, across = a * c + b * s, a * s - b * c
    width = jnp.sqrt(across * across + r * r)
    centre = along * z + shift * pull
    t, nodes = panels(_breaks(centre, z * c / s, across, r, step, loss), NODES)
    answer = jax.tree.map(
        lambda part: part.reshape(t.shape), loss.response(t.ravel(), step)
    )
    off = answer.margin + loss.kink - centre[:, None]
    nodes = nodes * answer.stretch * density(off / width) / width * weight[:, None]
    # given m, y is normal; the label cuts it at u = 0
    mean, spread = across * off / width**2, r / width
    cut = ((z * c / s)[:, None] + mean) / spread
    right = cdf(cut)
    zeroth = nodes * ((1.0 - wrong) * right + wrong * (1.0 - right))
    first = mean * zeroth + nodes * (1.0 - 2.0 * wrong) * spread * density(cut)
    column = z[:, None]
    u, v = c * column * zeroth + s * first, s * column * zeroth - c * first
    own = answer.pull
    terms = [zeroth, own * u, own * v, own * pull[:, None] * zeroth]
    apart = own - (b - shift) * pull[:, None]
    terms += [apart * apart * zeroth, answer.by_margin * zeroth]
    return Sums(*(jnp.sum(term) for term in terms))


def _breaks(
    centre: Float[Array, " n"],
    cut: Float[Array, " n"],
    across: Float[Array, ""],
    r: Float[Array, ""],
    step: Float[Array, ""],
    loss: Loss,
) -> Float[Array, "n m"]:
    """The ends of the panels, in the loss's own t, for each node of Z."""
    width = jnp.sqrt(across * across + r * r)
    flat = jnp.abs(across) < 1e-9 * width
    slope = jnp.where(flat, 1.0, across)
    # the fields where y = -cut, and how fast they cross it
    turn = (-cut[:, None] + jnp.array(STEPS) * r / width) * width**2 / slope
    turn = jnp.where(flat, 0.0, turn)
    even = jnp.broadcast_to(jnp.array(PLACES) * width, (cut.size, len(PLACES)))
    turn = jnp.clip(turn, PLACES[0] * width, PLACES[-1] * width)
    places = jnp.concatenate([even, turn], axis=1)
    fields = centre[:, None] + places - loss.kink
    t = loss.parameter(fields.ravel(), step).reshape(fields.shape)
    t = jax.lax.stop_gradient(t)
    bends = loss.bends(step)
    low, high = jnp.min(t, axis=1, keepdims=True), jnp.max(t, axis=1, keepdims=True)
    every = jnp.concatenate([t, jnp.broadcast_to(bends, (cut.size, bends.size))], 1)
    return jnp.sort(jnp.clip(every, low, high), axis=1)


def residuals(x: Unknowns, ridge: Any, kept: Kept, loss: Loss) -> Unknowns:
    """The five equations, zero at the student."""
    a, b, r, rho, shift = x[0], x[1], jnp.exp(x[2]), jnp.exp(x[3]), x[4]
    at = sums(x, ridge, kept, loss)
    # alpha_tot E[(F - (B - D) G)^2] over the pool, where F = 0 on what is dropped
    rest = at.apart + (b - shift) ** 2 * kept.dropped
    return jnp.stack(
        [
            at.u_pull - rho * a,
            at.v_pull + (1.0 - rho) * b - shift,
            rest / (r * r) - 1.0,
            at.bent + 1.0 - rho,
            at.pulls + shift - b,
        ]
    )


@lru_cache(maxsize=16)
def searcher(loss: Loss) -> Any:
    """The compiled search for a student of a loss: (start, ridge, kept) -> Root."""

    def search(start: Unknowns, ridge: Any, kept: Kept) -> Root:
        def evaluate(x: Unknowns) -> Evaluation:
            def value(x: Unknowns) -> tuple[Any, Any]:
                out = residuals(x, ridge, kept, loss)
                return out, out

            jacobian, out = jax.jacfwd(value, has_aux=True)(x)
            return Evaluation(out, jacobian)

        blank = Evaluation(jnp.zeros(5), jnp.zeros((5, 5)))
        return newton(start, evaluate, blank, CHART, MAX_STEPS, TOLERANCE)

    return jax.jit(search)
