"""CIFAR-100 as pickles and parquet, SVHN as parquet, Fashion-MNIST of Debian."""

import io
import json
import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data import SOURCES, load, source_of, source_text
from simulations.vision.data.cifar100_files import CLASSES

ROWS = {"train": 5, "test": 3}


def _images(split):
    rng = np.random.default_rng(len(split))
    return rng.integers(256, size=(ROWS[split], 32, 32, 3), dtype=np.uint8)


def _labels(split):
    return [99, 3, 0, 50, 7][: ROWS[split]]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    files = sys.modules["simulations.vision.data.cifar100_files"]
    monkeypatch.setattr(files, "_ROWS", ROWS)


def _pickled(split, **changes):
    rows = _images(split).transpose(0, 3, 1, 2).reshape(ROWS[split], -1)
    content = {b"data": rows, b"fine_labels": _labels(split)}
    content |= {b"coarse_labels": [1] * ROWS[split]}
    return pickle.dumps(content | changes, protocol=2)


def _python(folder):
    folder.mkdir()
    for split in ROWS:
        (folder / split).write_bytes(_pickled(split))
    return folder


def _parquet(path, images, labels, name, names=None):
    rows = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        rows.append({"bytes": file.getvalue(), "path": None})
    table = pa.table({"img": rows, name: labels, "coarse_label": [0] * len(rows)})
    if names:
        info = {"info": {"features": {name: {"names": names}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, path)


def _refused(text, split="train"):
    with pytest.raises(InputError) as caught:
        load(text, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_classes_of_cifar100_are_a_hundred_in_the_order_of_text():
    assert len(set(CLASSES)) == 100 and list(CLASSES) == sorted(CLASSES)


def test_pickles_an_archive_and_parquet_are_one_data_set(tmp_path):
    folder = _python(tmp_path / "cifar-100-python")
    (tmp_path / "packed").mkdir()
    archive = tmp_path / "packed" / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "cifar-100-python")
    (tmp_path / "hub" / "cifar100").mkdir(parents=True)
    for split in ROWS:
        path = tmp_path / "hub" / "cifar100" / f"{split}-00000-of-00001.parquet"
        _parquet(path, _images(split), _labels(split), "fine_label", list(CLASSES))
    for split in ROWS:
        found = [
            load(f"cifar100:{place}", split)
            for place in (folder, tmp_path, archive.parent, archive, tmp_path / "hub")
        ]
        np.testing.assert_array_equal(found[0].images, _images(split))
        assert found[0].labels.tolist() == _labels(split)
        assert found[0].ids[1] == f"{split}/00001" and found[0].class_names == CLASSES
        assert {one.fingerprint for one in found} == {found[0].fingerprint}
        assert {one.name for one in found} == {f"CIFAR-100 {split}"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (_pickled("test", **{}), "holds uint8 of shape (3, 3072), not 5 images"),
        (_pickled("train")[:-40], "train is damaged"),
        (pickle.dumps({b"data": 3}), "holds no data and fine_labels of CIFAR-100"),
        (pickle.dumps(print), "is a pickle that would run"),
        (b"<html>", "train is damaged"),
    ],
)
def test_bad_pickles_are_one_line(content, says, tmp_path):
    folder = _python(tmp_path / "cifar-100-python")
    (folder / "train").write_bytes(content)
    assert says in _refused(f"cifar100:{tmp_path}")


def test_labels_out_of_range_and_other_columns_are_refused(tmp_path):
    folder = _python(tmp_path / "cifar-100-python")
    batch = {b"data": pickle.loads(_pickled("train"))[b"data"]}
    batch[b"fine_labels"] = [0, 1, 2, 3, 100]
    (folder / "train").write_bytes(pickle.dumps(batch))
    assert "fine_labels[4] is 100: labels must be 0 to 99" in _refused(
        f"cifar100:{tmp_path}"
    )
    (folder / "train").unlink()
    assert "has no train" in _refused(f"cifar100:{tmp_path}")
    _parquet(tmp_path / "train.parquet", _images("train"), [0] * 5, "label")
    assert "and fine_label are needed" in _refused(
        f"cifar100:{tmp_path / 'train.parquet'}"
    )


def test_svhn_as_parquet_has_zero_for_the_digit_zero(tmp_path):
    (tmp_path / "cropped_digits").mkdir()
    path = tmp_path / "cropped_digits" / "train-00000-of-00001.parquet"
    _parquet(path, _images("train"), [0, 9, 1, 0, 2], "label", list("0123456789"))
    found = load(f"svhn:{tmp_path}")
    assert found.labels.tolist() == [0, 9, 1, 0, 2] and found.name == "SVHN train"
    assert found.ids[4] == "train/000004" and found.class_names == tuple("0123456789")
    np.testing.assert_array_equal(found.images, _images("train"))
    assert "test_32x32.mat does not exist: give the folder of the .mat files, or" in (
        _refused(f"svhn:{tmp_path}", "test")
    )
    _parquet(path, _images("train"), [0, 9, 1, 0, 10], "label")
    assert "labels[4] is 10: labels must be 0 to 9" in _refused(f"svhn:{tmp_path}")


def test_without_a_path_fashion_mnist_is_where_debian_puts_it():
    there = Path("/usr/share/datasets/fashion-mnist")
    for text in ("fashion_mnist", "fashion_mnist:"):
        assert source_of(text) == SOURCES["fashion_mnist"](str(there))
    assert source_text(source_of("fashion_mnist")) == f"fashion_mnist:{there}"
    with pytest.raises(InputError, match="mnist needs a path: mnist:FOLDER"):
        source_of("mnist:")
    if not there.exists():
        said = _refused("fashion_mnist")
        assert said.endswith("`apt install dataset-fashion-mnist`, which puts it there")
