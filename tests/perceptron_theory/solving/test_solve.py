"""The solver against the oracle, published constants, limits and finite differences."""

import warnings
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from oracle.make_reference import load

import perceptron_theory as pt
from perceptron_theory.numerics.checks import as_array

DEGREE = np.pi / 180


def _compare(records):
    """Largest error of ``error`` in units of the accuracy that is promised."""
    column = lambda name: np.array([float(r[name]) for r in records])  # noqa: E731
    first = records[0]
    rule = first["rule"]
    if rule == "window":
        rule = pt.Window(column("lower"))
    elif rule == "mixture":
        rule = pt.Mixture(column("share"), first["end"])
    solution = pt.solve(
        alpha_prune=column("alpha_prune"),
        keep_fraction=column("keep_fraction"),
        theta=column("theta"),
        rule=rule,
        margin=first["margin_rule"],
    )
    exact = [mp.mpf(r["error"]) for r in records]
    relative = np.array(
        [
            float(abs((mp.mpf(float(e)) - x) / x))
            for e, x in zip(solution.error, exact, strict=True)
        ]
    )
    allowed = np.maximum(1e-8, 16 * 2.0**-52 * column("condition"))
    return np.max(relative / allowed), solution


def _group(name, rule, margin, end=None):
    return [
        r
        for r in load(name)
        if (r["rule"], r["margin_rule"]) == (rule, margin)
        and (end is None or r["end"] == end)
    ]


@pytest.mark.parametrize("rule", ["hard", "easy", "random", "window"])
def test_oracle_at_theta_zero(rule):
    worst, _ = _compare(_group("aligned", rule, "absolute"))
    assert worst < 1


def test_oracle_close_to_the_threshold():
    records = _group("threshold", "hard", "absolute")
    assert len(records) >= 200
    worst, solution = _compare(records)
    assert worst < 1
    condition = np.array([float(r["condition"]) for r in records])
    assert np.allclose(solution.condition, condition, rtol=1e-4)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("rule", "margin", "end"),
    [
        ("hard", "absolute", None),
        ("easy", "absolute", None),
        ("hard", "signed", None),
        pytest.param("mixture", "absolute", "hard", marks=pytest.mark.slow),
    ],
)
def test_oracle_at_an_angle(rule, margin, end):
    worst, _ = _compare(_group("oblique", rule, margin, end))
    assert worst < 1


# (load, fraction, theta in degrees, rule, margin): error; theory notes, section 3:
# solved from the equations and confirmed by quadratic programming at N = 200..800.
KNOWN = {
    (2.0, 0.5, 0, "hard", "absolute"): 0.136097,
    (3.0, 0.1, 0, "hard", "absolute"): 0.0175676,
    (10.0, 1.0, 0, "hard", "absolute"): 0.0491834,
    (2.0, 0.5, 0, "easy", "absolute"): 0.117306,
    (4.0, 0.3, 10, "hard", "absolute"): 0.04263917,
    (2.0, 0.5, 10, "easy", "absolute"): 0.12925847,
    (4.0, 0.3, 30, "hard", "absolute"): 0.12844162,
    (4.0, 0.3, 30, "hard", "signed"): 0.26811802,
    (10.0, 0.5, 30, "hard", "absolute"): 0.03108487,
    (100.0, 0.3, 20, "hard", "absolute"): 0.0020298,
}


@pytest.mark.parametrize(("point", "error"), KNOWN.items())
def test_known_values(point, error):
    load, fraction, degrees, rule, margin = point
    theta = degrees * DEGREE
    solution = pt.solve(
        alpha_prune=load, keep_fraction=fraction, theta=theta, rule=rule, margin=margin
    )
    digits = len(repr(error)) - 2
    assert solution.error == pytest.approx(error, abs=0.51 * 10.0**-digits)


@pytest.mark.slow
def test_window_and_both_ends():
    # theory notes, section 3: the middle window beats both ends at alpha 2, f 0.5
    window = pt.solve(alpha_prune=2.0, keep_fraction=0.5, rule=pt.Window(0.3125))
    assert window.error == pytest.approx(0.1128, abs=5e-5)
    both = pt.solve(alpha_prune=2.0, rule=pt.KeepProbability(_ends, (LOW, HIGH)))
    assert both.keep_fraction == pytest.approx(0.5, abs=1e-9)
    assert both.error == pytest.approx(0.2422, abs=5e-5)


def _ends(z):
    return jnp.where((z < LOW) | (z > HIGH), 1.0, 0.0)


LOW, HIGH = 0.31863936396437515, 1.1503493803760079  # |z| quantiles 1/4 and 3/4


def test_random_data_coefficient():
    # Opper, Kinzel, Kleinz, Nehl 1990: error alpha -> 0.5005
    solution = pt.solve(alpha_prune=1e6, keep_fraction=1.0)
    assert solution.error * 1e6 == pytest.approx(0.5005, abs=1e-4)


@pytest.mark.slow
def test_large_load_law():
    # error alpha -> C f/(2 Phi(gamma/s) - 1), C the coefficient of random data
    theta, f = 20 * DEGREE, 0.3
    one = pt.solve(alpha_prune=1e6, keep_fraction=1.0).error
    gamma = pt.threshold(f)
    mass = float(mp.erf(gamma / np.sin(theta) / mp.sqrt(2)))
    solution = pt.solve(alpha_prune=1e6, keep_fraction=f, theta=theta)
    assert solution.error == pytest.approx(one * f / mass, rel=1e-4)


@pytest.mark.parametrize(
    "student",
    [
        "max_margin",
        pytest.param("gibbs", marks=pytest.mark.slow),
        pytest.param("bayes_point", marks=pytest.mark.slow),
    ],
)
def test_the_first_guess_is_not_taken_for_the_root_at_tiny_errors(student):
    # 3e-4 off, at the corner of the range and far beyond it
    loads, f = np.array([1e4, 1e6, 1e6, 1e30]), np.array([1e-4, 1e-7, 1e-8, 1e-8])
    solution = pt.solve(alpha_prune=loads, keep_fraction=f, student=student)
    exact = pt.power_law_coefficient(f, student=student) / loads
    np.testing.assert_allclose(solution.error, exact, rtol=1e-7)


def test_limit_of_strong_pruning():
    # theta = 0, f -> 0: error -> a(alpha) f above alpha = 2, 1/2 below
    f = 1e-8
    loads = np.array([2.5, 3.0, 5.0])
    solution = pt.solve(alpha_prune=loads, keep_fraction=f)
    assert np.allclose(solution.error / f, [0.24287, 0.176403, 0.100128], rtol=1e-5)
    assert pt.solve(alpha_prune=1.9, keep_fraction=f).error > 0.499
    at = pt.solve(alpha_prune=2.0, keep_fraction=f).error
    assert at == pytest.approx(0.1616 * f ** (1 / 3), rel=5e-3)


def test_random_pruning_does_not_know_the_probe():
    theta = np.array([0.0, 0.3, 1.0, np.pi / 2])
    solution = pt.solve(alpha_prune=3.0, keep_fraction=0.2, theta=theta, rule="random")
    assert np.allclose(solution.error, solution.error[0], rtol=1e-11)


def test_small_theta_joins_theta_zero():
    solution = pt.solve(alpha_prune=3.0, keep_fraction=0.1, theta=[0.0, 1e-9])
    assert solution.error[1] == pytest.approx(solution.error[0], rel=1e-9)


@pytest.mark.slow
def test_a_step_is_the_hard_rule():
    step = pt.KeepProbability(lambda z: jnp.where(z < 1.0, 1.0, 0.0), (1.0,))
    for margin in ("absolute", "signed"):
        a = pt.solve(alpha_prune=4.0, theta=0.5, rule=step, margin=margin)
        b = pt.solve(
            alpha_prune=4.0, theta=0.5, keep_fraction=a.keep_fraction, margin=margin
        )
        assert a.error == pytest.approx(b.error, rel=1e-9)


def test_threshold_is_exact():
    for f in (1e-8, 1e-3, 0.3, 0.9, 1 - 1e-12):
        gamma = mp.mpf(pt.threshold(f))
        with mp.workdps(40):
            missed = mp.erfc(gamma / mp.sqrt(2)) - (1 - mp.mpf(f))
            step = missed / (2 * mp.npdf(gamma))
        assert abs(step / gamma) < 1e-15


def test_nothing_changes_for_the_users_other_code():
    pt.solve(alpha_prune=3.0, keep_fraction=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert jnp.ones(2).dtype == jnp.float32


def test_alpha_tot_in_place_of_alpha_prune():
    a = pt.solve(alpha_tot=[10.0, 20.0], keep_fraction=[[0.3], [0.1]])
    b = pt.solve(alpha_prune=[[3.0, 6.0], [1.0, 2.0]], keep_fraction=[[0.3], [0.1]])
    assert a.error.shape == (2, 2)
    assert np.allclose(a.error, b.error, rtol=1e-12)
    assert np.allclose(a.alpha_prune, b.alpha_prune)


BAD = [
    ({"alpha_prune": 0.0, "keep_fraction": 0.5}, "positive"),
    ({"alpha_prune": np.nan, "keep_fraction": 0.5}, "NaN"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.0}, r"\(0, 1\]"),
    ({"alpha_prune": 1.0, "keep_fraction": 1.1}, r"\(0, 1\]"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.5, "theta": 10}, "10 degrees"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.5, "theta": -0.1}, "theta"),
    ({"alpha_prune": 1.0, "alpha_tot": 2.0, "keep_fraction": 0.5}, "exactly one"),
    ({"keep_fraction": 0.5}, "exactly one"),
    ({"alpha_prune": [], "keep_fraction": 0.5}, "empty"),
    ({"alpha_prune": [1.0, 2.0], "keep_fraction": [0.1, 0.2, 0.3]}, "broadcast"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.5, "rule": "hrad"}, "did you mean 'hard'"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.5, "margin": "sigend"}, "'signed'"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.5, "student": "gibs"}, "student"),
    ({"alpha_prune": 1.0}, "keep_fraction is missing"),
    ({"alpha_prune": 1.0, "keep_fraction": 0.5, "rule": pt.Window(0.6)}, "exceed 1"),
    (
        {"alpha_prune": 1.0, "rule": pt.KeepProbability(lambda z: z * z)},
        r"must be in \[0, 1\]",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_one_clear_line(arguments, message):
    with pytest.raises(pt.InputError, match=message) as error:
        pt.solve(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("alpha", "fraction", "theta", "margin"),
    [
        (24244.245593446136, 7.491673566250901e-06, 1.4695926143154084e-06, "signed"),
        (28177.89625661663, 3.03729602361348e-07, 0.0033381104218147906, "absolute"),
    ],
)
def test_points_beyond_a_steep_threshold_are_solved(alpha, fraction, theta, margin):
    """Their path stands still in alpha while the error falls by orders of magnitude."""
    solution = pt.solve(
        alpha_prune=alpha, keep_fraction=fraction, theta=theta, margin=margin
    )
    assert solution.error < 0.01


def test_small_angles_share_one_scaling_function():
    """At fixed f/theta, error alpha/theta does not depend on theta -> 0."""
    theta = np.array([1e-6, 1e-4, 1e-2])
    solution = pt.solve(
        alpha_prune=1e4, keep_fraction=5.0 * theta, theta=theta, margin="signed"
    )
    assert np.ptp(solution.error / theta) < 1e-8 * solution.error[0] / theta[0]


@pytest.mark.slow
def test_a_grid_equals_its_points():
    """A large call starts most points next to solved ones; the results are the same."""
    alpha, fraction = np.geomspace(0.3, 30.0, 80)[:, None], np.geomspace(0.02, 1.0, 70)
    grid = pt.solve(alpha_prune=alpha, keep_fraction=fraction, theta=0.2)
    some = pt.solve(alpha_prune=alpha[::9], keep_fraction=fraction[::9], theta=0.2)
    assert np.allclose(grid.error[::9, ::9], some.error, rtol=1e-9, atol=0)


@pytest.mark.parametrize("declared", [(), (LOW,), (HIGH,)])
def test_a_jump_that_was_not_declared_is_noticed(declared):
    with pytest.raises(pt.InputError, match="breakpoints"):
        pt.solve(alpha_prune=2.0, rule=pt.KeepProbability(_ends, declared))


@pytest.mark.parametrize(
    "function", [lambda z: 1 / 0, lambda z, y: z, lambda z: 0.5 + 0j * z]
)
def test_a_keep_probability_that_fails_is_named(function):
    with pytest.raises(pt.InputError, match="keep-probability"):
        pt.solve(alpha_prune=1.0, rule=pt.KeepProbability(function))


@pytest.mark.parametrize("breakpoints", [None, 0.5, ("a",)])
def test_breakpoints_are_margins(breakpoints):
    with pytest.raises(pt.InputError, match="tuple of margins"):
        pt.KeepProbability(lambda z: 0.5 + 0 * z, breakpoints)


def test_a_list_of_breakpoints_is_a_tuple_of_them():
    rules = [pt.KeepProbability(jnp.exp, kind([0.5])) for kind in (list, tuple)]
    assert hash(rules[0]) == hash(rules[1])


def test_an_empty_cell_does_no_harm():
    whole = pt.solve(alpha_prune=3.0, keep_fraction=1.0, rule=pt.Mixture(1.0))
    assert whole.error == pytest.approx(
        pt.solve(alpha_prune=3.0, keep_fraction=1.0).error, rel=1e-10
    )


def test_rules_without_parameters_are_told_apart_by_jax():
    """Else a function compiled for one is, by chance, called with another."""
    trees = {jax.tree.structure(rule) for rule in (pt.Hard(), pt.Easy(), pt.Random())}
    assert len(trees) == 3


@pytest.mark.parametrize(
    "value", [None, True, "3", 3 + 0j, np.datetime64("2020"), [1.0, None], 10**400]
)
def test_loads_that_are_no_real_numbers(value):
    with pytest.raises(pt.InputError, match="alpha_prune"):
        pt.solve(alpha_prune=value, keep_fraction=0.5)
    if value is not None:
        with pytest.raises(pt.InputError, match="must be a real number or an array"):
            as_array("alpha_prune", value)


def test_numbers_of_other_kinds_are_taken():
    for value in (Fraction(5, 2), jnp.asarray(2.5, "bfloat16"), np.float16(2.5)):
        assert as_array("alpha_prune", value) == 2.5
    assert as_array("alpha_tot", 10**30) == 1e30
