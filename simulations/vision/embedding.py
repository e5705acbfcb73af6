"""Embeddings of a data set by a network that was trained here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.numerics.precision import own_settings

from . import inputs
from .data import Images
from .data.augmentation import normalize, resized
from .data.decode import CenterCrop
from .data.encoded import DataSet, EncodedImages, images_of
from .data.order import evaluation_batches
from .data.stream import Stream
from .networks import import_weights, network
from .networks.classifier import Classifier
from .networks.pixels import SCALES, Scale
from .networks.variables import digest

if TYPE_CHECKING:  # training imports this module
    from .device_placement import Placement

_STREAM_SIZE = 224  # of networks for ImageNet


@dataclass(frozen=True)
class Embedder:
    """A network, and what it is shown."""

    network: Classifier
    variables: dict[str, Any]
    scale: Scale
    """How pixels are normalised and resized."""
    size: int | None
    """Pixels of a side: images in memory are resized to it, streams are cut to it,
    see :meth:`.networks.pixels.Scale.around`.  None is the images' own, or 224 of a
    stream."""
    source: dict[str, Any]
    """Where the weights are from; values of JSON."""
    side: int | None = None
    """The side of the images in memory that it was trained on: files are decoded at
    it, and not streamed."""


@own_settings()
def imported(
    name: str,
    weights: Path | str,
    scale: str,
    *,
    size: int | None,
    image_shape: tuple[int, ...],
    **options: Any,
) -> Embedder:
    """An embedder from a PyTorch or Hugging Face file.

    Args:
        name: a key of ``networks.NETWORKS``.
        weights: the file.
        scale: how pixels are normalised, a key of ``networks.pixels.SCALES``.
        size: see :class:`Embedder`.
        image_shape: of the data set; that of a stream is given by ``size``.
        **options: of the network.

    Raises:
        InputError: an unknown name or scale, a file that cannot be read or is of
            another network.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    size = None if size is None else inputs.positive_integer("resize", size)
    net = network(name, classes=0, **options)
    shape = (size, size, image_shape[-1]) if size else tuple(image_shape)
    found = import_weights(net, weights, shape)  # type: ignore[arg-type] # three numbers
    source = {
        "network": name,
        **options,
        "weights": Path(weights).name,
        "layout": found.layout,
        "normalise": scale,
    }
    return Embedder(net, found.variables, SCALES[scale], size, source)


def image_shape(dataset: DataSet, size: int | None) -> tuple[int, ...]:
    """Height, width and channels that a network sees of a data set."""
    if isinstance(dataset, Images) and size is None:
        return dataset.images.shape[1:]
    side = size or _STREAM_SIZE
    return (side, side, dataset.images.shape[-1] if isinstance(dataset, Images) else 3)


@own_settings()
def embed(
    dataset: DataSet,
    by: Embedder,
    placement: Placement,
    *,
    batch_size: int = 256,
    workers: int = 0,
    advance: Callable[[int], Any] = lambda examples: None,
) -> Iterator[tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n d"]]]:
    """Rows of the data set and their embeddings, float32, a batch at a time.

    Args:
        dataset: in memory, or streamed.
        by: the network.
        placement: the devices, which share each batch.
        batch_size: images at once, on all devices; rounded up to share it evenly.
        workers: processes that decode a stream.
        advance: called with the number of examples that are done.

    Raises:
        InputError: images that the network cannot take, or that are corrupt.
    """
    dataset = images_of(dataset, "a network is shown images")
    if by.side is not None and not isinstance(dataset, Images):
        dataset = dataset.at_size(by.side)
    devices = len(placement.devices)
    batch_size = -(-inputs.positive_integer("batch_size", batch_size) // devices)
    batch_size *= devices
    if isinstance(dataset, Images) and dataset.images.shape[-1] != len(by.scale.mean):
        raise InputError(
            f"{dataset.name} has {dataset.images.shape[-1]} channels, the network was "
            f"trained on {len(by.scale.mean)}: choose another"
        )
    size = by.size if isinstance(dataset, Images) else by.size or _STREAM_SIZE
    net: Any = by.network  # hashable, which pyright does not see
    run = _program(net, by.scale, size, placement)
    variables = placement.put(by.variables, placement.whole)
    for batch in _batches(dataset, by.scale, size, placement, batch_size, workers):
        found, rows, mask = (np.asarray(part) for part in run(variables, *batch))
        advance(int(mask.sum()))
        yield rows[mask], found[mask]


def _batches(
    dataset: Images | EncodedImages,
    scale: Scale,
    size: int | None,
    placement: Placement,
    batch: int,
    workers: int,
) -> Iterator[tuple[UInt8[Array, "B h w c"], Int[Array, " B"], Bool[Array, " B"]]]:
    """Images, rows and mask, on the devices."""
    if isinstance(dataset, Images):
        for rows in evaluation_batches(len(dataset), batch).astype(np.int32):
            part = dataset.images[rows], rows, rows >= 0
            yield placement.put(part, placement.parts)
        return
    side = size or _STREAM_SIZE
    stream = Stream(
        dataset,
        batch,
        CenterCrop(scale.around(side), side, scale.filter),
        host=jax.process_index(),
        hosts=jax.process_count(),
        workers=workers,
    )
    with stream.epoch() as batches:
        for one in batches:
            part = one.images, one.rows.astype(np.int32), one.mask
            yield placement.put_share(part)


@lru_cache(maxsize=8)
def _program(
    net: Classifier,
    scale: Scale,
    size: int | None,
    placement: Placement,
) -> Callable[..., Any]:
    def run(variables: Any, images: Array, rows: Array, mask: Array) -> Any:
        pixels = resized(images.astype(jnp.float32), size, scale.filter)
        pixels = jnp.clip(pixels, 0, 255)  # a cubic filter goes beyond
        x = normalize(pixels, jnp.array(scale.mean), jnp.array(scale.deviation))
        _, embedding = net.apply(variables, x, features=True)  # type: ignore
        return embedding, rows, mask

    # results are whole on each device: every host can read them
    return jax.jit(run, out_shardings=placement.whole)


def source_of(by: Embedder) -> dict[str, Any]:
    """Which network it is, for the record of its embeddings."""
    hashed = {"variables_sha256": digest(by.variables), "resize": by.size}
    return by.source | hashed
