"""k-means against scikit-learn, and where it has little to work with."""

import jax
import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans

from perceptron_theory import InputError
from simulations.vision import clustering as module
from simulations.vision.clustering import kmeans, memory_estimate


def _blobs(count=1500, dimensions=6, groups=5, seed=0):
    rng = np.random.default_rng(seed)
    means = 4 * rng.standard_normal((groups, dimensions))
    noise = rng.standard_normal((count, dimensions))
    return (means[rng.integers(groups, size=count)] + noise).astype(np.float32)


@pytest.mark.parametrize("k", [3, 20])
def test_from_one_start_it_ends_where_scikit_learn_does(k):
    points = _blobs()
    ours = kmeans(points, k, key=0, centers=points[:k], max_iterations=300, tolerance=0)
    theirs = KMeans(k, init=points[:k], n_init=1, max_iter=300, tol=0).fit(points)
    assert ours.converged
    assert ours.inertia == pytest.approx(theirs.inertia_, rel=1e-5)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)
    np.testing.assert_allclose(ours.centers, theirs.cluster_centers_, atol=1e-4)


def test_its_own_start_is_as_good_as_scikit_learns():
    points = _blobs(groups=20)
    ours = [kmeans(points, 20, key=i).inertia for i in range(10)]
    theirs = [
        KMeans(20, n_init=1, random_state=i).fit(points).inertia_ for i in range(10)
    ]
    assert np.mean(ours) < 1.1 * np.mean(theirs)


def test_mini_batches_come_close_to_scikit_learns():
    points = _blobs()
    given = {"n_clusters": 5, "batch_size": 100}
    ours = kmeans(points, key=0, centers=points[:5], max_iterations=10, **given)
    theirs = MiniBatchKMeans(
        init=points[:5], n_init=1, max_iter=10, random_state=0, **given
    ).fit(points)
    assert ours.inertia < 1.05 * theirs.inertia_


def test_spherical_clusters_are_those_of_plain_numpy():
    points = _blobs() * np.random.default_rng(1).uniform(0.1, 10, (1500, 1))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    centers = unit[:4]
    for _ in range(50):
        nearest = (unit @ centers.T).argmax(1)
        centers = np.stack([unit[nearest == j].sum(0) for j in range(4)])
        centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    found = kmeans(points, 4, key=0, distance="cosine", centers=points[:4], tolerance=0)
    np.testing.assert_array_equal(found.labels, nearest)
    np.testing.assert_allclose(found.centers, centers, atol=1e-5)
    cosine = (unit * centers[nearest]).sum(1)
    np.testing.assert_allclose(found.distances, 1 - cosine, atol=1e-6)
    assert found.inertia == pytest.approx(2 * (1 - cosine).sum(), rel=1e-5)


@pytest.mark.slow
def test_blocks_and_a_memory_map_change_nothing(monkeypatch, tmp_path):
    points = _blobs()
    whole = kmeans(points, 7, key=3)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    monkeypatch.setattr(module, "_BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(module, "_RESIDENT", 0)
    parts = kmeans(mapped, 7, key=3)
    np.testing.assert_array_equal(whole.labels, parts.labels)
    np.testing.assert_allclose(whole.distances, parts.distances, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_far_from_zero_keep_their_digits(dtype):
    points = _blobs().astype(np.float64)
    near = kmeans(points, 5, key=0, centers=points[:5])
    shift = {np.float32: 1e3, np.float64: 1e7}[dtype]
    moved = (points + shift).astype(dtype)
    far = kmeans(moved, 5, key=0, centers=moved[:5])
    assert far.inertia == pytest.approx(near.inertia, rel=1e-3)
    assert (far.labels == near.labels).mean() > 0.999


def test_the_key_decides():
    points = _blobs()
    one, two = (kmeans(points, 9, key=jax.random.key(5)) for _ in range(2))
    np.testing.assert_array_equal(one.centers, two.centers)
    other = kmeans(points, 9, key=jax.random.PRNGKey(6))
    assert not np.array_equal(one.centers, other.centers)


@pytest.mark.parametrize("batch_size", [None, 40])
def test_an_empty_cluster_gets_a_point(batch_size):
    points = _blobs(200)
    start = np.concatenate([points[:3], np.full((2, 6), 1e4, np.float32)])
    found = kmeans(points, 5, key=0, centers=start, batch_size=batch_size)
    assert found.counts.min() > 0
    assert found.counts.sum() == 200


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_fewer_distinct_points_than_clusters(distance):
    points = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    found = kmeans(points, 5, key=0, distance=distance)
    np.testing.assert_allclose(found.distances, 0, atol=1e-6)
    assert found.inertia == pytest.approx(0, abs=1e-6)


def test_as_many_clusters_as_points():
    points = _blobs(30)
    assert kmeans(points, 30, key=0).inertia == pytest.approx(0, abs=1e-6)


def test_the_estimate_of_memory_is_bounded_by_blocks():
    small, large = (
        memory_estimate(3 * 10**6, 512, 100),
        memory_estimate(10**7, 512, 100),
    )
    assert small["device"] == large["device"] < 2**28
    assert large["host"] - small["host"] == 24 * 7 * 10**6
    assert memory_estimate(50_000, 512, 10)["device"] > 4 * 50_000 * 512


@pytest.mark.parametrize(("dimensions", "k"), [(64, 300), (500, 20)])
def test_the_estimate_covers_what_the_compiler_asks_for(dimensions, k):
    def of(*shape):
        return jax.ShapeDtypeStruct(shape, np.float32)

    rows = module._BLOCK * module._BLOCKS_AT_ONCE
    given = of(rows, dimensions), of(dimensions), of(k, dimensions), 0
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), (module._AXIS,))
    start = of(module._START_POINTS * k, dimensions), jax.random.key(0)
    estimate = memory_estimate(10**8, dimensions, k)["device"]
    for program in (
        module._nearest(mesh, True, True).lower(*given),
        module.plus_plus.lower(*start, k=k),
    ):
        needs = program.compile().memory_analysis()
        total = needs.temp_size_in_bytes + needs.argument_size_in_bytes
        assert 0 < total + needs.output_size_in_bytes < estimate


@pytest.mark.parametrize(
    ("points", "k", "more", "says"),
    [
        (np.ones((3, 2)), 4, {}, "4 clusters of 3 points"),
        (np.ones(3), 1, {}, "shape \\(P, d\\)"),
        (np.full((3, 2), np.nan), 1, {}, "points\\[0, 0\\] is nan"),
        (np.full((3, 2), 1e30), 1, {}, "scale the points"),
        (np.eye(3) * 1e-20, 2, {}, "no point is longer than 1e-20"),
        (np.eye(3) - np.eye(3)[1], 1, {"distance": "cosine"}, "points\\[1\\] is zero"),
        (np.ones((3, 2)), 1, {"distance": "manhattan"}, "unknown distance"),
        (np.ones((3, 2)), 0, {}, "n_clusters must be"),
        (np.ones((3, 2)), 1, {"key": "a"}, "key must be"),
        (np.ones((3, 2)), 1, {"centers": np.ones((1, 3))}, "centers must have shape"),
        (np.ones((3, 2)), 1, {"batch_size": 0}, "batch_size must be"),
    ],
)
def test_bad_input_is_refused(points, k, more, says):
    with pytest.raises(InputError, match=says):
        kmeans(points, k, **{"key": 0, **more})
