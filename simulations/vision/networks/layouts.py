"""The names that other libraries give to the same weights.

Each layout is told by a name that only it has, and brought to one form: torchvision's
names for ResNets and timm's for ViTs, but "head" for the last layer of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from perceptron_theory import InputError

from .classifier import HEAD

# within names, too, where parts of a network were wrapped: DataParallel,
# torch.compile, FSDP, checkpoints of activations, DeepSpeed and Lightning
_WRAPPERS = {
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
}
_AVERAGES = "n_averaged"  # beside them: how many models PyTorch's AveragedModel saw


@dataclass(frozen=True)
class Renamed:
    """Weights by their names in one form.

    Attributes:
        layout: what the names were.
        weights: by new names.
        names: from new names to those in the file.
        dropped: names in the file that no network here has a place for: projection
            heads, poolers, counts of batches.
    """

    layout: str
    weights: dict[str, np.ndarray]
    names: dict[str, str]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class _Layout:
    name: str
    mark: str
    renames: tuple[tuple[str, str], ...]
    dropped: str


_RESNET = ((r"^(fc|linear)\.", f"{HEAD}."), (r"\.shortcut\.", ".downsample."))
_HUGGING_FACE = (
    (r"^vit\.", ""),
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    # transformers 5 has names of its own in memory, and the older ones in its files
    (r"^(encoder\.layer|layers)\.", "blocks."),
    (r"\.attention\.attention\.([qkv])\w+\.", r".attn.\1."),
    (r"\.attention\.([qkv])_proj\.", r".attn.\1."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"^layernorm\.", "norm."),
    (r"^classifier\.", f"{HEAD}."),
)
# the first that fits; "ResNet" also has the names of the usual code for CIFAR
# (shortcut, linear)
_LAYOUTS = (
    _Layout(
        "SwAV ResNet",
        r"^(projection_head|prototypes)\.",
        _RESNET,
        r"^(projection_head|prototypes)\.|\.num_batches_tracked$",
    ),
    _Layout(
        "Hugging Face ViT",
        r"^(vit\.)?embeddings\.patch_embeddings\.",
        _HUGGING_FACE,
        r"^(vit\.)?pooler\.",
    ),
    _Layout("timm ViT", r"^patch_embed\.proj\.", (), r"^(?!)"),
    _Layout(
        "torchvision or timm ResNet",
        r"^layer1\.0\.conv1\.",
        _RESNET,
        r"\.num_batches_tracked$",
    ),
    _Layout(
        "EfficientNet-PyTorch",
        r"^_blocks\.0\._depthwise_conv\.",
        ((r"(^|\.)_", r"\1"), (r"^fc\.", f"{HEAD}.")),
        r"\.num_batches_tracked$",
    ),
)


def rename(weights: Mapping[str, np.ndarray], where: str) -> Renamed:
    """Weights with the names of one form.

    Args:
        weights: as in the file.
        where: what to call the file.

    Raises:
        InputError: names of no known layout, or two that mean the same.
    """
    dropped = [name for name in weights if name == _AVERAGES]
    given = {n: one for n, one in weights.items() if n != _AVERAGES}
    weights = _unwrapped(given, where)
    layout = _layout_of(weights)
    if layout is None:
        first = ", ".join(list(given)[:3])
        known = ", ".join(layout.name for layout in _LAYOUTS)
        raise InputError(
            f"{where} has weights of no known layout ({first}, ...): known are {known}"
        )
    kept, names = {}, {}
    for name, weight in weights.items():
        if re.search(layout.dropped, name):
            dropped.append(name)
            continue
        new = name
        for pattern, replacement in layout.renames:
            new = re.sub(pattern, replacement, new)
        if new in kept:
            raise InputError(f"{where}: {names[new]} and {name} are the same weight")
        kept[new], names[new] = weight, name
    return Renamed(layout.name, _fuse(kept), names, tuple(dropped))


def _layout_of(names: Iterable[str]) -> _Layout | None:
    """The first layout one of whose marks is there."""
    names = list(names)
    fits = (one for one in _LAYOUTS if any(re.search(one.mark, n) for n in names))
    return next(fits, None)


def _unwrapped(weights: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    """Names without those of wrappers, and without what stands before all of them.

    Modules that hold a network call it as they like: ``backbone``, ``model``, ``0``.

    Raises:
        InputError: two names are one without wrappers.
    """
    bare: dict[str, np.ndarray] = {}
    old: dict[str, str] = {}
    for name, weight in weights.items():
        new = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        if new in bare:
            raise InputError(f"{where}: {old[new]} and {name} are the same weight")
        bare[new], old[new] = weight, name
    while _layout_of(bare) is None:
        prefix = next(iter(bare), "").partition(".")[0] + "."
        if not all(name.startswith(prefix) for name in bare):
            break
        bare = {name[len(prefix) :]: one for name, one in bare.items()}
    return bare


def _fuse(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Queries, keys and values as one projection, where all three are there."""
    fused = dict(weights)
    for name in weights:
        if ".attn.q." not in name:
            continue
        three = [name.replace(".attn.q.", f".attn.{one}.") for one in "qkv"]
        shapes = [weights[one].shape for one in three if one in weights]
        if len(shapes) == 3 and len(set(shapes)) == 1 and shapes[0]:
            parts = [fused.pop(one) for one in three]
            fused[name.replace(".attn.q.", ".attn.qkv.")] = np.concatenate(parts)
    return fused
