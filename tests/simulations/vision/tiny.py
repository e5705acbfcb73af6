"""A network that compiles in seconds, and runs of it on the built-in digits."""

from functools import partial

import jax
import numpy as np
from flax.traverse_util import flatten_dict
from safetensors.numpy import save_file

from simulations.vision.data import load
from simulations.vision.networks import NETWORKS
from simulations.vision.networks.resnet import ResNet
from simulations.vision.networks.weight_import import _AXES, _name
from simulations.vision.training import Plan, Recipe, placement

NETWORKS["tiny"] = partial(ResNet, stages=(1,), width=16)
TRAIN, TEST = load("digits"), load("digits", "test")
RECIPE = {
    "network": "tiny",
    "batch_size": 64,
    "learning_rate": 0.2,
    "weight_decay": 5e-4,
    "schedule": "cosine",
    "schedule_length": 6,
    "warmup": 1,
    "crop_pad": 1,
    "flip": False,
    "evaluate_every": 3,
    "logits_epochs": [2],
}
EPOCHS = 6
# few steps without momentum: more make a chaos of rounding
GENTLE = {"fixed_steps": 24, "fixed_epochs": None}
GENTLE |= {"momentum": 0.0, "learning_rate": 0.05}


def plan(seed=0, devices=None, **changes):
    names = ("ids", "dataset", "test", "initial")
    given = {name: changes.pop(name) for name in names if name in changes}
    if "fixed_steps" not in changes:
        changes = {"fixed_epochs": EPOCHS} | changes
    where = placement("cpu")
    if devices is not None:
        where = type(where)(where.devices[:devices])
    options = {"dataset": TRAIN, "test": TEST} | given
    recipe = Recipe(**(RECIPE | changes))
    return Plan(recipe=recipe, seed=seed, placement=where, **options)


def leaves(tree):
    return [leaf.tobytes() for leaf in map(jax.device_get, jax.tree.leaves(tree))]


def torch_file(path, variables):
    """Variables as PyTorch code names and stores them, in a safetensors file."""
    weights = {
        _name(place): np.ascontiguousarray(
            np.asarray(leaf).transpose(_AXES.get(leaf.ndim, range(leaf.ndim)))
        )
        for place, leaf in flatten_dict(variables).items()
    }
    save_file(weights, path)
    return path


SIMCLR = {
    "objective": "simclr",
    "temperature": 0.2,
    "optimizer": "adamw",
    "learning_rate": 0.002,
    "projection": 16,
    "crop_scale": [0.4, 1.0],
    "jitter": [0.4, 0.4, 0.0, 0.0],
    "logits_epochs": [],
}
