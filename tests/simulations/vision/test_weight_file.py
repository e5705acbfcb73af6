"""Files of weights: what is in them, damage and malice.

reference/make_logits.py wrote zip.pth, legacy.pth and small.safetensors.
"""

import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from torch_save import Saved, save, write_zip

from perceptron_theory import InputError
from simulations.vision.networks.torch_file import Stored, _Storage, array_of
from simulations.vision.networks.weight_file import read_weights

REFERENCE = Path(__file__).parent / "reference"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "weights"


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "small.safetensors"])
def test_every_kind_of_tensor_is_read(name):
    found = read_weights(REFERENCE / name)
    grid = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(found["transposed"], grid.T)
    np.testing.assert_array_equal(found["row"], grid[1])
    assert found["row"].dtype == np.float32 and found["count"] == 7
    for kind, dtype in ("half", "float16"), ("bfloat", "bfloat16"), ("double", "f8"):
        assert found[kind].dtype == dtype
        np.testing.assert_array_equal(found[kind].astype(float), grid)
    if name.endswith("pth"):
        assert found["truth"].tolist() == [True, False]
        assert found["empty"].shape == (0, 3)


def test_the_folder_of_a_hugging_face_model_is_read(tmp_path):
    with pytest.raises(InputError, match=r"has no model\.safetensors or pytorch_model"):
        read_weights(tmp_path)
    save_file({"a": np.ones(2)}, tmp_path / "model.safetensors")
    assert list(read_weights(tmp_path)) == ["a"]


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "small.safetensors"])
def test_a_file_cut_short_anywhere_is_refused(name, tmp_path):
    content = (REFERENCE / name).read_bytes()
    path = tmp_path / name
    for kept in range(0, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:kept])
        with pytest.raises(InputError, match=f"{name}.*(download it again|neither)"):
            read_weights(path)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "small.safetensors"])
def test_a_changed_byte_gives_one_line_or_other_values(name, tmp_path):
    content = bytearray((REFERENCE / name).read_bytes())
    path = tmp_path / name
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        damaged = content.copy()
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            read_weights(path)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(InputError, match="does not exist"):
        read_weights(path)
    path.write_bytes(b"<html>404: not found</html>")
    with pytest.raises(InputError, match="neither a safetensors file nor"):
        read_weights(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="neither a safetensors file nor"):
        read_weights(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("image.png", b"")
    with pytest.raises(InputError, match=r"not a complete file of torch\.save"):
        read_weights(path)


def _legacy(path, pickled, storages=None):
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    start = b"".join(pickle.dumps(part, protocol=2) for part in parts)
    end = pickle.dumps(list(storages or {}), protocol=2)
    for content in (storages or {}).values():
        end += (len(content) // 4).to_bytes(8, "little") + content
    path.write_bytes(start + pickled + end)


ATTACKS = {
    "posix.mkdir": lambda victim: f"cposix\nmkdir\n(S'{victim}'\ntR.",
    "builtins.exec": lambda victim: (
        f"cbuiltins\nexec\n(S'import os; os.mkdir(\"{victim}\")'\ntR."
    ),
    "torch.load": lambda victim: f"ctorch\nload\n(S'{victim}'\ntR.",
    "torch.jit.load": lambda victim: f"ctorch.jit\nload\n(S'{victim}'\ntR.",
    "argparse.Namespace": lambda victim: "cargparse\nNamespace\n)R.",
    # protocol 4 may name attributes of what is allowed
    "collections.OrderedDict.__reduce__": lambda victim: (
        "\x80\x04\x8c\x0bcollections\x8c\x16OrderedDict.__reduce__\x93."
    ),
}


@pytest.mark.parametrize("write", [write_zip, _legacy])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_pickle_that_would_run_code_is_not_run(name, write, tmp_path):
    path, victim = tmp_path / "weights.pth", tmp_path / "victim"
    write(path, ATTACKS[name](victim).encode("latin1"))
    modules = set(sys.modules)
    says = f"would run {name}: it was not, and only weights can be read: save them by"
    with pytest.raises(InputError, match=says):
        read_weights(path)
    assert not victim.exists() and set(sys.modules) == modules


def test_a_pickle_cannot_change_what_it_may_name(tmp_path):
    path = tmp_path / "weights.pth"
    state = "(dS'x'\nI1\ns"  # {"x": 1}, set on the object under it
    for start in (
        "ccollections\nOrderedDict\n",
        "ctorch\nFloatStorage\n",
        "ctorch._utils\n_rebuild_tensor_v2\n(I0\nI0\n)NtR",
        "(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI0\ntQ",
    ):
        for setting in (f"{state}b.", f"(N{state}tb."):
            write_zip(path, (start + setting).encode())
            with pytest.raises(InputError, match=r"torch\.save|damaged"):
                read_weights(path)
    for kind in Stored, _Storage, OrderedDict:
        assert not hasattr(kind, "x")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (3,), (2,)),  # past the end
        (4, (1,), (1,)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2**40,), (0,)),  # a terabyte from four values
        (0, (2**62, 0), (1, 1)),
        (0, (2, 2), (1,)),
        (0, (2.0,), (1,)),
        (0, None, ()),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(offset, shape, strides):
    tensor = Stored(_Storage("FloatStorage", "0", 4), offset, shape, strides)
    with pytest.raises((ValueError, TypeError)):
        array_of(tensor, {"0": bytes(16)})


# as Python 2 and PyTorch 0.1 to 0.3 wrote {"weight": a tensor of shape (2, 3)}
OLD = (
    b"\x80\x02}U\x06weightc%s\n((U\x07storagec%s\nFloatStorage\nU\x010U\x03cpuK\x06Nt"
    b"QK\x00(K\x02K\x03t(K\x03K\x01ttRs."
)


@pytest.mark.parametrize("module", [b"torch", b"torch.cuda"])
@pytest.mark.parametrize("write", [write_zip, _legacy])
def test_tensors_of_the_first_versions_of_pytorch_are_read(write, module, tmp_path):
    path, values = tmp_path / "weights.th", np.arange(6, dtype="<f4").reshape(2, 3)
    storages = {"0": values.tobytes()}
    write(path, OLD % (b"torch._utils\n_rebuild_tensor", module), storages)
    found = read_weights(path)
    assert list(found) == ["weight"] and found["weight"].dtype == np.float32
    np.testing.assert_array_equal(found["weight"], values)
    write(path, OLD % (b"torch\nload", module), storages)
    with pytest.raises(InputError, match=r"would run torch\.load: it was not"):
        read_weights(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data here")
def test_published_weights_of_the_first_versions_are_read():
    found = read_weights(SHARED / "resnet20-12fca82f.th")
    values = sum(array.size for array in found.values())
    assert len(found) == 97 and values == 271_098
    assert all(np.isfinite(array).all() for array in found.values())


def test_where_training_scripts_put_weights(tmp_path):
    path, array = tmp_path / "weights.pth", np.arange(6, dtype=np.float32)
    weights = {"a": Saved(array)}
    for content in (
        weights,
        {"epoch": 3, "state_dict": weights, "best": 0.9},
        {"model": weights, "args": ["--lr", "0.1"]},
        {"net": OrderedDict(weights), "acc": 95.0},
    ):
        save(path, content)
        np.testing.assert_array_equal(read_weights(path)["a"], array)
    for content, says in (
        ([1, 2], "holds list, not tensors by name"),
        ({"a": 1, "b": Saved(array)}, "holds a dictionary of a, b, not tensors"),
        ({}, "not tensors by name"),
        ({"model": {}}, "not tensors by name"),
    ):
        save(path, content)
        with pytest.raises(InputError, match=says):
            read_weights(path)


def test_a_compressed_archive_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    weights = {"a": Saved(np.zeros(1000, np.float32))}
    save(path, weights, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="is compressed"):
        read_weights(path)


def test_a_storage_of_another_length_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    save(path, {"a": Saved(np.zeros(3, np.float32))})
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("archive/data.pkl")
    write_zip(path, pickled, {"0": bytes(8)})
    with pytest.raises(InputError, match=r"a is damaged.*8 bytes for 3 values"):
        read_weights(path)
    write_zip(path, pickled)
    with pytest.raises(InputError, match=r"not a complete file of torch\.save"):
        read_weights(path)
