"""What pruning costs: answers as text, standard errors, the choice, sentences."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.experiments.answers import packed, wrong_of
from simulations.experiments.comparison.answer import points, sentences_of
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
