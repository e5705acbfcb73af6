"""Pools pruned by a probe trained on them: limits, closed forms, simulation."""

import jax
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

import perceptron_theory as pt
from perceptron_theory.convex.losses import logistic, square
from perceptron_theory.own_probe.kept_pool import kept_margins, mean_example
from perceptron_theory.own_probe.probe import Probe
from perceptron_theory.rules.names import resolve_rule

MEAN = np.sqrt(2 / np.pi)  # of |u|
RIDGE = pt.Convex("square", ridge=0.1)
MIDDLE = pt.keep_between((0.25, 0.75))


def ridge_probe(load, ridge, wrong=0.0, part=1.0):
    """The probe of the square loss on a random pool, in closed form."""
    load, gain = load * part, (1 - 2 * wrong) * MEAN
    step = brentq(lambda v: ridge * v + load * v / (1 + v) - 1, 1e-12, 1 / ridge)
    pull = step / (1 + step)
    along = load * pull * gain / (ridge * step + load * pull)
    square_error = 1 - 2 * along * gain + along**2
    noise = load * pull**2 * square_error / (1 - load * pull**2)
    return Probe(square, along, float(np.sqrt(noise)), step, part, wrong)


def hebb_probe(load, wrong=0.0):
    return Probe(lambda m: -m, load * (1 - 2 * wrong) * MEAN, load**0.5, 1.0, 1, wrong)


def square_student(probe, hebb, load, f, rule, margin, ridge):
    """Error of the square loss: its equations are linear, on a dense grid of Z."""
    size = np.hypot(probe.along, probe.across)
    c, s, e = probe.along / size, probe.across / size, probe.wrong
    z = np.linspace(-9, 9, 400001)
    shift = np.full_like(z, 1.0)
    if not hebb:
        shift = probe.response / (1 + probe.response) * (1 - size * z)
    share = (1 - e) * ndtr(z * c / s) + e * ndtr(-z * c / s)
    step = (1 - 2 * e) * np.exp(-0.5 * (z * c / s) ** 2) / np.sqrt(2 * np.pi)
    dense = 2 * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    seen = size * z + shift
    order = np.argsort(abs(seen) if margin == "absolute" else seen)
    # quantiles at the middle of each cell of the grid
    mass = np.cumsum((dense * share)[order]) - 0.5 * (dense * share)[order]
    low, high = {"hard": (0, f), "easy": (1 - f, 1), "middle": (0.25, 0.75)}[rule]
    kept = np.zeros(z.size)
    kept[order[(mass > low) & (mass <= high)]] = 1.0
    g, weight = shift / probe.across, load * dense * kept
    fields = np.stack([c * z, s * z, g]), np.array([s, -c, 0.0])
    y = [share, step, share - step * z * c / s]  # moments of y: 1, y, y^2
    one = np.sum(weight * y[0])
    mean = np.array(
        [np.sum(weight * (a * y[0] + b * y[1])) for a, b in zip(*fields, strict=True)]
    )
    cross = np.array(
        [
            [
                np.sum(weight * (a * p * y[0] + (a * q + b * p) * y[1] + b * q * y[2]))
                for p, q in zip(*fields, strict=True)
            ]
            for a, b in zip(*fields, strict=True)
        ]
    )
    v = brentq(lambda v: ridge * v + one * v / (1 + v) - 1, 1e-12, 1.01 / ridge)
    k, rho = v / (1 + v), ridge * v
    matrix = k * cross + np.array([[rho, 0, 0], [0, rho - 1, 1], [0, 1, -1]])
    x = np.linalg.solve(matrix, k * mean)
    rest = k * k * (one - 2 * x @ mean + x @ cross @ x) - (x[1] - x[2]) ** 2
    r2 = rest / (1 - k * k * one)
    return np.arctan2(np.hypot(x[1], np.sqrt(r2)), x[0]) / np.pi, x, r2


@pytest.mark.parametrize("rule", ["hard", "easy", MIDDLE, pt.Mixture(share=0.5)])
@pytest.mark.parametrize("margin", ["absolute", "signed"])
@pytest.mark.parametrize("part", [1.0, 0.4])
def test_what_is_kept_is_the_fraction(rule, margin, part):
    probe = ridge_probe(4.0, 0.1, wrong=0.1, part=part)
    with jax.enable_x64(True):
        kept = kept_margins(probe, 4.0, 0.5, resolve_rule(rule), margin)
    assert mean_example(kept).one == pytest.approx(2.0, abs=1e-12)


@pytest.mark.parametrize("wrong", [0.0, 0.2])
@pytest.mark.parametrize("part", [1.0, 0.4])
def test_the_pulls_of_the_pool_make_the_noise_of_the_probe(wrong, part):
    """alpha_tot E[G^2] = 1, with the b of the closed form; and E[u] of the pool."""
    probe = ridge_probe(3.0, 0.2, wrong, part)
    with jax.enable_x64(True):
        kept = kept_margins(probe, 3.0, 1.0, resolve_rule("hard"), "signed")
    pool = mean_example(kept)
    np.testing.assert_allclose(pool.square, 1.0, rtol=1e-11)
    np.testing.assert_allclose(pool.u, 3.0 * (1 - 2 * wrong) * MEAN, rtol=1e-11)


def test_margins_with_and_without_an_example_are_each_others_maps():
    probe = Probe(logistic, 2.5, 0.9, 2.4, 1.0, 0.0)
    z = np.linspace(-5, 5, 11)
    with jax.enable_x64(True):
        k = probe.within(z)
        back, _ = probe.without(k)
    np.testing.assert_allclose(back, z * probe.length, atol=1e-4)
    assert (np.diff(k) > 0).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"alpha_tot": 0.0}, "alpha_tot must be positive"),
        ({"alpha_tot": [1.0, 2.0]}, "alpha_tot must be one number"),
        ({"keep_fraction": 30}, "keep_fraction must be in"),
        ({"keep_fraction": 1e-9}, "keep_fraction must be at least 1e-08"),
        ({"trained_part": 0.0}, "trained_part must be in"),
        ({"flip_probability": 0.5}, "flip_probability must be in"),
        ({"margin": "absolut"}, "did you mean 'absolute'"),
        ({"rule": pt.KeepProbability(lambda m: m)}, "not a KeepProbability"),
        ({"rule": pt.Agreeing("hard")}, "Agreeing depends on the angle"),
        ({"probe": "square"}, "probe must be perceptron_theory.Convex"),
        ({"probe": pt.Convex("hinge", 1.0)}, "the margin 1, and no order"),
        ({"probe": pt.HardMargin()}, "the margin 1, and no order"),
        ({"student": "gibbs"}, "student must be perceptron_theory.Convex"),
        ({"student": pt.Convex("square", [0.1, 1.0])}, "ridge must be one number"),
        ({"student": pt.Convex("square", 0.1, 0.1)}, "give flip_probability to"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {"alpha_tot": 4.0, "keep_fraction": 0.3, "probe": RIDGE, "student": RIDGE}
    with pytest.raises(pt.InputError, match=message):
        pt.solve_own_probe(**good | change)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule, margin, wrong, hebb",
    [
        ("hard", "signed", 0.0, False),
        ("hard", "absolute", 0.1, False),
        ("easy", "absolute", 0.0, True),
        ("middle", "absolute", 0.0, False),
    ],
)
def test_the_square_loss_is_its_linear_equations(rule, margin, wrong, hebb):
    f = 0.5 if rule == "middle" else 0.3
    probe = hebb_probe(4.0, wrong) if hebb else ridge_probe(4.0, 0.1, wrong)
    error, x, r2 = square_student(probe, hebb, 4.0, f, rule, margin, 0.1)
    found = pt.solve_own_probe(
        alpha_tot=4.0,
        keep_fraction=f,
        rule=MIDDLE if rule == "middle" else rule,
        margin=margin,
        probe="hebb" if hebb else RIDGE,
        student=RIDGE,
        flip_probability=wrong,
    )
    np.testing.assert_allclose(found.error, error, atol=3e-5)  # of the grid
    np.testing.assert_allclose(found.weights[:2], x[:2], atol=3e-4)
    np.testing.assert_allclose(
        [found.shift, found.weights[2] ** 2], [x[2], r2], atol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("student", ["max_margin", pt.Convex("logistic", ridge=0.1)])
def test_random_examples_and_whole_pools_do_not_ask_the_probe(student):
    for rule, f in (("random", 0.5), ("hard", 1.0)):
        pool = {"alpha_tot": 4.0, "keep_fraction": f}
        own = pt.solve_own_probe(rule=rule, probe=RIDGE, student=student, **pool)
        free = pt.solve(rule="random", student=student, **pool)
        np.testing.assert_allclose(own.error, free.error, rtol=1e-8)
        assert abs(own.shift) < 1e-8


@pytest.mark.slow
def test_a_probe_of_a_small_part_is_a_fresh_one():
    """Of a pool of 4/part, so that the probe's load stays, as does the kept one."""
    off = []
    for part in (2e-3, 1e-3):
        pool = {"alpha_tot": 4.0 / part, "keep_fraction": 0.3 * part}
        own = pt.solve_own_probe(probe=RIDGE, student=RIDGE, trained_part=part, **pool)
        fresh = pt.solve(theta=own.theta, student=RIDGE, **pool)
        off.append(own.error / fresh.error - 1.0)
    assert abs(off[1]) < 5e-3
    np.testing.assert_allclose(off[0] / off[1], 2.0, rtol=0.05)


@pytest.mark.slow
def test_a_student_of_nearly_all_is_the_probe_that_is_its_twin():
    twin = pt.Convex("logistic", ridge=0.1)
    found = [
        pt.solve_own_probe(alpha_tot=4.0, keep_fraction=f, probe=twin, student=twin)
        for f in (0.9, 0.99, 1.0)
    ]
    rest = [sol.weights[2] for sol in found]
    assert 0.02 > rest[0] > 10 * rest[1] > rest[2] == 0.0
    np.testing.assert_allclose(found[1].weights[:2], found[2].weights[:2], rtol=1e-3)
    assert found[2].error == pytest.approx(found[2].theta / np.pi, rel=1e-12)


def simulated(size, draws, *, hebb=False, part=1.0, wrong=0.0, rule, margin):
    """Means and standard errors of w.T, |w|^2 and w.p, trained by linear algebra."""
    found, total = [], 4 * size
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((total, size))
        y = np.sign(x[:, 0]) * np.where(rng.random(total) < wrong, -1.0, 1.0)
        seen = x[: round(part * total)], y[: round(part * total)]
        probe = seen[0].T @ seen[1] / size
        if not hebb:
            probe = ridge_weights(*seen)
        ranked = y * (x @ probe)
        order = np.argsort(abs(ranked) if margin == "absolute" else ranked)
        few = round(0.3 * total)
        kept = order[:few] if rule == "hard" else order[-few:]
        w = ridge_weights(x[kept], y[kept])
        found.append([w[0], w @ w, w @ probe / np.linalg.norm(probe)])
    return np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(draws)


def ridge_weights(x, y):
    size = x.shape[1]
    return np.linalg.solve(x.T @ x + 0.1 * size * np.eye(size), x.T @ y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {"rule": "hard", "margin": "signed"},
        {"rule": "hard", "margin": "absolute", "hebb": True},
        {"rule": "easy", "margin": "absolute", "wrong": 0.1},
        {"rule": "hard", "margin": "signed", "part": 0.5},
    ],
)
def test_trained_students_are_those_of_the_equations(case):
    mean, bar = simulated(200, 60, **case)
    own = {
        "alpha_tot": 4.0,
        "keep_fraction": 0.3,
        "rule": case["rule"],
        "margin": case["margin"],
        "probe": "hebb" if case.get("hebb") else RIDGE,
        "student": RIDGE,
        "trained_part": case.get("part", 1.0),
        "flip_probability": case.get("wrong", 0.0),
    }
    sol = pt.solve_own_probe(**own)
    norm = np.sum(np.square(sol.weights))
    wanted = [sol.weights[0], norm, sol.probe_overlap * np.sqrt(norm)]
    assert (abs(mean - wanted) < 4 * bar + 0.01 * np.abs(wanted)).all()
    # which the law of a fresh probe is not
    del own["probe"], own["student"], own["trained_part"], own["flip_probability"]
    labels = pt.Convex("square", 0.1, case.get("wrong", 0.0))
    fresh = pt.solve(theta=sol.theta, student=labels, **own)
    assert abs(mean[0] - fresh.weights[0]) > 6 * bar[0]
