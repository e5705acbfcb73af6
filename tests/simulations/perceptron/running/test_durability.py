"""Runs are killed, doubled, starved of disk and spread out, for real."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter

import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import Machine, Point, simulate, simulated_errors
from simulations.perceptron.hardware.devices import join_hosts
from simulations.perceptron.running.store import Store
from simulations.perceptron.running.sweep import Part, run_sweep

POINT = Point(2.0, 0.5)
SIZE = 12


def command(folder, draws, *more):
    return [
        sys.executable,
        *("-m", "pruning_laws", "simulate", "--alpha-prune", "2", "-f", "0.5"),
        *("--sizes", str(SIZE), "--draws", str(draws), "-o", str(folder), *more),
    ]


def run(folder, draws, *more, **options):
    options = {"capture_output": True, "text": True, "timeout": 300, **options}
    return subprocess.run(command(folder, draws, *more), **options)


def stored(folder):
    return Store(folder, seed=0).load(POINT, SIZE)


def assert_same_draws(found, draws):
    """Bit for bit what one uninterrupted process makes."""
    wanted = simulate(POINT, size=SIZE, draws=draws, seed=0)
    for name in wanted.data_vars:
        np.testing.assert_array_equal(found[name].values[:draws], wanted[name].values)


@pytest.mark.slow
def test_kill_9_loses_at_most_the_batch_in_flight(tmp_path):
    process = subprocess.Popen(command(tmp_path / "draws", 10**6))
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            path = Store(tmp_path / "draws", seed=0).path(POINT, SIZE)
            if path.exists() and stored(tmp_path / "draws").sizes["draw"] >= 256:
                break
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    have = stored(tmp_path / "draws").sizes["draw"]
    assert have >= 256 and have % 64 == 0
    run_sweep([Part(POINT, SIZE, have + 70)], Store(tmp_path / "draws", seed=0))
    assert_same_draws(stored(tmp_path / "draws"), have + 70)


@pytest.mark.slow
def test_two_runs_on_one_folder_share_the_work(tmp_path):
    both = [
        subprocess.Popen(
            command(tmp_path / "draws", 4000, "--json"),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1]
    assert stored(tmp_path / "draws").sizes["draw"] == 4000  # none twice
    assert_same_draws(stored(tmp_path / "draws"), 4000)


@pytest.mark.slow
def test_a_run_waits_for_the_file_that_another_holds(tmp_path):
    """It draws nothing meanwhile, and then finds what the other has drawn."""
    store, part = Store(tmp_path / "draws", seed=0), Part(POINT, SIZE, 64)
    drawn = []

    def note(part, ended):
        drawn.append(ended)

    run = threading.Thread(
        target=run_sweep, args=([part], store), kwargs={"on_part": note}
    )
    with store.lock(POINT, SIZE, wait=True) as mine:
        assert mine
        run.start()
        run.join(timeout=1.0)
        assert run.is_alive() and not drawn
        new = simulate(POINT, size=SIZE, draws=64, seed=0)
        marked = new.assign(error=new.error * 0 + 0.25)  # not what it would draw
        store.append(POINT, SIZE, None, marked)
    run.join(timeout=60.0)
    assert drawn == [False, True]
    assert (store.load(POINT, SIZE).error == 0.25).all()


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_and_keeps_the_draws(tmp_path):
    run_sweep([Part(POINT, SIZE, 64)], Store(tmp_path / "draws", seed=0))
    limit = Store(tmp_path / "draws", seed=0).path(POINT, SIZE).stat().st_size + 100
    small_disk = (
        "import os, resource, sys; n = int(sys.argv[1]); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    limited = [sys.executable, "-c", small_disk, str(limit)]
    # JAX's own cache must not be what fills it
    env = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    found = subprocess.run(
        limited + command(tmp_path / "draws", 4000),
        capture_output=True,
        text=True,
        env=env,
    )
    assert found.returncode == 1
    errors = [x for x in found.stderr.splitlines() if x.startswith("error")]
    assert errors == ["error: File too large"] or "draws-" in errors[0]
    assert "Traceback" not in found.stderr
    assert stored(tmp_path / "draws").sizes["draw"] == 64
    assert not list((tmp_path / "draws").glob(".*.partial"))


@pytest.mark.slow
def test_workers_that_are_killed_are_replaced(tmp_path):
    """Each of the first two that begin a part is killed while it computes."""
    parts = [Part(Point(load, 0.5), SIZE, 128) for load in (1.0, 2.0, 3.0)]
    store = Store(tmp_path / "draws", seed=0)
    killed = []

    def kill_a_worker(part, ended):
        children = multiprocessing.active_children()
        if not ended and len(killed) < 2 and children:
            children[0].kill()
            killed.append(part)

    run_sweep(parts, store, machine=Machine(workers=2), on_part=kill_a_worker)
    assert killed
    for part in parts:
        found = store.load(part.point, SIZE)
        wanted = simulate(part.point, size=SIZE, draws=128, seed=0)
        np.testing.assert_array_equal(found.overlap, wanted.overlap)


class Flaky:
    """A student that fails the first times it is called for a load."""

    name, certificate_name, padding = "flaky", "nothing", "repeat"

    def __init__(self, failures):
        self.failures, self.calls = failures, Counter()

    def __call__(self, examples, key):
        from simulations.perceptron.students.catalog import resolve_student

        load = examples.shape[1]
        self.calls[load] += 1
        if self.calls[load] <= self.failures.get(load, 0):
            raise MemoryError("the machine is full")
        return resolve_student("max_margin")(examples, key)


@pytest.mark.slow
def test_tasks_are_tried_again_and_failures_do_not_stop_the_others(tmp_path):
    student = Flaky({12: 1, 24: 99})
    parts = [Part(Point(a, 0.5, student=student), SIZE, 4) for a in (1.0, 2.0, 3.0)]
    store = Store(tmp_path / "draws", seed=0)
    with pytest.raises(pt.ConvergenceError, match=r"1 of 3 parts failed.*machine is"):
        run_sweep(parts, store, machine=Machine(retries=2))
    have = [store.load(part.point, SIZE) for part in parts]
    assert [found is not None for found in have] == [True, False, True]
    assert student.calls == {12: 2, 24: 3, 36: 1}


def test_a_fault_of_a_student_is_not_tried_again_and_keeps_its_traceback(tmp_path):
    class Faulty(Flaky):
        def __call__(self, examples, key):
            self.calls[examples.shape[1]] += 1
            return examples @ "no matrix"

    student = Faulty({})
    parts = [Part(Point(a, 0.5, student=student), SIZE, 4) for a in (1.0, 2.0)]
    with pytest.raises(pt.ConvergenceError, match=r"2 of 2 parts failed") as caught:
        run_sweep(parts, Store(tmp_path / "draws", seed=0), machine=Machine(retries=5))
    assert student.calls == {12: 1, 24: 1}
    assert "no matrix" in str(traceback.format_exception(caught.value.__cause__))


@pytest.mark.slow
def test_devices_and_hosts_do_not_change_a_bit(tmp_path):
    """4 virtual devices; and 2 hosts of 2 devices joined over loopback."""
    env = os.environ | {
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")
        + " --xla_force_host_platform_device_count=4"
    }
    assert run(tmp_path / "four", 300, env=env).returncode == 0
    assert_same_draws(stored(tmp_path / "four"), 300)
    env["XLA_FLAGS"] = env["XLA_FLAGS"].replace("count=4", "count=2")
    join = ["--coordinator", f"localhost:{free_port()}", "--processes", "2"]
    hosts = [
        subprocess.Popen(
            command(tmp_path / f"host{i}", 300, *join, "--process", str(i), "--json"),
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    printed = [host.communicate(timeout=300)[0] for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0]
    assert json.loads(printed[0])["points"] and not printed[1]  # the first one reports
    assert_same_draws(stored(tmp_path / "host0"), 300)


def free_port():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return server.getsockname()[1]


@pytest.mark.slow
def test_shards_are_all_points_once(tmp_path):
    points = [Point(load, 0.5) for load in (1.0, 2.0, 3.0)]
    request = {"sizes": (SIZE,), "draws": 2, "output": tmp_path / "draws"}
    counts = [
        simulated_errors(points, shard=(i, 2), **request).sizes["point"] for i in (1, 2)
    ]
    assert counts == [2, 1]
    assert len(list((tmp_path / "draws").glob("*.npz"))) == 3
    with pytest.raises(pt.InputError, match="no points"):
        simulated_errors(points, shard=(4, 4), **request)


@pytest.mark.slow
def test_a_ray_cluster_draws_the_same(tmp_path):
    pytest.importorskip("ray")
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("localhost", 0))
        address = f"localhost:{nobody.getsockname()[1]}"
        for machine in Machine(ray=address), Machine(device="tpu", workers=2):
            with pytest.raises(
                pt.InputError, match=r"no Ray cluster answers|JAX finds no tpu"
            ):
                simulated_errors([POINT], output=tmp_path / "none", machine=machine)
            assert not (tmp_path / "none").exists()
    start = (
        "import ray, time; ray.init(num_cpus=2, include_dashboard=False, "
        "logging_level='ERROR', log_to_driver=False); "
        "print(ray.get_runtime_context().gcs_address, flush=True); input()"
    )
    # newer clusters let in only those who know their token
    env = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789" * 4}
    cluster = subprocess.Popen(
        [sys.executable, "-c", start],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = cluster.stdout.readline().strip()
        found = run(tmp_path / "draws", 130, "--ray", address, env=env)
        assert found.returncode == 0, found.stderr
    finally:
        cluster.communicate("\n", timeout=60)
    assert_same_draws(stored(tmp_path / "draws"), 130)


@pytest.mark.parametrize("address", ["localhost:{port}", "nowhere"])
def test_a_coordinator_that_is_not_there_is_named(address):
    address = address.format(port=free_port())
    with pytest.raises(pt.InputError, match=f"cannot join.*2 processes at {address}"):
        join_hosts(address, 2, 1, patience=0.5)


@pytest.mark.parametrize("address", ["localhost", "localhost:99999", "192.0.2.1:4321"])
def test_the_first_process_must_have_its_own_address(address):
    with pytest.raises(pt.InputError, match=f"cannot join.*at {address}"):
        join_hosts(address, 1, 0)


@pytest.mark.slow
def test_programs_are_forgotten_before_they_use_up_the_memory_maps(tmp_path):
    """And compiled again they give the same bits."""
    script = """
import sys
from simulations.perceptron import Point
from simulations.perceptron.running import machine
machine._MOST_MAPS = 0
here = machine._Here(machine.simulate, 1)
task = {"size": 12, "draws": 64, "seed": 0}
first, again = (
    here.submit(task | {"point": Point(2.0, 0.5)}).result() for _ in range(2)
)
from simulations.perceptron.students.hard_margin_programs import _program
assert _program.cache_info().currsize == 1 and _program.cache_info().misses == 1
assert first.identical(again)
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=200
    )
    assert found.returncode == 0, found.stderr
