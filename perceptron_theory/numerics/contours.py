"""Crossings on the edges of a grid, joined to curves (marching squares)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from jaxtyping import Bool, Int

Edge = tuple[int, int]


def connect(
    up: Bool[np.ndarray, "n m"], along_first: list[Edge], along_second: list[Edge]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """The crossings in the order of their curves, and the number of each one's curve.

    Args:
        up: on which side of the curve each point of the grid lies.
        along_first: edges (i, j)-(i + 1, j) that the curve crosses.
        along_second: edges (i, j)-(i, j + 1), numbered after the others.
    """
    number = {(0, *edge): n for n, edge in enumerate(along_first)}
    number |= {(1, *edge): n for n, edge in enumerate(along_second, len(number))}
    links: dict[int, list[int]] = defaultdict(list)
    for i, j in np.ndindex(max(up.shape[0] - 1, 0), max(up.shape[1] - 1, 0)):
        low, high, left, right = (
            number.get(key)
            for key in ((0, i, j), (0, i, j + 1), (1, i, j), (1, i + 1, j))
        )
        found = [n for n in (low, left, high, right) if n is not None]
        # a saddle: any of its two pairings is consistent with the signs
        for a, b in zip(found[::2], found[1::2], strict=True):
            links[a].append(b)
            links[b].append(a)
    order: list[int] = []
    branch: list[int] = []
    seen: set[int] = set()
    # open curves from one of their ends; what is then left are closed ones
    starts = sorted(number.values(), key=lambda n: len(links[n]))
    for curve, start in enumerate(s for s in starts if s not in seen):
        here: int | None = start
        while here is not None:
            seen.add(here)
            order.append(here)
            branch.append(curve)
            here = next((n for n in links[here] if n not in seen), None)
    return np.array(order, int), np.array(branch, int)
