"""What is known of a student at a point, and the error of its direction."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..kept.problem import Inputs
from ..rules.rule import Rule

# margins at which a keep-probability jumps, its value below and above
Jumps = list[tuple[float, float, float]]


class Point(NamedTuple):
    """A point with the rule and the student, whose numbers are leaves of it.

    ``spectrum`` is that of inputs that are not isotropic.
    """

    inputs: Inputs
    rule: Rule
    student: Any  # of the contract in student.py
    spectrum: Any = None  # of perceptron_theory.convex.spectrum


class Start(NamedTuple):
    """Where to search (NaN: from a guess), and the evaluations so far."""

    x: Any
    steps: Any


class State(NamedTuple):
    """What is known of a student at one point, and how it was found.

    ``value`` (m,) are quantities that are smooth in the inputs, ``rates`` (m, k) their
    derivatives with respect to alpha, keep_fraction, theta and the student's own
    parameters, ``x`` the unknowns themselves; ``work`` measures an evaluation.
    """

    value: Float[Array, " m"]
    rates: Float[Array, "m k"]
    x: Float[Array, " n"]
    work: Int[Array, ""]
    fraction: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]


class Evaluation(NamedTuple):
    """The equations at some x, zero at the saddle point, and their Jacobian."""

    value: Float[Array, " n"]
    jacobian: Float[Array, "n n"]


class ByMargin(NamedTuple):
    """How the equations answer to more kept examples of given margins.

    ``more`` (cells, 2, n): what the equations gain per kept mass at each margin, at
    fixed alpha_prune; ``load`` (n,): with ln alpha_prune; and the Jacobian there.
    """

    more: Float[Array, "cells 2 n"]
    load: Float[Array, " n"]
    jacobian: Float[Array, "n n"]


class Direction(NamedTuple):
    """A student's direction in units of r: a along T, b along T_perp.

    ``width`` is the further spread of a single student about the centre of all.
    """

    a: Float[Array, "*s"]
    b: Float[Array, "*s"]
    width: Float[Array, "*s"] | float = 0.0


def noise_of(at: Direction) -> Any:
    """The length of a student's part orthogonal to the teacher, in units of r."""
    xp = at.a.__array_namespace__()
    return xp.sqrt(1.0 + at.b * at.b + at.width * at.width)


def error_of(at: Direction) -> Any:
    """The generalisation error, exact however small; NumPy arrays and JAX arrays."""
    xp = at.a.__array_namespace__()
    return xp.arctan2(noise_of(at), at.a) / np.pi
