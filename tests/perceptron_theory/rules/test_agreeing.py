"""Label-aware keeping: what it keeps, what it refuses, its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.rules.agreeing import AgreeingAt, disagreeing_part
from simulations.perceptron import Point, averages, simulate

ALL = pt.Agreeing(pt.KeepProbability(jnp.ones_like))


def test_of_the_signed_margin_it_is_a_window_that_begins_at_zero():
    theta = np.array([0.0, 0.2, 1.0, np.pi / 2])
    how = {"alpha_prune": 2.0, "keep_fraction": 0.4, "theta": theta}
    hard = pt.solve(rule=pt.Agreeing("hard"), **how).error
    window = pt.solve(rule=pt.Window(theta / np.pi), margin="signed", **how).error
    np.testing.assert_allclose(hard, window, rtol=1e-13)
    easy = pt.solve(rule=pt.Agreeing("easy"), **how).error
    signed = pt.solve(rule="easy", margin="signed", **how).error
    np.testing.assert_allclose(easy, signed, rtol=1e-13)


def test_which_margin_is_ranked_makes_no_difference():
    how = {"alpha_prune": 2.0, "keep_fraction": 0.4, "theta": 0.5}
    rule = pt.Agreeing(pt.Mixture(0.5))
    one, other = (pt.solve(rule=rule, margin=m, **how) for m in ("absolute", "signed"))
    assert one.error == other.error


@pytest.mark.slow
def test_all_that_agree_see_label_and_probe_alike():
    # y = sign of both: nothing tells generator and probe apart
    found = pt.solve(alpha_prune=2.0, theta=0.6, rule=ALL)
    assert found.overlap == pytest.approx(found.probe_overlap, rel=1e-10)
    assert found.keep_fraction == pytest.approx(1 - 0.6 / np.pi, rel=1e-10)
    # and so do a random part of them, of as many
    part = pt.solve(
        alpha_prune=2.0, keep_fraction=0.3, theta=0.6, rule=pt.Agreeing("random")
    )
    assert part.error == pytest.approx(found.error, rel=1e-9)


@pytest.mark.slow
def test_wrong_labels_agree_where_the_probe_is_wrong_too():
    p, theta = 0.1, 0.5
    how = {"alpha_prune": 2.0, "theta": theta, "loss": "logistic", "ridge": 0.1}
    found = pt.solve_convex(rule=ALL, flip_probability=p, **how)
    agree = 1 - disagreeing_part(theta, p)
    assert found.keep_fraction == pytest.approx(agree, rel=1e-9)
    part = pt.solve_convex(
        rule=pt.Agreeing("random"), keep_fraction=agree, flip_probability=p, **how
    )
    assert part.error == pytest.approx(found.error, rel=1e-9)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ({"keep_fraction": 0.9}, "label agree, 0.840845 here, got 0.9"),
        ({"keep_fraction": 90}, r"keep_fraction must be in \(0, 1\]"),
        ({}, "keep_fraction is missing"),
        ({"rule": ALL, "keep_fraction": 0.3}, "leave it out"),
        ({"rule": pt.Agreeing(pt.Window(0.6)), "keep_fraction": 0.4}, "Window.lower"),
        ({"rule": pt.Agreeing(pt.Agreeing("hard"))}, "not Agreeing itself"),
        ({"rule": pt.Agreeing("hart")}, "did you mean 'hard'"),
        ({"keep_fraction": 0.3, "theta": 30.0}, r"theta must be in \[0, pi/2\]"),
        ({"keep_fraction": [0.1, 0.2], "theta": [0.1, 0.2, 0.3]}, "do not broadcast"),
    ],
)
def test_what_cannot_be_kept_is_refused(keep, message):
    how = {"alpha_prune": 2.0, "theta": 0.5, "rule": pt.Agreeing("hard")} | keep
    with pytest.raises(pt.InputError, match=message):
        pt.solve(**how)


def test_functions_that_do_not_know_the_angle_refuse_it():
    with pytest.raises(pt.InputError, match="not here"):
        pt.threshold(0.3, rule=pt.Agreeing("hard"))
    with pytest.raises(pt.InputError, match="not here"):
        pt.power_law_coefficient(0.3, 0.3, rule=pt.Agreeing("hard"))


def test_inside_a_trace_too_much_is_not_a_number():
    rule = AgreeingAt(pt.resolve_rule("hard"), 0.3)
    assert bool(rule.fits(0.7)) and not bool(rule.fits(0.71))


@pytest.mark.slow
@pytest.mark.parametrize("student", ["max_margin", "convex"])
def test_the_derivatives_are_exact(student):
    def error(load, f, theta, flips):
        kind = student if student != "convex" else pt.Convex("logistic", 0.1, flips)
        how = {"theta": theta, "rule": pt.Agreeing("hard"), "student": kind}
        return pt.solve(alpha_tot=load, keep_fraction=f, **how).error

    at = np.array([5.0, 0.4, 0.45, 0.1])
    which = range(4 if student == "convex" else 3)
    with jax.enable_x64(True):
        gradient = np.array(jax.grad(error, tuple(which))(*at))
    steps = 1e-3 * np.array([-2, -1, 1, 2])
    moved = np.tile(at, (4, len(which), 1))
    for i in which:
        moved[:, i, i] += steps
    slopes = np.array([1, -8, 8, -1]) @ error(*moved.transpose(2, 0, 1)) / 12e-3
    np.testing.assert_allclose(gradient, slopes, rtol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [pt.Probit(0.5), pt.Logistic(0.3)])
def test_what_agrees_with_noisy_labels_is_what_is_kept_where_it_agrees(noise):
    """All that agree, by a probability of each margin, which knows no part of D."""
    how = {"alpha_prune": 2.0, "theta": 0.4, "loss": "square", "ridge": 0.1}
    every = pt.solve_convex(rule=ALL, label_noise=noise, **how)
    fraction = every.keep_fraction * (1.0 - 1e-9)
    ranked = pt.solve_convex(
        rule=pt.Agreeing("random"), keep_fraction=fraction, label_noise=noise, **how
    )
    assert float(ranked.error) == pytest.approx(float(every.error), rel=1e-7)
    with pytest.raises(pt.InputError, match="label agree"):
        pt.solve_convex(
            rule=pt.Agreeing("random"),
            keep_fraction=float(every.keep_fraction) + 0.01,
            label_noise=noise,
            **how,
        )


@pytest.mark.slow
def test_a_rule_can_be_differentiated_by_its_own_numbers():
    def error(lower):
        return pt.solve(
            alpha_prune=3.0, keep_fraction=0.3, theta=0.4, rule=pt.Window(lower)
        ).error

    with jax.enable_x64(True):
        gradient = float(jax.grad(error)(0.2))
    steps = np.array([-2e-3, -1e-3, 1e-3, 2e-3])
    slope = np.array([1, -8, 8, -1]) @ error(0.2 + steps) / 12e-3
    assert gradient == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize(
    "rule", ["hard", pt.Window(0.3), pytest.param("all", marks=pytest.mark.slow)]
)
def test_training_agrees_with_the_theory(rule):
    how = {"theta": 0.5, "rule": ALL if rule == "all" else pt.Agreeing(rule)}
    if rule != "all":
        how["keep_fraction"] = 0.4
    draws = simulate(Point(2.0, **how), size=100, draws=32, seed=3)
    mean, deviation = averages(draws)["error"].values
    assert abs(mean - pt.solve(alpha_prune=2.0, **how).error) < 4 * deviation


def test_the_simulator_refuses_what_does_not_agree():
    with pytest.raises(pt.InputError, match="label agree"):
        Point(2.0, 0.9, theta=0.5, rule=pt.Agreeing("hard"))
    point = Point(2.0, 0.8, theta=0.5, rule=pt.Agreeing("hard"))
    with pytest.raises(pt.InputError, match="label agree"):
        simulate(point, size=50, draws=2, seed=0, flip_probability=0.2)
    with pytest.raises(pt.InputError, match="pool='drawn'"):
        simulate(point, size=50, draws=2, seed=0, pool="direct")
    assert point.margin == "signed"
