"""Position embeddings of a ViT for images of another size."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float

GRID_TOKENS = 1  # before the grid: the class token


def resample(
    positions: Float[np.ndarray, "1 T d"], grid: tuple[int, int]
) -> Float[np.ndarray, "1 t d"]:
    """Positions of a square grid at the points of another, as timm resamples them.

    Bicubic with antialiasing, corners not aligned; the class token keeps its own.

    Args:
        positions: of a class token and a square grid of patches.
        grid: rows and columns of patches.
    """
    token, old = positions[:, :GRID_TOKENS], positions[:, GRID_TOKENS:]
    side, width = square_side(positions), positions.shape[-1]
    new = jax.image.resize(
        old.reshape(1, side, side, width), (1, *grid, width), "bicubic", antialias=True
    )
    return np.concatenate([token, np.asarray(new).reshape(1, -1, width)], axis=1)


def square_side(positions: Float[np.ndarray, "1 T d"]) -> int:
    """Rows of the grid, 0 if it is not square."""
    count = positions.shape[1] - GRID_TOKENS
    side = int(np.sqrt(max(count, 0)))
    return side if side**2 == count else 0
