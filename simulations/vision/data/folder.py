"""Images in a folder a class, ImageNet's layout: listed first, decoded when needed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from perceptron_theory import InputError

from .. import inputs
from ..optional import require
from .images import Images, check_ids, fingerprint

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
_UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".download")


@dataclass(frozen=True)
class ImageFolder:
    """Files, labels and ids of an image folder; checked as it is listed."""

    root: Path
    ids: tuple[str, ...]
    """Paths below the root, with forward slashes, in sorted order."""
    labels: Int[np.ndarray, " P"]
    class_names: tuple[str, ...]
    """Names of the sub-folders, sorted."""

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.root.name

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids, labels and the sizes of the files.

        Not of what is in them: that would take reading all of ImageNet.
        """
        sizes = [(self.root / one).stat().st_size for one in self.ids]
        return fingerprint(self.ids, self.labels, np.array(sizes, "<i8").tobytes())

    def decode(self, i: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Image ``i``: its shorter side resized to ``size``, the centre cut out.

        Raises:
            InputError: the file is gone or corrupt.
        """
        require("PIL", "decoding images")
        from PIL import Image

        path = self.root / self.ids[i]
        try:
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                rgb = image.convert("RGB")
                scale = size / min(rgb.size)
                wide, high = (max(size, round(side * scale)) for side in rgb.size)
                left, top = (wide - size) // 2, (high - size) // 2
                rgb = rgb.resize((wide, high), Image.Resampling.BILINEAR)
                return np.asarray(rgb.crop((left, top, left + size, top + size)))
        except (
            OSError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
        ) as error:
            raise InputError(f"{path} is no readable image ({error})") from error

    def images(self, size: int, *, max_corrupt: int = 0) -> tuple[Images, list[str]]:
        """All images at one size, and the ids of those left out because corrupt.

        Args:
            size: of the sides, in pixels.
            max_corrupt: this many corrupt images are left out rather than refused.

        Raises:
            InputError: more of them are corrupt: it says how many, and names the first.
        """
        size = inputs.positive_integer("size", size)
        decoded, good, bad, first = [], [], [], ""
        for i in range(len(self)):
            try:
                decoded.append(self.decode(i, size))
                good.append(i)
            except InputError as error:
                bad.append(self.ids[i])
                first = first or str(error)
        if len(bad) > max_corrupt or not good:
            raise InputError(
                f"{len(bad)} of {len(self)} images are corrupt and {max_corrupt} "
                f"allowed (max_corrupt); the first: {first}"
            )
        ids = tuple(self.ids[i] for i in good)
        labels = self.labels[good]
        return Images(self.name, np.stack(decoded), labels, ids, self.class_names), bad


def image_folder(root: Path | str) -> ImageFolder:
    """List a folder that has a sub-folder a class.

    Raises:
        InputError: no such folder, no classes, a class without images, an empty file or
            the remains of an interrupted download.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give one with a sub-folder a class")
    classes = sorted(
        path.name for path in root.iterdir() if path.is_dir() and path.name[0] != "."
    )
    if not classes:
        raise InputError(f"{root} has no sub-folders: images need one a class")
    ids, labels = [], []
    for label, name in enumerate(classes):
        files = sorted(path for path in (root / name).rglob("*") if path.is_file())
        for path in files:
            if path.suffix.lower() in _UNFINISHED:
                raise InputError(f"{path}: an interrupted download; finish it first")
        images = [path for path in files if path.suffix.lower() in SUFFIXES]
        if not images:
            raise InputError(f"{root / name} has no images: is the download complete?")
        for path in images:
            if path.stat().st_size == 0:
                raise InputError(f"{path} is empty: is the download complete?")
        ids += [path.relative_to(root).as_posix() for path in images]
        labels += [label] * len(images)
    check_ids(str(root), tuple(ids), len(ids))
    return ImageFolder(root, tuple(ids), np.array(labels), tuple(classes))
