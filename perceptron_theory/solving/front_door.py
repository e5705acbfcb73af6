"""The front door of the theory: any student, any rule, any load, fraction and angle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..convex.hard_margin import HardMargin
from ..convex.spectrum import HARMLESS, Spectrum
from ..convex.structured import Inputs as Structured
from ..convex.structured import spectrum_of
from ..convex.student import Convex
from ..errors import ConvergenceError, InputError
from ..kept.problem import Inputs, Mode
from ..numerics.checks import (
    HALF_PI,
    as_array,
    broadcast,
    check_fraction,
    check_load,
    check_margin,
    check_theta,
    one_load,
    refuse,
    refuse_masked,
    refuse_other_order,
    truth_value,
)
from ..numerics.precision import own_settings, require_x64, staged, traced
from ..rules.agreeing import Agreeing, bound
from ..rules.names import resolve_rule
from ..rules.rule import Rule, check_rule, check_untraced
from ..students.max_margin import MaxMargin
from ..students.names import resolve_student
from ..students.solution import Solution, Status, not_converged
from ..students.state import Point
from ..students.student import Student
from .critical_loads import thresholds_of
from .point import solved_point
from .problems import problem_of
from .states import solve_many

COPIES = 1 << 22  # numbers of a spectrum in all points that are solved at once
LEAST_PART = 256  # of these points
AT_THRESHOLD = 1e-6  # below that of separability |w| is too long to be found


def solve(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = None,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    inputs: Structured | None = None,
    throw: bool = True,
) -> Solution:
    r"""The error of a student trained on pruned data, N -> infinity.

    Solves the student's saddle-point equations in float64; those of the max-margin
    student, the default, are in :mod:`perceptron_theory.students.max_margin.equations`
    (Sorscher et al. 2022, App. A).  Arguments broadcast like NumPy arrays.

    Args:
        alpha_prune: kept examples per dimension, in [1e-3, 1e6].
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1] (solved down to 1e-8); not for a
            :class:`KeepProbability` rule, which implies it.
        theta: angle of teacher and probe in radians, [0, pi/2]; 0 if it is left out.
            Not with ``inputs``, which have their own.
        rule: "hard", "easy", "random" or an object of a class derived from
            :class:`Rule`; :class:`Agreeing` keeps only where probe and label agree.
        margin: "absolute" (|P.x|) or "signed" (y P.x): which margin the rule ranks by.
        student: "max_margin"; "gibbs", "bayes_point" (the version space); or
            "bayes_optimal", which knows the rule and at theta > 0 the probe and its
            angle too.  At theta = 0 the probe is the teacher and stays hidden, so that
            this student's error jumps there: as theta -> 0 it is at most theta/pi, and
            not that at theta = 0, whose derivative with respect to theta is given as
            0.  Or an object of a class derived from :class:`Student`, such as
            ``Convex("logistic", ridge=0.1)`` or ``HardMargin(flip_probability=0.05)``.
        inputs: :class:`Inputs` of any covariance, their label and their probe, for the
            student "max_margin" (the :class:`HardMargin` one, which exists up to the
            load of :func:`separability_threshold`) and those of a convex loss; None
            for isotropic ones.
        throw: raise where a point does not converge; else see ``status``.

    Returns:
        A :class:`Solution` (:class:`VersionSpace` for its students,
        :class:`ConvexSolution` for a convex loss, :class:`HardMarginSolution` for the
        largest margin on ``inputs``) whose fields have the broadcast
        shape: NumPy arrays from an eager call, JAX arrays inside a transformation,
        where a point that does not converge gives NaN and its status.  ``jax.grad`` of
        ``error``, ``overlap``, ``probe_overlap`` and ``margin`` with respect to the
        load, ``keep_fraction``, ``theta`` and the numbers of the student is exact
        (implicit differentiation).

    Raises:
        InputError: an argument outside its range, unknown names, shapes that do not
            broadcast, not exactly one load, or kept examples that cannot be separated.
        ConvergenceError: a point that did not converge (eager, ``throw=True``).
        PrecisionError: inside jit, vmap or grad with x64 off.

    Example:
        >>> sol = solve(alpha_prune=3.0, keep_fraction=0.1, theta=0.0)
        >>> f"{sol.error:.7f}"
        '0.0175676'
    """
    name, load = one_load(alpha_prune, alpha_tot)
    theta, spectrum = angle_and_spectrum(theta, inputs)
    kind = resolve_student(student)
    if spectrum is not None:
        kind = HardMargin() if isinstance(kind, MaxMargin) else kind
        if not isinstance(kind, Convex):
            raise InputError(
                "inputs are for the student 'max_margin', HardMargin(...) and those of "
                f"a convex loss, Convex(...), got {kind.name!r}: leave inputs out"
            )
    chosen, margin = resolve_rule(rule), check_margin(margin)
    if isinstance(chosen, Agreeing):  # it knows the angle and the labels now
        chosen, margin = bound(chosen, margin, *kind.labels_seen(_angle(theta)))
    asked = Asked(name, chosen, margin, kind, spectrum)
    return answer((load, keep_fraction, theta), asked, throw)


def _angle(theta: Any) -> Any:
    """Theta as an array; inside a transformation as it is.

    Raises:
        InputError: it is out of range.
    """
    if traced(theta):
        return theta
    theta = as_array("theta", theta)
    check_theta(theta)
    return theta


def angle_and_spectrum(
    theta: Any, inputs: Structured | None
) -> tuple[Any, Spectrum | None]:
    """The angle, which inputs that are not isotropic have of their own, and those.

    Raises:
        InputError: both are given, or inputs of another class.
    """
    if inputs is None:
        return 0.0 if theta is None else theta, None
    spectrum = spectrum_of(inputs)
    if theta is not None:
        raise InputError(
            "inputs have their own angle of label and probe, their cosine: leave "
            "theta out"
        )
    return inputs.theta, spectrum


class Asked(NamedTuple):
    """What is asked for: which load is given, the rule, the margin and the student.

    ``spectrum`` is that of inputs that are not isotropic.
    """

    load: str
    rule: Rule
    margin: str
    student: Student
    spectrum: Spectrum | None = None

    @property
    def total(self) -> bool:
        """Whether the load is that of the pool."""
        return self.load == "alpha_tot"


def answer(values: tuple[Any, Any, Any], asked: Asked, throw: bool) -> Any:
    """The solution of load, keep_fraction and theta, eagerly or inside a trace."""
    throw = truth_value("throw", throw)
    with own_settings():
        if traced(*values, *asked[1:]) or staged():
            require_x64("perceptron_theory.solve")
            return _traced(values, asked)
    with own_settings(x64=True):
        flat = checked(values, asked)
        solution = found_at(solve_many, flat, asked, exact=False)
    if throw:
        _raise_if_unsolved(solution, flat, asked)
    return solution


def _raise_if_unsolved(solution: Any, flat: Flat, asked: Asked) -> None:
    """Raise ConvergenceError with the first unsolved point as a problem to repeat."""
    bad = np.ravel(solution.status) != Status.CONVERGED
    if not bad.any():
        return
    first, own = int(np.argmax(bad)), flat.rule.num_leaves
    if isinstance(asked.student, HardMargin):
        _refuse_inseparable(solution, flat, asked, first)
    load, fraction, theta, *rest = (float(x[first]) for x in flat.arrays)
    numbers = dict(zip(asked.student.numbers(), rest[own:], strict=True))
    error = ConvergenceError(not_converged(solution, first, numbers))
    if asked.spectrum is not None:  # a file has no place for it
        raise error
    point = {asked.load: load, "theta": theta}
    if asked.rule.takes_fraction:
        point["keep_fraction"] = fraction
    rule = jax.tree.unflatten(flat.rule, rest[:own])
    student = jax.tree.unflatten(flat.student, rest[own:])
    error.problem = problem_of(point, rule=rule, student=student, margin=asked.margin)
    raise error


def _refuse_inseparable(solution: Any, flat: Flat, asked: Asked, first: int) -> None:
    """Raise InputError if there is no student of largest margin at a point."""
    one = flat._replace(shape=(), arrays=tuple(x[[first]] for x in flat.arrays))
    with own_settings(x64=True):
        limit = float(found_at(thresholds_of, one, asked, exact=False))
    load = float(np.ravel(solution.alpha_prune)[first])
    if load >= limit * (1.0 - AT_THRESHOLD):
        raise InputError(
            f"the kept examples cannot be separated: alpha_prune = {load:.6g} must be "
            f"below {limit:.6g} (separability_threshold) for a student of largest "
            "margin; take fewer examples, or solve_convex, whose students have a ridge"
        )


def found_at(search: Callable[..., Any], flat: Flat, asked: Asked, exact: bool) -> Any:
    """What a search finds at all points, in the shape of the inputs."""
    parts = [(here, search(*part)) for here, *part in split(flat, asked, exact)]
    places, found = zip(*parts, strict=True)
    back = np.argsort(np.concatenate(places))

    def join(*x: np.ndarray) -> Any:
        whole = np.concatenate(x)[back]
        return whole.reshape((*flat.shape, *whole.shape[1:]))[()]

    return jax.tree.map(join, *found)


class Flat(NamedTuple):
    """All inputs of an eager call, broadcast and flat, and the shape they have."""

    shape: tuple[int, ...]
    arrays: tuple[np.ndarray, ...]  # load, f, theta, the rule's and the student's
    rule: Any  # the structure of the rule
    student: Any

    @property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """Those of the student."""
        return self.arrays[3 + self.rule.num_leaves :]


def checked(values: tuple[Any, Any, Any], asked: Asked) -> Flat:
    """The inputs of an eager call, checked, as flat arrays of one length.

    Raises:
        InputError: one is outside its range, or they do not broadcast.
    """
    names = asked.load, "keep_fraction", "theta"
    refuse_other_order(dict(zip(names, values, strict=True)))
    load = as_array(asked.load, values[0])
    check_load(asked.load, load)
    named = {asked.load: load, **pruned_by(asked.rule, asked.margin, *values[1:])}
    asked.student.check()
    least, angles = asked.student.least_angle, named["theta"]
    tiny = (angles > 0) & (angles < least)
    refuse("theta", angles, tiny, f"0, or {least:g} or more for this student")
    own, rule = jax.tree.flatten(asked.rule)
    theirs, student = jax.tree.flatten(asked.student)
    named |= dict(zip(asked.student.numbers(), theirs, strict=True))
    every = broadcast(named, own)
    flat = dict(zip(named, (x.ravel() for x in every), strict=False))
    rest = [x.ravel() for x in every[len(named) :]]
    fraction = flat.get("keep_fraction", np.ones(every[0].size))
    arrays = flat[asked.load], fraction, flat["theta"], *rest
    arrays = *arrays, *(flat[name] for name in asked.student.numbers())
    return Flat(every[0].shape, arrays, rule, student)


def pruned_by(
    rule: Rule, margin: str, keep_fraction: Any, theta: Any
) -> dict[str, np.ndarray]:
    """The angle, and the fraction if it is given, as arrays that fit a rule.

    Raises:
        InputError: one is outside its range, or the rule takes another fraction.
    """
    refuse_other_order({"keep_fraction": keep_fraction, "theta": theta})
    arrays = {"theta": as_array("theta", theta)}
    check_theta(arrays["theta"])
    if keep_fraction is not None:
        arrays["keep_fraction"] = as_array("keep_fraction", keep_fraction)
        check_fraction("keep_fraction", arrays["keep_fraction"])
    check_rule(rule, arrays.get("keep_fraction"), margin)
    return arrays


def split(
    flat: Flat, asked: Asked, exact: bool
) -> Iterator[tuple[np.ndarray, Point, Mode]]:
    """The points that share a compiled program: where they are, they, and its mode."""
    own = flat.rule.num_leaves
    for on_line in (True, False):
        # one program where it makes no difference
        mode = Mode(asked.margin, on_line, asked.total, exact or not on_line)
        for mask, student in asked.student.variants(flat.numbers):
            every = np.nonzero(((flat.arrays[2] == 0) == on_line) & mask)[0]
            for here, spectrum in _with_spectrum(every, asked.spectrum):
                part = [x[here] for x in flat.arrays]
                rule = jax.tree.unflatten(flat.rule, part[3 : 3 + own])
                structure = jax.tree.structure(student)
                kind = jax.tree.unflatten(structure, part[3 + own :])
                inputs = Inputs(*part[:3])  # pyright: ignore[reportArgumentType]
                yield here, Point(inputs, rule, kind, spectrum), mode


def _with_spectrum(
    here: np.ndarray, spectrum: Spectrum | None
) -> Iterator[tuple[np.ndarray, Spectrum | None]]:
    """The points in parts, each with the spectrum that all of them share.

    Where it is long not too many at once: every point holds its own copy.
    """
    if spectrum is None or not here.size:
        yield from [(here, None)] if here.size else []
        return
    most = max(LEAST_PART, COPIES // spectrum.eigenvalues.size)
    for part in np.array_split(here, -(-here.size // most)):
        copies: Any = (np.broadcast_to(x, (part.size, *x.shape)) for x in spectrum)
        yield part, Spectrum(*copies)


def _traced(values: tuple[Any, Any, Any], asked: Asked) -> Any:
    """Inside a transformation: one program, NaN where the inputs are not valid."""
    load, fraction, theta = values
    check_untraced(asked.rule, fraction, asked.margin)
    fraction = 1.0 if fraction is None else fraction
    student = asked.student.traced_variant()
    own, rule = jax.tree.flatten(asked.rule)
    theirs, structure = jax.tree.flatten(student)
    named = {asked.load: load, "keep_fraction": fraction, "theta": theta}
    for name, value in named.items():
        refuse_masked(name, value)
    refuse_masked("a parameter of the rule or the student", *own, *theirs)
    inputs = [load, fraction, theta, *own, *theirs]
    inputs = jnp.broadcast_arrays(*(jnp.asarray(x, jnp.float64) for x in inputs))
    # theta known to be nowhere, or everywhere, zero needs one branch only
    known = None if traced(theta) else np.asarray(theta) == 0
    branches = (True, False) if known is None else tuple({bool(k) for k in known.flat})
    modes = tuple(Mode(asked.margin, line, asked.total) for line in branches)
    one = partial(_program(modes, rule, structure), asked.spectrum)
    for _ in range(inputs[0].ndim):
        one = jax.vmap(one)
    return one(*inputs)


@lru_cache(maxsize=128)
def _program(modes: tuple[Mode, ...], rule_tree: Any, student_tree: Any) -> Any:
    """One point inside a transformation; compiled once, also under an eager grad."""

    def one(spectrum, load, fraction, theta, *numbers):
        valid = (load > 0) & (load < jnp.inf) & (fraction > 0) & (fraction <= 1)
        valid = valid & (theta >= 0) & (theta <= HALF_PI)
        own, theirs = numbers[: rule_tree.num_leaves], numbers[rule_tree.num_leaves :]
        valid = valid & jax.tree.unflatten(rule_tree, own).fits(fraction)
        valid = valid & jax.tree.unflatten(student_tree, theirs).fits()
        if spectrum is not None:
            possible = spectrum.possible()
            valid = valid & possible
            spectrum = jax.tree.map(partial(jnp.where, possible), spectrum, HARMLESS)
        safe = partial(jnp.where, valid)
        inputs = Inputs(safe(load, 1.0), safe(fraction, 1.0), safe(theta, 0.0))
        rule = jax.tree.unflatten(rule_tree, [safe(x, 0.0) for x in own])
        student = jax.tree.unflatten(student_tree, [safe(x, 0.1) for x in theirs])
        point = Point(inputs, rule, student, spectrum)
        states = [solved_point(point, mode) for mode in modes]
        state = states[0]
        if len(modes) == 2:
            line = (inputs.theta == 0) == modes[0].on_line
            state = jax.tree.map(partial(jnp.where, line), *states)
        status = jnp.where(state.found, Status.CONVERGED, Status.NOT_CONVERGED)
        status = jnp.where(valid, status, Status.INVALID_INPUT)
        return student.describe(point, state, status, modes[0])

    return jax.jit(one)
