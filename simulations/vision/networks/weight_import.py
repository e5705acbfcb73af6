"""Variables of a network from weights that PyTorch code trained."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from perceptron_theory import InputError
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.paths import expanded

from .classifier import HEAD, Classifier
from .layouts import Renamed, rename
from .positions import resample, square_side
from .variables import abstract_variables, initialise
from .vit import POSITIONS, ViT
from .weight_file import read_weights

# PyTorch's names of a layer's arrays, and its order of axes by their number
_ARRAYS = {
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
}
_AXES = {4: (3, 2, 0, 1), 2: (1, 0)}  # from ours to PyTorch's


@dataclass(frozen=True)
class Imported:
    """What came of a file.

    Attributes:
        variables: for ``network.apply``: "params" and, for a ResNet, "batch_stats".
        layout: what the file was taken for.
        dropped: names in the file that were not used.
    """

    variables: dict[str, Any]
    layout: str
    dropped: tuple[str, ...]


@own_settings()
def import_weights(
    network: Classifier,
    path: Path | str,
    image_shape: tuple[int, int, int],
    *,
    new_head: Any = None,
    interpolate: bool = False,
) -> Imported:
    """Variables of ``network`` from a safetensors file or one of ``torch.save``.

    Layouts: torchvision's and timm's ResNets, SwAV's ResNet-50 (its projection head and
    prototypes are dropped: give a network of ``classes=0``), ViTs of timm and Hugging
    Face (whose pooler is dropped).  Every other weight must have its place, and every
    place its weight.  A pickle that names anything but tensors is refused, not run.

    A ResNet-50 whose stride is in the first 1 x 1 convolution has the same names and
    shapes as v1.5, and cannot be told from it.

    Args:
        network: of :func:`.catalog.network`.
        path: a file, or the folder of a model of Hugging Face.
        image_shape: height, width, channels of the images to come.
        new_head: a key (or seed) to start a head anew, whatever head the file has.
        interpolate: whether positions of a ViT for another image size are resampled.

    Raises:
        InputError: a file that cannot be read or is of no known layout; weights that
            are missing, left over, of another shape, not finite; a negative variance.
    """
    path = expanded(path)
    found = rename(read_weights(path), str(path))
    leaves = cast(dict, flatten_dict(abstract_variables(network, image_shape)))
    places = {_name(place): (place, leaf.shape) for place, leaf in leaves.items()}
    weights, dropped = found.weights, list(found.dropped)
    if new_head is not None or not network.classes:
        is_head = [name for name in weights if name.startswith(f"{HEAD}.")]
        dropped += [found.names[name] for name in is_head]
        weights = {name: one for name, one in weights.items() if name not in is_head}
        places = {
            name: place
            for name, place in places.items()
            if not name.startswith(f"{HEAD}.")
        }
    _check_names(path, found, set(weights), set(places))
    if POSITIONS in weights and isinstance(network, ViT):
        grid = (image_shape[0] // network.patch, image_shape[1] // network.patch)
        weights[POSITIONS] = _positions(path, weights[POSITIONS], grid, interpolate)
    variables = {
        place: _converted(path, name, weights[name], shape)
        for name, (place, shape) in places.items()
    }
    if new_head is not None and network.classes:
        fresh = initialise(network, image_shape, key=new_head)["params"][HEAD]
        variables |= flatten_dict({"params": {HEAD: fresh}})
    return Imported(
        jax.tree.map(jnp.asarray, unflatten_dict(variables)),
        found.layout,
        tuple(dropped),
    )


def _name(place: tuple[str, ...]) -> str:
    """What PyTorch's libraries call the array at a place in our variables."""
    _, *modules, array = place
    name = ".".join([*modules, _ARRAYS.get(array, array)])
    return re.sub(r"_(?=\d|proj\.|qkv\.|fc\d)", ".", name)


def _check_names(path: Path, found: Renamed, has: set[str], needs: set[str]) -> None:
    missing, left = sorted(needs - has), sorted(has - needs)
    if missing and all(name.startswith(f"{HEAD}.") for name in missing):
        raise InputError(
            f"{path} has no head: give new_head=KEY to start one, or classes=0"
        )
    if missing:
        raise InputError(
            f"{path} ({found.layout}) lacks {len(missing)} of the network's weights, "
            f"such as {missing[0]}: is it of another network?"
        )
    if left:
        name = found.names.get(left[0], left[0])
        raise InputError(
            f"{path} ({found.layout}) has {len(left)} weights too many, such as "
            f"{name}: is it of another network?"
        )


def _positions(
    path: Path, positions: np.ndarray, grid: tuple[int, int], interpolate: bool
) -> np.ndarray:
    side = square_side(positions) if positions.ndim == 3 else 0
    if not side:
        raise InputError(
            f"{path}: positions of shape {positions.shape} are not those of a class "
            "token and a square of patches"
        )
    if grid == (side, side):
        return positions
    if not interpolate:
        raise InputError(
            f"{path} has positions for {side} x {side} patches, the images have "
            f"{grid[0]} x {grid[1]}: give images of that size, or interpolate=True"
        )
    return resample(positions.astype(np.float32), grid)


def _converted(
    path: Path, name: str, weight: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """A weight in float32 with our order of axes."""
    axes = _AXES.get(len(shape), tuple(range(len(shape))))
    wanted = tuple(shape[axis] for axis in axes)
    if weight.shape != wanted:
        hint = "is it of another network?"
        if name.startswith(f"{HEAD}."):
            hint = f"give classes={weight.shape[0]}, or new_head=KEY to start one anew"
        raise InputError(
            f"{path}: {name} has shape {weight.shape}, the network needs {wanted}: "
            f"{hint}"
        )
    if not jnp.issubdtype(weight.dtype, jnp.floating):
        raise InputError(f"{path}: {name} is {weight.dtype}, not floating point")
    if not np.isfinite(weight).all():
        raise InputError(f"{path}: {name} has values that are not finite")
    if name.endswith(f".{_ARRAYS['var']}") and weight.min() < 0:
        raise InputError(
            f"{path}: {name} has the value {weight.min():g}: a variance is at least 0; "
            "was the file written whole?"
        )
    return weight.transpose(np.argsort(axes)).astype(np.float32)
