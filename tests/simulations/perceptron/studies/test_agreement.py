import numpy as np
import pytest

from simulations.perceptron.studies.agreement import error_share, extrapolate, judge

SIZES = np.array([50.0, 100.0, 200.0])


def fits(difference, error, count, rng):
    """Fits of ``count`` points of given differences and Gaussian errors."""
    return [
        extrapolate(SIZES, difference + error * rng.normal(size=3), error, 0.0)
        for _ in range(count)
    ]


def test_the_fit_recovers_intercept_and_slope():
    found = extrapolate(SIZES, 0.02 - 1.5 / SIZES, np.array([0.1, 0.2, 0.3]), 0.0)
    assert found.value == pytest.approx(0.02) and found.slope == pytest.approx(-1.5)
    assert found.chi_squared == pytest.approx(0, abs=1e-20) and found.freedom == 1


def test_the_error_of_the_fit_is_the_spread_of_fits():
    rng, error = np.random.default_rng(0), np.array([0.01, 0.02, 0.015])
    found = fits(3 / SIZES, error, 4000, rng)
    assert np.std([f.value for f in found]) == pytest.approx(found[0].error, rel=0.05)
    assert np.mean([f.chi_squared for f in found]) == pytest.approx(1, rel=0.1)


def test_error_share_is_that_of_equal_errors():
    found = extrapolate(SIZES, np.zeros(3), np.ones(3), 0.0)
    assert error_share((50, 100, 200)) == pytest.approx(found.error)
    assert error_share((200,)) == 1.0


def test_a_single_size_has_its_allowance_in_quadrature():
    one = extrapolate(SIZES[:1], np.array([0.05]), np.array([0.03]), 2.0)
    assert one.value == 0.05 and one.error == pytest.approx(0.05)


@pytest.mark.slow
def test_a_correct_theory_fails_at_the_family_level():
    """1000 families of 20 points at level 0.2: 200 failures +- 13, or fewer.

    The tests overlap (a bad point raises two of them), so that sharing the level is
    conservative; it must not be so by much.
    """
    rng, error = np.random.default_rng(1), np.full(3, 0.01)
    failures = sum(
        not all(test.passed for test in judge(fits(1 / SIZES, error, 20, rng), 0.2))
        for _ in range(1000)
    )
    assert 100 < failures < 240


@pytest.mark.parametrize(
    "shift, which",
    [
        (np.r_[0.1, np.zeros(19)], "largest |z|"),
        (0.035 * np.tile([1, -1], 10), "sum of z^2"),
        (np.full(20, 0.025), "mean z * sqrt(points)"),
    ],
)
def test_each_test_sees_its_kind_of_failure(shift, which):
    rng, error = np.random.default_rng(2), np.full(3, 0.01)
    found = [fits(1 / SIZES + s, error, 1, rng)[0] for s in shift]
    failed = [test.name for test in judge(found, 1e-3) if not test.passed]
    assert which in failed


def test_a_law_that_is_not_linear_in_one_over_n_is_seen():
    rng, error = np.random.default_rng(3), np.full(3, 0.01)
    found = fits(800 / SIZES**2, error, 20, rng)
    failed = [test.name for test in judge(found, 1e-3) if not test.passed]
    assert "chi^2 of the fits in 1/N" in failed


def test_nan_does_not_pass():
    found = [extrapolate(SIZES, np.full(3, np.nan), np.full(3, 0.01), 0.0)]
    assert not any(test.passed for test in judge(found, 1e-3))
