"""Trained probes over epochs, pools and kept fractions, beside the theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from perceptron_theory import InputError

from ..naming import require
from ..running.summary import averages
from ..students.gradient_training import Gradient
from .trained_probe import TrainedProbe, simulate_trained_probe

_DESCRIPTIONS = {
    "theta": "measured angle of probe and teacher",
    "training_error": "error of the probe on what it was trained on",
    "error": "error of the max-margin student of the kept examples",
    "predicted": "theory at the measured angle of each draw, averaged",
    "difference": "simulated error less the theory at the angle of the same draw",
}


def probe_study(
    epochs: Sequence[int] = (1, 3, 10, 30, 100),
    alpha_tot: Sequence[float] = (5.0, 20.0),
    keep_fraction: Sequence[float] = (0.3,),
    *,
    student: Gradient | None = None,
    margin: str = "absolute",
    size: int = 100,
    draws: int = 64,
    seed: int = 0,
) -> xr.Dataset:
    """Errors after pruning the easy examples by a probe trained for some epochs.

    Every probe is trained twice: on the pool that it prunes, and on as many examples of
    its own.  To the second the theory applies as it stands.

    Args:
        epochs: numbers of epochs that the probe is trained for.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: kept fractions f of hard examples.
        student: how the probe is trained, its ``epochs`` apart; by default descent on
            the logistic loss, 32 examples a step, at a learning rate of 0.1.
        margin: what is ranked, "absolute" or "signed".
        size: input dimension N.
        draws: repetitions of each, at least 2.
        seed: seed of all draws.

    Returns:
        Dataset over ``trained_on`` ("pool", "own"), ``alpha_tot``, ``keep_fraction``,
        ``epochs`` and ``statistic`` ("mean", "standard_error") of theta, training_error
        (both of the probe), error (of the max-margin student), predicted (the theory,
        averaged over the measured angles) and difference.

    Raises:
        InputError: a list is empty, draws are below 2, or
            :func:`.simulate_trained_probe` refuses its arguments.
    """
    if not (len(epochs) and len(alpha_tot) and len(keep_fraction)) or draws < 2:
        raise InputError("need epochs, alpha_tot, keep_fraction and at least 2 draws")
    how = Gradient() if student is None else student
    good = isinstance(how, Gradient)
    require(good, "student must be a Gradient, which has epochs", how)
    found = np.empty(
        (2, len(alpha_tot), len(keep_fraction), len(epochs), 2, len(_DESCRIPTIONS))
    )
    for where in np.ndindex(found.shape[:4]):
        own, i, j, k = where
        load = alpha_tot[i]
        probe = TrainedProbe(replace(how, epochs=epochs[k]), load if own else None)
        table = averages(
            simulate_trained_probe(
                probe,
                alpha_tot=load,
                keep_fraction=keep_fraction[j],
                margin=margin,
                size=size,
                draws=draws,
                seed=seed,
            )
        )
        found[where] = np.stack([table[name] for name in _DESCRIPTIONS], axis=-1)
    dims = ("trained_on", "alpha_tot", "keep_fraction", "epochs", "statistic")
    dataset = xr.Dataset(
        {
            name: (dims, found[..., n], {"long_name": text})
            for n, (name, text) in enumerate(_DESCRIPTIONS.items())
        },
        {
            "trained_on": ["pool", "own"],
            "alpha_tot": list(alpha_tot),
            "keep_fraction": list(keep_fraction),
            "epochs": list(epochs),
            "statistic": ["mean", "standard_error"],
        },
        {"margin": margin, "N": size, "draws": draws, "seed": seed},
    )
    dataset["theta"].attrs["units"] = "rad"
    return dataset.assign_attrs(rule="hard", student=how.name)
