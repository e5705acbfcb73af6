"""The Pareto frontier against brute force and published or derived facts."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.numerics.bracketing import bracketed_roots
from perceptron_theory.numerics.minima import minimise

# the two searches, on functions whose answers are known


def test_minimise_finds_the_global_one_of_several_minima():
    centre = np.array([-9.3, -2.0, -0.05])

    def function(x, row):
        near = (x - centre[row, None]) ** 2
        return np.minimum(near, 0.05 + (x + 5.0) ** 2 / 2)

    low = np.full(3, np.log(1e-8))
    found = minimise(function, low, np.zeros(3))
    np.testing.assert_allclose(found.position, centre, atol=1e-9)
    np.testing.assert_allclose(found.value, 0.0, atol=1e-15)
    assert not found.at_lower.any() and not found.at_upper.any()


def test_minimise_reports_ends_and_prefers_the_larger_of_equals():
    slope = np.array([1.0, -1.0, 0.0])
    found = minimise(
        lambda x, row: slope[row, None] * x, np.full(3, -18.0), np.zeros(3)
    )
    np.testing.assert_array_equal(found.position, [-18.0, 0.0, 0.0])
    np.testing.assert_array_equal(found.at_lower, [True, False, False])
    np.testing.assert_array_equal(found.at_upper, [False, True, True])


def test_minimise_says_nothing_where_an_end_is_not_solved():
    found = minimise(
        lambda x, row: np.where(x == 0, np.nan, x**2 + x),
        np.array([-18.0]),
        np.array([0.0]),
    )
    assert np.isnan(found.value).all()


def test_bracketed_roots():
    root = np.array([0.1, 1e-3, 0.7, 0.999])

    def function(x, i):
        return np.array([1.0, -1.0, 30.0, 1.0])[i] * np.tanh(
            np.array([1.0, 500.0, 1.0, 40.0])[i] * (x**3 - root[i] ** 3)
        )

    ends, i = (np.zeros(4), np.ones(4)), np.arange(4)
    at = [function(x, i) for x in ends]
    found = bracketed_roots(function, *ends, *at, 1e-10)
    np.testing.assert_allclose(found, root, atol=1e-10)


# alpha_prune given


@pytest.fixture(scope="module")
def aligned():
    return pt.pareto_frontier([1.0, 1.5, 1.9, 2.0, 3.0, 100.0])


def test_the_best_fraction_agrees_with_brute_force(aligned):
    fractions = np.geomspace(1e-8, 1.0, 6001)
    for load in (1.0, 1.9):
        at = aligned.sel(alpha_prune=load)
        scan = pt.solve(alpha_prune=load, keep_fraction=fractions, throw=False).error
        assert at.error <= np.nanmin(scan) * (1 + 1e-9)
        best = fractions[np.nanargmin(scan)]
        assert float(at.f_opt) == pytest.approx(best, rel=0.004)
        assert at.kind == "interior"
        assert float(at.alpha_tot) == pytest.approx(load / float(at.f_opt), rel=1e-14)


def test_the_best_fraction_is_a_stationary_point(aligned):
    at = aligned.isel(alpha_prune=slice(0, 3))
    steps = np.array([-0.02, 0.0, 0.02])
    errors = pt.solve(
        alpha_prune=at.alpha_prune.values[:, None],
        keep_fraction=at.f_opt.values[:, None] * np.exp(steps),
    ).error
    low, here, high = np.log(errors).T
    # the vertex of the parabola through the three points, in ln f
    vertex = 0.5 * 0.02 * (low - high) / (low - 2 * here + high)
    np.testing.assert_allclose(vertex, 0.0, atol=2e-3)


def test_a_perfect_probe_has_no_best_fraction_above_two(aligned):
    """From alpha_prune = 2 on the error goes to 0 with f (notes of the theory)."""
    at = aligned.sel(alpha_prune=[2.0, 3.0, 100.0])
    assert (at.kind == "limit f -> 0").all()
    np.testing.assert_array_equal(at.f_opt, 0.0)
    np.testing.assert_array_equal(at.error, 0.0)
    np.testing.assert_array_equal(at.alpha_tot, np.inf)
    tiny = pt.solve(alpha_prune=[3.0], keep_fraction=1e-6).error[0]
    assert tiny == pytest.approx(0.176403e-6, rel=1e-4)  # a(3) f: falls without end


def test_a_cap_on_the_pool():
    capped = pt.pareto_frontier([1.5, 3.0, 10.0, 20.0], max_alpha_tot=20.0)
    assert capped.kind.values.tolist() == [
        "interior",
        "cap (initial data)",
        "cap (initial data)",
        "no pruning (f = 1)",
    ]
    np.testing.assert_allclose(capped.alpha_tot[1:], 20.0, rtol=1e-12)
    np.testing.assert_allclose(capped.f_opt[1:], [0.15, 0.5, 1.0], rtol=1e-12)


def test_few_examples_are_best_kept_at_random():
    at = pt.pareto_frontier(0.1, max_alpha_tot=1.0)
    assert at.kind.item() == "no pruning (f = 1)" and at.f_opt.item() == 1.0
    everything = pt.pareto_frontier([0.5, 30.0], rule="random")
    assert (everything.kind == "no pruning (f = 1)").all()


# alpha_tot given


def test_the_envelope_is_the_frontier_seen_from_the_pool():
    pools = np.array([1.5, 4.0, 100.0])
    curve = pt.pareto_frontier(alpha_tot=pools)
    assert (curve.kind == "interior").all()
    again = pt.pareto_frontier(curve.alpha_prune.values)
    np.testing.assert_allclose(again.alpha_tot, pools, rtol=1e-5)
    np.testing.assert_allclose(again.error, curve.error, rtol=1e-8)
    # at fixed pool pruning only loses examples: another optimum, kept apart
    assert (curve.pool_f_opt > curve.f_opt).all()
    fractions = np.geomspace(1e-2, 1.0, 100)
    for pool, least in zip(pools, curve.pool_error.values, strict=True):
        scan = pt.solve(
            alpha_prune=pool * fractions, keep_fraction=fractions, throw=False
        )
        assert least <= np.nanmin(scan.error) * (1 + 1e-9)


# a probe at an angle


@pytest.mark.slow
def test_best_fraction_of_a_slightly_wrong_probe():
    """F_opt/theta is 1.11, 0.766, 0.49 and 0.316 as theta -> 0 (theory notes)."""
    theta = np.deg2rad(2.0)
    at = pt.pareto_frontier([5.0, 10.0, 30.0, 100.0], theta=theta)
    assert (at.kind == "interior").all()
    np.testing.assert_allclose(at.f_opt / theta, [1.11, 0.766, 0.49, 0.316], rtol=0.02)


# bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one"),
        ({"alpha_prune": 1.0, "alpha_tot": 2.0}, "exactly one"),
        ({"alpha_prune": -1.0}, "alpha_prune must be positive"),
        ({"alpha_prune": []}, "empty"),
        ({"alpha_prune": [[1.0]]}, "1-D"),
        ({"alpha_prune": 1.0, "theta": 30.0}, "degrees"),
        ({"alpha_prune": 1.0, "theta": [0.1, 0.2]}, "theta must be one number"),
        ({"alpha_prune": 4.0, "max_alpha_tot": 3.0}, "max_alpha_tot must be at least"),
        ({"alpha_prune": 4.0, "max_alpha_tot": -1.0}, "max_alpha_tot must be positive"),
        ({"alpha_tot": 4.0, "max_alpha_tot": 9.0}, "leave it out"),
        ({"alpha_prune": 1.0, "rule": "hadr"}, "did you mean 'hard'"),
        ({"alpha_prune": 1.0, "margin": "singed"}, "did you mean 'signed'"),
        ({"alpha_prune": 1.0, "rule": pt.KeepProbability(lambda z: z)}, "optimise"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(pt.InputError, match=words):
        pt.pareto_frontier(**arguments)


def test_a_pool_of_just_what_is_kept_is_not_pruned():
    frontier = pt.pareto_frontier([3.0], max_alpha_tot=3.0)
    assert frontier.f_opt.item() == 1 and "no pruning" in frontier.kind.item()


@pytest.mark.slow
def test_the_envelope_of_huge_pools_approaches_the_threshold():
    """Its contact obeys 2 - alpha_prune ~ f^(4/3) and error ~ f^(1/3) (section 3)."""
    pools = pt.pareto_frontier(alpha_tot=[1e5, 1e6])
    below = 2.0 - pools.alpha_prune.values
    assert below[0] / below[1] == pytest.approx(10 ** (4 / 3), rel=1e-2)
    assert pools.error.values[0] / pools.error.values[1] == pytest.approx(
        10 ** (1 / 3), rel=1e-2
    )


@pytest.mark.parametrize("rule", [pt.Window(1.5), pt.Window(np.array([0.1, 0.2]))])
def test_rules_without_an_optimum_are_refused(rule):
    with pytest.raises(pt.InputError):
        pt.pareto_frontier([3.0], rule=rule)
