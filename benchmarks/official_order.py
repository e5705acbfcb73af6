"""Whether ids give CIFAR-10's official order: the rank correlation with C-scores.

    python benchmarks/official_order.py cifar10:FOLDER CSCORES.npz

C-scores (Jiang et al. 2021) are high for regular images.  They are compared with how
much nearer an image is to the mean image of its class than to that of the next class:
once by the ids, and once with each image given the score of the one before.
"""

import sys

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from simulations.vision.data import load
from simulations.vision.data.encoded import pixels_of
from simulations.vision.data.official_order import official_rows


def margins(
    pixels: Float[np.ndarray, "P d"], labels: np.ndarray
) -> Float[np.ndarray, " P"]:
    """Squared distance of each image from the next class's mean, minus its own's."""
    means = np.stack([pixels[labels == c].mean(0) for c in range(labels.max() + 1)])
    # without the image's own length, which is the same for all classes
    far = (means**2).sum(1) - 2 * pixels @ means.T
    rows = np.arange(len(labels))
    own = far[rows, labels].copy()
    far[rows, labels] = np.inf
    return far.min(1) - own


def correlations(data: str, scores: str) -> list[float]:
    """Spearman by the ids, and with each image given the score of the one before."""
    found, dataset = np.load(scores), load(data)
    rows = official_rows(dataset, found["labels"])
    near = margins(pixels_of(dataset), dataset.labels)
    right, shifted = found["scores"][rows], np.roll(found["scores"], 1)[rows]
    return [float(spearmanr(one, near)[0]) for one in (right, shifted)]


if __name__ == "__main__":
    right, shifted = correlations(*sys.argv[1:3])
    print(f"by the ids {right:.3f}, shifted by one {shifted:.3f}")
