"""Labels of a noisy teacher: against structured inputs, an oracle, and limits.

The oracle has nothing of the library: the link is the law's own distribution function
(the library has mixtures of Gaussians), thresholds come from SciPy's quad and brentq,
averages are sums over (z, y, xi) on panels, the proximal map is found by bisection, and
the plain equations are solved for (A, B, ln r, ln V) by SciPy's hybrid method.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, root
from scipy.special import expit, ndtr
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.kept.label_laws import LOGISTIC, kolmogorov_density

POINT = {"alpha_prune": 2.0, "keep_fraction": 0.4, "ridge": 0.1}
NODES, SHARES = np.polynomial.legendre.leggauss(16)
XI, MASS = np.polynomial.hermite_e.hermegauss(40)
MASS = MASS / MASS.sum()


def structured(theta, strength):
    """The probit teacher as inputs that do not show all of the label's field."""
    whole, c, s = np.hypot(1.0, strength), np.cos(theta), np.sin(theta)
    return pt.Inputs(np.ones(2), [1.0 / whole, 0.0], [c, s], c / whole)


@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("theta", [0.0, 0.35])
@pytest.mark.parametrize(
    "loss",
    [
        "square",
        *(pytest.param(x, marks=pytest.mark.slow) for x in ("logistic", "hinge")),
    ],
)
@pytest.mark.few(1)
def test_probit_is_a_part_that_the_features_do_not_show(loss, theta, margin):
    strengths = np.array([0.05, 0.5, 2.0])
    for rule in ("hard", "easy"):
        how = POINT | {"rule": rule, "margin": margin, "loss": loss}
        own = pt.solve_convex(theta=theta, label_noise=pt.Probit(strengths), **how)
        for i, strength in enumerate(strengths):
            other = pt.solve_convex(inputs=structured(theta, strength), **how)
            assert abs(own.label_error[i] - other.error) < 1e-8
            assert abs(own.norm[i] - other.norm) < 1e-8 * other.norm
            whole = np.hypot(1.0, strength)
            assert abs(own.weights[0][i] - other.fields[0] * whole) < 1e-8 * whole


@pytest.mark.slow
@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("theta", [0.0, 0.35])
def test_a_keep_probability(theta, margin):
    rule = pt.KeepProbability(lambda m: 1 / (1 + jnp.exp(2 * m)))
    how = {"alpha_tot": 4.0, "rule": rule, "margin": margin}
    how |= {"loss": "square", "ridge": 0.1}
    own = pt.solve_convex(theta=theta, label_noise=pt.Probit(0.5), **how)
    other = pt.solve_convex(inputs=structured(theta, 0.5), **how)
    assert abs(own.keep_fraction - other.keep_fraction) < 1e-10
    assert abs(own.label_error - other.error) < 1e-8


@pytest.mark.parametrize("theta", [0.0, 0.35])
@pytest.mark.parametrize("law", [pt.Probit, pt.Logistic])
@pytest.mark.few(1)
def test_no_strength_is_no_noise(law, theta):
    how = POINT | {"loss": "square", "margin": "signed", "theta": theta}
    clean = pt.solve_convex(**how)
    none = pt.solve_convex(label_noise=law(0.0), **how)
    assert none.error == clean.error == clean.label_error == none.label_error
    near = pt.solve_convex(label_noise=law([1e-4, 1e-6]), **how)
    # at theta = 0 in proportion to the strength, above 0 to its square
    bound = np.array([1e-3, 1e-5] if theta == 0 else [1e-6, 1e-9])
    assert (np.abs(near.error - clean.error) < bound).all()


@pytest.mark.slow
def test_flips_are_flip_probability():
    how = POINT | {"loss": "square", "margin": "signed", "theta": 0.35}
    one = pt.solve_convex(flip_probability=0.1, **how)
    other = pt.solve_convex(label_noise=pt.Flips(0.1), **how)
    named = pt.solve_convex(label_noise="flips", noise_strength=0.1, **how)
    assert one.error == other.error == named.error
    assert abs(one.label_error - (0.1 + 0.8 * one.error)) < 1e-15


def test_the_logistic_law_as_a_mixture():
    law = pt.Logistic(1.0).shape()
    t = np.linspace(-40.0, 40.0, 4001)
    mixture = ndtr(t[:, None] / np.array(law.scales)) @ np.array(law.weights)
    assert np.abs(mixture - expit(t)).max() < 2e-9
    low, high, _ = LOGISTIC
    for k in (0.5, 0.999, 1.001, 1.4):  # the two series meet
        j = np.arange(1, 40)
        series = 8 * k * np.sum((-1.0) ** (j + 1) * j**2 * np.exp(-2 * (j * k) ** 2))
        assert abs(kolmogorov_density(np.array([k]))[0] - series) < 1e-12
    whole = quad(lambda k: kolmogorov_density(np.array([k]))[0], 0.05, 6.0)[0]
    cut = quad(lambda k: kolmogorov_density(np.array([k]))[0], low, high)[0]
    assert abs(whole - 1.0) < 1e-9 < whole - cut


def _panels(breaks):
    half, middle = 0.5 * np.diff(breaks), 0.5 * (breaks[1:] + breaks[:-1])
    points = middle[:, None] + half[:, None] * NODES
    return points.ravel(), np.outer(half, SHARES).ravel()


def _oracle(link, scale, theta, rule, margin, alpha, f, ridge):
    """A, B, r and V of the logistic loss; ``link``(u) is Prob(y = +1 | u)."""
    c, s = np.cos(theta), np.sin(theta)
    y, dy = _panels(np.linspace(-7.0, 7.0, 13))

    def at(z):
        return dy * norm.pdf(y) @ link(c * z + s * y)

    if margin == "absolute":
        part = f if rule == "hard" else 1.0 - f
        edge = norm.ppf(0.5 * (1.0 + part))
        spans = [(-edge, edge)] if rule == "hard" else [(-8, -edge), (edge, 8)]
    else:
        part = f if rule == "hard" else 1.0 - f

        def below(m):
            span = {"epsabs": 1e-13, "epsrel": 1e-12, "limit": 200}
            inside = [0.0] if m > 0 else None
            density = lambda z: 2 * norm.pdf(z) * at(z)  # noqa: E731
            return quad(density, -8, m, points=inside, **span)[0]

        edge = brentq(lambda m: below(m) - part, -5, 5, xtol=1e-13)
        spans = [(-8, edge)] if rule == "hard" else [(edge, 8)]
    grids = []
    for low, high in spans:
        steps = scale * np.array([-12, -6, -3, -1, 0, 1, 3, 6, 12])
        inner = np.unique(np.append(steps, np.arange(-7, 8)))
        inner = inner[(inner > low) & (inner < high)]
        z, dz = _panels(np.concatenate([[low], inner, [high]]))
        mass = 2.0 * (dz * norm.pdf(z))[:, None] * (dy * norm.pdf(y)) / f
        u, v = c * z[:, None] + s * y, s * z[:, None] - c * y
        grids.append(np.stack([u, v, mass * link(u)]).reshape(3, -1))
    u, v, weight = np.concatenate(grids, axis=1)
    some = weight > 1e-11 * weight.max()
    u, v, weight = u[some], v[some], weight[some]

    def equations(x):
        a, b, r, step = x[0], x[1], np.exp(x[2]), np.exp(x[3])
        margin_ = (a * u + b * v)[:, None] + r * XI
        low, high = margin_, margin_ + step
        for _ in range(3):
            middle = 0.5 * (low + high)
            up = middle - step * expit(-middle) < margin_
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        g = 0.5 * (low + high)
        for _ in range(6):
            off = g - step * expit(-g) - margin_
            g = g - off / (1 + step * expit(g) * expit(-g))
        h, bend = expit(-g), expit(g) * expit(-g)
        mean = lambda q: weight @ (q @ MASS)  # noqa: E731
        vhat = alpha * mean(bend / (1 + step * bend))
        return [
            ridge * a - alpha * (weight * u) @ (h @ MASS),
            ridge * b - alpha * (weight * v) @ (h @ MASS),
            r * r - step**2 * alpha * mean(h * h),
            1 / step - ridge - vhat,
        ]

    found = root(equations, [1.0, 0.0, 0.3, 1.0], tol=1e-11)
    assert found.success
    return found.x


@pytest.mark.slow
@pytest.mark.parametrize(
    "theta, rule, margin, flips",
    [
        (0.0, "hard", "signed", 0.0),
        (0.35, "hard", "signed", 0.0),
        (0.35, "easy", "absolute", 0.0),
        (0.35, "easy", "signed", 0.1),
    ],
)
def test_logistic_noise_against_the_oracle(theta, rule, margin, flips):
    strength, alpha, f, ridge = 0.4, 2.0, 0.4, 0.1
    link = lambda u: flips + (1 - 2 * flips) * expit(u / strength)  # noqa: E731
    a, b, log_r, log_v = _oracle(link, strength, theta, rule, margin, alpha, f, ridge)
    sol = pt.solve_convex(
        alpha_prune=alpha,
        keep_fraction=f,
        theta=theta,
        rule=rule,
        margin=margin,
        ridge=ridge,
        flip_probability=flips,
        label_noise="logistic",
        noise_strength=strength,
    )
    error = np.arctan2(np.hypot(b, np.exp(log_r)), a) / np.pi
    assert abs(sol.error - error) < 2e-8
    assert np.abs(np.array(sol.weights) - [a, b, np.exp(log_r)]).max() < 2e-7
    assert abs(sol.response / np.exp(log_v) - 1.0) < 2e-7
    # the label error by an integral over the field of the teacher
    z, dz = _panels(np.linspace(-8, 8, 65))
    across = np.sqrt(1.0 - float(sol.overlap) ** 2)
    right = ndtr(float(sol.overlap) * z / across)
    wrong = dz * norm.pdf(z) @ (right * (1 - link(z)) + (1 - right) * link(z))
    assert abs(sol.label_error - wrong) < 1e-8


@pytest.mark.slow
def test_derivatives_by_all_inputs():
    place = np.array([2.0, 0.4, 0.35, 0.1, 0.05, 0.5])

    def solved(alpha, f, theta, ridge, flips, strength):
        return pt.solve_convex(
            alpha_tot=alpha,
            keep_fraction=f,
            theta=theta,
            margin="signed",
            loss="square",
            ridge=ridge,
            flip_probability=flips,
            label_noise="logistic",
            noise_strength=strength,
        ).error

    with jax.enable_x64(True):
        exact = np.asarray(jax.grad(lambda x: solved(*x))(jnp.asarray(place)))
    step = 1e-4 * np.eye(6)
    ends = solved(*np.concatenate([place + step, place - step]).T)
    by_differences = (ends[:6] - ends[6:]) / 2e-4
    assert np.abs(exact - by_differences).max() < 1e-6


@dataclass(frozen=True)
class Sloppy(pt.LabelNoise):
    """One label in two from somebody with twice the noise."""

    def shape(self):
        return pt.NoiseShape((0.5, 0.5), (1.0, 2.0))


@dataclass(frozen=True)
class Shapeless(pt.LabelNoise):
    pass


@dataclass(frozen=True)
class Lopsided(pt.LabelNoise):
    def shape(self):
        return pt.NoiseShape((0.5, 0.6), (1.0, 2.0))


@pytest.mark.slow
def test_a_law_of_ones_own():
    how = POINT | {"loss": "square", "rule": "random"}
    sol = pt.solve_convex(label_noise=Sloppy(0.5), **how)
    # of the square loss on random data only the mean of y u counts
    mean = np.mean(1.0 / np.hypot(1.0, [0.5, 1.0]))
    equal = np.sqrt(1.0 / mean**2 - 1.0)
    other = pt.solve_convex(label_noise=pt.Probit(equal), **how)
    assert abs(sol.error - other.error) < 1e-9


@pytest.mark.parametrize(
    "given, words",
    [
        ({"label_noise": "probt", "noise_strength": 1.0}, "probit"),
        ({"label_noise": "probit"}, "needs a strength"),
        ({"label_noise": "probit:x"}, "a name and a number"),
        ({"label_noise": "probit:1", "noise_strength": 1.0}, "leave out"),
        ({"label_noise": pt.Probit(1.0), "noise_strength": 1.0}, "leave out"),
        ({"label_noise": pt.Probit}, "must be an object"),
        ({"label_noise": 0.5}, "got 0.5"),
        ({"noise_strength": 0.5}, "give label_noise"),
        ({"label_noise": pt.Probit(-1.0)}, "noise_strength"),
        ({"label_noise": pt.Probit(np.nan)}, "noise_strength"),
        ({"label_noise": Shapeless(1.0)}, "lacks shape"),
        ({"label_noise": Lopsided(1.0)}, "sum to one"),
        ({"label_noise": pt.Flips(0.1), "flip_probability": 0.1}, "one of the two"),
    ],
)
def test_what_is_refused(given, words):
    with pytest.raises(pt.InputError, match=words) as caught:
        pt.solve_convex(**POINT, loss="square", **given)
    assert "\n" not in str(caught.value)


def test_other_students_refuse_noise():
    with pytest.raises(pt.InputError, match="convex loss"):
        pt.phase_diagram([2.0], [0.5], label_noise="probit:0.5")
