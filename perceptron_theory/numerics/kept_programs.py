"""Programs in the user's cache directory, for the processes to come.

Tracing and compiling are nearly all of the time to a first answer, and come out the
same every time.  Two things are kept below one folder of this version, of JAX's and of
the processor: JAX's own persistent cache, which saves compiling, and whole programs of
the theory, NumPy's and XLA's, which save tracing too (:mod:`.compilation`).

Reading a program runs code, so that nothing is read that another user could have
written, nor what does not match its checksum.  Whatever is wrong with the folder or
with a file in it, the program is compiled again: a cache is never an error.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
import warnings
import zlib
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..errors import InputError
from ..paths import expanded

NAME = "pruning-laws"
VARIABLE = "PRUNING_LAWS_CACHE"
OFF = "off", "0", "no", "false"
LARGEST = 2**30  # bytes of all that is kept
_MAGIC = b"pruning-laws program 1\n"
_DIGEST = 32  # bytes of SHA-256
_OTHERS_WRITE = 0o022
_NOT_YET = object()

_folder: object = _NOT_YET


def keep_compiled(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep compiled programs on disk, for this process and those that it starts.

    The command line does this by itself.  A cache directory that JAX was given before
    stays JAX's.

    Args:
        folder: where; by default what the environment variable ``PRUNING_LAWS_CACHE``
            names, else ``pruning-laws`` in ``XDG_CACHE_HOME`` or ``~/.cache``.  With
            ``PRUNING_LAWS_CACHE=off`` (or 0) nothing is kept, whatever ``folder`` says.

    Returns:
        The folder in use, or None: kept programs are off, or no folder can be had.

    Raises:
        InputError: ``folder`` is no path.
    """
    global _folder
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise InputError(f"folder must be a path or None, got {folder!r}")
    setting = os.environ.get(VARIABLE, "")
    _folder = None
    if setting.lower() in OFF:
        return None
    with suppress(OSError, RuntimeError):  # no home, a read-only or a full disk
        base = expanded(folder or setting or _default()).absolute()
        here = base / _edition()
        for part in (base, here, here / "programs"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[VARIABLE] = str(base)
        _keep_for_jax(here / "jax")
        _folder = here / "programs"
        return base
    return None


def programs() -> Path | None:
    """The folder of executables, if they are kept; the environment may have asked."""
    if _folder is _NOT_YET:
        if not os.environ.get(VARIABLE):
            return None
        keep_compiled()
    return _folder if isinstance(_folder, Path) else None


def read(folder: Path, key: str) -> bytes | None:
    """What was written under a key, if it is there, whole and ours."""
    with suppress(OSError, zlib.error):
        if not _is_ours(folder.stat()):
            return None
        with (folder / key).open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            content = file.read()
        head = len(_MAGIC) + _DIGEST
        if content[:head] == _MAGIC + _checksum(key, content[head:]):
            os.utime(folder / key)  # the oldest goes first
            return zlib.decompress(content[head:])
    return None


def write(folder: Path, key: str, content: bytes) -> None:
    """Keep ``content`` under a key: the file appears whole or not at all."""
    body = zlib.compress(content, 1)
    with suppress(OSError):
        if not _is_ours(folder.stat()):
            return
        number, part = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(_MAGIC + _checksum(key, body) + body)
            os.replace(part, folder / key)
        finally:
            Path(part).unlink(missing_ok=True)
        _bound(folder.parents[1])


def _default() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return home / NAME


@lru_cache
def _edition() -> str:
    """The folder's name: what a program was compiled by and for."""
    parts = [f"{name}-{_version(name)}" for name in (NAME, "jax", "jaxlib")]
    return "-".join([*parts, hashlib.sha256(processor().encode()).hexdigest()[:12]])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a folder that was not installed
        return "unknown"


@lru_cache
def processor() -> str:
    """The kind of processor, with the instructions that it has."""
    found = [platform.machine()]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        wanted = ("model name", "flags", "Features")
        found += sorted({line for line in lines if line.startswith(wanted)})
    except OSError:  # not Linux; on macOS this text names the chip
        found.append(platform.version())
    return "\n".join(found)


def _keep_for_jax(folder: Path) -> None:
    """JAX's persistent cache, unless there is one, whether JAX is imported or not."""
    jax = sys.modules.get("jax")
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    if jax and getattr(jax.config, "jax_compilation_cache_dir", None):
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    for name, value in settings.items():
        os.environ.setdefault(name.upper(), str(value))
        if jax:
            jax.config.update(name, value)
    if jax:  # it decides at its first program whether there is a cache
        from jax.experimental.compilation_cache import compilation_cache

        compilation_cache.reset_cache()
    # JAX warns of a damaged entry, and compiles
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation")


def _is_ours(status: os.stat_result) -> bool:
    """Nobody else can have written it; where one cannot tell, nothing is kept."""
    user = getattr(os, "getuid", lambda: None)()
    return status.st_uid == user and not status.st_mode & _OTHERS_WRITE


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + body).digest()


def _bound(base: Path) -> None:
    """Delete the oldest of our files where they are too large together.

    The user names the folder, and may keep files of his own in it.
    """
    files = []
    ours = [*base.glob(f"{NAME}-*/programs/*"), *base.glob(f"{NAME}-*/jax/*")]
    for path in ours:
        with suppress(OSError):  # another process was faster
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    size = sum(file[1] for file in files)
    for _, length, path in sorted(files):
        if size <= LARGEST:
            return
        with suppress(OSError):
            path.unlink()
        size -= length
