"""Files that are not what was expected are read, or called what they are."""

import io
import pickle
import shutil
import sys
import tarfile
import zipfile
from collections import OrderedDict

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from perceptron_theory import InputError
from simulations.vision.data import load
from simulations.vision.data.archive import read_members
from simulations.vision.data.file_kinds import kind_of
from simulations.vision.data.imagenet_files import imagenet
from simulations.vision.data.safe_pickle import safe_load
from simulations.vision.networks.weight_file import read_weights

ROWS = 20
FILES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
X = np.random.default_rng(0).integers(256, size=(32, 32, 3, 6), dtype=np.uint8)
Y = np.array([[1], [10], [3], [9], [10], [2]], float)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    load("digits")  # the module is there
    files = sys.modules["simulations.vision.data.cifar10_files"]
    monkeypatch.setattr(files, "_ROWS", ROWS)


def _refused(source):
    with pytest.raises(InputError) as caught:
        load(source)
    assert "\n" not in str(caught.value) and "0x" not in str(caught.value)
    return str(caught.value)


def _cifar(folder, keys=bytes, protocol=2, order="C"):
    folder.mkdir()
    for i, name in enumerate(FILES):
        rng = np.random.default_rng(i)
        rows = rng.integers(256, size=(ROWS, 3072), dtype=np.uint8)
        values = np.asarray(rows, order=order), rng.integers(10, size=ROWS).tolist()
        names = ("data", "labels") if keys is str else (b"data", b"labels")
        content = dict(zip(names, values, strict=True))
        (folder / name).write_bytes(pickle.dumps(content, protocol=protocol))
    return folder


@pytest.mark.parametrize("protocol", range(6))
def test_cifar_10_saved_anew_by_any_python_is_the_same(tmp_path, protocol):
    official = load(f"cifar10:{_cifar(tmp_path / 'official')}")
    for order in "CF":
        anew = _cifar(tmp_path / f"anew{order}", str, protocol, order)
        assert load(f"cifar10:{anew}").fingerprint == official.fingerprint


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_layout_are_read_from_pickles(protocol):
    cube = np.arange(24).reshape(2, 3, 4)
    for array in (cube, cube.transpose(1, 0, 2), cube[:, ::2], cube.astype(">f4")):
        content = OrderedDict(array=array, scalar=np.float32(2))
        found = safe_load(pickle.dumps(content, protocol=protocol), "x")
        key = "array" if "array" in found else b"array"
        np.testing.assert_array_equal(found[key], array)


def test_a_pickle_cannot_change_how_others_are_read():
    # GLOBAL _frombuffer, BUILD with {"__defaults__": ...} as the state of slots
    attack = b"cnumpy._core.numeric\n_frombuffer\n(N(V__defaults__\n(tdtb."
    safe_load(attack, "x")
    from numpy._core.numeric import _frombuffer

    assert _frombuffer.__defaults__ != ()
    whole = pickle.dumps(np.arange(3), protocol=5)
    assert safe_load(whole, "x").tolist() == [0, 1, 2]


def test_zip_archives_are_read(tmp_path):
    folder = load(f"cifar10:{_cifar(tmp_path / 'cifar-10-batches-py')}")
    base = str(tmp_path / "cifar-10-python")
    archive = shutil.make_archive(base, "zip", tmp_path, "cifar-10-batches-py")
    assert load(f"cifar10:{archive}").fingerprint == folder.fingerprint
    content = bytearray((tmp_path / "cifar-10-python.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "cifar-10-python.zip").write_bytes(content)
    assert "is not a complete archive" in _refused(f"cifar10:{archive}")
    # the archive in the folder that it was downloaded to
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    shutil.rmtree(tmp_path / "cifar-10-batches-py")
    assert load(f"cifar10:{tmp_path}").fingerprint == folder.fingerprint


def test_two_different_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one/x", b"1")
        archive.writestr("__MACOSX/x", b"2")
        archive.writestr("two/x", b"1")
    assert read_members(tmp_path / "a.zip", ["x"]) == [b"1"]
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("three/x", b"3")
    with pytest.raises(InputError, match="two different members x"):
        read_members(tmp_path / "a.zip", ["x"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>", "it is a page of the web"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(90), "it is a .7z archive; unpack it"),
        (b"\x28\xb5\x2f\xfd" + bytes(90), "it is a Zstandard file (.zst); unpack it"),
        (b"PAR1" + bytes(90), "it is a parquet file"),
        (b"what?" * 90, "download it again"),
    ],
)
def test_what_is_no_archive_is_called_what_it_is(tmp_path, content, says):
    (tmp_path / "cifar.tar.gz").write_bytes(content)
    assert says in _refused(f"cifar10:{tmp_path / 'cifar.tar.gz'}")
    (tmp_path / "train_32x32.mat").write_bytes(content)
    assert says in _refused(f"svhn:{tmp_path}")


def test_an_archive_of_imagenet_as_zip_is_called_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "train.tar", "w") as archive:
        archive.writestr("n1/a.JPEG", b"x")
    said = _refused(f"imagenet:{tmp_path / 'train.tar'}")
    assert "it is a .zip archive; unpack it" in said
    file = io.BytesIO()
    np.save(file, X)
    assert kind_of(file.getvalue()) == "a .npy file"


def _version_7_3(path, cells=False):
    with h5py.File(path, "w", userblock_size=512) as file:
        if cells:
            part = file.create_dataset("#refs#/a", data=X[..., 0].T)
            each = np.full((6, 1), part.ref, h5py.ref_dtype)
            images = file.create_dataset("X", data=each, dtype=h5py.ref_dtype)
        else:
            images = file.create_dataset("X", data=X.T)
        images.attrs["MATLAB_class"] = np.bytes_("cell" if cells else "uint8")
        file.create_dataset("y", data=Y.T).attrs["MATLAB_class"] = np.bytes_("double")
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + content[512:])


def test_mat_files_of_version_7_3_are_read(tmp_path):
    file = tmp_path / "train_32x32.mat"
    savemat(file, {"X": X, "y": Y})
    old = load(f"svhn:{tmp_path}")
    _version_7_3(file)
    assert load(f"svhn:{tmp_path}").fingerprint == old.fingerprint
    file.write_bytes(file.read_bytes()[:3000])
    assert "is not a complete .mat file (OSError): download it" in _refused(
        f"svhn:{tmp_path}"
    )


def test_mat_files_of_something_else_are_called_so(tmp_path):
    file = tmp_path / "train_32x32.mat"
    cells = np.empty((1, 6), object)
    for i in range(6):
        cells[0, i] = X[..., i]
    for content, says in (
        ({"X": cells, "y": Y}, "X is a cell array, not an array of numbers"),
        ({"X": {"a": 1}, "y": Y}, "X is a struct"),
        ({"X": X, "y": ["a", "b"]}, "y is text"),
        ({"X": X}, "does not hold X and y, but X"),
        ({"x": {"X": X}, "y": Y}, "does not hold X and y, but x, y"),
    ):
        savemat(file, content)
        assert says in _refused(f"svhn:{tmp_path}")
    for start, says in (
        (b"# Created by Octave 9.2, Mon\n# name: X\n", "it is text of Octave: save it"),
        (b"Octave-1-L\0\0", "it is a binary file of Octave: save it there with -v7"),
        (b"%PDF-1.4\n", "it is a PDF file"),
    ):
        file.write_bytes(start)
        assert says in _refused(f"svhn:{tmp_path}")
    _version_7_3(file, cells=True)
    assert "X is a cell array" in _refused(f"svhn:{tmp_path}")


def test_a_development_kit_of_version_7_3_is_called_so(tmp_path):
    kit = tmp_path / "ILSVRC2012_devkit_t12"
    (tmp_path / "val").mkdir()
    kit.mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"x")
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n")
    _version_7_3(kit / "meta.mat")
    with pytest.raises(InputError, match=r"it is a \.mat file of version 7\.3"):
        imagenet(tmp_path, "val")


def test_weights_that_are_no_weights_are_called_what_they_are(tmp_path):
    file = tmp_path / "weights.pth"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("resnet/weights.pth", b"x")
    for content, says in (
        (None, r"but a \.zip archive of other files .*weights\.pth\): unpack it"),
        (b"<html>no such page", "of torch.save, but a page of the web"),
        (b"\x89HDF\r\n\x1a\n", "of torch.save, but an HDF5 file"),
    ):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=says):
            read_weights(file)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_labels_that_are_there_as_bytes_and_as_text_are_refused(tmp_path, name):
    labels = "labels" if name == "cifar10" else "fine_labels"
    batch = {b"data": 0, labels.encode(): [0], labels: [1]}
    files = ["train"]
    if name == "cifar10":
        files = [f"data_batch_{i}" for i in range(1, 6)]
    for file in files:
        (tmp_path / file).write_bytes(pickle.dumps(batch))
    with pytest.raises(InputError, match=f"'{labels}' twice, as bytes and as text"):
        load(f"{name}:{tmp_path}")
