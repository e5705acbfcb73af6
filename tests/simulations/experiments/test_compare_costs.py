"""What pruning costs: answers as text, standard errors, the choice, sentences."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.experiments.answers import packed, wrong_of
from simulations.experiments.comparison.answer import (
    points,
    sentences_of,
    too_few_kept,
    what_few_say,
)
from simulations.experiments.comparison.costs import best_choice, costs_of, crossed_mean


def test_wrong_answers_come_back_from_text():
    wrong = np.random.default_rng(0).random((4, 21)) < 0.4
    rows = pd.DataFrame({"wrong_examples": map(packed, wrong), "tested": 21})
    assert (wrong_of(rows) == wrong).all()
    with pytest.raises(InputError, match="answers = true"):
        wrong_of(rows[["tested"]])
    for text, why in (("%%", "base 64"), ("AAAA", "not of 40 examples")):
        with pytest.raises(InputError, match=why):
            wrong_of(pd.DataFrame({"wrong_examples": [text], "tested": [40]}))


def test_the_standard_error_is_that_of_repeated_experiments():
    rng = np.random.default_rng(0)

    def table():
        seeds, tests = rng.normal(size=(4, 1)), 3 * rng.normal(size=(1, 30))
        return 1 + 0.5 * seeds + tests + rng.normal(size=(4, 30))

    found = [crossed_mean(table()) for _ in range(2_000)]
    spread = np.std([one.value for one in found])
    squares = np.mean([one.standard_error**2 for one in found])
    # exact: 0.25 / 4 + 9 / 30 + 1 / 120; three standard errors of either estimate
    exact = 0.25 / 4 + 9 / 30 + 1 / 120
    assert spread == pytest.approx(np.sqrt(exact), rel=3 / np.sqrt(4_000))
    assert squares == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("wrong", [0, 1, 2, 14, 16])
def test_what_hardly_ever_happens_is_not_certain(wrong):
    values = np.zeros((3, 16))
    values[:, :wrong] = 1.0
    found = crossed_mean(values)
    assert found.value == wrong / 16
    assert found.few == (wrong in (0, 1, 2, 14, 16))
    # two standard errors: the share that would show nothing in a test of twenty
    unseen = 0.05
    if wrong == 0:
        assert (1 - 2 * found.standard_error) ** 16 == pytest.approx(unseen, abs=0.02)
    # never less than the binomial standard error of what was seen
    share = wrong / 16
    assert found.standard_error >= np.sqrt(share * (1 - share) / 16)


def test_the_least_error_joins_the_binomial_one():
    values = np.zeros((3, 16))
    values[:, :3] = 1.0
    found = crossed_mean(values)
    assert not found.few
    assert found.standard_error == pytest.approx(np.sqrt(3 * 13 / 16 / 15 / 16))


def test_error_bars_of_a_perfect_head_are_said():
    runs = {
        (1.0, "none", "unpruned"): 0.0,
        (0.3, "none", "random"): 0.0,
        (0.3, "m", "hard"): 0.0,
        (0.3, "m", "easy"): 0.0,
        (0.3, "m", "middle"): 0.0,
    }
    costs = costs_of(_rows(runs)).set_index("strategy")
    assert (costs["error_se"] == 1.5 / 400).all()
    assert (costs.loc["hard", ["cost_se", "gain_se"]] == 1.5 / 400).all()
    # a run is as good as itself, surely
    assert costs.loc["unpruned", "cost_se"] == 0
    assert costs.loc["random", "gain_se"] == 0
    (said,) = what_few_say(costs.reset_index(), 0.3, 400)
    assert said.startswith("The test set has 400 examples") and "0.38 points" in said
    # of many wrong answers the scatter says all
    assert what_few_say(costs_of(_made_up(0.15)), 0.3, 400) == []


def test_fewer_kept_than_classes_are_warned_of():
    (said,) = too_few_kept(1, 10)
    assert said.startswith("1 example cannot show 10 classes")
    assert too_few_kept(10, 10) == []


def _rows(errors):
    """Rows of made-up runs: who is wrong is drawn with these probabilities."""
    rng = np.random.default_rng(2)
    found = []
    for (f, metric, strategy), probability in errors.items():
        for seed in range(5):
            wrong = rng.random(400) < probability
            found.append(
                {
                    "keep_fraction": f,
                    "metric": metric,
                    "strategy": strategy,
                    "seed": seed,
                    "kept": round(1000 * f),
                    "tested": 400,
                    "wrong_examples": packed(wrong),
                    "error": wrong.mean(),
                }
            )
    return pd.DataFrame(found)


def _made_up(hard):
    return _rows(
        {
            (1.0, "none", "unpruned"): 0.10,
            (0.3, "none", "random"): 0.20,
            (0.3, "m", "hard"): hard,
            (0.3, "m", "easy"): 0.30,
            (0.3, "m", "middle"): 0.25,
        }
    )


def test_costs_are_differences_of_means():
    rows = _made_up(0.15)
    costs = costs_of(rows).set_index("strategy")
    means = rows.groupby("strategy")["error"].mean()
    for name in ("hard", "easy", "middle", "random"):
        assert costs.loc[name, "error"] == pytest.approx(means[name])
        cost, gain = means[name] - means["unpruned"], means["random"] - means[name]
        assert costs.loc[name, "cost"] == pytest.approx(cost)
        assert costs.loc[name, "gain"] == pytest.approx(gain, abs=1e-12)
    assert costs.loc["hard", "doubt"] < 0.001 < 0.999 < costs.loc["easy", "doubt"]


def test_another_choice_than_random_has_to_be_surely_better():
    assert best_choice(costs_of(_made_up(0.12)), 0.3) == ("m", "hard", True)
    assert best_choice(costs_of(_made_up(0.195)), 0.3) == ("none", "random", False)
    assert best_choice(costs_of(_made_up(0.5)), 0.3) == ("none", "random", False)


def test_sentences():
    costs = costs_of(_made_up(0.12))
    said = sentences_of(
        costs, best_choice(costs, 0.3), 0.3, model="linear heads", data="it"
    )
    full = costs[costs["strategy"] == "unpruned"].iloc[0]
    number = points(full["error"], full["error_se"])
    assert said[0] == (
        "Trained on all 1,000 examples of it, linear heads are wrong on "
        f"{number} % of the test examples."
    )
    assert said[1].startswith("Keeping a random 30 % costs ")
    assert said[2].startswith("By m, keeping the hardest 30 % costs ")
    assert "If you must prune to 30 %, keep the hardest 30 % by m: " in said[3]
    costs = costs_of(_made_up(0.5))
    said = sentences_of(costs, best_choice(costs, 0.3), 0.3, model="x", data="it")
    assert said[-1] == (
        "If you must prune to 30 %, keep a random 30 %: no score did better than "
        "chance beyond doubt."
    )


@pytest.mark.parametrize(
    "value, error, text",
    [
        (0.0412, 0.0031, "4.1 +- 0.3"),
        (0.0412, 0.0131, "4.1 +- 1.3"),
        (0.412, 0.031, "41 +- 3"),
        (0.000001, 0.002, "0.0 +- 0.2"),
        (-0.00001, 0.002, "0.0 +- 0.2"),
        (0.05, 0.0, "5.00 +- 0.00"),
    ],
)
def test_points_have_the_digits_of_their_error(value, error, text):
    assert points(value, error) == text
