"""Pickles of arrays and plain values, read without running anything they name."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from perceptron_theory import InputError

_ALLOWED = {
    # NumPy renamed its core package; the official CIFAR-10 files have the old name
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes bytes
    ("collections", "OrderedDict"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")
        if (module, name) == ("numpy._core.numeric", "_frombuffer"):
            return _from_buffer()
        if (module, name) not in _ALLOWED:
            raise InputError(f"would run {module}.{name}")
        return super().find_class(module, name)


def _from_buffer() -> Any:
    """How protocol 5 writes arrays; a new function, as a pickle may change it."""

    def array(
        content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
    ) -> Any:
        flat: Any = np.frombuffer(content, dtype)
        if order == "K" and axes is not None:
            return flat.reshape(shape).transpose(axes)
        return flat.reshape(shape, order=order)

    return array


def safe_load(content: bytes, where: str) -> Any:
    """The value of a pickle that holds arrays, numbers, text and containers of them.

    Raises:
        InputError: it names anything else, which is not run, or is damaged.
    """
    unpickler = _Unpickler(io.BytesIO(content), encoding="bytes")
    return load_with(unpickler, where, "is not a data file")


def load_with(unpickler: pickle.Unpickler, where: str, advice: str) -> Any:
    """The value from an unpickler whose ``find_class`` raises for what it forbids.

    Raises:
        InputError: it did, the line ends with ``advice``; or the pickle is damaged.
    """
    try:
        return unpickler.load()
    except InputError as error:
        line = ascii(str(error))[1:-1]  # names in a pickle may be anything
        raise InputError(
            f"{where} is a pickle that {line}: it was not, and {advice}"
        ) from None
    except Exception as error:  # a damaged pickle raises anything
        raise InputError(
            f"{where} is damaged ({type(error).__name__}): download it again"
        ) from error


def by_text_key(found: Any, where: str) -> dict[Any, Any]:
    """A dictionary by keys of text, which are bytes where an older Python wrote it.

    Raises:
        InputError: A key is there as bytes and as text.
        TypeError: It is no dictionary.
    """
    named: dict[Any, Any] = {}
    for key in found:
        text = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
        if text in named:
            raise InputError(
                f"{where} has {text!r} twice, as bytes and as text: leave one of them"
            )
        named[text] = found[key]
    return named
