"""Probabilities, and columns that are of no class, are not taken for logits."""

from functools import partial

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from perceptron_theory import InputError
from simulations.vision.data.images import Images
from simulations.vision.metrics import active_learning, el2n
from simulations.vision.scoring import score_dataset

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(size=(3, 40, 6))
LABELS = np.arange(40) % 6
IMAGES = Images(
    "made",
    np.zeros((40, 2, 2, 1), np.uint8),
    LABELS,
    tuple(map(str, range(40))),
    tuple("abcdef"),
)


def scores(logits, metric="el2n"):
    return score_dataset(IMAGES, metric, {"logits": logits}).scores


CALLS = (
    partial(el2n, labels=LABELS),
    partial(el2n, labels=LABELS, n_classes=6),
    scores,
    partial(scores, metric="active_learning"),
    active_learning,
)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f4"])
@pytest.mark.parametrize("call", CALLS)
def test_probabilities_are_refused(call, dtype):
    p = softmax(LOGITS, axis=-1).astype(dtype)
    with pytest.raises(InputError, match=r"logits\[0\] holds probabilities"):
        call(p)
    mixed = np.concatenate([LOGITS[:1], p[1:]])  # some of the models only
    with pytest.raises(InputError, match=r"logits\[1\] holds probabilities"):
        call(mixed)
    certain = np.eye(6, dtype=dtype)[LABELS][None]  # predictions, as one-hot rows
    with pytest.raises(InputError, match=r"holds probabilities"):
        call(certain)


@pytest.mark.parametrize("kind", ["rounded", "float32", "percent", "whole percents"])
def test_rounded_probabilities_and_percents_are_refused(kind):
    p = softmax(LOGITS[0], axis=-1)
    given = {
        "rounded": p.round(2),
        "float32": p.round(2).astype(np.float32),
        "percent": 100 * p,
        "whole percents": (100 * p).round(),
    }[kind]
    sums = 100 if "percent" in kind else 1
    with pytest.raises(InputError, match=f"every row has the sum {sums}: give"):
        el2n(given, LABELS)
    assert abs(p.round(2).sum(1) - 1).max() > 0.01
    few = np.array([[50.0, 30.0, 20.0], [10.0, 70.0, 20.0]])
    assert np.isfinite(el2n(few, [0, 1])).all()


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
@pytest.mark.parametrize("call", CALLS)
def test_probabilities_of_any_sum_are_refused(call, dtype):
    p = softmax(LOGITS, axis=-1)
    for whole in (3, 10, 1000, 5000):
        said = f"holds probabilities, every row has the sum {whole}"
        given = (whole * p).astype(dtype)
        with pytest.raises(InputError, match=said if dtype == "f8" else said[:-1]):
            call(given)
    with pytest.raises(InputError, match="every row has the sum 3"):
        call(np.stack([p.sum(0)] * 3))  # of the three models
    with pytest.raises(InputError, match="every row has the sum"):
        call((10 * p).round(2))
    bad = 10 * p
    bad[:, 7, 2] += 0.7
    with pytest.raises(InputError, match="39 of 40 rows have the sum 10, row 7 has no"):
        call(bad)


def test_logits_without_a_sign_are_logits():
    """However alike their sums are: those of many are, or none is spread."""
    labels = np.arange(200) % 6
    for classes in (6, 100, 1000):
        for middle in (5, 10, 1000):
            logits = middle + RNG.normal(size=(200, classes)).clip(-4, 4)
            found = el2n(logits, labels, n_classes=classes)
            less = el2n(logits - middle, labels, n_classes=classes)
            np.testing.assert_allclose(found, less, rtol=1e-9)
    few = np.array([[2.0, 1.0, 0.0], [1.0, 0.0, 2.0]])
    assert np.isfinite(el2n(few, [0, 1])).all()
    np.testing.assert_allclose(el2n(np.full((40, 6), 5.0), LABELS), np.sqrt(30) / 6)


@pytest.mark.parametrize("call", [partial(el2n, labels=LABELS), scores])
def test_probabilities_with_a_bad_row_are_neither(call):
    p = softmax(LOGITS[0], axis=-1)
    more, minus = p.copy(), p.copy()
    more[17, 3] += 0.1
    minus[17, :2] += (-1.0, 1.0)
    for given, whole in ((more, 1), (minus, 1), (100 * more, 100)):
        said = f"39 of 40 rows have the sum {whole}, row 17 has not"
        with pytest.raises(InputError, match=said):
            call(given)
    many = RNG.uniform(2, 3, size=(40, 6))  # most rows are of no such kind
    many[:20] = p[:20]
    assert np.isfinite(call(many)).all()
    np.testing.assert_allclose(call(many - 1.0), call(many), rtol=1e-12)


@pytest.mark.parametrize("call", [partial(el2n, labels=LABELS), scores])
def test_a_zero_that_rounding_made_negative_is_of_a_probability(call):
    p = np.eye(6)[LABELS]
    p[3, :2] += (-1e-7, 1e-7)
    with pytest.raises(InputError, match="holds probabilities"):
        call(p)


@pytest.mark.parametrize("rounding", [np.rint, np.trunc])
@pytest.mark.parametrize("call", CALLS)
def test_probabilities_in_bytes_and_counts_are_no_logits(call, rounding):
    p = softmax(LOGITS, axis=-1)
    for whole, types in ((255, ("u1", ">u2", "i4", "f4")), (50, ("i8", "f8"))):
        for dtype in types:
            given = rounding(whole * p).astype(dtype)
            with pytest.raises(
                InputError, match=r"logits\[0\] holds whole numbers from"
            ):
                call(given)
    with pytest.raises(InputError, match="numbers from 0 to 1 only"):
        call((LOGITS > 0).astype("u1"))


@pytest.mark.parametrize("dtype", ["u1", "i8", "f4"])
def test_few_numbers_by_hand_are_logits_of_any_type(dtype):
    by_hand = np.array([[99, 0, 3], [0, 99, 3]])
    found = el2n(by_hand.astype(dtype), [0, 1], n_classes=3)
    np.testing.assert_array_equal(found, el2n(by_hand - 1.0, [0, 1], n_classes=3))


def test_outputs_of_sigmoids_are_no_logits_and_zeros_are():
    with pytest.raises(
        InputError, match=r"numbers from 0 to 1 only, in rows whose sum"
    ):
        el2n(1 / (1 + np.exp(-LOGITS[0])), LABELS)
    for equal in (0.0, 1.0):
        np.testing.assert_allclose(
            el2n(np.full((40, 6), equal), LABELS), np.sqrt(30) / 6, rtol=1e-12
        )


def test_logarithms_of_probabilities_are_logits():
    logs = log_softmax(LOGITS, axis=-1)
    np.testing.assert_allclose(el2n(logs, LABELS), el2n(LOGITS, LABELS), rtol=1e-12)
    np.testing.assert_allclose(scores(logs), scores(LOGITS), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
@pytest.mark.parametrize("call", CALLS)
def test_other_logarithms_of_probabilities_are_no_logits(call, dtype):
    logs = log_softmax(LOGITS, axis=-1)
    sure = log_softmax(30 * LOGITS, axis=-1)
    for given, says in (
        (-logs, "with the other sign"),
        (np.minimum(-sure, 100), "with the other sign"),
        (logs / np.log(10), "to the base 10: give them times 2.302585"),
        (logs / np.log(2), "to the base 2: give them times 0.693147"),
        (logs / np.log(6), "to the base 6: give them times 1.791759"),
        (-logs / np.log(10), "with the other sign: give them times -2.302585"),
        (-logs / np.log(2), "with the other sign: give them times -0.693147"),
        (-logs / np.log(6), "with the other sign: give them times -1.791759"),
    ):
        with pytest.raises(InputError, match=says):
            call(given.astype(dtype))


def test_a_logit_that_is_zero_everywhere_is_one():
    """Of two classes the first may be the origin, however sure the others are."""
    sure = np.c_[np.zeros(40), RNG.uniform(9, 30, 40)]
    for given in (sure, -sure):
        np.testing.assert_allclose(
            el2n(given, LABELS % 2), el2n(given - 1, LABELS % 2), rtol=1e-9
        )


def test_one_class_only_has_logits_of_one():
    assert el2n(np.ones((2, 1)), [0, 0]).tolist() == [0, 0]


@pytest.mark.parametrize("more", [1, 3])
def test_columns_beyond_the_classes_are_refused(more):
    wide = np.concatenate([LOGITS, RNG.normal(size=(3, 40, more))], axis=-1)
    narrow = LOGITS[..., :-1]
    for metric in ("el2n", "active_learning"):
        for bad in (wide, narrow):
            says = f"{bad.shape[-1]} columns, and there are 6 classes"
            with pytest.raises(InputError, match=says):
                scores(bad, metric)
    with pytest.raises(
        InputError, match=rf"{6 + more} columns, and the labels are all"
    ):
        el2n(wide, LABELS)
    assert np.isfinite(el2n(wide, LABELS, n_classes=6 + more)).all()
    with pytest.raises(InputError, match="columns, and there are 6 classes"):
        el2n(wide, LABELS, n_classes=6)


def test_a_sample_may_miss_classes():
    for labels in ([0, 0, 0], [1, 4, 2], [0, 1, 5], [0, 1, 2]):
        assert len(el2n(LOGITS[0, :3], labels)) == 3
    for bad in (0, 2.5, "6", True):
        with pytest.raises(InputError, match="n_classes must be a whole number"):
            el2n(LOGITS, LABELS, n_classes=bad)


ROUNDED = {
    "hundredths": lambda lp: np.round(-lp, 2),
    "tenths": lambda lp: np.round(-lp, 1),
    "bfloat16": lambda lp: _bfloat16(-lp),
    "base 2": lambda lp: np.round(-lp / np.log(2), 2),
    "base 10": lambda lp: _bfloat16(lp / np.log(10)),
    "raised": lambda lp: -np.log(np.exp(lp) + 1e-3),
    "cut": lambda lp: -np.log(np.clip(np.exp(lp), 1e-3, 1)),
    "a bad row": lambda lp: np.where(np.arange(len(lp))[:, None] == 17, 3.0, -lp),
}


def _bfloat16(values):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    return values.astype(ml_dtypes.bfloat16).astype(np.float32)


def _log_probabilities(scale=3.0, classes=10):
    logits = scale * np.random.default_rng(0).normal(size=(300, classes))
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize("how", ROUNDED)
def test_logarithms_of_the_other_sign_are_refused_however_rounded(how):
    logits = ROUNDED[how](_log_probabilities())
    labels = np.arange(300) % 10
    with pytest.raises(InputError, match="logarithms of probabilities"):
        el2n(logits, labels, n_classes=10)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_logits_of_any_kind_are_not_taken_for_them(scale, classes):
    known = _log_probabilities(scale, classes)
    shifted = known - known.min(1, keepdims=True)
    labels = np.arange(300) % classes
    for logits in (known, np.round(known, 2), shifted):
        assert el2n(logits, labels, n_classes=classes).shape == (300,)
