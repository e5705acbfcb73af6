"""Spearman's correlation against SciPy, its intervals against repetition."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from perceptron_theory import InputError
from simulations.vision.correlation import spearman, spearman_matrix


def _pair(count, seed):
    rng = np.random.default_rng(seed)
    one = rng.normal(size=count)
    return one, np.round(one + rng.normal(size=count))  # with ties


def test_the_matrix_is_scipys():
    one, two = _pair(200, 0)
    scores = {"one": one, "two": two, "three": -one}
    found = spearman_matrix(scores, key=0, resamples=20)
    wanted = spearmanr(np.stack(list(scores.values())), axis=1).statistic
    np.testing.assert_allclose(found["correlation"], wanted, atol=1e-12)
    assert spearman(one, two) == pytest.approx(wanted[0, 1])
    np.testing.assert_allclose(found["lower"].sel(metric="one", other="three"), -1)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = spearman(*_pair(200_000, 0))
    held = 0
    for seed in range(100):
        scores = dict(zip("ab", _pair(300, seed + 1), strict=True))
        found = spearman_matrix(scores, key=seed, resamples=100, level=0.8)
        pair = found.sel(metric="a", other="b")
        held += bool(pair["lower"] < truth < pair["upper"])
    assert 68 <= held <= 91  # 80 +- 3 standard errors


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ({"a": [1.0, 2.0]}, "two metrics or more"),
        ({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, "the same examples"),
        ({"a": [1.0, 2.0], "b": [1.0, 1.0]}, "scores of b are all equal"),
        ({"a": [1.0, 2.0], "b": [1.0, np.nan]}, r"scores of b\[1\] is nan"),
    ],
)
def test_bad_input_is_refused(scores, says):
    with pytest.raises(InputError, match=says):
        spearman_matrix(scores, key=0)


def test_scores_that_hardly_differ_have_no_interval():
    scores = {"a": [0, 0, 1, 0, 0, 0], "b": range(6)}
    with pytest.raises(InputError, match="too few of the 6 examples"):
        spearman_matrix(scores, key=0, resamples=1)
