"""Variables from weights of every layout, and weights that do not fit."""

import json
from functools import cache
from pathlib import Path

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
from simulations.vision.networks.vit import ViT

REFERENCE = Path(__file__).parent / "reference"
LAYOUTS = json.loads((REFERENCE / "layouts.json").read_text())["layouts"]
OUTPUTS = np.load(REFERENCE / "outputs.npz")
SHAPE = (32, 32, 3)


@cache
def _resnet8():
    return rule.weights(LAYOUTS["resnet8"]["shapes"])


def _file(tmp_path, weights):
    path = tmp_path / "weights.safetensors"
    save_file({k: np.ascontiguousarray(v) for k, v in weights.items()}, path)
    return path


def _same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_the_same_weights_under_every_prefix(tmp_path):
    net, weights = network("resnet8", classes=10), _resnet8()
    plain = import_weights(net, _file(tmp_path, weights), SHAPE)
    assert plain.layout == "torchvision or timm ResNet"
    counts = [name for name in weights if name.endswith("num_batches_tracked")]
    assert sorted(plain.dropped) == sorted(counts) and len(counts) == 7
    for prefix in (
        "module.",
        "_orig_mod.",
        "module.model.",
        "model.module.",
        "_orig_mod.module.",
        "module.module._orig_mod.backbone.",
        "backbone.",
        "_fsdp_wrapped_module.",
        "online_network.0.encoder.",
        "teacher.",
    ):
        path = _file(tmp_path, {prefix + k: v for k, v in weights.items()})
        _same(import_weights(net, path, SHAPE).variables, plain.variables)


@pytest.mark.parametrize("wrapper", ["_orig_mod", "_checkpoint_wrapped_module"])
def test_parts_of_a_network_that_were_wrapped_have_their_names(tmp_path, wrapper):
    net, weights = network("resnet8", classes=10), _resnet8()
    plain = import_weights(net, _file(tmp_path, weights), SHAPE)
    inside = {
        k.replace("layer1.0.", f"layer1.0.{wrapper}."): v for k, v in weights.items()
    }
    assert inside.keys() != weights.keys()
    found = import_weights(net, _file(tmp_path, inside), SHAPE)
    _same(found.variables, plain.variables)
    both = {"module.conv1.weight": weights["conv1.weight"], **weights}
    with pytest.raises(
        InputError, match=r"conv1.weight and .*conv1.weight are the same"
    ):
        import_weights(net, _file(tmp_path, both), SHAPE)


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


def test_the_count_of_an_average_of_models_is_dropped(tmp_path):
    weights = dict(_resnet8())
    averaged = {f"module.{k}": v for k, v in weights.items()}
    averaged["n_averaged"] = np.array(7)
    found = import_weights(
        network("resnet8", classes=10), _file(tmp_path, averaged), SHAPE
    )
    assert "n_averaged" in found.dropped
    expected = import_weights(
        network("resnet8", classes=10), _file(tmp_path, weights), SHAPE
    )
    _same(found.variables, expected.variables)


def test_a_negative_variance_is_refused(tmp_path):
    weights = dict(_resnet8())
    name = next(name for name in weights if name.endswith("running_var"))
    weights[name] = weights[name] - 2 * weights[name].max()
    with pytest.raises(InputError, match=f"{name} has the value -.*at least 0"):
        import_weights(network("resnet8", classes=10), _file(tmp_path, weights), SHAPE)


@pytest.mark.slow
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
