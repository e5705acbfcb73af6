"""Arrays of odd types: what they hold is taken, or refused in one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perceptron_theory import InputError
from perceptron_theory.numerics.checks import as_array
from simulations.experiments.laws import fit_law
from simulations.perceptron.students.hard_margin import max_margin
from simulations.vision import inputs, metrics
from simulations.vision.balance import class_balance
from simulations.vision.class_extremes import extremes
from simulations.vision.cluster_sensitivity import sensitivity
from simulations.vision.clustering import kmeans
from simulations.vision.correlation import spearman, spearman_matrix
from simulations.vision.data.images import Images
from simulations.vision.probe import linear_probe
from simulations.vision.score_files import scores_of
from simulations.vision.scoring import score_dataset
from simulations.vision.selection import Stratified, select

SCORES = np.array([1.0, 99.0, 2.0, 3.0])
LABELS = np.array([0, 0, 1, 1])
POINTS = np.random.default_rng(0).normal(size=(4, 2))
RIGHT = np.random.default_rng(1).random((6, 4)) < 0.5
MEMBER = np.arange(24).reshape(6, 4) % 5 < 2
IMAGES = np.zeros((4, 2, 2, 1), np.uint8)
IDS, NAMES = ("a", "b", "c", "d"), ("p", "q")


def masked(array):
    found = np.ma.masked_array(array, False)
    found[0] = np.ma.masked
    return found


def dataset():
    return Images("made", IMAGES, LABELS, IDS, NAMES)


def loss(weights, x, y):
    return (weights * x).sum()


MASKED = {
    "select": lambda: select(masked(SCORES), 0.5, seed=0),
    "select in a list": lambda: select([*masked(SCORES)], 0.5, seed=0),
    "labels": lambda: select(SCORES, 0.5, seed=0, labels=masked(LABELS)),
    "ids": lambda: select(SCORES, 0.5, seed=0).ids(masked(np.array(IDS))),
    "extremes": lambda: extremes(SCORES, LABELS, 1, seed=0, classes=masked([0, 1])),
    "balance": lambda: class_balance({"a": masked(SCORES)}, LABELS, [0.5], seed=0),
    "fractions": lambda: class_balance(
        {"a": SCORES}, LABELS, masked([0.5, 0.3]), seed=0
    ),
    "kmeans": lambda: kmeans(masked(POINTS), 2, key=0),
    "centers": lambda: kmeans(POINTS, 2, key=0, centers=masked(POINTS[:2])),
    "sensitivity": lambda: sensitivity(
        masked(POINTS), [2], reference=2, keep_fraction=0.5
    ),
    "spearman": lambda: spearman(SCORES, masked(SCORES)),
    "probe": lambda: linear_probe(masked(POINTS), LABELS, POINTS, LABELS),
    "el2n": lambda: metrics.el2n(masked(POINTS), LABELS),
    "active learning": lambda: metrics.active_learning(masked(POINTS[None])),
    "supervised": lambda: metrics.supervised_prototypes(masked(POINTS), LABELS),
    "memorization": lambda: metrics.memorization(masked(RIGHT), MEMBER),
    "member": lambda: metrics.memorization(RIGHT, masked(MEMBER)),
    "influence": lambda: metrics.influence(masked(RIGHT), MEMBER),
    "ddd": lambda: metrics.ddd(masked(RIGHT)),
    "forgetting": lambda: metrics.forgetting(masked(RIGHT)),
    "grand": lambda: metrics.grand(loss, np.ones(2), masked(POINTS), LABELS),
    "images": lambda: Images("made", masked(IMAGES), LABELS, IDS, NAMES),
    "scores": lambda: scores_of(dataset(), "m", masked(SCORES)),
    "errors": lambda: scores_of(dataset(), "m", SCORES, standard_errors=masked(SCORES)),
    "models": lambda: scores_of(dataset(), "m", SCORES, per_model=masked([SCORES])),
    "dataset": lambda: score_dataset(dataset(), "el2n", {"logits": masked(POINTS)}),
    "law": lambda: fit_law("power", masked(SCORES), 1 / SCORES, 0.1 / SCORES),
}


@pytest.mark.parametrize("call", MASKED.values(), ids=MASKED)
def test_masked_entries_are_refused(call):
    with pytest.raises(InputError, match="has masked entries") as caught:
        call()
    assert "\n" not in str(caught.value)


FLOATS = [">f4", ">f8", "f2", np.longdouble, "i1", "u2", ">i8", jnp.bfloat16]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_numbers_of_every_type_give_the_same(dtype):
    points = np.array([[0, 1], [0, 2], [9, 1], [9, 4], [3, 3]])
    given, label = points.astype(dtype), np.array([0, 0, 1, 1, 1])
    given.flags.writeable = False
    wanted = points.astype(float)
    for call in (
        lambda x: kmeans(x, 2, key=0).labels,
        lambda x: metrics.supervised_prototypes(x, label),
        lambda x: metrics.el2n(x, label),
        lambda x: select(x[:, 1], 0.4, seed=0).indices,
        lambda x: spearman(x[:, 0], x[:, 1]),
        lambda x: linear_probe(x, label, x, label, seed=1).accuracy,
    ):
        np.testing.assert_allclose(call(given), call(wanted), rtol=1e-6)


def test_numbers_that_no_double_is_are_refused():
    with pytest.raises(InputError, match=r"scores\[1\] is inf"):
        select(np.array([1, np.longdouble("1e400")]), 0.5, seed=0)
    ties = np.array([2**53, 2**53 + 1])  # different, and one float64
    for dtype in (np.int64, np.uint64):
        with pytest.raises(
            InputError, match="9007199254740993, which float64 cannot hold"
        ):
            select(ties.astype(dtype), 0.5, seed=0)
    top = np.array([2**63, 0, 2**64 - 2**11], np.uint64)
    assert list(select(top, 0.67, seed=0).indices) == [0, 2]


@pytest.mark.parametrize("kind", ["c16", "O", "U3", "S3", "M8[s]", "m8[s]", "?", "V4"])
def test_what_is_no_number_is_refused(kind):
    values = np.zeros(3, kind)
    with pytest.raises(InputError, match=r"^scores (must be numbers|cannot be)"):
        select(values, 0.5, seed=0)
    record = np.zeros(3, [("a", float)])
    with pytest.raises(InputError, match="scores must be numbers"):
        select(record, 0.5, seed=0)


def test_labels_beyond_64_bits_do_not_become_negative():
    for end in (2**63, 2**64 - 1):
        labels = np.array([0, 1, 1, end], np.uint64)
        for call in (
            lambda labels=labels: select(SCORES, 0.5, seed=0, labels=labels),
            lambda labels=labels: metrics.el2n(POINTS, labels),
            lambda labels=labels: metrics.supervised_prototypes(POINTS, labels),
            lambda labels=labels: Images("made", IMAGES, labels, IDS, NAMES),
        ):
            with pytest.raises(InputError, match=rf"labels\[3\] is {end}: labels must"):
                call()
    big = np.array([0, 0, 2**63 - 1, 2**63 - 1], np.uint64)
    found = select(SCORES, 0.5, seed=0, labels=big, class_floor=1.0)
    assert found.class_counts == {0: (1, 2), 2**63 - 1: (1, 2)}


NO_NUMBERS = ["0.5", b"0.5", np.array([0.5]), [0.5], None, np.ma.masked, True, 0.5j]


@pytest.mark.parametrize("bad", NO_NUMBERS, ids=repr)
def test_a_single_number_is_one(bad):
    two = {"a": SCORES, "b": -SCORES}
    for call in (
        lambda: select(SCORES, bad, seed=0),
        lambda: select(SCORES, 0.5, seed=0, class_floor=bad, labels=LABELS),
        lambda: select(SCORES, 0.5, seed=0, rule=Stratified(bad)),
        lambda: class_balance(two, LABELS, [bad], seed=0),
        lambda: spearman_matrix(two, key=0, level=bad),
        lambda: sensitivity(POINTS, [2], reference=2, keep_fraction=bad),
        lambda: metrics.models_for_standard_error(0.1, keep_fraction=bad),
        lambda: metrics.models_for_standard_error(bad),
        lambda: metrics.forgetting(RIGHT, never_learned=bad),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_fractions_of_a_balance_are_a_list():
    for bad in (0.5, "0.5", None, []):
        with pytest.raises(InputError, match="keep_fractions"):
            class_balance({"a": SCORES}, LABELS, bad, seed=0)


def test_strata_of_the_largest_numbers():
    small = np.array([-1.0, 0.0, 0.9, 0.95, 1.0] * 4)
    wanted = select(small, 0.5, seed=3, rule=Stratified(strata=2)).indices
    for scale in (2.0**1023, 2.0**-1000, 5e-324 * 2**40):
        found = select(small * scale, 0.5, seed=3, rule=Stratified(strata=2)).indices
        np.testing.assert_array_equal(found, wanted)
    assert len(select([-1e308, 0, 1e308], 0.5, seed=0, rule="stratified").indices) == 2


def test_distances_to_class_means_of_the_largest_and_smallest_numbers():
    label = np.array([0, 0, 1, 1])
    for distance in ("cosine", "euclidean"):
        wanted = metrics.supervised_prototypes(POINTS, label, distance=distance)
        for scale in (2.0**1020, 2.0**-1000):
            found = metrics.supervised_prototypes(
                POINTS * scale, label, distance=distance
            )
            factor = scale if distance == "euclidean" else 1.0
            np.testing.assert_allclose(found, wanted * factor, rtol=1e-12)
    far = np.array([[1.7e308, 1.7e308], [-1.7e308, -1.7e308]])
    with pytest.raises(InputError, match=r"embeddings\[0\] lies beyond all numbers"):
        metrics.supervised_prototypes(far, [0, 0], distance="euclidean")


def test_disagreement_of_the_largest_logits():
    logits = np.array([[[1e308, -1e308]], [[-1e308, 1e308]]])
    found = metrics.active_learning(logits, acquisition="mutual_information")
    np.testing.assert_allclose(found, np.log(2), rtol=1e-12)


def test_rows_of_different_lengths_are_refused():
    for call in (
        lambda: inputs.real_array("x", [[1.0], [1.0, 2.0]], "P", "d"),
        lambda: inputs.truth_array("x", [[1], [1, 0]], "P", "d"),
        lambda: inputs.label_array("x", [[1], [1, 0]]),
        lambda: inputs.model_axis(inputs.real_array, "x", [[1], [1, 2]], "P", "d"),
    ):
        with pytest.raises(InputError, match="x cannot be read as one array"):
            call()


def test_a_key_is_no_masked_number():
    for bad in (np.ma.masked, "0", np.array([0]), True):
        with pytest.raises(InputError, match="key must be a key"):
            select(SCORES, 0.5, seed=bad)
    assert len(select(SCORES, 0.5, seed=jax.random.key(0)).indices) == 2


# what a damaged file holds may be no number of its type: a signalling NaN, or a long
# double whose leading bit is missing, of which a conversion says "invalid value"
NO_NUMBERS = {
    "half": np.frombuffer(b"\x01\x7c" * 4, "<f2"),
    "single": np.frombuffer(b"\x01\x00\x80\x7f" * 4, "<f4"),
    "double": np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf0\x7f" * 4, "<f8"),
    "long": np.frombuffer((b"\0" * 9 + b"\x40" + b"\0" * 6) * 4, np.longdouble)
    if np.dtype(np.longdouble).itemsize == 16
    else np.full(4, np.nan),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_bytes_that_are_no_number_are_refused_without_another_word(kind):
    array = NO_NUMBERS[kind].reshape(2, 2)
    with pytest.raises(InputError, match="finite"):
        inputs.real_array("logits", array, "P", "C")
    with pytest.raises(InputError, match="finite"):
        max_margin(array[None])
    with pytest.raises(InputError, match="NaN"):
        as_array("alpha_prune", array)
