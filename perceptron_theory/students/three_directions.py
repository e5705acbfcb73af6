r"""Who labels, who selects, and what is true: three directions.

A label generator g gives the labels of the training set, a probe o (an oracle) selects
from it, and errors count against a truth t.  A student is trained on nothing but g and
o, so that the theory of a teacher g and a probe o at their angle theta gives it all: by
symmetry its direction is

    J/|J| = R g + B v + (the rest),    o = cos(theta) g + sin(theta) v,

with the rest in no direction that the inputs single out.  So J.t/|J| = R t.g + B t.v,
and t.v follows from the three angles (spherical trigonometry),

    t.v = (cos(probe_angle) - cos(theta) cos(label_angle))/sin(theta).

With phi the angle of J and g, the angle d of J and t is taken from

    sin(d/2)^2 = sin((phi - label_angle)/2)^2 + (sin(phi) sin(label_angle) - B t.v)/2,

which keeps the digits of small angles, but for those that B has lost: it is a
difference over sin(theta), with a rounding of 1e-16/theta.

The setting is that of Dohmatob, Pezeshki and Askari-Hemmat (arXiv 2511.03492), who have
the square loss; their rho, rho_* and rho_g are the cosines of label_angle, probe_angle
and between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError
from ..numerics.checks import as_array, broadcast, check_theta, refuse
from ..numerics.parameters import Parameters
from ..numerics.precision import traced

Values = Float[Array, "*batch"] | Float[np.ndarray, "*batch"] | float

ROUNDING = 1e-12  # of angles


@dataclass(frozen=True)
class ThreeDirections(Parameters):
    """A label generator, a truth and a probe, by their three angles in radians.

    Numbers, or arrays that broadcast.  ``solve`` and ``solve_convex`` are given
    ``theta=directions.between``; :meth:`.Solution.error_against` then tells the error
    against the truth, and :func:`self_training` lets students label for each other.

    Args:
        label_angle: of label generator and truth, [0, pi].  Its labels are wrong with
            probability label_angle/pi.
        probe_angle: of probe and truth, [0, pi].
        between: of label generator and probe, [0, pi/2].

    Raises:
        InputError: an angle outside its range, or three that no directions have:
            ``between`` lies between the difference and the sum of the other two.

    Example:
        >>> import numpy as np
        >>> import perceptron_theory as pt
        >>> three = pt.ThreeDirections(*np.deg2rad([30.0, 10.0, 25.0]))
        >>> sol = pt.solve(
        ...     alpha_prune=3.0, keep_fraction=0.5, theta=three.between, rule="easy"
        ... )
        >>> f"{sol.error:.5f}  {sol.error_against(three):.5f}"
        '0.16728  0.17395'
    """

    label_angle: Any
    probe_angle: Any
    between: Any

    def __post_init__(self) -> None:
        if traced(self.label_angle, self.probe_angle, self.between):
            return
        names = "label_angle", "probe_angle", "between"
        given = {name: as_array(name, getattr(self, name)) for name in names}
        for name in names[:2]:
            bad = ~((given[name] >= 0) & (given[name] <= np.pi))
            refuse(name, given[name], bad, "in [0, pi] radians")
        try:
            check_theta(given["between"])
        except InputError as error:
            raise InputError(str(error).replace("theta", "between", 1)) from None
        label, probe, between = broadcast(given)
        least, most = abs(label - probe), label + probe
        most = np.minimum(most, 2 * np.pi - most)
        bad = (between < least - ROUNDING) | (between > most + ROUNDING)
        if bad.any():
            i = np.flatnonzero(bad)[0]
            low, high, got = least.flat[i], most.flat[i], between.flat[i]
            raise InputError(
                f"no three directions have label_angle {label.flat[i]:g}, probe_angle "
                f"{probe.flat[i]:g} and between {got:g}: between must lie in "
                f"[{low:g}, {high:g}]"
            )
        for name, array in given.items():
            object.__setattr__(self, name, array[()])

    @property
    def beside(self) -> Values:
        """t.v: the truth's part along what the probe has beside the label generator."""
        label, probe, theta = self.label_angle, self.probe_angle, self.between
        xp = jnp if traced(label, probe, theta) else np
        turn, sine = theta - label, xp.sin(theta)
        # cos(probe) - cos(turn) as a product, which keeps the digits of small angles
        gap = 2.0 * xp.sin(0.5 * (probe + turn)) * xp.sin(0.5 * (probe - turn))
        some = sine > 0
        return xp.where(some, xp.sin(label) - gap / xp.where(some, sine, 1.0), 0.0)[()]

    @property
    def outside(self) -> Values:
        """The square of the truth's part outside the plane of generator and probe."""
        xp = jnp if traced(self.label_angle, self.probe_angle, self.between) else np
        rest = xp.sin(self.label_angle) ** 2 - self.beside**2
        # at theta = 0 there is no plane, and nothing is known of a direction beside g
        return xp.maximum(rest, 0.0)


def angle_to_truth(
    directions: ThreeDirections,
    theta: Any,
    error: Any,
    overlap: Any,
    probe_overlap: Any,
    isotropic: bool,
) -> Values:
    """The angle of a student and the truth, from those it has with label and probe.

    Args:
        directions: the three directions.
        theta: of the student's own solution.
        error: the student's error against its labels, its angle to them over pi.
        overlap: its cosine with the label generator.
        probe_overlap: its cosine with the probe.
        isotropic: whether the inputs are.

    Raises:
        InputError: see :meth:`.Solution.error_against`.
    """
    if not isinstance(directions, ThreeDirections):
        raise InputError(
            "error_against takes perceptron_theory.ThreeDirections, got "
            f"{type(directions).__name__}"
        )
    label, between = directions.label_angle, directions.between
    eager = not traced(directions, theta, error, overlap, probe_overlap)
    xp: Any = np if eager else jnp
    other = abs(between - theta) > ROUNDING
    hidden = (not isotropic) & (directions.outside > np.sqrt(ROUNDING))
    if eager and np.any(other):
        raise InputError(
            "the solution is of another angle of label generator and probe: give "
            "solve theta=directions.between"
        )
    if eager and np.any(hidden):
        raise InputError(
            "of inputs that are not isotropic only a truth in the plane of label and "
            "probe has a known part in the student: between must be the sum or the "
            "difference of label_angle and probe_angle"
        )
    angle, sine = np.pi * error, xp.sin(theta)
    some = sine > 0
    across = probe_overlap - xp.cos(theta) * overlap
    across = xp.where(some, across / xp.where(some, sine, 1.0), 0.0)
    square = xp.sin(0.5 * (angle - label)) ** 2
    square = square + 0.5 * (xp.sin(angle) * xp.sin(label) - across * directions.beside)
    # a root has no slope at 0, where the student is the truth or its opposite
    inside = (square > 0) & (square < 1)
    safe = xp.where(inside, square, 0.5)
    found = 2.0 * xp.arctan2(xp.sqrt(safe), xp.sqrt(1.0 - safe))
    found = xp.where(inside, found, xp.where(square > 0.5, np.pi, 0.0))
    found = xp.where(xp.isnan(square) | other | hidden, np.nan, found)
    return found[()]
