"""Text files of any system: UTF-8 or UTF-16, with a byte-order mark or without."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from .errors import InputError

# that of UTF-32 begins with that of UTF-16
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# what is no text, by its first bytes
_KINDS = {
    b"PK\x03\x04": "a .zip archive, or a spreadsheet such as .xlsx",
    b"\xd0\xcf\x11\xe0": "a spreadsheet or document of old Office",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x93NUMPY": "a .npy file",
    b"PAR1": "a parquet file",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"%PDF": "a PDF file",
}


def read_text(path: Path) -> str:
    """The text of a file, see :func:`decoded`.

    Raises:
        InputError: it is in another encoding, or no text.  The message leaves it to the
            caller to say which file, and what should be in it.
        OSError: it cannot be read.
    """
    return decoded(path.read_bytes())


def read_record(path: Path) -> dict[str, Any]:
    """The object of JSON in a file.

    Raises:
        InputError: it holds no text or no JSON, or something else than an object.  The
            message leaves it to the caller to say which file.
        OSError: it cannot be read.
    """
    return record_of(read_text(path))


def record_of(text: str | bytes) -> dict[str, Any]:
    """The object of JSON in a text.

    Raises:
        InputError: it is no JSON, or something else than an object.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from error
    except RecursionError:
        raise InputError("not JSON of ours: it is nested too deeply") from None
    if not isinstance(found, dict):
        raise InputError("not a record: its JSON is not an object")
    return found


def decoded(content: bytes) -> str:
    r"""The text of bytes, its lines ended by "\n"; UTF-8 where no mark says otherwise.

    Raises:
        InputError: they are in another encoding, or no text.
    """
    for start, kind in _KINDS.items():
        if content.startswith(start):
            raise InputError(f"not text: it is {kind}; save or unpack it as text")
    marked = (name for mark, name in _MARKS.items() if content.startswith(mark))
    encoding = next(marked, "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        kind = encoding.removesuffix("-sig").upper()
        raise InputError(
            f"not {kind} text: byte {error.start} is {content[error.start]:#04x}; save "
            "it as UTF-8"
        ) from error
    if content and not text:
        raise InputError("not text: it has a byte-order mark and nothing else")
    if "\0" in text:
        raise InputError(
            "not UTF-8 text: it has zero bytes, as UTF-16 without a byte-order mark; "
            "save it as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")
