"""Self-training: limits in closed form, fixed points, what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.solving.one_round import Mirrored

THREE = pt.ThreeDirections(*np.deg2rad([30.0, 20.0, 35.0]))


def test_without_pruning_every_round_shrinks_both_cosines():
    found = pt.self_training(THREE, rounds=4, alpha_tot=4.0, keep_fraction=1.0)
    overlap = pt.solve(alpha_prune=4.0, keep_fraction=1.0, rule="random").overlap
    powers = overlap ** np.arange(5)
    cosine = np.cos(THREE.label_angle) * powers
    np.testing.assert_allclose(found["cosine"], cosine, rtol=1e-9)
    probe = np.cos(THREE.between) * powers
    np.testing.assert_allclose(found["probe_cosine"], probe, rtol=1e-9)
    labels = found["label_error"].values[1:]
    np.testing.assert_allclose(labels, np.arccos(overlap) / np.pi, rtol=1e-9)


@pytest.mark.slow
def test_the_first_round_is_that_of_three_directions():
    how = {"alpha_tot": 4.0, "keep_fraction": 0.4, "rule": pt.Agreeing("hard")}
    student = pt.Convex("logistic", 0.1, 0.05)
    found = pt.self_training(THREE, rounds=1, student=student, **how)
    one = pt.solve(theta=THREE.between, student=student, **how)
    assert float(found["error"][1]) == float(one.error_against(THREE))
    assert float(found["label_error"][1]) == float(one.error)


@pytest.mark.slow
def test_an_unstable_fixed_point_parts_what_survives_from_what_collapses():
    how = {"alpha_tot": 5.0, "keep_fraction": 0.2, "rule": "easy"}
    rest = pt.self_training_fixed_points(probe_angle=THREE.probe_angle, **how)
    # collapse, a threshold, and a place to rest
    assert rest["stable"].values.tolist() == [True, False, True]
    assert rest["probe_cosine"].values[0] == 0
    best, watershed = rest["error"].values[2], rest["probe_cosine"].values[1]
    errors = []
    for start in np.arccos(watershed) + np.array([-0.15, 0.15]):
        three = pt.ThreeDirections(start - THREE.probe_angle, THREE.probe_angle, start)
        found = pt.self_training(three, rounds=10, **how)
        errors.append(found["error"].values)
    assert errors[0][-1] == pytest.approx(best, abs=1e-4)
    assert (np.diff(errors[1]) > 0).all()
    assert errors[1][-1] > 0.35


def test_what_is_known_beside_the_probe_is_lost_at_the_stated_rate():
    how = {"alpha_tot": 5.0, "keep_fraction": 0.4, "rule": pt.Agreeing("easy")}
    found = pt.self_training(THREE, rounds=8, **how)
    x, c = found["probe_cosine"].values, found["cosine"].values
    beside = c - x * np.cos(THREE.probe_angle)
    rest = pt.self_training_fixed_points(probe_angle=THREE.probe_angle, **how)
    at = float(rest["probe_cosine"][-1])
    overlap = pt.solve(theta=np.arccos(at), **how).overlap
    rate = (overlap - at**2) / (1 - at**2)
    assert beside[5] / beside[4] == pytest.approx(rate, rel=1e-5)
    assert c[-1] == pytest.approx(at * np.cos(THREE.probe_angle), abs=1e-9)
    # the slope, from the approach itself
    slope = (x[3] - at) / (x[2] - at)
    assert float(rest["slope"][-1]) == pytest.approx(slope, rel=0.05)


def test_beyond_a_right_angle_the_probe_is_turned_round():
    theta = 2.0
    how = {"alpha_prune": 1.5, "keep_fraction": 0.3, "theta": np.pi - theta}
    # the hard half of one probe is the easy half of its opposite
    for rule, other in (("hard", "easy"), (pt.Window(0.1), pt.Window(0.6))):
        turned = pt.solve(
            rule=Mirrored(pt.resolve_rule(rule)), margin="signed", **how
        ).error
        assert turned == pytest.approx(
            pt.solve(rule=other, margin="signed", **how).error, rel=1e-12
        )


@pytest.mark.slow
def test_hard_pruning_by_disagreement_turns_students_against_the_probe():
    how = {"alpha_tot": 5.0, "keep_fraction": 0.2, "rule": "hard", "margin": "signed"}
    found = pt.self_training(THREE, rounds=8, **how)
    rest = pt.self_training_fixed_points(probe_angle=THREE.probe_angle, **how)
    assert rest["probe_cosine"].values[0] < -0.8
    end = float(found["probe_cosine"][-1])
    assert end == pytest.approx(float(rest["probe_cosine"][0]), abs=1e-6)
    assert float(found["error"][-1]) == pytest.approx(float(rest["error"][0]), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rounds": 0}, "rounds must be a whole number of at least 1, got 0"),
        ({"rounds": 2.5}, "rounds must be a whole number"),
        ({"alpha_tot": [1.0, 2.0]}, "alpha_tot must be one number here, got 2"),
        ({"keep_fraction": [0.1, 0.2]}, "keep_fraction must be one number"),
        ({"keep_fraction": 1.5}, r"keep_fraction must be in \(0, 1\]"),
        ({"rule": pt.Agreeing("hard"), "keep_fraction": 0.9}, "label agree"),
        ({"directions": 0.3}, "ThreeDirections, got float"),
        ({"alpha_prune": 2.0}, "exactly one of alpha_prune and alpha_tot"),
        ({"margin": "sign"}, "did you mean 'signed'"),
    ],
)
def test_what_is_refused(change, message):
    how = {"directions": THREE, "rounds": 2, "alpha_tot": 4.0, "keep_fraction": 0.5}
    with pytest.raises(pt.InputError, match=message):
        pt.self_training(**(how | change))


@pytest.mark.slow
def test_fixed_points_of_label_aware_keeping_where_enough_agrees():
    how = {"alpha_tot": 5.0, "probe_angle": 0.35}
    rule = pt.Agreeing("random")
    all_that_agree = pt.Agreeing(pt.KeepProbability(jnp.ones_like))
    for keep in ({"keep_fraction": 0.7, "rule": rule}, {"rule": all_that_agree}):
        rest = pt.self_training_fixed_points(**keep, **how)
        assert rest["stable"].values.tolist() == [True]


def test_fixed_points_that_cannot_be_are_refused():
    how = {"alpha_tot": 5.0, "probe_angle": 0.35}
    with pytest.raises(pt.InputError, match="more than agrees with any probe"):
        pt.self_training_fixed_points(
            rule=pt.Agreeing("random"),
            keep_fraction=0.95,
            student=pt.Convex("logistic", 0.1, 0.1),
            **how,
        )
    with pytest.raises(pt.InputError, match="probe_angle"):
        pt.self_training_fixed_points(alpha_tot=5.0, keep_fraction=1.0, probe_angle=4.0)
