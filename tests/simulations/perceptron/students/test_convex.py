from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

import perceptron_theory as pt
from perceptron_theory.convex.losses import LOSSES
from simulations.perceptron import (
    ConvexRidge,
    Point,
    averages,
    max_margin,
    simulate,
)
from simulations.perceptron.data.pruned_pools import training_sets
from simulations.perceptron.students.convex import (
    ConvexStatus,
    _train_batch,
    train,
)

SMOOTH = ["logistic", "squared_hinge", "square"]
# NumPy's own definitions and derivatives
VALUE = {
    "logistic": lambda m: np.log1p(np.exp(-abs(m))) + np.maximum(-m, 0),
    "hinge": lambda m: np.maximum(1 - m, 0),
    "squared_hinge": lambda m: np.maximum(1 - m, 0) ** 2 / 2,
    "square": lambda m: (1 - m) ** 2 / 2,
}
SLOPE = {
    "logistic": lambda m: -1 / (1 + np.exp(m)),
    "squared_hinge": lambda m: -np.maximum(1 - m, 0),
    "square": lambda m: m - 1,
}


def objective(loss, examples, ridge, w):
    size = examples.shape[1]
    return VALUE[loss](examples @ w).sum() / size + ridge / 2 * w @ w


def gradient(loss, examples, ridge, w):
    return SLOPE[loss](examples @ w) @ examples / examples.shape[1] + ridge * w


def noisy(*batch: int, count: int = 30, size: int = 10) -> np.ndarray:
    """Examples of a teacher, a fifth of the labels wrong: not separable."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*batch, count, size))
    x[..., 0] = abs(x[..., 0]) * np.where(rng.random((*batch, count)) < 0.2, -1, 1)
    return x


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("loss", SMOOTH)
def test_smooth_losses_against_scipy(loss, ridge):
    found = train(noisy(), loss, ridge=ridge, tolerance=1e-9)
    exact = minimize(
        lambda w: objective(loss, noisy(), ridge, w),
        np.zeros(10),
        jac=lambda w: gradient(loss, noisy(), ridge, w),
        method="BFGS",
        options={"gtol": 1e-10, "xrtol": 0},
    )
    np.testing.assert_allclose(found.weights, exact.x, atol=1e-6)
    assert int(found.status) == ConvexStatus.CONVERGED
    # the certificate is what it claims
    slope = np.linalg.norm(gradient(loss, noisy(), ridge, found.weights))
    assert slope == pytest.approx(float(found.gradient_norm), abs=1e-13)
    assert found.distance == pytest.approx(found.gradient_norm / ridge)
    assert found.distance <= 1e-9 * np.linalg.norm(found.weights)


def test_the_square_in_closed_form():
    x = noisy()
    for ridge in (1e-3, 0.1, 10.0):
        exact = np.linalg.solve(x.T @ x + 10 * ridge * np.eye(10), x.sum(0))
        found = train(x, "square", ridge=ridge, tolerance=1e-10)
        np.testing.assert_allclose(found.weights, exact, rtol=1e-7)


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 10.0])
def test_the_hinge_against_its_dual_by_scipy(ridge):
    """Bounds on beta, a quadratic: L-BFGS-B, and the student X^T beta/(N ridge)."""
    x = noisy()
    scale = 10 * ridge
    exact = minimize(
        lambda b: ((b @ x) @ (b @ x) / (2 * scale) - b.sum(), x @ (b @ x) / scale - 1),
        np.full(30, 0.5),
        jac=True,
        bounds=[(0, 1)] * 30,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 100_000},
    )
    found = train(x, "hinge", ridge=ridge)
    assert int(found.status) == ConvexStatus.CONVERGED
    np.testing.assert_allclose(found.weights, exact.x @ x / scale, atol=1e-4)
    # no duality gap: the minimum is minus that of the dual, over N
    value = objective("hinge", x, ridge, found.weights)
    assert value == pytest.approx(-exact.fun / 10, rel=1e-8)
    assert value - float(found.gap) <= -exact.fun / 10 + 1e-12 * abs(value)
    assert found.distance == pytest.approx((2 * found.gap / ridge) ** 0.5)
    assert np.isnan(found.gradient_norm)


def test_the_hinge_satisfies_its_optimality_conditions():
    """ridge w = (1/N) sum beta x, beta = 1 inside, 0 outside, any on the margin."""
    x = noisy()
    w = train(x, "hinge", ridge=0.1, tolerance=1e-7).weights
    margins = x @ w
    inside, on = margins < 1 - 1e-5, abs(margins - 1) <= 1e-5
    assert 0 < on.sum() <= 10 and inside.any()
    rest = 0.1 * 10 * w - x[inside].sum(0)
    beta, *_ = np.linalg.lstsq(x[on].T, rest, rcond=None)
    np.testing.assert_allclose(x[on].T @ beta, rest, atol=1e-5)
    assert ((beta > 0) & (beta < 1)).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_certified_distance_holds_before_convergence(loss):
    """Whatever is returned lies within ``distance`` of the solution."""
    x = noisy()
    exact = train(x, loss, ridge=0.1, tolerance=1e-7 if loss == "hinge" else 1e-10)
    for steps in (2, 4, 7):
        early = train(x, loss, ridge=0.1, max_iterations=steps)
        away = np.linalg.norm(early.weights - exact.weights)
        assert 1e-6 < away <= early.distance * (1 + 1e-9)
        assert int(early.status) == ConvexStatus.MAX_ITERATIONS
        assert int(early.iterations) == steps


@pytest.mark.few(1)
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_ridge_to_zero_is_the_max_margin_student(loss):
    x = np.random.default_rng(1).normal(size=(20, 10))
    x[:, 0] = abs(x[:, 0])
    w = train(x, loss, ridge=1e-7 if loss == "squared_hinge" else 1e-4).weights
    student = max_margin(x)
    np.testing.assert_allclose(w * student.margin, student.weights, atol=1e-4)


@pytest.mark.slow
def test_a_users_loss_is_trained_like_the_same_one_by_name():
    def mine(margin):
        return jnp.log(1 + jnp.exp(-margin))

    by_name = train(noisy(), "logistic", ridge=0.1)
    np.testing.assert_allclose(
        train(noisy(), mine, ridge=0.1).weights, by_name.weights, atol=1e-5
    )
    before = _train_batch._cache_size()
    train(noisy()[::-1], mine, ridge=0.2, tolerance=1e-4)
    assert _train_batch._cache_size() == before
    assert not jax.config.read("jax_enable_x64")


@pytest.mark.slow
def test_a_loss_with_a_bend_is_not_certified():
    found = train(noisy(), lambda m: jnp.maximum(0.0, 1.0 - m), ridge=0.1)
    assert int(found.status) == ConvexStatus.STALLED
    exact = train(noisy(), "hinge", ridge=0.1).weights
    assert np.linalg.norm(found.weights - exact) <= found.distance


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_a_batch_and_examples_of_zeros(loss):
    x = noisy(2, 3)
    x[1, 2, 25:] = 0.0
    together = train(x, loss, ridge=0.1)
    assert together.weights.shape == (2, 3, 10) and together.gap.shape == (2, 3)
    alone = train(x[1, 2, :25], loss, ridge=0.1)
    assert int(alone.status) == ConvexStatus.CONVERGED
    np.testing.assert_allclose(together.weights[1, 2], alone.weights, atol=1e-5)


POINT = Point(2.0, 0.5, np.pi / 9)


def trained(loss, ridge, *, point=POINT, **how) -> xr.Dataset:
    """Draws of a student, with the parts of its w of any length.

    They are A along the teacher, B along T_perp in the plane of the probe, and r.
    """
    draws = simulate(replace(point, student=ConvexRidge(loss, ridge)), **how)
    along, cos, sin = draws.overlap, np.cos(point.theta), np.sin(point.theta)
    aside = (draws.probe_overlap - cos * along) / sin if sin else 0 * along
    rest = np.sqrt(1 - along**2 - aside**2)
    return draws.assign(
        overlap=along * draws.length,
        side_overlap=aside * draws.length,
        rest=rest * draws.length,
        distance=draws.certificate * draws.length,
        alpha_prune=draws.kept / draws.attrs["N"],
    )


@pytest.mark.slow
def test_the_theory_at_one_point():
    """Notes, section 5: A, B, r and the error at N -> inf."""
    draws = trained("logistic", 0.1, size=100, draws=64, seed=0)
    exact = {"overlap": 1.3912, "side_overlap": -0.6298, "rest": 1.2776}
    exact["error"] = 0.25376
    found = averages(draws)
    for name, value in exact.items():
        mean, error = found[name].values
        # r has N - 2 of N dimensions: 1 % at N = 100
        allowance = 0.013 if name == "rest" else 0.0
        assert abs(mean - value) < 4 * error + allowance, name
        assert error < 0.02
    assert found.alpha_prune.values[0] == 2.0


@pytest.mark.slow
def test_columns_and_draws():
    together = trained("square", 0.5, size=12, draws=6, seed=3)
    later = trained("square", 0.5, size=12, draws=2, seed=3, first=3)
    xr.testing.assert_allclose(together.isel(draw=slice(3, 5)), later, rtol=1e-5)
    again = trained("square", 0.5, size=12, draws=6, seed=3)
    xr.testing.assert_identical(together, again)
    across = np.hypot(together.side_overlap, together.rest)
    np.testing.assert_allclose(
        np.tan(np.pi * together.error), across / together.overlap, rtol=1e-9
    )
    assert (together.distance < 1e-6 * 3).all() and together.attrs["pool"] == 48


@pytest.mark.slow
def test_clean_sets_are_those_of_the_max_margin_student():
    sets = training_sets(POINT, size=12, draws=3, seed=5)
    overlap = max_margin(np.stack(sets)).weights[:, 0]
    exact = simulate(POINT, size=12, draws=3, seed=5).overlap
    np.testing.assert_allclose(overlap, exact, rtol=1e-9)


@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_flipped_labels(margin):
    """Everything flipped: signs turn; half: nothing is learnt; the share is right."""
    point = Point(2.0, 0.5, 0.5, "hard", margin)
    get = {
        p: training_sets(point, size=40, draws=50, seed=0, flip_probability=p)
        for p in (1e-12, 0.3, 1.0)
    }
    clean, some, all_wrong = (np.stack(sets) for sets in get.values())
    assert (clean[..., 0] > 0).all() and (all_wrong[..., 0] < 0).all()
    if margin == "absolute":
        np.testing.assert_array_equal(all_wrong, -clean)
        share = (some[..., 0] < 0).mean()
        assert abs(share - 0.3) < 4 * (0.21 / some[..., 0].size) ** 0.5
    else:
        # the smallest y P.x are kept: wrong labels are most of what is kept
        along = some[..., 0] * np.cos(0.5) + some[..., 1] * np.sin(0.5)
        assert (some[..., 0] < 0).mean() > 0.5
        assert along.max() < 1.0  # the median of the noisy signed margin is below
    assert some.shape == clean.shape


@pytest.mark.slow
def test_label_noise_hurts_and_half_of_it_leaves_nothing():
    def overlap(p):
        draws = trained("logistic", 0.1, size=40, draws=64, seed=0, flip_probability=p)
        return averages(draws).overlap.values

    (clean, _), (some, error), (none, noise) = map(overlap, (0.0, 0.2, 0.5))
    assert some + 4 * error < clean
    assert abs(none) < 4 * noise


@pytest.mark.slow
def test_sets_of_random_size_are_filled():
    rule = pt.KeepProbability(lambda z: 1 / (1 + z))
    point = Point(1.0, rule=rule)
    draws = trained("logistic", 0.1, point=point, size=12, draws=4, seed=0)
    sets = training_sets(point, size=12, draws=4, seed=0)
    assert len({len(s) for s in sets}) > 1
    n = int(draws.kept.values.argmin())
    w = train(sets[n], "logistic", ridge=0.1).weights
    assert draws.overlap.values[n] == pytest.approx(w[0], abs=1e-4)


@pytest.mark.unchecked
def test_bad_input_is_refused():
    for ridge in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(pt.InputError, match="ridge"):
            train(noisy(), "square", ridge=ridge)
    with pytest.raises(pt.InputError, match="did you mean 'logistic'"):
        train(noisy(), "logistics", ridge=1.0)
    with pytest.raises(pt.InputError, match="a name or a hashable JAX function"):
        train(noisy(), 3, ridge=1.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(pt.InputError, match="convex"):
        train(noisy(), jnp.tanh, ridge=1.0)
    with pytest.raises(pt.InputError, match="finite"):
        train(noisy(), lambda m: -jnp.log(m), ridge=1.0)
    with pytest.raises(pt.InputError, match=r"shape \(\.\.\., P, N\)"):
        train(np.ones(3), "square", ridge=1.0)
    with pytest.raises(pt.InputError, match="finite real"):
        train([[np.nan, 1.0]], "square", ridge=1.0)
    with pytest.raises(pt.InputError, match="tolerance"):
        train(noisy(), "square", ridge=1.0, tolerance=0.0)
    with pytest.raises(pt.InputError, match="inside jit"):
        jax.jit(lambda x: train(x, "square", ridge=1.0).weights)(noisy())


def test_bad_draws_are_refused():
    def attempt(point=POINT, **change):
        given = {"size": 12, "draws": 2, "seed": 0} | change
        trained("square", 0.1, point=point, **given)

    with pytest.raises(pt.InputError, match="draws"):
        attempt(draws=0)
    with pytest.raises(pt.InputError, match="size"):
        attempt(size=1)
    with pytest.raises(pt.InputError, match="flip_probability"):
        attempt(flip_probability=1.5)
