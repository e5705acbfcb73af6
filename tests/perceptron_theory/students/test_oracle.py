"""The oracle against direct integration of the equations it claims to solve.

Sources: saddle-point equations of the max-margin student, Sorscher et al. 2022
(arXiv 2206.14486), App. A, in the form E[u g], E[v g], E[g^2].
"""

import math

import pytest
from mpmath import mp, mpf
from oracle import Rule, solve, solve_curve
from oracle.gaussian import trivariate
from oracle.make_reference import curves, load
from scipy.integrate import dblquad, quad
from scipy.special import ndtr
from scipy.stats import multivariate_normal


def _density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def test_aligned_root_satisfies_the_one_dimensional_equations():
    """theta = 0 in the variables delta = r/A, k = kappa/A, by mp.quad."""
    alpha, f = 3.0, 0.1
    found = solve(alpha, f, 0.0, "hard")
    with mp.workdps(30):
        delta = mp.tan(mp.pi * found.error)
        k = found.margin / found.overlap
        gamma = mp.sqrt(2) * mp.erfinv(mpf(f))

        def mean(function):
            steps = [0, *[x for x in (k / 2, k, k + delta) if x < gamma], gamma]
            inner = lambda u: 2 * _density(u) * function(u, (k - u) / delta)  # noqa: E731
            return mp.quad(inner, steps) / mpf(f)

        g2 = mean(lambda u, t: (t * t + 1) * mp.ncdf(t) + t * _density(t))
        active = mean(lambda u, t: mp.ncdf(t))
        ug = delta * mean(lambda u, t: u * (t * mp.ncdf(t) + _density(t)))
        assert abs(alpha * g2 - 1) < mpf(10) ** -20
        assert abs(alpha * (active + ug) - 1) < mpf(10) ** -20
    assert found.certified < mpf(10) ** -30


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("rule", "interval"),
    [
        (Rule("hard"), lambda g: [(-g[0], g[0])]),
        (Rule("easy", "signed"), lambda g: [(g[0], 9.0)]),
    ],
)
def test_oblique_root_satisfies_the_two_dimensional_equations(rule, interval):
    """theta > 0: the three averages by scipy's dblquad in the (u, v) plane."""
    alpha, f, theta = 2.0, 0.4, 0.5
    found = solve(alpha, f, theta, rule)
    c, s = math.cos(theta), math.sin(theta)
    a, rho = float(found.overlap), float(found.probe_overlap)
    b = (rho - c * a) / s
    r = math.sqrt(1 - a * a - b * b)
    kappa = float(found.margin)
    with mp.workdps(20):
        thresholds = [float(t) for t, _ in rule.jumps(mpf(f), mpf(theta)) if t > 0]

    def mean(function):
        total = 0.0
        for low, high in interval(thresholds):

            def inside(v, u):
                t = (kappa - a * u - b * v) / r
                weight = math.exp(-(u * u + v * v) / 2) / math.pi
                normal = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
                return weight * function(u, v, t, ndtr(t), normal)

            total += dblquad(
                inside,
                0,
                9,
                lambda u, low=low: max((low - c * u) / s, -9.0),
                lambda u, high=high: min(max((high - c * u) / s, -9.0), 9.0),
                epsabs=1e-8,
                epsrel=1e-8,
            )[0]
        return total / f

    assert mean(lambda u, v, t, p, n: 1.0) == pytest.approx(1.0, abs=1e-6)
    active = mean(lambda u, v, t, p, n: p)
    ug = r * mean(lambda u, v, t, p, n: u * (t * p + n))
    vg = r * mean(lambda u, v, t, p, n: v * (t * p + n))
    g2 = mean(lambda u, v, t, p, n: (t * t + 1) * p + t * n)
    assert a * (1 - alpha * active) == pytest.approx(alpha * ug, rel=1e-6)
    assert b * (1 - alpha * active) == pytest.approx(alpha * vg, rel=1e-6, abs=1e-7)
    assert alpha * g2 == pytest.approx(1.0, rel=1e-6)


def test_trivariate_probability_against_conditional_bivariates():
    """Average over u of Prob(v < cut, b v + xi < kappa - a u), by scipy."""
    c, s = math.cos(0.3), math.sin(0.3)
    for a, b, kappa, t in ((5, -2, 1, 0.2), (40, 3, 2, -0.1), (0.1, 30, 1, 1.5)):
        length = math.hypot(b, 1.0)

        def given(u, a=a, b=b, kappa=kappa, t=t, length=length):
            ends = [(t - c * u) / s, (kappa - a * u) / length]
            covariance = [[1.0, b / length], [b / length, 1.0]]
            normal = math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
            return normal * multivariate_normal.cdf(ends, cov=covariance)

        direct = quad(given, 0, 9, limit=500, epsabs=1e-12, points=[0.1, 0.5, 1, 2])[0]
        with mp.workdps(20):
            args = [mpf(x) for x in (t, c, s, a, b, kappa)]
            assert float(trivariate(*args)) == pytest.approx(direct, abs=1e-9)


def test_reference_holds_the_oracle_s_curves_and_is_certified():
    """The committed values belong to the script's points, to 15 digits or more."""
    for group in ("aligned", "threshold", "oblique"):
        wanted = curves(group)
        records = load(group)
        assert records
        for record in records:
            alphas, f, theta, rule = wanted[record["curve"]]
            assert record["alpha_prune"] in alphas
            assert (record["keep_fraction"], record["theta"]) == (f, theta)
            assert record["rule"] == rule.name
            assert float(record["certified"]) < 1e-17
            assert 0 < float(record["error"]) < 0.5


def test_reference_is_what_the_oracle_gives():
    """Two committed values that are cheap, computed again."""
    for group, curve in (("aligned", 13), ("aligned", 197)):
        alphas, f, theta, rule = curves(group)[curve]
        stored = [r for r in load(group) if r["curve"] == curve]
        found = solve_curve(alphas, f, theta, rule)
        for record, again in zip(stored, found, strict=True):
            assert record["error"] == mp.nstr(again.error, 25)
            assert float(record["condition"]) == pytest.approx(float(again.condition))


@pytest.mark.slow
def test_condition_is_the_sum_of_logarithmic_slopes():
    inputs = [0.05, 0.5, 1.0]
    found = solve(*inputs, "hard")
    total, step = 0.0, 2.0**-20
    for i, value in enumerate(inputs):
        moved = list(inputs)
        moved[i] = value * (1 + step)
        change = mp.log(solve(*moved, "hard").error / found.error)
        total += abs(float(change)) / step
    assert float(found.condition) == pytest.approx(total, rel=1e-5)
