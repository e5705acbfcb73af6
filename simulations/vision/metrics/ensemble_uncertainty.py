"""Ensemble active learning: how uncertain an ensemble is, without the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Array, Float
from scipy.special import log_softmax, softmax, xlogy

from perceptron_theory.errors import unknown_name

from .. import inputs
from ..logits import check_logits
from .contract import LOGITS, Given, Metric

ACQUISITIONS = ("entropy", "mutual_information", "variation_ratio")
_NUMBERS = 2**23  # of probabilities that exist at once


def active_learning(
    logits: Float[Array, "K P C"] | Float[np.ndarray, "K P C"],
    *,
    acquisition: str = "entropy",
) -> Float[np.ndarray, " P"]:
    """Uncertainty of an ensemble of K models (or checkpoints); needs no labels.

    Chitta et al. 2019 (arXiv 1905.12737) choose 80 % of ImageNet so.  The score that
    the authors of the paper released is that choice, 1 or 0, and its acquisition is not
    known: threshold this one at its 20 % quantile to get such a score.  High = keep.

    Args:
        logits: of K models.
        acquisition: "entropy" (nats) of the mean prediction; "mutual_information" of
            prediction and model (nats), the part of the entropy that is disagreement;
            or "variation_ratio", the share of models that do not predict the most
            frequent class.

    Raises:
        InputError: another shape, NaN, an unknown acquisition, what is no logits (see
            :func:`.check_logits`).
    """
    if acquisition not in ACQUISITIONS:
        raise unknown_name("acquisition", acquisition, ACQUISITIONS)
    array = inputs.real_array("logits", logits, "K", "P", "C")
    check_logits("logits", array)
    models, count, classes = array.shape
    step = max(1, _NUMBERS // (models * classes))
    parts = [
        _uncertainty(array[:, i : i + step].astype(np.float64), acquisition)
        for i in range(0, count, step)
    ]
    return np.concatenate(parts)


def _uncertainty(logits: Float[np.ndarray, "K B C"], acquisition: str) -> np.ndarray:
    if acquisition == "variation_ratio":
        votes = logits.argmax(-1)[..., None] == np.arange(logits.shape[-1])
        return 1 - votes.mean(0).max(-1)
    with np.errstate(over="ignore"):  # differences of -inf are probabilities of 0
        p = softmax(logits, axis=-1)
    mean = p.mean(0)
    entropy = -xlogy(mean, mean).sum(-1)
    if acquisition == "entropy":
        return entropy
    # a logarithm of -inf is of a probability of 0, to which it adds nothing
    with np.errstate(over="ignore"):
        logs = np.where(p > 0, log_softmax(logits, axis=-1), 0.0)
    own = -(p * logs).sum(-1).mean(0)
    return np.maximum(entropy - own, 0.0)  # not below for rounding


@dataclass(frozen=True)
class ActiveLearning(Metric):
    """How uncertain the mean prediction of an ensemble is: its entropy."""

    name: ClassVar[str] = "active_learning"
    needs: ClassVar = (LOGITS,)
    variant_option: ClassVar[str | None] = "acquisition"
    cost: ClassVar[str] = "an ensemble of networks, or checkpoints of one"

    acquisition: str = "entropy"
    """One of ``ACQUISITIONS``."""

    def score(self, given: Given) -> Float[np.ndarray, " P"]:
        return active_learning(given["logits"], acquisition=self.acquisition)
