"""What a user writes: metrics, data sources and a rule of selection of their own."""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from flax import linen as nn
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data import DataSource, EncodedImages, Images
from simulations.vision.metrics import LOGITS, Given, Metric, Needed
from simulations.vision.networks import Classifier
from simulations.vision.selection_rules import SelectionRule

EPOCHS = Needed("epoch_logits", -2, "epoch_logits (epochs, P, C)")


@dataclass(frozen=True)
class MeanMargin(Metric):
    """The area under the margin: the label's logit less the largest other one.

    From the logits of every epoch, where high is easy (Pleiss et al. 2020).
    """

    name: ClassVar[str] = "mean_margin"
    needs: ClassVar = (EPOCHS,)
    high_is: ClassVar[str] = "easy"
    variant_option: ClassVar[str] = "over"
    cost: ClassVar[str] = "the logits of every epoch of one training"

    over: str = "mean"
    last: int = 0

    def score(self, given):
        if self.over not in ("mean", "min"):
            raise InputError(f"over must be mean or min, got {self.over!r}")
        logits = np.asarray(given["epoch_logits"], float)[-self.last :]
        if not np.isfinite(logits).all():
            raise InputError("epoch_logits holds numbers that are not finite")
        own = np.arange(logits.shape[-1]) == given.labels[:, None]
        other = np.where(own, -np.inf, logits).max(-1)
        margin = np.where(own, logits, -np.inf).max(-1) - other
        return getattr(margin, self.over)(0)


class SpreadOfModels(Metric):
    """The spread of the label's logit over models: a metric without options."""

    name = "spread_of_models"
    needs = (LOGITS,)
    cost = "an ensemble"

    def score(self, given: Given):
        logits = np.asarray(given["logits"], float)
        if not np.isfinite(logits).all():
            raise InputError("logits hold numbers that are not finite")
        if logits.ndim != 3:
            raise InputError(f"logits must be of several models, got {logits.shape}")
        return logits[:, np.arange(len(given.labels)), given.labels].std(0)


@dataclass(frozen=True)
class ClassSize(Metric):
    """The rarer the class, the harder: from the labels alone."""

    name: ClassVar[str] = "class_size"
    needs: ClassVar = ()
    cost: ClassVar[str] = "nothing"

    def score(self, given):
        return -np.bincount(given.labels)[given.labels].astype(float)


@dataclass(frozen=True)
class Arrays(DataSource):
    """Images and labels of an .npz file, all in memory."""

    name: ClassVar[str] = "my_arrays"
    says: ClassVar[str] = "images and labels of an .npz"
    splits: ClassVar = ("train", "test")

    path: str

    def load(self, split):
        if split not in self.splits:
            raise InputError(f"split must be train or test, got {split!r}")
        try:
            with np.load(self.path, allow_pickle=False) as content:
                images, labels = content[f"{split}_x"], content[f"{split}_y"]
        except (OSError, ValueError, KeyError) as error:
            line = str(error).splitlines()[0]
            raise InputError(f"{self.path} holds no images ({line})") from error
        ids = tuple(f"{split}/{i:03d}" for i in range(len(labels)))
        names = ("left", "right")
        return Images(f"arrays {split}", images, labels, ids, names)


@dataclass(frozen=True)
class Encoded:
    """Rows of images as PNG files."""

    images: np.ndarray

    def read(self, row):
        file = io.BytesIO()
        Image.fromarray(self.images[row]).save(file, "PNG")
        return file.getvalue()


@dataclass(frozen=True)
class StreamedArrays(Arrays):
    """The same images, read one by one."""

    name: ClassVar[str] = "streamed_arrays"

    def load(self, split):
        whole = super().load(split)
        sizes = np.full(len(whole), whole.images[0].size)
        given = f"streamed {split}", whole.ids, whole.labels, whole.class_names
        return EncodedImages(*given, sizes, Encoded(whole.images))


class Halves(DataSource):
    """Images that are made and not read: a source without a path."""

    name = "halves"
    splits = ("train", "test")

    def load(self, split):
        if split not in self.splits:
            raise InputError(f"split must be train or test, got {split!r}")
        images, labels = halves(16, seed=len(split))
        ids = tuple(f"{split}/{i:03d}" for i in range(16))
        return Images(f"halves {split}", images, labels, ids, ("left", "right"))


HALVES = Halves()


def halves(count, *, seed, size=8):
    """Images that are bright on the left (0) or on the right (1)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.integers(0, 100, (count, size, size, 3), dtype=np.uint8)
    half = size // 2
    images[labels == 0, :, :half] += 120
    images[labels == 1, :, half:] += 120
    return images, labels


def write_arrays(path, *, size=8):
    """An .npz file for :class:`Arrays`."""
    train, test = halves(48, seed=0, size=size), halves(16, seed=1, size=size)
    names = ("train_x", "train_y", "test_x", "test_y")
    np.savez(path, **dict(zip(names, (*train, *test), strict=True)))
    return path


@dataclass(frozen=True)
class FarthestFirst(SelectionRule):
    """k-centre (Gonzalez 1985): each next example is the farthest from those kept.

    A rule that looks at pairs of examples; the scores only say where to begin.
    """

    points: np.ndarray

    def preference(self, of):
        points = np.asarray(self.points, float)[of.rows]
        order = [int(of.hardest[0])]
        near = np.linalg.norm(points - points[order[0]], axis=1)
        while len(order) < len(points):
            left = np.setdiff1d(np.arange(len(points)), order)
            order.append(int(left[near[left].argmax()]))
            away = np.linalg.norm(points - points[order[-1]], axis=1)
            near = np.minimum(near, away)
        return np.array(order)


class EveryOther(SelectionRule):
    """Places 0, 2, 4 and so on in the order of difficulty, then the others."""

    def preference(self, of):
        return np.concatenate([of.hardest[::2], of.hardest[1::2]])


class Patches(Classifier):
    """A network of one layer: a linear map of each patch, and the mean over them."""

    def embed(self, images, train):
        x = nn.Conv(8, (4, 4), (4, 4), dtype=self.dtype)(images)
        return nn.relu(x).mean((1, 2))
