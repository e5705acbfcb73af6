"""One point from its inputs, with exact first derivatives, in one trace."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..kept.problem import Mode
from ..numerics.implicit import all_zero, is_zero, once, step_along, still
from ..rules.rule import Cells
from ..rules.table import CellTable, rows_of
from ..students.state import Point, State
from ..students.student import LONG


def _state(point: Point, mode: Mode) -> State:
    """The root from the guess or, where that fails, from the end of the path."""
    student = point.student
    if not student.has_path:
        return student.settle(student.nowhere(), LONG, point, mode)
    if student.always_path:
        return student.settle(student.sure_start(point, mode), LONG, point, mode)

    # a loop, to compile what a round does only once
    def attempt(tried: tuple[Int[Array, ""], State]) -> tuple[Int[Array, ""], State]:
        tries, _ = tried
        start = student.sure_start(point, mode, tries == 1)
        return tries + 1, student.settle(start, LONG, point, mode)

    blank = student.blank_state()
    go_on = lambda tried: (tried[0] < 2) & ~tried[1].found  # noqa: E731
    return jax.lax.while_loop(go_on, attempt, (jnp.zeros((), int), blank))[1]


_once = once("perceptron_theory.solve")


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def solved_point(point: Point, mode: Mode) -> State:
    """The saddle point for one set of inputs; exact first derivatives."""
    return _state(point, mode)


@partial(solved_point.defjvp, symbolic_zeros=True)
def _point_jvp(mode, primals, tangents):
    (point,), (moved,) = jax.tree.map(lambda x: x, primals), tangents
    steps = [*moved.inputs, *jax.tree.leaves(moved.student, is_leaf=is_zero)]
    asked = [not is_zero(step) for step in steps]
    state = solved_point(point, mode)
    # only those that are asked for: others may not exist
    rates = jnp.where(jnp.array(asked), _once(state.rates, point), 0.0)
    change = rates @ step_along(steps)
    for i, step in enumerate(jax.tree.leaves(moved.rule, is_leaf=is_zero)):
        if not is_zero(step):
            change = change + step * _once(_by_rule(point, i, mode), point)
    if not all_zero(moved.spectrum):
        turned = jax.tree.map(
            lambda zero, x: jnp.zeros(x.shape) if is_zero(zero) else zero,
            moved.spectrum,
            point.spectrum,
            is_leaf=is_zero,
        )
        change = change + point.student.by_spectrum(state, point, turned, mode)
    return state, still(state)._replace(value=change)


def _by_rule(point: Point, number: int, mode: Mode) -> Float[Array, " m"]:
    """How the value moves with one of the numbers of a rule, at the same keep fraction.

    Of a keep fraction that moves the cells in the same way it is the rate: the kept
    mass stays, and so does the kept load, which a total load leaves to its rule.
    """
    f = point.inputs.keep_fraction
    leaves, structure = jax.tree.flatten(point.rule)

    def cells(x: Float[Array, ""]) -> Cells:
        there = [*leaves[:number], x, *leaves[number + 1 :]]
        return jax.tree.unflatten(structure, there).cells(f)

    x = leaves[number]
    table = CellTable(rows_of(*jax.jvp(cells, (x,), (jnp.ones_like(x),))), True)
    alpha = point.inputs.alpha if mode.total else point.inputs.alpha / f
    inputs = point.inputs._replace(alpha=alpha)
    there = _state(point._replace(rule=table, inputs=inputs), mode._replace(total=True))
    return there.rates[:, 1]
