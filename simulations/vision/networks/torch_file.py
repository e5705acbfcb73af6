"""Files of ``torch.save``, read without PyTorch and without running what they name.

Such a file is a pickle that names functions which make tensors out of storages, and
the bytes of the storages: as members of a zip archive, or, before PyTorch 1.6, one
after another behind the pickle.  (SwAV was trained with 1.4.)  Here the pickle may name
those functions, the kinds of storage and OrderedDict, and makes descriptions of tensors
only; their bounds are checked before they become arrays.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import jax.numpy as jnp
import numpy as np

from perceptron_theory import InputError

from ..data.safe_pickle import load_with

ZIP_START = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = pickle.dumps(_MAGIC, protocol=2)

_TYPES = {
    "BFloat16Storage": jnp.bfloat16,
    "BoolStorage": np.bool_,
    "ByteStorage": np.uint8,
    "CharStorage": np.int8,
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "IntStorage": np.int32,
    "LongStorage": np.int64,
    "ShortStorage": np.int16,
}
_ADVICE = "only weights can be read: save them by torch.save(model.state_dict(), PATH)"


# Named tuples, not dataclasses: a pickle can change the attributes of anything that has
# a __dict__.
class _Storage(NamedTuple):
    kind: str
    key: str
    size: int


class Stored(NamedTuple):
    """A tensor as a file describes it, which nobody checked: :func:`array_of` does."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


class TorchFile(NamedTuple):
    """Dictionaries, lists and so on of :class:`Stored`; the bytes of each storage."""

    content: Any
    storages: dict[str, bytes]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        # new functions and text: whatever a pickle does to them touches nothing else
        match module, name:
            # the first is of PyTorch before 0.4, whose tensors had no gradients
            case "torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2":
                return lambda storage, offset, shape, strides, *_: Stored(
                    storage, offset, shape, strides
                )
            case (
                "torch._utils",
                "_rebuild_parameter" | "_rebuild_parameter_with_state",
            ):
                return lambda data, *_: data
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch", "Size":
                return lambda sizes=(): tuple(sizes)
            case "torch" | "torch.cuda", kind if kind in _TYPES:
                return kind
        raise InputError(f"would run {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", str(kind), str(key), _, int(count), *view) if (
                kind in _TYPES and view in ([], [None])
            ):
                return self.storages.setdefault(key, _Storage(kind, key, count))
        raise ValueError("a storage of no known kind")


def read_torch(path: Path) -> TorchFile:
    """What ``torch.save`` wrote.

    Raises:
        InputError: a damaged file, another kind of file, one of a big-endian machine, a
            pickle that names something else.
    """
    with path.open("rb") as file:
        read = _read_zip if file.read(len(ZIP_START)) == ZIP_START else _read_legacy
        file.seek(0)
        try:
            return read(file, path)
        except InputError:
            raise
        except Exception as error:  # a damaged file raises anything
            raise InputError(
                f"{path} is not a complete file of torch.save ({error}): "
                "download it again"
            ) from error


def array_of(tensor: Stored, storages: Mapping[str, bytes]) -> np.ndarray:
    """A tensor's values.

    Raises:
        ValueError: the description does not fit the bytes.
    """
    storage, offset, shape, strides = tensor
    numbers = (offset, *shape, *strides)
    if (
        not isinstance(storage, _Storage)
        or len(shape) != len(strides)
        or not all(isinstance(n, int) and n >= 0 for n in numbers)
    ):
        raise ValueError("a tensor that is none")
    dtype = np.dtype(_TYPES[storage.kind])
    content = storages[storage.key]
    if len(content) != storage.size * dtype.itemsize:
        raise ValueError(f"{len(content)} bytes for {storage.size} values of {dtype}")
    size = math.prod(shape)
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    # a tensor of more values than its storage would fill the memory from a small file
    if size > storage.size or (size and last >= storage.size):
        raise ValueError(f"a tensor of shape {shape} beyond its storage")
    if not size:
        return np.empty(shape, dtype)
    flat = np.frombuffer(content, dtype)[offset:]
    steps = [s * dtype.itemsize for s in strides]
    return np.lib.stride_tricks.as_strided(flat, shape, steps).copy()


def _read_zip(file: BinaryIO, path: Path) -> TorchFile:
    with zipfile.ZipFile(file) as archive:

        def member(name: str) -> bytes:
            # torch compresses nothing, so that no file unpacks to more than it is
            if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
                raise InputError(
                    f"{path}: {name} is compressed, as torch.save compresses nothing: "
                    "give the file as it was saved"
                )
            return archive.read(name)

        names = archive.namelist()
        pickles = [name for name in names if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise InputError(
                f"{path} is not a complete file of torch.save, but a .zip archive of "
                f"other files ({', '.join(names[:3])}): unpack it"
            )
        folder = pickles[0].removesuffix("data.pkl")
        if folder + "byteorder" in names:
            _check_order(path, member(folder + "byteorder") == b"little")
        unpickler = _Unpickler(io.BytesIO(member(pickles[0])))
        content = load_with(unpickler, str(path), _ADVICE)
        found = {key: member(f"{folder}data/{key}") for key in unpickler.storages}
    return TorchFile(content, found)


def _read_legacy(file: BinaryIO, path: Path) -> TorchFile:
    def load() -> tuple[Any, dict[str, _Storage]]:
        unpickler = _Unpickler(file)
        return load_with(unpickler, str(path), _ADVICE), unpickler.storages

    (magic, _), _, (system, _) = load(), load(), load()
    if magic != _MAGIC:
        raise ValueError("another magic number")
    _check_order(path, system["little_endian"])
    (content, storages), (keys, _) = load(), load()
    found = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        if count != storages[key].size:
            raise ValueError(f"{count} values in a storage of {storages[key].size}")
        found[key] = file.read(count * np.dtype(_TYPES[storages[key].kind]).itemsize)
    return TorchFile(content, found)


def _check_order(path: Path, little_endian: bool) -> None:
    if not little_endian:
        raise InputError(f"{path} was saved by a big-endian machine: convert it there")
