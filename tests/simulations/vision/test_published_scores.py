"""Scores of other people: tables matched by name, and published archives."""

import os
import re

import numpy as np
import pytest
from named_examples import COUNT, SET, VALUES
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data import load
from simulations.vision.published_scores import import_csv, import_feldman_zhang

ORDER = np.random.default_rng(2).permutation(COUNT)


def _csv(path, header="file,score", form="{name},{score}", order=ORDER, scores=VALUES):
    lines = [header]
    for row, i in enumerate(order):
        name = SET.ids[i].split("/")[1]
        given = {"name": name, "score": scores[i], "label": SET.labels[i], "row": row}
        lines.append(form.format(**given))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("file,score", "{name},{score}"),
        (",filename,prototypes", "{row},train/x/{name},{score}"),
        ("wnid,metric,img", "w{label},{score},{name}"),
    ],
)
def test_a_csv_is_matched_by_name_whatever_its_columns_and_order(
    tmp_path, header, form
):
    path = _csv(tmp_path / "scores.csv", header, form)
    found = import_csv(path, SET, metric="prototypes")
    np.testing.assert_allclose(found.scores, VALUES)
    assert found.fingerprint == SET.fingerprint
    assert found.recipe == {"imported": "scores.csv"}


def test_a_csv_that_does_not_match_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    ask = lambda **more: import_csv(path, SET, metric="m", **more)  # noqa: E731
    _csv(path, "score", "{score}")
    with pytest.raises(InputError, match="the order cannot be verified"):
        ask()
    _csv(path, order=ORDER[:-2])
    with pytest.raises(InputError, match="2 examples of set have no row"):
        ask()
    _csv(path, order=[*ORDER, 3])
    with pytest.raises(InputError, match="several rows"):
        ask()
    _csv(path, "label,file,score", "0,{name},{score}")
    with pytest.raises(InputError, match="column label differs"):
        ask()
    _csv(path, "file,a,b", "{name},{score},{score}")
    with pytest.raises(InputError, match="which column holds the scores"):
        ask()
    np.testing.assert_allclose(ask(column="b").scores, VALUES)
    with pytest.raises(InputError, match="'c' is not a column of numbers"):
        ask(column="c")
    _csv(path, scores=np.where(np.arange(COUNT) == 2, np.nan, VALUES))
    with pytest.raises(InputError, match="is nan"):
        ask()
    path.write_text(_csv(path).read_text().replace("n1_", "n9_"))
    with pytest.raises(InputError, match="belong to no example"):
        ask()
    path.write_text(_csv(path).read_text() + "n1_5")
    with pytest.raises(InputError, match="is it truncated"):
        ask()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_of_another_system_is_read(tmp_path, encoding, delimiter, end):
    path = _csv(tmp_path / "scores.csv", "file,score", "train\\n01\\{name},{score}")
    text = path.read_text().replace(",", delimiter)
    path.write_text(text, encoding, newline=end)
    found = import_csv(path, SET, metric="m")
    np.testing.assert_array_equal(found.scores, VALUES)


def _numbered(tmp_path):
    """A folder whose files are called by numbers, and which table rows are whose."""
    for i in range(6):
        path = tmp_path / "set" / ("cat" if i < 3 else "dog") / f"{i + 1}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), i, np.uint8)).save(path)
    return load(f"folder:{tmp_path / 'set'}")


FILES = [3, 1, 2, 6, 5, 4]


@pytest.mark.parametrize(
    "header", ["rank,file,score", "file,rank,score", ",file,score"]
)
def test_numbers_of_rows_are_not_taken_for_names_of_files(tmp_path, header):
    data, path = _numbered(tmp_path), tmp_path / "scores.csv"
    first = header.startswith("file")
    rows = [
        f"{file}.png,{row},{file}.5" if first else f"{row},{file}.png,{file}.5"
        for row, file in enumerate(FILES, start=1)
    ]
    path.write_text("\n".join([header, *rows]))
    found = import_csv(path, data, metric="m", column="score").scores
    np.testing.assert_array_equal(found, np.arange(1, 7) + 0.5)
    # without suffixes it is not clear which is which
    path.write_text("\n".join([header, *rows]).replace(".png", ""))
    with pytest.raises(InputError, match="both name all examples, in different orders"):
        import_csv(path, data, metric="m", column="score")


def test_whole_scores_are_not_taken_for_names_of_files(tmp_path):
    data, path = _numbered(tmp_path), tmp_path / "scores.csv"
    rows = [f"{7 - file},{file}.png" for file in FILES]
    path.write_text("\n".join(["score,file", *rows]))
    found = import_csv(path, data, metric="m", column="score").scores
    np.testing.assert_array_equal(found, [6, 5, 4, 3, 2, 1])


def test_classes_of_a_table_are_compared_by_name(tmp_path):
    data, path = _numbered(tmp_path), tmp_path / "scores.csv"

    def read(header, form, classes):
        rows = [form.format(file=file, kind=classes[file > 3]) for file in range(1, 7)]
        path.write_text("\n".join([header, *rows]))
        return import_csv(path, data, metric="m").scores

    column = "file,class,score", "{file}.png,{kind},{file}.5"
    folder = "file,score", "train\\{kind}\\{file}.png,{file}.5"
    for classes in (("cat", "dog"), ("n1", "n2")):
        for table in (column, folder):
            np.testing.assert_array_equal(read(*table, classes), np.arange(1, 7) + 0.5)
    read(*column, ("1", "0"))  # others may number the classes as they like
    with pytest.raises(InputError, match="the column class differs from the labels"):
        read(*column, ("dog", "cat"))
    with pytest.raises(InputError, match=r"1\.png is in the folder of another class"):
        read(*folder, ("dog", "cat"))


@pytest.mark.parametrize("cell", ["-", "#DIV/0!", "5%", "True", "1 234.5"])
def test_a_cell_that_is_no_number_is_named_in_the_only_column_left(tmp_path, cell):
    path = _csv(tmp_path / "scores.csv", "file,score", "{name},{score}")
    lines = path.read_text().splitlines()
    lines[5] = f"{lines[5].split(',')[0]},{cell}"
    path.write_text("\n".join(lines))
    with pytest.raises(
        InputError, match=r"line 6 of the column score is .*, not a number"
    ):
        import_csv(path, SET, metric="m")


def test_columns_of_one_name_are_refused(tmp_path):
    path = _csv(tmp_path / "scores.csv", "file,score,score", "{name},{score},{row}")
    for column in (None, "score"):
        with pytest.raises(InputError, match="2 columns called 'score': rename them"):
            import_csv(path, SET, metric="m", column=column)


@pytest.mark.parametrize("name", ["class_score", "target", "Label error", "label"])
def test_a_column_that_is_asked_for_is_taken_whatever_its_name(tmp_path, name):
    path = _csv(tmp_path / "scores.csv", f"file,{name},other", "{name},{score},{row}")
    found = import_csv(path, SET, metric="m", column=name)
    np.testing.assert_array_equal(found.scores, VALUES)
    with pytest.raises(
        InputError, match=f"if it holds the scores, give column='{name}"
    ):
        import_csv(path, SET, metric="m")


def test_a_file_sorted_by_score_has_no_running_number(tmp_path):
    order = np.argsort(VALUES)
    for one in (order, order[::-1]):
        path = _csv(tmp_path / "scores.csv", order=one)
        np.testing.assert_array_equal(import_csv(path, SET, metric="m").scores, VALUES)
    for header, form in (
        ("file,score,number", "{name},{score},{row}"),
        (",file,score", "{row},{name},{score}"),
    ):
        path = _csv(tmp_path / "scores.csv", header, form, order)
        np.testing.assert_array_equal(import_csv(path, SET, metric="m").scores, VALUES)
    # the index of pandas, of a table that was sorted by something else
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[7:], *lines[1:7]]))
    np.testing.assert_array_equal(import_csv(path, SET, metric="m").scores, VALUES)
    # scores that are whole numbers from 1 on are called so
    whole = _csv(tmp_path / "whole.csv", "file,Score", "{name},{row}", order)
    found = import_csv(whole, SET, metric="m")
    np.testing.assert_array_equal(np.argsort(found.scores), order)
    ranks = _csv(tmp_path / "ranks.csv", "file,rank", "{name},{row}", order)
    with pytest.raises(InputError, match=r"the scores.* none but running numbers, of"):
        import_csv(ranks, SET, metric="m")
    found = import_csv(ranks, SET, metric="m", column="rank")
    np.testing.assert_array_equal(np.argsort(found.scores), order)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("", "line 6 of the column score is empty: give every"),
        ("  ", "line 6 of the column score is empty: give every"),
        ("NA", r"line 6 of the column score is empty \(NA\)"),
        ("0;5", "line 6 of the column score is '0;5', not a number"),
        ("1_000", "line 6 of the column score is '1_000', not a number"),
    ],
)
def test_a_cell_without_a_number_is_named(tmp_path, cell, says):
    path = _csv(tmp_path / "scores.csv", ",file,score", "{row},{name},{score}")
    lines = path.read_text().splitlines()
    name = lines[5].split(",")[1]
    lines[5] = f"4,{name},{cell}"
    path.write_text("\n".join(lines))
    asked = (None, "score") if cell.strip() in ("", "NA") else ("score",)
    for column in asked:
        with pytest.raises(InputError, match=says):
            import_csv(path, SET, metric="m", column=column)
    lines[5] = "4,,0.5"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="line 6 has no file, the cell is empty"):
        import_csv(path, SET, metric="m")


def test_decimal_commas_are_named(tmp_path):
    path = _csv(tmp_path / "scores.csv", "file;score", "{name};{score}")
    path.write_text(re.sub(r"(;-?\d+)\.", r"\1,", path.read_text()))
    with pytest.raises(InputError, match=r"is '-?\d,\d+', not a number: write points"):
        import_csv(path, SET, metric="m")


@pytest.mark.parametrize("kind", ["S20", object])
def test_memorization_of_imagenet_is_matched_by_name(tmp_path, kind):
    path = tmp_path / "imagenet_index.npz"
    names = np.array([SET.ids[i].split("/")[1].encode() for i in ORDER], dtype=kind)
    given = {"tr_filenames": names, "tr_labels": SET.labels[ORDER] + 1}
    np.savez(path, tr_mem=VALUES[ORDER], **given)
    found = import_feldman_zhang(path, SET)
    np.testing.assert_array_equal(found.scores, VALUES)
    assert found.metric == "memorization"
    given["tr_labels"] = np.roll(given["tr_labels"], 1)
    np.savez(path, tr_mem=VALUES[ORDER], **given)
    with pytest.raises(InputError, match="tr_labels differ"):
        import_feldman_zhang(path, SET)


def test_memorization_without_names_needs_the_official_order(tmp_path):
    path = tmp_path / "cifar100_infl_matrix.npz"
    np.savez(path, tr_mem=VALUES, tr_labels=SET.labels)
    np.testing.assert_array_equal(import_feldman_zhang(path, SET).scores, VALUES)
    np.savez(path, tr_mem=VALUES, tr_labels=SET.labels[::-1])
    with pytest.raises(InputError, match="not those of set in its order"):
        import_feldman_zhang(path, SET)
    for wrong, says in (VALUES.astype(str), "numbers"), (SET.images[:, 0, 0], "shape"):
        np.savez(path, tr_mem=wrong, tr_labels=SET.labels)
        with pytest.raises(InputError, match=f"(scores|tr_mem) .*{says}"):
            import_feldman_zhang(path, SET)
    np.savez(path, other=VALUES)
    with pytest.raises(InputError, match="another file"):
        import_feldman_zhang(path, SET)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="not a complete npz"):
        import_feldman_zhang(path, SET)


class _Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_objects_in_an_npz_are_not_run(tmp_path):
    path, victim = tmp_path / "imagenet_index.npz", tmp_path / "victim"
    names = np.array([_Attack(str(victim))] * COUNT, dtype=object)
    np.savez(path, tr_mem=VALUES, tr_labels=SET.labels, tr_filenames=names)
    with pytest.raises(InputError, match=r"would run \w+\.mkdir"):
        import_feldman_zhang(path, SET)
    assert not victim.exists()
