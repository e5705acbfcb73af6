"""Folders whose names are not UTF-8: what reads and writes parquet takes them."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perceptron_theory import InputError
from perceptron_theory.paths import expanded
from pruning_laws.report import read
from simulations.vision.data import load
from simulations.vision.own_scores import scores_in
from simulations.vision.score_files import read_scores, write_scores


@pytest.fixture
def folder(tmp_path):
    """Named caf\\xe9, in a folder that parquet takes for a partition."""
    path = tmp_path / "k=7" / os.fsdecode(b"caf\xe9")
    try:
        path.mkdir(parents=True)
    except OSError:
        pytest.skip("names of files must be text here")
    return path


def _write(path, **columns):
    with path.open("wb") as file:
        pq.write_table(pa.table(columns), file)


def test_parquet_is_read_and_written_there(folder):
    _write(folder / "p.parquet", e0=[0.5, 1.5], e1=[0.25, 2.5], label=[0, 1])
    found = load(f"arrays:{folder}/p.parquet")
    assert found.points.tolist() == [[0.5, 0.25], [1.5, 2.5]]
    _write(folder / "s.parquet", score=[0.5, 1.5], id=["0", "1"])
    scores = scores_in(folder / "s.parquet", found)
    assert scores.scores.tolist() == [0.5, 1.5]
    write_scores(folder / "r.parquet", scores)
    assert read_scores(folder / "r.parquet", found).ids == scores.ids
    np.testing.assert_array_equal(scores_in(folder / "r.parquet").scores, [0.5, 1.5])
    sections = {one.name: one for one in read(folder)}
    assert not any(one.failure for one in sections.values())
    assert list(sections["p.parquet"].tables["rows"]) == ["e0", "e1", "label"]


def test_a_zero_byte_in_a_path_is_named(folder):
    for path in ("a\0b.npy", b"a\0b.npy"):
        with pytest.raises(InputError, match=r"'a.x00b.npy' has a zero byte"):
            expanded(path)
    with pytest.raises(InputError, match="has a zero byte"):
        load("arrays:a\0b.npy,y.npy")
