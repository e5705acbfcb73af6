"""Weights from files: every layout, what does not fit, damage and malice.

reference/make_logits.py wrote zip.pth, legacy.pth and small.safetensors.
"""

import io
import json
import pickle
import sys
import zipfile
from collections import OrderedDict
from functools import cache
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from reference import rule
from safetensors.numpy import save_file

from perceptron_theory import InputError
from simulations.vision.networks import (
    import_weights,
    initialise,
    network,
    weight_import,
)
from simulations.vision.networks.positions import resample
from simulations.vision.networks.torch_file import Stored, _Storage, array_of
from simulations.vision.networks.vit import ViT
from simulations.vision.networks.weight_file import read_weights

REFERENCE = Path(__file__).parent / "reference"
LAYOUTS = json.loads((REFERENCE / "layouts.json").read_text())["layouts"]
OUTPUTS = np.load(REFERENCE / "outputs.npz")
SHAPE = (32, 32, 3)


@cache
def _resnet8():
    return rule.weights(LAYOUTS["resnet8"]["shapes"])


def _file(tmp_path, weights, name="weights.safetensors"):
    path = tmp_path / name
    save_file({k: np.ascontiguousarray(v) for k, v in weights.items()}, path)
    return path


def _same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


# files


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
    _file(tmp_path, {"a": np.ones(2)}, "model.safetensors")
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
    with pytest.raises(InputError, match=r"no complete file of torch\.save"):
        read_weights(path)


# malice


def _zip(path, pickled, storages=None, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)


def _legacy(path, pickled):
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    start = b"".join(pickle.dumps(part, protocol=2) for part in parts)
    path.write_bytes(start + pickled + pickle.dumps([], protocol=2))


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


@pytest.mark.parametrize("write", [_zip, _legacy])
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
    ):
        for setting in (f"{state}b.", f"(N{state}tb."):
            _zip(path, (start + setting).encode())
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


class _Saved:
    """Pickled as torch pickles a tensor, in float32."""

    def __init__(self, array):
        self.array = array

    def __reduce__(self):
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (_Key(self.array), 0, self.array.shape, strides, False, {})


class _Key:
    def __init__(self, array):
        self.array = array


@pytest.fixture
def save(monkeypatch):
    """torch.save without torch."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        raise AssertionError("was run")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def write(path, content, **options):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            storages, file = {}, io.BytesIO()

            class Pickler(pickle.Pickler):
                def persistent_id(self, thing):
                    if not isinstance(thing, _Key):
                        return None
                    key = str(len(storages))
                    storages[key] = thing.array.tobytes()
                    size = thing.array.size
                    return ("storage", torch.FloatStorage, key, "cpu", size)

            Pickler(file, protocol=2).dump(content)
        _zip(path, file.getvalue(), storages, **options)

    return write


def test_where_training_scripts_put_weights(tmp_path, save):
    path, array = tmp_path / "weights.pth", np.arange(6, dtype=np.float32)
    weights = {"a": _Saved(array)}
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
        ({"a": 1, "b": _Saved(array)}, "holds a dictionary of a, b, not tensors"),
        ({}, "not tensors by name"),
        ({"model": {}}, "not tensors by name"),
    ):
        save(path, content)
        with pytest.raises(InputError, match=says):
            read_weights(path)


def test_a_compressed_archive_is_refused(tmp_path, save):
    path = tmp_path / "weights.pth"
    weights = {"a": _Saved(np.zeros(1000, np.float32))}
    save(path, weights, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="is compressed"):
        read_weights(path)


def test_a_storage_of_another_length_is_refused(tmp_path, save):
    path = tmp_path / "weights.pth"
    save(path, {"a": _Saved(np.zeros(3, np.float32))})
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("archive/data.pkl")
    _zip(path, pickled, {"0": bytes(8)})
    with pytest.raises(InputError, match=r"a is damaged.*8 bytes for 3 values"):
        read_weights(path)
    _zip(path, pickled)
    with pytest.raises(InputError, match=r"no complete file of torch\.save"):
        read_weights(path)


# layouts


def test_the_same_weights_in_every_file_and_under_every_prefix(tmp_path, save):
    net, weights = network("resnet8", classes=10), _resnet8()
    plain = import_weights(net, _file(tmp_path, weights), SHAPE)
    assert plain.layout == "torchvision or timm ResNet"
    counts = [name for name in weights if name.endswith("num_batches_tracked")]
    assert sorted(plain.dropped) == sorted(counts) and len(counts) == 7
    path = tmp_path / "weights.pth.tar"
    floats = {k: v for k, v in weights.items() if v.dtype == np.float32}
    for prefix in "", "module.", "_orig_mod.", "module.model.":
        save(path, {"net": {prefix + k: _Saved(v) for k, v in floats.items()}})
        _same(import_weights(net, path, SHAPE).variables, plain.variables)


def test_the_names_of_the_usual_code_for_cifar(tmp_path):
    net = network("resnet20", classes=10, shortcut="projection")
    weights = rule.weights(LAYOUTS["resnet20 projection"]["shapes"])
    expected = import_weights(net, _file(tmp_path, weights), SHAPE)
    other = {
        name.replace("downsample", "shortcut").replace("fc.", "linear."): weight
        for name, weight in weights.items()
    }
    found = import_weights(net, _file(tmp_path, other), SHAPE)
    _same(found.variables, expected.variables)


def test_swav_is_a_resnet_50_without_a_head(tmp_path):
    weights = rule.weights(LAYOUTS["resnet50 imagenet"]["shapes"])
    net = network("resnet50", classes=0)
    shape = (224, 224, 3)
    expected = import_weights(net, _file(tmp_path, weights), shape)
    assert {"fc.weight", "fc.bias"} <= set(expected.dropped)
    swav = {f"module.{k}": v for k, v in weights.items() if not k.startswith("fc.")}
    heads = {
        "projection_head.0.weight": (8, 2048),
        "projection_head.1.running_mean": (8,),
        "projection_head.3.bias": (4,),
        "prototypes.weight": (6, 4),
    }
    swav |= {f"module.{k}": rule.weight(k, shape) for k, shape in heads.items()}
    path = _file(tmp_path, swav)
    found = import_weights(net, path, shape)
    assert found.layout == "SwAV ResNet" and set(heads) <= set(found.dropped)
    _same(found.variables, expected.variables)
    with pytest.raises(InputError, match=r"has no head: give new_head=KEY.*classes=0"):
        import_weights(network("resnet50", classes=10), path, shape)


def _vit(case, **options):
    """The weights of a case with two of its blocks, and the network."""
    found = LAYOUTS[case]["shapes"]
    weights = {
        name: rule.weight(name, tuple(shape))
        for name, shape in found.items()
        if not any(f".{i}." in name for i in range(2, 12))
    }
    kept = {"patch": 16, "width": 192, "heads": 3, "depth": 2, "classes": 10}
    return weights, ViT(**(kept | options))


def test_hugging_face_and_timm_vits_are_one(tmp_path):
    weights, net = _vit("vit_ti8 Hugging Face", patch=8)
    found = import_weights(net, _file(tmp_path, weights), (16, 16, 3))
    assert found.layout == "Hugging Face ViT" and not found.dropped
    qkv = found.variables["params"]["blocks_1"]["attn_qkv"]["kernel"]
    name = "vit.encoder.layer.1.attention.attention.key.weight"
    np.testing.assert_array_equal(qkv[:, 192:384], weights[name].T)
    # a model without a classifier has no prefix, and a pooler
    plain = {
        name.removeprefix("vit."): weight
        for name, weight in weights.items()
        if not name.startswith("classifier")
    } | {"pooler.dense.weight": rule.weight("pooler", (192, 192))}
    headless = _vit("vit_ti8 Hugging Face", patch=8, classes=0)[1]
    bare = import_weights(headless, _file(tmp_path, plain), (16, 16, 3))
    assert bare.dropped == ("pooler.dense.weight",)
    del found.variables["params"]["head"]
    _same(bare.variables, found.variables)
    # the names that transformers 5 has in memory
    renames = {
        "encoder.layer.": "layers.",
        "attention.attention.query": "attention.q_proj",
        "attention.attention.key": "attention.k_proj",
        "attention.attention.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }
    memory = {}
    for name, weight in plain.items():
        for old, new in renames.items():
            name = name.replace(old, new)
        memory[name] = weight
    again = import_weights(headless, _file(tmp_path, memory), (16, 16, 3))
    _same(again.variables, bare.variables)


@pytest.mark.parametrize("grid", [(3, 3), (7, 7), (2, 6)])
def test_positions_are_resampled_as_timm_does(grid):
    old = rule.weight("positions", (1, 17, 5))
    expected = OUTPUTS[f"positions {grid[0]} x {grid[1]}"]
    np.testing.assert_allclose(resample(old, grid), expected, atol=1e-5)


def test_positions_for_another_size_are_resampled_only_if_asked(tmp_path):
    weights, net = _vit("vit_ti16 timm")
    path = _file(tmp_path, weights)
    for shape, says in (
        ((48, 48, 3), "for 2 x 2 patches, the images have 3 x 3"),
        ((16, 64, 3), "the images have 1 x 4"),  # as many, elsewhere
    ):
        with pytest.raises(InputError, match=f"{says}.*interpolate=True"):
            import_weights(net, path, shape)
        found = import_weights(net, path, shape, interpolate=True)
        positions = found.variables["params"]["pos_embed"]
        grid = (shape[0] // 16, shape[1] // 16)
        np.testing.assert_array_equal(positions, resample(weights["pos_embed"], grid))
    weights["pos_embed"] = weights["pos_embed"][:, 1:]
    path = _file(tmp_path, weights)
    with pytest.raises(InputError, match="are not those of a class token and a square"):
        import_weights(net, path, SHAPE, interpolate=True)


def test_a_new_head_starts_from_its_key(tmp_path):
    path, net = _file(tmp_path, _resnet8()), network("resnet8", classes=3)
    with pytest.raises(InputError, match=r"give classes=10, or new_head=KEY"):
        import_weights(net, path, SHAPE)
    found = import_weights(net, path, SHAPE, new_head=5)
    assert {"fc.weight", "fc.bias"} <= set(found.dropped)
    fresh = initialise(net, SHAPE, key=5)["params"]
    _same(found.variables["params"]["head"], fresh["head"])
    kernel = found.variables["params"]["conv1"]["kernel"]
    expected = _resnet8()["conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel, expected)


# what does not fit


def _without(weights, name):
    return {key: weight for key, weight in weights.items() if key != name}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda w: _without(w, "layer2.0.bn1.running_var"),
            r"lacks 1 of the network's weights, such as layer2\.0\.bn1\.running_var",
        ),
        (
            lambda w: w | {"layer4.0.conv1.weight": np.ones((2, 2, 3, 3))},
            r"has 1 weights too many, such as layer4\.0\.conv1\.weight",
        ),
        (
            lambda w: w | {"conv1.weight": np.ones((16, 3, 7, 7), np.float32)},
            r"conv1\.weight has shape \(16, 3, 7, 7\), the network needs "
            r"\(16, 3, 3, 3\)",
        ),
        (
            lambda w: w | {"conv1.weight": np.ones((16, 27), np.float32)},
            r"conv1\.weight has shape \(16, 27\)",
        ),
        (
            lambda w: w | {"bn1.bias": np.full(16, np.nan, np.float32)},
            r"bn1\.bias has values that are not finite",
        ),
        (
            lambda w: w | {"bn1.bias": np.zeros(16, np.int64)},
            r"bn1\.bias is int64, not floating",
        ),
        (
            lambda w: w | {"linear.bias": np.zeros(10, np.float32)},
            r"fc\.bias and linear\.bias are the same weight",
        ),
        (
            lambda w: {f"features.{i}": weight for i, weight in enumerate(w.values())},
            r"no known layout \(features\.0, features\.1, .*known are SwAV ResNet",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, says, tmp_path):
    path = _file(tmp_path, change(_resnet8()))
    with pytest.raises(InputError, match=says):
        import_weights(network("resnet8", classes=10), path, SHAPE)


def test_weights_of_another_kind_of_network_are_refused(tmp_path):
    weights, net = _vit("vit_ti16 timm")
    path = _file(tmp_path, weights)
    with pytest.raises(InputError, match=r"timm ViT.* lacks .* another network"):
        import_weights(network("resnet8", classes=10), path, SHAPE)
    with pytest.raises(InputError, match=r"ResNet.* lacks .* another network"):
        import_weights(net, _file(tmp_path, _resnet8()), SHAPE)


def test_a_query_without_its_key_is_missed(tmp_path, monkeypatch):
    weights, net = _vit("vit_ti8 Hugging Face", patch=8)
    name = "vit.encoder.layer.1.attention.attention.key.weight"
    for changed in _without(weights, name), weights | {name: np.ones((3, 3))}:
        monkeypatch.setattr(weight_import, "read_weights", lambda _, w=changed: w)
        with pytest.raises(InputError, match=r"blocks\.1\.attn\.qkv\.weight"):
            import_weights(net, "x", (16, 16, 3))
