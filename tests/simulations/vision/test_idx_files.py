"""idx files: MNIST and Fashion-MNIST."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.vision.data import load

SHARED = Path(__file__).parents[4] / "shared" / "data"
IMAGES = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 0, 9], np.uint8)


def _idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return b"\0\0\x08" + bytes([array.ndim]) + sizes + array.tobytes()


def _write(folder, *, packed=False, dot="-", start="train"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("images", IMAGES), ("labels", LABELS)):
        file = folder / f"{start}-{name}{dot}idx{array.ndim}-ubyte{'.gz' * packed}"
        file.write_bytes(gzip.compress(_idx(array)) if packed else _idx(array))
    return folder


def _refused(text, split="train"):
    with pytest.raises(InputError) as caught:
        load(text, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("below", "dot"), [("", "-"), ("MNIST/raw", "-"), ("raw", ".")]
)
def test_images_labels_and_names_are_those_of_the_files(tmp_path, packed, below, dot):
    _write(tmp_path / below, packed=packed, dot=dot)
    found = load(f"mnist:{tmp_path}")
    np.testing.assert_array_equal(found.images[..., 0], IMAGES)
    assert found.labels.tolist() == [7, 0, 9] and found.class_names[7] == "7"
    assert found.ids == ("train/00000", "train/00001", "train/00002")
    again = load(f"fashion_mnist:{tmp_path}")
    assert again.class_names[9] == "Ankle boot" and again.name == "Fashion-MNIST train"


def test_the_test_set_has_the_files_called_t10k(tmp_path):
    _write(tmp_path, start="t10k")
    assert load(f"mnist:{tmp_path}", "test").ids[0] == "test/00000"
    assert "has no train-images-idx3-ubyte" in _refused(f"mnist:{tmp_path}")


@pytest.mark.parametrize("packed", [False, True])
def test_files_cut_short_or_too_long_are_refused(tmp_path, packed):
    file = _write(tmp_path, packed=packed) / f"train-images-idx3-ubyte{'.gz' * packed}"
    content = file.read_bytes()
    for end in (0, 2, 3, 10, 17, 100, len(content) - 9, len(content) - 1):
        file.write_bytes(content[:end])
        assert "download it again" in _refused(f"mnist:{tmp_path}")
    huge = _idx(IMAGES)[:4] + b"\xff" * 12 + bytes(99)
    file.write_bytes(gzip.compress(huge) if packed else huge)
    assert "bytes, it has 99" in _refused(f"mnist:{tmp_path}")
    longer = _idx(IMAGES) + b"\0"
    file.write_bytes(gzip.compress(longer) if packed else longer)
    assert "2352 bytes, it has more" in _refused(f"mnist:{tmp_path}")


def test_other_files_and_folders_are_refused(tmp_path):
    file = _write(tmp_path) / "train-labels-idx1-ubyte"
    file.write_bytes(b"<html>404</html>")
    assert "a page of the web" in _refused(f"mnist:{tmp_path}")
    file.write_bytes(_idx(LABELS.astype(np.uint8)[None]))
    assert "not an idx file of bytes in 1 dim" in _refused(f"mnist:{tmp_path}")
    file.write_bytes(_idx(LABELS[:2]))
    assert "labels has 2 entries for 3 examples" in _refused(f"mnist:{tmp_path}")
    assert "is not a folder" in _refused(f"mnist:{file}")
    _write(tmp_path / "raw")
    assert "has both" in _refused(f"mnist:{tmp_path}")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data here")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_published_files(name):
    for split, count in (("train", 60_000), ("test", 10_000)):
        found = load(f"{name}:{SHARED / name}", split)
        assert found.images.shape == (count, 28, 28, 1)
        if name == "fashion_mnist":  # both are balanced there
            assert (np.bincount(found.labels) == count // 10).all()
