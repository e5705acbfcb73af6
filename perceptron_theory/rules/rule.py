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
from jaxtyping import Array, Bool, Float

from ..errors import InputError
from ..numerics.checks import SMALLEST, as_array
from ..numerics.parameters import Parameters
from ..numerics.precision import traced

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

    def fits(self, keep_fraction: Any) -> Bool[Array, ""] | bool:
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
    with jax.enable_x64(True):
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
    """The cells of a rule that somebody else wrote describe what they should."""
    leaves, tree = jax.tree.flatten(rule)
    name = type(rule).__name__
    try:
        f, *leaves = np.broadcast_arrays(keep_fraction, *leaves)
        some = np.unique(np.array([np.argmin(f), np.argmax(f), f.size // 2]))
        points = [(f.flat[i], [x.flat[i] for x in leaves]) for i in some]
        with jax.enable_x64(True):
            every = []
            for x, own in points:
                here: Rule = jax.tree.unflatten(tree, own)
                every.append((x, here.cells(jnp.asarray(x))))
    except InputError:
        raise
    except Exception as error:  # whatever a user's rule raises
        raise InputError(
            f"{name}.cells must be a JAX function of one keep fraction, got a "
            f"{type(error).__name__} from it: {error}"
        ) from error
    for fraction, cells in every:
        if not isinstance(cells, Cells):
            raise InputError(
                f"{name}.cells must return perceptron_theory.Cells, got "
                f"{type(cells).__name__}"
            )
        below, above, level = (np.asarray(x, dtype=np.float64) for x in cells)
        shapes = below.shape == above.shape == (level.size, 2) and level.ndim == 1
        wanted = None
        if not shapes:
            wanted = "have the shapes (n, 2), (n, 2) and (n,)"
        elif not np.allclose(below + above, 1.0, rtol=0.0, atol=1e-12):
            wanted = "have masses below and above each end that add up to one"
        elif not (np.diff(below.ravel()) >= -1e-12).all():
            wanted = "be in order of the margin and not overlap"
        elif not ((level >= 0) & (level <= 1 + 1e-12)).all():
            wanted = "have levels in [0, 1]"
        elif abs(level @ np.diff(below, axis=1)[:, 0] / fraction - 1.0) > 1e-6:
            wanted = "keep the fraction f of the pool"
        if wanted:
            raise InputError(
                f"the cells of {name} must {wanted}, at keep_fraction = {fraction:g} "
                f"they are below = {below.tolist()}, above = {above.tolist()}, level = "
                f"{level.tolist()}"
            )
