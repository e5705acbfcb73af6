"""What every loss has to do, ours, a function, and one of somebody else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from own_objects import SmoothHinge
from scipy.optimize import minimize_scalar

import perceptron_theory as pt
from perceptron_theory.convex.loss import Loss
from perceptron_theory.convex.losses import LOSSES


def exponential_tail(margin):
    return jnp.logaddexp(0.0, -2.0 * margin) / 2.0


EVERY = [*LOSSES.values(), SmoothHinge(), pt.resolve_loss(exponential_tail)]


@pytest.fixture(params=EVERY, ids=[loss.name for loss in EVERY])
def loss(request):
    return request.param


@pytest.mark.few(8)
@pytest.mark.parametrize("step", [0.1, 3.0])
def test_the_response_is_that_of_the_proximal_map(loss, step):
    with jax.enable_x64(True):
        t = jnp.linspace(-4.0, 4.0, 9) + 0.013
        answer = jax.tree.map(np.asarray, loss.response(t, jnp.asarray(step)))
        margins = loss.kink + answer.margin
        for margin, pull in zip(margins, answer.pull, strict=True):

            def cost(g, m=margin):
                return float(loss(jnp.asarray(g))) + (g - m) ** 2 / (2 * step)

            best = minimize_scalar(
                cost, bracket=(margin - 1, margin + step + 1), options={"xtol": 1e-12}
            )
            assert pull == pytest.approx(best.x - margin, abs=2e-7)


def test_slopes_are_derivatives(loss):
    at = np.linspace(-3.0, 3.0, 7) + 0.05
    with jax.enable_x64(True):
        first, second = map(np.asarray, loss.slopes(jnp.asarray(at)))
        near = [np.asarray(loss(jnp.asarray(at + h))) for h in (-1e-4, 0.0, 1e-4)]
    np.testing.assert_allclose(first, (near[2] - near[0]) / 2e-4, atol=1e-7)
    bend = (near[2] - 2 * near[1] + near[0]) / 1e-8
    np.testing.assert_allclose(second, bend, atol=1e-5)


def test_a_loss_is_equal_to_another_of_its_kind(loss):
    assert loss == loss and hash(loss) == hash(loss)
    assert pt.resolve_loss(loss) == loss
    assert sum(loss == other for other in EVERY) == 1


@pytest.mark.slow
def test_the_student_of_a_loss_of_ones_own_trains_like_theory():
    """Against the equations with a function of the same values."""

    def rounded(margin):
        middle = 0.5 * jnp.square(jnp.clip(1.0 - margin, 0.0, 1.0))
        return middle + jnp.maximum(-margin, 0.0)

    where = {
        "alpha_prune": [1.0, 3.0],
        "keep_fraction": 0.5,
        "theta": 0.2,
        "ridge": 0.1,
    }
    ours = pt.solve_convex(loss=SmoothHinge(), **where)
    function = pt.solve_convex(loss=rounded, **where)
    np.testing.assert_allclose(ours.error, function.error, rtol=1e-10)


class NoCall(Loss):
    pass


class Sloped(SmoothHinge):
    """Twice the slope that it has."""

    def slopes(self, g):
        slope, bend = super().slopes(g)
        return 2.0 * slope, bend


class Bent(SmoothHinge):
    def slopes(self, g):
        slope, bend = super().slopes(g)
        return slope, 0.9 * bend


class HalfGiven(SmoothHinge):
    def slopes(self, g):
        return super().slopes(g)[0]


class Single(SmoothHinge):
    """One slope for all margins."""

    def slopes(self, g):
        return -1.0, super().slopes(g)[1]


class RightlySloped(SmoothHinge):
    def slopes(self, g):
        return super().slopes(g)


def test_slopes_of_ones_own_that_are_right_are_taken():
    pt.Convex(RightlySloped(), 0.1)


@pytest.mark.parametrize(
    ("loss", "part"),
    [
        (Sloped(), "slopes of the loss sloped must be its derivatives, got l' ="),
        (Bent(), "slopes of the loss bent must be its derivatives, got l'' ="),
        (HalfGiven(), "must map an array to two, .* ValueError"),
        (Single(), r"of its shape .* got \(\) and"),
        (NoCall(), "lacks __call__"),
        (SmoothHinge, "call it"),
        pytest.param(3.0, "hashable JAX function", marks=pytest.mark.unchecked),
        ("logistics", "did you mean 'logistic'"),
    ],
)
def test_what_is_no_loss_is_refused_in_one_line(loss, part):
    with pytest.raises(pt.InputError, match=part) as refused:
        pt.solve_convex(alpha_prune=2.0, keep_fraction=0.3, loss=loss, ridge=0.1)
    assert "\n" not in str(refused.value)
