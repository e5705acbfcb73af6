r"""Students of any convex loss with ridge on pruned data, N -> infinity.

The student minimises sum_mu l(y w.x) + (N lambda/2) |w|^2; write w = A T + B T_perp +
r times a unit vector orthogonal to both.  Under the student trained without it an
example has the margin m = A u + B v + r xi, xi a standard normal; training on it adds p
= prox_{V l}(m) - m.  With E the average over the kept examples (folded to the label +1)
and xi

    alpha E[u p] = lambda V A,   alpha E[v p] = lambda V B,   alpha E[p^2] = r^2,
    alpha E[xi p] = -r (1 - lambda V).

The last is 1/V = lambda - alpha E[d(p/V)/dm] after a partial integration: it needs no
derivative of p, which jumps for the hinges.  The problem is convex, the solution unique
and replica symmetry exact (the equations also follow from Gordon's inequality:
Thrampoulidis, Abbasi, Hassibi, IEEE Trans. Inf. Theory 64, 5592, 2018).

Here in units of r: a = A/r, b = B/r, the field M = m/r, q = p/r.  Examples of a wrong
label respond at -M, against T (:mod:`.noisy_pieces`); where they prevail a < 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .field import Shape, Student, field_measure, field_nodes
from .gaussian import cdf, density
from .losses import Loss, kinks, response
from .max_margin import Problem
from .noisy_pieces import Labels, noisy_problem
from .quadrature import SHARP, panels
from .rules import Rule
from .saddle_point import Inputs, Mode

NODES = (12, 16)  # a panel along z and along M
TOLERANCE = 3e-8  # of the last step, which is taken

# log r, arsinh a, b, log V
Unknowns = Float[Array, " 4"]


class Setting(NamedTuple):
    """What is fixed at compile time."""

    loss: Loss
    mode: Mode


class Root(NamedTuple):
    """Where the search ended."""

    x: Unknowns
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]
    fraction: Float[Array, ""]


def _over_kept(
    problem: Problem,
    labels: Labels,
    marks: Float[Array, " k"],
    n: int,
    on_line: bool,
    summand: Callable[[Float[Array, " n"], Float[Array, ""]], Float[Array, "m n"]],
    m: int,
) -> Float[Array, " m"]:
    """The mean of ``summand`` (z, label) over the kept examples, panel by panel.

    As :func:`.max_margin.over_kept`, but not cut where a student of margin one no
    longer responds: the weight of z is phi(z) (below 0, where u > 0 is a wedge, with
    the scale s), and the panels are broken at the ``marks`` (of right labels; wrong
    ones have them at -z), of any order.
    """
    sign, inner, outer, level, _ = problem.pieces
    if on_line:
        half = sign.shape[0] // 2
        sign, inner, outer, level = (x[:half] for x in (sign, inner, outer, level))
        labels = labels[:half]
    kept = (level > 0) & (outer > inner)
    inner = jnp.where(kept, inner, 0.0)
    s = jnp.maximum(problem.sin_theta, 1e-150)
    unit = jnp.where(sign > 0, 1.0, s)
    far, head = (unit * jnp.sqrt((inner / unit) ** 2 + e) for e in (72.0, 16.0))
    end = jnp.where(kept, jnp.minimum(outer, far), 0.0)
    inside = jnp.hstack([head[:, None], (sign * labels)[:, None] * marks])
    inside = jnp.hstack([inside, jnp.full((len(sign), 1), SHARP * s)])
    inside = jnp.clip(inside, inner[:, None], end[:, None])
    breaks = jnp.hstack([inner[:, None], jnp.sort(inside, axis=1), end[:, None]])
    used = jnp.diff(breaks, axis=1) > 0
    where = jnp.nonzero(used.ravel(), size=used.size, fill_value=0)[0]

    def add(state):
        j, total = state
        i, k = where[j] // used.shape[1], where[j] % used.shape[1]
        ends = jax.lax.dynamic_slice(breaks[i], (k,), (2,))
        z, weight = panels(sign[i] * ends, n)
        weight = 2.0 * jnp.abs(weight) * density(z) * level[i] / problem.keep_fraction
        if problem.keep is not None:
            weight = weight * problem.keep(labels[i] * z)
        return j + 1, total + jnp.sum(weight * summand(z, labels[i]), axis=-1)

    state = jnp.zeros((), int), jnp.zeros(m)
    return jax.lax.while_loop(lambda x: x[0] < jnp.sum(used), add, state)[1]


def _mean_examples(
    problem: Problem, labels: Labels, on_line: bool
) -> Float[Array, " 2"]:
    """E of label u and label v over the kept examples."""
    c, s = problem.cos_theta, problem.sin_theta

    def one(z, label):
        k = z * c / jnp.maximum(s, 1e-150)
        inside, edge = (1.0, 0.0) if on_line else (cdf(k), density(k))
        rows = c * z * inside + s * edge, s * z * inside - c * edge
        return label * jnp.stack(rows)

    none = jnp.zeros(0)
    return _over_kept(problem, labels, none, 2 * NODES[0], on_line, one, 2)


def _averages(
    x: Unknowns, problem: Problem, labels: Labels, setting: Setting
) -> Float[Array, " 4"]:
    """E of q^2, u q, v q and M q over the kept examples.

    The nodes are those of x, held fixed when x is differentiated.
    """
    loss, mode = setting
    c, s, on_line = problem.cos_theta, problem.sin_theta, mode.on_line

    def unpack(x: Unknowns) -> tuple[Student, Any, Any]:
        a, b = jnp.sinh(x[1]), x[2]
        return Student(a * c + b * s, a * s - b * c, c, s), jnp.exp(x[0]), jnp.exp(x[3])

    student, r, step = unpack(x)
    fixed, *scales = jax.lax.stop_gradient((student, r, step))
    bends = kinks(loss, scales[1]) / scales[0]
    p, w = fixed.along, fixed.across
    width = jnp.sqrt(1.0 + w * w)
    away = jnp.where(jnp.abs(p) > 1e-12, p, 1e-12)
    marks = jnp.stack([bends[0], bends[len(bends) // 2], bends[-1]])
    marks = jnp.append(marks, jnp.stack([bends[0], bends[-1]]) + SHARP * width)
    marks = jnp.append(marks, jnp.stack([bends[0], bends[-1]]) - SHARP * width)
    marks = jnp.clip(marks / away, -50.0, 50.0)

    def one(z: Float[Array, ""], right: Float[Array, ""]) -> Float[Array, " 4"]:
        # where u changes sign, on the scale 1 if w is large
        edge = z * c / jnp.maximum(s, 1e-150) * width**2
        label = p * z - edge / jnp.where(jnp.abs(w) > 1e-9, w, 1e-9)
        steps = () if on_line else (label - SHARP, label, label + SHARP)
        shape = Shape((*(right * bends), *steps), jnp.full((), jnp.inf))
        field, weight = field_nodes(z, fixed, shape, NODES[1], on_line)
        inside, across = field_measure(z, field, student, on_line)
        inside, across = weight * inside, weight * across
        u, v = c * z * inside + s * across, s * z * inside - c * across
        pull = right * response(loss, right * r * field, step) / r
        sums = inside * pull * pull, u * pull, v * pull, inside * field * pull
        return jnp.stack([jnp.sum(term) for term in sums])

    over_lines = jax.vmap(one, (0, None), out_axes=1)
    return _over_kept(problem, labels, marks, NODES[0], on_line, over_lines, 4)


def _equations(
    x: Unknowns,
    log_ridge: Float[Array, ""],
    problem: Problem,
    labels: Labels,
    setting: Setting,
) -> Float[Array, " 4"]:
    """The four equations, zero at the saddle point."""
    square, u, v, radial = problem.alpha_prune * _averages(x, problem, labels, setting)
    a, b = jnp.sinh(x[1]), x[2]
    shrink = jnp.exp(log_ridge + x[3])
    # xi = M - a u - b v
    spread = radial - a * u - b * v
    third = b if setting.mode.on_line else v - shrink * b
    first = (u - shrink * a) * (1.0 + jnp.abs(a))
    return jnp.stack([jnp.log(square), first, third, spread + 1.0 - shrink])


def _scale(x: Unknowns) -> Float[Array, " 4"]:
    return jnp.array([1.0, 1.0, 0.0, 1.0]).at[2].set(1.0 + jnp.abs(x[2]))


def _newton(x: Unknowns, equations: Any, max_steps: Any, tolerance: Any) -> Any:
    """Damped Newton steps (natural monotonicity test, as in :mod:`.newton`).

    Returns x, the residuals and their Jacobian before the last step, the number of
    evaluations, and whether the last step was below the tolerance.
    """

    def value(x: Unknowns) -> tuple[Float[Array, " 4"], Float[Array, " 4"]]:
        out = equations(x)
        return out, out

    def solve(jacobian, right):
        rows = jnp.max(jnp.abs(jacobian), axis=1)
        return jnp.linalg.solve(jacobian / rows[:, None], right / rows)

    def size(step, x):
        return jnp.max(jnp.abs(step) / _scale(x))

    def body(state):
        x, out, jacobian, step, damping, steps, _ = state
        trial = x + damping * step
        new_jacobian, new = jax.jacfwd(value, has_aux=True)(trial)
        simplified, before = size(solve(jacobian, -new), x), size(step, x)
        new_step = solve(new_jacobian, -new)
        finite = jnp.all(jnp.isfinite(new_step))
        first = steps == 0
        falls = simplified < (1.0 - 0.25 * damping) * before
        good = finite & (first | falls | (simplified < 1e-10) | (damping < 0.02))
        longest = jnp.minimum(1.0, 1.5 / size(new_step, trial))
        fast = first | (simplified < 0.5 * before)
        grown = jnp.where(fast, 1.0, jnp.minimum(2.0 * damping, 1.0))
        pick = lambda a, b: jnp.where(good, a, b)  # noqa: E731
        return (
            pick(trial, x),
            pick(new, out),
            pick(new_jacobian, jacobian),
            pick(new_step, step),
            pick(jnp.minimum(grown, longest), 0.4 * damping),
            steps + 1,
            good & (size(new_step, trial) < tolerance),
        )

    zero, one = jnp.zeros(4), jnp.ones(())
    state = x, zero + jnp.inf, jnp.eye(4), zero, one, 0, jnp.asarray(False)
    go_on = lambda s: (s[5] < max_steps) & ~s[6]  # noqa: E731
    x, out, jacobian, step, _, steps, found = jax.lax.while_loop(go_on, body, state)
    return jnp.where(found, x + step, x), out, jacobian, steps, found


def point(
    inputs: Inputs,
    ridge: Float[Array, ""],
    flipped: Float[Array, ""],
    rule: Rule,
    setting: Setting,
) -> Root:
    """Follow the student from a large ridge, where w is explicit, to the one asked for.

    There every example responds alike: V = 1/lambda, q = 1/sqrt(alpha), a = sqrt(alpha)
    E[label u] and b = sqrt(alpha) E[label v].
    """
    problem, labels = noisy_problem(inputs, rule, flipped, setting.mode)
    alpha = problem.alpha_prune
    force = -jax.grad(setting.loss)(jnp.zeros(()))
    target = jnp.log(ridge)
    begin = jnp.maximum(target, jnp.log(10.0 * (1.0 + alpha) * (1.0 + force)))
    a, b = jnp.sqrt(alpha) * _mean_examples(problem, labels, setting.mode.on_line)
    b = jnp.zeros(()) if setting.mode.on_line else b
    log_r = 0.5 * jnp.log(alpha) + jnp.log(force) - begin
    x = jnp.stack([log_r, jnp.arcsinh(a), b, -begin])

    def body(state):
        x, tangent, place, step, _, steps, tries, _ = state
        step = jnp.minimum(step, place - target)
        place_new = jnp.where(step < place - target, place - step, target)
        last, first = place_new <= target, tries == 0
        equations = partial(_equations, log_ridge=place_new, problem=problem)
        equations = partial(equations, labels=labels, setting=setting)
        most = jnp.where(last | first, 30, 6)
        new, out, jacobian, taken, good = _newton(
            x - step * tangent, equations, most, jnp.where(last, TOLERANCE, 1e-2)
        )
        # of the residuals only lambda V depends on the ridge
        shrink, a = jnp.exp(place_new + new[3]), jnp.sinh(new[1])
        third = 0.0 if setting.mode.on_line else -shrink * new[2]
        by = jnp.stack([0.0, -shrink * a * (1.0 + jnp.abs(a)), third, -shrink])
        pick = lambda a, b: jnp.where(good, a, b)  # noqa: E731
        factor = pick(jnp.where(last | (taken <= 3), 2.0, 1.0), 0.4)
        return (
            pick(new, x),
            pick(-jnp.linalg.solve(jacobian, by), tangent),
            pick(place_new, place),
            jnp.where(first, 1.0, factor * step),
            jnp.max(jnp.abs(out)),
            steps + taken,
            tries + 1,
            good,
        )

    def go_on(state):
        _, _, place, step, _, _, tries, good = state
        more = (place > target) & (tries < 100) & (step > 1e-3)
        return (tries == 0) | (more & (good | (tries > 1)))

    # the first try is at the beginning itself, and if it fails the last
    state = x, jnp.zeros(4), begin, jnp.zeros(()), jnp.inf, 0, 0, jnp.asarray(False)
    state = jax.lax.while_loop(go_on, body, state)
    x, _, place, _, residual, steps, _, good = state
    good = good & (place <= target)
    return Root(x, residual, steps, good, problem.keep_fraction)  # pyright: ignore
