import pytest

from perceptron_theory import InputError
from simulations.csv_files import last_part, read_csv
from simulations.files import read_toml


def _read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return read_csv(path, "CSV file of things")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a;b\n1;2\n3;4",
        "a\tb\n1\t2\n3\t4\n",
        "sep=;\na;b\n1;2\n3;4\n",
        "sep=|\na|b\n1|2\n3|4\n",
        '"a", b \n1,2\n\n3,"4"\n',
    ],
)
def test_a_table_of_any_program_is_read(tmp_path, text, encoding, end):
    found = _read(tmp_path, text.replace("\n", end), encoding)
    assert found.columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert found.lines[-1] == len(text.rstrip().split("\n"))


def test_a_delimiter_is_one_that_cuts_all_lines_alike(tmp_path):
    found = _read(tmp_path, "name;value, raw\na;1\nb;2\n")
    assert found.columns == {"name": ["a", "b"], "value, raw": ["1", "2"]}
    found = _read(tmp_path, "name,value\na;x,1\nb,2\n")
    assert found.columns == {"name": ["a;x", "b"], "value": ["1", "2"]}
    found = _read(tmp_path, 'name,value\n"a\nx",1\nb,2\n')  # a cell of two lines
    assert found.columns == {"name": ["a\nx", "b"], "value": ["1", "2"]}
    assert found.lines == [3, 4]
    assert _read(tmp_path, "name\na\nb\n").columns == {"name": ["a", "b"]}
    found = _read(tmp_path, "name|value\na, x|1\nb|2\n")
    assert found.columns == {"name": ["a, x", "b"], "value": ["1", "2"]}
    assert _read(tmp_path, ",a,\n1,2,3\n").columns.keys() == {
        "column 0",
        "a",
        "column 2",
    }


def test_separators_at_the_ends_of_lines_make_no_column(tmp_path):
    for text in ("a;b;\n1;2;\n3;4; \n", "a,b,\r\n1,2,\r\n3,4,"):
        found = _read(tmp_path, text)
        assert found.columns == {"a": ["1", "3"], "b": ["2", "4"]}
    found = _read(tmp_path, "a,b,\n1,2,\n3,4,5\n")
    assert found.columns["column 2"] == ["", "5"]
    assert _read(tmp_path, "a,b\n1,\n2,\n").columns["b"] == ["", ""]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b,a\n1,2,3\n", "has 2 columns called 'a': rename"),
        ("a;b; a\n1;2;3\n", "has 2 columns called 'a': rename"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, the header 2"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells, the header 2"),
        ("a,b\n", "is not a CSV file of things: it has no rows"),
        ("", "is not a CSV file of things: it has no rows"),
        ('a,b\n"1,2\n3,4\n', r"is not a CSV file of things \(line 3: unexpected end"),
        ("a,b\n\0,2\n", r"is not a CSV file of things \(not UTF-8 text: it has zero"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        _read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_no_file_is_no_table(tmp_path):
    with pytest.raises(InputError, match=r"not a CSV .*No such file"):
        read_csv(tmp_path / "none.csv", "CSV file of things")
    with pytest.raises(InputError, match=r"not a CSV .*Is a directory"):
        read_csv(tmp_path, "CSV file of things")


def test_the_last_part_of_a_path_of_any_system():
    for path in ("a/b/c.png", r"a\b\c.png", r"C:\a/b\c.png", "c.png", " c.png "):
        assert last_part(path) == "c.png"


def test_toml_of_another_system_is_read(tmp_path):
    path = tmp_path / "own.toml"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text('a = "é"\r\n', encoding)
        assert read_toml(path, tmp_path, "recipe")[1] == {"a": "é"}
    path.write_text('a = "é"', "latin-1")
    with pytest.raises(
        InputError,
        match=r"own\.toml is not a readable recipe "
        r"\(not UTF-8 text",
    ):
        read_toml(path, tmp_path, "recipe")
