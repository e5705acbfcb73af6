"""Readers of arrays, tables and images in files: any content, any damage."""

import gzip
import io
import json
import os
import pickle
import zipfile
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from holding import holds, outcome, refused, same
from hypothesis import strategies as st
from odd_arrays import FLOATS, WHOLE, filled, laid_out, odd
from odd_files import damaged, folder, odd_text
from PIL import Image
from scipy.io import savemat

from simulations.vision.data import load
from simulations.vision.data.archive import read_members
from simulations.vision.data.folder import image_folder
from simulations.vision.data.images import Images
from simulations.vision.data.mat_file import read_mat
from simulations.vision.data.parquet_images import list_shards
from simulations.vision.data.safe_pickle import safe_load
from simulations.vision.data.svhn_files import svhn
from simulations.vision.metrics import el2n
from simulations.vision.networks.weight_file import read_weights
from simulations.vision.published_scores import import_feldman_zhang
from simulations.vision.score_files import read_scores, scores_of, write_scores
from simulations.vision.scoring import read_array

IDS = ("a/one.png", "a/two.png", "b/three.png", "b/four.png")
LABELS = np.array([0, 0, 1, 1])
DATASET = Images("made", np.zeros((4, 2, 2, 1), np.uint8), LABELS, IDS, ("a", "b"))


def _file(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _saved(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


NUMPY = tuple(name for name in FLOATS + WHOLE if name != "bfloat16")


@holds(12, 800, array=odd(filled((4, 3)), NUMPY), data=st.data())
def test_npy_files_of_any_type_and_order_give_the_same(array, data):
    order = laid_out(np.asarray(array.given), data.draw(st.sampled_from("CF")))
    content = _saved(np.save, order)
    labels = np.array([0, 1, 2, 0])

    def read(path):
        return el2n(read_array(path), labels)

    with folder() as here:
        found = outcome(read, _file(here / "x.npy", content))
        same(found, outcome(el2n, array.plain, labels), 1e-9)
        again = outcome(read, _file(here / "y.npy", data.draw(damaged(content))))
        assert again.answer is None or np.shape(again.answer) == (4,)


@holds(12, 800, content=st.binary(max_size=60), data=st.data())
def test_any_bytes_are_no_array(content, data):
    start = data.draw(
        st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04"])
    )
    head = data.draw(st.sampled_from([b"", b"v\x00{'descr': '<f8', 'fortran_order': "]))
    with folder() as here:
        refused(read_array, _file(here / "x.npy", start + head + content))


@cache
def _score_file():
    scores = scores_of(
        DATASET,
        "m",
        [3.0, 1.0, 2.0, 0.5],
        per_model=[[1.0, 2, 3, 4]],
        standard_errors=[0.1] * 4,
    )
    with folder() as here:
        write_scores(here / "s.parquet", scores)
        return (here / "s.parquet").read_bytes()


@holds(8, 600, data=st.data())
def test_a_damaged_score_file_is_the_same_or_refused(data):
    content = data.draw(damaged(_score_file()))
    with folder() as here:
        found = outcome(read_scores, _file(here / "s.parquet", content), DATASET)
    if found.refusal is None:
        assert found.answer.scores.tolist() == [3.0, 1.0, 2.0, 0.5]
        assert found.answer.ids == IDS and found.answer.metric == "m"


COLUMNS = {
    "doubles": lambda: pa.array([3.0, 1.0, 2.0, 0.5]),
    "floats": lambda: pa.array(np.array([3, 1, 2, 0.5], np.float32)),
    "halves": lambda: pa.array(np.array([3, 1, 2, 0.5], np.float16)),
    "bytes": lambda: pa.array(np.array([0, 0, 1, 1], np.uint8)),
    "unsigned": lambda: pa.array([0, 0, 1, 2**63], pa.uint64()),
    "large text": lambda: pa.array(IDS, pa.large_string()),
    "view": lambda: pa.array(IDS).dictionary_encode(),
    "chunks": lambda: pa.chunked_array([list(IDS[:1]), list(IDS[1:])]),
    "text": lambda: pa.array(list("abcd")),
    "binary": lambda: pa.array([one.encode() for one in IDS]),
    "lists": lambda: pa.array([[1], [2], [3], [4]]),
    "records": lambda: pa.array([{"a": 1}] * 4),
    "times": lambda: pa.array([0, 0, 1, 1], pa.timestamp("s")),
    "truths": lambda: pa.array([False, False, True, True]),
    "nothing": lambda: pa.nulls(4),
    "a gap": lambda: pa.array([0, None, 1, 1]),
    "nan": lambda: pa.array([0.0, np.nan, 1, 1]),
    "decimals": lambda: pa.array([0, 0, 1, 1]).cast(pa.decimal128(20, 1)),
}


@holds(
    20,
    800,
    kinds=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=3, max_size=3),
    data=st.data(),
)
def test_columns_of_score_files_are_of_their_kind_or_named(kinds, data):
    table = pq.read_table(io.BytesIO(_score_file()))
    for name, kind in zip(("example_id", "label", "score"), kinds, strict=True):
        if data.draw(st.booleans()):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, COLUMNS[kind]())
    about = json.loads(table.schema.metadata[b"pruning-laws scores"])
    name = data.draw(st.sampled_from(sorted(about)))
    if data.draw(st.booleans()):
        about[name] = data.draw(
            st.sampled_from([None, 1, "a", [], {}, ["a"], [1.5], {"a": [1]}])
        )
    key = {b"pruning-laws scores": json.dumps(about)}
    with folder() as here:
        pq.write_table(table.replace_schema_metadata(key), here / "s.parquet")
        found = outcome(read_scores, here / "s.parquet")
    if found.refusal is None:
        assert found.answer.ids == IDS and (found.answer.labels == LABELS).all()


def _feldman(data):
    """Arrays of an .npz, most of them right."""
    names = np.array([one.encode() for one in IDS])
    some = {
        "tr_mem": [np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(3), np.float64(1), names],
        "tr_labels": [LABELS, LABELS.astype(">i2"), np.int64(1), LABELS[:2], names],
        "tr_filenames": [names, np.array(IDS), np.array(IDS, object), names[0], LABELS],
    }
    found = {k: v[data.draw(st.integers(0, len(v) - 1))] for k, v in some.items()}
    if data.draw(st.booleans()):
        found.pop(data.draw(st.sampled_from(sorted(found))))
    return found


@holds(12, 600, data=st.data())
def test_published_archives_are_read_or_one_line(data):
    save = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    content = _saved(save, **_feldman(data))
    with folder() as here:
        path = _file(here / "x.npz", content)
        found = outcome(import_feldman_zhang, path, DATASET)
        if found.refusal is None:
            assert found.answer.scores.tolist() == [0.1, 0.2, 0.3, 0.4]
        _file(path, data.draw(damaged(content)))
        outcome(import_feldman_zhang, path, DATASET)


MAT = {
    "X": [np.zeros((32, 32, 3, 4), np.uint8), np.zeros((32, 32, 3, 4)), np.zeros(3)],
    "y": [np.array([[10], [1], [2], [3]]), np.array([1, 2, 3]), np.array([[1.5]])],
}
MAT = {
    name: [*some, "text", np.array(["a"]), np.array([[1], "b"], object), {"a": 1}]
    for name, some in MAT.items()
}


@holds(12, 500, data=st.data())
def test_mat_files_are_read_or_one_line(data):
    found = {k: v[data.draw(st.integers(0, len(v) - 1))] for k, v in MAT.items()}
    kind = {"do_compression": data.draw(st.booleans())}
    content = _saved(savemat, found, **kind)
    with folder() as here:
        path = _file(here / "train_32x32.mat", content)
        read = outcome(svhn, here)
        if read.refusal is None:
            assert read.answer.labels.tolist() == [0, 1, 2, 3]
        _file(path, data.draw(damaged(content)))
        outcome(read_mat, path, ("X", "y"))


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.text()
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@holds(20, 1500, value=VALUES, array=odd(filled((2, 3)), NUMPY), data=st.data())
def test_pickles_are_values_or_one_line(value, array, data):
    protocol = data.draw(st.integers(0, 5))
    given = {"data": np.asarray(array.given), "value": value}
    content = pickle.dumps(given, protocol)
    found = outcome(safe_load, content, "x")
    if found.refusal is None:
        np.testing.assert_array_equal(np.asarray(found.answer["data"]), given["data"])
    outcome(safe_load, data.draw(damaged(content)), "x")
    refused(safe_load, pickle.dumps(os.getcwd, protocol), "x")


@holds(
    12, 600, data=st.data(), name=st.sampled_from(["w.npz", "w.pth", "w.safetensors"])
)
def test_any_bytes_are_no_weights(name, data):
    content = data.draw(damaged(_score_file()) | st.binary(max_size=30))
    with folder() as here:
        refused(read_weights, _file(here / name, content))


@cache
def _image(kind):
    file = io.BytesIO()
    Image.fromarray(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)).save(
        file, kind
    )
    return file.getvalue()


@st.composite
def _parquet(draw):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    contents = [
        draw(st.sampled_from([_image("PNG"), _image("JPEG"), b"", b"x", None]))
        if draw(st.integers(0, 5)) == 0
        else _image("PNG")
        for _ in range(3)
    ]
    paths = draw(st.sampled_from([[None] * 3, ["a.png", "b.png", "c.png"], ["a"] * 3]))
    images = [{"bytes": b, "path": p} for b, p in zip(contents, paths, strict=True)]
    labels = draw(
        st.sampled_from([[0, 1, 2], [9, 0, 0], [0, 1, -1], [0, 1, 10], [0, None, 1]])
    )
    number = draw(st.sampled_from([pa.int64(), pa.int8(), pa.float64(), pa.string()]))
    table = pa.table(
        {
            draw(st.sampled_from(["img", "image", "x"])): pa.array(images, kind),
            draw(st.sampled_from(["label", "label", "labels"])): pa.array(labels).cast(
                number
            ),
        }
    )
    said = draw(
        st.sampled_from(
            [None, "{", "[1]", '{"info": 1}']
            + [
                json.dumps({"info": {"features": {"label": {"names": n}}}})
                for n in (["a", "b", "c"], "ab", 3, [1, 2], ["a", "a", "b"])
            ]
        )
    )
    if said is not None:
        table = table.replace_schema_metadata({"huggingface": said})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=draw(st.integers(1, 3)))
    return file.getvalue()


@holds(12, 500, data=st.data(), content=_parquet())
def test_parquet_of_images_is_read_or_one_line(content, data):
    with folder() as here:
        path = _file(here / "train.parquet", content)
        found = outcome(load, f"cifar10:{here}")
        if found.refusal is None:
            assert len(found.answer) == 3 and found.answer.fingerprint
        _file(path, data.draw(damaged(content)))
        outcome(list_shards, [path])


names = st.text(
    st.one_of(
        st.sampled_from("ab019._-~$^ \u00e9\u4e2d"), st.characters(codec="utf-8")
    ),
    min_size=1,
    max_size=6,
).filter(lambda name: name not in (".", "..") and not set(name) & set("/\0"))
suffixes = st.sampled_from(
    [".png", ".PNG", ".jpg", ".jfif", ".txt", ".part", "", ".npy"]
)


@st.composite
def _tree(draw):
    """Files by path: classes with images, and what else lies about."""
    classes = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    files = {}
    for one in classes:
        for stem in draw(st.lists(names, max_size=3, unique=True)):
            files[f"{one}/{stem}{draw(suffixes)}"] = draw(
                st.sampled_from([_image("PNG"), _image("PNG"), b"", b"x"])
            )
    if draw(st.booleans()):
        files[draw(names) + ".txt"] = b"x"
    return files


@holds(12, 600, files=_tree(), raw=st.booleans())
def test_folders_of_any_names_are_listed_or_one_line(files, raw):
    with folder() as here:
        for path, content in files.items():
            if raw:  # a system of another encoding
                path = os.fsdecode(path.encode("latin-1", "replace"))
            if "\ud800" <= max(path) <= "\udbff" or "?" in path:
                continue
            try:
                _file(here / path, content)
            except OSError:  # a file of the name of a folder
                continue
        found = outcome(image_folder, here)
        if found.refusal is None:
            dataset = found.answer
            assert len(dataset) == len(set(dataset.ids)) > 0
            assert set(np.unique(dataset.labels)) == set(
                range(len(dataset.class_names))
            )
            for i, one in enumerate(dataset.ids):
                head = dataset.class_names[dataset.labels[i]]
                assert one.startswith(f"{head}/")
                assert dataset.reader.read(i)
                outcome(dataset.decode, i, 8)
            dataset.fingerprint.encode()
        outcome(load, f"folder:{here}", "train")
        outcome(load, f"folder:{here}", "test")
        outcome(load, f"folder:{here}#natural")


@holds(8, 500, data=st.data(), name=odd_text)
def test_members_of_archives_are_read_or_one_line(data, name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data/x.bin", b"abc" * 40)
        archive.writestr(name or "y", b"other")
    packed = data.draw(st.sampled_from([file.getvalue(), gzip.compress(b"abc")]))
    with folder() as here:
        path = _file(here / "x.zip", data.draw(damaged(packed) | st.just(packed)))
        found = outcome(read_members, path, ["x.bin"])
    if found.refusal is None:
        assert found.answer == [b"abc" * 40]
