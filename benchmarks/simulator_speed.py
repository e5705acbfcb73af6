"""Hard-margin training: max_margin against solvers of quadratic programs, and large N.

    python benchmarks/simulator_speed.py table [--accuracy 1e-8] [--peers PIQP ...]
    python benchmarks/simulator_speed.py scaling [--sizes 250 500 1000 2000 4000]

``table``: N = 200, f = 0.3, hard rule, theta = 0, the instances of
``simulations.perceptron.data.pruned_pools.training_sets``; seconds an instance, of a
batch of one and of 64, and the largest duality gap reached, all certified alike.  Peers
run a process a core for the batch.  CPU seconds are those of all threads: on a machine
with other jobs compare these.

``scaling``: one instance of alpha_prune = 4 for each N, each in its own process: time,
memory, and the rate at which the operations that the method needs are done, as a
fraction of the rate of a float64 matrix product of the same shape.

Needs ``pip install -e . --group bench`` (pip >= 25.1); on a GPU ours runs there, the
peers on its host.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
POINT = {"size": 200, "fraction": 0.3, "seed": 1}
BATCH = 64
# of the issue: how many times slower each peer should be, by alpha_prune
TARGETS = {
    ("PIQP (dense)", 3): 1.0,
    ("PIQP (dense)", 8): 1.5,
    ("Clarabel by CVXPY", 3): 30.0,
    ("Clarabel by CVXPY", 8): 30.0,
    ("OSQP by CVXPY", 3): 30.0,
    ("OSQP by CVXPY", 8): 30.0,
}


def instances(alpha, size, draws):
    import numpy as np

    from simulations.perceptron import Point
    from simulations.perceptron.data.pruned_pools import training_sets

    point = Point(alpha, POINT["fraction"])
    return np.stack(training_sets(point, size=size, draws=draws, seed=POINT["seed"]))


def timed(call):
    """Wall seconds, CPU seconds of all threads, result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def _peer(arguments):
    """In a process of its own: wall and CPU seconds of the solver, largest gap."""
    import numpy as np

    sys.path.insert(0, str(HERE))
    from peers.quadratic_programs import measure

    rows = measure(*arguments)
    return rows[:, 0].sum(), rows[:, 1].sum(), np.abs(rows[:, 2]).max(), len(rows)


def table(options) -> None:
    import numpy as np

    from simulations.perceptron import max_margin

    sys.path.insert(0, str(HERE))
    from peers.quadratic_programs import PEERS

    # one thread a process, as many processes as cores
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    workers = len(os.sched_getaffinity(0))
    spawn = multiprocessing.get_context("spawn")
    chosen = options.peers or list(PEERS)
    names = [n for n in PEERS if any(n.startswith(part) for part in chosen)]
    print(f"certified relative gap asked for: {options.accuracy:g}")
    print(
        f"{'':30s}{'batch':>6s}{'wall ms':>10s}{'CPU ms':>10s}{'x wall':>8s}"
        f"{'x CPU':>8s}{'target':>8s}{'gap':>10s}{'solved':>8s}"
    )
    for alpha in options.alpha:
        sets = instances(alpha, POINT["size"], BATCH)
        ours = {}
        for precision in options.precision:
            for batch in 1, BATCH:
                call = partial(
                    max_margin,
                    sets[:batch],
                    tolerance=options.accuracy,
                    precision=precision,
                    compiled=True,  # single sets, too, as in a loop over hundreds
                )
                call()
                ours[precision, batch] = call
        uppers = np.linalg.norm(
            np.einsum(
                "bp,bpn->bn", ours[options.precision[0], BATCH]().multipliers, sets
            ),
            axis=1,
        )
        seen: dict = {}
        with spawn.Pool(workers) as pool:
            for _ in range(options.rounds):  # interleaved: other jobs hit all alike
                for (precision, batch), call in ours.items():
                    wall, cpu, student = timed(call)
                    key = f"max_margin, {precision}", batch
                    row = wall / batch, cpu / batch, student.gap.max(), batch
                    seen.setdefault(key, []).append(row)
                for name in names:
                    most = PEERS[name][1]
                    jobs = [
                        (
                            name,
                            sets[n:most:workers],
                            uppers[n:most:workers],
                            options.accuracy,
                        )
                        for n in range(workers)
                    ]
                    done = pool.map(_peer, jobs, chunksize=1)
                    solved = sum(d[3] for d in done)
                    wall = max(d[0] for d in done) / solved
                    cpu = sum(d[1] for d in done) / solved
                    gap = max(d[2] for d in done)
                    seen.setdefault((name, BATCH), []).append((wall, cpu, gap, solved))
                    jobs = [(name, sets[:3], uppers[:3], options.accuracy)]
                    wall, cpu, gap, _ = pool.map(_peer, jobs)[0]
                    row = wall / 3, cpu / 3, gap, 1
                    seen.setdefault((name, 1), []).append(row)
        print(f"alpha_prune = {alpha:g}")
        for (name, batch), rows in sorted(seen.items(), key=lambda item: item[0][1]):
            wall, cpu, gap, solved = np.median(rows, axis=0)
            best = np.median(seen[f"max_margin, {options.precision[0]}", batch], axis=0)
            target = TARGETS.get((name, alpha), "") if batch == BATCH else ""
            print(
                f"{name:30s}{batch:6d}{wall * 1e3:10.2f}{cpu * 1e3:10.2f}"
                f"{wall / best[0]:8.2f}{cpu / best[1]:8.2f}{target!s:>8s}{gap:10.1e}"
                f"{solved:8.0f}",
                flush=True,
            )


def needed(screened, count, chosen, size, steps):
    """Operations in float32 and in float64: products, factors and solves of the steps.

    A symmetric product of P rows is P N^2, a factor N^3/3; a step has three solves,
    each of two products with the examples and two with the factor, and two more
    products.  Steps in float32 are on all examples, the start is one more.
    """

    def step(rows):
        return (
            rows * size**2
            + size**3 / 3
            + 3 * (4 * rows * size + 2 * size**2)
            + 4 * rows * size
        )

    return (screened + 1) * step(count), (steps - screened) * step(chosen)


def rate(rows, columns, kind):
    """Operations a second of a dense matrix product, the best of three."""
    import jax
    import jax.numpy as jnp

    a = jax.random.normal(jax.random.key(0), (rows, columns), jnp.dtype(kind))
    product = jax.jit(lambda a: a @ a.T)
    with jax.default_matmul_precision("highest"):
        jax.block_until_ready(product(a))
        times = [timed(lambda: jax.block_until_ready(product(a)))[0] for _ in range(3)]
    return 2 * rows**2 * columns / min(times)


def single(size: int, alpha: float, accuracy: float, precision: str) -> None:
    """One instance, in this process: a line of JSON."""
    import jax
    import numpy as np

    from simulations.perceptron import max_margin
    from simulations.perceptron.students.hard_margin_programs import (
        _program,
        _scale_sets,
        _screen_sets,
    )
    from simulations.perceptron.students.working_set import candidates

    x = instances(alpha, size, 1)
    options = {"tolerance": accuracy, "precision": precision}
    compiled = 0.0
    if size >= 2000 and precision == "float64":  # the call that compiles takes long
        with jax.enable_x64(True):
            compiled, _, _ = timed(lambda: _program(x.shape, 100))
        repeats = [timed(lambda: max_margin(x, **options))]
    else:
        compiled, _, _ = timed(lambda: max_margin(x, **options))
        repeats = [timed(lambda: max_margin(x, **options)) for _ in range(3)]
    wall, cpu, student = min(repeats, key=lambda r: r[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    with jax.enable_x64(True):
        columns = np.asarray(_scale_sets(x)[0], np.float32)
        rates = [rate(size, x.shape[1], kind) for kind in ("float64", "float32")]
    with jax.enable_x64(False):
        screened = int(_screen_sets(columns, 100).iteration[0])
    count = x.shape[1]
    steps = int(student.iterations[0])
    single_, double = needed(screened, count, candidates(count, size), size, steps)
    result = {
        "N": size, "P": count, "wall": wall, "cpu": cpu, "compiled": compiled,
        "memory": (stats or {}).get("peak_bytes_in_use", peak),
        "gap": float(student.gap[0]), "steps": steps, "float32_steps": screened,
        "operations": single_ + double, "rate64": rates[0], "rate32": rates[1],
        "fraction": (single_ + double) / wall / rates[0],
        "of_both": (single_ / rates[1] + double / rates[0]) / wall,
        "device": device.device_kind,
    }  # fmt: skip
    print(json.dumps(result))


def scaling(options) -> None:
    rows = []
    print(
        f"{'N':>6s}{'P':>8s}{'wall s':>9s}{'CPU s':>9s}{'GiB':>7s}{'steps':>7s}"
        f"{'float32':>8s}{'gap':>9s}{'Gflop':>9s}{'GF/s':>8s}{'f64 rate':>9s}"
        f"{'fraction':>9s}{'of both':>9s}"
    )
    for size in options.sizes:
        arguments = [str(size), str(options.accuracy), options.precision[0]]
        run = subprocess.run(
            [sys.executable, __file__, "single", *arguments],
            capture_output=True, text=True,
        )  # fmt: skip
        if run.returncode:
            sys.exit(run.stderr)
        row = json.loads(run.stdout.splitlines()[-1])
        rows.append(row)
        print(
            f"{row['N']:6d}{row['P']:8d}{row['wall']:9.3f}{row['cpu']:9.3f}"
            f"{row['memory'] / 2**30:7.2f}{row['steps']:7d}{row['float32_steps']:8d}"
            f"{row['gap']:9.1e}{row['operations'] / 1e9:9.1f}"
            f"{row['operations'] / row['wall'] / 1e9:8.1f}{row['rate64'] / 1e9:9.1f}"
            f"{row['fraction']:9.2f}{row['of_both']:9.2f}",
            flush=True,
        )
    if options.plot:
        plot(rows, options.plot)


def plot(rows, path) -> None:
    """Time and memory against N, with power laws fitted to the three largest.

    The memory is that above the process of the smallest N, which is Python and JAX.
    """
    import numpy as np
    from matplotlib.ticker import NullFormatter

    from figures import style

    size = np.array([row["N"] for row in rows])
    seconds = np.array([row["wall"] for row in rows])
    memory = np.array([row["memory"] for row in rows]) / 2**30
    with style.applied():
        figure = style.canvas(style.PAGE, 2.6)
        panels = figure.subplots(1, 2)
        for axes, label, x, y in (
            (panels[0], "seconds", size, seconds),
            (panels[1], f"memory above that of N = {size[0]} / GiB", size[1:],
             memory[1:] - memory[0]),
        ):  # fmt: skip
            slope, offset = np.polyfit(np.log(x[-3:]), np.log(y[-3:]), 1)
            axes.loglog(x, y, "o", color=style.BLUE)
            axes.loglog(
                x[-3:], np.exp(offset) * x[-3:] ** slope, "-", color=style.BLUE,
                label=rf"$\propto N^{{{slope:.2f}}}$",
            )  # fmt: skip
            axes.set(xlabel="dimension  $N$", ylabel=label)
            axes.set_xticks(size, [str(n) for n in size])
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.legend()
            print(f"{label}: N^{slope:.2f} fitted to N >= {x[-3]}")
        style.letter(panels)
        figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=["table", "scaling", "single"])
    parser.add_argument("single", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--accuracy", type=float, default=1e-8)
    parser.add_argument("--alpha", type=float, nargs="*", default=[3.0, 8.0])
    parser.add_argument("--peers", nargs="*", help="beginnings of their names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", nargs="*", default=["float64", "float32"])
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[250, 500, 1000, 2000, 4000]
    )
    parser.add_argument("--plot", help="file of the plot of time and memory")
    options = parser.parse_args()
    if options.mode == "single":
        size, accuracy, precision = options.single
        return single(int(size), 4.0, float(accuracy), precision)
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in open("/proc/cpuinfo")
            if "model name" in line
        ),
        platform.processor(),
    )
    print(f"{cpu}, {len(os.sched_getaffinity(0))} cores, load {load} at the start")
    {"table": table, "scaling": scaling}[options.mode](options)


if __name__ == "__main__":
    main()
