"""A few small sets are trained by NumPy, without compiling, as XLA trains many."""

import jax
import jax.monitoring
import numpy as np
import pytest

from simulations.perceptron import MaxMarginStudent, Point, Status, max_margin, simulate
from simulations.perceptron.students import hard_margin_programs as programs

SHAPES = [(1 + 10 * i % 199, 1 + (7 * i + 3) % 99) for i in range(20)]


def separable(count: int, dimension: int, *, sets: int = 1) -> np.ndarray:
    """Examples signed by the teacher e_1."""
    x = np.random.default_rng(count).normal(size=(sets, count, dimension))
    x[..., 0] = np.abs(x[..., 0])
    return x


def by_xla(examples: np.ndarray):
    with jax.enable_x64(True):
        return programs.train_sets(examples, 1e-10, 100, few=False)


@pytest.fixture
def compiled():
    """What JAX compiles meanwhile."""
    max_margin([[1.0, 2.0]])  # once a process, JAX is asked whether it is tracing
    programs.forget_programs()
    found = []

    def listen(event: str, *_, **__) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.slow
def test_twenty_shapes_compile_nothing(compiled):
    assert len(set(SHAPES)) == 20
    for shape in SHAPES:
        assert int(max_margin(separable(*shape)[0]).status) == Status.CONVERGED
    assert not compiled and not programs._program.cache_info().misses


@pytest.mark.parametrize("count, dimension", [(30, 10), (150, 60), (9, 40), (12, 12)])
def test_the_student_and_its_certificate_are_those_of_xla(count, dimension):
    examples = separable(count, dimension, sets=2)
    found, exact = max_margin(examples), by_xla(examples)
    np.testing.assert_allclose(found.margin, exact.margin, rtol=1e-9)
    np.testing.assert_allclose(found.weights, exact.weights, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.weights, axis=-1), 1, rtol=1e-13)
    assert found.status.tolist() == exact.status.tolist() == [Status.CONVERGED] * 2
    assert [x.dtype for x in jax.tree.leaves(found)] == [
        x.dtype for x in jax.tree.leaves(exact)
    ]
    # The multipliers alone prove the gap.
    assert found.multipliers.shape == (2, count) and (found.multipliers >= 0).all()
    hull = np.einsum("spn,sp->sn", examples, found.multipliers)
    upper = np.linalg.norm(hull, axis=-1) / found.multipliers.sum(-1)
    np.testing.assert_allclose(1 - found.margin / upper, found.gap, atol=1e-13)
    assert (found.gap <= 1e-10).all()


def test_what_cannot_be_separated_is_proved():
    noise = np.random.default_rng(6).normal(size=(1, 130, 20))
    found = max_margin(noise)
    assert found.status.tolist() == [Status.NOT_SEPARABLE]
    hull = np.einsum("spn,sp->sn", noise, found.multipliers)
    assert np.linalg.norm(hull) < 1e-11


def test_many_sets_and_many_calls_are_left_to_xla():
    programs.forget_programs()
    assert programs.are_few((programs.FEW, 20, 5))
    assert not programs.are_few((programs.FEW + 1, 20, 4))
    calls = [programs.are_few((1, 20, 3)) for _ in range(programs.SOME + 1)]
    assert all(calls[:-1]) and not calls[-1]
    programs.forget_programs()
    assert programs.are_few((1, 20, 3))


def test_how_many_draws_are_asked_for_decides_not_who_asks():
    """Those of a point of many draws are trained alike, also the last few."""
    point, many = Point(2.0, 0.5), programs.FEW + 3
    whole = simulate(point, size=12, draws=many, seed=5)
    last = simulate(point, size=12, draws=3, seed=5, first=programs.FEW)
    for name in whole:
        found = whole[name].isel(draw=slice(programs.FEW, None))
        np.testing.assert_array_equal(last[name], found)
    few = simulate(point, size=12, draws=4, seed=5)
    parts = [simulate(point, size=12, draws=2, seed=5, first=n) for n in (0, 2)]
    for name in few:
        np.testing.assert_array_equal(
            few[name], np.concatenate([p[name] for p in parts])
        )
        here = whole[name].isel(draw=slice(4))
        np.testing.assert_allclose(few[name], here, rtol=0, atol=1e-6)


def test_the_student_trains_every_batch_of_a_few_alike():
    examples = separable(24, 12, sets=8)
    keys = jax.random.split(jax.random.key(0), 8)
    whole = MaxMarginStudent()(examples, keys)
    for n in range(8):
        alone = MaxMarginStudent()(examples[n : n + 1], keys[n : n + 1])
        np.testing.assert_array_equal(alone.weights[0], whole.weights[n])
