"""DDD: examples on which the models of an ensemble agree, rightly or wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Array, Bool, Float

from perceptron_theory.errors import unknown_name

from .. import inputs
from .contract import CORRECT, Given, Metric

VARIANTS = ("wrong", "classes", "disagreement")


def ddd(
    correct: Bool[Array, "K P"] | Bool[np.ndarray, "K P"], *, variant: str = "wrong"
) -> Float[np.ndarray, " P"]:
    """Dichotomous data difficulty: how many models of an ensemble are right.

    Meding et al. 2022 (arXiv 2110.05922): networks agree on which examples are trivial
    (all are right) and impossible (none is); what tells models apart lies between.  How
    Sorscher et al. graded training images is not known.

    Args:
        correct: whether model k is right on example i.
        variant: "wrong", the share of models that are wrong (trivial 0, impossible 1);
            "classes", 0 trivial, 1 between, 2 impossible; or "disagreement",
            4 s (1 - s) of that share s, which keeps what lies between.

    Raises:
        InputError: not booleans, another shape, an unknown variant.
    """
    if variant not in VARIANTS:
        raise unknown_name("variant", variant, VARIANTS)
    share = 1 - inputs.truth_array("correct", correct, "K", "P").mean(0)
    if variant == "wrong":
        return share
    if variant == "disagreement":
        return 4 * share * (1 - share)
    return np.select([share == 0, share == 1], [0.0, 2.0], 1.0)


@dataclass(frozen=True)
class DDD(Metric):
    """How many networks of an ensemble get an example wrong."""

    name: ClassVar[str] = "ddd"
    needs: ClassVar = (CORRECT,)
    variant_option: ClassVar[str | None] = "variant"
    cost: ClassVar[str] = "an ensemble of trained networks"

    variant: str = "wrong"
    """One of ``VARIANTS``."""

    def score(self, given: Given) -> Float[np.ndarray, " P"]:
        return ddd(given["correct"], variant=self.variant)
