"""One suite over every data source, ours and those of users: what all promise."""

import inspect
import io
from pathlib import Path

import jax
import numpy as np
import outside
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.data import (
    SOURCES,
    DataSource,
    EncodedImages,
    Images,
    Points,
    load,
    source_of,
    source_text,
)
from simulations.vision.data.decode import CenterCrop
from simulations.vision.data.order import evaluation_batches
from simulations.vision.data.stream import Stream
from simulations.vision.embedding import Embedder, embed
from simulations.vision.embedding_files import check_record
from simulations.vision.networks.pixels import Scale
from simulations.vision.score_files import read_scores
from simulations.vision.training import Plan, Recipe, train, write_recipe

COUNT = 6  # images of each split, of two classes


def _image(split, i, size=32):
    rng = np.random.default_rng([len(split), i])
    return rng.integers(0, 256, (size, size, 3), np.uint8)


def _file(split, i, form):
    file = io.BytesIO()
    Image.fromarray(_image(split, i)).save(file, form)
    return file.getvalue()


def _cifar10(folder, label="label"):
    for split in ("train", "test"):
        rows = [{"bytes": _file(split, i, "PNG"), "path": None} for i in range(COUNT)]
        table = pa.table({"img": rows, label: [i % 2 for i in range(COUNT)]})
        pq.write_table(table, folder / f"{split}.parquet")


def _cifar100(folder):
    _cifar10(folder, "fine_label")


def _svhn(folder):
    for split in ("train", "test", "extra"):
        images = np.stack([_image(split, i) for i in range(COUNT)], axis=-1)
        labels = np.arange(COUNT)[:, None] % 2 + 1
        savemat(folder / f"{split}_32x32.mat", {"X": images, "y": labels})


def _folders(folder, splits, classes, form, suffix):
    for split in splits:
        for i in range(COUNT):
            path = folder / split / classes[i % 2] / f"{split}_{i}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_file(split, i, form))


def _imagenet(folder):
    classes = ("n01440764", "n01443537")
    _folders(folder, ("train", "val"), classes, "JPEG", "JPEG")


def _folder(folder):
    _folders(folder, ("train", "test"), ("cat", "dog"), "PNG", "png")


def _arrays(folder):
    for split in ("train", "test"):
        points = [_image(split, i, 8).mean(2).ravel() for i in range(COUNT)]
        np.save(folder / f"{split}_x.npy", points)
        np.save(folder / f"{split}_y.npy", ["cat", "dog"] * (COUNT // 2))
    return ",".join(str(folder / f"{{split}}_{part}.npy") for part in "xy")


def _idx(folder):
    for split, start in (("train", "train"), ("test", "t10k")):
        images = np.stack([_image(split, i, 28)[..., 0] for i in range(COUNT)])
        labels = np.arange(COUNT, dtype=np.uint8) % 2
        for name, array in (("images", images), ("labels", labels)):
            head = b"\0\0\x08" + bytes([array.ndim])
            sizes = np.array(array.shape, ">u4").tobytes()
            file = folder / f"{start}-{name}-idx{array.ndim}-ubyte"
            file.write_bytes(head + sizes + array.tobytes())


MAKERS = {
    "mnist": _idx,
    "fashion_mnist": _idx,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "svhn": _svhn,
    "imagenet": _imagenet,
    "folder": _folder,
    "arrays": _arrays,
}
EVERY = [*SOURCES, "my_arrays", "streamed_arrays", "halves"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """An instance of each, at data of a few images."""
    found = {}
    for name, kind in SOURCES.items():
        if name == "digits":
            found[name] = kind()
            continue
        folder = tmp_path_factory.mktemp(name)
        found[name] = kind(MAKERS[name](folder) or folder)
    file = outside.write_arrays(tmp_path_factory.mktemp("arrays") / "made.npz")
    for kind in (outside.Arrays, outside.StreamedArrays):
        found[kind.name] = kind(str(file))
    return found | {"halves": outside.HALVES}


@pytest.fixture(params=EVERY)
def source(request, sources):
    return sources[request.param]


def _refused(run):
    with pytest.raises(InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _splits(source):
    return source.splits or ("train", "test")


def test_a_split_is_a_data_set_and_the_same_again(source):
    for split in _splits(source):
        found, again = load(source, split), load(source, split)
        assert isinstance(found, Images | EncodedImages | Points)
        assert found.fingerprint == again.fingerprint and found.name == again.name
        assert found.ids == again.ids and len(set(found.ids)) == len(found) > 1
        assert all(isinstance(one, str) for one in found.ids)
        np.testing.assert_array_equal(found.labels, again.labels)
        assert found.labels.dtype == np.int64 and found.labels.shape == (len(found),)
        assert set(found.labels) <= set(range(len(found.class_names)))


def test_splits_share_no_image_and_the_test_split_is_one_of_them(source):
    train, test = load(source, "train"), load(source, source.test_split or "test")
    assert train.fingerprint != test.fingerprint
    assert not set(train.ids) & set(test.ids)
    assert train.class_names == test.class_names
    assert source.test_split is None or source.test_split in _splits(source)


def test_images_are_bytes_of_a_shape_and_belong_to_their_labels(source):
    found = load(source)
    if isinstance(found, Points):
        assert found.points.shape == (len(found), 64) and found.points.std() > 0
        return
    if isinstance(found, Images):
        images = found.images
    else:
        stream = Stream(found, 4, CenterCrop(9, 8))
        with stream.epoch() as batches:
            parts = [(b.images[b.mask], b.rows[b.mask], b.labels) for b in batches]
        rows = np.concatenate([part[1] for part in parts])
        np.testing.assert_array_equal(rows, np.arange(len(found)))
        labels = np.concatenate([part[2] for part in parts])[: len(found)]
        np.testing.assert_array_equal(labels, found.labels)
        images = np.concatenate([part[0] for part in parts])
        assert found.decode(0, 8).shape == (8, 8, 3)
    assert images.dtype == np.uint8 and len(images) == len(found)
    assert images.ndim == 4 and images.std() > 0


def test_the_text_of_a_source_names_it_and_its_classes(source):
    text = source_text(source)
    ours = SOURCES.get(source.name) is type(source)
    assert text.startswith(source.name if ours else "outside:")
    found = source_of(text)
    assert type(found) is type(source) and source_text(found) == text
    assert load(text).fingerprint == load(source).fingerprint
    names = load(source).class_names
    some = source_of(f"{text}#{names[1]},{names[0]}")
    assert source_text(some) == f"{text}#{names[1]},{names[0]}"
    part = load(some)
    assert part.class_names == (names[1], names[0])
    assert some.test_split == source.test_split and some.splits == source.splits


def test_bad_splits_and_paths_are_refused_in_one_line(source, tmp_path):
    if source.splits is not None:
        assert "split" in _refused(lambda: load(source, "tarin"))
    if source_text(source).count(":") > (type(source).__module__ == "outside"):
        kind, nowhere = type(source), tmp_path / "nowhere"
        said = _refused(lambda: load(kind(str(nowhere)), "train"))
        assert "nowhere" in said


def test_help_and_documentation_name_all_sources():
    said = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).stdout
    page = (Path(__file__).parents[3] / "docs/real_data.md").read_text()
    for name, kind in SOURCES.items():
        assert name in said and f"`{name}" in page
        assert kind.says and inspect.getdoc(kind)


class _Twice:
    """A source without the base class: it has the parts."""

    name = "twice"
    test_split = "test"

    def load(self, split):
        return outside.HALVES.load(split)


def _lacking(**parts):
    return type("Mine", (_Twice,), parts)()


def test_an_object_of_all_parts_needs_no_base_class():
    assert not issubclass(_Twice, DataSource)
    assert load(_Twice()).fingerprint == load(outside.HALVES).fingerprint


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (_lacking(name=None), "Mine is not a data source: it lacks name, one word"),
        (_lacking(name="two words"), "Mine.name must be one word"),
        (_lacking(load=None), "Mine is not a data source: it lacks load, a method"),
        (type("Mine", (DataSource,), {"name": "a"})(), "it lacks load, a method"),
        (_lacking(load=lambda self, split: [1]), "Mine.load returned list: it must"),
        (_lacking(__hash__=None), "Mine cannot be hashed (unhashable type: 'Mine')"),
        (_lacking(splits="train"), "Mine.splits must be a tuple of names"),
        (_lacking(splits=(1,)), "Mine.splits must be a tuple of names"),
        (_lacking(splits=("left", "right")), "unknown split 'train'"),
        (outside.Arrays, "give an instance, Arrays(...)"),
        (None, "NoneType is not a data source: it lacks name"),
        ("mnis", "is not a data set I recognise: give digits, mnist:FOLDER, fashion"),
        ("mnis:PATH", "; did you mean 'mnist:FOLDER'?"),
        ("x.npy", "; did you mean 'arrays:x.npy,LABELS.npy'?"),
        ("x.npz", "; did you mean 'arrays:x.npz'?"),
        (".", "; did you mean 'folder:.'?"),
        ("digits:PATH", "digits takes no path: leave out ':PATH'"),
        ("cifar10:", "cifar10 needs a path: cifar10:FOLDER"),
        ("cifar10", "cifar10 needs a path: cifar10:FOLDER"),
        ("outside:Nothing", "outside has no Nothing"),
        ("outside:Arrays", "Arrays needs a path: give it as :PATH"),
        ("outside:Halves:PATH", "Halves takes no path"),
        ("outside:HALVES:PATH", "an object takes no path"),
        ("outside:halves", "function is not a data source: it lacks name"),
        ("outside:HALVES#left", "1 of the classes"),
    ],
)
def test_an_object_that_lacks_a_part_is_refused_by_name(source, says):
    assert says in _refused(lambda: load(source))


def test_an_error_while_a_module_is_imported_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('a\\nb')\n")
    monkeypatch.syspath_prepend(tmp_path)
    said = _refused(lambda: load("broken_module:Thing"))
    assert said == "broken_module cannot be imported (RuntimeError: a)"


RECIPE = Recipe(
    **(tiny.RECIPE | {"batch_size": 16, "fixed_epochs": 2, "schedule_length": 2})
)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_source_of_a_user_is_trained_on_and_embedded(sources, tmp_path, streamed):
    source = sources["streamed_arrays" if streamed else "my_arrays"]
    recipe = RECIPE
    if streamed:
        recipe = Recipe(**(RECIPE.as_dict() | {"scale": "half", "image_size": 8}))
    train_set, test_set = load(source), load(source, "test")
    where = tiny.plan().placement
    plan = Plan(train_set, recipe, 0, where, test=test_set)
    done = train(plan, tmp_path / "run")
    assert done.history[-1]["epoch"] == 2
    assert np.load(tmp_path / "run/logits.npy").shape == (len(train_set), 2)
    variables = {"params": done.state.params, "batch_stats": done.state.statistics}
    size, half = 8 if streamed else None, (0.5,) * 3
    by = Embedder(plan.model.network, variables, Scale(half, half), size, {})
    rows, points = zip(*embed(train_set, by, where, batch_size=16), strict=True)
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(len(train_set)))
    assert np.isfinite(np.concatenate(points)).all()
    batches = evaluation_batches(len(train_set), 16)
    assert len(rows) == len(batches) and jax.process_count() == 1


@pytest.mark.slow
def test_a_source_of_a_user_from_the_command_line(sources, tmp_path):
    data = source_text(sources["my_arrays"])
    write_recipe(tmp_path / "tiny.toml", RECIPE)
    run = tmp_path / "run"
    for args in (
        ["train", "--recipe", tmp_path / "tiny.toml", "-o", run],
        ["embed", "--run", run, "-o", tmp_path / "points.npy"],
        ["score", "el2n", "--logits", run / "logits.npy", "-o", tmp_path / "a.parquet"],
        ["score", "prototypes", "--embeddings", tmp_path / "points.npy", "-o",
         tmp_path / "b.parquet"],
        ["gallery", tmp_path / "a.parquet", "-o", tmp_path / "gallery.png"],
    ):  # fmt: skip
        words = [str(word) for word in [*args, "--data", data]]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.stderr
    dataset = load(data)
    assert check_record(tmp_path / "points.npy", dataset) is not None
    assert read_scores(tmp_path / "b.parquet", dataset).recipe["n_clusters"] == 2
    # the test set is found without being named
    columns, *lines = (run / "metrics.csv").read_text().splitlines()
    last = dict(zip(columns.split(","), lines[-1].split(","), strict=True))
    assert 0 <= float(last["test_accuracy"]) <= 1
