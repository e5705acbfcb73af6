import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

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
    simulate,
    summarize,
)
from simulations.perceptron.running import experiment

POINT = Point(2.0, 0.5, 0.5, "hard", "signed")


def test_draws_do_not_depend_on_how_they_are_asked_for():
    together = simulate(POINT, size=12, draws=5, seed=3)
    assert together.draw.values.tolist() == [0, 1, 2, 3, 4]
    later = simulate(POINT, size=12, draws=2, seed=3, first=3)
    xr.testing.assert_identical(together.isel(draw=slice(3, 5)), later)


STUDENTS = (
    MaxMarginStudent(),
    Perceptron(),
    MinOver(tolerance=0.1),
    Gradient(epochs=5, batch_size=8),
    ConvexRidge("logistic", ridge=0.1),
    Gibbs(samples=20),
    BayesPoint(samples=20),
)


@pytest.mark.few(3)
@pytest.mark.parametrize("student", STUDENTS, ids=lambda student: student.name)
def test_a_few_draws_are_those_of_many(student):
    """To the last bit, but of max margin, of which NumPy trains a few and XLA many."""
    point = Point(3.0, 0.5, 0.3, student=student)
    many = simulate(point, size=12, draws=40, seed=7).isel(draw=slice(5))
    few = simulate(point, size=12, draws=5, seed=7)
    if student.name == "max_margin":
        names = ["error", "overlap", "margin", "kept"]
        xr.testing.assert_allclose(few[names], many[names], rtol=1e-9)
    else:
        xr.testing.assert_identical(few, many)


def test_draws_differ_by_seed_point_and_number():
    errors = simulate(POINT, size=12, draws=4, seed=3).error.values
    assert len(set(errors)) == 4
    other_seed = simulate(POINT, size=12, draws=4, seed=4).error.values
    assert not np.isin(other_seed, errors).any()
    absolute = Point(2.0, 0.5, 0.5, "hard", "absolute")
    assert not np.isin(simulate(absolute, size=12, draws=4, seed=3).error, errors).any()


def test_precision_is_no_part_of_the_random_stream():
    rough = Point(2.0, 0.5, 0.5, "hard", "signed", precision=0.5)
    assert rough.stream == POINT.stream
    assert rough.label == Point(2.0, 0.5, 0.5, pt.Hard(), "signed").label


def test_columns_describe_the_student():
    draws = simulate(POINT, size=12, draws=4, seed=0)
    assert (draws.status == 0).all() and (draws.certificate <= 1e-10).all()
    np.testing.assert_allclose(np.cos(np.pi * draws.error), draws.overlap, rtol=1e-12)
    assert (abs(draws.probe_overlap) <= 1).all() and (draws.margin > 0).all()
    assert (draws.kept == 24).all() and draws.attrs["pool"] == 48


def test_the_error_is_that_of_fresh_examples():
    """arccos(R)/pi is the disagreement of two half-spaces: measure it."""
    rng = np.random.default_rng(0)
    examples = rng.normal(size=(20, 6))
    examples[:, 0] = abs(examples[:, 0])
    w = max_margin(examples).weights
    fresh = rng.normal(size=(200_000, 6))
    wrong = ((fresh @ w > 0) != (fresh[:, 0] > 0)).mean()
    trained = MaxMarginStudent()(examples[None], jax.random.split(jax.random.key(0), 1))
    error = float(experiment._measure(trained, 0.0)["error"][0])
    assert wrong == pytest.approx(error, abs=4 * (0.25 / 200_000) ** 0.5)


@pytest.mark.slow
def test_random_pruning_is_no_pruning_of_a_smaller_pool():
    """Random at f = 0.25 and at f = 1 have the same law, by different draws."""
    pruned = simulate(Point(1.5, 0.25, rule="random"), size=20, draws=192, seed=1)
    whole = simulate(Point(1.5, 1.0, rule="random"), size=20, draws=192, seed=1)
    one, two = summarize(pruned), summarize(whole)
    spread = np.hypot(one.standard_error, two.standard_error)
    assert abs(one.mean - two.mean) < 4 * spread


def test_theta_zero_makes_the_conventions_one():
    for rule in ("hard", "easy"):
        absolute = simulate(Point(1.5, 0.5, 0.0, rule), size=20, draws=192, seed=1)
        signed = simulate(
            Point(1.5, 0.5, 0.0, rule, "signed"), size=20, draws=192, seed=1
        )
        one, two = summarize(absolute), summarize(signed)
        spread = np.hypot(one.standard_error, two.standard_error)
        assert abs(one.mean - two.mean) < 4 * spread


@pytest.mark.slow
def test_a_keep_probability_that_jumps_is_the_hard_rule():
    """q(z) = 1 for |z| < gamma(1/2): the hard rule but for the fluctuation of P."""
    gamma = 0.6744897501960817
    jump = pt.KeepProbability(
        lambda z: jnp.where(z < gamma, 1.0, 0.0), breakpoints=(gamma,)
    )
    soft = Point(1.5, None, 0.3, jump)
    assert soft.fraction == pytest.approx(0.5, abs=1e-12)
    draws = simulate(soft, size=30, draws=192, seed=2)
    assert draws.kept.std() > 0
    hard = simulate(Point(1.5, 0.5, 0.3, "hard"), size=30, draws=192, seed=2)
    one, two = summarize(draws), summarize(hard)
    assert one.alpha_prune == pytest.approx(1.5, abs=0.05)
    # the fluctuations of P shift the mean by an amount of order 1/N
    spread = np.hypot(one.standard_error, two.standard_error) + 0.5 * two.mean / 30
    assert abs(one.mean - two.mean) < 4 * spread


def test_a_keep_probability_beyond_one_is_refused():
    rule = pt.KeepProbability(lambda z: 1.5 - 0 * z)
    with pytest.raises(pt.InputError, match=r"must lie in \[0, 1\]"):
        simulate(Point(1.0, None, 0.0, rule), size=10, draws=2, seed=0)


@pytest.mark.slow
def test_a_small_kept_fraction_is_affordable_and_accurate():
    """alpha = 3, f -> 0: error a(3) f, a(3) = 0.176403 (theory notes, section 3)."""
    found = summarize(simulate(Point(3.0, 1e-3), size=100, draws=8, seed=0))
    assert found.mean == pytest.approx(0.1764e-3, rel=0.15)


def test_summary_statistics():
    errors = np.random.default_rng(0).exponential(size=4000)
    draws = xr.Dataset(
        {"error": ("draw", errors), "kept": ("draw", np.full(4000, 30))},
        attrs={"N": 20, "pool": 60},
    )
    found = summarize(draws)
    assert (found.alpha_prune, found.keep_fraction, found.draws) == (1.5, 0.5, 4000)
    assert found.mean == pytest.approx(errors.mean())
    assert found.standard_error == pytest.approx(4000**-0.5, rel=0.1)
    # density of the exponential law at its median is 1/2: error 1/sqrt(n)
    assert found.median_error == pytest.approx(4000**-0.5, rel=0.25)
    with pytest.raises(pt.InputError, match="at least 2"):
        summarize(draws.isel(draw=[0]))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"alpha_prune": 0.0}, "alpha_prune must be positive"),
        ({"alpha_prune": float("nan")}, "alpha_prune must be positive"),
        ({"keep_fraction": 0.0}, "keep_fraction must lie"),
        ({"keep_fraction": None}, "keep_fraction must lie"),
        ({"theta": 10.0}, "degrees"),
        ({"rule": "hrad"}, "did you mean 'hard'"),
        ({"margin": "sgned"}, "did you mean 'signed'"),
        ({"precision": 0.0}, "precision"),
        ({"rule": pt.KeepProbability(jnp.tanh)}, "leave it out"),
    ],
)
def test_points_outside_the_domain_are_refused(change, message):
    with pytest.raises(pt.InputError, match=message):
        Point(**{"alpha_prune": 1.0, "keep_fraction": 0.5, **change})


@pytest.mark.parametrize("change", [{"size": 1}, {"draws": 0}, {"first": -1}])
def test_impossible_experiments_are_refused(change):
    with pytest.raises(pt.InputError, match="need size"):
        simulate(POINT, **{"size": 4, "draws": 2, "seed": 0, **change})


def test_a_student_that_does_not_reach_its_goal_stops_the_experiment():
    hurried = Point(2.0, 0.5, 0.5, "hard", "signed", student=Perceptron(max_updates=2))
    with pytest.raises(pt.ConvergenceError, match=r"did not reach.*training mistakes"):
        simulate(hurried, size=12, draws=1, seed=0)
