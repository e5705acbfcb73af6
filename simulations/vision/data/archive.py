"""Members of a folder, or of the tar or zip archive that it was downloaded as."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from perceptron_theory import InputError
from perceptron_theory.errors import first_line

from .file_kinds import BZIP2, GZIP, TAR, XZ, ZIP, instead, kind_of_file
from .listing import is_data_path

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,  # a zip with a password, or of an unknown compression
    ValueError,
)


def read_members(path: Path, names: list[str]) -> list[bytes]:
    """The contents of the files ``names``, in any sub-folder of an archive.

    Raises:
        InputError: no such folder or archive, a member is missing or there are two
            different ones of its name, it is truncated.
    """
    if path.is_dir():
        missing = [name for name in names if not (path / name).is_file()]
        if missing:
            raise InputError(
                f"{path} has no {missing[0]}: is the download complete, the folder "
                "right?"
            )
        return [(path / name).read_bytes() for name in names]
    if not path.exists():
        raise InputError(f"{path} does not exist: give the data's folder or archive")
    members = _of_zip if kind_of_file(path) == ZIP else _of_tar
    found: dict[str, bytes] = {}
    try:
        for name, content in members(path, names):
            if found.setdefault(name, content) != content:
                raise InputError(f"{path} has two different members {name}: unpack it")
    except InputError:
        raise
    except _DAMAGED as error:
        line = first_line(error).rstrip(":")
        advice = instead(path, ZIP, TAR, GZIP, BZIP2, XZ)
        raise InputError(
            f"{path} is not a complete archive ({line}){advice}"
        ) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path} has no member {missing[0]}: is it the right archive?")
    return [found[name] for name in names]


def _wanted(member: str, names: list[str]) -> str | None:
    """Which of the names a member has, if it is none of a system's."""
    name = member.rsplit("/", 1)[-1]
    return name if name in names and is_data_path(member) else None


def _of_tar(path: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            name = _wanted(member.name, names)
            if name is not None and member.isfile():
                file = archive.extractfile(member)
                content = file.read() if file else b""
                if len(content) != member.size:
                    raise EOFError("member cut short")
                yield name, content
        # the checksum of a compressed file is behind the last member
        while archive.fileobj and archive.fileobj.read(2**20):
            pass


def _of_zip(path: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = _wanted(member.filename, names)
            if name is not None and not member.is_dir():
                yield name, archive.read(member)  # its checksum is verified
