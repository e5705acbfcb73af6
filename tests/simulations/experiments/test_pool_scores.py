"""Scores by networks that are trained on the pool itself, and budgets of pools."""

from dataclasses import replace

import numpy as np
import pytest
import small_networks as small
from small_networks import TRAIN

from perceptron_theory import InputError
from simulations.experiments import (
    Cell,
    cells_of,
    forecast,
    pool_scores,
    read_experiment,
    run_experiment,
)
from simulations.experiments.learner import kept_rows
from simulations.experiments.sources import learner_of
from simulations.vision.metrics.error_norm import el2n
from simulations.vision.training import train

OWN = {"metrics": ("el2n:0.5",), "fixed_epochs": None, "pool_steps": 4}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def _learner(home, partial=None, **changes):
    chosen = small.experiment(home, **(OWN | changes))
    return learner_of(small.source(home, scores=None), chosen, partial)


def test_a_pruned_set_takes_the_epochs_of_its_pool(home):
    one = _learner(home)
    cell = Cell(140, 0.5, "random", "none", 0)
    assert one.plan(np.arange(140), 0).model.total_steps == 4
    assert one.plan_of(cell, np.arange(70)).model.total_steps == 2
    as_many = _learner(home, pool_steps=None, fixed_steps=4)
    assert as_many.plan_of(cell, np.arange(70)).model.total_steps == 4
    inputs = one.fingerprints, as_many.fingerprints
    assert inputs[0] != inputs[1] and "budget" not in inputs[1]


def test_few_examples_are_a_batch_where_that_is_asked_for(home):
    cut = _learner(home, sizes=(40,), smaller_batches=True)
    cell = Cell(40, 0.5, "hard", "el2n:0.5", 0)
    plan = cut.plan_of(cell, np.arange(20))
    assert plan.recipe.batch_size == 20 and plan.model.total_steps == 2
    assert cut.plan(np.arange(40), 0).recipe.batch_size == 32
    with pytest.raises(InputError, match="20 examples do not fill one batch of 32"):
        _learner(home, sizes=(40,))


@pytest.mark.slow
def test_scores_are_el2n_of_networks_of_the_pool(home, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_scores, "SCORERS", 2)
    one = _learner(home, tmp_path / "partial")
    rows = one.pool(70, 1)
    found = one.difficulty("el2n:0.5", rows, 1)
    expected = []
    for i in range(2):
        plan = one.plan(rows, 2000 + i, 0.5)
        assert plan.model.total_steps == 2
        train(plan, tmp_path / f"run{i}")
        expected.append(np.load(tmp_path / f"run{i}" / "logits.npy")[rows])
    by_hand = el2n(np.stack(expected), TRAIN.labels[rows], n_classes=10)
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)
    kept = kept_rows(one, Cell(70, 0.5, "hard", "el2n:0.5", 1))
    assert set(kept) == set(rows[np.argsort(found)[-35:]])

    def refused(*_):
        raise AssertionError("computed again")

    # another process takes them from the file
    monkeypatch.setattr(pool_scores, "trained", refused)
    again = pool_scores.PoolScores(TRAIN, one.plan, tmp_path / "partial" / "scores")
    np.testing.assert_array_equal(again.of(rows, 1, 0.5), found)


@pytest.mark.slow
def test_an_experiment_by_own_scores_and_its_forecast(home, tmp_path):
    chosen = small.experiment(home, sizes=(70,), **OWN)
    where = small.source(home, scores=None)
    count, cost = forecast(chosen, where, tmp_path / "out")
    table = run_experiment(chosen, where, tmp_path / "out")
    assert count == len(table) == 9
    scorers = 3 * pool_scores.SCORERS * 2 * 32  # of two steps
    assert cost.presentations == table["presentations"].sum() + scorers
    assert set(table["metric"]) == {"none", "el2n:0.5"}
    assert set(table.loc[table["keep_fraction"] < 1, "steps"]) == {2}
    assert len(list((tmp_path / "out" / "partial" / "scores").iterdir())) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": ("el2n:0",)}, "metrics of network are el2n:NUMBER from 0.01 to"),
        ({"metrics": ("probe:200",)}, "or names of score files"),
        ({"pool_steps": 0}, "pool_steps must be whole numbers of at least 1, got 0"),
        ({"fixed_steps": 3}, "pool_steps at most"),
        ({"smaller_batches": 1}, "smaller_batches must be true or false, got 1"),
        (
            {"learner": "logistic", "recipe": "", "pool_steps": None}
            | {"metrics": ("probe:20",), "smaller_batches": True},
            "smaller_batches is for",
        ),
    ],
)
def test_what_cannot_be_is_one_line(home, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        small.experiment(home, **(OWN | changes))
    assert "\n" not in str(caught.value)


def test_the_shipped_scaling_experiments_differ_in_their_budget_alone():
    steps, epochs = map(read_experiment, ("mnist_scaling", "mnist_scaling_epochs"))
    assert len(steps.sizes) >= 8 and steps.seeds >= 5
    assert (min(steps.sizes), max(steps.sizes)) == (500, 60_000)
    assert {"hard", "easy", "middle"} == set(steps.strategies)
    budgets = {"fixed_steps": None, "pool_steps": steps.fixed_steps}
    assert replace(steps, **budgets) == replace(epochs, name=steps.name)
    assert len(cells_of(steps)) == 5 * 8 * (1 + 4 * 4)
