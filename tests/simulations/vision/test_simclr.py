"""SimCLR: its loss against a loop, its runs, and embeddings of them and of weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.files import filled_rows
from simulations.vision.data import load
from simulations.vision.embedding import embed, imported
from simulations.vision.networks import initialise, network
from simulations.vision.probe import linear_probe
from simulations.vision.score_files import read_scores
from simulations.vision.training import (
    Recipe,
    placement,
    read_recipe,
    train,
    write_recipe,
)
from simulations.vision.training.contrastive import nt_xent
from simulations.vision.training.restored import embedder_from
from simulations.vision.training.step import Model, _view

EPOCHS = 5
loss = jax.jit(nt_xent, static_argnums=1)
view = jax.jit(_view, static_argnums=0)


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simclr") / "run"
    plan = tiny.plan(**tiny.SIMCLR, fixed_epochs=EPOCHS)
    return plan, folder, train(plan, folder)


def slow_loss(z, temperature):
    """Equation 1 of the paper, term by term."""
    size = len(z)

    def likeness(i, j):
        cosine = z[i] @ z[j] / (np.linalg.norm(z[i]) * np.linalg.norm(z[j]))
        return np.exp(cosine / temperature)

    losses = []
    for i in range(size):
        j = i + 1 if i % 2 == 0 else i - 1
        others = sum(likeness(i, k) for k in range(size) if k != i)
        losses.append(-np.log(likeness(i, j) / others))
    return np.array(losses).reshape(-1, 2).mean(1)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_loss_is_that_of_a_slow_loop(temperature):
    z = np.random.default_rng(0).normal(size=(14, 5))
    found, nearest = loss(jnp.asarray(z, jnp.float32), temperature)
    np.testing.assert_allclose(found, slow_loss(z, temperature), rtol=1e-4)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    cosines = unit @ unit.T - 9 * np.eye(14)
    both = (cosines.argmax(1) == np.arange(14) ^ 1).reshape(-1, 2).all(1)
    np.testing.assert_array_equal(nearest, both)


def test_collapsed_and_aligned_projections_in_closed_form():
    batch, temperature = 8, 0.3
    one = jnp.ones((2 * batch, 4))
    found, _ = loss(one, temperature)
    np.testing.assert_allclose(found, np.log(2 * batch - 1), rtol=1e-6)
    aligned = jnp.repeat(jnp.eye(batch), 2, axis=0) * 3
    found, nearest = loss(aligned, temperature)
    least = np.log(1 + (2 * batch - 2) * np.exp(-1 / temperature))
    np.testing.assert_allclose(found, least, rtol=1e-5)
    assert nearest.all()
    slope = jax.jit(jax.grad(lambda z: nt_xent(z, temperature)[0].sum()))
    assert np.isfinite(slope(jnp.zeros((16, 4)))).all()  # no direction, and no NaN


@pytest.mark.slow
def test_a_run_learns_to_tell_images_apart_and_writes_embeddings(trained):
    plan, folder, done = trained
    first, last = done.history[0], done.history[-1]
    assert first["train_loss"] > last["train_loss"] + 0.2
    assert last["train_loss"] < np.log(2 * 64 - 1)  # of collapse
    assert last["train_accuracy"] > 2 * first["train_accuracy"] > 0
    assert last["test_accuracy"] is None
    left = {path.name for path in folder.iterdir()}
    assert {"embeddings.npy", "embeddings.json"} < left
    assert not {"logits.npy", "correct.npy"} & left
    # the embedding is before the projection head
    found = np.load(folder / "embeddings.npy")
    params = done.state.params
    assert params["head_hidden"]["kernel"].shape == (16, 16)
    assert params["head"]["kernel"].shape == (16, 16)
    variables = {"params": params, "batch_stats": done.state.statistics}
    mean, std = np.array(plan.model.mean), np.array(plan.model.std)
    images = jnp.asarray((tiny.TRAIN.images / 255 - mean) / std, jnp.float32)
    apply = jax.jit(plan.model.network.apply, static_argnames="features")
    outputs, wanted = apply(variables, images, features=True)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    hidden = np.maximum(wanted @ params["head_hidden"]["kernel"], 0)  # biases near 0
    assert np.corrcoef(
        (hidden @ params["head"]["kernel"]).ravel(), np.ravel(outputs)
    )[0, 1] > 0.9  # fmt: skip


@pytest.mark.slow
def test_a_stopped_run_goes_on_bit_for_bit(trained, tmp_path):
    plan, folder, done = trained
    train(plan, tmp_path / "run", stop_after=1)
    again = train(plan, tmp_path / "run")
    assert tiny.leaves(again.state) == tiny.leaves(done.state)
    names = ("embeddings.npy", "embeddings.json")
    for name in names:
        assert (tmp_path / "run" / name).read_bytes() == (folder / name).read_bytes()


SHARDED = """
import jax, numpy as np
from simulations.vision.clustering import kmeans
from simulations.vision.training import placement
from simulations.vision.training.contrastive import nt_xent
where = placement("cpu")
assert len(where.devices) == 4
z = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)
both = jax.jit(jax.value_and_grad(lambda z: nt_xent(z, 0.3)[0].mean()))
parts = both(where.put(z, where.parts))
for a, b in zip(both(z), parts, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
points = np.random.default_rng(0).normal(size=(5003, 6)).astype(np.float32)
for distance in ("euclidean", "cosine"):
    one, four = (
        kmeans(points, 7, key=0, distance=distance, devices=jax.devices()[:n])
        for n in (1, 4)
    )
    assert one.iterations == four.iterations
    np.testing.assert_array_equal(one.labels, four.labels)
    np.testing.assert_array_equal(one.counts, four.counts)
    np.testing.assert_allclose(one.centers, four.centers, atol=1e-5)
    np.testing.assert_allclose(one.distances, four.distances, rtol=1e-4, atol=1e-5)
few = kmeans(points[:3], 2, key=0)  # fewer points than devices
assert few.counts.sum() == 3
"""


@pytest.mark.slow
def test_four_devices_equal_one():
    here = Path(__file__).parent
    flags = os.environ.get("XLA_FLAGS", "")
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[2])]),
        "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count=4",
    }
    command = [sys.executable, "-W", "error", "-c", SHARDED]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_views_keep_bytes_scale_and_differ(trained):
    model = trained[0].model
    images = jnp.asarray(tiny.TRAIN.images[:4])
    one, two = (view(model, images, jax.random.key(i)) for i in (0, 1))
    assert one.shape == images.shape and (one != two).any()
    assert 100 < one.max() <= 255.001 and one.min() >= 0
    # a stream has cropped and flipped already: only colours are left to change
    recipe = Recipe(**(tiny.RECIPE | {"fixed_epochs": 1, "crop_scale": [0.2, 0.3]}))
    streamed = Model(model.network, recipe, 1, model.mean, model.std, False)
    np.testing.assert_array_equal(view(streamed, images, jax.random.key(0)), images)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jitter": [0.4, 0.4]}, "jitter must be 4 strengths"),
        ({"jitter": [0.4, 0.4, 0.4, 0.6]}, "hue (at most 0.5)"),
        ({"crop_scale": [0.5, 0.2]}, "crop_scale must be"),
        ({"temperature": 0.0}, "temperature must be from"),
        ({"objective": "simclr", "batch_size": 1}, "nothing to tell its image from"),
        ({"objective": "byol"}, "unknown objective"),
    ],
)
def test_bad_recipes_are_refused(changes, words):
    with pytest.raises(InputError) as caught:
        tiny.plan(**changes)
    assert words in str(caught.value)


def test_vissls_jitter_is_in_its_recipe():
    assert read_recipe("imagenet_resnet50").jitter == (0.4,) * 4
    simclr = read_recipe("cifar10_simclr_resnet18")
    assert simclr.jitter == (0.4, 0.4, 0.4, 0.1) and simclr.crop_scale == (0.08, 1.0)


@pytest.mark.slow
def test_embeddings_of_a_run_are_of_any_set_and_any_checkpoint(trained):
    plan, folder, _ = trained
    where = placement("cpu")

    def of(dataset, checkpoint=None, **options):
        by = embedder_from(folder, where, checkpoint)
        return filled_rows(embed(dataset, by, where, **options), len(dataset))

    last = of(tiny.TRAIN)
    np.testing.assert_allclose(last, np.load(folder / "embeddings.npy"), atol=1e-5)
    np.testing.assert_allclose(of(tiny.TRAIN, batch_size=100), last, atol=1e-5)
    every = of(load("digits", "all"))
    np.testing.assert_allclose(every[np.arange(len(every)) % 5 != 4], last, atol=1e-5)
    before = of(tiny.TRAIN, 0)
    variables = {"params": plan.start().params, "batch_stats": plan.start().statistics}
    by = embedder_from(folder, where, 0)
    assert tiny.leaves(by.variables) == tiny.leaves(variables)
    assert np.abs(before - last).max() > 0.1
    with pytest.raises(InputError, match=r"no checkpoint 9, but \[4, 5\]"):
        embedder_from(folder, where, 9)
    with pytest.raises(InputError, match="is not a folder of `pruning-laws train`"):
        embedder_from(folder / "checkpoints", where)


def test_imported_weights_see_the_size_and_scale_they_ask_for(tmp_path):
    net = network("tiny", classes=0)
    variables = initialise(net, (32, 32, 3), key=0)
    path = tiny.torch_file(tmp_path / "net.safetensors", variables)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 8, 8, 3), np.uint8)
    names = tuple("abcde")
    data = type(tiny.TRAIN)("five", images, np.arange(5), names, names)
    shape = (16, 16, 3)
    by = imported("tiny", path, "half", size=16, image_shape=shape)
    where = placement("cpu")
    found = filled_rows(embed(data, by, where, batch_size=2), 5)
    x = jax.image.resize(images / 127.5 - 1, (5, *shape), "bilinear")
    np.testing.assert_allclose(found, net.apply(variables, x), atol=1e-4)
    with pytest.raises(InputError, match="unknown scale"):
        imported("tiny", path, "quarter", size=None, image_shape=shape)
    with pytest.raises(InputError, match="has 1 channels, the network"):
        next(embed(tiny.TRAIN, by, where))


@pytest.mark.slow
def test_the_command_embeds_probes_and_its_record_is_checked(trained, tmp_path):
    folder, out = trained[1], tmp_path / "e.npy"
    result = run("embed", "--run", folder, "-o", out, "--probe", "--json")
    assert result.exit_code == 0, result.stderr
    (probe,) = json.loads(result.stdout)["points"]
    assert 0.8 < probe["accuracy"] < 1 and probe["converged"]
    expected = np.load(folder / "embeddings.npy")
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5)
    scores = tmp_path / "prototypes.parquet"
    result = run("score", "prototypes", "--embeddings", out, "-o", scores)
    assert result.exit_code == 0, result.stderr
    source = read_scores(scores, tiny.TRAIN).recipe["computed_from"]["embeddings"]
    assert (
        source["run"]["recipe"]["objective"] == "simclr" and source["epochs"] == EPOCHS
    )
    other = ["score", "prototypes", "--split", "test", "-o", tmp_path / "b.parquet"]
    result = run(*other, "--embeddings", out)
    assert result.exit_code == 2 and "embeddings of digits train" in result.stderr
    # a plain .npy has no record
    np.save(tmp_path / "plain.npy", expected)
    plain = ["score", "prototypes", "--embeddings", tmp_path / "plain.npy"]
    assert run(*plain, "-o", tmp_path / "c.parquet").exit_code == 0
    (tmp_path / "e.json").write_text("{}")
    result = run("score", "prototypes", "--embeddings", out, "-o", "d.parquet")
    assert result.exit_code == 2 and "is not a record of embeddings" in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "exactly one of them"),
        (["--pixels", "--run", "run"], "exactly one of them"),
        (["--weights", "a", "--network", "resnet8"], "--normalise"),
        (["--run", "a", "--resize", "224"], "it is for --weights and --pixels"),
        (["--pixels", "--checkpoint", "0"], "it is for --run"),
        (["--pixels", "--layer", "both"], "it is for --weights"),
        (["--network", "resnet8", "--weights", "none", "--normalise", "half",
          "--layer", "both"], "unknown option of resnet8 'layer'"),
        (["--pixels", "-o", "a.txt"], "must end in .npy"),
        (["--pixels", "-o", "there.npy"], "exists"),
        (["--run", "none"], "is not a folder of `pruning-laws train`"),
        (["--network", "resnet8", "--weights", "none", "--normalise", "imagenet"],
         "none"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    Path("there.json").write_text("mine")
    result = run("embed", "-o", "e.npy", *args)
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr and not Path("e.npy").exists()
    assert Path("there.json").read_text() == "mine"


def test_a_probe_reads_what_is_linear_and_nothing_else():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 900)
    points = rng.normal(size=(900, 6)) * 50 + 7
    known = points + 100 * np.eye(6)[labels]
    train, test = slice(0, 600), slice(600, None)
    good = linear_probe(known[train], labels[train], known[test], labels[test])
    assert good.accuracy > 0.75 and good.converged
    chance = linear_probe(points[train], labels[train], points[test], labels[test])
    assert chance.accuracy == pytest.approx(1 / 3, abs=4 * chance.standard_error)
    with pytest.raises(InputError, match="train has 6 dimensions and test 5"):
        linear_probe(known[train], labels[train], known[test][:, :5], labels[test])


def test_a_recipe_file_keeps_the_views(tmp_path):
    recipe = tiny.plan(**tiny.SIMCLR).recipe
    write_recipe(tmp_path / "own.toml", recipe)
    assert read_recipe(tmp_path / "own.toml") == recipe
