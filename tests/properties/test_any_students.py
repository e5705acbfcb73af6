"""Students of simulations, on training sets of every kind."""

import jax
import numpy as np
import pytest
from holding import bytes_of, holds, outcome, refused, same
from hypothesis import strategies as st
from odd_arrays import LAYOUTS, dtype_of, filled, laid_out, no_numbers

from simulations.perceptron import (
    ConvexRidge,
    MinOver,
    Perceptron,
    Status,
    max_margin,
)
from simulations.perceptron.students.convex import train

SHAPE = (5, 3)
TYPES = ("<f8", ">f8", "<f4", ">f4", "longdouble", "i1", ">i4", "<i8")
ENOUGH = 1e-6


@st.composite
def odd_set(draw, elements=None):
    """A set of signed examples as some array, and as a plain one."""
    values = draw(filled(SHAPE) if elements is None else filled(SHAPE, elements))
    kind = dtype_of(draw(st.sampled_from(TYPES)))
    if kind.kind == "i":
        values = np.round(np.clip(values, -100, 100))
    with np.errstate(all="ignore"):
        given = laid_out(values.astype(kind), draw(st.sampled_from(LAYOUTS)))
        return given, np.ascontiguousarray(given, np.float64)


def _margin(examples):
    found = max_margin(examples)
    return found.margin, found.status


@holds(8, 800, sets=odd_set())
def test_the_same_set_in_any_array_has_the_same_student(sets):
    given, plain = sets
    before = bytes_of(given)
    found = outcome(max_margin, given)
    assert bytes_of(given) == before
    wanted = outcome(max_margin, plain)
    same(found, wanted)
    if found.refusal is None:
        _check_claims(found.answer, plain)


def _check_claims(found, examples):
    """What a status says of a set is true, by its own proof."""
    if found.status == Status.CONVERGED:
        margins = examples @ found.weights
        assert np.isclose(np.linalg.norm(found.weights), 1)
        assert (margins >= found.margin - 1e-8 * np.abs(examples).max()).all()
    if found.status == Status.NOT_SEPARABLE:
        assert np.isnan(found.weights).all()


@holds(8, 600, examples=filled(SHAPE, st.floats(-10, 10, width=16)), data=st.data())
def test_the_margin_does_not_know_the_order_or_the_unit(examples, data):
    order = data.draw(st.permutations(range(SHAPE[0])))
    columns = data.draw(st.permutations(range(SHAPE[1])))
    scale = 2.0 ** data.draw(st.integers(-20, 20))
    found = outcome(max_margin, examples)
    again = outcome(max_margin, scale * examples[order][:, columns])
    assert (found.refusal is None) == (again.refusal is None)
    if found.refusal is not None:
        return
    one, two = found.answer, again.answer
    sure = (Status.CONVERGED, Status.NOT_SEPARABLE)
    if one.status in sure and two.status in sure:
        assert one.status == two.status
        if one.status == Status.CONVERGED:
            np.testing.assert_allclose(two.margin, scale * one.margin, rtol=1e-6)


@holds(8, 300, bad=no_numbers(SHAPE))
def test_what_is_no_set_of_examples_is_refused(bad):
    if not isinstance(bad, np.ndarray) or bad.ndim < 3:  # many sets are taken
        refused(max_margin, bad)
        refused(train, bad, "square", ridge=0.5)


STUDENTS = {
    "perceptron": Perceptron(max_updates=1000),
    "min_over": MinOver(tolerance=0.1, max_updates=1000),
    "square": ConvexRidge("square", ridge=0.5),
}


@pytest.mark.parametrize("name", STUDENTS)
@holds(4, 500, sets=odd_set())
def test_students_are_those_of_plain_arrays(name, sets):
    keys = jax.random.split(jax.random.key(0), 1)

    def found(x):
        one = STUDENTS[name](x[None], keys)
        return one.weights, one.certificate, one.done

    before = bytes_of(sets[0])
    got = outcome(found, sets[0])
    assert bytes_of(sets[0]) == before
    same(got, outcome(found, sets[1]))
    if got.refusal is None and got.answer[2].all():
        np.testing.assert_allclose(np.linalg.norm(got.answer[0], axis=1), 1, rtol=1e-6)


NUMBERS = st.one_of(
    st.floats(), st.integers(-2, 2), st.sampled_from([None, "1", True, 1j, [0.5]])
)


@holds(8, 300, number=NUMBERS)
def test_settings_of_students_are_numbers_or_one_line(number):
    examples = np.eye(3)
    for call in (
        lambda: max_margin(examples, tolerance=number),
        lambda: max_margin(examples, max_iterations=number),
        lambda: max_margin(examples, precision=number),
        lambda: ConvexRidge("square", ridge=number),
        lambda: ConvexRidge("square", ridge=1.0, tolerance=number),
        lambda: Perceptron(max_updates=number),
        lambda: MinOver(tolerance=number),
    ):
        outcome(call)


@holds(8, 300, number=NUMBERS)
def test_settings_of_training_are_numbers_or_one_line(number):
    examples = np.eye(3)
    outcome(train, examples, "square", ridge=number)
    outcome(train, examples, "square", ridge=1.0, tolerance=number)
