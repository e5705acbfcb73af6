"""Small problems of many shapes share a few programs, and are solved as before."""

import jax
import jax.monitoring
import numpy as np
import pytest

from simulations.perceptron import Status, max_margin
from simulations.perceptron.students.few_shapes import common_shape
from simulations.perceptron.students.hard_margin_programs import (
    _program,
    forget_programs,
    train_sets,
)

SHAPES = [(1 + 10 * i % 199, 1 + (7 * i + 3) % 99) for i in range(20)]


def separable(count: int, dimension: int, *, sets: int = 1) -> np.ndarray:
    """Examples signed by the teacher e_1."""
    x = np.random.default_rng(count).normal(size=(sets, count, dimension))
    x[..., 0] = np.abs(x[..., 0])
    return x


def unfilled(examples: np.ndarray):
    """The program of just this shape."""
    with jax.enable_x64(True):
        return train_sets(examples, 1e-10, 100)


def test_twenty_shapes_are_four_programs():
    assert len(set(SHAPES)) == 20
    max_margin([[1.0, 2.0]])  # once a process, JAX is asked whether it is tracing
    forget_programs()
    compiled = []

    def listen(event: str, *_, **__) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for shape in SHAPES:
            assert int(max_margin(separable(*shape)[0]).status) == Status.CONVERGED
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert 1 <= _program.cache_info().misses <= 4
    assert len(compiled) <= 4  # none that an earlier process has kept


@pytest.mark.few(1)
@pytest.mark.parametrize("count, dimension", [(30, 10), (150, 60), (9, 40)])
def test_the_student_and_its_certificate_are_those_of_the_unfilled_problem(
    count, dimension
):
    examples = separable(count, dimension, sets=2)
    assert common_shape(examples.shape) not in (None, (count, dimension))
    found, exact = max_margin(examples), unfilled(examples)
    np.testing.assert_allclose(found.margin, exact.margin, rtol=1e-9)
    np.testing.assert_allclose(found.weights, exact.weights, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.weights, axis=-1), 1, rtol=1e-13)
    # The multipliers of the examples alone prove the gap.
    assert found.multipliers.shape == (2, count) and (found.multipliers >= 0).all()
    hull = np.einsum("spn,sp->sn", examples, found.multipliers)
    upper = np.linalg.norm(hull, axis=-1) / found.multipliers.sum(-1)
    np.testing.assert_allclose(1 - found.margin / upper, found.gap, atol=1e-13)
    assert (found.gap <= 1e-10).all()


def test_what_cannot_be_separated_is_proved_by_the_examples_alone():
    noise = np.random.default_rng(6).normal(size=(1, 130, 20))
    found = max_margin(noise)
    assert found.status.tolist() == [Status.NOT_SEPARABLE]
    hull = np.einsum("spn,sp->sn", noise, found.multipliers)
    assert np.linalg.norm(hull) < 1e-11


@pytest.mark.parametrize(
    "shape", [(1, 201, 50), (1, 50, 101), (9, 50, 20), (64, 150, 100)]
)
def test_large_problems_and_batches_keep_programs_of_their_own(shape):
    assert common_shape(shape) is None
