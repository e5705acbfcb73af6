"""Information gain: the paper's approximation q = R, and the version space's own."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import log_ndtr, ndtri

import perceptron_theory as pt
from perceptron_theory.students.version_space.paper_information import (
    gain_at_overlap,
    paper_information_gain,
    paper_overlap,
)


@pytest.fixture(scope="module")
def gibbs():
    """The version space at loads x fractions, in one compilation."""
    loads = np.array([0.3, 0.83, 0.85, 1.0, 2.0, 5.0, 100.0, 1e4])
    fractions = np.array([1.0, 0.5, 0.1, 1e-3, 1e-5])
    # at the divergence itself f = 1e-5 does not converge
    solution: Any = pt.solve(
        alpha_prune=loads[:, None],
        keep_fraction=fractions,
        student="gibbs",
        throw=False,
    )
    gain = dict(np.ndenumerate(solution.information_gain))
    return {(loads[i], fractions[j]): value for (i, j), value in gain.items()}


def normal(t):
    return np.exp(-0.5 * t * t) / np.sqrt(2 * np.pi)


def entropy(overlap, q, alpha, f):
    """S by adaptive quadrature over the kept margins and the field."""

    def one(t, u):
        field = overlap * u + np.sqrt(q - overlap**2) * t
        return normal(u) * normal(t) * log_ndtr(field / np.sqrt(1 - q))

    gamma = ndtri(0.5 + 0.5 * f)
    mean = 2 / f * dblquad(one, 0, gamma, -9, 9, epsabs=1e-12, epsrel=1e-12)[0]
    spread = 0.5 * (np.log(1 - q) + (q - overlap**2) / (1 - q))
    return spread + alpha * mean, mean


@pytest.mark.parametrize(("alpha", "f"), [(1.0, 0.3), (3.0, 0.5)])
def test_entropy_is_stationary_in_the_overlap_where_q_is_put_equal_to_it(alpha, f):
    r = float(paper_overlap(alpha_prune=alpha, keep_fraction=f))
    step = 1e-3
    above, below = (entropy(r + h, r, alpha, f)[0] for h in (step, -step))
    scale = r / (1 - r)  # of the two terms that cancel
    assert (above - below) / (2 * step) == pytest.approx(0, abs=1e-4 * scale)
    gain = paper_information_gain(alpha_prune=alpha, keep_fraction=f)
    assert gain == pytest.approx(-entropy(r, r, alpha, f)[1], rel=1e-9)


def test_without_overlap_an_example_gives_one_bit():
    gains = gain_at_overlap(overlap=0.0, keep_fraction=[1e-6, 0.3, 1.0])
    np.testing.assert_allclose(gains, np.log(2), rtol=1e-9)


@pytest.mark.parametrize(
    ("overlap", "known"), [(0.5, 0.849), (0.9, 0.970), (1 - 1e-6, 1.0)]
)
def test_examples_at_the_boundary_give_up_to_one_nat(overlap, known):
    gain = gain_at_overlap(overlap=overlap, keep_fraction=1e-8)
    assert gain == pytest.approx(known, abs=5e-4)
    field = lambda n: -normal(n) * log_ndtr(np.sqrt(overlap) * n)  # noqa: E731
    assert gain == pytest.approx(quad(field, -12, 12)[0], rel=1e-4)


def test_the_approximation_is_exact_for_random_data(gibbs):
    for alpha in (0.3, 1.0, 5.0, 1e4):
        gain = paper_information_gain(alpha_prune=alpha, keep_fraction=1.0)
        assert gain == pytest.approx(gibbs[alpha, 1.0], rel=1e-8)


def test_at_fixed_fraction_both_gains_fall_as_one_over_the_load(gibbs):
    for f in (1.0, 0.5, 0.1):
        paper = paper_information_gain(alpha_prune=1e4, keep_fraction=f)
        for gain in (gibbs[1e4, f], paper):
            assert 1e4 * gain == pytest.approx(1, rel=1e-6)


def test_with_a_gap_at_the_boundary_the_gain_falls_faster_than_one_over_the_load():
    """The version space stays a cone: alpha I falls like 1/(2 ln alpha)."""
    load = np.array([1e2, 1e4, 1e6])
    given: Any = {"alpha_prune": load, "keep_fraction": 0.5, "rule": "easy"}
    gain = load * pt.solve(student="gibbs", **given).information_gain
    np.testing.assert_allclose(gain, [0.119024, 0.059356, 0.038994], rtol=1e-4)
    # 1/(2 alpha I) grows like ln alpha
    slow, fast = np.diff(0.5 / gain) / np.log(100.0)
    assert 0.9 < slow < fast < 1.0


@pytest.mark.slow
def test_what_is_told_grows_with_the_log_of_the_load_where_the_error_has_a_law():
    """alpha I -> 1; 1/2 where the density vanishes like the margin; else -> 0."""
    load, f = 1e6, np.array([0.2, 1 / np.pi, 0.6])
    given: Any = {"alpha_prune": load, "keep_fraction": f, "theta": 1.0}
    for student, expected in (("gibbs", [0.0504, 0.5, 1.0]), ("bayes_optimal", 1.0)):
        found = pt.solve(student=student, margin="signed", **given)
        np.testing.assert_allclose(load * found.information_gain, expected, atol=2e-5)
        law = pt.power_law_coefficient(f, 1.0, margin="signed", student=student)
        assert (np.isfinite(law) == (load * found.information_gain > 0.9)).all()


def test_of_few_examples_the_approximation_has_its_peak_of_one_nat_at_one_load():
    loads = np.array([1.0, 1.679, 2.0, 3.0])
    gain = paper_information_gain(alpha_prune=loads, keep_fraction=1e-7)
    np.testing.assert_allclose(gain, [np.log(2), 1.0, 0.6687, 0.35358], atol=3e-4)


def test_pruned_data_tell_more_than_the_approximation_says(gibbs):
    for alpha, f in gibbs:
        if f < 1 and alpha <= 5 and np.isfinite(gibbs[alpha, f]):
            paper = paper_information_gain(alpha_prune=alpha, keep_fraction=f)
            assert gibbs[alpha, f] > paper


def test_the_gain_passes_one_nat_diverges_at_two_and_falls_below_one(gibbs):
    assert gibbs[0.83, 1e-5] < 1 < gibbs[0.85, 1e-5]
    assert gibbs[5.0, 1e-5] < 1
    assert gibbs[2.0, 1e-3] > 40 * gibbs[2.0, 0.1] > 80
    assert paper_information_gain(alpha_prune=2.0, keep_fraction=1e-5) < 1


def test_arguments_broadcast_and_extremes_are_solved():
    alpha, f = np.array([[1e-3], [1.0], [1e6]]), np.array([1e-8, 0.5])
    gain = np.asarray(paper_information_gain(alpha_prune=alpha, keep_fraction=f))
    assert gain.shape == (3, 2)
    np.testing.assert_allclose(gain[0], np.log(2), rtol=1e-3)
    np.testing.assert_allclose(gain[2], 1e-6, rtol=1e-6)
    assert gain[1, 1] == paper_information_gain(alpha_prune=1.0, keep_fraction=0.5)


@pytest.mark.parametrize(
    ("alpha", "f", "words"),
    [
        (0.0, 0.5, "alpha_prune"),
        (1.0, 1.5, "keep_fraction"),
        (1.0, 1e-9, "at least"),
        ([1.0, 2.0], [0.1, 0.2, 0.3], "broadcast"),
    ],
)
def test_bad_input(alpha, f, words):
    with pytest.raises(pt.InputError, match=words):
        paper_information_gain(alpha_prune=alpha, keep_fraction=f)
