"""Many examples of a noisy teacher: against the solver, and in closed form."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

import perceptron_theory as pt

THETA = 0.35
HOW = {"theta": THETA, "loss": "square", "label_noise": "probit:0.5"}


@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_the_solver_tends_to_it(margin):
    how = HOW | {"margin": margin}
    far = pt.large_load(0.4, ridge=0.2, **how)
    loads = np.array([1e3, 1e4])
    own = pt.solve_convex(alpha_prune=loads, keep_fraction=0.4, ridge=0.2, **how)
    off = np.abs(far.error(loads) - own.error)
    # the next term is 100 times smaller at ten times the load
    assert off[0] < 2e-5 and off[1] < 3e-7, off
    assert np.abs(own.weights[0][1] - far.weights[0]) < 1e-3
    floor_is_felt = np.abs(far.floor - own.error[1]) > 100 * off[1]
    assert floor_is_felt


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["probit:0.5", "logistic:0.3"])
def test_of_the_logistic_loss(noise):
    how = {"theta": THETA, "margin": "signed", "label_noise": noise}
    far = pt.large_load(0.6, ridge=0.1, flip_probability=0.05, **how)
    loads = np.array([1e3, 1e4])
    own = pt.solve_convex(
        alpha_prune=loads, keep_fraction=0.6, ridge=0.1, flip_probability=0.05, **how
    )
    off = np.abs(far.error(loads) - own.error)
    assert off[0] < 2e-4 and off[1] < 3e-6, off


def test_the_whole_pool_has_no_floor():
    for loss in ("square", "logistic"):
        far = pt.large_load(1.0, **HOW | {"loss": loss})
        assert far.floor < 1e-12
    # least squares: A = E[y u], r^2 alpha = E[(1 - y A u)^2]
    a = np.sqrt(2 / np.pi) / np.hypot(1.0, 0.5)
    far = pt.large_load(1.0, **HOW)
    assert abs(far.weights[0] - a) < 1e-10
    assert abs(far.slope - (1 - a * a) / a**2) < 1e-9


def test_a_well_specified_student_has_no_floor():
    """Logistic loss and noise: the likelihood, whatever is kept without the labels."""
    for rule, f in (("hard", 0.3), ("easy", 0.5)):
        far = pt.large_load(f, rule=rule, theta=THETA, label_noise="logistic:0.4")
        assert far.floor < 3e-8
        assert abs(far.weights[0] - 1 / 0.4) < 1e-6
    assert pt.crossover_load(0.3, theta=THETA, label_noise="logistic:0.4") == np.inf
    probit = pt.large_load(0.3, theta=THETA, label_noise="probit:0.5")
    assert probit.floor > 1e-5


@pytest.mark.slow
def test_the_crossover_at_small_noise():
    """Hard is better below the load that is predicted, and worse above."""
    how = {"theta": THETA, "margin": "signed", "loss": "logistic"}
    how |= {"label_noise": "probit:0.1"}
    load = pt.crossover_load(0.6, ridge=0.1, **how)
    assert 50 < load < 1e5
    near = load * np.array([0.7, 1.4])
    hard = pt.solve_convex(alpha_prune=near, keep_fraction=0.6, ridge=0.1, **how)
    rest = pt.solve_convex(alpha_prune=near, keep_fraction=1.0, ridge=0.1, **how)
    assert (np.sign(hard.error - rest.error) == [-1, 1]).all()


@pytest.mark.parametrize("noise", ["probit:0.5", "logistic:0.3", "probit:0.02"])
def test_the_line_of_chance(noise):
    f = pt.noisy_chance_fraction(noise)
    sol = pt.solve_convex(
        alpha_prune=3.0,
        keep_fraction=f * np.array([0.9, 1.0, 1.1]),
        margin="signed",
        loss="square",
        ridge=0.1,
        label_noise=noise,
    )
    assert sol.error[0] > 0.5 > sol.error[2]
    assert abs(sol.error[1] - 0.5) < 1e-7


def test_the_line_of_chance_at_small_noise():
    for sigma in (1e-2, 1e-3):
        assert abs(pt.noisy_chance_fraction(pt.Probit(sigma)) / sigma - 0.7595) < sigma
    # the mass below gamma, by an integral
    sigma, f = 0.5, pt.noisy_chance_fraction("probit:0.5")
    density = lambda z: 2 * norm.pdf(z) * ndtr(z / sigma)  # noqa: E731
    ends = np.linspace(0.1, 1.5, 1401)
    pulls = [quad(lambda z: z * density(z), -9, end)[0] for end in ends[::100]]
    gamma = np.interp(0.0, pulls, ends[::100])
    assert abs(quad(density, -9, gamma)[0] - f) < 1e-2


@pytest.mark.parametrize(
    "given, words",
    [
        ({"label_noise": "flips:0.1"}, "noisy teacher"),
        ({"label_noise": "probit:0"}, "above 0"),
        ({"label_noise": "probit:0.5", "loss": "hinge"}, "smooth slope"),
        ({"label_noise": "probit:0.5", "ridge": -1.0}, "ridge"),
        ({"label_noise": "probit:0.5", "flip_probability": 0.5}, "flip_probability"),
    ],
)
def test_what_is_refused(given, words):
    with pytest.raises(pt.InputError, match=words):
        pt.large_load(0.4, **given)


@pytest.mark.slow
def test_small_noise():
    near = pt.small_noise_limit(0.6, theta=THETA, label_noise="probit:1")
    sigma = 0.02
    how = {"theta": THETA, "margin": "signed", "label_noise": pt.Probit(sigma)}
    far = pt.large_load(0.6, **how)
    assert abs(far.floor / sigma / near.floor - 1.0) < 0.03
    assert abs(far.slope / sigma / near.slope - 1.0) < 0.01
    assert abs(sigma * pt.crossover_load(0.6, **how) / near.crossover - 1.0) < 0.1
    how |= {"label_noise": "probit:1", "margin": "absolute"}
    assert pt.small_noise_limit(0.6, **how).crossover == np.inf
