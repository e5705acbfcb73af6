"""Weights by name, from a safetensors file or one of ``torch.save``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from perceptron_theory import InputError
from perceptron_theory.paths import expanded

from ..data.file_kinds import kind_of_file
from ..optional import require
from .torch_file import LEGACY_START, ZIP_START, Stored, array_of, read_torch

# where training scripts put the weights among other things
_INSIDE = ("state_dict", "model", "model_state_dict", "net")
# what Hugging Face calls the file in a model's folder
_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")

_SAFETENSORS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
}


def read_weights(path: Path | str) -> dict[str, np.ndarray]:
    """All tensors of a file, told by its content; none of what it says is run.

    Args:
        path: a file, or the folder of a model of Hugging Face.

    Raises:
        InputError: no such file, an unknown kind, damaged, a pickle that names other
            things than tensors, no weights in it.
    """
    path = expanded(path)
    if path.is_dir():
        found = [path / name for name in _IN_FOLDER if (path / name).is_file()]
        if not found:
            raise InputError(f"{path} has no {' or '.join(_IN_FOLDER)}: give a file")
        path = found[0]
    if not path.is_file():
        raise InputError(f"{path} does not exist: give a file of weights")
    with path.open("rb") as file:
        start = file.read(max(len(LEGACY_START), 9))
    if start.startswith((ZIP_START, LEGACY_START)):
        return _of_torch(path)
    if start[8:9] == b"{":
        return _of_safetensors(path)
    kind = kind_of_file(path)
    raise InputError(
        f"{path} is neither a safetensors file nor one of torch.save"
        f"{f', but {kind}' if kind else ''}: convert it to safetensors"
    )


def _of_torch(path: Path) -> dict[str, np.ndarray]:
    content, storages = read_torch(path)
    weights = _weights(content)
    if not weights or not all(isinstance(one, Stored) for one in weights.values()):
        what = type(content).__name__
        if isinstance(content, dict):
            what = f"a dictionary of {', '.join(map(str, list(content)[:5]))}"
        raise InputError(
            f"{path} holds {what}, not tensors by name (alone, or under "
            f"{', '.join(_INSIDE)}): save model.state_dict()"
        )
    arrays = {}
    for name, tensor in weights.items():
        try:
            arrays[str(name)] = array_of(tensor, storages)
        except Exception as error:  # descriptions may be anything
            raise InputError(
                f"{path}: {name} is damaged ({error}): download it again"
            ) from error
    return arrays


def _weights(content: Any) -> dict[Any, Any]:
    if not isinstance(content, dict):
        return {}
    inside = [content[name] for name in _INSIDE if isinstance(content.get(name), dict)]
    return inside[0] if inside else content


def _of_safetensors(path: Path) -> dict[str, np.ndarray]:
    require("safetensors", "a safetensors file")
    from safetensors import SafetensorError, deserialize

    try:
        tensors = deserialize(path.read_bytes())
    except SafetensorError as error:
        raise InputError(
            f"{path} is not a complete safetensors file ({error}): download it again"
        ) from error
    arrays = {}
    for name, tensor in sorted(tensors, key=lambda one: one[0]):  # of no order
        if tensor["dtype"] not in _SAFETENSORS:
            raise InputError(f"{path}: {name} is of type {tensor['dtype']}")
        flat = np.frombuffer(tensor["data"], _SAFETENSORS[tensor["dtype"]])
        arrays[name] = flat.reshape(tensor["shape"])
    return arrays
