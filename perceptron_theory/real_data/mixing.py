"""Fixed points by Anderson's mixing, with short steps while far from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

DEPTH = 6
_FAR = 0.3  # a change from which on steps are damped and not mixed
_DAMPED = 0.5
_LONGEST = 1.0


def mixed() -> Callable[[Any, Any, Any, float], Any]:
    """A function that proposes the next state of an iteration, and remembers.

    It takes the state, what a round makes of it, weights in which their parts are
    compared, and the size of the change.  All but the last are tuples of arrays.
    (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49, 2011.)
    """
    states: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    last = [np.inf]

    def push(state: Any, found: Any, metric: Any, off: float) -> Any:
        shapes = [part.shape for part in state]
        flat = np.concatenate([np.ravel(part) for part in state])
        change = np.concatenate([np.ravel(part) for part in found]) - flat
        if off > _FAR or off > 2.0 * last[0]:
            states.clear()
            changes.clear()
        last[0] = off
        states.append(flat)
        changes.append(change)
        del states[:-DEPTH], changes[:-DEPTH]
        if off > _FAR:
            step = _DAMPED * change * min(1.0, _LONGEST / off)
            return _parts(flat + step, shapes)
        scale = np.concatenate([np.ravel(part) for part in metric])
        if len(changes) == 1:
            return _parts(flat + 0.7 * change, shapes)
        past = np.stack(changes[:-1], axis=1) - change[:, None]
        share = np.linalg.lstsq(past * scale[:, None], -change * scale, rcond=1e-10)[0]
        moved = np.stack(states[:-1], axis=1) - flat[:, None] + past
        return _parts(flat + change + moved @ share, shapes)

    return push


def _parts(flat: np.ndarray, shapes: Any) -> Any:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    pieces = np.split(flat, ends)
    return tuple(
        piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)
    )
