"""Training that starts from other weights: what it takes over, and what it refuses."""

import json
from functools import partial

import jax
import numpy as np
import pytest
import tiny
from tiny import TEST, TRAIN, leaves
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.data import load
from simulations.vision.networks import NETWORKS, initialise, network
from simulations.vision.networks.positions import resample
from simulations.vision.networks.vit import ViT
from simulations.vision.run_networks import networks_of_run
from simulations.vision.scoring import score_dataset
from simulations.vision.training import (
    Initial,
    initial_from,
    initial_of_run,
    placement,
    train,
    write_recipe,
)
from simulations.vision.training.checkpoint_store import checkpoints
from simulations.vision.training.restored import embedder_from
from simulations.vision.training.run import begin, save
from simulations.vision.training.run_folder import claim
from simulations.vision.training.step import predict

NETWORKS["tiny_vit"] = partial(ViT, patch=4, width=16, heads=2, depth=1)
HERE = placement("cpu")


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def untrained(plan, folder):
    """A run folder with a checkpoint of the first weights."""
    claim(folder, plan)
    with checkpoints(folder / "checkpoints", 1) as saved:
        state, correct, _ = begin(plan, saved)
        save(plan, saved, state, correct, [{}])
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of two epochs, and its last state."""
    folder = tmp_path_factory.mktemp("source") / "run"
    return folder, train(tiny.plan(), folder, stop_after=2)


@pytest.fixture(scope="module")
def tuned(source, tmp_path_factory):
    """Another seed that starts from it, for two epochs."""
    folder = tmp_path_factory.mktemp("tuned") / "run"
    plan = tiny.plan(seed=1, initial=initial_of_run(source[0], HERE))
    return plan, folder, train(plan, folder, stop_after=2)


@pytest.mark.slow
def test_it_starts_from_all_but_the_head_and_an_optimiser_of_no_past(source, tuned):
    before, start, scratch = source[1].state, tuned[0].start(), tiny.plan(seed=1)
    random = scratch.start()
    assert leaves(start.params["head"]) == leaves(random.params["head"])
    assert leaves(start.params["head"]) != leaves(before.params["head"])
    rest = [dict(state.params, head=None) for state in (start, before, random)]
    assert leaves(rest[0]) == leaves(rest[1]) != leaves(rest[2])
    assert leaves(start.statistics) == leaves(before.statistics)
    assert leaves(start.optimizer) == leaves(random.optimizer)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(start.optimizer))


@pytest.mark.slow
def test_it_learns_faster_than_from_scratch(source, tuned):
    first, scratch = (one.history[0] for one in (tuned[2], source[1]))
    assert first["train_accuracy"] > scratch["train_accuracy"] + 0.1


@pytest.mark.slow
def test_a_stopped_run_goes_on_bit_for_bit(source, tuned, tmp_path):
    for epochs in (1, 2):  # weights that are read anew each time
        initial = initial_from(source[0], TRAIN, tuned[0].recipe, HERE)
        plan = tiny.plan(seed=1, initial=initial)
        again = train(plan, tmp_path / "run", stop_after=epochs)
    assert leaves(again.state) == leaves(tuned[2].state)
    assert initial.sha256 == initial_of_run(source[0], HERE).sha256  # not used up
    about = json.loads((tmp_path / "run" / "about.json").read_text())
    assert about["initial"]["epochs"] == 2
    assert about["initial"]["run"]["dataset"] == TRAIN.name


@pytest.mark.slow
def test_another_start_is_refused(source, tuned):
    other = initial_of_run(tuned[1], HERE)
    refused = [
        (tuned[1], {"seed": 1}, "this is None"),
        (tuned[1], {"seed": 1, "initial": other}, f"this is '{other.sha256}'"),
        (source[0], {"initial": other}, "initial_sha256 None"),
    ]
    for folder, changes, words in refused:
        with pytest.raises(InputError) as caught:
            train(tiny.plan(**changes), folder)
        assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_first_weights_of_a_tuned_run_are_not_taken_for_random_ones(tuned):
    _, folder, done = tuned
    for refused in (
        lambda: embedder_from(folder, HERE, 0),
        lambda: score_dataset(TRAIN, "grand", {"run": folder}, initial=True),
    ):
        with pytest.raises(InputError, match="started from other weights"):
            refused()
    (net,) = networks_of_run(TRAIN, folder, initial=False)
    assert leaves(net.state[:2]) == leaves(done.state[:2])


def test_a_simclr_run_gives_all_but_its_projection(tmp_path):
    plan = tiny.plan(**tiny.SIMCLR)
    found = initial_of_run(untrained(plan, tmp_path / "run"), HERE)
    state = plan.start()
    assert {"head", "head_hidden"} < set(state.params)
    rest = {k: v for k, v in state.params.items() if not k.startswith("head")}
    start = tiny.plan(initial=found).start()
    head = start.params.pop("head")
    assert leaves(start.params) == leaves(rest) and head["kernel"].shape == (16, 10)


@pytest.mark.slow
def test_weights_from_a_file_and_positions_for_other_images(tmp_path):
    net = network("tiny", classes=3)  # whatever head
    variables = initialise(net, (8, 8, 1), key=5)
    path = tiny.torch_file(tmp_path / "net.safetensors", variables)
    start = tiny.plan(
        initial=initial_from(path, TRAIN, tiny.plan().recipe, HERE)
    ).start()
    conv = variables["params"]["conv1"]["kernel"]
    np.testing.assert_array_equal(start.params["conv1"]["kernel"], conv)
    vit = initialise(network("tiny_vit", classes=0), (8, 8, 1), key=5)
    path = tiny.torch_file(tmp_path / "vit.safetensors", vit)
    changes = {"network": "tiny_vit", "resize": 16}
    initial = initial_from(path, TRAIN, tiny.plan(**changes).recipe, HERE)
    start = tiny.plan(initial=initial, **changes).start()
    wanted = resample(np.asarray(vit["params"]["pos_embed"]), (4, 4))
    np.testing.assert_array_equal(start.params["pos_embed"], wanted)


def test_resized_images_are_what_the_network_sees():
    plan = tiny.plan(resize=12)
    state, images = plan.start(), TRAIN.images[:3]
    assert plan.signature["image_shape"] == [12, 12, 1]
    normal = (images / 255 - plan.model.mean) / plan.model.std
    normal = jax.image.resize(normal.astype(np.float32), (3, 12, 12, 1), "bilinear")
    variables = {"params": state.params, "batch_stats": state.statistics}
    wanted = jax.jit(plan.model.network.apply)(variables, normal)
    found = jax.jit(predict, static_argnums=0)(plan.model, state, images)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "resnet8"}, "holds tiny, the recipe is of resnet8: give"),
        (
            {"stem": "strided"},
            "holds tiny, the recipe is of tiny with the stem strided",
        ),
    ],
)
def test_another_network_is_refused(source, changes, words):
    initial = initial_of_run(source[0], HERE)
    with pytest.raises(InputError) as caught:
        tiny.plan(initial=initial, **changes)
    assert words in str(caught.value)
    tiny.plan(initial=initial, stem="cifar")  # its usual one


def test_other_shapes_are_refused():
    colour = initialise(network("tiny", classes=0), (8, 8, 3), key=0)
    initial = Initial("colour", "tiny", None, colour, {})
    words = (
        r"params/conv1/kernel has shape \(3, 3, 3, 16\), the network needs \(3, 3, 1"
    )
    with pytest.raises(InputError, match=words):
        tiny.plan(initial=initial)


@pytest.mark.slow
def test_the_command_tunes_on_some_classes(source, tmp_path):
    recipe = tmp_path / "tiny.toml"
    write_recipe(recipe, tiny.plan().recipe)
    args = ["train", "--recipe", recipe, "--fixed-epochs", 1, "--data", "digits#3,8"]
    result = run(*args, "--initial", source[0], "-o", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert "of the test set" in result.stderr
    about = json.loads((tmp_path / "run" / "about.json").read_text())
    assert about["dataset"] == "digits train#3,8" and about["classes"] == 2
    assert about["initial_sha256"] == initial_of_run(source[0], HERE).sha256
    count = np.isin(TRAIN.labels, (3, 8)).sum()
    assert np.load(tmp_path / "run" / "logits.npy").shape == (count, 2)
    assert len(load("digits#3,8", "test")) == np.isin(TEST.labels, (3, 8)).sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--initial", "none"], "none does not exist: give a folder of"),
        (["--initial", "."], "has no model.safetensors"),
        (["--initial", "new.toml"], "is neither a safetensors file nor"),
        (["--initial", "early"], "early has no checkpoint yet"),
        (["--initial", "run", "--recipe", "digits_resnet8"], "run holds tiny, the"),
        (["--initial", "run", "--models", "2"], "it does not go with --models"),
        (["--initial", "run", "--data", "digits#3"], "give two or more"),
    ],
)
def test_bad_input_is_one_line(source, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path / "new.toml", tiny.plan().recipe)
    (tmp_path / "run").symlink_to(source[0])
    claim(tmp_path / "early", tiny.plan())
    result = run("train", "-o", "new", "--recipe", "new.toml", *args)
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr and not (tmp_path / "new").exists()
