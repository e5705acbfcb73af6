"""Images a second in training, against PyTorch (channels_last) on the same cores.

    python benchmarks/training_speed.py --torch PYTHON [--networks resnet8 resnet20]

PYTHON is an interpreter that has torch. Batches of 128 images of 32 x 32, float32, SGD
with Nesterov momentum and weight decay, no augmentation: in our case by the step that
``pruning-laws train`` compiles, of images that are on the device. The peers take turns,
several steps each; medians. The target is 0.8 of PyTorch's images a second. PyTorch's
threads wait without spinning: beside other jobs, spinning made it eight times slower.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import jax
import numpy as np

from simulations.vision.data import Images
from simulations.vision.training import Plan, Recipe, placement
from simulations.vision.training.feeds import _programs

PEER = Path(__file__).parent / "peers" / "torch_training.py"
BATCH = 128


def _ours(name):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, 32, 32, 3), np.uint8)
    labels, ids = rng.integers(0, 10, BATCH), tuple(map(str, range(BATCH)))
    data = Images("noise", images, labels, ids, tuple("0123456789"))
    recipe = Recipe(
        network=name,
        fixed_steps=10**6,
        batch_size=BATCH,
        learning_rate=0.01,
        weight_decay=5e-4,
        schedule="constant",
        schedule_length=1,
        crop_pad=0,
        flip=False,
    )
    plan = Plan(data, recipe, 0, placement())
    step = _programs(plan.model, plan.placement).step_of_rows
    placed, rows = plan.training.placed, np.arange(BATCH, dtype=np.int32)
    state = plan.start()

    def one(state):
        at = np.zeros(2, np.int32)
        state, seen = step(state, placed, rows, plan.key, at)
        float(seen.loss)  # as the peer's loss.item()
        return state

    return one, one(state), sum(x.size for x in jax.tree.leaves(state.params))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", required=True, help="an interpreter with torch")
    parser.add_argument("--networks", nargs="*", default=["resnet8", "resnet20"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load} at the start; batch {BATCH}")
    print("network    peer      wall ms   CPU ms  images/s   ratio  by CPU time")
    for name in options.networks:
        arguments = [options.torch, PEER, name, str(BATCH), str(options.steps)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
        with subprocess.Popen(arguments, env=environment, **pipes) as peer:
            parameters = json.loads(peer.stdout.readline())
            step, state, ours = _ours(name)
            assert ours == parameters, (ours, parameters)
            times = {"PyTorch": [], "ours": []}
            for _ in range(options.rounds):
                peer.stdin.write("go\n")
                peer.stdin.flush()
                times["PyTorch"].append(json.loads(peer.stdout.readline()))
                wall, cpu = time.perf_counter(), time.process_time()
                for _ in range(options.steps):
                    state = step(state)
                spent = (time.perf_counter() - wall, time.process_time() - cpu)
                times["ours"].append([x / options.steps for x in spent])
            peer.stdin.close()
        taken = {who: np.median(each, axis=0) for who, each in times.items()}
        for who, (wall, cpu) in taken.items():
            ratio = taken["PyTorch"] / taken[who]
            print(
                f"{name:10} {who:8} {1e3 * wall:8.1f} {1e3 * cpu:8.1f} "
                f"{BATCH / wall:9.0f} {ratio[0]:7.2f} {ratio[1]:7.2f}"
            )


if __name__ == "__main__":
    main()
