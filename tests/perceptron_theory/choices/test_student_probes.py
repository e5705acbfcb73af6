"""Students that select for each other: limits, rest, bounds, what is refused."""

import numpy as np
import pytest

import perceptron_theory as pt


def test_random_examples_teach_the_same_in_every_round():
    found = pt.selection_rounds(
        rounds=3, alpha_prune=[1.0, 2.0, 5.0], keep_fraction=0.3, rule="random"
    )
    alone = pt.solve(alpha_prune=[1.0, 2.0, 5.0], keep_fraction=1.0, rule="random")
    np.testing.assert_allclose(found["error"][1:], alone.error, rtol=1e-9)
    np.testing.assert_allclose(found["random_error"][1:], alone.error, rtol=1e-9)
    np.testing.assert_allclose(found["labels"], [0.0, 1.0, 3.0, 8.0])
    of_all = pt.solve(alpha_prune=8.0, keep_fraction=1.0, rule="random").error
    assert float(found["random_all_error"][-1]) == pytest.approx(of_all, rel=1e-9)


def test_a_probe_that_knows_nothing_selects_like_chance():
    for rule in ("hard", "easy", pt.Window(0.3)):
        found = pt.selection_rounds(
            rounds=1, alpha_prune=2.0, keep_fraction=0.4, rule=rule
        )
        expected = float(found["random_error"][1])
        assert float(found["error"][1]) == pytest.approx(expected, rel=1e-8)


@pytest.mark.slow
def test_each_round_is_one_solve_at_the_last_error():
    noisy = pt.Convex("square", 0.3, label_noise="probit:0.4")
    found = pt.selection_rounds(
        rounds=3,
        alpha_tot=[5.0, 10.0, 20.0],
        keep_fraction=[1.0, 0.5, 0.3],
        student=noisy,
        first_theta=1.0,
    )
    error = found["error"].values
    assert error[0] == 1.0 / np.pi
    for k, (pool, f) in enumerate(((5.0, 1.0), (10.0, 0.5), (20.0, 0.3))):
        at = {"alpha_tot": pool, "keep_fraction": f, "student": noisy}
        alone = pt.solve(**at, theta=np.pi * error[k])
        assert error[k + 1] == pytest.approx(alone.error, rel=1e-12)
        perfect = pt.solve(**at, theta=0.0).error
        assert float(found["perfect_error"][k + 1]) == pytest.approx(perfect, rel=1e-9)
    np.testing.assert_allclose(found["gain"][1:], error[:-1] / error[1:])


def test_rounds_end_at_a_fixed_point_whose_slope_is_that_of_the_approach():
    how = {"alpha_prune": 4.0, "keep_fraction": 0.4}
    rest = pt.selection_fixed_points(**how)
    solved = pt.solve(theta=rest["theta"].values, **how).error
    np.testing.assert_allclose(solved, rest["error"], atol=1e-9)
    best = rest.isel(fixed_point=0)
    assert bool(best["stable"])
    found = pt.selection_rounds(rounds=12, first_theta=0.1, **how)
    apart = found["error"].values - float(best["error"])
    assert abs(apart[-1]) < 1e-6
    assert apart[4] / apart[3] == pytest.approx(float(best["slope"]), rel=0.05)


def test_too_small_a_part_of_a_poor_probe_traps_the_students():
    how = {"alpha_prune": 4.0, "keep_fraction": 0.2}
    rest = pt.selection_fixed_points(**how)
    assert rest["stable"].values.tolist() == [True, False, True]
    good, watershed, poor = rest["theta"].values
    assert float(rest["error"][2]) > float(rest["random_error"][2])
    for start, end in ((0.98 * watershed, good), (1.02 * watershed, poor)):
        found = pt.selection_rounds(rounds=30, first_theta=start, **how)
        assert np.pi * float(found["error"][-1]) == pytest.approx(end, abs=1e-4)


def test_the_best_fraction_beats_every_given_one_and_not_the_perfect_probe():
    how = {"rounds": 3, "alpha_prune": 4.0}
    best = pt.selection_rounds(keep_fraction="best", max_alpha_tot=40.0, **how)
    error = best["error"].values
    assert (np.diff(error) < 0).all()
    assert (error[1:] >= best["perfect_error"].values[1:]).all()
    assert (best["alpha_tot"].values[1:] <= 40.0 * (1 + 1e-9)).all()
    for f in (0.2, 0.5, 0.9):
        last = pt.solve(alpha_prune=4.0, keep_fraction=f, theta=np.pi * error[2]).error
        assert error[3] <= last * (1 + 1e-9)


def test_gain_at_small_errors_is_that_of_the_small_angle_limit():
    load, theta = 4.0, 1e-4
    limit = pt.best_fraction_scaling(load)
    found = pt.selection_rounds(
        rounds=1,
        alpha_prune=load,
        keep_fraction=float(limit.f_over_theta) * theta,
        first_theta=theta,
    )
    expected = 1.0 / (np.pi * float(limit.error_over_theta))
    assert float(found["gain"][1]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_a_probe_worse_than_chance_is_the_opposite_of_a_better_one():
    how = {"alpha_prune": 2.0, "keep_fraction": 0.3, "margin": "signed"}
    student = pt.Convex("square", 0.3, flip_probability=0.2)
    # hard for a good probe are the wrong labels
    found = pt.selection_rounds(rounds=2, student=student, first_theta=0.1, **how)
    error = found["error"].values
    assert error[1] > 0.5
    theta = np.pi * error[1]
    turned = pt.solve(rule="easy", theta=np.pi - theta, student=student, **how).error
    assert error[2] == pytest.approx(float(turned), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rounds": 0}, "rounds must be a whole number of at least 1, got 0"),
        ({"alpha_prune": [1.0, 2.0, 3.0]}, "one for each of 2 rounds"),
        ({"alpha_prune": -1.0}, "alpha_prune must be positive"),
        ({"keep_fraction": 1.5}, r"keep_fraction must be in \(0, 1\]"),
        ({"keep_fraction": "good"}, "or 'best', got 'good'"),
        ({"keep_fraction": "best", "margin": "signed"}, "absolute margin"),
        ({"max_alpha_tot": 9.0}, "goes with keep_fraction='best'"),
        ({"first_theta": 2.0}, "first_theta must be in"),
        ({"alpha_tot": 2.0}, "exactly one of alpha_prune and alpha_tot"),
    ],
)
def test_what_is_refused(change, message):
    how = {"rounds": 2, "alpha_prune": 2.0, "keep_fraction": 0.5}
    with pytest.raises(pt.InputError, match=message):
        pt.selection_rounds(**(how | change))


def test_the_best_fraction_is_for_a_number_of_labels():
    with pytest.raises(pt.InputError, match="give alpha_prune"):
        pt.selection_rounds(rounds=2, alpha_tot=9.0, keep_fraction="best")
