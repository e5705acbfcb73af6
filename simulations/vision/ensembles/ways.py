"""Three ways to train K models, and which is the fastest here, by measurement.

- one_after_another: each model as ``pruning-laws train`` would, its batches cut over
  all devices;
- one_a_device: as many models as devices, each device with one of its own;
- together: several models on each device, by ``vmap``.  Their convolutions become
  grouped ones, which are slower on CPUs, and hide the gaps between small kernels on
  accelerators.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from ..training import Plan
from ..training.feeds import MemoryFeed
from .group import Group

WAYS = ("one_after_another", "one_a_device", "together")
MOST_ON_A_DEVICE = 8  # models: they share its memory
_ROUND, _ROUNDS = 0.5, 4  # seconds, at least four steps; how many
_GAIN = 1.05  # less than this is noise: then one after another
_WORTH = 4.0  # compilations that a run must take for others to be tried


@dataclass(frozen=True)
class Choice:
    """The way, and what it was chosen by."""

    way: str
    seconds: dict[str, float]
    """Seconds of a step of one model, by each way that was measured."""
    why: str


def at_once(way: str, plan: Plan, models: int) -> int:
    """How many of ``models`` a way trains at once; 0 where it cannot.

    Raises:
        InputError: no such way.
    """
    if way not in WAYS:
        raise unknown_name("way", way, WAYS)
    devices = len(plan.placement.devices)
    each = min(models // devices, MOST_ON_A_DEVICE)
    if way == "one_after_another":
        return 1
    if not isinstance(plan.training, MemoryFeed):
        return 0  # a stream's batches come one by one
    if way == "one_a_device":
        return devices if devices > 1 and each else 0
    return each * devices if each > 1 else 0


def forced(way: str, plan: Plan, models: int) -> Choice:
    """A way that somebody wants.

    Raises:
        InputError: no such way, or not possible with these devices and models.
    """
    if not at_once(way, plan, models):
        raise InputError(
            f"{models} models on {plan.placement.says} devices cannot be trained {way}:"
            " one_a_device takes several devices and as many models, together twice as "
            "many models as devices, both a data set in memory"
        )
    return Choice(way, {}, "forced")


def fastest(plans: Sequence[Plan], models: int) -> Choice:
    """The fastest way for ``models``, of which these are some: by a few steps of each.

    Another way than one after another has to be faster by a twentieth.  Where all
    models take little longer than compiling does, nothing else is tried.
    """
    first = plans[0]
    others = [way for way in WAYS[1:] if at_once(way, first, len(plans))]
    alone = Timer(WAYS[0], plans)
    found = {WAYS[0]: alone.step_seconds()}
    if not others:
        return Choice(WAYS[0], found, "the only way here")
    total = found[WAYS[0]] * first.model.total_steps * models
    if total < _WORTH * alone.compiling * len(others):
        return Choice(WAYS[0], found, "too little work to compile other ways")
    timers = {WAYS[0]: alone} | {way: Timer(way, plans) for way in others}
    for _ in range(_ROUNDS):  # in turns: the load of the machine is that of all
        for way, timer in timers.items():
            found[way] = min(found.get(way, np.inf), timer.step_seconds())
    best = min(found, key=lambda way: found[way])
    if found[WAYS[0]] < _GAIN * found[best]:
        best = WAYS[0]
    return Choice(best, found, "the fastest")


class Timer:
    """Takes the time of steps by one way; compiles them as it is made.

    Args:
        way: one that is possible.
        plans: of the models, of which it trains as many as the way does at once.
    """

    def __init__(self, way: str, plans: Sequence[Plan]) -> None:
        self.plans = plans[: at_once(way, plans[0], len(plans))]
        self._group = Group(self.plans) if way != WAYS[0] else None
        self.compiling = self._seconds(1)
        """Seconds of the first step."""
        wanted = max(4, math.ceil(_ROUND / self._seconds(1)))
        self._steps = min(wanted, plans[0].training.epoch_steps)

    def step_seconds(self) -> float:
        """Seconds of a step of one model: the mean over a few steps."""
        return self._seconds(self._steps) / self._steps / len(self.plans)

    def _seconds(self, steps: int) -> float:
        first, group = self.plans[0], self._group
        state = jax.block_until_ready(group.start() if group else first.start())
        started = time.perf_counter()
        if group is not None:
            epoch = group.epoch(state, 0, steps)
        else:
            epoch = first.training.epoch(state, first.key, 0, steps)
        for changed, _ in epoch:
            jax.block_until_ready(changed)
        return time.perf_counter() - started


def as_json(choice: Choice) -> dict[str, Any]:
    """For about.json."""
    step = {way: float(f"{value:.3g}") for way, value in choice.seconds.items()}
    return {"way": choice.way, "measured": {"seconds": step, "why": choice.why}}


def from_json(about: dict[str, Any]) -> Choice:
    """What :func:`as_json` gave."""
    found = about["measured"]
    return Choice(about["way"], found["seconds"], found["why"])
