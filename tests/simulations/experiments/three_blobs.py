"""Three classes of Gaussian points, and what is asked of them."""

import numpy as np

from simulations.experiments.comparison import Opened, Question
from simulations.vision.data.points import Points

CENTRES = np.random.default_rng(5).normal(size=(3, 6))


def blobs(count, seed, name="blobs"):
    """Three classes of Gaussian points, a little apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    values = 1.5 * CENTRES[labels] + rng.normal(size=(count, 6))
    ids = tuple(f"{name}/{i}" for i in range(count))
    return Points(name, values, labels, ids, ("a", "b", "c"))


TRAIN, TEST = blobs(300, 0), blobs(150, 1, "test")
DATA = Opened(TRAIN, TRAIN, TEST)
ASKED = Question(keep_fraction=0.3, metrics=("el2n", "supervised_prototypes"), seeds=3)
