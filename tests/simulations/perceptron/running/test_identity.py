"""Draws are taken for another's only if they are the same, and never are lost."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import (
    ConvexRidge,
    Gibbs,
    Gradient,
    Machine,
    MaxMarginStudent,
    Perceptron,
    Point,
    max_margin,
    run_validation,
    simulate,
    simulated_errors,
)
from simulations.perceptron.running.store import Store
from simulations.perceptron.running.sweep import Part
from simulations.perceptron.students.catalog import resolve_student
from simulations.perceptron.students.contract import Trained
from simulations.perceptron.studies.finite_size import threshold_collapse
from simulations.perceptron.studies.probe_epochs import probe_study
from simulations.perceptron.studies.trained_probe import TrainedProbe

KEY = jax.random.key(0)


def test_numbers_of_every_type_are_one_point():
    points = [
        Point(3, 1, 0),
        Point(3.0, 1.0, -0.0),
        Point(np.float64(3), np.float32(1)),
    ]
    assert len({point.label for point in points}) == 1
    assert len({point.stream for point in points}) == 1


def test_functions_of_one_name_are_told_apart():
    low = pt.KeepProbability(lambda m: jnp.where(m < 0.6, 1.0, 0.0))
    high = pt.KeepProbability(lambda m: jnp.where(m > 0.6, 1.0, 0.0))
    assert Point(1.0, None, rule=low).label != Point(1.0, None, rule=high).label
    one = ConvexRidge(lambda t: jnp.logaddexp(0.0, -t), 0.1)
    two = ConvexRidge(lambda t: jnp.logaddexp(0.0, -30 * t), 0.1)
    assert one.name != two.name
    again = ConvexRidge(lambda t: jnp.logaddexp(0.0, -t), 0.1)
    assert again.name == one.name


def _rule_of_cells(first):
    """A rule as its author's file says it today: the band begins at ``first``."""

    def cells(self, f):
        return pt.cells_of((first, first + f, 1 - first, 1 - first - f, 1.0))

    mine = type("Mine", (pt.Rule,), {"cells": cells})
    return dataclasses.dataclass(frozen=True)(mine)


def test_draws_of_a_rule_that_was_edited_are_not_served_for_it(tmp_path):
    """The class and its fields are the same, the cells are others."""
    old, new, same = (_rule_of_cells(first)() for first in (0.0, 0.3, 0.3))
    points = [Point(2.0, 0.5, rule=rule) for rule in (old, new, same)]
    paths = [Store(tmp_path, seed=0).path(point, 20) for point in points]
    assert points[0].rule_name == points[1].rule_name
    assert paths[0] != paths[1] == paths[2]
    assert points[1].label == points[2].label


def test_the_identity_of_our_own_rules_is_their_name():
    where = "alpha_prune=2.0 keep_fraction=0.5 theta=0.0 rule={} margin=absolute"
    for rule, name in (
        ("hard", "hard"),
        (pt.Window(0.2), "Window(lower=0.2)"),
        (pt.Mixture(0.3, "easy"), "Mixture(share=0.3, rule='easy')"),
    ):
        assert Point(2.0, 0.5, rule=rule).label == where.format(name)


class Impostor:
    name, certificate_name, padding = "max_margin", "nothing", "repeat"

    def __call__(self, examples, key):
        raise AssertionError("never called")


def test_a_student_with_the_name_of_another_is_refused():
    with pytest.raises(pt.InputError, match="name of another student"):
        resolve_student(Impostor())
    with pytest.raises(pt.InputError, match="student must be"):
        resolve_student(MaxMarginStudent)


class Unfinished:
    """Claims to be done, with weights that are no unit vector."""

    name, certificate_name, padding = "unfinished", "nothing", "zero"

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, examples, key):
        w = self.factor * MaxMarginStudent()(examples, key).weights
        ones = np.ones(len(w))
        return Trained(w, ones, ones > 0, {})


@pytest.mark.parametrize("factor", [2.0, np.nan, 0.0])
def test_weights_that_are_no_unit_vector_stop_the_run(factor):
    with pytest.raises(pt.ConvergenceError, match="did not reach its goal"):
        simulate(Point(2.0, 0.5, student=Unfinished(factor)), size=8, draws=2, seed=0)


def test_weights_that_overflow_are_no_perfect_student():
    wild = Point(2.0, 0.5, student=Gradient(learning_rate=1e308, epochs=3))
    try:
        error = simulate(wild, size=8, draws=2, seed=0).error
    except pt.ConvergenceError:
        return
    assert (error > 0).all()


@pytest.mark.slow
def test_early_stopping_holds_out_an_example_of_few():
    """round(0.05 * 8) = 0 examples would be judged perfectly at once."""
    student = Gradient(early_stopping=0.05, epochs=40)
    draws = simulate(Point(1.0, 1.0, student=student), size=8, draws=16, seed=0)
    assert (draws.loss > 0).all() and draws.epochs.max() > 1


@pytest.mark.parametrize("rule", [pt.Window(0.9), pt.Window(2.0), pt.Mixture(2.0)])
def test_rules_that_do_not_exist_are_refused(rule):
    with pytest.raises(pt.InputError, match="does not go with keep_fraction"):
        Point(3.0, 0.3, rule=rule)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sizes": (6.0,)}, "sizes must be a whole number"),
        ({"draws": float("nan")}, "draws must be a whole number"),
        ({"seed": "1"}, "seed must be a whole number"),
        ({"seed": -1}, "seed must lie in"),
        ({"relative_error": 0.0, "draws": None}, "relative_error must lie"),
    ],
)
def test_bad_numbers_are_refused_and_leave_nothing(tmp_path, change, message):
    request = {"sizes": (6,), "draws": 2, "output": tmp_path / "none"} | change
    with pytest.raises(pt.InputError, match=message):
        simulated_errors([Point(2.0, 0.5)], **request)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "student, settings",
    [
        (Gibbs, {"samples": 4.5}),
        (Gibbs, {"samples": 3}),
        (Perceptron, {"max_updates": 1e6}),
        (Gradient, {"batch_size": 2.5}),
        (Gradient, {"epochs": "10"}),
        (Gradient, {"patience": 0}),
    ],
)
def test_settings_that_must_be_whole_numbers(student, settings):
    with pytest.raises(pt.InputError, match=next(iter(settings))):
        student(**settings)


def test_whole_numbers_of_every_type_are_one_student():
    assert Gibbs(np.int32(8)).name == Gibbs(8).name


def test_a_training_set_too_large_for_the_memory_is_refused(tmp_path):
    """Its pool is no larger; direct mode does not help."""
    point = Point(100.0, 1.0, rule="random")
    request = {"sizes": (100_000,), "draws": 2, "output": tmp_path / "none"}
    for pool in ("drawn", "direct"):
        with pytest.raises(pt.InputError, match=r"GiB.*lower N or alpha_prune"):
            simulated_errors([point], pool=pool, **request)
    assert not (tmp_path / "none").exists()


def test_a_size_given_twice_is_one_size():
    found = simulated_errors([Point(2.0, 0.5)], sizes=(6, 6, 8, 10), draws=8)
    assert found["size"].values.tolist() == [6, 8, 10]
    integers = simulated_errors(
        [Point(2.0, 0.5)], sizes=np.array([6]), draws=np.int64(8)
    )
    assert float(integers["mean"][0, 0]) == float(found["mean"][0, 0])


def test_an_unknown_device_is_refused_at_once():
    with pytest.raises(pt.InputError, match=r"device must be one of.*abacus"):
        Machine(device="abacus")


@pytest.mark.slow
def test_no_changed_byte_of_a_file_is_read_as_other_draws(tmp_path):
    """Refused as damaged, or (in a name of the archive that nobody reads) the same."""
    store, point = Store(tmp_path, seed=0), Point(2.0, 0.5)
    store.append(point, 6, None, simulate(point, size=6, draws=2, seed=0))
    path, whole = store.path(point, 6), store.load(point, 6)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 3):
        for flip in (0x01, 0x20, 0xFF):
            damaged = bytearray(content)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            try:
                assert store.load(point, 6).equals(whole)
            except pt.InputError as error:
                refused += 1
                assert "\n" not in str(error).strip()
    assert refused > 0.5 * len(content)


def test_keys_do_not_depend_on_the_batch():
    keys = jax.random.split(jax.random.key(0), 3)
    sets = np.random.default_rng(0).normal(size=(3, 9, 4))
    sets[..., 0] = abs(sets[..., 0])
    student = resolve_student("perceptron")
    together = student(sets, keys).weights
    np.testing.assert_array_equal(student(sets[1:2], keys[1:2]).weights[0], together[1])


HERE = Point(2.0, 0.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Part(HERE, 8.5, 2),
        lambda: Part(HERE, 8, 1),
        lambda: Part(HERE, 8, None, float("nan")),
        lambda: Machine(workers=1.5),
        lambda: Machine(ray=5),
        lambda: simulate(HERE, size=8.5, draws=2, seed=0),
        lambda: simulate(HERE, size=8, draws=2, seed=None),
        lambda: simulate(HERE, size=8, draws=2, seed=2**63),
        lambda: run_validation([HERE], sizes=(8.5,), output="none"),
        lambda: run_validation([HERE], sizes=(8,), draws=32.5, output="none"),
        lambda: run_validation([HERE], sizes=(8,), family_level=2, output="none"),
        lambda: run_validation([HERE], sizes=(8,), allowance=np.nan, output="none"),
        lambda: threshold_collapse(sizes=(10.5, 20), draws=2),
        lambda: threshold_collapse(steps=()),
        lambda: Point(10**400, 0.5),
        lambda: Point(2.0, 0.5, rule=pt.Window("a")),
        lambda: simulate(
            Point(1.0, rule=pt.KeepProbability(lambda m: 0.0 * m)),
            size=8,
            draws=2,
            seed=0,
        ),
        lambda: Gradient(learning_rate="x"),
        lambda: Gradient(optimizer=3, learning_rate=None, label="a"),
        lambda: ConvexRidge("square", "x"),
        lambda: TrainedProbe(own_load="x"),
        lambda: max_margin([[1.0, 2.0]], tolerance="x"),
        lambda: max_margin([[1.0, 2.0]], max_iterations=0),
        lambda: max_margin([[1.0, 2.0], [3.0]]),
        lambda: probe_study(student=Perceptron()),
        lambda: Perceptron()(np.full((1, 3, 4), np.nan), jax.random.split(KEY, 1)),
    ],
)
def test_what_is_not_meant_is_refused_in_one_line(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pt.InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
