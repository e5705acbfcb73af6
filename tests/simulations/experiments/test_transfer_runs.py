"""Fine-tuning from given weights, and pre-training on pruned data of other classes."""

import numpy as np
import pytest
import small_networks as small
from small_networks import TRAIN
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.experiments import (
    Cell,
    cells_of,
    network_run,
    read_table,
    run_experiment,
)
from simulations.experiments.class_counts import by_class
from simulations.experiments.learner import kept_rows, run_cell
from simulations.experiments.network import cost_of
from simulations.experiments.sources import learner_of
from simulations.vision.data import load
from simulations.vision.training import (
    Initial,
    Plan,
    placement,
    read_recipe,
    train,
)
from simulations.vision.training.epoch_record import EpochRecord

LOW, HIGH = "digits#0,1,2,3,4,5", "digits#6,7,8,9"
UNPRUNED = Cell(70, 1.0, "unpruned", "none", 0)
HERE = placement("cpu")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where recipes, scores of the lower digits and a trained run are."""
    folder = tmp_path_factory.mktemp("home")
    small.scores_file(folder, "low", dataset=load(LOW))
    small.scores_file(folder)
    recipe = read_recipe(small.recipe_file(folder), fixed_epochs=2)
    ids = TRAIN.ids[1000:1140]
    train(Plan(TRAIN, recipe, 7, HERE, ids=ids), folder / "run")
    return folder


def transfer(home, **changes):
    tuned = small.recipe_file(home, "tuned", fixed_steps=3, learning_rate=0.05)
    options = {"downstream_recipe": tuned, "metrics": ("low",), "sizes": (70,)}
    return small.experiment(home, **(options | changes))


def source(home, **changes):
    given = {"data": LOW, "downstream": HIGH}
    return small.source(home, **(given | changes))


@pytest.mark.slow
def test_fine_tuning_starts_from_the_weights_of_a_run(home):
    chosen, initial = small.experiment(home), str(home / "run")
    scratch = learner_of(small.source(home), chosen)
    tuned = learner_of(small.source(home, initial=initial), chosen)
    one, other = (
        each.plan(np.arange(70), 0).start().params for each in (scratch, tuned)
    )
    assert not np.array_equal(one["conv1"]["kernel"], other["conv1"]["kernel"])
    np.testing.assert_array_equal(one["head"]["kernel"], other["head"]["kernel"])
    before, after = scratch.fingerprints, tuned.fingerprints
    assert set(after) - set(before) == {"initial"}
    assert after["initial"] == tuned.initial.sha256
    assert chosen.hash(before) != chosen.hash(after)
    rows = [run_cell(each, UNPRUNED) for each in (scratch, tuned)]
    assert rows[0]["error"] != rows[1]["error"]
    assert rows[0]["presentations"] == rows[1]["presentations"]


@pytest.mark.slow
def test_a_folder_of_runs_from_other_weights_is_refused(home, tmp_path):
    chosen = small.experiment(home, sizes=(70,), fixed_epochs=1)
    run_experiment(chosen, small.source(home), tmp_path / "x", shard=(1, 9))
    with pytest.raises(InputError, match="other data, features or learner"):
        tuned = small.source(home, initial=str(home / "run"))
        run_experiment(chosen, tuned, tmp_path / "x")


@pytest.mark.slow
def test_a_transfer_is_two_trainings_one_after_the_other(home, tmp_path):
    learner = learner_of(source(home), transfer(home))
    cell = Cell(70, 0.5, "hard", "low", 1)
    row = run_cell(learner, cell)
    rows = kept_rows(learner, cell)
    # the same by the pieces that `pruning-laws train` is made of
    recipe = read_recipe(small.recipe_file(home), fixed_epochs=2)
    low, high, test = load(LOW), load(HIGH), load(HIGH, "test")
    ids = [low.ids[i] for i in rows]
    first = Plan(low, recipe, 1, HERE, ids=ids, test=load(LOW, "test"))
    state = train(first, tmp_path / "up").state
    variables = {"params": state.params, "batch_stats": state.statistics}
    initial = Initial("up", "mini", None, variables, {})
    tuning = read_recipe(str(home / "tuned.toml"))
    second = Plan(high, tuning, 1, HERE, test=test, initial=initial)
    found = train(second, tmp_path / "down").history[-1]
    assert row["error"] == pytest.approx(1 - found["test_accuracy"])
    assert row["tested"] == len(test) == sum(map(int, row["tested_by_class"].split()))
    assert len(row["tested_by_class"].split()) == 4
    assert len(row["kept_by_class"].split()) == 6
    both = [cost_of(plan) for plan in (first, second)]
    assert row["steps"] == 2 * 1 + 3
    assert row["presentations"] == 32 * 5
    assert row["flops"] == pytest.approx(sum(cost["flops"] for cost in both))


@pytest.mark.slow
def test_a_whole_transfer(home, tmp_path):
    chosen, folder = transfer(home), tmp_path / "x"
    learner = learner_of(source(home), chosen)
    run_experiment(chosen, source(home), folder)
    table = read_table(folder)
    assert len(table) == 3 * 3 and list((folder / "partial").iterdir()) == []
    cost = learner.forecast(cells_of(chosen))
    assert cost.presentations == table["presentations"].sum()
    assert cost.flops == pytest.approx(table["flops"].sum()) and cost.seconds > 0
    with pytest.raises(InputError, match="classes of the test set differ"):
        by_class(table)
    # what is tuned on, and by what, is part of what the runs are
    names = {"downstream", "downstream_test", "downstream_recipe"}
    assert names <= set(learner.fingerprints)
    slow = small.recipe_file(home, "slow", fixed_steps=3, learning_rate=0.01)
    for there, other in (
        (source(home, downstream="digits#6,7,8"), chosen),
        (source(home), transfer(home, downstream_recipe=slow)),
    ):
        with pytest.raises(InputError, match="other data, features or learner"):
            run_experiment(other, there, folder)


@pytest.mark.slow
def test_a_transfer_goes_on_in_its_second_training(home, tmp_path, monkeypatch):
    monkeypatch.setattr(network_run, "_EVERY", -1.0)
    tuned = small.recipe_file(home, "long", fixed_epochs=3, learning_rate=0.05)
    chosen = transfer(home, downstream_recipe=tuned)
    whole = learner_of(source(home), chosen).train(np.arange(70), UNPRUNED)
    learner = learner_of(source(home), chosen, tmp_path)
    row, begun = EpochRecord.row, []

    def stopping(self, state):
        begun.append((len(self._plan.dataset), self._epoch))
        if len(begun) == 4:
            raise KeyboardInterrupt
        return row(self, state)

    monkeypatch.setattr(EpochRecord, "row", stopping)
    with pytest.raises(KeyboardInterrupt):
        learner.train(np.arange(70), UNPRUNED)
    assert learner.train(np.arange(70), UNPRUNED) == whole
    low, high = len(load(LOW)), len(load(HIGH))
    # two epochs of the first; of the second one, and the two that were lacking
    assert begun == [(low, 0), (low, 1), (high, 0), (high, 1), (high, 1), (high, 2)]
    assert list(tmp_path.iterdir()) == []


BAD = [
    ({}, {"downstream": None}, "with a downstream_recipe, which needs them"),
    ({"downstream_recipe": ""}, {}, "with a downstream_recipe, which needs them"),
    ({"downstream_recipe": "resnet8"}, {}, "unknown recipe"),
    ({"downstream_recipe": "digits_resnet8"}, {}, "mini, the recipe is of resnet8"),
    ({"downstream_recipe": "digits_simclr"}, {}, "which learns no classes"),
    ({}, {"downstream": "digits#6"}, "give two or more"),
    ({}, {"downstream_test_split": "val"}, "val"),
    ({}, {"test_split": "val"}, "val"),
    ({}, {"train_features": "x.npy"}, "leave out the features"),
    ({}, {"initial": "none"}, "none does not exist"),
    ({}, {"data": "digits"}, "low.parquet: the scores are of"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "where", "said"), BAD)
def test_what_does_not_fit_is_refused(home, tmp_path, changes, where, said):
    with pytest.raises(InputError) as caught:
        run_experiment(transfer(home, **changes), source(home, **where), tmp_path / "x")
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.mark.slow
def test_the_command_plans_a_transfer(home, tmp_path):
    file = tmp_path / "transfer.toml"
    values = {k: v for k, v in transfer(home).as_dict().items() if v and k != "name"}
    file.write_text("".join(f"{k} = {v!r}\n" for k, v in values.items()))
    args = ["experiment", file, "-o", tmp_path / "x", "--device", "cpu", "--plan"]
    args += ["--scores", home / "scores", "--data", LOW]
    done = run(*args, "--downstream", HIGH, "--initial", home / "run")
    assert done.exit_code == 0, done.stderr
    assert "9 runs of network, 3 seeds; 9 to make: " in done.stderr
    assert not (tmp_path / "x").exists()
    for more, said in (
        ([], "--downstream"),
        (["--downstream", "cifar10:none"], "none"),
        (["--downstream", "cifar"], "is not a data set I recognise"),
        (["--downstream", HIGH, "--initial", tmp_path], "has no model.safetensors"),
        (["--downstream", HIGH, "--features", "x.npy"], "leave out the features"),
        (["--downstream", HIGH, "--device", "abacus"], "abacus"),
    ):
        bad = run(*args, *more)
        assert bad.exit_code == 2, bad.stderr
        assert bad.stderr.startswith("error: ") and bad.stderr.count("\n") == 1
        assert said in bad.stderr
