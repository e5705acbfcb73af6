"""Images in a tar archive, or in tars within it, found by offset and never unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from .file_kinds import TAR, instead
from .listing import is_data_path, text_of_name

_BLOCK = 512  # bytes, of headers and of what sizes are rounded up to


@dataclass(frozen=True)
class Slices:
    """Parts of one file, an image each."""

    path: Path
    offsets: Int[np.ndarray, " P"]
    sizes: Int[np.ndarray, " P"]

    def read(self, row: int) -> bytes:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(int(self.offsets[row]))
                content = file.read(int(self.sizes[row]))
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be read ({error.strerror})"
            ) from error
        if len(content) != self.sizes[row]:
            raise InputError(f"{self.path} is shorter than when it was listed")
        return content


def list_members(path: Path) -> list[tuple[str, int, int]]:
    """Names, offsets and sizes of files in an archive, in its order.

    Members of ``class.tar`` within it are named ``class/file``.  Only headers are read:
    for ImageNet 1.28 million of them.  Hidden names and those of systems are left out.

    Raises:
        InputError: no archive, a compressed one, or truncated: it says where.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file, path.open("rb") as inside:
            found = []
            for member in _files(file, size, path.name):
                name = PurePosixPath(text_of_name(member.name))
                if not is_data_path(str(name)):
                    continue
                if name.suffix != ".tar":
                    found.append((str(name), member.offset_data, member.size))
                    continue
                inside.seek(member.offset_data)
                end = member.offset_data + member.size
                for image in _files(inside, end, member.name):
                    file_name = PurePosixPath(text_of_name(image.name))
                    if is_data_path(str(file_name)):
                        one = f"{name.stem}/{file_name.name}"
                        found.append((one, image.offset_data, image.size))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{path} is not a complete, uncompressed tar archive ({error})"
            f"{instead(path, TAR)}"
        ) from error
    return found


def _files(file, end: int, name: str) -> Iterator[tarfile.TarInfo]:
    """Files of the archive that starts where ``file`` is, none beyond ``end``."""
    last, after = "its start", file.tell()
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            last, after = member.name, member.offset_data + member.size
            if after > end:
                raise EOFError(f"{name}: {last} lacks {after - end} bytes")
            if member.isfile():
                yield member
    # tarfile stops without a word at a damaged header, or where a download stopped
    # between two members; a whole archive has an empty block as its end
    after = -(-after // _BLOCK) * _BLOCK
    file.seek(after)
    if after + _BLOCK > end or file.read(_BLOCK) != bytes(_BLOCK):
        raise EOFError(f"{name} ends, or is damaged, after {last}")
