"""Predictions on examples of one's own: heads, probes, grids, and what they say."""

from typing import Any

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.errors import DataWarning
from simulations.experiments.prediction import (
    Question,
    advice_on,
    examples_of,
    predictions,
    read_examples,
    sentences_on,
    train_head,
)
from simulations.experiments.prediction.measured import measured_errors
from simulations.experiments.prediction.unpruned import UnprunedCurve
from simulations.perceptron.students.convex import train
from simulations.vision.principal_components import projected

SQUARE: dict[str, Any] = {"loss": "square", "ridge": 0.05}


def data(count=900, classes=3, width=6, seed=0):
    """Gaussian clouds that overlap, with a score that is good and one that is not."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = rng.normal(size=(classes, width))
    centres -= centres.mean(axis=0)
    points = centres[labels] + rng.normal(size=(count, width)) * 1.3
    distance = ((points[:, None] - centres) ** 2).sum(axis=2)
    near = np.sort(distance, axis=1)
    scores = {"good": near[:, 0] - near[:, 1], "noise": rng.normal(size=count)}
    return points, labels, scores


@pytest.fixture(scope="module")
def examples():
    points, labels, scores = data()
    return examples_of(points, labels, scores, name="clouds")


@pytest.fixture(scope="module")
def found(examples):
    question = Question(
        pools=[100, 400, 9000],
        keep_fractions=[0.3, 1.0],
        strategies={"hard": "hard", "window:0.2": pt.Window(lower=0.2)},
        **SQUARE,
    )
    return predictions(examples, question)


@pytest.mark.slow
def test_logistic_heads_of_three_classes_are_predicted_and_trained(examples):
    question = Question(
        [300], [0.5], {"hard": "hard"}, "logistic", 0.05, intercept=True, repeats=12
    )
    result = predictions(examples, question)
    assert "heads of 3 classes" in " ".join(sentences_on(result))
    found = result.sel(score="good", pool=300)
    ratio = np.abs(np.log(found["measured"] / found["error"]))
    assert float(ratio.max()) < 0.1


# heads


def features(count=200, width=5, classes=2):
    points, labels, _ = data(count, classes, width)
    law = pt.FieldLaw.from_data(points, labels)
    return law.features, law.labels


@pytest.mark.parametrize(
    "loss",
    [
        "logistic",
        pytest.param("square", marks=pytest.mark.slow),
        pytest.param("squared_hinge", marks=pytest.mark.slow),
        pytest.param("hinge", marks=pytest.mark.slow),
    ],
)
def test_heads_of_two_classes_are_those_of_the_simulator(loss):
    points, labels = features()
    head = train_head(points, labels, 2, loss=loss, ridge=0.1)
    signed = points * (2 * labels - 1)[:, None]
    known = train(signed, loss, ridge=0.1, tolerance=1e-8).weights
    np.testing.assert_allclose(
        head.weights[:, 1] - head.weights[:, 0], known, atol=2e-4
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_heads_with_an_intercept_are_those_of_scikit_learn(classes):
    from sklearn.linear_model import LogisticRegression

    points, labels = features(classes=classes)
    points = points + 0.3
    head = train_head(points, labels, classes, ridge=0.1, intercept=True)
    model = LogisticRegression(C=1 / (0.1 * 5), tol=1e-10, max_iter=5000)
    known = model.fit(points, labels).predict_proba(points)
    output = head.outputs(points)
    ours = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, known, atol=1e-5)


def test_ridge_heads_of_many_classes_solve_their_equations():
    points, labels = features(classes=3)
    head = train_head(points, labels, 3, loss="square", ridge=0.1, intercept=True)
    residual = np.eye(3)[labels] - 1 / 3 - head.outputs(points)
    np.testing.assert_allclose(points.T @ residual, 0.5 * head.weights, atol=1e-8)
    np.testing.assert_allclose(residual.sum(axis=0), 0.0, atol=1e-6)


def test_heads_of_a_class_without_examples_do_not_fail():
    points, labels = features()
    mine = labels == 1
    head = train_head(points[mine], labels[mine], 2, intercept=True)
    assert head.wrong(points, labels) == 0.5


def test_losses_that_are_for_two_classes():
    points, labels = features(classes=3)
    with pytest.raises(pt.InputError, match="of 3 classes are trained with logistic"):
        train_head(points, labels, 3, loss="hinge")
    with pytest.raises(pt.InputError, match="did you mean 'hinge'"):
        train_head(points, labels, 3, loss="hing")


# examples


def test_components_are_those_of_scikit_learn_and_need_no_varying_columns():
    from sklearn.decomposition import PCA

    points = data()[0]
    padded = np.column_stack([points, np.full(len(points), 7.0)]).astype(np.float32)
    known = PCA(3).fit_transform(points)
    ours = projected(padded, 3)
    np.testing.assert_allclose(np.abs(ours), np.abs(known), atol=1e-5)
    with pytest.raises(pt.InputError, match="vary in 6 directions only"):
        projected(padded, 7)
    with pytest.raises(pt.InputError, match="at most 7"):
        projected(padded, 8)


def test_the_examples_of_a_probe_are_left_out():
    points, labels, scores = data()
    found = examples_of(points, labels, scores, probe=100, margin="signed", seed=3)
    assert found.law.size == 800
    assert list(found.scores) == ["good", "noise", "probe"]
    assert all(one.shape == (800,) for one in found.scores.values())
    # the rows of the scores are those of the law
    place = {row.tobytes(): i for i, row in enumerate(points)}
    back = np.round(found.law.features / found.law.scale + found.law.mean, 9)
    rounded = {np.round(row, 9).tobytes(): i for i, row in enumerate(points)}
    rows = [rounded[row.tobytes()] for row in back]
    np.testing.assert_array_equal(scores["noise"][rows], found.scores["noise"])
    assert len(place) == 900
    # a signed margin is negative where the probe is wrong; the size does not know
    absolute = examples_of(points, labels, probe=100, seed=3)
    signed, size = found.scores["probe"], absolute.scores["probe"]
    assert (signed > 0).any() and (size <= 0).all()
    right = signed < 0
    np.testing.assert_allclose(signed[right], size[right])
    assert 0.05 < 1 - right.mean() < 0.6


def test_bad_examples():
    points, labels, scores = data()
    for how, why in [
        ({"probe": 900}, "from 2 to 899"),
        ({"probe": 895}, "leaves too few"),
        ({"probe": 2}, "none of the class"),
        ({"probe": 100, "margin": "sined"}, "did you mean 'signed'"),
        ({"scores": {"a": np.zeros(899)}}, "the score a must be 900 numbers"),
        ({"scores": {"a": np.full(900, np.nan)}}, "finite, got nan at 0"),
        ({"scores": {"probe": np.zeros(900)}, "probe": 100}, "rename it"),
        ({"scores": np.zeros(900)}, "scores must be given by names"),
        ({"scores": {"a": np.ma.masked_less(np.arange(900), 3)}}, "masked"),
        ({"probe": 100, "ridge": -1.0}, "ridge must be at least 1e-8"),
        ({"probe": 100, "seed": -1}, "seed must be a whole number"),
    ]:
        with pytest.raises(pt.InputError, match=why):
            examples_of(points, labels, **how)
    with pytest.raises(pt.InputError, match="did you mean 'good'"):
        examples_of(points, labels, scores).by("god")
    with pytest.raises(pt.InputError, match="give features and labels"):
        read_examples()
    with pytest.raises(pt.InputError, match="labels go with features"):
        read_examples("digits", labels="y.npy")


# predictions


def test_each_prediction_is_that_of_the_theory(examples, found):
    law = examples.by("good")
    one = found.sel(score="good", strategy="hard", keep_fraction=0.3, pool=400)
    known = pt.predict(law, 400, 0.3, "hard", **SQUARE)
    assert float(one["error"]) == pytest.approx(known.error, rel=1e-12)
    assert float(one["standard_error"]) == pytest.approx(known.standard_error)
    assert int(one["kept"]) == 120
    random = found["error"].sel(strategy="random", keep_fraction=0.3, pool=400)
    known = pt.predict(law, 400, 0.3, "random", **SQUARE).error
    np.testing.assert_allclose(random, known, rtol=1e-10)
    whole = pt.predict(law, 9000, 1.0, "random", **SQUARE).error
    assert float(found["pool_error"].sel(pool=9000)) == whole
    np.testing.assert_array_equal(
        found["error"].sel(keep_fraction=1.0, pool=9000), whole
    )


def test_a_score_of_noise_is_like_chance(found):
    here = found.sel(score="noise", strategy="hard", keep_fraction=0.3, pool=400)
    chance = found.sel(score="noise", strategy="random", keep_fraction=0.3, pool=400)
    bar = 2 * float(here["standard_error"])
    assert abs(float(here["error"] - chance["error"])) < bar
    good = found.sel(score="good", strategy="hard", keep_fraction=0.3, pool=100)
    assert float(good["error"]) > float(chance["error"])  # few hard ones mislead


def test_the_unpruned_examples_have_the_same_error(examples, found):
    curve = UnprunedCurve(examples.law, SQUARE)
    for place in ("hard", "window:0.2"):
        one = found.sel(score="good", strategy=place, keep_fraction=0.3, pool=400)
        size = float(one["unpruned"])
        assert float(one["saving"]) == pytest.approx(size / 120)
        if 10 < size < 1e4:  # not at an end of the curve
            error = curve.at(round(size)).error
            assert error == pytest.approx(float(one["error"]), rel=5e-3)
    for size in (37, 300, 1111):
        assert curve.size(curve.at(size).error, 100) == pytest.approx(size, rel=0.03)
    assert curve.size(0.0, 100) == np.inf  # it levels off
    assert curve.size(0.9, 100) < 5


def test_the_best_is_marked_and_said(found):
    best = found["best"].sel(keep_fraction=0.3, pool=100)
    error = found["error"].sel(keep_fraction=0.3, pool=100)
    assert float(error.where(best).max()) == float(error.min())
    said = "\n".join(sentences_on(found))
    assert said.startswith("Square heads of 3 classes with ridge 0.05 on 6 features of")
    assert "Of a pool of 9,000: trained on all of it" in said
    assert said.count("Scores by their best strategy: ") == 3
    advice = advice_on(found)
    assert advice.startswith("Of a pool of 9,000") and "eep " in advice


@pytest.mark.parametrize(
    "how, why",
    [
        ({"pools": [0]}, "pools must be a whole number"),
        ({"pools": []}, "pools must not be empty"),
        ({"keep_fractions": [30]}, "for 30 % write 0.3"),
        ({"repeats": 1}, "2 or more"),
        ({"repeats": -3}, "at least 0, got -3"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"pools": 100}, "pools must be a list, got 100"),
        ({"strategies": ["hard"]}, "strategies must be given by names"),
        ({"strategies": {"hard": pt.Window(lower=0.2)}}, "give it another name"),
        ({"intercept": "no"}, "intercept must be True or False"),
    ],
)
def test_a_bad_question(how, why):
    given: dict[str, Any] = {
        "pools": [10],
        "keep_fractions": [0.5],
        "strategies": {"random": "random"},
    }
    with pytest.raises(pt.InputError, match=why):
        Question(**(given | how))


def test_what_cannot_be_answered(examples):
    points, labels, _ = data()
    plain = examples_of(points, labels)
    asked: dict[str, Any] = {"pools": [100], "keep_fractions": [0.5], **SQUARE}
    with pytest.raises(pt.InputError, match="easy and hard need a score"):
        predictions(
            plain, Question(strategies={"hard": "hard", "easy": "easy"}, **asked)
        )
    asked["pools"] = [850]  # of 900
    late = Question(strategies={"w": pt.Window(lower=0.9)}, **asked)
    why = "2 of 3 predictions cannot be made; w by good"
    with pytest.warns(DataWarning, match=why):
        found = predictions(examples, late)
    assert np.isnan(found["error"].sel(strategy="w")).all()
    check = Question(strategies={"hard": "hard"}, repeats=2, **asked)
    with pytest.raises(pt.InputError, match="a pool of at most 810, got 850"):
        predictions(examples, check)


def test_columns_of_pandas_in_another_order_are_refused():
    pandas = pytest.importorskip("pandas")
    points, labels, scores = data()
    table, sorted_ = pandas.DataFrame(points), pandas.Series(scores["good"])
    with pytest.raises(pt.InputError, match="of features and of the score good"):
        examples_of(table, labels, {"good": sorted_.sort_values()})
    assert examples_of(table, labels, {"good": sorted_}).law.size == 900


def test_the_scale_of_features_is_no_matter_to_their_components():
    points, labels, _ = data()
    laws = [
        examples_of(scale * points, labels, components=2).law.features
        for scale in (1.0, 1e-200, 1e300)
    ]
    np.testing.assert_allclose(np.abs(laws[1]), np.abs(laws[0]), rtol=1e-9)
    np.testing.assert_allclose(np.abs(laws[2]), np.abs(laws[0]), rtol=1e-9)


def test_a_probe_that_takes_all_of_a_class():
    points, labels, _ = data(classes=2)
    labels[0] = 2
    seeds = range(50)
    order = lambda seed: np.random.default_rng([seed, 1]).permutation(900)  # noqa: E731
    takes = [seed for seed in seeds if 0 in order(seed)[:100]]
    with pytest.raises(pt.InputError, match="all examples of the class 2"):
        examples_of(points, labels, probe=100, seed=takes[0])


def test_a_fraction_of_a_pool_without_a_single_example_is_empty(examples):
    asked = Question([2, 200], [0.1], {"hard": "hard"}, **SQUARE)
    with pytest.warns(DataWarning, match="0.1 of 2: keep_fraction 0.1 keeps none of"):
        found = predictions(examples, asked)
    assert found["error"].sel(pool=2).isnull().all()
    assert found["saving"].sel(pool=2).isnull().all()
    assert found["error"].sel(pool=200).notnull().all()


# the check


def test_a_check_of_heads_without_errors_says_so():
    points, labels, scores = data(300, 2)
    apart = points + 100.0 * (2 * labels - 1)[:, None]
    asked = Question([100], [0.5], {"hard": "hard"}, repeats=2)
    said = sentences_on(predictions(examples_of(apart, labels, scores), asked))[-1]
    assert "without a single error" in said
    assert "nan" not in said


def test_a_check_is_not_made_with_another_loss_of_the_same_name():
    points, labels, scores = data(300, 2)

    def logistic(margin):
        return (1 - margin) ** 2

    asked = Question([100], [0.5], {"hard": "hard"}, loss=logistic, repeats=2)
    with pytest.raises(pt.InputError, match="got the loss logistic of your own"):
        predictions(examples_of(points, labels, scores), asked)


@pytest.mark.parametrize("intercept", [False, True])
def test_hinge_heads_of_a_single_class_minimise_their_objective(intercept):
    pytest.importorskip("sklearn")
    points, _ = features(40)
    head = train_head(
        points, np.ones(40, int), 2, loss="hinge", ridge=0.2, intercept=intercept
    )

    def objective(weights, offset):
        short = np.maximum(1.0 - points @ weights - offset, 0.0).sum()
        return short + 0.5 * 5 * 0.2 * weights @ weights

    weights, offset = 2.0 * head.weights[:, 1], 2.0 * head.offset[1]
    least, rng = objective(weights, offset), np.random.default_rng(0)
    for _ in range(200):
        moved = weights + 0.05 * rng.standard_normal(5)
        other = offset + 0.05 * rng.standard_normal() * intercept
        assert objective(moved, other) >= least - 1e-6


@pytest.mark.slow
def test_heads_that_are_trained_agree(examples):
    question = Question(
        pools=[120, 500, 5000],
        keep_fractions=[0.4],
        strategies={"hard": "hard", "easy": "easy"},
        repeats=60,
        **SQUARE,
    )
    with pytest.warns(DataWarning, match="more than 810 of the 900"):
        found = predictions(examples, question)
    assert np.isnan(found["z"].sel(pool=5000)).all()
    z = found["z"].sel(score="good", pool=[120, 500])
    # the theory's own corrections are of the order of 1/N, N = 6
    ratio = found["measured"] / found["error"]
    assert float(abs(np.log(ratio)).max()) < 0.1
    assert float(abs(z).max()) < 5
    assert "Checked by heads trained on 60 random pools" in sentences_on(found)[-1]


def test_a_wrong_prediction_has_a_large_z(examples):
    how: dict[str, Any] = {
        "repeats": 30,
        "ridge": 0.05,
        "loss": "square",
        "intercept": False,
    }
    one = measured_errors(examples.by("good"), 300, 0.4, "hard", **how)
    again = measured_errors(examples.by("good"), 300, 0.4, "hard", **how)
    assert one == again
    assert 0 < one.standard_error < 0.1 * one.error
    assert abs(one.z(1.3 * one.error)) > 5
