"""Score files keep everything, and refuse whatever is not theirs."""

import dataclasses
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from named_examples import COUNT, SET, VALUES

from perceptron_theory import InputError
from simulations.vision.score_files import read_scores, scores_of, write_scores


def _written(path, **changes):
    scores = scores_of(SET, "el2n", VALUES, **changes)
    write_scores(path, scores, overwrite=True)
    return scores


def test_everything_comes_back(tmp_path):
    path = tmp_path / "el2n.parquet"
    each = np.stack([VALUES - 1, VALUES + 1])
    recipe = {"network": "resnet20", "epochs": 20, "augmentation": None}
    written = _written(path, per_model=each, recipe=recipe, seeds=[3, 4])
    found = read_scores(path, SET)
    for field in dataclasses.fields(found):
        one, two = getattr(found, field.name), getattr(written, field.name)
        np.testing.assert_array_equal(one, two)
    assert found.seeds == (3, 4) and found.recipe == recipe
    assert set(found.versions) == {"pruning-laws", "jax", "numpy"}
    plain = pq.read_table(path).to_pandas()  # any tool reads the columns
    assert list(plain) == ["example_id", "label", "score", "model_0", "model_1"]
    assert plain["score"].tolist() == VALUES.tolist()


def test_another_data_set_is_refused(tmp_path):
    path = tmp_path / "el2n.parquet"
    _written(path)
    change = lambda **new: dataclasses.replace(SET, **new)  # noqa: E731
    turned = change(images=SET.images[::-1], labels=SET.labels[::-1], ids=SET.ids[::-1])
    for other, says in (
        (turned, "another order"),
        (change(images=255 - SET.images), "other pixels"),
        (change(labels=(SET.labels + 1) % 3), "other labels"),
        (change(ids=tuple(f"other/{i}" for i in range(COUNT))), "other examples"),
    ):
        with pytest.raises(InputError, match=says):
            read_scores(path, other)


def test_scores_of_the_official_order_refuse_the_shuffled_jpeg_copy(tmp_path):
    official = dataclasses.replace(SET, name="CIFAR-10 train")
    copy = dataclasses.replace(
        SET, name="CIFAR-10 (JPEG-75) train", images=SET.images // 2
    )
    path = tmp_path / "el2n.parquet"
    write_scores(path, scores_of(official, "el2n", VALUES))
    with pytest.raises(
        InputError, match=r"of CIFAR-10 train .*is CIFAR-10 \(JPEG-75\)"
    ):
        read_scores(path, copy)


def test_a_file_that_is_there_stays(tmp_path):
    path = tmp_path / "el2n.parquet"
    scores = _written(path)
    with pytest.raises(FileExistsError):
        write_scores(path, scores)
    before = path.read_bytes()
    with pytest.raises(InputError, match="not JSON"):
        _written(path, recipe={"loss": print})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["el2n.parquet"]
    with pytest.raises(InputError, match=r"end in \.parquet"):
        write_scores(tmp_path / "el2n.csv", scores)


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "el2n.parquet"
    _written(path)
    whole = path.read_bytes()
    refused = 0
    for place in range(4, 400, 37):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        )
        try:
            found = read_scores(path)
        except InputError:
            refused += 1
        else:
            np.testing.assert_array_equal(found.scores, VALUES)
            assert found.ids == SET.ids
    assert refused > 5
    path.write_bytes(whole[:-10])
    with pytest.raises(InputError, match="not a complete parquet"):
        read_scores(path)
    with pytest.raises(InputError, match="does not exist"):
        read_scores(tmp_path / "nothing.parquet")
    pq.write_table(pa.table({"score": VALUES}), path)
    with pytest.raises(InputError, match="not a score file of pruning-laws"):
        read_scores(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"format": 1', b'"format": 9', "format 9"),
        (b"high = keep", b"low = keep", "direction"),
        (b'"metric": ', b'"metric" ', "damaged metadata"),
        (b'"metric"', b'"metrix"', r"damaged metadata \(no metric\)"),
        (b'"seeds": [', b'"seeds": 3, "x": [', r"damaged metadata \(no seeds\)"),
        (b'{"format"', b'\xff{"format"', "damaged metadata"),
    ],
)
def test_another_format_or_direction_is_refused(tmp_path, old, new, says):
    path = tmp_path / "el2n.parquet"
    _written(path)
    table = pq.read_table(path)
    key = b"pruning-laws scores"
    about = table.schema.metadata[key].replace(old, new)
    pq.write_table(table.replace_schema_metadata({key: about}), path)
    with pytest.raises(InputError, match=says):
        read_scores(path)
    pq.write_table(table.drop_columns(["label"]), path)
    with pytest.raises(InputError, match="lacks columns"):
        read_scores(path)


def test_reordered_rows_are_refused(tmp_path):
    path = tmp_path / "el2n.parquet"
    _written(path)
    table = pq.read_table(path)
    pq.write_table(table.sort_by([("score", "descending")]), path)
    with pytest.raises(InputError, match="not in the order"):
        read_scores(path)
    key = b"pruning-laws scores"
    about = table.schema.metadata[key].replace(b'"rows"', b'"none"')  # as old files
    old = table.sort_by([("score", "descending")]).replace_schema_metadata({key: about})
    pq.write_table(old, path)
    with pytest.raises(InputError, match="another order"):
        read_scores(path, SET)


def test_bad_scores_are_never_written():
    for values, says in (
        (
            np.where(np.arange(COUNT) == 4, np.nan, VALUES),
            r"scores of el2n\[4\] is nan",
        ),
        (VALUES[:-1], "30 entries for 29"),
    ):
        with pytest.raises(InputError, match=says):
            scores_of(SET, "el2n", values)
    with pytest.raises(InputError, match="per_model has 29"):
        scores_of(SET, "el2n", VALUES, per_model=np.ones((2, COUNT - 1)))
