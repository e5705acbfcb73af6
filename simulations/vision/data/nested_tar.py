"""Images in a tar archive, or in tars within it, found by offset and never unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

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
    for ImageNet 1.28 million of them.

    Raises:
        InputError: no archive, a compressed one, or truncated: it says where.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file, path.open("rb") as inside:
            found = []
            end = 0
            for member in _files(file, size, path.name):
                end = member.offset_data + member.size
                if not member.name.endswith(".tar"):
                    found.append((member.name, member.offset_data, member.size))
                    continue
                folder = Path(member.name).stem
                inside.seek(member.offset_data)
                for image in _files(inside, end, member.name):
                    name = f"{folder}/{Path(image.name).name}"
                    found.append((name, image.offset_data, image.size))
            # the download may have stopped between two members: the end has a mark
            file.seek(-(-end // _BLOCK) * _BLOCK)
            if file.read(_BLOCK) != bytes(_BLOCK):
                last = found[-1][0] if found else "its start"
                raise EOFError(f"it ends after {last}")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{path} is no complete, uncompressed tar archive ({error}): download it "
            "again"
        ) from error
    return found


def _files(file, end: int, name: str) -> Iterator[tarfile.TarInfo]:
    """Files of the archive that starts where ``file`` is, none beyond ``end``."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            lacking = member.offset_data + member.size - end
            if lacking > 0:
                raise EOFError(f"{name}: {member.name} lacks {lacking} bytes")
            if member.isfile():
                yield member
