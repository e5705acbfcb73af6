import math
from dataclasses import replace

import jax
import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import (
    ConvexRidge,
    Gradient,
    Perceptron,
    averages,
    max_margin,
)
from simulations.perceptron.studies.probe_epochs import probe_study
from simulations.perceptron.studies.trained_probe import (
    TrainedProbe,
    prune_by_trained_probe,
    simulate_trained_probe,
)

# N = 40, 200 in the pool, 60 kept
SETTING = {"alpha_tot": 5.0, "keep_fraction": 0.3, "size": 40, "seed": 0}
SHORT = Gradient(epochs=10)


def streams(draws: int):
    keys = jax.random.split(jax.random.key(0), draws)
    return [np.random.default_rng(n) for n in range(draws)], keys


def prune(probe: TrainedProbe, draws: int = 3, **options):
    sizes = {"size": 10, "total": 60, "kept": 12} | options
    return prune_by_trained_probe(*streams(draws), **sizes, probe=probe)


@pytest.mark.few(4)
@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("rule", ["hard", "easy"])
@pytest.mark.parametrize("own", [None, 3.0])
def test_the_kept_are_those_of_least_or_largest_margin(rule, margin, own):
    """The pool is drawn again from the same stream, and sorted by hand."""
    found = prune(TrainedProbe(SHORT, own), rule=rule, margin=margin)
    for n in range(3):
        x = np.random.default_rng(n).standard_normal((60, 10))
        signed = np.sign(x[:, :1]) * x
        margins = signed @ found.probes[n]
        margins = abs(margins) if margin == "absolute" else margins
        order = np.argsort(margins)
        wanted = signed[order[:12] if rule == "hard" else order[-12:]]
        np.testing.assert_array_equal(
            np.sort(found.examples[n], axis=0), np.sort(wanted, axis=0)
        )
        assert found.theta[n] == pytest.approx(math.acos(found.probes[n, 0]))
        if own is None:
            wrong = (signed @ found.probes[n] <= 0).mean()
            assert wrong == found.training_error[n]


def test_one_step_on_a_pool_is_a_hebbian_probe():
    """theta = arctan(sqrt(pi/(2 alpha))) at N -> infinity."""
    hebb = TrainedProbe(Gradient(epochs=1, batch_size=None))
    theta = prune(hebb, 100, size=60, total=300, kept=60).theta
    exact = math.atan(math.sqrt(math.pi / 10))
    assert abs(theta.mean() - exact) < 4 * theta.std() / 10 + exact / 60


@pytest.mark.slow
def test_a_max_margin_probe_keeps_the_student_of_its_pool():
    """Its support vectors have the least margins: the student trained on them is it."""
    probe = TrainedProbe("max_margin")
    draws = simulate_trained_probe(probe, draws=6, **SETTING)
    np.testing.assert_allclose(draws.error, draws.probe_error, atol=1e-5)
    assert (draws.training_error == 0).all()
    assert (draws.predicted > 2 * draws.error).all()  # what the theory says of theta
    # as many support vectors as there are dimensions, at most: fewer are not enough
    fewer = simulate_trained_probe(probe, draws=6, **SETTING | {"keep_fraction": 0.05})
    assert (fewer.error > 1.5 * fewer.probe_error).all()


@pytest.fixture(scope="module")
def study():
    return probe_study((1, 10, 100), (5.0,), size=40, draws=64).sel(alpha_tot=5.0)


@pytest.mark.slow
def test_the_theory_holds_for_a_probe_with_examples_of_its_own(study):
    found = study.sel(trained_on="own", keep_fraction=0.3)
    off, bar = found.difference.sel(statistic=["mean", "standard_error"]).values.T
    allowance = 0.5 / 40 * found.predicted.sel(statistic="mean")  # of finite N
    assert (abs(off) < 4 * bar + allowance).all()


@pytest.mark.slow
def test_the_theory_fails_for_a_probe_trained_on_its_pool(study):
    found = study.sel(trained_on="pool", keep_fraction=0.3)
    off, bar = found.difference.sel(statistic=["mean", "standard_error"]).values.T
    assert (off < -10 * bar).all()
    ratio = found.error.sel(statistic="mean") / found.predicted.sel(statistic="mean")
    assert (np.diff(ratio) < 0).all() and ratio[-1] < 0.4
    # longer training is a smaller angle, whatever the probe is trained on
    theta = study.theta.sel(keep_fraction=0.3, statistic="mean")
    assert (theta.diff("epochs") < 0).all()
    np.testing.assert_allclose(*theta.values, rtol=0.1)


def test_the_rule_random_does_not_ask_the_probe():
    table = averages(
        simulate_trained_probe(TrainedProbe(SHORT), draws=64, rule="random", **SETTING)
    )
    off, bar = table.difference.values
    assert abs(off) < 4 * bar + 0.01 * table.predicted.values[0]


@pytest.mark.slow
def test_draws_are_the_same_however_they_are_asked_for(monkeypatch):
    probe = TrainedProbe(SHORT)
    whole = simulate_trained_probe(probe, draws=5, **SETTING)
    last = simulate_trained_probe(probe, draws=2, first=3, **SETTING)
    np.testing.assert_allclose(last.error, whole.error[3:], rtol=1e-6)
    np.testing.assert_array_equal(last.theta, whole.theta[3:])
    monkeypatch.setattr(
        "simulations.perceptron.studies.trained_probe._CHUNK_NUMBERS", 1
    )
    single = simulate_trained_probe(probe, draws=5, **SETTING)
    np.testing.assert_array_equal(single.theta, whole.theta)
    assert whole.attrs["pool"] == 200 and (whole.kept == 60).all()
    assert "epochs=10" in whole.attrs["probe"] and "the pool" in whole.attrs["probe"]
    other = simulate_trained_probe(TrainedProbe(SHORT, 5.0), draws=5, **SETTING)
    assert (other.theta != whole.theta).all()
    assert "of its own" in other.attrs["probe"]


def test_a_perceptron_may_be_the_probe_and_what_is_kept_is_separable():
    found = prune(TrainedProbe(Perceptron()))
    assert (max_margin(found.examples).margin > 0).all()
    assert (found.training_error == 0).all()


@pytest.mark.slow
def test_a_ridge_probe_of_the_pool_obeys_the_theory_of_its_own():
    pool = {"alpha_tot": 4.0, "keep_fraction": 0.3, "margin": "signed"}
    ridge = ConvexRidge("square", 0.1)
    table = averages(
        simulate_trained_probe(
            TrainedProbe(ridge), student=ridge, size=100, draws=64, seed=0, **pool
        )
    )
    loss = pt.Convex("square", 0.1)
    own = pt.solve_own_probe(probe=loss, student=loss, **pool)
    mean, bar = table.error.values
    assert abs(mean - own.error) < 4 * bar
    assert table.predicted.values[0] > 1.5 * mean
    assert abs(table.theta.values[0] - own.theta) < 4 * table.theta.values[1]


def test_bad_input_is_refused():
    with pytest.raises(pt.InputError, match="own_load must be positive"):
        TrainedProbe(SHORT, 0.0)
    with pytest.raises(pt.InputError, match="unknown student"):
        TrainedProbe("sdg")
    with pytest.raises(pt.InputError, match="raise own_load"):
        prune(TrainedProbe(SHORT, 0.01))
    with pytest.raises(pt.InputError, match="KeepProbability"):
        prune(TrainedProbe(SHORT), rule=pt.KeepProbability(lambda m: m))
    with pytest.raises(pt.InputError, match="margin"):
        prune(TrainedProbe(SHORT), margin="absolut")
    with pytest.raises(pt.ConvergenceError, match="did not reach its goal"):
        prune(TrainedProbe(Gradient(epochs=1, complete=True)))
    for wrong in ({"alpha_tot": 0.0}, {"size": 1}, {"first": -1}):
        options = SETTING | {"draws": 2} | wrong
        with pytest.raises(pt.InputError, match=next(iter(wrong))):
            simulate_trained_probe(TrainedProbe(SHORT), **options)
    with pytest.raises(pt.InputError, match="student must be one with a theory"):
        simulate_trained_probe(TrainedProbe(SHORT), student=SHORT, draws=2, **SETTING)
    with pytest.raises(pt.InputError, match="at least 2 draws"):
        probe_study(draws=1)


class Contrary:
    """A user's student: the opposite of what was learnt."""

    name, certificate_name, padding = "contrary", "none", "zero"

    def __call__(self, examples, key):
        learnt = SHORT(examples, key)
        return replace(learnt, weights=-learnt.weights)


@pytest.mark.slow
def test_a_probe_worse_than_chance_is_not_given_to_the_theory():
    with pytest.raises(pt.InputError, match="worse than chance"):
        simulate_trained_probe(TrainedProbe(Contrary()), draws=2, **SETTING)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"pool": "direct"}, "needs pool='drawn'"),
        ({"pool": "lazy"}, "must be one of"),
        ({"size": 10**5, "alpha_tot": 50.0}, r"GiB.*lower alpha_tot"),
    ],
)
def test_pools_that_a_probe_cannot_see_are_refused(change, message):
    request = {"alpha_tot": 3.0, "keep_fraction": 0.5, "size": 8, "draws": 2, "seed": 0}
    with pytest.raises(pt.InputError, match=message):
        simulate_trained_probe(TrainedProbe(), **request | change)
