"""A data set whose examples have the names of an image folder, and scores of it."""

import numpy as np

from simulations.vision.data import Images

COUNT = 30


def dataset_of(name="set", seed=0):
    """Named as an image folder of ImageNet names its examples."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(3, size=COUNT))
    ids = tuple(f"n{label}/n{label}_{i}.JPEG" for i, label in enumerate(labels))
    images = rng.integers(256, size=(COUNT, 4, 4, 3), dtype=np.uint8)
    return Images(name, images, labels, ids, ("n0", "n1", "n2"))


SET = dataset_of()
VALUES = np.random.default_rng(1).normal(size=COUNT)
