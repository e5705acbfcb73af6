"""Images a second of an ensemble: one after another, one a device, together.

    python benchmarks/ensemble_speed.py [--models 8] [--cpu-devices 1 2 4]

The built-in digits (8 x 8) and noise of 32 x 32, by the steps that ``pruning-laws
train --models`` compiles: augmentation, SGD, float32 on CPUs. For each number of CPU
devices a process of its own; on an accelerator its devices are taken. Ways take turns,
so that the load of the machine is the same for all; the best of the rounds. "gain" is
against one after another on the same devices, "of one" against that on one device.
"""

import argparse
import os
import subprocess
import sys

import numpy as np

SIZES = {
    "digits_resnet8": None,
    "cifar10_resnet8_strided": 32,
    "cifar10_resnet8": 32,
}


def _dataset(size):
    from simulations.vision.data import Images, load

    if size is None:
        return load("digits")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2_000, size, size, 3), np.uint8)
    labels, ids = rng.integers(0, 10, 2_000), tuple(map(str, range(2_000)))
    return Images("noise", images, labels, ids, tuple("0123456789"))


def _measure(devices, options):
    import jax

    if devices:
        jax.config.update("jax_num_cpu_devices", devices)
    from simulations.vision.ensembles import WAYS, Ensemble
    from simulations.vision.ensembles.ways import Timer, at_once
    from simulations.vision.training import placement, read_recipe

    here = placement()
    for name in options.recipes:
        recipe = read_recipe(name)
        ensemble = Ensemble(_dataset(SIZES[name]), recipe, options.models, 0, here)
        plans = [ensemble.plan(k) for k in range(options.models)]
        timers = {
            way: Timer(way, plans)
            for way in WAYS
            if at_once(way, plans[0], options.models)
        }
        taken = {way: [] for way in timers}
        for _ in range(options.rounds):
            for way, timer in timers.items():
                taken[way].append(timer.step_seconds())
        for way, timer in timers.items():
            speed = recipe.batch_size / min(taken[way])
            print(name, here.says, way, len(timer.plans), timer.compiling, speed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recipes", nargs="*", default=list(SIZES))
    parser.add_argument("--cpu-devices", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        return _measure(options.measure, options)
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load} at the start; {options.models} models")
    print(
        "recipe                   devices  way                at once  first step s  "
        "images/s  gain  of one"
    )
    one: dict[str, float] = {}
    for devices in options.cpu_devices:
        arguments = [sys.executable, __file__, "--measure", str(devices)]
        arguments += ["--models", str(options.models), "--rounds", str(options.rounds)]
        arguments += ["--recipes", *options.recipes]
        done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            name, count, kind, way, together, first, speed = line.split()
            if way == "one_after_another":
                here = float(speed)
                one.setdefault(name, here)
            print(
                f"{name:24} {count:>3} {kind:4} {way:18} {together:>7} "
                f"{float(first):13.1f} {float(speed):9.0f} "
                f"{float(speed) / here:5.2f} {float(speed) / one[name]:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
