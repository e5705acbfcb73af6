"""Runs on the digits: what they learn and leave, killed, resumed, refused, pruned."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from PIL import Image
from tiny import EPOCHS, TEST, TRAIN, leaves

from perceptron_theory import ConvergenceError, InputError
from simulations.vision.data import load
from simulations.vision.data.decode import CenterCrop
from simulations.vision.training import evaluate, run, train
from simulations.vision.training.evaluation import all_logits

STEPS = len(TRAIN) // tiny.RECIPE["batch_size"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    plan = tiny.plan()
    return plan, folder, train(plan, folder)


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def in_subprocess(code, *args, **env):
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[2])])
    command = [sys.executable, "-W", "error", "-c", code, *map(str, args)]
    environment = os.environ | {"PYTHONPATH": path} | env
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_it_learns_the_digits(whole):
    _, folder, trained = whole
    losses = [row["train_loss"] for row in trained.history]
    assert losses[-1] < 0.5 * losses[0]
    assert trained.history[-1]["test_accuracy"] > 0.85
    assert [row["step"] for row in trained.history] == list(
        range(STEPS, STEPS * EPOCHS + 1, STEPS)
    )
    # evaluated every third epoch, on every example
    tested = [row["test_examples"] for row in trained.history]
    assert tested == [None, None, len(TEST)] * 2
    found = [float(row["train_loss"]) for row in rows(folder)]
    np.testing.assert_allclose(found, losses)


def test_logits_are_of_every_example_in_order_in_evaluation_mode(whole):
    plan, folder, trained = whole
    assert len(TRAIN) % tiny.RECIPE["batch_size"]  # else nothing is tested
    mean, std = np.array(plan.model.mean), np.array(plan.model.std)
    images = jnp.asarray((TRAIN.images / 255 - mean) / std, jnp.float32)
    state = trained.state
    variables = {"params": state.params, "batch_stats": state.statistics}
    wanted = jax.jit(plan.model.network.apply)(variables, images)
    np.testing.assert_allclose(np.load(folder / "logits.npy"), wanted, atol=1e-4)
    early = np.load(folder / "logits_2.npy")
    assert early.shape == wanted.shape and not np.allclose(early, wanted, atol=0.1)


def test_evaluation_is_a_mean_over_examples_not_over_batches(whole):
    plan, _, trained = whole
    found = evaluate(plan.testing, trained.state, TEST.labels)
    logits = all_logits(plan.testing, trained.state, len(TEST)).astype(float)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    losses = -np.log(shares[np.arange(len(TEST)), TEST.labels])
    assert found.loss == pytest.approx(losses.mean(), rel=1e-5)
    batches = [losses[i : i + 64].mean() for i in range(0, len(TEST), 64)]
    assert np.mean(batches) != pytest.approx(losses.mean(), rel=1e-3)
    assert found.accuracy == (logits.argmax(1) == TEST.labels).mean()
    assert found.examples == len(TEST)


def test_correctness_is_recorded_at_every_presentation(whole):
    plan, folder, trained = whole
    correct = np.load(folder / "correct.npy")
    assert correct.shape == (EPOCHS, len(TRAIN)) and correct.dtype == bool
    for epoch in range(EPOCHS):
        shown = plan.training.rows(epoch).ravel()
        accuracy = correct[epoch, shown].mean()
        assert accuracy == pytest.approx(trained.history[epoch]["train_accuracy"])
        absent = np.setdiff1d(np.arange(len(TRAIN)), shown)
        assert len(absent) == len(TRAIN) % 64
        before = correct[epoch - 1, absent] if epoch else False
        np.testing.assert_array_equal(correct[epoch, absent], before)


KILLED = """
import os, signal, sys, tiny
from simulations.vision.training import epoch_record, train
check = epoch_record._check_losses
def kill(seen, epoch, steps):
    check(seen, epoch, steps)
    if (epoch, steps) == (3, 20):
        os.kill(os.getpid(), signal.SIGKILL)
epoch_record._check_losses = kill
train(tiny.plan(), sys.argv[1])
"""


@pytest.mark.slow
def test_killed_and_resumed_is_bit_identical(whole, tmp_path):
    _, folder, trained = whole
    killed = in_subprocess(KILLED, tmp_path / "run")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(rows(tmp_path / "run")) == 3
    assert not (tmp_path / "run" / "logits.npy").exists()
    # an interrupted save, which orbax names like this, counts for nothing
    (tmp_path / "run" / "checkpoints" / "9.orbax-checkpoint-tmp-1").mkdir()
    again = train(tiny.plan(), tmp_path / "run")
    assert leaves(again.state) == leaves(trained.state)
    for name in ("logits.npy", "logits_2.npy", "correct.npy"):
        assert (tmp_path / "run" / name).read_bytes() == (folder / name).read_bytes()
    same = [row | {"images_per_second": 0} for row in rows(tmp_path / "run")]
    assert same == [row | {"images_per_second": 0} for row in rows(folder)]


def test_a_run_that_is_done_is_not_trained_again(whole):
    _, folder, trained = whole
    before = (folder / "metrics.csv").read_bytes()
    assert leaves(train(tiny.plan(), folder).state) == leaves(trained.state)
    assert (folder / "metrics.csv").read_bytes() == before
    kept = {path.name for path in (folder / "checkpoints").iterdir()}
    assert kept == {"5", "6"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 0.3}, "learning_rate 0.2, this is 0.3"),
        ({"seed": 1}, "seed 0, this is 1"),
        ({"dataset": load("digits", "all")}, "dataset 'digits train', this is"),
        ({"ids": TRAIN.ids[:100]}, "kept 1438, this is 100"),
        ({"fixed_steps": 9}, "fixed_steps None, this is 9"),
    ],
)
def test_another_run_is_refused(whole, changes, words):
    folder = whole[1]
    with pytest.raises(InputError) as caught:
        train(tiny.plan(**changes), folder)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_changed_checkpoint_is_refused(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole[1], folder)
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps(about | {"seed": 1}))
    with pytest.raises(InputError, match="seed 0, this is 1"):
        train(tiny.plan(seed=1), folder)
    (folder / "about.json").write_text(json.dumps(about))
    for path in (folder / "checkpoints" / "6" / "arrays").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot be read.*delete that folder"):
        train(tiny.plan(), folder)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        train(tiny.plan(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_nan_stops_and_says_where(whole, tmp_path, monkeypatch):
    folder, begin = tmp_path / "run", run.begin
    train(tiny.plan(), folder, stop_after=1)
    logits = (folder / "logits.npy").read_bytes()

    def spoilt(plan, saved):
        state, *rest = begin(plan, saved)
        params = jax.tree.map(lambda leaf: leaf * jnp.inf, state.params)
        return state._replace(params=params), *rest

    monkeypatch.setattr(run, "begin", spoilt)
    with pytest.raises(ConvergenceError, match=r"loss \(nan\).* step 1 of epoch 2"):
        train(tiny.plan(), folder)
    assert (folder / "logits.npy").read_bytes() == logits
    monkeypatch.setattr(run, "begin", begin)
    again = train(tiny.plan(), folder)
    assert leaves(again.state) == leaves(whole[2].state)


@pytest.mark.slow
def test_a_pruned_set_takes_the_steps_it_was_given(tmp_path):
    ids = [TRAIN.ids[i] for i in range(0, 400, 2)][::-1]
    plan = tiny.plan(ids=ids, fixed_steps=8, fixed_epochs=None)
    trained = train(plan, tmp_path / "run")
    assert [row["step"] for row in trained.history] == [3, 6, 8]
    member = np.load(tmp_path / "run" / "member.npy")
    np.testing.assert_array_equal(np.flatnonzero(member), np.arange(0, 400, 2))
    assert np.load(tmp_path / "run" / "correct.npy").shape == (3, len(ids))
    assert np.load(tmp_path / "run" / "logits.npy").shape == (len(TRAIN), 10)
    assert not set(plan.training.rows(0).ravel()) - set(range(0, 400, 2))


SHARDED = """
import sys, jax, numpy as np, tiny
from simulations.vision.training import train
found = []
for devices in (1, 4):
    plan = tiny.plan(devices=devices, **tiny.GENTLE)
    assert len(plan.start().params["head"]["bias"].devices()) == devices
    trained = train(plan, f"{sys.argv[1]}/{devices}")
    found.append((trained.state, plan.testing, trained))
(one, _, first), (many, feed, second) = found
for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
    # float32 sums in another order, which differs from one kind of CPU to another
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4)
assert (first.correct != second.correct).mean() < 0.01
# statistics of a quarter of the batch would be others
logits = [np.load(f"{sys.argv[1]}/{devices}/logits.npy") for devices in (1, 4)]
np.testing.assert_allclose(*logits, atol=1e-3)
"""


@pytest.mark.slow
def test_four_devices_equal_one(tmp_path):
    flags = os.environ.get("XLA_FLAGS", "")
    more = f"{flags} --xla_force_host_platform_device_count=4"
    done = in_subprocess(SHARDED, tmp_path, XLA_FLAGS=more)
    assert done.returncode == 0, done.stderr


HOSTS = """
import sys
from simulations.perceptron.hardware.devices import join_hosts
address, host, folder = sys.argv[1:]
join_hosts(address, 2, int(host))
import jax, tiny
from simulations.vision.training import train
assert jax.process_count() == len(tiny.plan().placement.devices) == 2
for stop_after in (1, None):  # the second goes on from a checkpoint
    train(tiny.plan(**tiny.GENTLE), folder, stop_after=stop_after)
"""


@pytest.mark.slow
def test_two_hosts_equal_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with ThreadPoolExecutor() as pool:
        args = [(HOSTS, address, host, tmp_path / "two") for host in (0, 1)]
        hosts = [pool.submit(in_subprocess, *one) for one in args]
    for host in hosts:
        assert host.result().returncode == 0, host.result().stderr
    train(tiny.plan(**tiny.GENTLE), tmp_path / "one")
    logits = [np.load(tmp_path / name / "logits.npy") for name in ("one", "two")]
    np.testing.assert_allclose(*logits, atol=1e-3)
    correct = [np.load(tmp_path / name / "correct.npy") for name in ("one", "two")]
    assert (correct[0] != correct[1]).mean() < 0.01


@pytest.mark.slow
def test_streams_train_and_give_logits_of_the_centre(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(21):
        folder = tmp_path / "images" / "train" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20, 24, 3), np.uint8) // 2 + 120 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:02d}.png")
    data = load(f"folder:{tmp_path / 'images'}")
    changes = {"batch_size": 8, "scale": "half", "image_size": 16, "fixed_epochs": 1}
    plan = tiny.plan(dataset=data, test=None, **changes)
    trained = train(plan, tmp_path / "run")
    images = np.stack([CenterCrop(18, 16)(_open(data, i)) for i in range(21)])
    state, normal = trained.state, jnp.asarray(images, jnp.float32) / 255 * 2 - 1
    variables = {"params": state.params, "batch_stats": state.statistics}
    wanted = jax.jit(plan.model.network.apply)(variables, normal)
    np.testing.assert_allclose(
        np.load(tmp_path / "run" / "logits.npy"), wanted, atol=1e-4
    )
    assert trained.correct.shape == (1, 21) and trained.history[0]["step"] == 2


def _open(data, i):
    from simulations.vision.data.decode import decode_rgb

    return decode_rgb(data.reader.read(i), data.ids[i])


def test_events_for_tensorboard_or_what_to_install(whole, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match="needs tensorboardX: pip install"):
        train(tiny.plan(), tmp_path / "run", board=True)
    monkeypatch.undo()
    pytest.importorskip("tensorboardX")
    shutil.copytree(whole[1], tmp_path / "board")
    shutil.rmtree(tmp_path / "board" / "checkpoints" / "6")
    train(tiny.plan(), tmp_path / "board", board=True)
    assert list((tmp_path / "board" / "tensorboard").glob("events.*"))
