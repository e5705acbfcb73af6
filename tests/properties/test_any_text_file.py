"""Readers of texts and tables: any encoding, end of line, separator and content."""

import csv
import io
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from holding import holds, outcome, refused
from hypothesis import strategies as st
from odd_files import damaged, folder, odd_text, plain_value, word, written

import perceptron_theory as pt
from perceptron_theory import InputError, load_problem
from perceptron_theory.solving.problems import problem_of
from perceptron_theory.text_files import decoded
from pruning_laws.commands.train import _ids
from simulations.csv_files import read_csv
from simulations.experiments import configuration, table
from simulations.vision.data.class_order import natural_order, read_order
from simulations.vision.data.imagenet_files import _kaggle
from simulations.vision.data.images import Images
from simulations.vision.embedding_files import check_record
from simulations.vision.published_scores import import_csv
from simulations.vision.selection import select
from simulations.vision.training import read_recipe
from simulations.vision.training.recipe_files import FOLDER, write_recipe
from simulations.vision.training.run_folder import read_about

IDS = ("a/one.png", "a/two.png", "b/three.png", "b/four.png")
LABELS = np.array([0, 0, 1, 1])
DATASET = Images("made", np.zeros((4, 2, 2, 1), np.uint8), LABELS, IDS, ("a", "b"))


def _file(path, content):
    path.write_bytes(content)
    return path


@holds(20, 2000, lines=st.lists(odd_text, max_size=4), data=st.data())
def test_text_of_any_system_is_read_as_it_was(lines, data):
    text = "".join(f"{line}\n" for line in lines)
    content = data.draw(written(text))
    found = outcome(decoded, content)
    if found.refusal is None:
        assert found.answer == text
    else:  # without a mark, UTF-16 is not told from other bytes; a mark is no text
        assert not text or content[:2] not in (b"\xff\xfe", b"\xfe\xff")


@holds(20, 2000, content=st.binary(max_size=40))
def test_any_bytes_are_text_or_one_line(content):
    outcome(decoded, content)


def _csv_text(rows, separator, always):
    file = io.StringIO()
    quoting = csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL
    csv.writer(
        file, delimiter=separator, lineterminator="\n", quoting=quoting
    ).writerows(rows)
    return file.getvalue()


@holds(
    20, 1500, data=st.data(), names=st.lists(word, min_size=2, max_size=4, unique=True)
)
def test_tables_of_any_program_are_read_as_they_were(names, data):
    row = st.lists(odd_text, min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    separator = data.draw(st.sampled_from(",;\t"))
    text = _csv_text([names, *rows], separator, data.draw(st.booleans()))
    if data.draw(st.booleans()):
        text = f"sep={separator}\n{text}"
    with folder() as here:
        path = _file(here / "t.csv", data.draw(written(text)))
        found = outcome(read_csv, path, "table")
    if found.refusal is None and found.answer.columns.keys() == set(names):
        assert [found.answer.columns[name] for name in names] == [
            list(column) for column in zip(*rows, strict=True)
        ]
    elif text.startswith("sep=") and found.refusal is None:
        raise AssertionError(found)


SCORES = st.floats(allow_nan=False, allow_infinity=False, width=32)


@holds(12, 600, scores=st.lists(SCORES, min_size=4, max_size=4), data=st.data())
def test_published_scores_of_any_program_belong_to_their_examples(scores, data):
    order = data.draw(st.permutations(range(4)))
    slash = data.draw(st.sampled_from(["/", "\\"]))
    head = data.draw(st.sampled_from(["", "/data/", "C:\\x\\"]))
    names = data.draw(st.permutations(["file", "score", "class"]))
    cells = {
        "file": [head + IDS[i].replace("/", slash) for i in order],
        "score": [repr(scores[i]) for i in order],
        "class": [str(LABELS[i] + 7) for i in order],
    }
    rows = [names, *zip(*(cells[name] for name in names), strict=True)]
    text = _csv_text(rows, data.draw(st.sampled_from(",;\t")), data.draw(st.booleans()))
    content = data.draw(written(text))
    column = data.draw(st.sampled_from([None, "score"]))
    with folder() as here:
        path = _file(here / "s.csv", content)
        found = outcome(import_csv, path, DATASET, metric="m", column=column)
        if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" not in content:
            running = list(scores) != sorted(scores) and set(scores) <= {0, 1, 2, 3, 4}
            if found.refusal is None or not (running or column is None):
                assert found.refusal is None, found
        if found.refusal is None:
            np.testing.assert_array_equal(found.answer.scores, scores)
        _file(path, data.draw(damaged(content)))
        outcome(import_csv, path, DATASET, metric="m", column=column)


@holds(12, 800, data=st.data())
def test_a_cell_of_a_table_of_scores_is_a_number_or_named(data):
    cell = data.draw(
        odd_text | st.sampled_from(["", "NA", "nan", "inf", "1e999", "1_0"])
    )
    cells = ["0.25", "0.5", "0.75", "-1"]
    cells[data.draw(st.integers(0, 3))] = cell
    rows = [["file", "score"], *zip(IDS, cells, strict=True)]
    with folder() as here:
        path = _file(here / "s.csv", _csv_text(rows, ",", True).encode())
        found = outcome(import_csv, path, DATASET, metric="m", column="score")
    if found.refusal is None:
        assert "_" not in cell
        np.testing.assert_array_equal(found.answer.scores, [float(c) for c in cells])


@holds(
    12, 600, names=st.lists(word, min_size=1, max_size=5, unique=True), data=st.data()
)
def test_lists_of_names_are_read_from_any_system(names, data):
    text = "".join(f"{name}\n" for name in names)
    if data.draw(st.booleans()):
        text = text.rstrip("\n")
    content = data.draw(written(text))
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" not in content
    with folder() as here:
        path = _file(here / "keep.txt", content)
        order = outcome(read_order, path)
        if marked:
            assert list(order.answer) == names and _ids(path) == names
        _file(path, data.draw(damaged(content)))
        outcome(read_order, path)


ids = st.lists(odd_text, min_size=4, max_size=4, unique=True)


@holds(12, 600, names=ids, keep=st.sampled_from([0.25, 0.5, 1.0]))
def test_ids_that_are_written_are_read_back(names, keep):
    found = select([4.0, 1.0, 2.0, 3.0], keep, seed=0)
    with folder() as here:
        path = here / "kept.txt"
        saved = outcome(found.save, path, names)
        if saved.refusal is None:
            assert _ids(path) == [n for n in found.ids(names) if n]
            assert "" not in found.ids(names)


@holds(12, 600, names=st.lists(odd_text, max_size=5))
def test_the_natural_order_is_one_and_does_not_depend_on_the_order(names):
    assert natural_order(names) == natural_order(natural_order(names)[::-1])


@holds(12, 600, data=st.data())
def test_tables_of_labels_of_images_are_whole_or_one_line(data):
    files = [f"ILSVRC2012_val_{i:08d}" for i in (1, 2, 3)]
    said = [f"n{i} 1 2 3 4" for i in (7, 8, 9)]
    rows = [["ImageId", "PredictionString"], *zip(files, said, strict=True)]
    content = data.draw(written(_csv_text(rows, ",", data.draw(st.booleans()))))
    with folder() as here:
        path = _file(here / "t.csv", content)
        found = outcome(_kaggle, path)
        if found.refusal is None:
            assert list(found.answer.values()) == ["n7", "n8", "n9"]
        _file(path, data.draw(damaged(content)))
        outcome(_kaggle, path)


def _nested(depth, kind):
    return (
        ("[" * depth + "]" * depth)
        if kind == "list"
        else '{"a":' * depth + "1" + "}" * depth
    )


JSON_READERS = {
    "problem": ("p.json", load_problem),
    "record": ("e.json", lambda path: check_record(path.with_suffix(".npy"), DATASET)),
    "about": ("about.json", lambda path: read_about(path.parent)),
    "attrs": ("attrs.json", table._json),
}
PROBLEM = problem_of(
    {"alpha_prune": 2.0, "keep_fraction": 0.5, "theta": 0.1},
    rule=pt.Window(0.1),
    student=pt.Convex("logistic", ridge=0.1),
    margin="absolute",
)
RECORD = {"dataset": "made", "fingerprint": DATASET.fingerprint, "source": {"a": 1}}
CONTENT = {"problem": PROBLEM, "record": RECORD, "about": {"a": 1}, "attrs": {"a": 1}}


@st.composite
def changed(draw, content):
    """A record of which somebody changed, removed or added a part."""
    content = json.loads(json.dumps(content))
    place = content
    while True:
        name = draw(st.sampled_from([*place, "throw", "x"]))
        if isinstance(place.get(name), dict) and place[name] and draw(st.booleans()):
            place = place[name]
            continue
        if draw(st.booleans()):
            place[name] = draw(plain_value)
        else:
            place.pop(name, None)
        return content


@pytest.mark.parametrize("kind", JSON_READERS)
@holds(8, 600, data=st.data())
def test_records_are_read_or_named(kind, data):
    name, read = JSON_READERS[kind]
    content = CONTENT[kind]
    with folder() as here:
        whole = _file(here / name, data.draw(written(json.dumps(content))))
        first = outcome(read, whole)
        text = json.dumps(data.draw(changed(content)))
        _file(whole, data.draw(written(text)))
        found = outcome(read, whole)
        if kind == "problem" and found.refusal is None:
            allowed = {"alpha_prune", "alpha_tot", "keep_fraction", "theta"}
            assert found.answer.keys() <= allowed | {"margin", "rule", "student"}
        deep = _nested(
            data.draw(st.sampled_from([3, 100_000])),
            data.draw(st.sampled_from(["list", "map"])),
        )
        _file(whole, deep.encode())
        outcome(read, whole)
        _file(whole, data.draw(damaged(text.encode())))
        outcome(read, whole)
    assert first.refusal is None or "UTF-8" in first.refusal


def _toml(values):
    def one(value):
        if isinstance(value, float) and not np.isfinite(value):
            return "nan" if np.isnan(value) else ("inf" if value > 0 else "-inf")
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k} = {one(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(one, value)) + "]"
        return json.dumps(value)

    return "".join(f"{k} = {one(v)}\n" for k, v in values.items() if v is not None)


RECIPE = (
    tomllib.loads((FOLDER / "cifar10_resnet18.toml").read_text())
    if (FOLDER / "cifar10_resnet18.toml").exists()
    else {}
)
EXPERIMENT = tomllib.loads(
    (configuration.FOLDER / f"{configuration.experiment_names()[0]}.toml").read_text()
)


@pytest.mark.parametrize("kind", ["recipe", "experiment"])
@holds(12, 800, data=st.data())
def test_tables_of_settings_are_read_or_named(kind, data):
    values = RECIPE if kind == "recipe" else EXPERIMENT
    read = read_recipe if kind == "recipe" else configuration.read_experiment
    fields = {
        "recipe": read_recipe.__globals__["NAMES"],
        "experiment": [
            f for f in configuration.Experiment.__dataclass_fields__ if f != "name"
        ],
    }[kind]
    with folder() as here:
        path = _file(here / "x.toml", data.draw(written(_toml(values))))
        whole = outcome(read, path)
        assert whole.refusal is None or "UTF-8" in whole.refusal
        name = data.draw(st.sampled_from([*fields, "x"]))
        other = {**values, name: data.draw(plain_value)}
        _file(path, data.draw(written(_toml(other))))
        found = outcome(read, path)
        if found.refusal is None and kind == "recipe":
            write_recipe(path, found.answer)
            assert read(path) == found.answer
        deep = "x = " + _nested(data.draw(st.sampled_from([3, 20_000])), "list")
        _file(path, deep.encode())
        refused(read, path)
        _file(path, data.draw(damaged(_toml(values).encode())))
        outcome(read, path)


ROW = {"size": 8, "error": 0.25, "metric": "m", "seed": 1}


@holds(8, 500, data=st.data())
def test_rows_of_results_that_were_changed_are_noticed(data):
    row = {**dict.fromkeys(table.RUN, "1"), **ROW, "configuration": "c"}
    row = {
        name: table._value(str(value)) if name not in table._WORDS else str(value)
        for name, value in row.items()
    }
    row[table._CHECK] = table._checksum(row)
    text = _csv_text([list(row), [str(v) for v in row.values()]], ",", False)
    content = data.draw(written(text))
    with folder() as here:
        path = _file(here / "results.csv", content)
        whole = outcome(table.read_table, path)
        assert whole.refusal is None or "UTF-8" in whole.refusal, whole
        _file(path, data.draw(damaged(text.encode())))
        found = outcome(table.read_table, path)
    if found.refusal is None and whole.refusal is None:
        assert found.answer.to_dict() == whole.answer.to_dict()


def test_an_error_is_one_line():
    found = InputError(f"got {np.eye(3)!r}\r\n\u2028and {Path(chr(0xDCE9))}")
    assert len(str(found).splitlines()) == 1
    str(found).encode()
