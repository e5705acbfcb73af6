"""Decoding with Pillow, and the two crops of ImageNet: what a network is shown.

Sizes, positions and filters are those of torchvision's ``Resize``, ``CenterCrop`` and
``RandomResizedCrop`` on Pillow images, so that recipes carry over.  The
orientation in EXIF is left alone, as there: labels and published results are of the
pixels as stored.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from perceptron_theory import InputError

from .file_kinds import kind_of

if TYPE_CHECKING:  # Pillow is in the extra ``vision``
    from PIL.Image import Image

Filter = Literal["bilinear", "bicubic"]
"""How an image is resized, with a filter against aliasing where it shrinks."""

_TRIES = 10  # to draw a crop that fits, as torchvision


def decode_rgb(content: bytes, where: str) -> Image:
    """An encoded image of any mode as RGB: grey, palette, CMYK, 16 bits, transparent.

    What it is is seen from the content: one file .JPEG of ImageNet is a PNG.

    Raises:
        InputError: corrupt, cut short, or of a mode without a range (32 bits, floats).
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            if image.mode.startswith("I;16") or _is_wide_pgm(image):
                high = np.asarray(image).astype(np.uint16) >> 8
                image = Image.fromarray(high.astype(np.uint8))
            if image.mode in ("I", "F"):
                raise ValueError(f"mode {image.mode} has no range to map to 0..255")
            if image.mode == "P" and "transparency" in image.info:
                image = image.convert("RGBA")
            return image.convert("RGB")
    except Exception as error:  # a damaged file raises anything
        raise InputError(
            f"{where} is not a readable image ({why_unreadable(error, content)})"
        ) from error


def why_unreadable(error: Exception, content: bytes) -> str:
    """One line on why Pillow could not read an image."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        kind = kind_of(content)
        return f"cannot identify the format{f'; it is {kind}' if kind else ''}"
    return " ".join(str(error).split()) or type(error).__name__


def _is_wide_pgm(image: Any) -> bool:
    """Whether it is grey of 16 bits in a .pgm, which Pillow scales to 0..65535."""
    return image.format == "PPM" and image.mode == "I"


@runtime_checkable
class View(Protocol):
    """How an image becomes an input of one size; random or not."""

    @property
    def size(self) -> int:
        """The length of the sides of what comes out, in pixels."""
        ...

    def __call__(
        self, image: Image, rng: np.random.Generator
    ) -> UInt8[np.ndarray, "size size 3"]: ...


@dataclass(frozen=True)
class CenterCrop:
    """For evaluation: the shorter side resized to ``resize``, the centre cut out."""

    resize: int = 256
    size: int = 224
    filter: Filter = "bilinear"

    def __post_init__(self) -> None:
        if not 1 <= self.size <= self.resize:
            raise InputError(
                f"a crop of {self.size} pixels from a side of {self.resize}: the crop "
                "must be at least 1 and at most the side"
            )

    def __call__(
        self, image: Image, rng: np.random.Generator | None = None
    ) -> UInt8[np.ndarray, "size size 3"]:
        from PIL.Image import Resampling

        short = min(image.size)
        wide, high = (int(self.resize * side / short) for side in image.size)
        if (wide, high) != image.size:
            image = image.resize((wide, high), Resampling[self.filter.upper()])
        left, top = round((wide - self.size) / 2), round((high - self.size) / 2)
        return np.asarray(image.crop((left, top, left + self.size, top + self.size)))


@dataclass(frozen=True)
class RandomCrop:
    """For training: a crop of random area and aspect, resized, half of them flipped.

    Szegedy et al., arXiv 1409.4842: area uniform in ``scale`` of the image's, aspect
    log-uniform in ``ratio``; after ten that do not fit, the largest at the centre.
    """

    size: int = 224
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True

    def __post_init__(self) -> None:
        for name, (low, high) in {"scale": self.scale, "ratio": self.ratio}.items():
            if not 0 < low <= high:
                raise InputError(f"{name} must be 0 < low <= high, got {low}, {high}")
        if self.size < 1 or self.scale[1] > 1:
            raise InputError(
                f"size {self.size}, scale {self.scale}: the size must be at least 1, "
                "the scale at most 1"
            )

    def __call__(
        self, image: Image, rng: np.random.Generator
    ) -> UInt8[np.ndarray, "size size 3"]:
        from PIL.Image import Resampling

        left, top, wide, high = self.box(*image.size, rng)
        # not resize(box=...): its filter sees pixels beyond the crop
        image = image.crop((left, top, left + wide, top + high))
        image = image.resize((self.size, self.size), Resampling.BILINEAR)
        pixels = np.asarray(image)
        return pixels[:, ::-1] if self.flip and rng.random() < 0.5 else pixels

    def box(
        self, width: int, height: int, rng: np.random.Generator
    ) -> tuple[int, int, int, int]:
        """Left, top, width and height of a crop."""
        for _ in range(_TRIES):
            area = width * height * rng.uniform(*self.scale)
            low, high = self.ratio
            aspect = math.exp(rng.uniform(math.log(low), math.log(high)))
            wide, high = (
                round(math.sqrt(area * aspect)),
                round(math.sqrt(area / aspect)),
            )
            if 0 < wide <= width and 0 < high <= height:
                left = int(rng.integers(width - wide + 1))
                top = int(rng.integers(height - high + 1))
                return left, top, wide, high
        wide = min(width, round(height * self.ratio[1]))
        high = min(height, round(width / self.ratio[0]))
        return (width - wide) // 2, (height - high) // 2, wide, high
