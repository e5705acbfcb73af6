"""What every rule has to do, ours and one of somebody else."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
from own_objects import TwoBands

import perceptron_theory as pt
from perceptron_theory.rules.rule import keeps_hardest

RULES = [
    pt.Hard(),
    pt.Easy(),
    pt.Random(),
    pt.Window(0.2),
    pt.Mixture(0.4),
    pt.Mixture(0.4, "easy"),
    pt.Intervals((0.2, 0.3, 0.1), (0.25, 0.15)),
    TwoBands(),
]
NAMES = [rule.text for rule in RULES]
THETAS = (0.0, 0.3)


@pytest.fixture(params=RULES, ids=NAMES)
def rule(request):
    return request.param


def error(rule, f, theta=0.3, alpha=3.0, margin="absolute"):
    where = {"theta": theta, "rule": rule, "margin": margin}
    return pt.solve(alpha_prune=alpha, keep_fraction=f, **where)


@pytest.mark.parametrize("f", [0.05, 0.4])
def test_the_cells_are_masses_in_order_and_keep_f(rule, f):
    with jax.enable_x64(True):
        below, above, level = map(np.asarray, rule.cells(jax.numpy.asarray(f)))
    np.testing.assert_allclose(below + above, 1.0, atol=1e-15)
    assert (np.diff(below.ravel()) >= -1e-15).all()
    assert ((level >= 0) & (level <= 1)).all()
    assert level @ np.diff(below, axis=1)[:, 0] == pytest.approx(f, rel=1e-14)


def test_a_rule_is_a_pytree_of_its_numbers_and_has_a_text(rule):
    leaves, tree = jax.tree.flatten(rule)
    again = jax.tree.unflatten(tree, leaves)
    assert again == rule and again.text == rule.text
    assert hash(tree) == hash(jax.tree.structure(again))
    fields = {field.name for field in dataclasses.fields(rule)}
    assert set(rule.static) <= fields


def test_levels_that_are_said_not_to_change_do_not(rule):
    with jax.enable_x64(True):
        rate = jax.jvp(rule.cells, (jax.numpy.asarray(0.3),), (jax.numpy.ones(()),))[1]
    if not rule.levels_depend_on_f:
        np.testing.assert_array_equal(rate.level, 0.0)


NEAR = np.exp(1e-4 * np.array([-2, -1, 1, 2]))


def log_slope(near):
    return np.log(near.error) @ [1, -8, 8, -1] / 12e-4


@pytest.mark.few(2)
@pytest.mark.parametrize("theta", THETAS)
def test_condition_against_differences(rule, theta):
    f, alpha = 0.3, 3.0
    slopes = [error(rule, f * NEAR, theta, alpha), error(rule, f, theta, alpha * NEAR)]
    if theta:
        slopes.append(error(rule, f, theta * NEAR, alpha))
    condition = sum(abs(log_slope(near)) for near in slopes)
    at = error(rule, f, theta, alpha)
    assert at.condition == pytest.approx(condition, rel=1e-5, abs=1e-7)


def compiled(rule, theta):
    """Each is compiled anew: at theta > 0 only where the levels change with f."""
    quick = theta == 0 or rule.levels_depend_on_f
    marks = [] if quick else pytest.mark.slow
    return pytest.param(rule, theta, id=f"{rule.text}-{theta}", marks=marks)


COMPILED = [compiled(rule, theta) for rule in RULES for theta in THETAS]


@pytest.mark.slow
@pytest.mark.parametrize("rule, theta", COMPILED)
def test_derivative_against_differences(rule, theta):
    f, alpha = 0.3, 3.0
    with jax.enable_x64(True):
        by_f = float(jax.grad(lambda f: error(rule, f, theta, alpha).error)(f))
    slope = log_slope(error(rule, f * NEAR, theta, alpha))
    at = error(rule, f, theta, alpha)
    assert by_f * f / at.error == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_the_rule_that_keeps_the_hardest_is_known_by_what_it_keeps(rule):
    assert keeps_hardest(rule) == (rule == pt.Hard())
    assert keeps_hardest(pt.Window(0.0)) and keeps_hardest(pt.Mixture(1.0))


def test_frontier_and_advice_of_a_rule_of_ones_own():
    frontier = pt.pareto_frontier([2.0, 6.0], theta=0.3, rule=TwoBands())
    best = frontier.f_opt.values
    here = error(TwoBands(), best, alpha=np.array([2.0, 6.0])).error
    np.testing.assert_allclose(here, frontier.error, rtol=1e-9)
    for factor in (0.9, 1.1):
        f = np.minimum(best * factor, 1.0)
        other = error(TwoBands(), f, alpha=np.array([2.0, 6.0])).error
        assert (other >= here * (1 - 1e-12)).all()


class NoCells(pt.Rule):
    pass


@dataclasses.dataclass(frozen=True)
class Greedy(pt.Rule):
    def cells(self, keep_fraction):
        f = keep_fraction
        return pt.cells_of((0.0, 2 * f, 1.0, 1.0 - 2 * f, 1.0))


class Plain(pt.Rule):
    def __init__(self):
        self.share = 0.5

    def cells(self, keep_fraction):
        return pt.Hard().cells(keep_fraction)


def hardest(f):
    return pt.cells_of((0.0, f, 1.0, 1.0 - f, 1.0))


@dataclasses.dataclass(frozen=True)
class Branching(pt.Rule):
    def cells(self, keep_fraction):
        return hardest(keep_fraction if keep_fraction < 0.5 else 1.0 * keep_fraction)


@dataclasses.dataclass(frozen=True)
class InNumPy(pt.Rule):
    def cells(self, keep_fraction):
        return hardest(np.minimum(keep_fraction, 1.0))


@dataclasses.dataclass(frozen=True)
class AsFloat(pt.Rule):
    def cells(self, keep_fraction):
        return hardest(float(keep_fraction))


@dataclasses.dataclass(frozen=True)
class NoCellsBack(pt.Rule):
    def cells(self, keep_fraction):
        return keep_fraction


@dataclasses.dataclass(frozen=True)
class WrongShapes(pt.Rule):
    def cells(self, keep_fraction):
        return pt.Cells(*(x[0] for x in hardest(keep_fraction)))


@dataclasses.dataclass(frozen=True)
class WrongClaim(TwoBands):
    levels_depend_on_f = False


@dataclasses.dataclass(frozen=True)
class Leveled(pt.Rule):
    """The hardest, each with probability ``level``: of f <= level."""

    level: Any

    def cells(self, keep_fraction):
        end = keep_fraction / self.level
        return pt.cells_of((0.0, end, 1.0, 1.0 - end, self.level))


@dataclasses.dataclass(frozen=True)
class Misnamed(Leveled):
    static = ("side",)


@dataclasses.dataclass(frozen=True)
class OwnFraction(Branching):
    takes_fraction = False


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (Branching(), "jnp.where in place of if"),
        (InNumPy(), "must be a JAX function of one keep fraction"),
        (AsFloat(), "must be a JAX function of one keep fraction"),
        (NoCellsBack(), "must return perceptron_theory.Cells"),
        (WrongShapes(), r"the shapes \(n, 2\)"),
        (WrongClaim(), r"levels_depend_on_f = False.* leave that line out"),
        (Leveled("low"), r"Leveled.level .*got 'low'.*static = \('level',\)"),
        (Leveled(None), r"Leveled.level .*got None.*static"),
        (Leveled([0.5, 0.6, 1.2, 0.8, 0.7]), "must have levels"),
        (Leveled([0.5, 0.6, np.nan, 0.8, 0.7]), "Leveled.level contains NaN"),
        (Leveled(np.full(3, 0.5)), "shapes do not broadcast"),
        (Misnamed(0.5), "names 'side', which is not a field"),
        (OwnFraction(), "takes_fraction = False"),
    ],
)
def test_what_the_program_could_not_take_is_refused_in_one_line(rule, part):
    fractions = [0.3, 0.2, 0.1, 0.2, 0.25]
    with pytest.raises(pt.InputError, match=part) as refused:
        pt.solve(alpha_prune=2.0, keep_fraction=fractions, rule=rule)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_traced_is_refused_inside_a_transformation_too():
    with jax.enable_x64(True), pytest.raises(pt.InputError, match="place of if"):
        jax.jit(lambda a: error(Branching(), 0.3, alpha=a).error)(2.0)


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (NoCells(), "lacks cells"),
        (Greedy(), "keep the fraction f"),
        (Plain(), "is not a dataclass"),
        (object(), "lacks cells"),
        (pt.Hard, "call it"),
    ],
)
def test_what_lacks_a_part_of_the_contract_is_refused_by_name(rule, part):
    with pytest.raises(pt.InputError, match=part) as refused:
        pt.solve(alpha_prune=2.0, keep_fraction=0.3, rule=rule)
    assert "\n" not in str(refused.value)
