"""Parquet shards: where public copies have them, and that none is left out."""

import io
import json
import os
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from simulations.vision.data import load
from simulations.vision.data.cifar10_files import CLASSES
from simulations.vision.data.shards import find_shards

IMAGES = np.random.default_rng(0).integers(256, size=(8, 32, 32, 3), dtype=np.uint8)
HASHES = "0718a1b2c3d4e5f6", "a1b2c3d4e5f60718"


def _encode(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _shard(path, rows, labels=None, contents=None, names=None, column="img"):
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = contents or [_encode(IMAGES[i]) for i in rows]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": one, "path": None} for one in contents], kind)
    labels = pa.array(list(rows) if labels is None else labels, pa.int64())
    table = pa.table({column: images, "label": labels})
    if names:
        about = {"info": {"features": {"label": {"names": list(names)}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, path, row_group_size=3)


def _halves(folder, first, second, **options):
    _shard(folder / first, range(4), **options)
    _shard(folder / second, range(4, 8), **options)
    return folder


def _refused(path, split="train"):
    with pytest.raises(InputError) as caught:
        load(f"cifar10:{path}", split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NAMES = [f"train-0000{i}-of-00002.parquet" for i in range(2)]
HASHED = [f"train-0000{i}-of-00002-{HASHES[i]}.parquet" for i in range(2)]
PLACES = [
    [*NAMES],
    [f"data/{name}" for name in NAMES],
    [f"plain_text/{name}" for name in HASHED],
    [f"default/train/000{i}.parquet" for i in range(2)],
    [f"train/000{i}.parquet" for i in range(2)],
]


@pytest.mark.parametrize("names", PLACES)
def test_shards_are_found_and_all_of_them_needed(tmp_path, names):
    _halves(tmp_path, *names)
    found = load(f"cifar10:{tmp_path}")
    assert len(found) == 8 and found.labels.tolist() == list(range(8))
    np.testing.assert_array_equal(found.images, IMAGES)
    (tmp_path / names[0]).unlink()
    said = _refused(tmp_path)
    assert "is missing: finish the download (shard 0 of 2)" in said


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("train_0_of_2", "train_1_of_2", "train_0_of_2.parquet is missing"),
        ("train-1of2", "train-2of2", "train-1of2.parquet is missing"),
        ("Train-00000-of-00002", "Train-00001-of-00002", "Train-00000-of-00002"),
        ("train/00000-of-00002", "train/00001-of-00002", "00000-of-00002.parquet is"),
        ("TRAIN/x.0.OF.2", "TRAIN/x.1.OF.2", "x.0.OF.2.parquet is missing"),
    ],
)
def test_a_count_may_be_written_in_any_way(tmp_path, first, second, says):
    _halves(tmp_path, f"{first}.parquet", f"{second}.parquet")
    np.testing.assert_array_equal(load(f"cifar10:{tmp_path}").images, IMAGES)
    (tmp_path / f"{first}.parquet").unlink()
    assert says in _refused(tmp_path)


def test_parquet_that_no_split_names_is_named(tmp_path):
    _halves(tmp_path, "cifar10-0.parquet", "deep/cifar10-1.parquet")
    said = _refused(tmp_path)
    assert "has no train*.parquet, only others, such as cifar10-0.parquet" in said
    (tmp_path / "cifar10-0.parquet").rename(tmp_path / "train.parquet")
    assert len(load(f"cifar10:{tmp_path}")) == 4
    assert "has no test*.parquet, only others" in _refused(tmp_path, "test")


def test_one_shard_of_two_is_refused_wherever_it_is_named(tmp_path):
    _shard(tmp_path / NAMES[0], range(4))
    assert "train-00001-of-00002.parquet is missing" in _refused(tmp_path)
    assert "is one of 2 shards" in _refused(tmp_path / NAMES[0])
    with pytest.raises(InputError, match="is one of 2 shards"):
        load(f"imagenet:{tmp_path / NAMES[0]}")


@pytest.mark.parametrize(
    "name",
    [
        "train-00000-of-00001.parquet",
        "train.parquet",
        "train-00000-of-00002 (1).parquet",
    ],
)
def test_shards_of_two_sets_are_refused(tmp_path, name):
    _halves(tmp_path, *NAMES)
    _shard(tmp_path / name, range(4))
    assert "has shards of two sets" in _refused(tmp_path)


def test_a_shard_that_is_there_twice_is_refused(tmp_path):
    _halves(tmp_path, *HASHED)
    _shard(tmp_path / HASHED[0].replace(*HASHES), range(4))
    assert "are both shard 0" in _refused(tmp_path)


def test_shards_in_several_folders_are_refused(tmp_path):
    for folder in ("plain_text", "jpeg"):
        _shard(tmp_path / folder / "train.parquet", range(4))
    assert "in jpeg and in plain_text: give a folder" in _refused(tmp_path)
    assert len(load(f"cifar10:{tmp_path / 'jpeg'}")) == 4


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (NAMES[0], f"data/{NAMES[1]}", "in the folder itself and in data:"),
        ("train.parquet", "train/0000.parquet", "in the folder itself and in train:"),
        ("train/0000.parquet", f"data/{NAMES[1]}", "in data and in train:"),
        ("data/train.parquet", "data/train/0.parquet", "in data and in data/train:"),
        ("a/train/0000.parquet", "b/train/0000.parquet", "in a/train and in b/train:"),
    ],
)
def test_shards_of_a_split_in_two_places_are_refused(tmp_path, one, other, says):
    _halves(tmp_path, one, other)
    assert f"has train as parquet {says} give" in _refused(tmp_path)
    (tmp_path / other).rename(tmp_path / "moved.away")
    if NAMES[0] != one:
        assert len(load(f"cifar10:{tmp_path}")) == 4


def test_two_names_of_a_split_in_two_folders_are_refused(tmp_path):
    for name in ("val", "validation"):
        _shard(tmp_path / name / "0000.parquet", range(4), column="image")
    with pytest.raises(InputError, match="in val and in validation: give"):
        load(f"imagenet:{tmp_path}", "val")


def test_a_file_is_of_the_split_in_its_name_or_of_train(tmp_path):
    for name, split, other in (
        ("train.parquet", "train", "test"),
        ("test-00000-of-00001.parquet", "test", "train"),
        ("test/0000.parquet", "test", "train"),
        ("images.parquet", "train", "test"),
    ):
        file = tmp_path / name
        _shard(file, range(4))
        assert len(load(f"cifar10:{file}", split)) == 4
        assert f"taken for the split {split!r}, not {other!r}" in _refused(file, other)


def test_shards_without_a_count_are_in_the_order_of_their_numbers(tmp_path):
    order = [f"train-{i}" for i in range(11)]
    for name in sorted(order):
        _shard(tmp_path / f"{name}.parquet", [0])
    found = find_shards(tmp_path, "train", ("train", "test"))
    assert [path.stem for path in found] == order
    assert find_shards(tmp_path, "test", ("train", "test")) == []


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("train_0", "train_2"), "train_1.parquet is missing"),
        (("train-00001", "train-00002"), "train-00000.parquet is missing"),
        (("train-00001",), "train-00000.parquet is missing"),
        ([f"train-{i:02d}" for i in range(1, 11)], "train-00.parquet is missing"),
        (("train/part-0", "train/part-2"), "part-1.parquet is missing"),
        (("train_1", "train_3"), "train_2.parquet is missing"),
    ],
)
def test_a_gap_in_numbers_without_a_count_is_refused(tmp_path, names, missing):
    for name in names:
        _shard(tmp_path / f"{name}.parquet", range(4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert missing in _refused(tmp_path)


def test_numbers_from_1_on_are_read_with_a_warning(tmp_path):
    _halves(tmp_path, "train_1.parquet", "train_2.parquet")
    with pytest.warns(DataWarning, match=r"no train_0.parquet: the shards are taken"):
        assert len(load(f"cifar10:{tmp_path}")) == 8


def test_files_of_other_names_are_other_sets_but_in_a_folder_of_the_split(tmp_path):
    _shard(tmp_path / "one" / "train.parquet", range(4))
    assert len(load(f"cifar10:{tmp_path / 'one'}")) == 4
    _shard(tmp_path / "one" / "train_augmented.parquet", range(4))
    assert "has shards of two sets" in _refused(tmp_path / "one")
    _shard(tmp_path / "year" / "train2017.parquet", range(4))
    assert len(load(f"cifar10:{tmp_path / 'year'}")) == 4
    # as Spark calls them
    parts = (f"train/part-0000{i}-9f6d4fc2-c000.parquet" for i in range(2))
    assert len(load(f"cifar10:{_halves(tmp_path / 'spark', *parts)}")) == 8


def test_errors_name_the_shard_and_the_row_in_it(tmp_path):
    first, second = (tmp_path / name for name in NAMES)
    _shard(first, range(4))
    good = [_encode(one) for one in IMAGES[4:]]
    for options, says in (
        ({"labels": [4, 5, 6, 12]}, "row 3: labels[7] is 12: labels must be 0 to 9"),
        ({"labels": [4, None, 6, 7]}, "1 missing, the first in row 1"),
        ({"contents": [*good[:2], b"x", good[3]]}, "row 2 is a corrupt image"),
        ({"contents": [*good[:3], None]}, "row 3 holds no image"),
        ({"contents": [_encode(IMAGES[0, :9]), *good[1:]]}, "row 0: an image of shape"),
    ):
        _shard(second, range(4, 8), **options)
        said = _refused(tmp_path)
        assert says in said and NAMES[1] in said
    _shard(first, [1, 1], column="image")
    broken = [*good[:3], b"x"]
    _shard(second, [2, 2, 2, 2], contents=broken, column="image")
    streamed = load(f"imagenet:{tmp_path}")
    with pytest.raises(
        InputError,
        match=rf"{NAMES[1]}: row 3\) is not a "
        "readable image",
    ):
        streamed.decode(5, 8)
    with pytest.raises(
        InputError,
        match=rf"{NAMES[1]}: row 3\) is not a "
        "readable image",
    ):
        load(f"imagenet:{tmp_path}#0001,0002").decode(5, 8)


def test_a_shard_without_rows_is_no_fault(tmp_path):
    _halves(tmp_path, *NAMES)
    _shard(tmp_path / NAMES[0], [])
    found = load(f"cifar10:{tmp_path}")
    np.testing.assert_array_equal(found.images, IMAGES[4:])


def test_a_file_that_is_written_anew_is_read_anew(tmp_path):
    file = tmp_path / "train.parquet"
    _shard(file, [0])
    assert (load(f"cifar10:{file}").images[0] == IMAGES[0]).all()
    _shard(file, [1])
    assert (load(f"cifar10:{file}").images[0] == IMAGES[1]).all()


def test_classes_of_a_file_are_taken_by_name(tmp_path):
    plain = load(f"cifar10:{_halves(tmp_path / 'plain', *NAMES)}")
    backwards = {"names": CLASSES[::-1]}
    _shard(tmp_path / "other" / NAMES[0], range(4), [9, 8, 7, 6], **backwards)
    _shard(tmp_path / "other" / NAMES[1], range(4, 8), [5, 4, 3, 2], **backwards)
    assert load(f"cifar10:{tmp_path / 'other'}").fingerprint == plain.fingerprint
    own = ("plane", "car", *CLASSES[2:])
    _halves(tmp_path / "other", *NAMES, names=own)
    assert load(f"cifar10:{tmp_path / 'other'}").class_names == own
    _shard(tmp_path / "other" / NAMES[1], range(4, 8), **backwards)
    assert "has other classes, or another order" in _refused(tmp_path / "other")


def test_shards_in_folders_of_any_bytes_are_read(tmp_path):
    _halves(tmp_path / "set", *NAMES)
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        (tmp_path / "set").rename(folder)
    except OSError:
        pytest.skip("names of files must be text here")
    assert len(load(f"cifar10:{folder}")) == 8


@pytest.mark.parametrize("name", ["train-part1", "train-part-1", "train_shard1"])
def test_a_part_without_its_others_is_refused(tmp_path, name):
    _shard(tmp_path / "set" / f"{name}.parquet", range(4))
    assert "finish the download, or rename it" in _refused(tmp_path / "set")
    assert "by its name: give the folder" in _refused(tmp_path / f"set/{name}.parquet")
