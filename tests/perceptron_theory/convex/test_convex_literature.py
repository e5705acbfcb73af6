"""Convex losses against published closed forms and limits.

- Dohmatob, Pezeshki, Askari-Hemmat, arXiv 2511.03492: square loss, their resolvent
  formulas with the generator w_g = w* (labels of the true teacher).
- Kolossov, Montanari, Tandon, arXiv 2309.14563: the min-max functional of the logistic
  loss with a perfect surrogate, for labels that are a function of the margin.
- Large and small ridge; a ridge of least error.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, quad_vec
from scipy.optimize import brentq, root
from scipy.special import expit
from scipy.stats import norm

import perceptron_theory as pt
from perceptron_theory.convex.losses import resolve_loss


def _dohmatob(phi, ridge, rho, ends, share):
    """Their error for w_g = w*, an oracle at cosine rho keeping ends of |x.w_o|.

    They are kept with the probability ``share``.  phi = d/n before pruning; the loss is
    |Xw - y|^2/n + ridge |w|^2 over the kept ones.
    """
    tau = rho / np.sqrt(1 - rho**2)

    def mean(f):
        return 2 * share * quad(f, *ends, epsabs=0, epsrel=1e-12, limit=200)[0]

    p = mean(norm.pdf)
    gamma = mean(lambda g: norm.pdf(g) * g * g)
    beta = 2 * mean(lambda g: norm.pdf(g) * norm.pdf(tau * g))
    # q is even and Phi(tau G) G needs both signs
    tilde = 2 * mean(lambda g: norm.pdf(g) * (norm.cdf(tau * g) - 0.5) * g)

    def parts(ridge):
        # m (ridge + p/(1 + phi m)) = 1
        m = brentq(lambda m: m * (ridge + p / (1 + phi * m)) - 1, 0, 1 / ridge)
        m_tilde = 1 / (ridge + gamma / (1 + phi * m))
        r = beta**2 * m + tilde**2 * m_tilde
        return m, m_tilde, r

    m, m_tilde, r = parts(ridge)
    # ' = -d/d ridge, from the defining equations
    slope = ridge + p / (1 + phi * m) - m * p * phi / (1 + phi * m) ** 2
    m_prime = m / slope
    # d(1/m_tilde)/d(ridge) = 1 - gamma phi m_/(1 + phi m)^2 with m_ = -m'
    rise = 1 + gamma * phi * m_prime / (1 + phi * m) ** 2
    tilde_prime = m_tilde**2 * rise
    r_prime = beta**2 * m_prime + tilde**2 * tilde_prime
    m_0 = np.sqrt(1 - rho**2) * beta * m + rho * tilde * m_tilde
    nu = p * phi * m_prime + r_prime - 2 * phi * m_prime * r / (1 + phi * m)
    return np.arccos(m_0 / np.sqrt(nu)) / np.pi


def _quantile(mass):
    return norm.isf((1 - mass) / 2) if mass < 1 else np.inf


def test_square_loss_of_dohmatob_pezeshki_askari_hemmat():
    # hard, hard, easy, easy, a window, a window, all, and at random (all of fewer)
    phi = np.array([0.2, 0.7, 2.3, 0.05, 0.4, 1.1, 0.6, 0.9])
    ridge = np.array([0.03, 0.5, 0.11, 1e-3, 0.2, 0.04, 0.3, 0.07])
    rho = np.array([0.9, 0.4, 0.98, 0.75, 0.6, 0.85, 0.5, 0.95])
    f = np.array([0.3, 0.55, 0.8, 0.07, 0.4, 0.25, 1.0, 1.0])
    lower = np.array([0.0, 0.0, 0.2, 0.93, 0.3, 0.5, 0.0, 0.0])
    share = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.35])  # of those kept
    # alpha_tot = 1/phi; their ridge is ours in units of the pool per dimension
    found = pt.solve_convex(
        alpha_tot=share / phi,
        keep_fraction=f,
        theta=np.arccos(rho),
        rule=pt.Window(lower),
        loss="square",
        ridge=ridge / phi,
    )
    for i in range(8):
        ends = _quantile(lower[i]), min(_quantile(min(lower[i] + f[i], 1.0)), 30.0)
        expected = _dohmatob(phi[i], ridge[i], rho[i], ends, share[i])
        np.testing.assert_allclose(found.error[i], expected, rtol=1e-9)


def _keep(z):
    """Their min(1, c (p (1 - p))^a) of a surrogate's p, here with c = 4, a = 1."""
    return 4.0 * jax.nn.sigmoid(1.7 * z) * jax.nn.sigmoid(-1.7 * z)


def _min_max(unknowns, alpha, ridge):
    """Derivatives of Kolossov et al.'s functional by (perp, along, mu), labels sign(Z).

    -mu perp^2/(2 alpha) + E{pi(Z) min_u [mu (u - perp G)^2/2 + log(1 + e^(u + along Z))
    - y (u + along Z)]} + ridge (perp^2 + along^2)/2, alpha examples a dimension.
    """
    perp, along, mu = unknowns
    nodes, shares = np.polynomial.legendre.leggauss(400)
    g, share = 9 * nodes, 9 * shares * norm.pdf(9 * nodes)

    def at(z):  # y = 1, twice
        low, high = perp * g, perp * g + 1 / mu
        for _ in range(60):
            u = 0.5 * (low + high)
            up = mu * (u - perp * g) < expit(-(u + along * z))
            low, high = np.where(up, u, low), np.where(up, high, u)
        moved = u - perp * g
        weight = 2 * norm.pdf(z) * 4 * expit(1.7 * z) * expit(-1.7 * z) * share
        terms = -mu * g * moved, -expit(-(u + along * z)) * z, 0.5 * moved**2
        return np.array([np.sum(weight * term) for term in terms])

    mean, _ = quad_vec(at, 0, 9, epsrel=1e-11, norm="max")
    rest = ridge * perp - mu * perp / alpha, ridge * along, -0.5 * perp**2 / alpha
    return mean + np.array(rest)


@pytest.mark.slow
def test_logistic_loss_of_kolossov_montanari_tandon():
    alpha, ridge = np.array([1.7, 6.3]), np.array([0.13, 0.021])
    found = pt.solve_convex(
        alpha_tot=alpha,
        rule=pt.KeepProbability(_keep),
        loss="logistic",
        ridge=ridge * alpha,  # theirs is in units of the pool per dimension
    )
    for i in range(2):
        along, _, perp = (w[i] for w in found.weights)
        ours = np.array([perp, along, 1 / found.response[i]])
        theirs = root(_min_max, 1.1 * ours, args=(alpha[i], ridge[i]), tol=1e-11)
        assert theirs.success
        np.testing.assert_allclose(ours, theirs.x, rtol=1e-8)
        # their error, of labels without noise
        slope = theirs.x[1] / theirs.x[0]
        right = quad(lambda g, k=slope: norm.pdf(g) * norm.cdf(k * g), 0, 9)[0]
        np.testing.assert_allclose(found.error[i], 1 - 2 * right, rtol=1e-7)


@pytest.mark.slow
def test_limits_of_the_ridge():
    point = {"alpha_prune": 2.0, "keep_fraction": 0.5, "theta": np.deg2rad(20)}
    ridge = np.array([1e-2, 1e-6, 1e-12, 1e6])
    c, s, gamma = np.cos(point["theta"]), np.sin(point["theta"]), norm.isf(0.25)

    def mean(weight):
        return 4 * quad(weight, -gamma, gamma)[0]  # over |z| < gamma, half of the pool

    # given z, y > -z c/s is normal with mean phi/Phi: E of u and of v, times Phi
    u = mean(
        lambda z: norm.pdf(z) * (c * z * norm.cdf(z * c / s) + s * norm.pdf(z * c / s))
    )
    v = mean(
        lambda z: norm.pdf(z) * (s * z * norm.cdf(z * c / s) - c * norm.pdf(z * c / s))
    )
    hebb = np.arctan2(np.sqrt(0.5 + v * v), u) / np.pi
    limit = pt.solve(**point).error
    hinge = pt.solve_convex(**point, loss="hinge", ridge=ridge).error
    # the multipliers have a Gaussian tail: sooner than any power of the ridge
    assert abs(hinge[0] - limit) < 1e-9
    logistic = pt.solve_convex(**point, loss="logistic", ridge=ridge).error
    slow = (logistic[1:3] - limit) * np.log(ridge[1:3])
    np.testing.assert_allclose(slow[1], slow[0], rtol=0.15)
    np.testing.assert_allclose((hinge[3], logistic[3]), hebb, rtol=1e-5)


@pytest.mark.slow
def test_best_ridge_of_the_square_loss():
    # y = sqrt(2/pi) u + a rest of variance 1 - 2/pi: its ridge is noise over signal,
    # (1 - (1 - 2 p)^2 2/pi)/((1 - 2 p)^2 2/pi), whatever the load
    best = pt.optimal_ridge(
        alpha_prune=np.array([0.4, 2.0, 30.0]),
        keep_fraction=1.0,
        theta=0.5,
        loss="square",
    )
    np.testing.assert_allclose(best.ridge, np.pi / 2 - 1, rtol=1e-7)
    assert (best.kind == pt.Optimum.INTERIOR).all()


@pytest.mark.slow
def test_best_ridge_inside_and_at_zero():
    point = {
        "alpha_prune": np.array([50.0, 50.0]),
        "keep_fraction": np.array([0.5, 0.01]),
        "theta": np.array([0.2, 0.6]),
    }
    best = pt.optimal_ridge(**point, loss="squared_hinge")
    limit = pt.solve(**point).error
    assert best.kind.tolist() == [pt.Optimum.INTERIOR, pt.Optimum.ZERO]
    assert best.ridge[1] == 0
    assert best.error[1] == limit[1]
    assert best.error[0] < limit[0]
    at = {name: values[:1] for name, values in point.items()}
    near = best.ridge[0] * np.array([0.9, 1.0, 1.1])
    error = pt.solve_convex(**at, loss="squared_hinge", ridge=near).error
    np.testing.assert_allclose(error[1], best.error[0], rtol=1e-10)
    assert (error[[0, 2]] > error[1]).all()


@pytest.mark.slow
def test_best_ridge_of_a_loss_of_ones_own_that_only_falls():
    """It ends at the max-margin student, as its built-in counterpart does."""
    own = lambda m: jnp.where(m < 1, (1 - m) ** 2 / 2, 0.0)  # noqa: E731
    point: dict[str, Any] = {"alpha_prune": 4.0, "keep_fraction": 0.2}
    best = pt.optimal_ridge(**point, loss=own)
    named = pt.optimal_ridge(**point, loss="squared_hinge")
    assert best.kind == named.kind
    np.testing.assert_allclose(best.error, named.error, rtol=1e-9)
    separates = lambda loss: resolve_loss(loss).separates()  # noqa: E731
    assert separates(lambda m: jnp.log1p(jnp.exp(-m)))
    # a tail that is a power: no max-margin student; and one that rises
    assert not separates(lambda m: jnp.sqrt(1 + m * m) - m)
    assert not separates(lambda m: (1 - m) ** 2)


@pytest.mark.slow
def test_no_ridge_on_wrong_labels_that_can_be_satisfied():
    """The logistic loss tends to the max-margin student, slowly, the hinge at once."""
    point: dict[str, Any] = {
        "alpha_prune": 0.6,
        "keep_fraction": 0.2,
        "flip_probability": 0.1,
    }
    best = pt.optimal_ridge(**point, loss="logistic")
    hinged = pt.solve_convex(**point, loss="hinge", ridge=1e-8)
    assert best.kind == 1
    np.testing.assert_allclose(best.error, hinged.error, rtol=1e-7)
