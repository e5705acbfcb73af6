"""The law of a data set: units, and what is refused."""

import numpy as np
import pytest

import perceptron_theory as pt

RNG = np.random.default_rng(3)
X = RNG.standard_normal((60, 4)) * [1.0, 2.0, 0.5, 3.0] + [0.0, 5.0, -1.0, 0.0]
Y = np.where(X[:, 0] > 0, 1, -1)
SCORE = -np.abs(X[:, 0])


def test_features_are_centred_and_their_trace_is_their_number():
    law = pt.FieldLaw.from_data(X, Y, SCORE)
    assert np.allclose(law.features.mean(axis=0), 0.0, atol=1e-12)
    assert np.isclose((law.features**2).mean(axis=0).sum(), 4.0)
    assert np.allclose(law.features / law.scale + law.mean, X)
    assert law.classes.tolist() == [-1, 1]
    assert (law.classes[law.labels] == Y).all()
    assert (law.size, law.width) == (60, 4)


@pytest.mark.parametrize(
    "labels",
    [
        Y.astype(float),
        Y.astype(np.float16),
        Y.astype(">i4"),
        Y > 0,
        np.where(Y > 0, "dog", "cat"),
        np.where(Y > 0, "dog", "cat").astype(object),  # as pandas has text
        Y.tolist(),
    ],
)
def test_labels_of_any_kind_give_the_same_places(labels):
    law = pt.FieldLaw.from_data(X, labels)
    assert (law.labels == (Y > 0)).all()


@pytest.mark.parametrize("scale", [10.0, 1e-200, 1e-160, 1e150, 1e307])
def test_the_unit_of_features_is_no_matter(scale):
    law, other = pt.FieldLaw.from_data(X, Y), pt.FieldLaw.from_data(scale * X, Y)
    np.testing.assert_allclose(other.features, law.features, rtol=1e-9)
    np.testing.assert_allclose(other.mean, scale * law.mean, rtol=1e-9)
    assert np.isclose(other.scale * scale, law.scale)


def test_columns_of_pandas_are_paired_in_one_order_only():
    pandas = pytest.importorskip("pandas")
    table, labels, score = pandas.DataFrame(X), pandas.Series(Y), pandas.Series(SCORE)
    law = pt.FieldLaw.from_data(table, labels, score)
    assert (law.score == SCORE).all()
    with pytest.raises(pt.InputError, match=r"features and of score.*another order"):
        pt.FieldLaw.from_data(table, labels, score.sort_values())
    with pytest.raises(pt.InputError, match=r"features and of labels.*another order"):
        pt.FieldLaw.from_data(table, labels.sort_values(), score)
    for given in (X, labels.sort_values(), SCORE), (X, Y, score.sort_values()):
        with pytest.raises(pt.InputError, match=r"are numbered .* pandas index"):
            pt.FieldLaw.from_data(*given)
    named = table.set_axis([f"{n}.png" for n in range(len(X))])
    with pytest.raises(pt.InputError, match=r"'0.png', those of labels have none"):
        pt.FieldLaw.from_data(named, Y)


def _changed(place, value):
    changed = X.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("features", "labels", "score", "said"),
    [
        (_changed((3, 1), np.nan), Y, None, r"finite, got nan at \[3, 1\]"),
        (_changed((slice(None), 2), 7.0), Y, None, "1 constant columns \\(2\\)"),
        (X[:, [0, 1, 0, 2]], Y, None, "linearly dependent.*rank 3 of 4"),
        (X[0], Y, None, r"shape \(P, N\)"),
        (X[:30, :].T, Y[:4], None, "4 examples of 30 features"),
        (X, Y[:-1], None, "one for each of the 60 examples"),
        (X, np.ones(60), None, "are all 1"),
        (X, Y + 0.5, None, "whole numbers or names"),
        (X, np.arange(60), None, "60 classes for 60"),
        (X, np.where(Y > 0, np.inf, 0.0), None, "names of classes, got inf at"),
        (X, np.where(Y > 0, 1e300, 0.0), None, r"names of classes, got 1e\+300 at"),
        (X, np.array([None, *Y[1:].astype(str)]), None, "object of NoneType and str"),
        (X * [1, 1, 1, 1e-7], Y, None, "a column or an example is 1e5 times larger"),
        (X, Y, SCORE[:-1], "one number for each of the 60.*another data set"),
        (X, Y, np.full(60, np.inf), "score must be finite"),
        (X.astype(complex), Y, None, "features must be real"),
        (np.ma.masked_greater(X, 9.0), Y, None, "masked"),
    ],
)
def test_bad_data_is_one_line(features, labels, score, said):
    with pytest.raises(pt.InputError, match=said) as refusal:
        pt.FieldLaw.from_data(features, labels, score=score)
    assert "\n" not in str(refusal.value)
