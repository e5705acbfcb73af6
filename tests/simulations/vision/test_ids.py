"""Ids: on lines of their own, from lists that other systems wrote."""

from pathlib import Path

import numpy as np
import pytest
import tiny
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.data.encoded import rows_of
from simulations.vision.data.images import Images
from simulations.vision.score_files import Scores
from simulations.vision.selection import select

IDS = ("b/1.png", "a/2.png", "a/x y.png", "a\\c.png")


def _images(ids=IDS):
    images = np.zeros((len(ids), 2, 2, 1), np.uint8)
    return Images("made", images, np.arange(len(ids)) % 2, tuple(ids), ("p", "q"))


def test_ids_with_the_folders_of_windows_are_found():
    assert rows_of(_images(), ["a\\2.png", "b\\1.png"]).tolist() == [0, 1]
    assert rows_of(_images(), ["a\\c.png", "a\\x y.png"]).tolist() == [2, 3]
    with pytest.raises(InputError, match=r"such as 'c/1\.png'"):
        rows_of(_images(), ["a/2.png", "c\\1.png"])
    with pytest.raises(InputError, match="stands for several"):
        rows_of(_images(), ["a\\2.png", "a/2.png"])


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\r\nb", "a\n"])
def test_an_id_of_two_lines_is_refused(bad, tmp_path):
    two = ("a", bad)
    for call in (
        lambda: _images(two),
        lambda: Scores("m", np.ones(2), two, np.zeros(2, int), "made", ""),
        lambda: select([2.0, 1.0], 1.0, seed=0).save(tmp_path / "kept.txt", two),
    ):
        with pytest.raises(InputError, match="has a line break: rename") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "kept.txt").exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_ids_that_an_editor_saved_anew_is_read(tmp_path, encoding):
    kept = tmp_path / "kept.txt"
    tiny_ids = "\r\n".join([*tiny.TRAIN.ids[:3], "zoo\\ё"])
    kept.write_bytes(tiny_ids.encode(encoding))
    args = ["train", "--keep", kept, "-o", tmp_path / "new"]
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "1 of 4 ids are not in" in done.stderr and "'zoo/ё'" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_list_of_ids_in_another_encoding_is_refused(tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text("straße", "latin-1")
    done = CliRunner().invoke(app, ["train", "--keep", str(kept), "-o", "new"])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "'kept.txt' is not UTF-8 text: byte 4 is 0xdf" in done.stderr


def test_an_array_or_option_that_comes_twice_is_refused(tmp_path):
    for args, says in (
        (["--logits", "a.npy", "--array", "logits=b.npy"], "logits is given twice"),
        (
            ["--array", "logits=a.npy", "--array", "logits=b.npy"],
            "logits is given twice",
        ),
    ):
        done = CliRunner().invoke(app, ["score", "el2n", *args, "-o", "x.parquet"])
        assert done.exit_code == 2 and says in done.stderr, done.stderr
    twice = "prototypes:n_clusters=3,n_clusters=4"
    done = CliRunner().invoke(app, ["score", twice, "-o", "x.parquet"])
    assert done.exit_code == 2 and "n_clusters comes twice" in done.stderr


def test_indices_in_place_of_ids_are_called_so():
    with pytest.raises(
        InputError, match=r"These are indices: .* writes ids with --ids"
    ):
        rows_of(_images(), ["0", "2"])
    with pytest.raises(InputError) as error:
        rows_of(_images(), ["0", "other.png"])
    assert "indices" not in str(error.value)


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([0], r"ids must be text, got 0 \(int\)"),
        (np.arange(2), r"ids must be text, got .*0.* \(int64\)"),
        ([b"a/2.png"], r"ids must be text, got b'a/2.png' \(bytes\)"),
        (np.array([b"a/2.png"]), r"ids must be text, got .*bytes"),
        ([Path("a/2.png")], r"ids must be text, got .*Path"),
        ([None], r"ids must be text, got None"),
        ([["a/2.png"]], r"ids must be text, got \['a/2.png'\] \(list\)"),
        ("a/2.png", "ids must be a list of text, got str"),
        (b"a/2.png", "ids must be a list of text, got bytes"),
        (Path("a/2.png"), "ids must be a list of text, got"),
        (5, "ids must be a list of text, got int"),
        (None, "ids must be a list of text, got NoneType"),
        (np.ma.array(["a/2.png", "b/1.png"], mask=[0, 1]), "ids has masked entries"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(ids, says):
    with pytest.raises(InputError, match=says):
        rows_of(_images(), ids)


def test_ids_of_every_list_of_texts_are_found():
    for ids in (np.array(["a/2.png", "b/1.png"]), {"b/1.png", "a/2.png"}):
        assert rows_of(_images(), ids).tolist() == [0, 1]
    assert rows_of(_images(), iter(["b/1.png"])).tolist() == [0]
