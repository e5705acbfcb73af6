r"""Max-margin student by way of a working set: float32 on all examples, float64 on few.

At most N + 1 examples carry the student.  Interior-point steps in float32 on all of
them find candidates: when the gap is a few per cent, those of the largest
lambda/slack hold all of the carriers with room to spare.  Steps in float64 on the
candidates alone then close the gap.  What they find is certified on all examples: the
multipliers bound the margin whatever they were found from, and the margin of w is the
least of all x_i.w.  Where this does not reach the tolerance (a set that cannot be
separated, a margin too small for float32, a carrier that was left out) steps in
float64 on all examples follow.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .interior_point import State, advance, begin, relative_gap, start, start_even

# |X^T lambda|, in units of sum lambda |x|, that further steps would not make smaller.
_ZERO = 1e-14
# Steps without a better certificate before the rounding limit is accepted.
PATIENCE = 12
# The same in float32, which need not get far, and the steps that it may take.
_PATIENCE_SCREEN, _STEPS_SCREEN = 4, 25
# Candidates a dimension, and the largest gap at which they are chosen.
_CANDIDATES, _GAP_SCREEN = 1.5, 0.05


class Found(NamedTuple):
    """Best w and multipliers, their bounds on the margin, and the steps taken."""

    w: Float[Array, " N"]
    lower: Float[Array, ""]
    multipliers: Float[Array, " P"]
    upper: Float[Array, ""]
    iterations: Int[Array, ""]
    stalled: Bool[Array, ""]  # by rounding, not by the number of steps


def candidates(count: int, dimension: int) -> int:
    """Number of examples in the working set: all where few could be left out."""
    number = 8 * math.ceil(_CANDIDATES * dimension / 8)
    return number if number <= 0.8 * count else count


def _run(columns, state: State, goal, patience, most) -> State:
    """Take steps until the gap is at most ``goal``, or until they are in vain."""
    dimension, count = columns.shape
    lengths = jnp.linalg.norm(columns, axis=0)  # short ones prove nothing of long ones
    gram = columns.T @ columns if count <= dimension else None

    def unfinished(state: State):
        return (
            (relative_gap(state) > goal)
            & (state.upper > _ZERO * (state.best_multipliers @ lengths))
            & (state.iteration < most)
            & (state.since_better < patience)
        )

    return jax.lax.while_loop(unfinished, partial(advance, columns, gram, goal), state)


def screen(columns: Float[Array, "N P"], most: int | Int[Array, ""]) -> State:
    """Take steps in float32 until the candidates can be told, or they are in vain."""
    dimension, count = columns.shape
    single = columns.astype(jnp.float32)
    limit = jnp.minimum(most, _STEPS_SCREEN)
    # Some devices would take fewer digits than float32 has.
    with jax.default_matmul_precision("highest"):
        begun = start_even(single) if count > dimension else start(single)
        return _run(single, begun, _GAP_SCREEN, _PATIENCE_SCREEN, limit)


def _restart(columns, state: State, useful) -> State:
    """The state in the precision of the columns; a fresh one if it is not useful."""
    kind = columns.dtype
    multipliers = state.multipliers.astype(kind)
    warm = begin(
        columns,
        state.w.astype(kind),
        state.t.astype(kind),
        multipliers / multipliers.sum(),
        state.slack.astype(kind),
    )
    return jax.tree.map(partial(jnp.where, useful), warm, start(columns))


def _finite(state: State) -> Bool[Array, ""]:
    """Whether steps can go on from here."""
    parts = state.w, state.t, state.multipliers, state.slack
    return jnp.stack([jnp.isfinite(part).all() for part in parts]).all()


def finish(
    columns: Float[Array, "N P"], screened: State, tolerance, max_iterations
) -> Found:
    """Take steps in float64 from where float32 ended."""
    dimension, count = columns.shape
    useful = (relative_gap(screened) <= _GAP_SCREEN) & _finite(screened)
    taken = screened.iteration
    number = candidates(count, dimension)
    best = start(columns)  # to be bettered
    if number < count:
        ratio = screened.multipliers / screened.slack
        chosen = jax.lax.top_k(ratio, number)[1]
        chosen = jnp.sort(chosen)  # read in order
        few = columns[:, chosen]
        part = screened._replace(
            multipliers=screened.multipliers[chosen], slack=screened.slack[chosen]
        )
        # There is nothing to do where float32 was in vain.
        most = jnp.where(useful, max_iterations - taken, 0)
        part = _run(few, _restart(few, part, useful), tolerance, PATIENCE, most)
        taken = taken + part.iteration
        multipliers = jnp.zeros(count).at[chosen].set(part.best_multipliers)
        least = (part.best_w @ columns).min()
        best = best._replace(
            best_w=jnp.where(useful, part.best_w, best.best_w),
            lower=jnp.where(useful, least, best.lower),
            best_multipliers=jnp.where(useful, multipliers, best.best_multipliers),
            upper=jnp.where(useful, part.upper, best.upper),
            since_better=part.since_better,
        )
    done = relative_gap(best) <= tolerance
    if number < count:  # it has failed, if this is needed: do not trust what chose it
        whole = start(columns)
    else:
        whole = _restart(columns, screened, useful)
    most = jnp.where(done, 0, max_iterations - taken)
    whole = _run(columns, whole, tolerance, PATIENCE, most)
    raised, lowered = whole.lower > best.lower, whole.upper < best.upper
    return Found(
        w=jnp.where(raised, whole.best_w, best.best_w),
        lower=jnp.maximum(whole.lower, best.lower),
        multipliers=jnp.where(lowered, whole.best_multipliers, best.best_multipliers),
        upper=jnp.minimum(whole.upper, best.upper),
        iterations=taken + whole.iteration,
        stalled=whole.since_better >= PATIENCE,
    )
