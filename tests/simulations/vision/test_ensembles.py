"""Ensembles: subsets, ways to train, going on, what a folder gives the metrics."""

import json
import os
import shutil

import jax
import numpy as np
import pytest
import tiny
from test_training_runs import in_subprocess
from tiny import TEST, TRAIN
from typer.testing import CliRunner

from perceptron_theory import ConvergenceError, InputError
from pruning_laws.app import app
from simulations.vision import metrics
from simulations.vision.ensembles import (
    Ensemble,
    balanced_subsets,
    train_ensemble,
    ways,
)
from simulations.vision.ensembles import run as ensemble_run
from simulations.vision.ensembles.group import Group
from simulations.vision.score_files import read_scores
from simulations.vision.training import train, write_recipe
from simulations.vision.training.cpu_devices import default_count

MODELS = 3
SHORT = {"fixed_steps": 8}
ALONE = "one_after_another"  # bits are compared: nothing that a clock decides


def ensemble(models=MODELS, seed=0, **changes):
    recipe = changes.pop("recipe", {})
    plan = tiny.plan(**tiny.GENTLE | {"logits_epochs": [1, 99]} | recipe)  # 99: never
    given = {"test": TEST} | changes
    return Ensemble(TRAIN, plan.recipe, models, seed, plan.placement, **given)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble") / "whole"
    train_ensemble(ensemble(), folder, way=ALONE)
    return folder


def test_subsets_have_one_size_and_examples_are_as_often_in_as_out():
    member = balanced_subsets(1001, 0.7, 20, seed=3)
    assert set(member.sum(1)) == {701}
    for block in member[:10], member[10:]:
        assert set(block.sum(0)) <= {7, 8} and (block.sum(0) == 7).mean() > 0.98
    np.testing.assert_array_equal(balanced_subsets(1001, 0.7, 4, seed=3), member[:4])
    # as unlike as independent subsets are: a correlation of 0 between blocks
    between = np.corrcoef(member)[:10, 10:]
    assert abs(between).max() < 0.15 and abs(between.mean()) < 0.02
    pairs = np.corrcoef(member[:, :200].T.astype(float))[np.triu_indices(200, 1)]
    assert abs(pairs.mean()) < 0.01 and pairs.std() < 1.3 / np.sqrt(20)


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.0001])
def test_subsets_of_none_or_all_are_refused(fraction):
    with pytest.raises(InputError, match=r"subset_fraction must be inside \(0, 1\)"):
        balanced_subsets(100, fraction, 4, seed=0)


@pytest.mark.slow
def test_the_folder_holds_what_the_models_alone_would(whole, tmp_path):
    found = ensemble()
    assert len(set(found.seeds)) == MODELS
    assert found.seeds != ensemble(seed=1).seeds == ensemble(4, seed=1).seeds[:3]
    logits = np.load(whole / "logits.npy")
    alone = train(found.plan(1), tmp_path / "alone")
    np.testing.assert_array_equal(np.load(tmp_path / "alone/logits.npy"), logits[1])
    presentations = np.load(whole / "presentations.npy")
    np.testing.assert_array_equal(presentations[1], alone.correct)
    correct, tested = (np.load(whole / f"{n}correct.npy") for n in ("", "test_"))
    np.testing.assert_array_equal(correct, logits.argmax(-1) == TRAIN.labels)
    assert tested.shape == (MODELS, len(TEST)) and tested.dtype == bool
    assert tested[1].mean() == pytest.approx(alone.history[-1]["test_accuracy"])
    early = np.load(whole / "logits_1.npy")
    assert early.shape == logits.shape and not np.allclose(early, logits)
    assert np.load(whole / "member.npy").all()
    assert np.ptp(logits, axis=0).mean() > 0.1  # the models differ


@pytest.mark.slow
def test_what_is_trained_is_not_trained_again(whole, tmp_path, monkeypatch):
    folder, one = tmp_path / "ensemble", ensemble_run._train_one

    def interrupted(which, folder, k, *rest):
        if k == 1:
            raise KeyboardInterrupt
        one(which, folder, k, *rest)

    monkeypatch.setattr(ensemble_run, "_train_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_ensemble(ensemble(2), folder, way=ALONE)
    assert not (folder / "logits.npy").exists()
    monkeypatch.undo()
    began = (folder / "models/000/checkpoints").stat().st_mtime_ns
    train_ensemble(ensemble(2), folder, way=ALONE)
    assert np.load(folder / "logits.npy").shape[0] == 2
    train_ensemble(ensemble(), folder)  # one more, the way that it was begun
    assert (folder / "models/000/checkpoints").stat().st_mtime_ns == began
    names = ["logits.npy", "correct.npy", "test_correct.npy", "presentations.npy"]
    for name in (*names, "member.npy", "logits_1.npy"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    about = json.loads((folder / "about.json").read_text())
    assert about == json.loads((whole / "about.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "ensemble_seed 0, this is 1"),
        ({"models": 2}, "holds 3 models: give as many or more, not 2"),
        ({"subset_fraction": 0.7}, "subset_fraction None, this is 0.7"),
        ({"recipe": {"batch_size": 32}}, "batch_size 64, this is 32"),
        ({"test": None}, "test 'digits test', this is None"),
        ({"way": "one_a_device"}, "on 1 cpu devices cannot be trained one_a_device"),
        ({"way": "at_once"}, "unknown way 'at_once'"),
    ],
)
def test_another_ensemble_is_refused(whole, changes, words):
    before = sorted((p, p.stat().st_mtime_ns) for p in whole.rglob("*"))
    way = changes.pop("way", "auto")
    with pytest.raises(InputError) as caught:
        train_ensemble(ensemble(**changes), whole, way=way)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert sorted((p, p.stat().st_mtime_ns) for p in whole.rglob("*")) == before


@pytest.mark.slow
def test_nan_says_of_which_model(tmp_path, monkeypatch):
    start = Group.start

    def spoilt(group):
        spoil = np.array([1.0, np.nan])
        state = start(group)
        head = state.params["head"]
        head["bias"] = head["bias"] * spoil[:, None]
        return state

    monkeypatch.setattr(Group, "start", spoilt)
    with pytest.raises(ConvergenceError, match=r"model 1: the loss .* step 1 of epoch"):
        train_ensemble(ensemble(2), tmp_path / "ensemble", way="together")


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Ten subset models by the command line, and every metric of them."""
    folder = tmp_path_factory.mktemp("scored")
    write_recipe(folder / "tiny.toml", ensemble(recipe=SHORT).recipe)
    train = ["train", "--recipe", folder / "tiny.toml", "--models", 10]
    train += ["--subset-fraction", 0.7, "--way", ALONE]
    commands = {"models": train}
    logits = ["--logits", folder / "models/logits.npy"]
    correct = ["--correct", folder / "models/correct.npy"]
    member = ["--member", folder / "models/member.npy"]
    on_test = ["--correct", folder / "models/test_correct.npy", *member]
    for name, args in {
        "el2n": ["el2n", *logits],
        "active_learning": ["active_learning", *logits, "--variant", "variation_ratio"],
        "ddd": ["ddd", *correct],
        "memorization": ["memorization", *correct, *member, "--precision", 0.1],
        "max": ["influence", *on_test],
        "sum_abs": ["influence", *on_test, "--variant", "sum_abs"],
    }.items():
        commands[f"{name}.parquet"] = ["score", *args]
    said = {}
    for output, args in commands.items():
        result = run(*args, "-o", folder / output)
        assert result.exit_code == 0, result.stderr
        said[output] = result.stdout
    return folder, said


WAYS = """
import sys, tiny
from pruning_laws.app import app
folder = sys.argv[1]
for way in ("one_a_device", "together"):
    options = ["--models", "4", "--subset-fraction", "0.7", "--way", way]
    options += ["--recipe", sys.argv[2], "--cpu-devices", "2"]
    try:
        app(["train", *options, "-o", f"{folder}/{way}"])
    except SystemExit as end:
        assert not end.code
"""


@pytest.mark.slow
def test_a_model_is_the_same_whichever_way(scored, tmp_path):
    folder = scored[0]  # one after another on one device
    done = in_subprocess(WAYS, tmp_path, folder / "tiny.toml")
    assert done.returncode == 0, done.stderr
    wanted = folder / "models"
    for way in ways.WAYS[1:]:
        assert json.loads((tmp_path / way / "about.json").read_text())["way"] == way
        np.testing.assert_allclose(
            np.load(tmp_path / way / "logits.npy"),
            np.load(wanted / "logits.npy")[:4],
            atol=1e-3,
        )
        for k in range(4):
            names = [f"models/00{k}/{name}.npy" for name in ("member", "correct")]
            members, corrects = (
                [np.load(one / name) for one in (tmp_path / way, wanted)]
                for name in names
            )
            np.testing.assert_array_equal(*members)
            assert (corrects[0] != corrects[1]).mean() < 0.01
            about = tmp_path / way / f"models/00{k}/about.json"
            assert json.loads(about.read_text())["devices"] == "2 cpu"


class Faked:
    """In place of a timer: what each way takes."""

    seconds: dict[str, float]

    def __init__(self, way, plans):
        self.way, self.compiling = way, 1.0

    def step_seconds(self):
        return self.seconds[self.way]


@pytest.mark.parametrize(
    ("alone", "together", "models", "way"),
    [
        (1.0, 0.5, 100, "together"),
        (1.0, 0.99, 100, "one_after_another"),  # no more than noise
        (1.0, 2.0, 100, "one_after_another"),
        (1e-4, 1e-5, 2, "one_after_another"),  # done before the other is compiled
    ],
)
def test_the_fastest_way_is_taken(alone, together, models, way, monkeypatch):
    monkeypatch.setattr(ways, "Timer", Faked)
    Faked.seconds = {"one_after_another": alone, "together": together}
    plans = [ensemble().plan(0)] * 2
    choice = ways.fastest(plans, models)
    assert choice.way == way
    assert ways.from_json(ways.as_json(choice)).why == choice.why


@pytest.mark.slow
def test_steps_are_timed_by_either_way():
    plans = [ensemble().plan(k) for k in range(2)]
    for way, count in ("one_after_another", 1), ("together", 2):
        timer = ways.Timer(way, plans)
        assert len(timer.plans) == count and timer.step_seconds() > 0


def test_a_batch_is_shared_by_the_cores_evenly():
    assert [default_count(128, most) for most in (1, 2, 3, 8, 64)] == [1, 2, 2, 8, 8]
    assert default_count(30, 4) == 1 and default_count(8, 4) == 1


@pytest.mark.slow
def test_the_metrics_of_several_models_come_from_the_folder(scored):
    folder, _ = scored
    files = folder / "models"
    correct, member = np.load(files / "correct.npy"), np.load(files / "member.npy")
    tested = np.load(files / "test_correct.npy")
    for name, wanted in {
        "memorization": metrics.memorization(correct, member),
        "ddd": metrics.ddd(correct),
        "max": metrics.influence(tested, member),
        "sum_abs": metrics.influence(tested, member, reduce="sum_abs"),
    }.items():
        found = read_scores(folder / f"{name}.parquet", TRAIN).scores
        np.testing.assert_allclose(found, wanted)
    assert read_scores(folder / "el2n.parquet", TRAIN).per_model.shape[0] == 10
    kept = read_scores(folder / "active_learning.parquet", TRAIN).recipe
    assert kept["acquisition"] == "variation_ratio"


@pytest.mark.slow
def test_standard_errors_and_halves_are_printed_and_kept(scored):
    folder, said = scored
    files = folder / "models"
    correct, member = np.load(files / "correct.npy"), np.load(files / "member.npy")
    errors = metrics.memorization_standard_error(correct, member)
    file = read_scores(folder / "memorization.parquet", TRAIN)
    np.testing.assert_allclose(file.standard_errors, errors)
    found = file.recipe["reliability"]
    assert found["models"] == 10 and found["precision"] == 0.1
    assert found["mean_standard_error"] == pytest.approx(errors.mean())
    needed = int(np.ceil(10 * (errors.mean() / 0.1) ** 2))
    assert found["models_for_precision"] == needed
    assert f"error of 0.1  {needed}" in said["memorization.parquet"]
    half = found["split_half_correlation"]
    assert -1 < half < 1 and "split-half rank correlation" in said["max.parquet"]
    of_all = pytest.approx(2 * half / (1 + half)) if half > 0 else None
    assert found["correlation_of_all"] == of_all
    influence = read_scores(folder / "max.parquet", TRAIN)
    assert np.nanmin(influence.standard_errors) > 0


@pytest.mark.slow
def test_grand_is_the_length_of_the_gradient_of_each_network(whole, tmp_path):
    # one network of them, and all
    folders = {"trained": ["models/002"], "initial": ["", "--initial"]}
    for (name, of), k in zip(folders.items(), (0, 2), strict=True):
        file = tmp_path / f"{name}.parquet"
        result = run("score", "grand", "--run", whole / of[0], *of[1:], "-o", file)
        assert result.exit_code == 0, result.stderr
        found = read_scores(file, TRAIN)
        each = found.scores[None] if k == 0 else found.per_model
        assert found.seeds == ensemble().seeds[-len(each) :]
        np.testing.assert_allclose(found.scores, each.mean(0))
        plan = ensemble().plan(2)
        state = plan.start()
        if name == "trained":
            state = train(plan, whole / "models/002").state  # it is done
        images = (TRAIN.images[:3] / 255 - plan.model.mean) / plan.model.std

        def loss(params, image, label, statistics=state.statistics, plan=plan):
            variables = {"params": params, "batch_stats": statistics}
            logits = plan.model.network.apply(variables, image[None])
            return -jax.nn.log_softmax(logits)[0, label]

        gradient_of = jax.jit(jax.grad(loss))
        for i in range(3):
            image = images[i].astype(np.float32)
            gradient = gradient_of(state.params, image, TRAIN.labels[i])
            squares = [float((leaf**2).sum()) for leaf in jax.tree.leaves(gradient)]
            wanted = np.sqrt(sum(squares))
            assert each[k, i] == pytest.approx(wanted, rel=1e-3)


@pytest.mark.slow
def test_forgetting_is_of_presentations_not_of_models(whole, tmp_path):
    out = tmp_path / "forgetting.parquet"
    score = ["score", "forgetting", "-o", out, "--correct"]
    result = run(*score, whole / "presentations.npy")
    assert result.exit_code == 0, result.stderr
    wanted = metrics.forgetting(np.load(whole / "presentations.npy"))
    np.testing.assert_array_equal(read_scores(out, TRAIN).scores, wanted)
    out.unlink()
    result = run(*score, whole / "correct.npy")
    assert result.exit_code == 2 and "is of models after training" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["train", "--way", "together"], "it needs --models"),
        (["train", "--models", 2, "--stop-after", 1], "does not go with --models"),
        (["train", "--models", 2, "--subset-fraction", 1.5], "subset_fraction must be"),
        (["train", "--models", 1, "--cpu-devices", 3], "JAX has started"),
        (["score", "grand"], "grand needs the folder of a run"),
        (["score", "grand", "--run", "."], "is not a folder of `pruning-laws train`"),
        (["score", "el2n", "--run", "."], "it is for grand"),
        (["score", "random", "--variant", "max"], "it is for ddd and influence"),
        (["score", "ddd", "--variant", "max"], "unknown variant 'max'"),
    ],
)
def test_bad_input_is_one_line(whole, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    if "ddd" in args:
        shutil.copy(whole / "correct.npy", "c.npy")
        args = [*args, "--correct", "c.npy"]
    before = set(os.listdir())
    result = run(*args, "-o", "new.parquet")
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr and set(os.listdir()) == before
