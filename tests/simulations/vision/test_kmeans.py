"""k-means against scikit-learn, and where it has little to work with."""

import jax
import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.datasets import load_digits

from perceptron_theory import InputError
from simulations.vision import cluster_passes, cluster_starts
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


def _five_sets():
    rng = np.random.default_rng(0)

    def of(means, sizes, sigma=1.0):
        means = np.repeat(means, sizes, axis=0)
        return means + sigma * rng.standard_normal(means.shape)

    triangle = np.array([[0, 0], [50, 0], [25, 43.3]])
    corners = 1000 * np.stack([np.cos(np.arange(5)), np.sin(np.arange(5))], 1)
    nested = np.repeat(corners, 4, axis=0) + 10 * rng.standard_normal((20, 2))
    digits = load_digits()
    return {
        "a small group": (of(triangle, [1160, 800, 40]), 3),
        "a tiny group": (of(30 * rng.standard_normal((8, 4)), [500] * 7 + [5]), 8),
        "many groups": (of(4 * rng.standard_normal((20, 6)), [75] * 20), 20),
        "groups of groups": (of(nested, [50] * 20, 0.5), 20),
        "digits": (np.asarray(digits.data, float), 10),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", list(_five_sets()))
@pytest.mark.parametrize("n_init", [1, 4])
def test_over_seeds_it_is_as_good_as_scikit_learn(name, n_init):
    points, k = _five_sets()[name]
    ours, theirs = (
        np.array([one(seed) for seed in range(20)])
        for one in (
            lambda seed: kmeans(points, k, key=seed, n_init=n_init).inertia,
            lambda seed: (
                KMeans(k, n_init=n_init, random_state=seed).fit(points).inertia_
            ),
        )
    )
    error = np.hypot(ours.std(), theirs.std()) / np.sqrt(20)
    assert ours.min() < 1.01 * theirs.min()
    assert ours.mean() < theirs.mean() * 1.005 + 3 * error


def test_a_small_group_is_found_from_every_seed():
    points, k = _five_sets()["a small group"]
    for seed in range(20):
        assert sorted(kmeans(points, k, key=seed).counts) == [40, 800, 1160]


def test_the_best_of_several_starts_is_kept():
    points = _blobs(300, groups=20)
    of = range(8)
    one = [kmeans(points, 20, key=seed, n_init=1).inertia for seed in of]
    many = [kmeans(points, 20, key=seed, n_init=8).inertia for seed in of]
    assert np.mean(many) < np.mean(one) - 0.5 * np.std(one)
    given = {"key": 3, "max_iterations": 1}
    assert kmeans(points, 20, **given).inertia == pytest.approx(
        kmeans(points, 20, n_init=4, **given).inertia
    )


@pytest.mark.few(2)
@pytest.mark.parametrize("k", [4, 1, 2])
@pytest.mark.parametrize("length", [1e12, 1e6, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_row_changes_nothing_for_the_others(k, dtype, length):
    points = np.random.default_rng(0).standard_normal((500, 6))
    points[17] = length
    points = points.astype(dtype)
    found = kmeans(points, k, key=0)
    to = points.astype(np.float64) - found.centers[found.labels]
    np.testing.assert_allclose(found.distances, np.linalg.norm(to, axis=1))
    if k == 1:
        return
    others = np.arange(500) != 17
    assert found.counts[found.labels[17]] == 1
    assert len(np.unique(found.distances[others])) == 499
    alone = np.mean([kmeans(points[others], k - 1, key=i).inertia for i in range(3)])
    assert found.inertia == pytest.approx(alone, rel=0.03)


def test_two_huge_rows_on_both_sides_are_at_their_centres():
    points = np.random.default_rng(0).standard_normal((500, 6))
    points[17], points[18] = 1e12, -1e12
    found = kmeans(points, 5, key=0)
    assert found.counts[found.labels[[17, 18]]].tolist() == [1, 1]
    assert found.distances[[17, 18]].tolist() == [0, 0]
    alone = kmeans(np.delete(points, [17, 18], axis=0), 3, key=0).inertia
    assert found.inertia == pytest.approx(alone, rel=0.03)


def test_small_groups_far_from_each_other_are_told_apart():
    rng = np.random.default_rng(0)
    far, near = rng.integers(2, size=400), rng.integers(2, size=400)
    points = np.stack([1e8 * far + 10 * near, 10.0 * near], 1)
    points += 0.3 * rng.standard_normal(points.shape)
    found = kmeans(points, 4, key=0)
    groups = 2 * far + near
    assert found.inertia == pytest.approx(800 * 0.09, rel=0.15)
    assert len(set(zip(found.labels, groups, strict=True))) == 4


def test_the_smallest_float32_has_a_direction():
    points = np.array([[0, 1], [1e-45, 0], [0, 1], [0, 1]], np.float32)
    found = kmeans(points, 1, key=0, distance="cosine").centers
    assert found == pytest.approx(np.array([[1, 3]]) / np.sqrt(10))


@pytest.mark.few(1)
@pytest.mark.parametrize("scale", [1e-20, 1e20])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_unit_of_length_changes_nothing(scale, distance):
    points = _blobs(200).astype(np.float64)
    given = {"key": 0, "distance": distance, "centers": points[:3]}
    one = kmeans(points, 3, **given)
    two = kmeans(points * scale, 3, **given | {"centers": points[:3] * scale})
    np.testing.assert_array_equal(one.labels, two.labels)
    unit = 1 if distance == "cosine" else scale
    np.testing.assert_allclose(one.distances * unit, two.distances, rtol=1e-4)


def test_the_arithmetic_is_its_own_whatever_the_caller_set():
    points = _blobs(200)
    one = kmeans(points, 4, key=7)
    with jax.enable_x64(True):
        two = kmeans(points, 4, key=7)
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.centers, two.centers)


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
    monkeypatch.setattr(cluster_passes, "BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(cluster_passes, "RESIDENT", 0)
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
    assert small["device"] == large["device"] < 2**30
    assert large["host"] - small["host"] == 32 * 7 * 10**6
    assert memory_estimate(50_000, 512, 10)["device"] > 4 * 50_000 * 512


@pytest.mark.parametrize(("dimensions", "k"), [(64, 300), (500, 20)])
def test_the_estimate_covers_what_the_compiler_asks_for(dimensions, k):
    def of(*shape):
        return jax.ShapeDtypeStruct(shape, np.float32)

    rows = cluster_passes.BLOCK * cluster_passes.BLOCKS_AT_ONCE
    given = of(rows, dimensions), of(dimensions), of(k, dimensions), 0
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), (cluster_passes.AXIS,))
    seen = cluster_starts.points_seen(10**8, dimensions, k)
    start = of(seen, dimensions), jax.random.key(0)
    estimate = memory_estimate(10**8, dimensions, k)["device"]
    for program in (
        cluster_passes._nearest(mesh, True, True, False).lower(*given),
        cluster_starts.plus_plus.lower(*start, k=k),
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
        (
            np.diag([1.0, 1e200]),
            1,
            {},
            "points\\[1\\] has a coordinate of size 1e\\+200",
        ),
        (np.eye(3) * 1e-200, 2, {}, "no coordinate is larger than 1e-200"),
        (np.eye(3) - np.eye(3)[1], 1, {"distance": "cosine"}, "points\\[1\\] is zero"),
        (np.ones((3, 2)), 1, {"distance": "manhattan"}, "unknown distance"),
        (np.ones((3, 2)), 0, {}, "n_clusters must be"),
        (np.ones((3, 2)), 1, {"key": "a"}, "key must be"),
        (np.ones((3, 2)), 1, {"centers": np.ones((1, 3))}, "centers must have shape"),
        (np.ones((3, 2)), 1, {"batch_size": 0}, "batch_size must be"),
        (np.ones((3, 2)), 1, {"n_init": 0}, "n_init must be"),
        (np.eye(3), 2, {"n_init": 3, "centers": np.eye(3)[:2]}, "one of the two"),
        (np.eye(3), 2, {"tolerance": "a"}, "tolerance must be"),
    ],
)
def test_bad_input_is_refused(points, k, more, says):
    with pytest.raises(InputError, match=says):
        kmeans(points, k, **{"key": 0, **more})


def test_a_point_whose_square_is_lost_is_not_called_zero():
    points = np.random.default_rng(0).normal(size=(20, 3)) * 1e-300
    with pytest.raises(InputError, match=r"no coordinate above .*e-30\d, and its sq"):
        kmeans(points, 3, key=0, distance="cosine")


@pytest.mark.parametrize("batch_size", [None, 32])
def test_a_huge_row_is_on_the_centre_of_its_own_cluster(batch_size):
    points = np.random.default_rng(0).normal(size=(500, 6))
    points[7] = 1e12
    found = kmeans(points, 2, key=0, batch_size=batch_size)
    assert found.counts[found.labels[7]] == 1 and found.distances[7] == 0
    assert np.delete(found.distances, 7).max() < 10
