"""Batch norm that takes PyTorch's weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flax import linen as nn


def batch_norm(
    *, train: bool, dtype: Any, axis_name: str | None, epsilon: float = 1e-5
) -> Callable[..., nn.Module]:
    """Flax's batch norm with PyTorch's constants (Ioffe and Szegedy, 1502.03167).

    (x - mean) / sqrt(var + epsilon) * scale + bias, over all axes but the last.
    Running statistics move by a tenth to those of the batch: that is ``momentum=0.1``
    in PyTorch and 0.9 in flax.

    One difference to PyTorch remains.  Both normalise a batch by its variance over n
    values; PyTorch's running variance then takes n / (n - 1) times that, ours the
    variance itself.  In evaluation it matters for tiny n only: the last stage of
    ResNet-18 on CIFAR-10 has n = 128 * 4 * 4, a difference of 0.05 %.  Imported
    statistics are used as they are.

    Under ``jax.jit`` with a batch sharded over devices the statistics are those of the
    whole batch: nothing else is needed.  Only where a program sees a part of the batch
    (``jax.pmap``, ``shard_map``, ``vmap`` over parts) must it name that axis.

    Args:
        train: whether to take (and update) statistics, or the running ones.
        dtype: of the result; the statistics are float32.
        axis_name: a mapped axis to average statistics over.
        epsilon: 1e-5 in PyTorch.
    """
    return partial(
        nn.BatchNorm,
        use_running_average=not train,
        momentum=0.9,
        epsilon=epsilon,
        dtype=dtype,
        axis_name=axis_name,
    )
