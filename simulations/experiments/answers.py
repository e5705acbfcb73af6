"""Which test examples a run got wrong, as text in a cell of its table."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import pandas as pd
from jaxtyping import Bool

from perceptron_theory import InputError


def packed(wrong: Bool[np.ndarray, " T"]) -> str:
    """One bit an example, in base 64."""
    return base64.b64encode(np.packbits(wrong).tobytes()).decode()


def wrong_of(rows: pd.DataFrame) -> Bool[np.ndarray, "R T"]:
    """Which test examples each row of a table got wrong, in the order of the test set.

    Args:
        rows: Of an experiment that was run with ``answers = true``.

    Raises:
        InputError: They say nothing of it, or not of all test examples.
    """
    if "wrong_examples" not in rows:
        raise InputError(
            "the table does not say which test examples were wrong: run the experiment "
            "with answers = true"
        )
    return np.stack(
        [
            _unpacked(text, int(tested))
            for text, tested in zip(rows["wrong_examples"], rows["tested"], strict=True)
        ]
    )


def _unpacked(text: str, tested: int) -> Bool[np.ndarray, " T"]:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"wrong_examples is not base 64 ({error})") from error
    bits = np.frombuffer(content, np.uint8)
    if len(bits) != -(-tested // 8):
        raise InputError(f"wrong_examples is not of {tested} examples")
    return np.unpackbits(bits, count=tested).astype(bool)
