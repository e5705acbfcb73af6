import jax
import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import (
    BayesPoint,
    ConvexRidge,
    Gibbs,
    Gradient,
    MaxMarginStudent,
    MinOver,
    Perceptron,
    Point,
    max_margin,
)
from simulations.perceptron.data.pruned_pools import training_sets
from simulations.perceptron.students.catalog import STUDENTS, resolve_student

SETS = np.array(training_sets(Point(2.0, 0.5), size=12, draws=4, seed=0))
KEYS = jax.random.split(jax.random.key(0), 4)
ALL = (
    MaxMarginStudent(),
    Perceptron(),
    MinOver(tolerance=0.1),
    Gradient(epochs=5, batch_size=8),
    Gradient(epochs=5, batch_size=8, early_stopping=0.25, complete=True),
    Gradient(epochs=5, batch_size=8, optimizer="adam", learning_rate=0.01),
    ConvexRidge("logistic", ridge=0.1),
    Gibbs(samples=20),
    BayesPoint(samples=20),
)
every = pytest.mark.parametrize("student", ALL, ids=lambda s: s.name)


@pytest.mark.slow
@every
def test_a_set_does_not_depend_on_its_neighbours(student):
    together = student(SETS, KEYS)
    assert together.done.all() or student.certificate_name == "training mistakes"
    np.testing.assert_allclose(np.linalg.norm(together.weights, axis=1), 1)
    others = student(SETS[[2, 0]], KEYS[np.array([2, 0])])
    np.testing.assert_allclose(others.weights, together.weights[[2, 0]], atol=1e-6)
    np.testing.assert_array_equal(others.done, together.done[[2, 0]])
    if student.padding == "zero" and not isinstance(student, ConvexRidge):
        np.testing.assert_array_equal(others.weights, together.weights[[2, 0]])
        np.testing.assert_array_equal(others.certificate, together.certificate[[2, 0]])
    for values in (together.certificate, together.done, *together.columns.values()):
        assert isinstance(values, np.ndarray) and values.shape == (4,)
    assert not jax.config.read("jax_enable_x64")


@pytest.mark.few(2)
@every
def test_a_set_does_not_depend_on_what_it_is_filled_up_with(student):
    once = student(SETS, KEYS)
    filled = np.zeros((4, 32, 12))
    filled[:, :24] = SETS
    if student.padding == "repeat":
        filled[:, 24:] = SETS[:, :8]
    else:
        assert student.padding == "zero"
    again = student(filled, KEYS)
    if isinstance(student, (Gibbs, BayesPoint)):
        # the same walls, but other reflections: the same up to sampling
        both = once.columns["mean_error"], again.columns["mean_error"]
        np.testing.assert_allclose(*both, atol=0.15)
        return
    np.testing.assert_allclose(again.weights, once.weights, atol=1e-5)
    for name, values in once.columns.items():
        if name != "status":
            np.testing.assert_allclose(again.columns[name], values, rtol=1e-5)


def test_names_tell_students_and_settings_apart():
    names = [student.name for student in (*ALL, *STUDENTS.values())]
    assert len(set(names)) == len({*ALL, *STUDENTS.values()})
    assert MaxMarginStudent().name == "max_margin"
    assert Gibbs(50).name == "gibbs(samples=50)"
    assert Gradient(epochs=3).name.startswith("gradient(loss=logistic, optimizer=sgd")


def test_students_by_name():
    for name, student in STUDENTS.items():
        assert resolve_student(name) is student
    assert resolve_student(ALL[3]) is ALL[3]
    with pytest.raises(pt.InputError, match="did you mean 'perceptron'"):
        resolve_student("percetron")
    with pytest.raises(pt.InputError, match="max_margin, perceptron"):
        resolve_student(3)


def test_the_max_margin_student_is_that_of_the_function():
    found = MaxMarginStudent()(SETS, KEYS)
    exact = max_margin(SETS)
    # which fills up a few small sets
    np.testing.assert_allclose(found.weights, exact.weights, rtol=0, atol=1e-7)
    assert (found.certificate <= 1e-10).all()
    opposed = np.concatenate([SETS, -SETS[:, :1]], axis=1)
    assert not MaxMarginStudent()(opposed, KEYS).done.any()


def test_the_convex_student_is_the_minimum_by_its_gradient():
    found = ConvexRidge("logistic", ridge=0.1)(SETS, KEYS)
    w = found.weights * found.columns["length"][:, None]
    slope = -1 / (1 + np.exp(np.einsum("bpn,bn->bp", SETS, w)))
    gradient = np.einsum("bp,bpn->bn", slope, SETS) / 12 + 0.1 * w
    proved = np.linalg.norm(gradient, axis=1) / 0.1 / found.columns["length"]
    np.testing.assert_allclose(proved, found.certificate, rtol=1e-5)
    assert (found.certificate <= 1e-6).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "student", [pytest.param("gibbs", marks=pytest.mark.slow), "bayes_point"]
)
def test_samplers_agree_with_the_theory(student):
    """Errors of single students and of centres of mass, N = 40 for infinity."""
    point = Point(1.0, 0.5, 0.3)
    sets = np.array(training_sets(point, size=40, draws=64, seed=1))
    kind = {"gibbs": Gibbs, "bayes_point": BayesPoint}[student]
    keys = jax.random.split(KEYS[0], 64)
    found = kind(samples=8)(sets, keys)
    assert found.done.all() and (found.certificate > 4).all()
    theory = pt.solve(alpha_prune=1.0, keep_fraction=0.5, theta=0.3, student=student)
    own = np.arccos(found.weights[:, 0]) / np.pi
    q = found.columns["self_overlap"]
    for values, exact in (
        (own, theory.error),
        (found.columns["mean_error"], theory.error),
        (q, theory.self_overlap),
    ):
        bar = values.std(ddof=1) / 8
        assert abs(values.mean() - exact) < 4 * bar + 0.015 * exact, (student, exact)


@pytest.mark.parametrize(
    "examples, key, message",
    [
        (SETS[0], KEYS, "shape"),
        (SETS[:, :0], KEYS, "shape"),
        (SETS, KEYS[:3], "one key a set"),
        (SETS, KEYS[0], "one key a set"),
        (SETS, np.zeros((4, 2), np.uint32), "jax.random.key"),
    ],
)
@pytest.mark.parametrize("student", [ALL[0], ALL[3]], ids=["max_margin", "gradient"])
def test_what_is_no_batch_is_refused(student, examples, key, message):
    with pytest.raises(pt.InputError, match=message):
        student(examples, key)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Perceptron(0),
        lambda: MinOver(tolerance=0.0),
        lambda: MinOver(max_updates=0),
        lambda: ConvexRidge("logistic", ridge=0.0),
        lambda: ConvexRidge("logistc", ridge=1.0),
        lambda: ConvexRidge("logistic", ridge=1.0, tolerance=1.0),
        lambda: Gibbs(3),
        lambda: BayesPoint(3),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(pt.InputError):
        make()
