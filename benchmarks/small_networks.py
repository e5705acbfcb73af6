"""Error against CPU seconds of small networks on MNIST or Fashion-MNIST.

    python benchmarks/small_networks.py DATA RECIPE[:STEPS] ... [--seeds N]

Each recipe is trained on all of DATA (mnist:FOLDER, say), for its own steps or for
STEPS.  CPU seconds are those of the process in training alone, on all of its threads,
without compiling; the error is that of the test set after the last step.
"""

import argparse
import time
from dataclasses import replace

import numpy as np

from simulations.experiments.network import seconds_of_steps
from simulations.experiments.network_run import predicted, trained
from simulations.vision.data import load
from simulations.vision.networks import parameter_count
from simulations.vision.training import Plan, placement, read_recipe


def measured(data: str, name: str, seeds: int) -> str:
    """A row of the table: network, parameters, steps, seconds, errors."""
    recipe, _, steps = name.partition(":")
    given = read_recipe(recipe)
    if steps:
        given = replace(given, fixed_epochs=None, fixed_steps=int(steps))
    train, test = load(data), load(data, "test")
    errors, seconds = [], []
    first = Plan(train, given, 0, placement("cpu"), test=test)
    seconds_of_steps(first)  # compiles
    for seed in range(seeds):
        plan = replace(first, seed=seed)
        started = time.process_time()
        state = trained(plan, None)
        seconds.append(time.process_time() - started)
        errors.append(np.mean(predicted(plan, state) != test.labels))
    count = parameter_count(first.model.network, first.image_shape)
    said = " ".join(f"{error:.4f}" for error in errors)
    return (
        f"| {recipe} | {count:,} | {first.model.total_steps} x {given.batch_size} | "
        f"{np.mean(seconds):.0f} | {np.mean(errors):.4f} | {said} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    for name in given.recipes:
        print(measured(given.data, name, given.seeds), flush=True)
