r"""Hard-margin student, trained to certified optimality.

The student is the unit vector w that maximises the smallest signed margin
min_i x_i.w of the signed examples x_i = y_i x (Gardner, J. Phys. A 21, 257, 1988),
found by the interior-point steps of :mod:`.interior_point`.

Every w bounds the margin from below by min_i x_i.w/|w| and every lambda >= 0 from
above by |X^T lambda|/sum lambda.  The relative distance of the best two bounds is the
certificate ``gap``, and the only stopping rule.  A margin that is off by a relative
gap g leaves the direction of w off by an angle of at most about sqrt(2 g).
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

import perceptron_theory as pt
from perceptron_theory.numerics.checks import truth_value
from perceptron_theory.numerics.cpu_threads import one_blas_thread
from perceptron_theory.numerics.precision import (
    own_settings,
    require_x64,
    staged,
    traced,
)

from ..naming import as_number, require, whole_number
from .contract import Named, Trained, check_batch, check_sets
from .hard_margin_programs import (
    FEW,
    LARGE,
    are_few,
    train_batch,
    train_in_float32,
    train_sets,
)
from .hard_margin_programs import MaxMargin as MaxMargin
from .hard_margin_programs import Status as Status

# A gap at which a student that rounding stopped is still taken.
_ENOUGH_GAP = 1e-6


@own_settings()
def max_margin(
    signed_examples: ArrayLike,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
    precision: str = "float64",
    compiled: bool = False,
) -> MaxMargin:
    """Train the max-margin student on each set of signed examples y x.

    The result is that of float64: float32 or integer input is converted, and x64 is
    switched on for the call if it is off.  The function works under jit and vmap when
    x64 is on.  Eager calls on a CPU train sets of fewer than 512 dimensions one a core,
    with BLAS kept to one thread meanwhile.  The first few hundred small sets of a
    shape, in calls of a few, are trained by NumPy, before XLA compiles a program for
    more of them; the two differ by rounding.

    Args:
        signed_examples: examples times their labels, shape (..., P, N); the leading
            axes are independent training sets.
        tolerance: relative duality gap to stop at.
        max_iterations: interior-point steps allowed.
        precision: "float64", or "float32" for devices without float64 (TPUs; it has
            never run on one): these take the steps on all examples, the host those on
            the working set, and the certificate is of float64 as well.
        compiled: whether XLA trains a few sets, too, so that a student is the same to
            the last bit whatever is trained beside it or was before.

    Returns:
        :class:`MaxMargin` of NumPy arrays from an eager call, of JAX arrays inside a
        transformation.  A set that no weight vector separates has the status
        ``Status.NOT_SEPARABLE`` and NaN weights, and its ``multipliers`` prove it.
        Inside a transformation, and in sets of more than 2^21 numbers, this is found
        where zero lies inside the convex hull of the examples; where it lies on the
        surface, as with an example and its opposite, ``Status.ROUNDING`` and a gap of
        one or more say that it is not known.

    Raises:
        InputError: there are fewer than two axes, no examples, or NaN or infinite
            numbers; the tolerance lies outside (0, 1); the precision is unknown, or
            "float32" inside a JAX transformation.
        PrecisionError: the call is inside a JAX transformation while x64 is off.

    >>> student = max_margin([[2.0, 0.0], [0.0, 2.0]])
    >>> round(float(student.margin), 6), int(student.status)
    (1.414214, 0)
    """
    compiled = truth_value("compiled", compiled)
    inside = traced(signed_examples) or staged()
    if inside:
        require_x64("simulations.perceptron.students.hard_margin")
    good = 0 < as_number(tolerance, "tolerance") < 1
    require(good, "tolerance must lie in (0, 1)", tolerance)
    good = whole_number(max_iterations, "max_iterations") >= 1
    require(good, "max_iterations must be at least 1", max_iterations)
    good = precision == "float64" or (precision == "float32" and not inside)
    what = "precision must be 'float64' or, outside jit and vmap, 'float32'"
    require(good, what, precision)
    shape = check_sets(signed_examples)
    with own_settings(x64=True):
        if inside:
            flat: Any = jnp.asarray(signed_examples, float)
        else:  # in one order of memory: sums in another differ in their last digits
            flat = np.asarray(signed_examples, float, order="C")
        flat = flat.reshape((-1, *shape[-2:]))
        if inside:
            found = train_batch(flat, tolerance, max_iterations)
        elif precision == "float32":
            with one_blas_thread() if shape[-1] < LARGE else nullcontext():
                found = train_in_float32(flat, tolerance, max_iterations)
        else:
            few = not compiled and are_few(flat.shape)
            found = train_sets(flat, tolerance, max_iterations, few=few)
    return jax.tree.map(lambda a: a.reshape(shape[:-2] + a.shape[1:]), found)


@dataclass(frozen=True)
class MaxMarginStudent(Named, called="max_margin"):
    """The student of the largest smallest margin, as :func:`max_margin` finds it."""

    certificate_name = "relative duality gap"
    padding = "repeat"

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train to a gap of 1e-10; the key is not used."""
        check_batch(examples, key)
        sets, few = np.asarray(examples, float, order="C"), len(examples) <= FEW
        with own_settings(x64=True):
            found = train_sets(sets, 1e-10, 100, few=few)
        gap, status = np.asarray(found.gap), np.asarray(found.status)
        return Trained(
            np.asarray(found.weights),
            gap,
            (status == Status.CONVERGED) | (gap <= _ENOUGH_GAP),
            {"margin": np.asarray(found.margin), "status": status * 1.0},
        )

    def theory(self, **where):
        """Solve the equations of the max-margin student."""
        return pt.solve(student="max_margin", **where)


BY_NAME = {"max_margin": MaxMarginStudent()}
