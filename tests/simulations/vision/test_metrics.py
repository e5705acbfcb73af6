"""Every metric against brute force in NumPy, or a closed form."""

import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import spearmanr

from perceptron_theory import InputError
from simulations.vision import metrics
from simulations.vision.clustering import kmeans
from simulations.vision.metrics import influence as influence_scores


def _brute_el2n(logits, labels):
    p = softmax(np.asarray(logits, float), axis=-1)
    return np.linalg.norm(p - np.eye(p.shape[-1])[labels], axis=-1)


@pytest.mark.parametrize("library", [np.asarray, jnp.asarray])
def test_el2n_is_the_length_of_the_error(library):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 50, 7)).astype(np.float32)
    labels = rng.integers(7, size=50)
    one = metrics.el2n(library(logits[0]), library(labels))
    np.testing.assert_allclose(one, _brute_el2n(logits[0], labels), rtol=1e-12)
    many = metrics.el2n(library(logits), library(labels))
    wanted = np.mean([_brute_el2n(z, labels) for z in logits], axis=0)
    np.testing.assert_allclose(many, wanted, rtol=1e-12)


def test_el2n_ranks_examples_whose_probability_rounds_to_one():
    margins = np.array([20.0, 30.0, 200.0, 700.0])
    logits = np.stack([margins, 0 * margins], axis=1)
    scores = metrics.el2n(logits, np.zeros(4, int))
    np.testing.assert_allclose(scores, math.sqrt(2) * np.exp(-margins), rtol=1e-8)
    wrong = metrics.el2n(logits, np.ones(4, int))
    np.testing.assert_allclose(wrong, math.sqrt(2), rtol=1e-8)
    assert metrics.el2n(np.array([[5000.0, 0.0]]), np.zeros(1, int)) == 0
    assert metrics.el2n(np.ones((1, 1)), np.zeros(1, int)) == 0  # one class only


def test_el2n_in_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(21, 3)), rng.integers(3, size=21)
    whole = metrics.el2n(logits, labels)
    monkeypatch.setattr(
        sys.modules["simulations.vision.metrics.error_norm"], "_NUMBERS", 12
    )
    np.testing.assert_allclose(metrics.el2n(logits, labels), whole, rtol=1e-14)


def test_forgetting_counts_transitions():
    rng = np.random.default_rng(0)
    correct = rng.random((12, 40)) < 0.5
    correct[:, 0], correct[:, 1] = False, True
    wanted = []
    for column in correct.T:
        text = "".join("01"[int(value)] for value in column)
        wanted.append(text.count("10") if "1" in text else len(text))
    np.testing.assert_array_equal(metrics.forgetting(correct), wanted)
    assert metrics.forgetting(correct, never_learned="zero")[0] == 0
    assert metrics.forgetting(correct, never_learned=200)[0] == 200
    assert metrics.forgetting(correct, never_learned="infinity")[0] == math.inf


def test_a_never_learned_example_ranks_hardest_and_one_bad_run_stays_finite():
    # data_diet's mean over runs is infinite after one bad run; DeepCore's count is 0
    runs = np.ones((3, 10, 2), bool)
    runs[0, :, 1] = False
    np.testing.assert_array_equal(metrics.forgetting(runs), [0, 10])
    for rule in ("infinity", "zero"):
        wanted = [0, 10 if rule == "infinity" else 0]
        found = metrics.forgetting(runs, never_learned=rule)
        np.testing.assert_array_equal(found, wanted)
    runs[:, :, 1] = False
    assert metrics.forgetting(runs, never_learned="infinity")[1] == math.inf


def _brute_influence(test_correct, member):
    infl = np.empty((member.shape[1], test_correct.shape[1]))
    for i in range(member.shape[1]):
        inside = member[:, i]
        infl[i] = test_correct[inside].mean(0) - test_correct[~inside].mean(0)
    return infl


def test_memorization_is_a_difference_of_proportions():
    rng = np.random.default_rng(0)
    member, correct = rng.random((2, 60, 15)) < 0.7
    wanted = np.diag(_brute_influence(correct, member))
    np.testing.assert_allclose(metrics.memorization(correct, member), wanted)
    # integers and JAX's arrays are truth values too
    again = metrics.memorization(jnp.asarray(correct), member.astype(int))
    np.testing.assert_allclose(again, wanted)


@pytest.mark.parametrize("reduce", ["max", "sum_abs", "max_abs"])
def test_influence_reduces_the_whole_matrix(reduce, monkeypatch):
    rng = np.random.default_rng(0)
    member = rng.random((60, 15)) < 0.7
    right = rng.random((60, 8)) < 0.5
    matrix = _brute_influence(right, member)
    reductions = {
        "max": matrix.max(1),
        "sum_abs": np.abs(matrix).sum(1),
        "max_abs": np.abs(matrix).max(1),
    }
    found = influence_scores(right, member, reduce=reduce)
    np.testing.assert_allclose(found, reductions[reduce], rtol=1e-12)
    module = sys.modules["simulations.vision.metrics.subset_influence"]
    monkeypatch.setattr(module, "_NUMBERS", 40)
    blocks = influence_scores(right, member, reduce=reduce)
    np.testing.assert_allclose(blocks, found, rtol=1e-14)


def test_influence_on_the_own_class_only():
    rng = np.random.default_rng(0)
    member = rng.random((60, 12)) < 0.7
    right = rng.random((60, 9)) < 0.5
    labels, test_labels = np.arange(12) % 3, np.arange(9) % 3
    matrix = _brute_influence(right, member)
    matrix[labels[:, None] != test_labels] = -2
    found = influence_scores(right, member, labels=labels, test_labels=test_labels)
    np.testing.assert_allclose(found, matrix.max(1), rtol=1e-12)


@pytest.mark.few(1)
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_prototypes_are_distances_to_the_nearest_center(distance):
    points = np.random.default_rng(0).normal(size=(80, 5))
    found = kmeans(points, 4, key=1, distance=distance)
    scores = metrics.prototypes(points, n_clusters=4, distance=distance, key=1)
    if distance == "cosine":
        unit = points / np.linalg.norm(points, axis=1, keepdims=True)
        wanted = 1 - (unit @ found.centers.T).max(1)
    else:
        wanted = np.linalg.norm(points[:, None] - found.centers, axis=-1).min(1)
    np.testing.assert_allclose(scores, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_supervised_prototypes_are_distances_to_the_class_mean(distance):
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(40, 5)), rng.integers(3, size=40)
    wanted = []
    for x, y in zip(points, labels, strict=True):
        same = points[labels == y]
        if distance == "cosine":
            mean = (same / np.linalg.norm(same, axis=1, keepdims=True)).mean(0)
            cosine = x @ mean / np.linalg.norm(x) / np.linalg.norm(mean)
            wanted.append(1 - cosine)
        else:
            wanted.append(np.linalg.norm(x - same.mean(0)))
    found = metrics.supervised_prototypes(points, labels, distance=distance)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.slow
def test_supervised_prototypes_of_the_clusters_are_prototypes():
    points = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    found = kmeans(points, 3, key=0, distance="euclidean", tolerance=0)
    again = metrics.supervised_prototypes(points, found.labels, distance="euclidean")
    np.testing.assert_allclose(again, found.distances, rtol=1e-5)


def test_ddd_grades_agreement():
    correct = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 1, 1], [1, 0, 1, 0]])
    np.testing.assert_allclose(metrics.ddd(correct), [0, 1, 0.25, 0.75])
    np.testing.assert_allclose(metrics.ddd(correct, variant="classes"), [0, 2, 1, 1])
    found = metrics.ddd(correct, variant="disagreement")
    np.testing.assert_allclose(found, [0, 0, 0.75, 0.75])


def test_active_learning_in_closed_form():
    # two models that are sure of different classes; two that are sure of one; and two
    # that are undecided
    logits = np.array([[[99, 0], [99, 0], [0, 0]], [[0, 99], [99, 0], [0, 0]]])
    close = {"atol": 1e-12}
    entropy = metrics.active_learning(logits)
    np.testing.assert_allclose(entropy, [math.log(2), 0, math.log(2)], **close)
    mutual = metrics.active_learning(logits, acquisition="mutual_information")
    np.testing.assert_allclose(mutual, [math.log(2), 0, 0], **close)
    votes = metrics.active_learning(logits, acquisition="variation_ratio")
    np.testing.assert_allclose(votes, [0.5, 0, 0], **close)


def _network_loss(params, x, y):
    hidden = jnp.tanh(x @ params["in"])
    return -jax.nn.log_softmax(hidden @ params["out"])[y]


def _network(seed=0):
    rng = np.random.default_rng(seed)
    return {"in": rng.normal(size=(4, 3)), "out": rng.normal(size=(3, 2))}


def test_grand_is_the_gradient_of_finite_differences():
    rng = np.random.default_rng(1)
    xs, ys, params = rng.normal(size=(9, 4)), rng.integers(2, size=9), _network()
    step, wanted = 1e-6, []
    with jax.enable_x64(True):
        value = jax.jit(_network_loss)
        for x, y in zip(xs, ys, strict=True):
            square = 0.0
            for name, leaf in params.items():
                for index in np.ndindex(leaf.shape):
                    up, down = leaf.copy(), leaf.copy()
                    up[index] += step
                    down[index] -= step
                    slope = value(params | {name: up}, x, y)
                    slope = (slope - value(params | {name: down}, x, y)) / (2 * step)
                    square += float(slope) ** 2
            wanted.append(math.sqrt(square))
        found = metrics.grand(_network_loss, params, xs, ys)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_grand_does_not_depend_on_batches():
    # DeepCore's mean-reduced loss gives the shorter last batch a larger score
    rng = np.random.default_rng(1)
    xs, ys = rng.normal(size=(10, 4)), rng.integers(2, size=10)
    whole = metrics.grand(_network_loss, _network(), xs, ys, batch_size=64)
    parts = metrics.grand(_network_loss, _network(), xs, ys, batch_size=4)
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_grand_averages_over_models():
    rng = np.random.default_rng(1)
    xs, ys = rng.normal(size=(6, 4)), rng.integers(2, size=6)
    models = [_network(seed) for seed in range(3)]
    each = [metrics.grand(_network_loss, model, xs, ys) for model in models]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
    found = metrics.grand(_network_loss, stacked, xs, ys, stacked=True)
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5)


def test_random_scores_depend_on_the_key_alone():
    one = metrics.random_scores(1000, key=3)
    np.testing.assert_array_equal(one, metrics.random_scores(1000, key=3))
    assert abs(spearmanr(one, metrics.random_scores(1000, key=4)).statistic) < 0.15
    assert one.min() >= 0 and one.max() < 1 and abs(one.mean() - 0.5) < 0.05


YES = np.eye(4, dtype=bool)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: metrics.el2n(np.full((2, 3), np.nan), [0, 1]),
            "logits\\[0, 0\\] is n",
        ),
        (lambda: metrics.el2n(np.zeros(3), [0]), "shape \\(P, C\\)"),
        (lambda: metrics.el2n(np.zeros((2, 3)), [0, 3]), "labels\\[1\\] is 3.*0 to 2"),
        (lambda: metrics.el2n(np.zeros((2, 3)), [0, -1]), "labels\\[1\\] is -1"),
        (lambda: metrics.el2n(np.zeros((2, 3)), [0, 1, 1]), "3 entries for 2"),
        (lambda: metrics.el2n(np.zeros((2, 3)), [0.0, 1.0]), "integers"),
        (lambda: metrics.el2n(np.zeros((0, 3)), np.zeros(0, int)), "empty"),
        (lambda: metrics.el2n([[1, 2], [3]], [0, 1]), "one array"),
        (lambda: metrics.forgetting([[0.5]]), "booleans"),
        (lambda: metrics.forgetting(YES, never_learned="one"), "unknown never_learned"),
        (lambda: metrics.forgetting(YES, never_learned=-1), "at least 0, got -1"),
        (lambda: metrics.forgetting(YES, never_learned=None), "rule or number"),
        (lambda: metrics.forgetting(YES, never_learned=[1]), "rule or number"),
        (lambda: metrics.forgetting(YES[0]), "shape \\(T, P\\)"),
        (lambda: metrics.memorization(YES, YES[:, :3]), "must agree"),
        (lambda: metrics.memorization(YES, YES[:3]), "one row per model"),
        (lambda: metrics.memorization(YES, YES | True), "are in every training set"),
        (lambda: metrics.influence(YES, YES & False), "are in no training set"),
        (lambda: metrics.influence(YES, YES, reduce="mean"), "unknown reduce"),
        (lambda: metrics.influence(YES, YES, labels=[0] * 4), "give both"),
        (
            lambda: metrics.influence(YES, YES, labels=[1] * 4, test_labels=[0] * 4),
            "class 1 has no test",
        ),
        (lambda: metrics.prototypes(YES * 1.0, n_clusters=5, key=0), "5 clusters of 4"),
        (
            lambda: metrics.supervised_prototypes(YES * 1.0 - YES[0], [0] * 4),
            "embeddings\\[0\\] is zero",
        ),
        (lambda: metrics.ddd(YES, variant="none"), "unknown variant"),
        (lambda: metrics.active_learning(np.zeros((2, 3))), "shape \\(K, P, C\\)"),
        (lambda: metrics.random_scores(0, key=1), "count must be"),
        (lambda: metrics.random_scores(3, key=-1), "key must be"),
        (lambda: metrics.random_scores(3, key=2**64), "key must be"),
        (
            lambda: metrics.grand(
                lambda p, x, y: x * p, 1.0, np.ones((3, 2)), np.zeros(3)
            ),
            "scalar",
        ),
        (
            lambda: metrics.grand(
                lambda p, x, y: jnp.sqrt(p) * x, 0.0, np.ones(3), np.zeros(3)
            ),
            "gradient of example 0",
        ),
        (
            lambda: metrics.grand(lambda p, x, y: p * x, 0.0, np.ones(3), np.zeros(2)),
            "3 examples and 2 labels",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, says):
    with pytest.raises(InputError, match=says) as raised:
        call()
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_metrics_need_no_optional_package():
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['pyarrow', 'PIL', 'sklearn']))\n"
        "from simulations.vision import metrics\n"
        "print(metrics.el2n([[0.0, 0.0]], [1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[0.70710678]"
