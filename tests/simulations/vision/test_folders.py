"""Folders as people have them: splits, links, hidden files, names of any bytes."""

import os
import pickle
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from simulations.vision.data import load
from simulations.vision.data.folder import image_folder


def _images(root, *names):
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (i, 0, 0)).save(path, "PNG")
    return root


def _splits(root, *splits):
    names = [f"{s}/{c}/{s}{c}.png" for s in splits for c in ("cat", "dog")]
    return _images(root, *names)


def _refused(source, split="train"):
    with pytest.raises(InputError) as caught:
        load(f"folder:{source}", split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_splits_are_read_and_others_refused(tmp_path):
    root = _splits(tmp_path / "set", "train", "test")
    for split in ("train", "test"):
        found = load(f"folder:{root}", split)
        assert found.class_names == ("cat", "dog")
        assert found.ids == (f"cat/{split}cat.png", f"dog/{split}dog.png")
    for split in ("tset", "val", "", "..", "train/cat", "cat", None):
        said = _refused(root, split)
        assert f"unknown split {split!r}: allowed are 'test', 'train'" in said
    assert "did you mean 'test'" in _refused(root, "tset")
    # asked for as it is
    assert load(f"folder:{root}", ".").class_names == ("test", "train")


def test_a_folder_of_classes_is_one_split(tmp_path):
    root = _splits(tmp_path / "set", "train", "test") / "train"
    assert load(f"folder:{root}").class_names == ("cat", "dog")
    said = _refused(root, "test")
    assert "has no test set: its sub-folders (cat, dog) are classes" in said
    assert f"give {root.parent}, which has it" in said
    shutil.rmtree(root.parent / "test")
    assert "give a folder of splits" in _refused(root, "test")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("Train/a/1.png", "Test/a/1.png"), "allowed are 'Test', 'Train'"),
        (("training/a/1.png", "more/b/1.png"), "allowed are 'more', 'training'"),
        (("set/a/1.png", "set/b/1.png"), "allowed are 'set'"),
        (("train/1.png", "test/1.png"), "train has no sub-folders"),
        # as Intel's scenes, COCO and others call them
        (
            ("seg_train/seg_train/a/1.png", "seg_test/seg_test/a/1.png"),
            "allowed are 'seg_test', 'seg_train'",
        ),
        (("train2017/a/1.png", "val2017/b/1.png"), "allowed are 'train2017'"),
        (
            ("train_set/a/1.png", "test_set/b/1.png", "web/c/1.png"),
            "'train_set', 'web'",
        ),
        (("train_images/a/1.png", "test_images/1.png"), "allowed are 'test_images'"),
        (("train-clean/a/1.png", "dev-clean/b/1.png", "x/1.png"), "'train-clean', 'x'"),
    ],
)
def test_folders_that_are_no_classes_are_refused(tmp_path, names, says):
    assert says in _refused(_images(tmp_path / "set", *names))


@pytest.mark.parametrize(
    "names",
    [
        ("car/1.png", "train/1.png"),  # trains
        ("car/images/1.png", "train/images/1.png"),  # as in Tiny ImageNet
        ("bullet train/1.png", "steam train/1.png"),
        ("car/day/1.png", "steam train/day/1.png", "test tube/day/1.png"),
        ("car/0.png", "car/in/1.png", "bus/in/1.png", "bus/out/1.png"),
    ],
)
def test_folders_that_are_classes_are_read(tmp_path, names):
    found = load(f"folder:{_images(tmp_path / 'set', *names)}")
    assert found.class_names == tuple(sorted({one.split("/")[0] for one in names}))
    assert len(found) == len(names)


def test_a_test_folder_without_classes_does_not_make_classes_of_the_others(tmp_path):
    names = "models/1.png", "test/1.png", "train/cat/1.png", "train/dog/1.png"
    root = _images(tmp_path / "set", *names)
    assert load(f"folder:{root}").class_names == ("cat", "dog")
    assert "test has no sub-folders" in _refused(root, "test")


def test_a_split_in_a_folder_of_its_name_is_no_class(tmp_path):
    names = [f"seg_{s}/seg_{s}/{c}/1.png" for s in ("train", "test") for c in "ab"]
    root = _images(tmp_path / "set", *names)
    said = _refused(root, "seg_test")
    assert f"give {root / 'seg_test' / 'seg_test'} if these are the classes" in said
    assert load(f"folder:{root / 'seg_test' / 'seg_test'}").class_names == ("a", "b")
    found = load(f"folder:{root / 'seg_test'}", ".")
    assert found.class_names == ("seg_test",)


def test_warning_of_same_sub_folders_says_that_there_are_more(tmp_path):
    names = [f"digit {one}/{below}/1.png" for one in "0178" for below in "ab"]
    root = _images(tmp_path / "set", *names)
    with pytest.warns(DataWarning, match=r"\(digit 0, digit 1, digit 7, \.\.\.\) are"):
        load(f"folder:{root}")


def test_classes_with_the_same_sub_folders_are_read_with_a_warning(tmp_path):
    names = [f"{one}/{below}/1.png" for one in ("art", "web") for below in "ab"]
    root = _images(tmp_path / "set", *names)
    with pytest.warns(DataWarning, match=r"\(art, web\) are taken for classes") as said:
        assert load(f"folder:{root}").class_names == ("art", "web")
    line = str(said[0].message)  # of commands with and without --split
    assert str(root / "art") in line and "--" not in line
    assert load(f"folder:{root}", ".").class_names == ("art", "web")
    assert load(f"folder:{root}", "art").class_names == ("a", "b")


def test_hidden_and_system_names_are_no_examples(tmp_path):
    root = _images(tmp_path / "set", "cat/1.png", "dog/1.png")
    clean = load(f"folder:{root}")
    _images(
        root,
        "cat/.ipynb_checkpoints/1-checkpoint.png",
        "cat/._1.png",
        "cat/@eaDir/1.png",
        "dog/__MACOSX/1.png",
        "__MACOSX/cat/1.png",
        "@eaDir/1.png",
        ".cache/half.png.incomplete",
        "@tmp/1.png",
        "Network Trash Folder/1.png",
        "RECYCLER/1.png",
        "dog/.@__thumb/1.png",
        "$RECYCLE.BIN/1.png",
    )
    (root / "dog" / "Thumbs.db").write_bytes(b"x")
    (root / ".DS_Store").write_bytes(b"x")
    found = load(f"folder:{root}")  # a warning would be an error here
    assert found.ids == clean.ids and found.fingerprint == clean.fingerprint
    assert found.class_names == ("cat", "dog")


def test_what_pillow_reads_is_read_and_the_rest_counted(tmp_path):
    root = _images(tmp_path / "set", "cat/1.jfif", "cat/2.JPEG", "dog/1.webp")
    Image.new("L", (8, 8), 200).save(root / "dog" / "2.pgm")
    wide = np.array([[0, 256], [512, 65535]], ">u2")
    (root / "dog" / "3.pgm").write_bytes(b"P5 2 2 65535\n" + wide.tobytes())
    for name in ("cat/notes.txt", "dog/README", "dog/film.mpg", "labels.csv"):
        (root / name).write_bytes(b"x")
    with pytest.warns(DataWarning, match=r"left out 4 files .*such as labels\.csv"):
        found = load(f"folder:{root}")
    assert [one.split(".")[-1] for one in found.ids] == [
        "jfif",
        "JPEG",
        "webp",
        "pgm",
        "pgm",
    ]
    assert found.decode(3, 8).mean() == 200
    assert found.decode(4, 2)[..., 0].tolist() == [[0, 1], [2, 255]]


def test_links_are_followed_and_those_in_a_circle_not(tmp_path):
    outside = _images(tmp_path / "outside", "a.png", "deep/b.png")
    root = _images(tmp_path / "set", "cat/1.png", "dog/1.png")
    (root / "cat" / "more").symlink_to(outside)
    (root / "fox").symlink_to(outside)
    (root / "dog" / "up").symlink_to(root)
    (root / "dog" / "self").symlink_to(root / "dog")
    found = load(f"folder:{root}")
    assert found.ids == (
        "cat/1.png",
        "cat/more/a.png",
        "cat/more/deep/b.png",
        "dog/1.png",
        "fox/a.png",
        "fox/deep/b.png",
    )
    assert found.class_names == ("cat", "dog", "fox")
    (root / "dog" / "2.png").symlink_to(tmp_path / "nowhere.png")
    assert "2.png cannot be read" in _refused(root)


def test_names_that_are_not_utf_8_are_read(tmp_path):
    root = _images(tmp_path / "set", "cat/1.png", "dog/1.png")
    try:
        os.rename(bytes(root / "cat/1.png"), bytes(root / "cat") + b"/\xff.png")
        os.rename(bytes(root / "dog"), bytes(root) + b"/caf\xe9")
        os.rename(bytes(root), bytes(tmp_path) + b"/s\xe9t")
    except OSError:
        pytest.skip("this file system has UTF-8 only")
    found = load("folder:" + os.fsdecode(bytes(tmp_path) + b"/s\xe9t"))
    assert found.ids == (r"caf\xe9/1.png", r"cat/\xff.png")
    assert found.class_names == (r"caf\xe9", "cat") and found.name == r"s\xe9t"
    again = pickle.loads(pickle.dumps(found))
    assert [int(again.decode(i, 8)[0, 0, 0]) for i in range(2)] == [1, 0]
    assert len(found.fingerprint) == 64
    (found.ids[0].encode(), found.class_names[0].encode())  # can be written


def test_an_archive_in_place_of_a_folder_is_called_so(tmp_path):
    _images(tmp_path / "set", "cat/1.png")
    for kind, says in (("zip", "a .zip archive"), ("gztar", "a gzip file")):
        archive = shutil.make_archive(str(tmp_path / "set"), kind, tmp_path, "set")
        with pytest.raises(InputError, match=f"is not a folder but {says}.*unpack it"):
            image_folder(archive)


def test_warnings_are_one_line_on_the_command_line(tmp_path):
    from typer.testing import CliRunner

    from pruning_laws.app import app

    root = _images(tmp_path / "set", "cat/1.png", "dog/1.png")
    (root / "cat" / "notes.txt").write_text("x")
    args = ["score", "random", "--data", f"folder:{root}", "-o", "scores.parquet"]
    args[-1] = str(tmp_path / args[-1])
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.stderr
    first, second, third = done.stderr.splitlines()
    assert (
        first.startswith("warning: ")
        and "left out 1 file without the name of an image" in first
    )
    assert second.startswith("wrote ") and third.startswith("next: ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert load(f"folder:{root}").ids == ("cat/1.png", "dog/1.png")


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (("a/1.png", "b/1.png", "test/1.png"), "test"),
        (("trainA/1.png", "testA/1.png"), "testA"),
        (("Train_1/1.png", "Test_1/1.png"), "Test_1"),
    ],
)
def test_classes_with_the_name_of_a_split_are_warned_of(tmp_path, names, odd):
    root = _images(tmp_path / "set", *names)
    with pytest.warns(DataWarning, match=f"{odd!r} is taken for a class, though"):
        assert len(load(f"folder:{root}").class_names) == len(names)


def test_a_link_to_no_class_is_refused(tmp_path):
    root = _images(tmp_path / "set", "a/1.png", "b/1.png")
    for place in (root / "c", root / "a" / "more"):
        place.symlink_to(tmp_path / "gone")
        assert f"{place} is a link to what is not there" in _refused(root)
        place.unlink()
