"""Data sets in the real formats, tiny; damaged and malicious files; the shared copy."""

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from perceptron_theory import InputError
from simulations.vision.data import Images, load
from simulations.vision.data.cifar10_files import CLASSES
from simulations.vision.data.cifar10_files import cifar10 as load_cifar10
from simulations.vision.data.folder import image_folder
from simulations.vision.data.safe_pickle import safe_load

SHARED = Path(__file__).parents[4] / "shared" / "data"
ROWS = 20


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    import sys

    monkeypatch.setattr(
        sys.modules["simulations.vision.data.cifar10_files"], "_ROWS", ROWS
    )


def _batch(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(256, size=(ROWS, 3072), dtype=np.uint8)
    return rows, rng.integers(10, size=ROWS)


def _python_pickle(rows, labels):
    """As Python 2 wrote them: protocol 2, byte keys, the old name of NumPy's core."""
    content = {b"data": rows, b"labels": labels.tolist(), b"batch_label": b"1 of 5"}
    return pickle.dumps(content, protocol=2).replace(b"numpy._core", b"numpy.core")


FILES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]


def _python_folder(path):
    path.mkdir()
    for i, name in enumerate(FILES):
        (path / name).write_bytes(_python_pickle(*_batch(i)))
    return path


def _binary_folder(path):
    path.mkdir()
    for i, name in enumerate(FILES):
        rows, labels = _batch(i)
        table = np.concatenate([labels[:, None].astype(np.uint8), rows], axis=1)
        (path / f"{name}.bin").write_bytes(table.tobytes())
    return path


def _encode(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **options)
    return file.getvalue()


def _parquet(path, images, labels, paths=None, **options):
    rows = [
        {"bytes": _encode(image, **options), "path": paths[i] if paths else None}
        for i, image in enumerate(images)
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(
        pa.table({"img": pa.array(rows, kind), "label": pa.array(labels)}), path
    )


def test_the_official_formats_are_one_data_set(tmp_path):
    python = load_cifar10(_python_folder(tmp_path / "python"))
    binary = load_cifar10(_binary_folder(tmp_path / "binary"))
    assert python.fingerprint == binary.fingerprint
    assert len(python) == 5 * ROWS and python.ids[21] == "train/00021"
    rows, labels = _batch(1)
    np.testing.assert_array_equal(python.images[ROWS, :, :, 2].ravel(), rows[0, 2048:])
    assert python.labels[ROWS] == labels[0]
    (tmp_path / "parquet").mkdir()
    _parquet(
        tmp_path / "parquet" / "train-00000-of-00001.parquet",
        python.images,
        python.labels,
        format="PNG",
    )
    parquet = load(f"cifar10:{tmp_path / 'parquet'}")
    assert parquet.fingerprint == python.fingerprint
    assert parquet.name == "CIFAR-10 train"
    test = load_cifar10(tmp_path / "binary", "test")
    assert test.name == "CIFAR-10 test" and test.fingerprint != python.fingerprint


def test_the_downloaded_archives_are_read_as_they_are(tmp_path):
    _python_folder(tmp_path / "cifar-10-batches-py")
    _binary_folder(tmp_path / "cifar-10-batches-bin")
    folder = load_cifar10(tmp_path / "cifar-10-batches-py")
    for name in "cifar-10-batches-py", "cifar-10-batches-bin":
        kind = {"y": "python", "n": "binary"}[name[-1]]
        archive = tmp_path / f"cifar-10-{kind}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(tmp_path / name, arcname=name)
        assert load_cifar10(archive).fingerprint == folder.fingerprint
        whole = archive.read_bytes()
        middle = len(whole) // 2
        for damaged in (
            whole[:-2000],
            whole[:-4],
            whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            b"no archive",
        ):
            archive.write_bytes(damaged)
            with pytest.raises(InputError, match="not a complete archive") as raised:
                load_cifar10(archive)
            assert "\n" not in str(raised.value)


def test_the_folder_above_the_unpacked_files_will_do(tmp_path):
    inside = _python_folder(tmp_path / "cifar-10-batches-py")
    assert load_cifar10(tmp_path).fingerprint == load_cifar10(inside).fingerprint


def test_jpeg_is_another_data_set_and_called_so(tmp_path):
    images = np.full((4, 32, 32, 3), 90, np.uint8)
    paths = [f"train/cat/{i:04d}.jpg" for i in range(4)]
    file = tmp_path / "train.parquet"
    _parquet(file, images, [3] * 4, paths, format="JPEG", quality=75)
    found = load_cifar10(file)
    assert found.name == "CIFAR-10 (JPEG-75) train"
    assert found.ids == tuple(paths)
    _parquet(file, images, [3] * 4, paths, format="JPEG", quality=95)
    assert load_cifar10(file).name == "CIFAR-10 (JPEG) train"


class _Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_not_run(tmp_path):
    folder = _python_folder(tmp_path / "python")
    victim = tmp_path / "victim"
    (folder / "data_batch_3").write_bytes(pickle.dumps(_Attack(victim), protocol=2))
    with pytest.raises(InputError, match=r"data_batch_3.* would run \w+\.mkdir"):
        load_cifar10(folder)
    assert not victim.exists()
    with pytest.raises(InputError, match="would run builtins"):
        safe_load(b"cbuiltins\neval\n(S'1'\ntR.", "x")


def test_damaged_batches_are_refused(tmp_path):
    folder = _python_folder(tmp_path / "python")
    file = folder / "data_batch_2"
    whole = file.read_bytes()
    rows, labels = _batch(1)
    for content, says in (
        (whole[: len(whole) // 2], "data_batch_2 is damaged"),
        (pickle.dumps([1, 2], protocol=2), "no data and labels"),
        (_python_pickle(rows[:5], labels[:5]), "not 20 images"),
        (_python_pickle(rows, labels[:5]), "5 labels for 20"),
        (
            _python_pickle(rows, labels + 9),
            r"labels\[\d+\] is 1\d: labels must",
        ),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=says) as raised:
            load_cifar10(folder)
        assert "\n" not in str(raised.value)
    file.unlink()
    with pytest.raises(InputError, match="has no data_batch_2"):
        load_cifar10(folder)
    binary = _binary_folder(tmp_path / "binary") / "test_batch.bin"
    binary.write_bytes(binary.read_bytes()[:-1])
    with pytest.raises(InputError, match="truncated, or CIFAR-100"):
        load_cifar10(tmp_path / "binary", "test")
    with pytest.raises(InputError, match="does not exist"):
        load_cifar10(tmp_path / "nowhere")
    with pytest.raises(InputError, match="unknown split"):
        load_cifar10(folder, "validation")


def test_damaged_parquet_is_refused(tmp_path):
    file = tmp_path / "train.parquet"
    images = np.zeros((3, 32, 32, 3), np.uint8)
    _parquet(file, images, [0, 1, 2], format="PNG")
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="not a complete parquet"):
        load_cifar10(file)
    _parquet(file, images[:, :16], [0, 1, 2], format="PNG")
    with pytest.raises(InputError, match=r"row 0: an image of shape \(16, 32, 3\)"):
        load_cifar10(file)
    _parquet(file, images, [0, 1, 12], format="PNG")
    with pytest.raises(InputError, match=r"labels\[2\] is 12"):
        load_cifar10(file)
    _parquet(file, images, [0, 1, 2], ["a", "b", "a"], format="PNG")
    with pytest.raises(InputError, match="id 'a' stands for several"):
        load_cifar10(file)
    pq.write_table(pa.table({"x": [1]}), file)
    with pytest.raises(InputError, match="has the columns x; img"):
        load_cifar10(file)
    table = pa.table({"img": [{"bytes": b"no image", "path": None}], "label": [1]})
    pq.write_table(table, file)
    with pytest.raises(InputError, match="row 0 is a corrupt image"):
        load_cifar10(file)


def test_svhn_is_read_from_matlab_files(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(32, 32, 3, 6), dtype=np.uint8)
    labels = np.array([[1], [10], [3], [9], [10], [2]], np.uint8)
    file = tmp_path / "train_32x32.mat"
    savemat(file, {"X": images, "y": labels}, do_compression=True)
    found = load(f"svhn:{tmp_path}")
    np.testing.assert_array_equal(found.labels, [1, 0, 3, 9, 0, 2])
    np.testing.assert_array_equal(found.images[4], images[..., 4])
    assert found.ids[5] == "train/000005" and found.name == "SVHN train"
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"not a complete \.mat"):
        load(f"svhn:{tmp_path}")
    wrong = {"11": labels + 1, "1.5": labels + 0.5, "nan": labels * np.nan}
    for said, bad in wrong.items():
        savemat(file, {"X": images, "y": bad})
        with pytest.raises(InputError, match=f"label {said} is not one of 1 to 10"):
            load(f"svhn:{tmp_path}")
    savemat(file, {"X": images})
    with pytest.raises(InputError, match="does not hold X and y"):
        load(f"svhn:{tmp_path}")
    with pytest.raises(InputError, match="does not exist"):
        load(f"svhn:{tmp_path}", "extra")


def _folder(root):
    rng = np.random.default_rng(0)
    for name, modes in {"n01": ["RGB", "L"], "n02": ["RGB", "RGB"]}.items():
        (root / name).mkdir(parents=True)
        for i, mode in enumerate(modes):
            pixels = rng.integers(256, size=(40, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(root / name / f"{name}_{i}.png")
    return root


def test_an_image_folder_is_listed_in_sorted_order(tmp_path):
    folder = load(f"folder:{_folder(tmp_path / 'set')}")
    assert folder.ids == (
        "n01/n01_0.png",
        "n01/n01_1.png",
        "n02/n02_0.png",
        "n02/n02_1.png",
    )
    np.testing.assert_array_equal(folder.labels, [0, 0, 1, 1])
    images, bad = folder.images(32)
    assert images.images.shape == (4, 32, 32, 3) and not bad
    grey = images.images[1]
    assert (grey[..., 0] == grey[..., 1]).all()
    again = image_folder(tmp_path / "set").fingerprint
    assert again == folder.fingerprint
    (tmp_path / "set" / "n02" / "n02_1.png").rename(tmp_path / "set" / "n02" / "x.png")
    assert image_folder(tmp_path / "set").fingerprint != again


@pytest.mark.parametrize("where", ["~/set", "$SETS/set", "${SETS}/set"])
def test_home_and_variables_are_written_out_after_a_colon(tmp_path, monkeypatch, where):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SETS", str(tmp_path))
    plain = load(f"folder:{_folder(tmp_path / 'set')}")
    assert load(f"folder:{where}").fingerprint == plain.fingerprint
    assert image_folder(where).fingerprint == plain.fingerprint
    assert load(f"folder:{where}#n02,n01").class_names == ("n02", "n01")


def test_a_corrupt_image_is_named_counted_and_allowed_only_if_asked(tmp_path):
    root = _folder(tmp_path / "set")
    broken = root / "n02" / "n02_0.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match=r"1 of 4 images are corrupt.*n02_0\.png"):
        image_folder(root).images(16)
    images, bad = image_folder(root).images(16, max_corrupt=1)
    assert bad == ["n02/n02_0.png"] and len(images) == 3
    np.testing.assert_array_equal(images.labels, [0, 0, 1])


def test_remains_of_a_download_are_refused(tmp_path):
    root = _folder(tmp_path / "set")
    (root / "n01" / "n01_9.png.part").write_bytes(b"half")
    with pytest.raises(InputError, match="interrupted download"):
        image_folder(root)
    (root / "n01" / "n01_9.png.part").rename(root / "n01" / "n01_9.png")
    (root / "n01" / "n01_9.png").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        image_folder(root)
    (root / "n01" / "n01_9.png").unlink()
    (root / "n03").mkdir()
    with pytest.raises(InputError, match="n03 has no images"):
        image_folder(root)
    with pytest.raises(InputError, match="no sub-folders"):
        image_folder(root / "n03")
    with pytest.raises(InputError, match="is not a folder"):
        image_folder(root / "n04")


def test_the_digits_are_built_in():
    train, test, whole = (load("digits", split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(whole)) == (1438, 359, 1797)
    assert not set(train.ids) & set(test.ids)
    assert set(train.ids) | set(test.ids) == set(whole.ids)
    assert train.images.max() == 255 and train.images.shape[1:] == (8, 8, 1)
    assert load().fingerprint == train.fingerprint


@pytest.mark.parametrize("name", ["mnis", "cifar", "cifar1000:x", "digit:x", ""])
def test_an_unknown_data_set_is_refused(name):
    with pytest.raises(InputError, match="give digits, mnist:FOLDER"):
        load(name)


def test_images_are_checked():
    images, labels = np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1])
    ids, names = ("a", "b"), ("x", "y")
    for given, says in (
        ((images / 2, labels, ids, names), "must be bytes"),
        ((images, labels[:1], ids, names), "1 entries for 2"),
        ((images, labels + 1, ids, names), "is 2: labels must be 0 to 1"),
        ((images, labels, ("a",), names), "1 ids for 2"),
        ((images, labels, ("a", "a"), names), "several examples"),
    ):
        with pytest.raises(InputError, match=says):
            Images("set", *given)


@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason="no shared data here")
def test_the_shared_copy_of_cifar_10_is_jpeg_75():
    found = load(f"cifar10:{SHARED / 'cifar10'}", "test")
    assert found.name == "CIFAR-10 (JPEG-75) test"
    assert len(found) == 10_000
    np.testing.assert_array_equal(np.bincount(found.labels), [1000] * 10)
    for one, label in zip(found.ids[:50], found.labels[:50], strict=True):
        assert CLASSES[label] == one.split("/")[1]


@pytest.mark.skipif(not (SHARED / "imagenet_sample").is_dir(), reason="no shared data")
def test_the_shared_sample_of_imagenet_is_an_image_folder():
    found = load(f"folder:{SHARED / 'imagenet_sample'}")
    assert len(found) == 200 and len(found.class_names) == 200
    assert found.decode(0, 64).shape == (64, 64, 3)
