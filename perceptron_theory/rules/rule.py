r"""What a pruning rule is: which examples are kept, given the probe's margin.

An example x with label y = sign(T.x) has, under a unit probe P, the margin
|P.x| ("absolute", the convention of the replica equations of Sorscher et al. 2022,
arXiv 2206.14486, App. A) or y P.x ("signed", the wording of the paper's algorithm).
A small margin is hard, a large margin is easy.

Every rule but :class:`.KeepProbability` is piecewise constant on the axis of margin
*quantiles* [0, 1] (0 is the smallest margin of the pool): it has a few cells, in each
of which an example is kept with a constant probability, the ``level``.  The cells are
the one definition of a rule: the theory turns their ends into thresholds of the margin,
the simulator into ranks of a finite pool.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError, not_traced
from ..numerics.batching import batched
from ..numerics.checks import SMALLEST, as_array
from ..numerics.parameters import Parameters
from ..numerics.precision import own_settings, traced

Fractions = Float[np.ndarray, "*batch"] | None


class Cells(NamedTuple):
    """Cells of the margin-quantile axis.

    ``below`` and ``above`` (n, 2) are the masses of the pool below and above the two
    ends of each cell; they add up to one, and both are kept because a quantile close
    to 1 loses its digits as 1 - above.  ``level`` (n,) is the keep-probability.
    """

    below: Float[Array, "n 2"]
    above: Float[Array, "n 2"]
    level: Float[Array, " n"]


def cells_of(*rows: tuple[Any, Any, Any, Any, Any]) -> Cells:
    """The cells of rows (lower, upper, mass above lower, mass above upper, level)."""
    lower, upper, lower_above, upper_above, level = zip(*rows, strict=True)
    stack = lambda values: jnp.stack([jnp.asarray(v) * 1.0 for v in values])  # noqa: E731
    return Cells(
        jnp.stack([stack(lower), stack(upper)], axis=-1),
        jnp.stack([stack(lower_above), stack(upper_above)], axis=-1),
        stack(level),
    )


class Rule(Parameters):
    """The contract of a pruning rule: a frozen dataclass that brings its ``cells``.

    A rule of one's own derives from this class and is taken wherever a name is.  Its
    fields are numbers, or arrays that broadcast with the other inputs; those that are
    something else (a name, a function) are listed in ``static``.  Only :meth:`cells`
    has to be written; the other methods have defaults.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class TwoBands(Rule):
        ...     def cells(self, keep_fraction):
        ...         f = keep_fraction
        ...         low = (0.0, f / 2, 1.0, 1.0 - f / 2, 1.0)
        ...         high = (1.0 - f / 2, 1.0, f / 2, 0.0, 1.0)
        ...         return cells_of(low, high)
        >>> TwoBands().text
        'two_bands'
    """

    takes_fraction: bool = True
    """Whether the kept fraction is an input, and not a consequence, of the rule."""
    levels_depend_on_f: bool = True
    """False where the keep-probabilities of the cells are the same for every f."""
    indifferent: bool = False
    """True of a rule that does not look at the margin."""

    def cells(self, keep_fraction: Float[Array, ""]) -> Cells:
        """The cells at one keep fraction; a JAX function of it."""
        raise NotImplementedError

    def check(self, keep_fraction: Fractions, margin: str) -> None:
        """Refuse parameters that are out of range or do not go with the fractions.

        The default looks at the cells themselves: masses in order that add up to one,
        levels in [0, 1], and a kept mass of f.

        Raises:
            InputError: they do not fit; the message says what came and what is allowed.
        """
        assert keep_fraction is not None
        _check_cells(self, keep_fraction)

    def fits(self, keep_fraction: Any) -> Any:
        """Whether the parameters go with f, for NumPy arrays and inside a trace."""
        return True

    @property
    def largest_fraction(self) -> float:
        """The largest fraction that the rule can keep."""
        return 1.0

    def realised(self, kept: tuple[tuple[int, int, int], ...], total: int) -> Rule:
        """The rule that whole numbers of examples leave of this one.

        ``kept`` are (first rank, last rank + 1, number kept) of each cell in a pool of
        ``total`` examples.  A rule without parameters of its own stays as it is.
        """
        return self


def keeps_hardest(rule: Rule, keep_fraction: float = SMALLEST) -> bool:
    """Whether a rule keeps exactly the f smallest margins, at a small f."""
    if not rule.takes_fraction:
        return False
    with own_settings(x64=True):
        below, _, level = map(np.asarray, rule.cells(jnp.asarray(keep_fraction)))
    kept = (level > 0) & (below[:, 1] > below[:, 0])
    return bool(np.all(below[kept, 1] <= keep_fraction * (1.0 + 1e-9)))


def check_rule(
    rule: Rule, keep_fraction: np.ndarray | None, margin: str = "signed"
) -> None:
    """Check the parameters of a rule, and that a fraction is given where it is needed.

    Raises:
        InputError: as :meth:`Rule.check`; a fraction too many or too few.
    """
    if not rule.takes_fraction:
        if keep_fraction is not None:
            raise InputError(
                f"keep_fraction follows from a {type(rule).__name__} rule: leave it out"
            )
    elif keep_fraction is None:
        raise InputError("keep_fraction is missing: give the kept part of the pool")
    rule.check(keep_fraction, margin)


def check_untraced(rule: Rule, keep_fraction: Any, margin: str) -> None:
    """Check what can be told of a rule inside a transformation, where f may be traced.

    Raises:
        InputError: as :func:`check_rule`.
    """
    if traced(rule):
        if keep_fraction is None:
            raise InputError("keep_fraction is missing: give the kept part of the pool")
        return
    some = None if keep_fraction is None else np.full((), SMALLEST)
    if keep_fraction is not None and not traced(keep_fraction):
        some = as_array("keep_fraction", keep_fraction)
    with jax.ensure_compile_time_eval():
        check_rule(rule, some, margin)


def _check_cells(rule: Rule, keep_fraction: Float[np.ndarray, "*batch"]) -> None:
    """The cells of a rule that somebody else wrote describe what they should.

    At every point: a parameter that is out of range at one of them only would give a
    number there that nothing else tells from a good one.
    """
    leaves, tree = jax.tree.flatten(rule)
    name = type(rule).__name__
    try:
        arrays = np.broadcast_arrays(keep_fraction, *leaves)
    except ValueError:
        shapes = ", ".join(str(np.shape(x)) for x in leaves)
        raise InputError(
            f"shapes do not broadcast: keep_fraction {keep_fraction.shape}, the "
            f"parameters of {name} {shapes}"
        ) from None
    points = np.stack([np.ravel(x) for x in arrays], axis=1)
    try:
        at, rate = _all_cells(tree, points)
    except InputError:
        raise
    except Exception as error:  # whatever a user's rule raises
        what = f"{name}.cells must be a JAX function of one keep fraction"
        raise not_traced(what, error) from error
    _check_masses(name, points[:, 0], at)
    if not rule.levels_depend_on_f:
        moves = (np.abs(rate.level) > 1e-9).any(axis=1)
        if moves.any():
            raise InputError(
                f"the levels of {name} must be the same for every f where it says "
                "levels_depend_on_f = False, at keep_fraction = "
                f"{points[moves][0, 0]:g} their derivative is "
                f"{rate.level[moves][0].tolist()}: leave that line out"
            )


def _check_masses(name: str, fraction: Float[np.ndarray, " k"], at: Cells) -> None:
    """The cells at k points are masses in order that keep the fraction."""
    below, above, level = at
    steps = np.diff(below.reshape(len(below), -1), axis=1)
    masses = np.diff(below, axis=2)[:, :, 0]
    kept = np.sum(level * masses, axis=1)
    wanted = {
        "have masses below and above each end that add up to one": (
            np.abs(below + above - 1.0) <= 1e-12
        ).all(axis=(1, 2)),
        "be in order of the margin and not overlap": (steps >= -1e-12).all(axis=1),
        "have levels in [0, 1]": ((level >= 0) & (level <= 1 + 1e-12)).all(axis=1),
        "keep the fraction f of the pool": np.abs(kept / fraction - 1.0) <= 1e-6,
    }
    for what, good in wanted.items():
        if good.all():
            continue
        i = int(np.argmin(good))
        raise InputError(
            f"the cells of {name} must {what}, at keep_fraction = {fraction[i]:g} "
            f"they are below = {below[i].tolist()}, above = {above[i].tolist()}, "
            f"level = {level[i].tolist()}"
        )


def _all_cells(tree: Any, points: Float[np.ndarray, "k m"]) -> tuple[Cells, Cells]:
    """The cells at points (f and the numbers of a rule), and their rates with f."""
    f, *own = points.T
    rules = jax.tree.unflatten(tree, own)
    return _cells_and_rates.in_batches((64, 4096), f, rules)


@batched
def _cells_and_rates(keep_fraction: Float[Array, ""], rule: Rule) -> Any:
    """The cells of a rule and how they move with f."""
    name = type(rule).__name__

    def cells(f: Float[Array, ""]) -> Cells:
        found = rule.cells(f)
        if not isinstance(found, Cells):
            raise InputError(
                f"{name}.cells must return perceptron_theory.Cells, got "
                f"{type(found).__name__}"
            )
        shapes = [np.shape(x) for x in found]
        n = shapes[2][:1]
        if shapes != [(*n, 2), (*n, 2), n] or not n:
            raise InputError(
                f"the cells of {name} must have the shapes (n, 2), (n, 2) and "
                f"(n,), got {', '.join(map(str, shapes))}"
            )
        return Cells(*(jnp.asarray(x) * 1.0 for x in found))

    return jax.jvp(cells, (keep_fraction,), (jnp.ones_like(keep_fraction),))
