"""A CPU as several devices of JAX: its cores share the batches of training.

XLA's convolutions hardly use a second core.  Two devices on two cores, each with half
of every batch, were seen 1.4 to 1.9 times as fast as one (32 x 32, batch 128).
"""

from __future__ import annotations

import os

import jax

from perceptron_theory.numerics.cpu_threads import cores
from perceptron_theory.numerics.precision import start_jax

_LEAST = 16  # images of a batch on each device


def default_count(batch_size: int, most: int | None = None) -> int:
    """One for each core, if the batch is shared evenly, 16 images or more each.

    Args:
        batch_size: of the recipe.
        most: cores to use; None for all that this process may use.
    """
    most = min(most or cores(), max(batch_size // _LEAST, 1))
    return next(n for n in range(most, 0, -1) if batch_size % n == 0)


def chosen_already() -> bool:
    """Whether the user has set a number of CPU devices in JAX's own ways."""
    flags = os.environ.get("XLA_FLAGS", "")
    asked = getattr(jax.config, "jax_num_cpu_devices", -1)
    return "xla_force_host_platform_device_count" in flags or asked > 0


def use_count(count: int) -> bool:
    """Let JAX see ``count`` CPU devices, if it has not looked for devices yet.

    Returns:
        Whether it does.

    Raises:
        InputError: JAX cannot start the platform that it was told to use.
    """
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except (RuntimeError, AttributeError):  # JAX has started, or has no such option
        pass
    start_jax()
    return len(jax.devices("cpu")) == count
