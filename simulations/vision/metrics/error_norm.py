r"""EL2N: how far the predicted probabilities are from the label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from perceptron_theory.numerics.precision import own_settings

from .. import inputs
from ..logits import check_columns, check_logits
from .contract import LOGITS, Given, Metric, Scored

_NUMBERS = 2**23  # of logits that are on the device at once


def el2n(
    logits: Float[Array, "*K P C"] | Float[np.ndarray, "*K P C"],
    labels: Int[Array, " P"] | Int[np.ndarray, " P"],
    *,
    n_classes: int | None = None,
) -> Float[np.ndarray, " P"]:
    r"""Mean over models of \|softmax(logits) - onehot(label)\|_2, in [0, sqrt(2)].

    Paul et al. 2021 (arXiv 2107.07075), Sec. 3: networks early in training (epoch 20 of
    200 on CIFAR-10), in evaluation mode and without augmentation; they advise the mean
    of at least 10.  High = far from the label = hard = keep.

    Computed in float64 from the probabilities of the *other* classes, of which the
    error of the right one is the sum: examples that a network is sure of, where
    1 - p rounds to zero, still rank by how sure.

    Args:
        logits: of one model, (P, C), or of K models, (K, P, C).
        labels: 0 to C - 1.
        n_classes: the number of classes, which C has to be; without it, columns are
            refused that are of no class by what the labels tell.

    Raises:
        InputError: shapes that do not fit, NaN, a label out of range, columns that are
            of no class, what is no logits (see :func:`.check_logits`).
    """
    inputs.refuse_other_order({"logits": logits, "labels": labels})
    models = inputs.model_axis(inputs.real_array, "logits", logits, "P", "C")
    _, count, classes = models.shape
    label = inputs.label_array("labels", labels, count=count, n_classes=classes)
    if n_classes is None:
        check_columns("logits", classes, label)
    else:
        n_classes = inputs.positive_integer("n_classes", n_classes)
    check_logits("logits", models if np.ndim(logits) == 3 else models[0], n_classes)
    step = max(1, _NUMBERS // classes)
    total = np.zeros(count)
    with own_settings(x64=True):
        for model in models:
            for i in range(0, count, step):
                rows = slice(i, i + step)
                total[rows] += _scores(model[rows].astype(np.float64), label[rows])
    return total / len(models)


@jax.jit
@jax.vmap
def _scores(logits: Float[Array, " C"], label: Int[Array, ""]) -> Float[Array, ""]:
    others = jnp.where(jnp.arange(len(logits)) == label, -jnp.inf, logits)
    # in units of the largest of them, so that the squares do not underflow
    largest = others.max() if len(logits) > 1 else logits[0]
    p = jnp.exp(others - largest)
    total = p.sum()
    length = jnp.sqrt((p**2).sum() + total**2)
    return length / (total + jnp.exp(logits[label] - largest))


@dataclass(frozen=True)
class EL2N(Metric):
    """Length of a network's error vector, its probabilities minus the one-hot label."""

    name: ClassVar[str] = "el2n"
    needs: ClassVar = (LOGITS,)
    cost: ClassVar[str] = "ten networks or more, early in training"

    def score(self, given: Given) -> Scored:
        logits, classes = given["logits"], len(given.dataset.class_names)
        by = partial(el2n, labels=given.labels, n_classes=classes)
        if np.ndim(logits) != 3:
            return Scored(by(logits))
        return Scored(by(logits), np.stack([by(one) for one in logits]))
