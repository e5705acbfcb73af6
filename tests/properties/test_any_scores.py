"""Functions of scores, embeddings and logits, on arrays of every kind."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from holding import bytes_of, holds, outcome, refused, same
from hypothesis import strategies as st
from odd_arrays import (
    anything,
    filled,
    no_numbers,
    numbers,
    odd,
    truths,
    whole,
)

from simulations.experiments.laws import fit_law
from simulations.vision import metrics
from simulations.vision.balance import class_balance
from simulations.vision.class_extremes import extremes
from simulations.vision.clustering import kmeans
from simulations.vision.correlation import spearman, spearman_matrix
from simulations.vision.data.images import Images
from simulations.vision.probe import linear_probe
from simulations.vision.score_files import scores_of
from simulations.vision.scoring import score_dataset
from simulations.vision.selection import Stratified, select

P = 6  # examples: few shapes, so that XLA compiles few programs
RAMP = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 0.0])
LABELS = np.array([0, 0, 1, 1, 0, 1])
POINTS = np.random.default_rng(0).normal(size=(P, 2))
IDS = tuple("abcdef")
DATASET = Images("made", np.zeros((P, 2, 2, 1), np.uint8), LABELS, IDS, ("p", "q"))


class Function(NamedTuple):
    """A function of one array of real numbers."""

    call: Callable[[Any], Any]
    shape: tuple[int, ...]
    axis: int | None = None
    """Of the examples, with which the answer permutes; None: it does not."""
    rtol: float = 1e-9
    atol: float = 0.0


def _loss(weights, x, y):
    return ((weights * x).sum() - y) ** 2


def _values(dataset):
    return [np.asarray(one) for one in dataset.data_vars.values()]


def _scored(metric, name, x, **options):
    return score_dataset(DATASET, metric, {name: x}, **options).scores


def _probed(x):
    found = linear_probe(x, LABELS, x, LABELS)
    return found.accuracy, found.held_out_accuracy, found.seen


SCORES, ROWS, MODELS = (P,), (P, 3), (2, P, 3)
proto, active = metrics.supervised_prototypes, metrics.active_learning
FUNCTIONS = {
    "select": Function(lambda x: select(x, 0.5, seed=0).mask, SCORES),
    "easy": Function(lambda x: select(x, 0.5, seed=0, rule="easy").mask, SCORES),
    "stratified": Function(
        lambda x: select(x, 0.5, seed=0, rule=Stratified(strata=3)).mask, SCORES
    ),
    "select of classes": Function(
        lambda x: select(x, 0.5, seed=0, labels=LABELS, per_class=True).mask, SCORES
    ),
    "balance": Function(
        lambda x: _values(class_balance({"a": x}, LABELS, [0.5], seed=0, chance=2)),
        SCORES,
    ),
    "fractions": Function(
        lambda x: _values(class_balance({"a": RAMP}, LABELS, x, seed=0, chance=2)), (2,)
    ),
    "spearman": Function(lambda x: spearman(x, RAMP), SCORES),
    "spearman matrix": Function(
        lambda x: _values(spearman_matrix({"a": x, "b": RAMP}, key=0, resamples=3)),
        SCORES,
    ),
    "extremes": Function(lambda x: tuple(extremes(x, LABELS, 2, seed=0)), SCORES),
    "scores": Function(lambda x: scores_of(DATASET, "m", x).scores, SCORES, 0),
    "per model": Function(
        lambda x: scores_of(DATASET, "m", RAMP, per_model=x).per_model, (2, P), 1
    ),
    "el2n": Function(lambda x: metrics.el2n(x, LABELS, n_classes=3), ROWS, 0),
    "el2n of models": Function(
        lambda x: metrics.el2n(x, LABELS, n_classes=3), MODELS, 1
    ),
    "entropy": Function(active, MODELS, 1, atol=1e-15),
    "mutual information": Function(
        partial(active, acquisition="mutual_information"), MODELS, 1, atol=1e-14
    ),
    "variation": Function(partial(active, acquisition="variation_ratio"), MODELS, 1),
    "score el2n": Function(partial(_scored, "el2n", "logits"), (P, 2), 0),
    "cosine": Function(lambda x: proto(x, LABELS), ROWS, None, 1e-6, 1e-12),
    "euclidean": Function(
        lambda x: proto(x, LABELS, distance="euclidean"), ROWS, None, 1e-6
    ),
    "score prototypes": Function(
        partial(_scored, "supervised_prototypes", "embeddings"), ROWS, None, 1e-6, 1e-12
    ),
    "probe": Function(_probed, (P, 2)),
    "grand": Function(
        lambda x: metrics.grand(_loss, np.ones(3, np.float32), x, np.ones(P)),
        ROWS,
        0,
        1e-4,
        1e-30,
    ),
    "law": Function(
        lambda x: fit_law("power", np.arange(2.0, 8.0), x, np.full(P, 0.1)).parameters,
        SCORES,
        None,
        1e-3,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@holds(2, 200, data=st.data())
def test_the_same_numbers_in_any_array_give_the_same(name, data):
    one = FUNCTIONS[name]
    array = data.draw(odd(filled(one.shape, anything)))
    before = bytes_of(array.given)
    found = outcome(one.call, array.given)
    assert bytes_of(array.given) == before
    same(found, outcome(one.call, array.plain), one.rtol, one.atol)


@pytest.mark.parametrize("name", FUNCTIONS)
@holds(2, 60, data=st.data())
def test_what_is_no_array_of_numbers_is_refused(name, data):
    one = FUNCTIONS[name]
    bad = data.draw(no_numbers(one.shape))
    if bad is not None or name != "per model":  # which may be left out
        refused(one.call, bad)


ORDERED = [name for name, one in FUNCTIONS.items() if one.axis is not None]


@pytest.mark.parametrize("name", ORDERED)
@holds(2, 150, data=st.data())
def test_answers_permute_with_the_examples(name, data):
    one = FUNCTIONS[name]
    array = data.draw(filled(one.shape, numbers))
    # among examples of one class, which these functions are called with
    order = np.arange(P)
    for label in (0, 1):
        mine = np.flatnonzero(LABELS == label)
        order[mine] = data.draw(st.permutations(mine))
    found = outcome(one.call, array)
    again = outcome(one.call, np.take(array, order, one.axis))
    if found.refusal is None:
        answer = np.take(found.answer, order, -1)
        found = found._replace(answer=answer)
    same(again, found, one.rtol, one.atol)


@holds(6, 500, array=filled(ROWS, numbers), data=st.data())
def test_distances_to_class_means_permute_with_classes_and_examples(array, data):
    labels = data.draw(whole(P, 3))
    order = np.array(data.draw(st.permutations(range(P))))
    distance = data.draw(st.sampled_from(["cosine", "euclidean"]))
    found = outcome(proto, array, labels, distance=distance)
    again = outcome(proto, array[order], labels[order], distance=distance)
    if found.refusal is None:
        found = found._replace(answer=found.answer[order])
    scale = float(np.abs(array).max()) if distance == "euclidean" else 1.0
    same(again, found, 1e-6, 1e-12 * scale)


@holds(6, 500, scores=filled(P, numbers), data=st.data())
def test_what_is_kept_permutes_with_the_examples(scores, data):
    fraction = data.draw(st.sampled_from([0.2, 0.5, 0.8, 1.0]))
    rule = data.draw(st.sampled_from(["hard", "easy"]))
    labels = data.draw(whole(P, 3))
    order = np.array(data.draw(st.permutations(range(P))))
    given = {"seed": 0, "rule": rule, "allow_empty_classes": True}
    given["per_class"] = data.draw(st.booleans())
    if not given["per_class"]:
        given["class_floor"] = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    found = outcome(select, scores, fraction, labels=labels, **given)
    again = outcome(select, scores[order], fraction, labels=labels[order], **given)
    assert (found.refusal is None) == (again.refusal is None)
    if found.refusal is not None:
        return
    kept = found.answer.indices
    assert len(kept) == round(fraction * P) == len(again.answer.indices)
    assert (np.diff(kept) > 0).all()
    counts, before = found.answer.class_counts, np.bincount(labels)
    assert sum(left for left, _ in counts.values()) == len(kept)
    assert all(before[c] == total for c, (_, total) in counts.items())
    ties = len(np.unique(scores)) < P
    # ties, and classes of equal share, are for the seed to decide
    if not ties and not given["per_class"]:
        assert set(order[again.answer.indices]) == set(kept)


TRUTHS = ("bool", "u1", "<i4", ">i8", "<f4", ">f8", "<f2", "longdouble", "bfloat16")
MEMBER = np.arange(6 * P).reshape(6, P) % 5 < 2
RIGHT = np.random.default_rng(1).random((6, P)) < 0.5


def _half(x, y):
    return metrics.split_half_correlation(
        partial(metrics.memorization, unknown="nan"), x, y, key=0
    )


PAIRS = {
    "memorization": metrics.memorization,
    "memorization error": metrics.memorization_standard_error,
    "unknown": partial(metrics.memorization, unknown="nan"),
    "influence": metrics.influence,
    "influence unknown": partial(metrics.influence, unknown="nan", reduce="sum_abs"),
    "influence of classes": partial(
        metrics.influence, labels=LABELS, test_labels=LABELS
    ),
    "influence error": partial(metrics.influence_standard_error, key=0, groups=3),
    "half": _half,
    "ddd": lambda x, y: metrics.ddd(x),
    "classes": lambda x, y: metrics.ddd(y, variant="classes"),
    "forgetting": lambda x, y: metrics.forgetting(x),
    "forgetting never": lambda x, y: metrics.forgetting(x, never_learned="infinity"),
}


@pytest.mark.parametrize("name", PAIRS)
@holds(2, 150, data=st.data(), right=truths((6, P)), member=truths((6, P)))
def test_truth_values_of_any_type_give_the_same(name, right, member, data):
    if data.draw(st.booleans()):
        member = MEMBER
    arrays = [data.draw(odd(st.just(x * 1.0), TRUTHS)) for x in (right, member)]
    before = [bytes_of(x.given) for x in arrays]
    found = outcome(PAIRS[name], *(x.given for x in arrays))
    assert before == [bytes_of(x.given) for x in arrays]
    same(found, outcome(PAIRS[name], right, member), 1e-12)


@pytest.mark.parametrize("name", PAIRS)
@holds(2, 60, bad=no_numbers((6, P)))
def test_what_is_no_truth_value_is_refused(name, bad):
    refused(PAIRS[name], bad, bad)


LABELLED = {
    "select": lambda x: select(RAMP, 0.5, seed=0, labels=x, per_class=True).mask,
    "extremes": lambda x: tuple(extremes(RAMP, x, 1, seed=0)),
    "balance": lambda x: _values(
        class_balance({"a": RAMP}, x, [0.5], seed=0, chance=2)
    ),
    "el2n": lambda x: metrics.el2n(np.outer(RAMP, [0, 1, 2]), x),
    "prototypes": lambda x: proto(POINTS, x),
    "probe": lambda x: linear_probe(POINTS, x, POINTS, x).accuracy,
    "images": lambda x: Images("m", DATASET.images, x, IDS, tuple("pqr")).fingerprint,
}
LABEL_TYPES = ("i1", "<i2", ">i4", "<i8", ">i8", "u1", "<u4", ">u8", "<u8")


@pytest.mark.parametrize("name", LABELLED)
@holds(2, 200, data=st.data(), labels=whole(P, 3))
def test_labels_of_any_type_give_the_same(name, labels, data):
    given = data.draw(odd(st.just(labels * 1.0), LABEL_TYPES))
    before = bytes_of(given.given)
    found = outcome(LABELLED[name], given.given)
    assert bytes_of(given.given) == before
    wanted = outcome(LABELLED[name], labels)
    if name == "images":
        assert found == wanted
    else:
        same(found, wanted)


@pytest.mark.parametrize("name", LABELLED)
@holds(2, 200, data=st.data())
def test_what_is_no_label_is_refused_or_one_of_many(name, data):
    call = LABELLED[name]
    bad = data.draw(no_numbers((P,)) | st.just(LABELS * 1.0) | st.just(LABELS > 0))
    refused(call, bad)
    labels = np.array(data.draw(st.permutations(LABELS)))
    labels[data.draw(st.integers(0, P - 1))] = data.draw(
        st.sampled_from([-1, -(2**63), 2**63 - 1, 2**31, 2**32])
    )
    outcome(call, labels)


@holds(
    5,
    400,
    points=filled((P, 2), anything),
    data=st.data(),
    k=st.sampled_from([1, 2]),
    distance=st.sampled_from(["euclidean", "cosine"]),
)
def test_clusters_are_those_of_a_plain_array_or_one_line(points, k, distance, data):
    array = data.draw(odd(st.just(points)))
    before = bytes_of(array.given)

    def found(x):
        one = kmeans(x, k, key=0, distance=distance)
        return one.centers, one.labels, one.distances, one.counts, one.inertia

    got = outcome(found, array.given)
    assert bytes_of(array.given) == before
    # k-means of float32 shifts the points on the device, of others before
    kind = np.asarray(array.given).dtype
    short = kind.itemsize <= 4 and kind.kind not in "iu"
    plain = array.plain.astype(np.float32) if short else array.plain
    same(got, outcome(found, plain))
    if got.refusal is None:
        centers, labels, distances, counts, _ = got.answer
        assert np.isfinite(centers).all() and np.isfinite(distances).all()
        assert (np.bincount(labels, minlength=k) == counts).all()


NUMBERS = st.one_of(
    st.floats(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 1e-200, 1e-320, 1e200, 1 - 1e-16, "0.5", None, True, [0.5]]),
    st.just(np.array(0.5)),
    st.just(np.eye(3)),
)


@holds(20, 1000, numbers=st.lists(NUMBERS, min_size=4, max_size=4))
def test_numbers_of_models_are_whole_or_one_line(numbers):
    a, b, c, d = numbers
    for call in (
        lambda: metrics.models_for_standard_error(
            a, keep_fraction=b, correct_inside=c, correct_outside=d
        ),
        lambda: metrics.models_for_standard_error(a),
        lambda: metrics.models_for_precision(a, 100, b),
        lambda: metrics.models_for_correlation(a, 100, b),
        lambda: metrics.spearman_brown(a, b),
    ):
        found = outcome(call)
        assert found.refusal or isinstance(found.answer, int) or found.answer <= 1


@holds(12, 600, one=NUMBERS, two=NUMBERS)
def test_numbers_of_a_selection_are_right_or_one_line(one, two):
    for call in (
        lambda: select(RAMP, one, seed=0),
        lambda: select(RAMP, 0.5, seed=0, labels=LABELS, class_floor=one),
        lambda: select(RAMP, 0.5, seed=0, rule=Stratified(one, 3)),
        lambda: select(RAMP, one, seed=0, rule=Stratified(two)),
        lambda: select(RAMP, 0.5, seed=one),
        lambda: extremes(RAMP, LABELS, one, seed=0),
        lambda: class_balance({"a": RAMP}, LABELS, [one, two], seed=0, chance=2),
        lambda: spearman_matrix({"a": RAMP, "b": RAMP}, key=0, level=one, resamples=2),
        lambda: (
            spearman_matrix({"a": RAMP, "b": RAMP}, key=0, resamples=one)
            if not isinstance(one, int) or one < 9
            else None
        ),
        lambda: metrics.forgetting(RIGHT, never_learned=one),
        lambda: metrics.el2n(np.outer(RAMP, [1, 2]), LABELS, n_classes=one),
    ):
        outcome(call)
