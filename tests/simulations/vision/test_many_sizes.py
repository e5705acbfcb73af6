"""Images of files, of many sizes, where images of one size are needed."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import tiny
from PIL import Image
from typer.testing import CliRunner

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from pruning_laws.app import app
from simulations.vision.data import Images, encoded, load
from simulations.vision.data.classes import of_classes
from simulations.vision.data.encoded import pixels_of
from simulations.vision.embedding import Embedder, embed
from simulations.vision.networks import initialise
from simulations.vision.networks.pixels import Scale
from simulations.vision.run_networks import networks_of_run
from simulations.vision.score_files import read_scores
from simulations.vision.scoring import score_dataset
from simulations.vision.training import Plan, Recipe, write_recipe

RECIPE = tiny.RECIPE | {"batch_size": 4, "fixed_epochs": 6}
COUNT = 9


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of images, grey and coloured, of which each side differs."""
    root = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        shape = (20 + i, 30 - 2 * i, 3)[: 2 + i % 2]
        pixels = rng.integers(0, 256, shape, np.uint8)
        path = root / ("cat", "dog")[i % 2] / f"nested{i % 3}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return load(f"folder:{root}", ".")


def test_pixels_are_of_the_centre_at_one_size(files):
    assert pixels_of(files).shape == (COUNT, 32 * 32 * 3)
    found = pixels_of(files, 8)
    assert found.shape == (COUNT, 8 * 8 * 3) and found.dtype == np.float32
    for i in range(COUNT):
        np.testing.assert_allclose(
            found[i], files.decode(i, 8).ravel() / 255, atol=1e-6
        )


def test_pixels_of_images_in_memory_are_resized_too():
    images = np.repeat(np.arange(4, dtype=np.uint8), 4 * 16).reshape(4, 8, 8, 1) * 60
    data = Images("a", images, np.arange(4), tuple("abcd"), tuple("wxyz"))
    found = pixels_of(data, 4)
    assert found.shape == (4, 16) and found.dtype == np.float32
    np.testing.assert_allclose(found, pixels_of(data)[:, :16], rtol=1e-6)


def test_at_one_size_they_are_the_same_data_set(files):
    found = files.at_size(8)
    assert found.fingerprint == files.fingerprint and found.ids == files.ids
    assert files.at_size(8) is found and files.at_size(9).images.shape[1] == 9
    part = of_classes(found, ("dog", "cat"))  # another data set
    assert part.fingerprint != found.fingerprint
    assert part.fingerprint == replace(part).fingerprint


def test_more_than_fits_in_memory_is_refused_before_it_is_decoded(files, monkeypatch):
    monkeypatch.setattr(encoded, "_MOST", 1000)
    monkeypatch.setattr(encoded, "decode_rgb", None)
    with pytest.raises(InputError, match=r"9 images .* at 7 x 7 pixels would take"):
        files.at_size(7)


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({}, 32),
        ({"resize": 12}, 12),
        ({"scale": "half", "resize": 12}, 12),
        ({"scale": "half", "objective": "simclr"}, 32),
        ({"scale": "half", "image_size": 10}, None),
    ],
)
def test_recipes_of_images_in_memory_take_them(files, changes, side):
    recipe = Recipe(**(RECIPE | changes))
    plan = Plan(files, recipe, 0, tiny.plan().placement, test=files)
    assert plan.signature["fingerprint"] == files.fingerprint
    assert plan.signature["in_memory"] == (side is not None)
    assert plan.image_shape == (side or 10, side or 10, 3)
    if side:
        np.testing.assert_array_equal(plan.dataset.images, files.at_size(side).images)
        assert plan.test.images.shape == plan.dataset.images.shape


def test_a_network_is_shown_them_at_the_size_that_it_was_trained_on(files):
    plan = tiny.plan()
    net, half = plan.model.network, (0.5,) * 3
    by = Embedder(
        net, initialise(net, (8, 8, 3), key=0), Scale(half, half), None, {}, side=8
    )
    shown = [
        np.concatenate([points for _, points in embed(data, by, plan.placement)])
        for data in (files, files.at_size(8))
    ]
    np.testing.assert_array_equal(*shown)


def test_scores_of_raw_pixels_say_so_in_a_warning(files):
    options = {"n_clusters": 2}
    for data in (files, files.at_size(8)):
        with pytest.warns(DataWarning, match="are of raw pixels.*by background"):
            score_dataset(data, "prototypes", **options)
    points = {"embeddings": pixels_of(files, 4)}
    record = {"embeddings": {"network": "none: the pixels", "resize": 4}}
    with pytest.warns(DataWarning, match="are of raw pixels"):
        score_dataset(files, "prototypes", points, sources=record, **options)
    score_dataset(files, "prototypes", points, **options)  # warnings are errors


@pytest.mark.slow
def test_grand_of_a_run_on_a_folder_is_the_length_of_its_gradients(files, tmp_path):
    recipe = Recipe(**(RECIPE | {"fixed_epochs": 2, "logits_epochs": []}))
    write_recipe(tmp_path / "tiny.toml", recipe)
    data = ["--data", f"folder:{files.reader.root}", "--split", "."]
    how = ["--recipe", tmp_path / "tiny.toml", "--resize", 8, "--test-split", "none"]
    run, scores = tmp_path / "run", tmp_path / "grand.parquet"
    for args in (
        ["train", *data, *how, "-o", run],
        ["score", "grand", *data, "--run", run, "-o", scores],
    ):
        done = CliRunner().invoke(app, [str(arg) for arg in args])
        assert done.exit_code == 0, done.stderr
    found = read_scores(scores, files)
    assert found.ids == files.ids and found.metric == "grand"
    (network,) = networks_of_run(files, run)
    params, statistics = network.variables
    model = network.plan.model
    images = (files.at_size(8).images / 255 - model.mean) / model.std

    def loss(params, image, label):
        variables = {"params": params, "batch_stats": statistics}
        logits = model.network.apply(variables, image[None])
        return -jax.nn.log_softmax(logits)[0, label]

    gradient_of = jax.jit(jax.grad(loss))
    for i in range(COUNT):
        gradient = gradient_of(params, images[i].astype(np.float32), files.labels[i])
        squares = sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(gradient))
        assert found.scores[i] == pytest.approx(np.sqrt(squares), rel=1e-3)
    other = ["score", "grand", "--run", str(run), "-o", str(tmp_path / "other.parquet")]
    done = CliRunner().invoke(app, other)  # of the digits
    assert done.exit_code == 2 and "give that one" in done.stderr
