"""Inputs of any covariance: old digits, invariances, derivatives, what is refused."""

import jax
import numpy as np
import pytest

import perceptron_theory as pt

THETA = np.deg2rad(20)
POINT = {"alpha_prune": 2.0, "keep_fraction": 0.5, "ridge": 0.1}


def _told(sol):
    return np.array([sol.error, *sol.fields, sol.norm, sol.response])


@pytest.mark.parametrize(
    ("loss", "margin"),
    [
        ("squared_hinge", "signed"),
        pytest.param("squared_hinge", "absolute", marks=pytest.mark.slow),
        pytest.param("square", "absolute", marks=pytest.mark.slow),
        pytest.param("square", "signed", marks=pytest.mark.slow),
    ],
)
def test_isotropic_inputs_give_the_old_digits(loss, margin):
    how = {**POINT, "loss": loss, "margin": margin}
    old = pt.solve_convex(**how, theta=THETA)
    new = pt.solve_convex(**how, inputs=pt.Inputs.isotropic(THETA))
    np.testing.assert_allclose(_told(new), _told(old), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge", "square"])
@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("rule", ["hard", "easy", pt.Window(0.2), pt.Mixture(0.3)])
def test_isotropic_inputs_of_every_kind_give_the_old_digits(loss, margin, rule):
    how = {
        "alpha_tot": np.array([2.0, 6.0]),
        "keep_fraction": 0.4,
        "ridge": np.array([[1e-3], [0.1]]),
        "flip_probability": np.array([[[0.0]], [[0.1]]]),
        "rule": rule,
        "loss": loss,
        "margin": margin,
    }
    for theta in (0.0, 0.2, np.pi / 2):
        old = pt.solve_convex(**how, theta=theta)
        new = pt.solve_convex(**how, inputs=pt.Inputs.isotropic(theta))
        np.testing.assert_allclose(_told(new), _told(old), rtol=1e-9, atol=1e-9)


def test_norm_and_fields_of_isotropic_inputs_are_the_weights():
    sol = pt.solve_convex(**POINT, loss="square", theta=THETA)
    assert sol.fields == sol.weights[:2]
    assert sol.norm == pytest.approx(np.linalg.norm(sol.weights), rel=1e-14)
    assert np.cos(np.pi * sol.error) * sol.norm == pytest.approx(sol.fields[0])


def test_units_of_the_inputs_change_nothing_but_the_ridge():
    one = pt.Inputs.power_law(30, 1.2, teacher=0.3, theta=0.4)
    unit = 7.0
    other = pt.Inputs(
        eigenvalues=unit * one.eigenvalues,
        label=unit**0.5 * one.label,
        probe=unit**0.5 * one.probe,
        cosine=one.cosine,
    )
    how = {"alpha_prune": 2.0, "keep_fraction": 0.5, "loss": "square"}
    old = pt.solve_convex(**how, ridge=0.1, inputs=one)
    new = pt.solve_convex(**how, ridge=0.1 * unit, inputs=other)
    np.testing.assert_allclose(_told(new), _told(old), rtol=1e-10)


def test_many_points_are_those_one_by_one():
    inputs = pt.Inputs.power_law(20, 1.0, theta=0.3)
    ridge = np.array([[0.01], [1.0]])
    load = np.array([1.0, 4.0, 9.0])
    many = pt.solve_convex(
        alpha_tot=load, keep_fraction=0.5, ridge=ridge, loss="square", inputs=inputs
    )
    assert many.error.shape == (2, 3) and many.norm.shape == (2, 3)
    one = pt.solve_convex(
        alpha_tot=4.0, keep_fraction=0.5, ridge=1.0, loss="square", inputs=inputs
    )
    assert one.error == pytest.approx(many.error[1, 1], rel=1e-12)


def test_every_way_to_give_the_same_inputs_gives_the_same():
    draw = np.random.default_rng(0)
    root = draw.normal(size=(6, 6))
    sigma, teacher = root @ root.T, draw.normal(size=6)
    probe = teacher + 0.2 * draw.normal(size=6)
    whole = pt.Inputs.from_covariance(sigma, teacher, probe)
    values, basis = np.linalg.eigh(sigma)
    unit = lambda x: x / np.sqrt(x @ sigma @ x)  # noqa: E731
    teacher, probe = unit(teacher), unit(probe)
    parts = pt.Inputs(
        eigenvalues=values,
        label=basis.T @ sigma @ teacher,
        probe=basis.T @ sigma @ probe,
        cosine=teacher @ sigma @ probe,
    )
    how = {**POINT, "loss": "square"}
    one, other = (pt.solve_convex(**how, inputs=x) for x in (whole, parts))
    np.testing.assert_allclose(_told(one), _told(other), rtol=1e-11)
    np.testing.assert_allclose(abs(parts.probe), abs(whole.probe), rtol=1e-10)


def test_a_label_that_the_inputs_do_not_show_is_a_coin():
    inputs = pt.Inputs([2.0, 1.0], label=[0.0, 0.0], probe=[1.0, 0.5], cosine=0.0)
    sol = pt.solve_convex(**POINT, loss="square", inputs=inputs)
    assert sol.error == pytest.approx(0.5, abs=1e-12)


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    base = pt.Inputs.power_law(12, 1.2, teacher=0.3, theta=0.4)
    label, probe, cosine = base.label * 0.95, base.probe * 0.9, base.cosine * 0.855
    at = np.array([2.0, 0.5, 0.1, cosine, 1.0, 1.0])

    def error(x):
        inputs = pt.Inputs(x[4] * base.eigenvalues, x[5] * label, probe, x[3])
        return pt.solve_convex(
            alpha_prune=x[0],
            keep_fraction=x[1],
            ridge=x[2],
            loss="square",
            margin="signed",
            inputs=inputs,
        ).error

    with jax.enable_x64(True):
        got = np.asarray(jax.jit(jax.grad(error))(at))
    for i, step in enumerate([1e-4, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5]):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        wanted = (error(up) - error(down)) / (2 * step)
        assert got[i] == pytest.approx(wanted, rel=1e-6, abs=1e-8), i


@pytest.mark.slow
def test_the_angle_can_be_differentiated():
    base = pt.Inputs.power_law(12, 1.2, theta=0.4)

    def error(theta):
        return pt.solve_convex(
            **POINT, loss="square", inputs=base.at_angle(theta)
        ).error

    with jax.enable_x64(True):
        got = float(jax.grad(error)(0.4))
    wanted = (error(0.4 + 1e-5) - error(0.4 - 1e-5)) / 2e-5
    assert got == pytest.approx(wanted, rel=1e-6)


GOOD = {
    "eigenvalues": [1.5, 0.5],
    "label": [1.1, 0.1],
    "probe": [0.9, 0.3],
    "cosine": 0.8,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eigenvalues": [1.5, 0.5, 1.0]}, r"one length N, got shapes \(3,\) and"),
        ({"eigenvalues": [[1.5, 0.5]]}, "one length N"),
        ({"probe": [0.9]}, r"eigenvalues and probe .* \(1,\)"),
        ({"eigenvalues": [1.5, np.nan]}, "eigenvalues contains NaN"),
        ({"label": [np.nan, 0.1]}, "label contains NaN"),
        ({"label": [np.inf, 0.1]}, "label must be finite, got inf"),
        ({"eigenvalues": [1.5, -0.5]}, "eigenvalues must be positive .* got -0.5"),
        ({"eigenvalues": [1.5, 0.0]}, "eigenvalues must be positive .* got 0"),
        ({"label": [1.5, 0.5]}, "label must belong to a field of unit variance.*got 2"),
        ({"probe": [1.5, 0.5]}, "probe must belong to a field of unit variance"),
        ({"cosine": 1.5}, r"cosine must be in \[0, 1\], got 1.5"),
        ({"cosine": -0.2}, "turn the probe round"),
        ({"cosine": np.nan}, "cosine contains NaN"),
        ({"cosine": [0.1, 0.2]}, "cosine must be one number here, got 2"),
        ({"cosine": 0.1}, "cosine = 0.1 is inconsistent with label and probe"),
        ({"cosine": 1.0}, "cosine = 1 is inconsistent"),
        ({"eigenvalues": ["a", "b"]}, "eigenvalues must be a real number"),
    ],
)
def test_inputs_that_cannot_be_are_refused_in_one_line(changes, words):
    pt.Inputs(**GOOD)
    with pytest.raises(pt.InputError, match=words) as info:
        pt.Inputs(**{**GOOD, **changes})
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    ("sigma", "teacher", "probe", "words"),
    [
        (np.ones((2, 2)), [1, 0], [1, 0], "positive definite, got the eigenvalue"),
        (np.diag([1.0, 0.0]), [1, 0], [1, 0], "constant and dependent inputs"),
        (np.diag([1.0, -1.0]), [1, 0], [1, 0], "positive definite"),
        (np.ones((2, 3)), [1, 0], [1, 0], r"square, got shape \(2, 3\)"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), [1, 0], [1, 0], "symmetric"),
        (np.eye(2) * np.nan, [1, 0], [1, 0], "covariance contains NaN"),
        (np.eye(2), [1, 0, 0], [1, 0], "eigenvalues and teacher"),
        (np.eye(2), [0, 0], [1, 0], "teacher must not be zero"),
        (np.eye(2), [1, 0], [-1, 0.5], "give -probe"),
    ],
)
def test_covariances_that_cannot_be_are_refused(sigma, teacher, probe, words):
    with pytest.raises(pt.InputError, match=words):
        pt.Inputs.from_covariance(sigma, teacher, probe)


def test_other_misuse_is_refused():
    inputs = pt.Inputs(**GOOD)
    with pytest.raises(pt.InputError, match="leave theta out"):
        pt.solve_convex(**POINT, theta=0.0, inputs=inputs)
    with pytest.raises(pt.InputError, match=r"must be an object of pt\.Inputs, got"):
        pt.solve_convex(**POINT, inputs={"eigenvalues": [1.0]})
    with pytest.raises(pt.InputError, match="leave no finite numbers"):
        pt.Inputs.power_law(1000, 200.0)
    with pytest.raises(pt.InputError, match="whole number of at least 2"):
        pt.Inputs.power_law(1, 1.0)
    with pytest.raises(pt.InputError, match="no plane to turn it in"):
        pt.Inputs([1.0, 1.0], [1.0, 0.0], [1.0, 0.0], 1.0).at_angle(0.3)
    with pytest.raises(pt.InputError, match="theta must be in"):
        inputs.at_angle(3.0)
