import codecs
import json

import pytest

from perceptron_theory import InputError, load_problem
from perceptron_theory.text_files import read_text

TEXT = "Größe;ж;1\nzwei\n"
MARKED = {
    "utf-8-sig": b"",
    "utf-16": b"",
    "utf-32": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "utf-8": b"",
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", MARKED)
def test_text_of_every_system_is_the_same(tmp_path, encoding, end):
    path = tmp_path / "text"
    path.write_bytes(MARKED[encoding] + TEXT.replace("\n", end).encode(encoding))
    assert read_text(path) == TEXT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            TEXT.replace("ж", "").encode("cp1252"),
            "not UTF-8 text: byte 2 is 0xf6; save",
        ),
        (b"\xff\xfea", "not UTF-16 text: byte"),
        (TEXT.encode("utf-16-le"), "not UTF-8 text"),
        ("plain".encode("utf-16-le"), "zero bytes, as UTF-16 without"),
        (b"\xff\xfe", "a byte-order mark and nothing else"),
        (b"\xef\xbb\xbf", "a byte-order mark and nothing else"),
        (b"\x89PNG\r\n\x1a\n", "not text: it is an image; save"),
        (b"\x1f\x8b\x08\0", "not text: it is a gzip file; save or unpack it as text"),
        (b"PK\x03\x04\x14\0", "not text: it is a .zip archive, or a spreadsheet such"),
    ],
)
def test_what_is_no_text_is_said_to_be_none(tmp_path, content, says):
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_text(path)


def test_an_empty_file_is_an_empty_text(tmp_path):
    (tmp_path / "text").write_bytes(b"")
    assert read_text(tmp_path / "text") == ""


def test_a_problem_file_that_an_editor_saved_anew_is_read(tmp_path):
    path = tmp_path / "problem.json"
    hard = {"class": "Hard"}
    content = {
        "format": "pruning-laws problem",
        "point": {"alpha_prune": 3.0},
        "rule": hard,
        "student": {"class": "MaxMargin"},
        "margin": "absolute",
    }
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text(json.dumps(content), encoding)
        assert load_problem(path)["alpha_prune"] == 3.0
    path.write_text("é", "latin-1")
    with pytest.raises(
        InputError, match=r"problem\.json' is not a problem file \(not UTF-8"
    ):
        load_problem(path)
