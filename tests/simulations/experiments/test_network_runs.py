"""Networks trained on pruned digits: rows, costs, interrupted runs, what is refused."""

import shutil

import jax
import numpy as np
import pytest
import small_networks as small
from small_networks import TEST, TRAIN

from perceptron_theory import ConvergenceError, InputError
from simulations.experiments import (
    Cell,
    cells_of,
    forecast,
    network_run,
    read_table,
    run_experiment,
)
from simulations.experiments.learner import kept_rows, run_cell
from simulations.experiments.network_run import flops_of_a_step, trained
from simulations.experiments.sources import learner_of
from simulations.experiments.trials import by_trials
from simulations.vision.training import Plan, placement, read_recipe, train
from simulations.vision.training.epoch_record import EpochRecord


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the recipe and the scores are."""
    folder = tmp_path_factory.mktemp("home")
    small.scores_file(folder)
    return folder


@pytest.fixture(scope="module")
def finished(home):
    """A folder, its table, and what was forecast."""
    folder, chosen = home / "finished", small.experiment(home)
    before = forecast(chosen, small.source(home), folder)
    assert not folder.exists()
    return folder, run_experiment(chosen, small.source(home), folder), before


def learner(home, **changes):
    return learner_of(small.source(home), small.experiment(home, **changes))


@pytest.mark.slow
def test_every_run_has_a_row_and_its_cost(home, finished):
    table = read_table(finished[0])
    assert len(table) == len(cells_of(small.experiment(home))) == 3 * 2 * 3
    steps = table["kept"].map({35: 1, 70: 2, 140: 4}) * 2  # a batch is of 32
    assert table["steps"].tolist() == steps.tolist()
    assert (table["presentations"] == steps * 32).all()
    each = flops_of_a_step(learner(home).plan(np.arange(70), 0))
    np.testing.assert_allclose(table["flops"], steps * each)
    assert (table["tested"] == len(TEST)).all() and table["error"].between(0, 1).all()
    conv, norms, dense = 9 * (1 * 4 + 2 * 4 * 4), 3 * 2 * 4, 4 * 10 + 10
    assert (table["dimensions"] == conv + norms + dense).all()
    assert list((finished[0] / "partial").iterdir()) == []


@pytest.mark.slow
def test_in_steps_all_cells_cost_the_same_and_train_otherwise(home):
    one = learner(home, fixed_epochs=None, fixed_steps=4)
    rows = [run_cell(one, Cell(size, 1.0, "unpruned", "none", 0)) for size in (70, 140)]
    assert [row["steps"] for row in rows] == [4, 4]
    assert rows[0]["presentations"] == 4 * 32
    assert one.plan(np.arange(70), 0).epochs == 2
    # two epochs of two steps are four steps, too
    same = run_cell(learner(home), Cell(70, 1.0, "unpruned", "none", 0))
    assert rows[0]["error"] == same["error"]


@pytest.mark.slow
def test_pools_are_nested_and_strategies_share_them(home):
    one = learner(home)
    small_pool, pool = (set(one.pool(size, 1).tolist()) for size in (70, 140))
    assert small_pool < pool and len(pool) == 140
    assert set(one.pool(70, 2).tolist()) != small_pool
    hard = set(kept_rows(one, Cell(140, 0.5, "hard", "el2n", 1)).tolist())
    random = set(kept_rows(one, Cell(140, 0.5, "random", "none", 1)).tolist())
    assert hard < pool and random < pool and len(hard) == len(random) == 70


@pytest.mark.slow
def test_an_error_is_that_of_a_run_of_the_same_plan(home, finished, tmp_path):
    pool = np.random.default_rng([2, 0]).permutation(len(TRAIN))[:140]
    scores = small.scores_file(home)
    hard = pool[np.argsort(scores[pool])[-70:]]
    plan = Plan(
        TRAIN,
        read_recipe(small.recipe_file(home), fixed_epochs=2),
        2,
        placement("cpu"),
        test=TEST,
        ids=[TRAIN.ids[row] for row in hard],
    )
    run = train(plan, tmp_path / "run")
    table = finished[1].set_index(["size", "strategy", "seed"])
    error = table.loc[(140, "hard", 2), "error"]
    assert error == pytest.approx(1 - run.history[-1]["test_accuracy"])
    assert error < 0.93  # it has learned something


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(home, finished, tmp_path):
    folder, chosen = tmp_path / "again", small.experiment(home)
    shutil.copytree(finished[0], folder)
    gone = folder / "cells" / "70-0.5-hard-el2n-1.json"
    gone.unlink()
    assert forecast(chosen, small.source(home), folder)[0] == 1
    made = []
    rows = run_experiment(
        chosen, small.source(home), folder, on_cell=lambda cell, _: made.append(cell)
    )
    assert made == [None, Cell(70, 0.5, "hard", "el2n", 1)]
    same = [name for name in rows if name not in ("seconds", "checksum")]
    assert rows[same].equals(finished[1][same])
    other = small.experiment(home, fixed_epochs=3)
    for call in (forecast, run_experiment):
        with pytest.raises(InputError, match="of other data, features or learner"):
            call(other, small.source(home), folder)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_from_its_checkpoint(home, tmp_path, monkeypatch):
    monkeypatch.setattr(network_run, "_EVERY", -1.0)
    plan = learner(home, fixed_epochs=4).plan(np.arange(70), 3)
    whole, row, begun = trained(plan, None), EpochRecord.row, []

    def stopping(self, state):
        begun.append(self._epoch)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return row(self, state)

    monkeypatch.setattr(EpochRecord, "row", stopping)
    folder = tmp_path / "partial" / "cell"
    with pytest.raises(KeyboardInterrupt):
        trained(plan, folder)
    assert folder.exists()
    state = trained(plan, folder)
    assert begun == [0, 1, 2, 2, 3]
    for one, other in zip(*map(jax.tree.leaves, (state, whole)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not folder.exists() and folder.parent.exists()


@pytest.mark.slow
def test_a_run_that_diverges_is_one_line(home, tmp_path):
    recipe = small.recipe_file(tmp_path, learning_rate=1e6, weight_decay=1e6)
    chosen = small.experiment(home, recipe=recipe, sizes=(70,))
    with pytest.raises(ConvergenceError, match=r"9 of 9 runs failed.*not finite"):
        run_experiment(chosen, small.source(home), tmp_path / "x")


def test_operations_of_a_step_by_hand():
    recipe = read_recipe("digits_resnet8")
    plan = Plan(TRAIN, recipe, 0, placement("cpu"))

    def pairs(side, stride=1):  # of a place and a pixel under its 3 x 3 kernel
        return (3 * side - (2 if stride == 1 else 1)) ** 2

    products = pairs(8) * (1 * 16 + 2 * 16 * 16)
    products += pairs(4, 2) * 16 * 32 + pairs(4) * 32 * 32
    products += pairs(2, 2) * 32 * 64 + pairs(2) * 64 * 64 + 64 * 10
    # a product and a sum each; norms and activations are 2 % more
    assert flops_of_a_step(plan) == pytest.approx(3 * 64 * 2 * products, rel=0.03)


@pytest.mark.slow
def test_the_forecast_is_what_it_takes(finished):
    _, table, (count, cost) = finished
    assert count == len(table)
    assert cost.presentations == table["presentations"].sum()
    assert cost.flops == pytest.approx(table["flops"].sum())
    assert 0 < cost.seconds < 600


def test_by_trials_a_line_is_exact():
    class Cost:
        def __init__(self, cell):
            self.presentations = 100 + 7 * cell.kept
            self.flops = 5.0 * cell.kept

    cells = [Cell(9000, f, "random", "none", 4) for f in (0.01, 0.5, 1.0)]
    ran = []

    class Learner:
        def pool(self, size, seed):
            return np.arange(size)

        def train(self, rows, cell):
            assert len(rows) == cell.size
            ran.append(cell)
            return Cost(cell)

    found = by_trials(Learner(), cells)
    assert {(cell.size, cell.seed, cell.strategy) for cell in ran} == {
        (200, 4, "unpruned"),
        (2000, 4, "unpruned"),
    }
    kept = 90 + 4500 + 9000
    assert found.presentations == pytest.approx(300 + 7 * kept)
    assert found.flops == pytest.approx(5 * kept)
    assert found.seconds >= 0
    assert "9.5e+04 presentations, 6.8e+04 FLOPs" in found.says()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sizes": (60, 140)}, "30 examples do not fill one batch of 32"),
        ({"sizes": (70, 2000)}, "sizes go up to 2000, digits train has 1438"),
        ({"recipe": "digits_resnet"}, "did you mean 'digits_resnet8'"),
        ({"recipe": "digits_simclr"}, "is of simclr, which learns no classes"),
    ],
)
def test_what_cannot_be_trained_is_refused(home, tmp_path, changes, said):
    chosen = small.experiment(home, **changes)
    with pytest.raises(InputError, match=said) as caught:
        run_experiment(chosen, small.source(home), tmp_path / "x")
    assert "\n" not in str(caught.value) and not (tmp_path / "x").exists()
