"""Members of a folder, or of the tar archive that it was downloaded as."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from pathlib import Path

from perceptron_theory import InputError


def read_members(path: Path, names: list[str]) -> list[bytes]:
    """The contents of the files ``names``, in any sub-folder of an archive.

    Raises:
        InputError: no such folder or archive, a member is missing, it is truncated.
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
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in names and member.isfile():
                    file = archive.extractfile(member)
                    found[name] = file.read() if file else b""
                    if len(found[name]) != member.size:
                        raise EOFError("member cut short")
            # the checksum of a compressed file is behind the last member
            while archive.fileobj and archive.fileobj.read(2**20):
                pass
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        line = str(error).splitlines()[0].rstrip(":")
        raise InputError(
            f"{path} is no complete archive ({line}): download it again"
        ) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path} has no member {missing[0]}: is it the right archive?")
    return [found[name] for name in names]
