"""The front door for students of a convex loss: their loss, ridge and label noise."""

from __future__ import annotations

from typing import Any, cast

from ..convex.solution import ConvexSolution
from ..convex.structured import Inputs as Structured
from ..convex.student import Convex
from ..rules.rule import Rule
from .front_door import solve


def solve_convex(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = None,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    loss: Any = "logistic",
    ridge: Any,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
    noise_strength: Any = None,
    inputs: Structured | None = None,
    throw: bool = True,
) -> ConvexSolution:
    r"""The student of a convex loss with ridge on pruned data, N -> infinity.

    It minimises sum l(y w.x) + (N ridge/2) |w|^2 over the kept examples.  Solves the
    equations of :mod:`perceptron_theory.convex.equations` in float64.  Arguments
    broadcast like NumPy arrays.

    Args:
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2]; 0 if it is left out.
            Not with ``inputs``, which have their own.
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        loss: "logistic", "hinge", "squared_hinge", "square"
            (:mod:`perceptron_theory.convex.losses`), or a convex JAX function of one
            margin with a derivative.  Its second derivative may jump only at the
            margins 0, +-1, +-2, +-4, +-8, +-16, +-32, and must not change too sharply
            between them (what cannot be solved to eight digits is refused).
        ridge: at least 1e-16 (:func:`optimal_ridge` knows the limit).
        flip_probability: of every label of the pool, before pruning, in [0, 1/2); the
            signed margin is y P.x with the wrong label (:mod:`.wrong_labels`).
        label_noise: of a teacher with a part that the features do not show, so that
            labels near its boundary are wrong more often: "probit" or "logistic", or an
            object, :class:`Probit`, :class:`Logistic`, or of a class of one's own
            derived from :class:`LabelNoise` (:mod:`perceptron_theory.kept.label_laws`).
            The signed margin has the noisy label; flips come after it.
        noise_strength: of a law that is named, in units of the standard deviation of
            T.x, in [0, 1000]; an object has its own.
        inputs: :class:`Inputs` of any covariance, their label and their probe
            (:mod:`perceptron_theory.convex.spectrum`); None for isotropic ones.
        throw: raise where a point does not converge; else see ``status``.

    Returns:
        A :class:`ConvexSolution` whose fields have the broadcast shape: NumPy arrays
        from an eager call, JAX arrays inside a transformation, where a point that does
        not converge gives NaN and its status.  ``jax.grad`` of ``error``, ``overlap``,
        ``probe_overlap``, ``weights`` and ``response`` with respect to the load,
        ``keep_fraction``, ``theta``, ``ridge``, ``flip_probability`` and
        ``noise_strength`` is exact (implicit differentiation; one-sided at f = 1 and
        without noise).  ``error`` is on the teacher's labels, ``label_error`` on the
        noisy ones.

    Raises:
        InputError: an argument outside its range, a loss that is not finite, not
            convex, not falling at margin 0 or without a derivative.
        ConvergenceError: a point that did not converge (eager, ``throw=True``).
        PrecisionError: inside jit, vmap or grad with x64 off.

    Example:
        >>> import numpy as np
        >>> student = solve_convex(
        ...     alpha_prune=2.0, keep_fraction=0.5, theta=np.deg2rad(20), ridge=0.1
        ... )
        >>> f"{student.error:.8f}"
        '0.25375867'
    """
    student = Convex(loss, ridge, flip_probability, noise_strength, label_noise)
    found = solve(
        alpha_prune=alpha_prune,
        alpha_tot=alpha_tot,
        keep_fraction=keep_fraction,
        theta=theta,
        rule=rule,
        margin=margin,
        student=student,
        inputs=inputs,
        throw=throw,
    )
    return cast(ConvexSolution, found)
