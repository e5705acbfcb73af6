"""The student of largest margin beside the old one, its units, derivatives, limits."""

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm

import perceptron_theory as pt

THETA = 0.35
SAME = "error", "overlap", "probe_overlap", "margin"


def _agree(new, old, names=SAME, rtol=1e-8):
    for name in names:
        one, other = getattr(new, name), getattr(old, name)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(
    ("rule", "margin", "theta"),
    [
        ("hard", "absolute", 0.0),
        pytest.param("hard", "signed", THETA, marks=pytest.mark.slow),
    ],
)
def test_isotropic_inputs_give_the_old_student(rule, margin, theta):
    how = {"alpha_prune": 3.0, "keep_fraction": 0.3, "rule": rule, "margin": margin}
    old = pt.solve(**how, theta=theta)
    _agree(pt.solve(**how, inputs=pt.Inputs.isotropic(theta)), old)
    _agree(pt.solve(**how, theta=theta, student=pt.HardMargin()), old)


@pytest.mark.slow
@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("rule", ["hard", "easy", pt.Window(0.2), pt.Mixture(0.3)])
@pytest.mark.parametrize("theta", [0.0, 0.2, np.pi / 2])
def test_isotropic_inputs_of_every_kind_give_the_old_student(rule, margin, theta):
    how = {
        "alpha_prune": np.array([0.3, 2.0, 10.0, 1e4]),
        "keep_fraction": np.array([[0.03], [0.3], [0.7]]),
        "rule": rule,
        "margin": margin,
    }
    old = pt.solve(**how, theta=theta)
    _agree(pt.solve(**how, theta=theta, student=pt.HardMargin()), old)
    new = pt.solve(**how, inputs=pt.Inputs.isotropic(theta))
    _agree(new, old)


def test_probabilities_of_the_margin_are_rules_too():
    soft = pt.KeepProbability(lambda z: np.e ** (-z * z))
    old = pt.solve(alpha_prune=2.0, rule=soft)
    _agree(pt.solve(alpha_prune=2.0, rule=soft, student=pt.HardMargin()), old)


def test_units_of_the_inputs_are_those_of_the_margin():
    one = pt.Inputs.power_law(30, 1.2, teacher=0.3, theta=0.4)
    unit = 7.0
    other = pt.Inputs.of_directions(
        unit * one.eigenvalues, unit**0.5 * one.label, unit**0.5 * one.across, one.theta
    )
    how = {"alpha_prune": 2.0, "keep_fraction": 0.5}
    old, new = (pt.solve(**how, inputs=inputs) for inputs in (one, other))
    _agree(new, old, ("error", "fields", "norm"), 1e-10)
    assert new.margin == pytest.approx(unit**0.5 * old.margin, rel=1e-10)


def test_directions_that_the_inputs_show_as_one():
    inputs = pt.Inputs([2.0, 1.0], label=[1.0, 0.2], probe=[0.0, 0.0], cosine=0.0)
    one = pt.solve(alpha_prune=0.8, keep_fraction=0.5, inputs=inputs)
    # nothing of the probe is shown: the student has no weight on it
    assert one.fields[1] == pytest.approx(0.0, abs=1e-12)
    # the margin of the equations, by its derivative: at a load more the length of the
    # weights grows by what the examples pull, so that the margin falls
    more = pt.solve(alpha_prune=0.9, keep_fraction=0.5, inputs=inputs)
    assert 0 < more.margin < one.margin
    coin = pt.Inputs([2.0, 1.0], label=[0.0, 0.0], probe=[1.0, 0.5], cosine=0.0)
    sol = pt.solve(alpha_prune=0.8, keep_fraction=1.0, rule="random", inputs=coin)
    assert sol.error == pytest.approx(0.5, abs=1e-12)


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    base = pt.Inputs.power_law(12, 1.2, teacher=0.3, theta=0.4)

    def told(x):
        inputs = pt.Inputs(
            x[3] * base.eigenvalues, x[4] * base.label, 0.9 * base.probe, x[5]
        )
        sol = pt.solve(
            alpha_prune=x[0],
            keep_fraction=x[1],
            student=pt.HardMargin(flip_probability=x[2]),
            margin="signed",
            inputs=inputs,
        )
        return sol.error, sol.margin, sol.norm

    at = np.array([1.0, 0.5, 0.02, 1.0, 0.95, 0.855 * base.cosine])
    with jax.enable_x64(True):
        got = np.stack(jax.jacfwd(told)(at))
    for i in range(len(at)):
        step = np.eye(len(at))[i] * (1e-6 if i == 2 else 1e-5)
        up, down = np.array(told(at + step)), np.array(told(at - step))
        wanted = (up - down) / (2 * step.sum())
        np.testing.assert_allclose(got[:, i], wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_the_angle_can_be_differentiated_where_it_may_be_zero():
    base = pt.Inputs.power_law(12, 1.2, theta=0.4)

    def margin(theta):
        inputs = base.at_angle(theta)
        return pt.solve(alpha_prune=1.0, keep_fraction=0.5, inputs=inputs).margin

    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(margin)(0.4)
        none = jax.jit(margin)(0.0)
    wanted = (margin(0.4 + 1e-5) - margin(0.4 - 1e-5)) / 2e-5
    assert float(value) == pytest.approx(float(margin(0.4)), rel=1e-12)
    assert float(slope) == pytest.approx(wanted, rel=1e-6)
    assert float(none) == pytest.approx(float(margin(0.0)), rel=1e-12)


@pytest.mark.parametrize("flips", [0.3, 0.05, 1e-4])
def test_the_threshold_of_wrong_labels_is_the_known_one(flips):
    # 1/alpha_c is the least of E[(xi - a y u)_+^2] (Candes & Sur 2020)
    def second(t):
        return (t * t + 1) * norm.cdf(t) + t * norm.pdf(t)

    def lack(a):
        def part(u):
            right, wrong = second(-a * u), second(a * u)
            return 2 * norm.pdf(u) * ((1 - flips) * right + flips * wrong)

        inner = [1 / a, min(5 / a, 9)] if a > 0.2 else None
        return quad(part, 0, 12, points=inner, epsabs=1e-13, epsrel=1e-12)[0]

    wanted = 1 / minimize_scalar(lack, bounds=(0, 60), method="bounded").fun
    got = pt.separability_threshold(keep_fraction=1.0, flip_probability=flips)
    assert got == pytest.approx(wanted, rel=1e-7)


def test_thresholds_that_are_known():
    random = pt.Inputs([2.0, 1.0], label=[0.0, 0.0], probe=[0.0, 0.0], cosine=0.0)
    found = pt.separability_threshold(keep_fraction=[0.1, 1.0], inputs=random)
    # Cover 1965: labels that have nothing to do with the inputs
    np.testing.assert_allclose(found, 2.0, rtol=1e-10)
    inputs = pt.Inputs.power_law(50, 1.2, theta=0.3)
    for margin in ("absolute", "signed"):
        limit = pt.separability_threshold(
            keep_fraction=0.3, margin=margin, inputs=inputs
        )
        assert limit == np.inf
    # all that is kept is what the probe calls wrong
    limit = pt.separability_threshold(
        keep_fraction=0.1, theta=0.3, margin="signed", flip_probability=0.05
    )
    assert limit == np.inf


@pytest.mark.slow
def test_the_covariance_does_not_move_the_threshold():
    def limit(inputs):
        return pt.separability_threshold(
            keep_fraction=0.4, margin="signed", flip_probability=0.02, inputs=inputs
        )

    found = []
    for exponent in (0.0, 1.0, 3.0):
        whole = pt.Inputs.power_law(40, exponent, teacher=0.2, theta=0.3)
        found.append(
            limit(
                pt.Inputs(
                    whole.eigenvalues,
                    0.9 * whole.label,
                    whole.probe,
                    0.9 * whole.cosine,
                )
            )
        )
    assert found[0] < 10
    np.testing.assert_allclose(found, found[0], rtol=1e-8)


def test_the_margin_ends_at_the_threshold():
    limit = pt.separability_threshold(keep_fraction=1.0, flip_probability=0.2)
    how = {"keep_fraction": 1.0, "student": pt.HardMargin(flip_probability=0.2)}
    below = pt.solve(alpha_prune=limit * (1 - np.array([1e-2, 1e-4])), **how)
    # it goes to zero in proportion
    assert below.margin[0] / below.margin[1] == pytest.approx(100.0, rel=0.02)
    with pytest.raises(pt.InputError, match="cannot be separated: alpha_prune") as info:
        pt.solve(alpha_prune=[1.0, 1.001 * limit], **how)
    assert f"must be below {limit:.6g}" in str(info.value)
    assert "\n" not in str(info.value)
    above = pt.solve(alpha_prune=[1.0, 1.001 * limit], **how, throw=False)
    assert above.status.tolist() == [pt.Status.CONVERGED, pt.Status.NOT_CONVERGED]
    assert np.isfinite(above.error[0]) and np.isnan(above.margin[1])


def test_misuse_is_refused():
    inputs = pt.Inputs.isotropic(0.3)
    how = {"alpha_prune": 1.0, "keep_fraction": 0.5}
    with pytest.raises(pt.InputError, match="leave theta out"):
        pt.solve(**how, theta=0.3, inputs=inputs)
    with pytest.raises(pt.InputError, match="got 'gibbs': leave inputs out"):
        pt.solve(**how, student="gibbs", inputs=inputs)
    with pytest.raises(pt.InputError, match=r"flip_probability must be in \[0, 1/2\)"):
        pt.solve(**how, student=pt.HardMargin(flip_probability=0.5))
    with pytest.raises(pt.InputError, match=r"must be an object of pt\.Inputs"):
        pt.separability_threshold(keep_fraction=0.5, inputs=[1.0])


def test_a_convex_student_takes_inputs_at_either_door():
    inputs = pt.Inputs.power_law(10, 1.0, theta=0.3)
    how = {"alpha_prune": 2.0, "keep_fraction": 0.5, "inputs": inputs}
    one = pt.solve(**how, student=pt.Convex("square", ridge=0.1))
    other = pt.solve_convex(**how, loss="square", ridge=0.1)
    assert one.error == other.error
