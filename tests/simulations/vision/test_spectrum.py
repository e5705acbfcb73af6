"""The spectrum of embeddings, beside NumPy's covariance and known spectra."""

import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.vision.principal_components import spectrum

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(200, 7), (7, 200)])
def test_it_is_that_of_the_covariance(shape):
    points = RNG.normal(size=shape) * np.geomspace(1, 30, shape[1])
    found = spectrum(points)
    wanted = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    count = min(shape[1], shape[0] - 1)
    wanted = wanted[:count] / wanted.sum()
    np.testing.assert_allclose(found.shares, wanted, rtol=1e-9)
    assert (found.examples, found.dimensions) == shape


def test_equal_directions_count_as_one_each():
    points = np.zeros((4_000, 9))
    points[:, :4] = RNG.normal(size=(4_000, 4))
    found = spectrum(points)
    assert len(found.shares) == 4
    assert found.effective_dimensions == pytest.approx(4, rel=0.01)
    one = spectrum(np.outer(RNG.normal(size=50), np.ones(3)))
    assert one.effective_dimensions == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_numbers_of_any_size(scale):
    points = RNG.normal(size=(60, 3))
    found = spectrum(points * scale).effective_dimensions
    assert found == pytest.approx(spectrum(points).effective_dimensions)


def test_many_rows_are_a_random_part_of_them(tmp_path):
    np.save(tmp_path / "x.npy", RNG.normal(size=(3_000, 4)).astype(np.float32))
    points = np.load(tmp_path / "x.npy", mmap_mode="r")
    part, again = spectrum(points, most=1_000), spectrum(points, most=1_000)
    assert part.examples == 1_000
    np.testing.assert_array_equal(part.shares, again.shares)
    np.testing.assert_allclose(part.shares, spectrum(points).shares, rtol=0.2)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (np.ones(4), "two or more rows"),
        (np.ones((1, 4)), "two or more rows"),
        (np.ones((5, 4)), "the same"),
        (np.array([[1.0, np.nan], [0, 1]]), "finite"),
        (np.array([["a", "b"], ["c", "d"]]), "numbers"),
    ],
)
def test_what_has_none_is_refused(points, why):
    with pytest.raises(InputError, match=why):
        spectrum(points)
