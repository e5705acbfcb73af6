"""How a network is trained: one frozen record, which checkpoints and results carry."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from .. import inputs

OBJECTIVES = ("classification", "simclr")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("step", "cosine", "constant")
DTYPES = ("auto", "float32", "bfloat16")
SCALES = ("dataset", "imagenet", "half")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the weights, but for data set and seed.

    Exactly one of ``fixed_epochs`` and ``fixed_steps`` is given.  On a pruned set they
    differ: the first takes fewer steps there (VISSL, DeepCore), the second as many
    (data_diet, CCS).

    Raises:
        InputError: neither or both of them, a value out of range; says which.
    """

    network: str
    """A key of ``simulations.vision.networks.NETWORKS``, or ``package.module:Name``."""
    stem: str | None = None
    """The stem of a ResNet: "cifar", "strided" or "imagenet"; None is its usual one."""
    fixed_epochs: int | None = None
    fixed_steps: int | None = None
    batch_size: int
    """Examples a step on all devices and hosts together.  What does not fill a batch
    sits out an epoch, other examples in each."""

    objective: str = "classification"
    """"simclr" (arXiv 2002.05709) has no labels: two views of each image are to be
    alike.  Of images in memory only."""
    temperature: float = 0.5
    """The temperature of SimCLR's loss."""
    projection: int = 128
    """Outputs of SimCLR's projection head, which has a hidden layer and is no part of
    the embedding."""

    optimizer: str = "sgd"
    learning_rate: float
    """The peak, for this batch size: nothing scales it."""
    momentum: float = 0.9
    """The momentum of SGD; the first decay rate of AdamW, whose second is 0.999."""
    nesterov: bool = True
    weight_decay: float = 0.0
    """Added to gradients in SGD (as PyTorch does), decoupled in AdamW."""
    decay_norms: bool = True
    """Whether scales and biases of batch and layer norms decay, too."""
    decay_biases: bool = True
    """Whether other biases decay, too."""
    label_smoothing: float = 0.0

    schedule: str = "step"
    schedule_length: int
    """The whole budget in the unit of the next two, such as 200 epochs; a longer or
    shorter budget stretches them with it."""
    milestones: tuple[int, ...] = ()
    """Where a "step" schedule is multiplied by ``drop``."""
    drop: float = 0.1
    warmup: int = 0
    """For so long the rate rises linearly from 0."""

    image_size: int = 224
    """The side of streamed images; images in memory have their own."""
    resize: int | None = None
    """Side that images in memory are resized to after all else that is done to them
    (bilinear), such as 224 for a ViT; None leaves them."""
    crop_pad: int = 4
    """Reflected border of random crops in memory; 0 for none."""
    crop_scale: tuple[float, ...] = ()
    """Least and largest area of crops of random area and aspect (torchvision's
    RandomResizedCrop), in place of ``crop_pad``.  Streams always have them, of 0.08
    to 1 if this is empty."""
    flip: bool = True
    jitter: tuple[float, ...] = ()
    """Strengths of brightness, contrast, saturation and hue (torchvision's
    ColorJitter); empty for none."""
    jitter_probability: float = 1.0
    grayscale: float = 0.0
    """Probability that an image is made grey."""
    scale: str = "dataset"
    """Normalisation: by mean and deviation of the data set, or fixed constants."""
    dtype: str = "auto"
    """"auto": bfloat16 on accelerators, float32 on CPUs."""

    evaluate_every: int = 1
    """Epochs between evaluations on the test set."""
    logits_epochs: tuple[int, ...] = ()
    """After these epochs, too, the logits of the whole training set are written."""

    def __post_init__(self) -> None:
        if (self.fixed_epochs is None) == (self.fixed_steps is None):
            both = "both" if self.fixed_steps is not None else "neither"
            raise InputError(
                f"{both} of fixed_epochs and fixed_steps: give exactly one, for on a "
                "pruned set they are different budgets"
            )
        for name, allowed in _NAMES.items():
            if getattr(self, name) not in allowed:
                raise unknown_name(name, getattr(self, name), allowed)
        for name in _COUNTS:
            if getattr(self, name) is not None:
                inputs.positive_integer(name, getattr(self, name))
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(
                    f"{name} must be from {low} to {high}, got {getattr(self, name)}"
                )
        for name in ("milestones", "logits_epochs", "jitter", "crop_scale"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_views()
        if min(self.logits_epochs, default=1) < 1:
            raise InputError(
                f"logits_epochs must be at least 1, got {list(self.logits_epochs)}"
            )
        points = (0, *self.milestones, self.schedule_length)
        if not all(a < b for a, b in itertools.pairwise(points)):
            raise InputError(
                f"milestones must rise from above 0 to below {self.schedule_length} "
                f"(schedule_length), got {list(self.milestones)}"
            )
        if not 0 <= self.warmup < self.schedule_length:
            raise InputError(
                f"warmup must be 0 or more and less than {self.schedule_length} "
                f"(schedule_length), got {self.warmup}"
            )

    def _check_views(self) -> None:
        jitter, crop = self.jitter, self.crop_scale
        known = all(0 <= strength < math.inf for strength in jitter)  # NaN is not
        if jitter and (len(jitter) != 4 or not known or jitter[3] > 0.5):
            raise InputError(
                "jitter must be 4 strengths of at least 0, of brightness, contrast, "
                f"saturation and hue (at most 0.5), got {list(jitter)}"
            )
        if crop and not (len(crop) == 2 and 0 < crop[0] <= crop[1] <= 1):
            raise InputError(
                "crop_scale must be a least and a largest area in (0, 1], got "
                f"{list(crop)}"
            )
        if self.objective == "simclr" and self.batch_size < 2:
            raise InputError("a batch of 1 has nothing to tell its image from: give 2")

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON and TOML: what is None is left out, tuples are lists."""
        given = {k: v for k, v in asdict(self).items() if v is not None}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}

    def total_steps(self, epoch_steps: int) -> int:
        """Steps of the budget, where an epoch of the (pruned) set has that many."""
        if self.fixed_steps is not None:
            return self.fixed_steps
        return (self.fixed_epochs or 0) * epoch_steps


NAMES = tuple(field.name for field in fields(Recipe))
REQUIRED = ("network", "batch_size", "learning_rate", "schedule_length")
_NAMES = {
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "dtype": DTYPES,
    "scale": SCALES,
}
_COUNTS = (
    "fixed_epochs",
    "fixed_steps",
    "batch_size",
    "schedule_length",
    "image_size",
    "resize",
    "evaluate_every",
    "projection",
)
_RANGES = {
    "temperature": (1e-3, 1e3),
    "jitter_probability": (0.0, 1.0),
    "grayscale": (0.0, 1.0),
    "learning_rate": (0.0, 1e6),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1e6),
    "label_smoothing": (0.0, 1.0),
    "drop": (0.0, 1.0),
    "crop_pad": (0, 1000),
}
