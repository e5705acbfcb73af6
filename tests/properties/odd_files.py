"""Files as other people's programs, disks and downloads leave them."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
MARKS = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}
ENDS = ("\n", "\r\n", "\r")
STARTS = (
    b"",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x89HDF\r\n\x1a\n",
    b"\x93NUMPY\x01\x00",
    b"<html>",
    b"version https://git-lfs",
    b"\x80\x04",
    b"PAR1",
    b"[[[[",
)

# what stands in cells and ids: quotes, separators, other scripts, breaks of lines
odd_text = st.text(
    st.one_of(
        st.sampled_from(
            "ab01.,;\t\"'\\/-+_ =#%$^\u00e9\u4e2d\U0001f600\u0663\u2028\x85\x0b"
        ),
        st.characters(codec="utf-8", exclude_characters="\r\n\0"),
    ),
    max_size=8,
)
word = st.text("abcxyz019_-", min_size=1, max_size=5)


@contextmanager
def folder():
    """A folder that is removed; quicker than one of pytest's for each example."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@st.composite
def written(draw, text: str) -> bytes:
    """A text by some editor: its encoding, mark and ends of lines."""
    encoding = draw(st.sampled_from(ENCODINGS))
    text = text.replace("\n", draw(st.sampled_from(ENDS)))
    return (MARKS.get(encoding, "") + text).encode(encoding)


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """What disks and downloads do to a file: cut, changed or mixed with others."""
    how = draw(st.sampled_from(["cut", "byte", "bytes", "more", "other", "double"]))
    place = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "cut":
        return content[:place]
    if how == "byte":
        byte = bytes([draw(st.integers(0, 255))])
        return content[:place] + byte + content[place + 1 :]
    if how == "bytes":
        some = draw(st.binary(max_size=8))
        return content[:place] + some + content[place + len(some) :]
    if how == "more":
        return content + draw(st.binary(max_size=8))
    if how == "double":
        return content + content
    return draw(st.sampled_from(STARTS)) + draw(st.binary(max_size=40))


# what JSON and TOML can hold in a place
plain_value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([10**30, 10**400, -(2**63), 2**63]),
    st.floats(),
    odd_text,
    st.lists(st.integers(0, 3), max_size=3),
    st.just({}),
    st.just({"a": [1]}),
    st.just([[1], ["a"]]),
)
