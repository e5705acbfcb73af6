import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from simulations.perceptron import Gibbs, Point, averages, simulate
from simulations.perceptron.data.batches import stack_sets
from simulations.perceptron.data.pruned_pools import training_sets
from simulations.perceptron.data.source import draw_keys
from simulations.perceptron.students.version_space import (
    SampleStatus,
    _sample_batch,
    estimate,
    overlaps,
    sample,
)

KEY = jax.random.key(0)


def rejection(examples: np.ndarray, wanted: int) -> np.ndarray:
    """Unit vectors of the cone by trying uniform ones: slow, and exact."""
    rng, found = np.random.default_rng(0), []
    while sum(map(len, found)) < wanted:
        tried = rng.normal(size=(200_000, examples.shape[1]))
        tried /= np.linalg.norm(tried, axis=1, keepdims=True)
        found.append(tried[(tried @ examples.T > 0).all(1)])
    return np.concatenate(found)


def agrees(series: np.ndarray, exact: float, error: float = 0.0) -> None:
    """The mean of a (chains, n) series within four of its own standard errors."""
    mean, spread, _ = estimate(series)
    assert abs(mean - exact) < 4 * np.hypot(spread, error), (mean, exact, spread)


@pytest.mark.parametrize("width", [0.02, 0.5, 2.0, 3.1])
def test_an_arc_is_covered_evenly(width):
    """N = 2: the angle is uniform on the arc, with all its moments."""
    low, high = -1.5, width - 1.5
    walls = [[-np.sin(low), np.cos(low)], [np.sin(high), -np.cos(high)]]
    found = sample(walls, KEY, n_samples=2000)
    x, y = np.moveaxis(found.samples, -1, 0)
    place = (np.arctan2(y, x) - low) / width
    assert ((place > 0) & (place < 1)).all()
    for power in (1, 2, 3):
        agrees(place**power, 1 / (power + 1))


def test_an_octant_has_its_known_moments():
    found = sample(np.eye(3), KEY, n_samples=2000)
    assert (found.samples > 0).all()
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        agrees(found.samples[..., i], 0.5)
        product = found.samples[..., i] * found.samples[..., j]
        agrees(product, 1 / 3 if i == j else 2 / (3 * np.pi))


def test_a_half_space():
    """One wall, given three times: height and squares of the upper hemisphere."""
    found = sample(np.eye(3)[[0, 0, 0]], KEY, n_samples=2000)
    agrees(found.samples[..., 0], 1 / 2)
    agrees(found.samples[..., 1], 0.0)
    agrees(found.samples[..., 0] ** 2, 1 / 3)


@pytest.mark.slow
def test_many_walls_against_rejection():
    """Moments in every direction of an irregular cone, and the overlap of pairs."""
    examples = np.random.default_rng(1).normal(size=(12, 6))
    examples[:, 0] = abs(examples[:, 0])
    exact = rejection(examples, 10_000)[:10_000]
    found = sample(examples, KEY, n_samples=2000)
    assert (found.samples @ examples.T > 0).all()
    assert 1000 < found.effective_size <= 2000
    one, two = np.triu_indices(6)
    for values, series in (
        (exact, found.samples),
        (
            exact[:, one] * exact[:, two],
            found.samples[..., one] * found.samples[..., two],
        ),
    ):
        means, errors = values.mean(0), values.std(0) / 100
        for i in range(len(means)):
            agrees(series[..., i], means[i], errors[i])
    pairs = (exact[:5000] * exact[5000:]).sum(1)
    mean, error, _ = found.pair_overlap
    assert abs(mean - pairs.mean()) < 4 * np.hypot(error, pairs.std() / 5000**0.5)


# to compile for few shapes, most of what follows has P = N = 12 and 60 sets at once
POINT = Point(1.0, 0.5, 0.3)


def sampled(point: Point, *, size: int, draws: int, seed: int, n_samples: int):
    """The version spaces of the sets of ``simulate``: all that is measured of them."""
    sets = training_sets(point, size=size, draws=draws, seed=seed)
    keys = draw_keys(seed, point, range(draws))
    space = sample(stack_sets(sets, draws, repeat=True), keys, n_samples=n_samples)
    assert not space.status.any()
    return xr.Dataset({k: ("draw", column) for k, column in overlaps(space).items()})


@pytest.fixture(scope="module")
def draws() -> xr.Dataset:
    return sampled(POINT, size=12, draws=60, seed=3, n_samples=30)


@pytest.mark.slow
def test_the_teacher_is_a_typical_student_when_nothing_is_pruned():
    """E[A] = E[q] at every N, the teacher being a uniform point of the cone itself."""
    point = Point(1.0, 1.0, rule="random")
    draws = sampled(point, size=12, draws=300, seed=2, n_samples=30)
    difference = draws.overlap - draws.self_overlap
    assert abs(difference.mean()) < 4 * difference.std(ddof=1) / 300**0.5
    assert draws.self_overlap.mean() > 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule, q, overlap", [("hard", 0.5592, 0.3712), ("easy", 0.4029, 0.5393)]
)
def test_pruning_parts_student_and_teacher(rule, q, overlap):
    """The values of the theory at N -> inf; what is left at N = 64 is below 0.01."""
    draws = sampled(
        Point(1.0, 0.5, rule=rule), size=64, draws=128, seed=1, n_samples=30
    )
    for name, exact in (("self_overlap", q), ("overlap", overlap)):
        mean, error = averages(draws)[name].values
        assert abs(mean - exact) < 4 * error + 0.01, name


@pytest.mark.slow
def test_means_without_the_bias_of_few_samples():
    """q and the Bayes point from 8 samples a chain, as from 100."""
    few, many = (
        averages(sampled(POINT, size=12, draws=draws, seed=4, n_samples=n))
        for n, draws in ((8, 300), (100, 120))
    )
    for name in ("self_overlap", "overlap", "gibbs_error", "bayes_point_error"):
        (a, e), (b, f) = few[name].values, many[name].values
        assert abs(a - b) < 4 * np.hypot(e, f), name
    biased = (1 - many.self_overlap.values[0]) / 8
    assert biased > 4 * few.self_overlap.values[1]  # so that the test can fail


def cone(*batch: int) -> np.ndarray:
    return np.abs(np.random.default_rng(3).normal(size=(*batch, 12, 6)))


@pytest.mark.slow
def test_the_same_key_gives_the_same_samples_and_another_does_not():
    one, again = (sample(cone(3), KEY, n_samples=5) for _ in range(2))
    np.testing.assert_array_equal(one.samples, again.samples)
    other = sample(cone(3), jax.random.key(1), n_samples=5)
    assert not (one.samples == other.samples).any()
    assert not (one.samples[:, 0] == one.samples[:, 1]).any()  # chains differ
    each = jax.random.split(jax.random.key(5), 3)
    batch = sample(cone(3), each, n_samples=5)
    alone = sample(cone(3)[1], each[1], n_samples=5)
    np.testing.assert_allclose(batch.samples[1], alone.samples, rtol=1e-7)


@pytest.mark.parametrize(
    "change",
    [
        lambda walls: walls * np.geomspace(1e-2, 1e2, 12)[:, None],  # lengths
        lambda walls: np.tile(walls, (2, 1)),  # every wall twice
    ],
)
def test_what_does_not_matter(change):
    once = sample(cone(), KEY, n_samples=2000)
    again = sample(change(cone()), jax.random.key(1), n_samples=2000)
    assert (again.samples @ cone().T > 0).all()
    for i in range(6):
        mean, error, _ = estimate(once.samples[..., i])
        agrees(again.samples[..., i], mean, error)


def test_data_that_cannot_be_separated_have_a_status_and_no_samples():
    noise = np.random.default_rng(6).normal(size=(3, 12, 6))
    noise[1] = cone()
    noise[0, 6:] = -noise[0, :6]
    noise[2, -1] = -noise[2, 0]
    found = sample(noise, KEY, n_samples=5)
    assert found.status.tolist() == [
        SampleStatus.NOT_SEPARABLE,
        SampleStatus.SAMPLED,
        SampleStatus.NOT_SEPARABLE,
    ]
    assert np.isnan(found.samples[0]).all() and np.isnan(found.effective_size[0])
    assert (found.samples[1] @ noise[1].T > 0).all()


def test_too_many_bounces_are_reported():
    narrow = [[0.0, 1.0], [0.02, -1.0]]  # an arc of 0.02
    found = sample(narrow, KEY, n_samples=2000, max_bounces=60)
    assert int(found.status) == SampleStatus.MAX_BOUNCES
    assert np.isnan(found.samples).all()
    found = sample(narrow, KEY, n_samples=2000)
    assert int(found.status) == SampleStatus.SAMPLED
    # unfolded, the motion ends at the fresh velocity: angles from 0 to pi, evenly
    spread = np.pi / 12**0.5 / 0.02 / 4000**0.5
    assert abs(found.bounces.mean() - np.pi / 2 / 0.02) < 4 * spread


def test_the_effective_size_is_that_of_a_known_process():
    """An AR(1) series of coefficient rho: n (1 - rho)/(1 + rho)."""
    rng = np.random.default_rng(0)
    for rho, n in ((0.0, 20_000), (0.6, 20_000), (0.9, 40_000)):
        noise = rng.normal(size=(n, 2)) * (1 - rho**2) ** 0.5
        series = np.zeros((n, 2))
        for t in range(1, n):
            series[t] = rho * series[t - 1] + noise[t]
        found = estimate(series.T)
        assert found.effective_size == pytest.approx(
            2 * n * (1 - rho) / (1 + rho), rel=0.15
        )
    apart = np.stack([np.zeros(100), np.ones(100)]) + 0.1 * rng.normal(size=(2, 100))
    assert estimate(apart).effective_size < 10  # chains that have not met
    assert estimate(np.ones((3, 2, 10))).effective_size.tolist() == [20.0] * 3


@pytest.mark.slow
def test_draws_do_not_depend_on_how_they_are_asked_for(draws):
    """The student of ``simulate`` samples the same version spaces by the same keys."""
    point = replace(POINT, student=Gibbs(30))
    later = simulate(point, size=12, draws=2, seed=3, first=3)
    for mine, theirs in (
        ("mean_error", "gibbs_error"),
        ("self_overlap", "self_overlap"),
        ("effective_size", "effective_size"),
    ):
        np.testing.assert_allclose(later[mine], draws[theirs][3:5], rtol=1e-6)
    assert later.attrs["point"] == POINT.label and later.attrs["pool"] == 24
    assert (later.kept == 12).all()


@pytest.mark.slow
def test_the_data_sets_are_those_of_the_other_students(draws):
    """The centre of the version space is near the max-margin student of the set."""
    margin = simulate(POINT, size=12, draws=60, seed=3)
    assert np.corrcoef(margin.error, draws.bayes_point_error)[0, 1] > 0.8


@pytest.mark.slow
def test_a_keep_probability_has_sets_of_random_size():
    point = Point(1.0, rule=pt.KeepProbability(lambda z: 1 / (1 + z)))
    point = replace(point, student=Gibbs(5))
    draws = simulate(point, size=12, draws=6, seed=0)
    assert len(set(draws.kept.values)) > 1
    sets = training_sets(point, size=12, draws=6, seed=0)
    assert draws.kept.values.tolist() == [len(s) for s in sets]


def test_sampling_is_compiled_once_for_a_shape():
    sample(cone(), KEY, n_samples=5)
    before = _sample_batch._cache_size()
    sample(cone()[::-1], jax.random.key(4), n_samples=5, travel=1.0)
    assert _sample_batch._cache_size() == before
    assert not jax.config.read("jax_enable_x64")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n_samples": 3}, "n_samples"),
        ({"chains": 3}, "even"),
        ({"chains": 0}, "even"),
        ({"warmup": -1}, "warmup"),
        ({"travel": 0.0}, "travel"),
        ({"travel": np.nan}, "travel"),
        ({"max_bounces": 0}, "max_bounces"),
    ],
)
def test_numbers_out_of_range_are_refused(change, message):
    with pytest.raises(pt.InputError, match=message):
        sample(np.eye(2), KEY, **change)


@pytest.mark.slow
def test_bad_examples_keys_and_draws_are_refused(draws):
    with pytest.raises(pt.InputError, match=r"shape \(\.\.\., P, N\)"):
        sample(np.ones(3), KEY)
    with pytest.raises(pt.InputError, match="finite"):
        sample([[1.0, np.nan]], KEY)
    with pytest.raises(pt.InputError, match=r"jax\.random\.key"):
        sample(np.eye(2), jax.random.PRNGKey(0))
    with pytest.raises(pt.InputError, match=r"keys of shape \(3,\)"):
        sample(np.ones((2, 2, 2)), jax.random.split(KEY, 3))
    with pytest.raises(pt.InputError, match="inside jit"):
        jax.jit(lambda key: sample(np.eye(2), key).samples)(KEY)
    gibbs = replace(POINT, student="gibbs")
    with pytest.raises(pt.InputError, match="draws"):
        simulate(gibbs, size=8, draws=0, seed=0)
    with pytest.raises(pt.InputError, match="size"):
        simulate(gibbs, size=1, draws=2, seed=0)
    with pytest.raises(pt.InputError, match="2 draws"):
        averages(draws.isel(draw=slice(1)))
