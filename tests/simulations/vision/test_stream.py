"""Batches of data sets too large for memory: deterministic, resumable, none lost."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data.decode import CenterCrop, RandomCrop
from simulations.vision.data.folder import image_folder
from simulations.vision.data.order import evaluation_batches, rng, training_batches
from simulations.vision.data.stream import Stream

COUNT = 22
VIEW = RandomCrop(12)
EVAL = CenterCrop(16, 12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("images") / "set"
    random = np.random.default_rng(0)
    for i in range(COUNT):
        file = root / f"n{i % 3}" / f"{i:02d}.JPEG"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(256, size=(20 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    return image_folder(root)


@pytest.fixture
def damaged(data, tmp_path):
    """The same with three images cut short; they keep their rows."""
    import shutil

    root = shutil.copytree(data.reader.root, tmp_path / "set")
    for row in (4, 9, 15):
        file = root / data.ids[row]
        file.write_bytes(file.read_bytes()[:300])
    return image_folder(root)


def _all(epoch):
    batches = list(epoch)
    return {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("images", "labels", "rows", "mask")
    }


def _same(left, right):
    for name, array in left.items():
        np.testing.assert_array_equal(array, right[name], err_msg=name)


def test_an_epoch_is_a_permutation_that_seed_and_epoch_fix(data):
    stream = Stream(data, 4, VIEW, seed=3)
    assert len(stream) == COUNT // 4
    first = _all(stream.epoch(0))
    _same(first, _all(Stream(data, 4, VIEW, seed=3).epoch(0)))
    assert len(set(first["rows"])) == len(first["rows"]) == 20 and first["mask"].all()
    np.testing.assert_array_equal(first["labels"], data.labels[first["rows"]])
    for other in stream.epoch(1), Stream(data, 4, VIEW, seed=4).epoch(0):
        found = _all(other)
        assert (found["rows"] != first["rows"]).any()
        # an image is cropped anew: no two epochs show one the same
        shared = set(found["rows"]) & set(first["rows"])
        row = next(iter(shared))
        assert (
            found["images"][found["rows"] == row]
            != first["images"][first["rows"] == row]
        ).any()


def test_evaluation_counts_every_example_once(data):
    for batch_size in 1, 5, 22, 30:
        found = _all(Stream(data, batch_size, EVAL).epoch())
        assert len(found["rows"]) == -(-COUNT // batch_size) * batch_size
        np.testing.assert_array_equal(found["rows"][found["mask"]], np.arange(COUNT))
        assert not found["images"][~found["mask"]].any()
        np.testing.assert_array_equal(found["labels"][found["mask"]], data.labels)
    for row in range(COUNT):
        image = Image.open(data.reader.root / data.ids[row])
        np.testing.assert_array_equal(_row(found, row), EVAL(image))


def _row(found, row):
    return found["images"][found["rows"] == row][0]


@pytest.mark.parametrize(("view", "seed"), [(VIEW, 1), (EVAL, None)])
def test_hosts_share_the_batches_of_one(data, view, seed):
    whole = list(Stream(data, 6, view, seed).epoch(2))
    parts = [
        list(Stream(data, 6, view, seed, host=host, hosts=3).epoch(2))
        for host in range(3)
    ]
    assert [len(part) for part in parts] == [len(whole)] * 3
    for step, batch in enumerate(whole):
        for name in "images", "labels", "rows", "mask":
            joined = np.concatenate([getattr(part[step], name) for part in parts])
            np.testing.assert_array_equal(joined, getattr(batch, name))


def test_a_subset_is_served_whatever_the_order_of_its_ids(data):
    kept = [data.ids[row] for row in (17, 3, 8, 20, 1)]
    found = _all(Stream(data, 2, EVAL, ids=kept).epoch())
    np.testing.assert_array_equal(found["rows"], [1, 3, 8, 17, 20, -1])
    trained = _all(Stream(data, 5, VIEW, 0, ids=kept).epoch(0))
    _same(trained, _all(Stream(data, 5, VIEW, 0, ids=kept[::-1]).epoch(0)))
    assert set(trained["rows"]) == {1, 3, 8, 17, 20}
    for ids, says in (
        (["n9/1.JPEG", *kept], "1 of 6 ids are not in set, such as 'n9/1.JPEG'"),
        ([*kept, kept[0]], "stands for several"),
        ([], "no ids"),
    ):
        with pytest.raises(InputError, match=says):
            Stream(data, 2, EVAL, ids=ids)


CODE = """
import json, sys
import numpy as np
from simulations.vision.data.decode import RandomCrop
from simulations.vision.data.folder import image_folder
from simulations.vision.data.stream import Stream

if __name__ == "__main__":
    root, state, out = sys.argv[1:]
    stream = Stream(image_folder(root), 4, RandomCrop(12), seed=3, workers=1)
    batches = list(stream.resume(json.loads(state)))
    arrays = {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("images", "labels", "rows", "mask")
    }
    np.savez(out, **arrays)
"""


@pytest.mark.slow
def test_stopped_by_any_number_of_processes_it_goes_on_in_another(data, tmp_path):
    whole = list(Stream(data, 4, VIEW, seed=3).epoch(7))
    with Stream(data, 4, VIEW, seed=3, workers=2).epoch(7) as epoch:
        begun = [next(epoch), next(epoch)]
        state = json.dumps(epoch.state())  # others were decoded ahead
    _same(_all(begun), _all(whole[:2]))
    script, out = tmp_path / "resume.py", tmp_path / "rest.npz"
    script.write_text(CODE)
    command = [sys.executable, script, data.reader.root, state, out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # grain's resource tracker may say something at the end
    assert done.returncode == 0 and "Error" not in done.stderr, done.stderr
    with np.load(out) as rest:
        _same(_all(whole[2:]), rest)


def test_every_place_can_be_resumed_from(data):
    for stream in Stream(data, 4, VIEW, seed=3), Stream(data, 4, EVAL):
        whole = list(stream.epoch(1))
        epoch = stream.epoch(1)
        for step in range(len(stream) + 1):
            rest = list(stream.resume(json.loads(json.dumps(epoch.state()))))
            assert len(rest) == len(whole) - step
            if rest:
                _same(_all(whole[step:]), _all(rest))
                next(epoch)


def test_a_state_of_something_else_is_refused(data):
    stream = Stream(data, 4, VIEW, seed=3)
    state = stream.epoch(0).state()
    for other, says in (
        (Stream(data, 4, VIEW, seed=4), "has seed 3, this stream 4"),
        (Stream(data, 2, VIEW, seed=3), "has batch_size 4"),
        (Stream(data, 4, EVAL, seed=3), "has view 'RandomCrop"),
        (Stream(data, 4, VIEW, seed=3, ids=data.ids[:9]), "has subset"),
    ):
        with pytest.raises(InputError, match=says):
            other.resume(state)
    for change in ({"step": 6}, {"step": -1}, {"corrupt": [COUNT]}, {"epoch": "x"}):
        with pytest.raises(InputError, match="damaged"):
            stream.resume(state | change)
    with pytest.raises(InputError, match="has fingerprint None"):
        stream.resume({})


def test_corrupt_images_are_named_counted_and_stop_the_run(damaged):
    ids = [damaged.ids[row] for row in (4, 9, 15)]
    with pytest.raises(InputError, match=rf"1 corrupt images and 0 .*{ids[0]}.*Trunc"):
        list(Stream(damaged, 5, EVAL).epoch())
    with pytest.raises(InputError, match="3 corrupt images and 2 allowed"):
        list(Stream(damaged, 5, EVAL, max_corrupt=2).epoch())
    epoch = Stream(damaged, 5, EVAL, max_corrupt=3).epoch()
    found = _all(epoch)
    assert list(epoch.corrupt) == ids
    assert all("runcated" in reason for reason in epoch.corrupt.values())
    counted = found["rows"][found["mask"]]
    assert set(counted) == set(range(COUNT)) - {4, 9, 15}


def test_corrupt_images_stay_counted_over_a_restart(damaged):
    stream = Stream(damaged, 5, EVAL, max_corrupt=2)
    epoch = stream.epoch()
    next(epoch), next(epoch)
    assert len(epoch.corrupt) == 2
    with pytest.raises(InputError, match="3 corrupt images and 2 allowed"):
        list(stream.resume(json.loads(json.dumps(epoch.state()))))


def test_an_image_that_went_missing_is_named(data, tmp_path):
    import shutil

    root = shutil.copytree(data.reader.root, tmp_path / "set")
    again = image_folder(root)
    (root / again.ids[2]).unlink()
    with pytest.raises(InputError, match=rf"{again.ids[2]} cannot be read \(No such"):
        list(Stream(again, 5, EVAL).epoch())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": 23}, "22 examples do not fill one batch of 23"),
        ({"hosts": 3}, "must divide"),
        ({"hosts": 2, "host": 2}, "hosts count from 0"),
        ({"hosts": 2, "host": -1}, "hosts count from 0"),
        ({"workers": -1}, "must be 0 or more"),
        ({"max_corrupt": -1}, "must be 0 or more"),
        ({"seed": None}, "random crops need a seed"),
        ({"seed": -1}, "whole numbers of at least 0"),
    ],
)
def test_streams_that_cannot_be_are_refused(data, options, says):
    with pytest.raises(InputError, match=says):
        Stream(data, **({"batch_size": 4, "view": VIEW, "seed": 0} | options))


def test_batches_of_an_epoch():
    found = training_batches(10, 3, seed=0, epoch=0)
    assert found.shape == (3, 3) and len(set(found.ravel())) == 9
    # over the epochs every example is left out about equally often
    left = [
        set(range(10)) - set(training_batches(10, 3, seed=0, epoch=e).ravel())
        for e in range(500)
    ]
    counts = np.bincount([row for one in left for row in one], minlength=10)
    assert counts.sum() == 500 and counts.min() > 25 and counts.max() < 80
    np.testing.assert_array_equal(evaluation_batches(4, 3), [[0, 1, 2], [3, -1, -1]])
    np.testing.assert_array_equal(evaluation_batches(3, 3), [[0, 1, 2]])
    for refused in (lambda: evaluation_batches(0, 3), lambda: evaluation_batches(3, 0)):
        with pytest.raises(InputError):
            refused()


def test_random_numbers_differ_between_places():
    places = [(1,), (1, 0), (1, 0, 0), (0, 1), (0,), (1, 1), (0, 0)]
    seen = {rng(5, *place).integers(2**63) for place in places}
    assert len(seen | {rng(6).integers(2**63)}) == len(places) + 1
