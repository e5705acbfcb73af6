"""Up to which load there is a student of largest margin."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..convex.hard_margin import HardMargin
from ..convex.structured import Inputs
from ..numerics.checks import check_margin
from ..numerics.precision import eager_only, own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..students.names import resolve_student
from .critical_loads import thresholds_of
from .front_door import Asked, angle_and_spectrum, checked, found_at


@eager_only
def separability_threshold(
    *,
    keep_fraction: Any = None,
    theta: Any = None,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    flip_probability: Any = 0.0,
    inputs: Inputs | None = None,
) -> Float[np.ndarray, "*batch"] | float:
    """The load from which on the kept examples cannot be separated, N -> infinity.

    Below it some weights have a positive margin on every kept example, and there is a
    student of largest margin; above it there are none.  The covariance of the inputs
    does not matter, only what part of the two fields is linear in them
    (:mod:`perceptron_theory.convex.separability`).  Arguments broadcast.

    Args:
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2]; 0 if it is left out.
            Not with ``inputs``, which have their own.
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" or "signed".
        flip_probability: of every label of the pool, before pruning, in [0, 1/2).
        inputs: :class:`Inputs` of any covariance; None for isotropic ones.

    Returns:
        The threshold of ``alpha_prune``, kept examples per dimension, good to 1e-8;
        infinity where all loads up to 1e8 can be separated, as with labels that are
        right and linear in the inputs.

    Raises:
        InputError: an argument outside its range, or arguments inside a transformation.

    Example:
        >>> f"{separability_threshold(keep_fraction=1.0, flip_probability=0.05):.6f}"
        '3.809689'
    """
    theta, spectrum = angle_and_spectrum(theta, inputs)
    student = resolve_student(HardMargin(flip_probability))
    kind, ranked = resolve_rule(rule), check_margin(margin)
    asked = Asked("alpha_prune", kind, ranked, student, spectrum)
    with own_settings(x64=True):
        flat = checked((1.0, keep_fraction, theta), asked)
        return found_at(thresholds_of, flat, asked, exact=False)
