"""Experiments with a network that compiles and trains at once, on the digits."""

from functools import partial

import numpy as np

from simulations.experiments import Experiment, Source
from simulations.vision.data import load
from simulations.vision.networks import NETWORKS
from simulations.vision.networks.resnet import ResNet
from simulations.vision.score_files import scores_of, write_scores
from simulations.vision.training import Recipe, write_recipe

NETWORKS["mini"] = partial(ResNet, stages=(1,), width=4)
TRAIN, TEST = load("digits"), load("digits", "test")
RECIPE = {
    "network": "mini",
    "fixed_epochs": 9,
    "batch_size": 32,
    "learning_rate": 0.1,
    "schedule": "cosine",
    "schedule_length": 10,
    "crop_pad": 1,
    "flip": False,
}
# of these 35, 70 and 140 examples, one, two and four batches
EXPERIMENT = {
    "name": "small",
    "learner": "network",
    "sizes": (70, 140),
    "keep_fractions": (0.5,),
    "metrics": ("el2n",),
    "strategies": ("hard",),
    "fixed_epochs": 2,
}


def recipe_file(folder, name="mini", **changes):
    path = folder / f"{name}.toml"
    if not path.exists():
        given = {"fixed_epochs": None} if "fixed_steps" in changes else {}
        write_recipe(path, Recipe(**(RECIPE | given | changes)))
    return str(path)


def experiment(folder, **changes):
    """An experiment whose recipe is in a folder."""
    return Experiment(**(EXPERIMENT | {"recipe": recipe_file(folder)} | changes))


def scores_file(folder, metric="el2n", seed=0, dataset=TRAIN, scores=None):
    """Scores in the folder's "scores", random ones if none are given; returns them."""
    (folder / "scores").mkdir(exist_ok=True)
    if scores is None:
        scores = np.random.default_rng(seed).random(len(dataset))
    path = folder / "scores" / f"{metric}.parquet"
    write_scores(path, scores_of(dataset, metric, scores), overwrite=True)
    return scores


def source(folder, **changes):
    given = {"data": "digits", "scores": str(folder / "scores"), "device": "cpu"}
    return Source(**(given | changes))
