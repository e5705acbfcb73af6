"""The configurations of gpu and paper scale, all stages on small files as they come.

Names, keys and stages are those of the shipped files; sizes, steps and batches are few
and, but for the slow test, the network is a small one.
"""

import io
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from simulations.experiments import (
    Source,
    cells_of,
    experiment_names,
    forecast,
    read_experiment,
    read_table,
    run_experiment,
)
from simulations.perceptron.running.sweep import shard_of
from simulations.vision.data import load
from simulations.vision.score_files import scores_of, write_scores
from simulations.vision.training import read_recipe, write_recipe

ROWS = 20  # of a CIFAR-10 file
SMALL = {"batch_size": 8, "fixed_steps": 2, "logits_epochs": ()}


def _images(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(count, 32, 32, 3), dtype=np.uint8)


def _cifar10(root, monkeypatch):
    monkeypatch.setattr(
        sys.modules["simulations.vision.data.cifar10_files"], "_ROWS", ROWS
    )
    for i, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        rows = _images(ROWS, i).transpose(0, 3, 1, 2).reshape(ROWS, -1)
        content = {b"data": rows, b"labels": [j % 10 for j in range(ROWS)]}
        (root / name).write_bytes(pickle.dumps(content, protocol=2))
    return f"cifar10:{root}"


def _svhn(root, monkeypatch):
    for split, count in (("train", 60), ("test", 20)):
        labels = np.arange(count, dtype=np.uint8)[:, None] % 10 + 1
        content = {"X": _images(count).transpose(1, 2, 3, 0), "y": labels}
        savemat(root / f"{split}_32x32.mat", content)
    return f"svhn:{root}"


def _imagenet(root, monkeypatch):
    for split, count in (("train", 20), ("val", 4)):
        for wnid in ("n01440764", "n01443537", "n01484850"):
            folder = root / split / wnid
            folder.mkdir(parents=True)
            for i, image in enumerate(_images(count, len(wnid))):
                file = io.BytesIO()
                Image.fromarray(image).save(file, "JPEG")
                name = f"{wnid}_{i}.JPEG"
                if split == "val":
                    name = f"ILSVRC2012_val_{int(wnid[1:]) % 1000 * 10 + i:08d}.JPEG"
                (folder / name).write_bytes(file.getvalue())
    return f"imagenet:{root}"


def _recipe(folder, name, **changes):
    """A shipped recipe with little to do."""
    found = replace(read_recipe(name), fixed_epochs=None, **SMALL | changes)
    path = folder / f"{name}.toml"
    write_recipe(path, found)
    return str(path)


def _small(name, folder, sizes, **changes):
    """The shipped experiment, on few examples and for two steps."""
    shipped = read_experiment(name)
    assert shipped.learner == "network" and len(cells_of(shipped)) >= 30
    changes = {"image_size": 32} | changes
    given = {"recipe": _recipe(folder, shipped.recipe, **changes)}
    if shipped.downstream_recipe:
        tuned = _recipe(folder, shipped.downstream_recipe, **changes)
        given["downstream_recipe"] = tuned
    given |= {"fixed_epochs": None, "fixed_steps": None}
    few = {"keep_fractions": shipped.keep_fractions[-1:], "seeds": 3, "sizes": sizes}
    few |= {"metrics": shipped.metrics[:1], "strategies": shipped.strategies[:1]}
    return replace(shipped, **given, **few)


def _scores(folder, data, experiment):
    dataset = load(data)
    for metric in experiment.score_files:
        scores = np.random.default_rng(0).normal(size=len(dataset))
        write_scores(folder / f"{metric}.parquet", scores_of(dataset, metric, scores))
    return str(folder)


def _run(name, data, folder, sizes, source=None, shard=None, **changes):
    experiment = _small(name, folder, sizes, **changes)
    split = "val" if data.startswith("imagenet") else "test"
    where = Source(
        data,
        scores=_scores(folder, data, experiment),
        test_split=split,
        **source or {},
    )
    count, cost = forecast(experiment, where, folder / "out", shard)
    assert count == len(shard_of(cells_of(experiment), shard)) and cost.seconds > 0
    run_experiment(experiment, where, folder / "out", shard=shard)
    table = read_table(folder / "out")
    assert len(table) == count
    assert cost.presentations == table["presentations"].sum()
    assert table["flops"].sum() == pytest.approx(cost.flops)
    return table


GPU_AND_PAPER = [
    name for name in experiment_names() if name.endswith(("_gpu", "_gpu20", "_paper"))
]


def test_the_large_scales_are_known():
    scaled = [read_experiment("scaling", scale) for scale in ("gpu", "paper")]
    assert all(len(one.sizes) >= 8 for one in scaled)
    part, whole = (cells_of(read_experiment("scaling", s)) for s in ("gpu20", "gpu"))
    assert set(part) < set(whole)
    assert {read_experiment("scaling_imagenet", "paper").recipe} == {
        "imagenet_resnet50"
    }
    assert len(GPU_AND_PAPER) >= 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files", "sizes"),
    [
        ("scaling_gpu", _cifar10, (50, 100)),
        ("metrics_gpu", _cifar10, (100,)),
        ("scaling_svhn_paper", _svhn, (40, 60)),
        ("scaling_imagenet_paper", _imagenet, (40, 60)),
    ],
)
def test_all_stages_on_small_files(name, files, sizes, tmp_path, monkeypatch):
    data = files(tmp_path, monkeypatch)
    small = {"network": "resnet8", "stem": None}
    _run(name, data, tmp_path, sizes, **small)


@pytest.mark.slow
def test_transfer_of_paper_scale(tmp_path, monkeypatch):
    for name in ("up", "down"):
        (tmp_path / name).mkdir()
    upstream = _imagenet(tmp_path / "up", monkeypatch)
    downstream = _cifar10(tmp_path / "down", monkeypatch)
    small = {"network": "resnet8", "stem": None, "resize": None}
    # upstream is streamed, its test set is in val; that of downstream in test
    source = {"downstream": downstream, "downstream_test_split": "test"}
    table = _run("transfer_upstream_paper", upstream, tmp_path, (60,), source, **small)
    assert (table["tested"] == ROWS).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files", "sizes"),
    [
        ("scaling_paper", _cifar10, (50,)),
        ("scaling_svhn_paper", _svhn, (40,)),
        ("scaling_imagenet_paper", _imagenet, (40,)),
        ("transfer_vit_paper", _cifar10, (100,)),
    ],
)
def test_with_the_networks_of_the_paper(name, files, sizes, tmp_path, monkeypatch):
    data = files(tmp_path, monkeypatch)
    changes = {"resize": 32} if "vit" in name else {}
    # a ninth of the runs, two or so: all stages are in the test above
    table = _run(name, data, tmp_path, sizes, shard=(1, 9), **changes)
    assert len(table) >= 1
