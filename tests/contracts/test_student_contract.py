"""What every student has to do, ours and one of somebody else."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from own_objects import LeastSquares, SmoothHinge, TwoBands

import perceptron_theory as pt

STUDENTS = [
    pt.resolve_student("max_margin"),
    pt.resolve_student("gibbs"),
    pt.resolve_student("bayes_point"),
    pt.resolve_student("bayes_optimal"),
    pt.Convex("logistic", 0.3),
    pt.Convex("hinge", 0.3),
    pt.Convex("squared_hinge", 0.3, 0.1),
    pt.Convex("square", 0.3),
    pt.Convex(SmoothHinge(), 0.3),
    LeastSquares(0.3),
]
STEPS = 1e-3 * np.array([-2, -1, 1, 2])
SLOPE = np.array([1, -8, 8, -1]) / 12e-3


@pytest.fixture(params=STUDENTS, ids=[student.name for student in STUDENTS])
def student(request):
    return request.param


# questions of many points, which are asked of one student of each kind by default
QUICK = "max_margin", "square(ridge=0.3)"
for_each_kind = pytest.mark.parametrize(
    "student",
    [
        pytest.param(student, marks=[] if student.name in QUICK else pytest.mark.slow)
        for student in STUDENTS
    ],
    ids=[student.name for student in STUDENTS],
)


def solve(student, alpha=2.0, f=0.5, theta=0.3, rule="hard"):
    where = {"theta": theta, "rule": rule, "student": student}
    return pt.solve(alpha_prune=alpha, keep_fraction=f, **where)


@pytest.mark.few(3)
@pytest.mark.parametrize("theta", [0.0, 0.3])
def test_rates_are_those_of_differences(student, theta):
    at = solve(student, theta=theta)
    by = {"alpha": 2.0, "f": 0.5} | ({"theta": theta} if theta else {})
    total = 0.0
    for name, value in by.items():
        near = solve(student, **({"theta": theta} | {name: value * np.exp(STEPS)}))
        total += abs(np.log(near.error) @ SLOPE)
    for name in student.numbers():
        value = getattr(student, name)
        if value:
            moved = student.replaced(**{name: value * np.exp(STEPS)})
            total += abs(np.log(solve(moved, theta=theta).error) @ SLOPE)
    assert at.condition == pytest.approx(total, rel=1e-5)


@pytest.mark.few(1)
@for_each_kind
def test_inside_a_transformation_it_is_the_same(student):
    at = solve(student)
    with jax.enable_x64(True):
        both = jax.value_and_grad(lambda a: solve(student, a).error)(2.0)
        error, slope = map(float, both)
    near = solve(student, alpha=2.0 * np.exp(STEPS))
    assert error == pytest.approx(at.error, rel=1e-9)
    assert slope * 2.0 / error == pytest.approx(np.log(near.error) @ SLOPE, rel=1e-6)


@pytest.mark.few(4)
def test_arguments_broadcast_with_the_numbers_of_the_student(student):
    grid = solve(student, alpha=np.array([[1.0], [4.0]]), f=np.array([0.3, 0.6, 1.0]))
    assert grid.error.shape == (2, 3)
    one = solve(student, alpha=4.0, f=0.6)
    assert grid.error[1, 1] == pytest.approx(one.error, rel=1e-9)
    assert (grid.error < 0.5).all() and (grid.status == 0).all()


@pytest.mark.few(2)
def test_a_frontier_is_a_minimum(student):
    frontier = pt.pareto_frontier([1.5], theta=0.4, student=student)
    best = float(frontier.f_opt[0])
    least = solve(student, alpha=1.5, f=best, theta=0.4).error
    assert least == pytest.approx(float(frontier.error[0]), rel=1e-8)
    others = np.clip(best * np.array([0.8, 0.95, 1.05, 1.25]), 0.0, 1.0)
    assert (solve(student, 1.5, others, 0.4).error >= least * (1 - 1e-9)).all()


@pytest.mark.slow
@for_each_kind
def test_a_diagram_names_the_best_strategy(student):
    diagram = pt.phase_diagram([1.0, 8.0], [0.3, 0.7], theta=0.2, student=student)
    names = np.array(["hard", "easy", "random"])
    errors = np.stack([diagram[f"error_{name}"].values for name in names])
    assert (diagram.best.values == names[errors.argmin(axis=0)]).all()
    rule = str(diagram.best.values[1, 0])
    here = solve(student, alpha=2.4, f=0.3, theta=0.2, rule=rule).error
    assert here == pytest.approx(errors[:, 1, 0].min(), rel=1e-8)
    assert diagram.attrs["student"] == student.name


@pytest.mark.few(1)
@for_each_kind
def test_the_exponent_along_a_curve_is_that_of_differences(student):
    slope = pt.exponent_along(2.0, keep_fraction=0.5, theta=0.3, student=student)
    near = solve(student, alpha=2.0 * np.exp(STEPS))
    assert slope == pytest.approx(np.log(near.error) @ SLOPE, rel=1e-6)
    pool = pt.exponent_along(2.0, alpha_tot=4.0, theta=0.3, student=student)
    both = 2.0 * np.exp(STEPS)
    near = solve(student, alpha=both, f=both / 4.0)
    assert pool == pytest.approx(np.log(near.error) @ SLOPE, rel=1e-6)


@pytest.mark.slow
@for_each_kind
def test_advice_is_the_least_of_the_strategies(student):
    advice = pt.advise(alpha_tot=4.0, theta=0.3, student=student)
    best = advice.best
    for rule in ("hard", "easy"):
        f = np.array([0.2, 0.5, 0.8, 1.0])
        assert (solve(student, 4.0 * f, f, 0.3, rule).error >= best.error - 1e-10).all()
    assert advice.pool_error >= best.error * (1 - 1e-9)


def test_a_rule_and_a_student_of_ones_own_together():
    ours = pt.solve_convex(
        alpha_prune=2.0,
        keep_fraction=0.4,
        theta=[0.0, 0.3],
        rule=TwoBands(),
        loss="square",
        ridge=0.3,
    )
    theirs = solve(LeastSquares(0.3), f=0.4, theta=[0.0, 0.3], rule=TwoBands())
    np.testing.assert_allclose(theirs.error, ours.error, rtol=1e-9)
    np.testing.assert_allclose(theirs.condition, ours.condition, rtol=1e-7)


@pytest.mark.few(2)
@pytest.mark.parametrize("rule", ["hard", "easy", "random"])
@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_least_squares_of_ones_own_is_the_square_loss(rule, margin):
    where = {"alpha_prune": [0.5, 4.0], "keep_fraction": 0.6, "theta": 0.3}
    where |= {"rule": rule, "margin": margin}
    ours = pt.solve_convex(loss="square", ridge=0.2, **where)
    theirs = pt.solve(student=LeastSquares(0.2), **where)
    np.testing.assert_allclose(theirs.error, ours.error, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "student",
    [
        "max_margin",
        pytest.param("gibbs", marks=pytest.mark.slow),
        pytest.param("bayes_point", marks=pytest.mark.slow),
        pytest.param("loss", marks=pytest.mark.slow),
    ],
)
def test_the_derivative_by_kept_margins_is_that_of_a_small_change(student):
    if student == "loss":
        student = pt.Convex("logistic", 0.3)
    where = {"alpha_prune": 2.0, "theta": 0.3, "student": student}
    share = np.array([0.02, 0.01])
    mixed = pt.solve(keep_fraction=0.5, rule=pt.Mixture(1.0 - share), **where).error
    hard = pt.solve(keep_fraction=0.5, rule="hard", **where).error
    z = np.linspace(0.0, 8.0, 4001)
    rate = pt.functional_derivative(z, keep_fraction=0.5, rule="hard", **where)
    edge = pt.threshold(0.5)
    density = 2.0 * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    change = np.where(z < edge, 0.0, density) / 0.5  # what a share moves, above ...
    gained = np.trapezoid(change * rate, z) * 0.5
    lost = float(
        pt.functional_derivative(edge, keep_fraction=0.5, rule="hard", **where)
    )
    first = gained - 0.5 * lost  # ... for examples just below the edge
    slopes = (mixed - hard) / share
    extrapolated = 2 * slopes[1] - slopes[0]
    assert extrapolated == pytest.approx(first, rel=2e-3)


class NoGuess(pt.Student):
    unknowns = 1

    def equations(self, x, problem, mode):
        return x


@dataclasses.dataclass(frozen=True)
class NoCount(pt.Student):
    def guess(self, problem, mode):
        return jax.numpy.zeros(1)

    def equations(self, x, problem, mode):
        return x


class Whole(pt.Student):
    """A student that is one at every point."""

    unknowns = 2

    def guess(self, problem, mode):
        return jnp.zeros(2)

    def equations(self, x, problem, mode):
        return x - jnp.ones(2)


@dataclasses.dataclass(frozen=True)
class Scaled(Whole):
    scale: Any


class LongGuess(Whole):
    def guess(self, problem, mode):
        return jnp.zeros(3)


class IntegerGuess(Whole):
    def guess(self, problem, mode):
        return jnp.zeros(2, int)


class ListGuess(Whole):
    def guess(self, problem, mode):
        return [0.0, 0.0]


class ShortSignature(Whole):
    def guess(self, problem):
        return jnp.zeros(2)


class ShortEquations(Whole):
    def equations(self, x, problem, mode):
        return x[:1]


class Branching(Whole):
    def equations(self, x, problem, mode):
        return x - 1.0 if problem.alpha_prune > 1.0 else x


class InNumPy(Whole):
    def equations(self, x, problem, mode):
        return jnp.asarray(np.exp(x) - 1.0)


class PairDirection(Whole):
    def direction(self, value):
        return value[0], value[1]


class WideDirection(Whole):
    def direction(self, value):
        return pt.Direction(value, value[1])


class OnlyAligned(Whole):
    def equations(self, x, problem, mode):
        if not mode.on_line:
            raise pt.InputError("OnlyAligned knows theta = 0 alone")
        return super().equations(x, problem, mode)


@pytest.mark.parametrize(
    ("student", "part"),
    [
        (LongGuess(), r"guess of .*LongGuess must return .* 2 real .*shape \(3,\)"),
        (IntegerGuess(), r"guess of .* got int64 of shape \(2,\)"),
        (ListGuess(), "guess of .* got list"),
        (ShortSignature(), "guess of .*TypeError.*positional"),
        (ShortEquations(), r"equations of .* got float64 of shape \(1,\)"),
        (Branching(), "equations of .*jnp.where in place of if"),
        (InNumPy(), "equations of .*TracerArrayConversionError"),
        (PairDirection(), "direction of .*Direction.* got tuple"),
        (WideDirection(), r"direction of .* got a = float64 of shape \(2,\)"),
        (Scaled([1.0, np.nan]), "Scaled.scale contains NaN"),
        (Scaled("one"), "Scaled.scale .*got 'one'.*static"),
        (Scaled(None), "Scaled.scale .*got None.*static"),
        (OnlyAligned(), "knows theta = 0 alone"),
    ],
)
def test_what_the_search_could_not_take_is_refused_in_one_line(student, part):
    with pytest.raises(pt.InputError, match=part) as refused:
        pt.solve(alpha_prune=2.0, keep_fraction=0.3, theta=0.2, student=student)
    assert "\n" not in str(refused.value)


def test_what_a_student_does_not_know_does_not_hinder_what_it_does():
    assert pt.solve(alpha_prune=2.0, keep_fraction=0.3, student=OnlyAligned()).error < 1


@dataclasses.dataclass(frozen=True)
class OneUnknown(NoCount):
    unknowns = 1


@pytest.mark.parametrize(
    ("student", "part"),
    [
        (NoGuess(), "lacks guess"),
        (OneUnknown(), "has 1 unknown: write direction"),
        (NoCount(), "lacks unknowns"),
        (object(), "perceptron_theory.Student"),
        (LeastSquares, "call it"),
        ("gibs", "did you mean 'gibbs'"),
    ],
)
def test_what_lacks_a_part_of_the_contract_is_refused_by_name(student, part):
    with pytest.raises(pt.InputError, match=part) as refused:
        pt.solve(alpha_prune=2.0, keep_fraction=0.3, student=student)
    assert "\n" not in str(refused.value)


def test_a_limit_that_is_not_known_is_said_to_be_so():
    with pytest.raises(pt.InputError, match=r"no limit .* is known"):
        pt.power_law_coefficient(0.5, 0.1, student=LeastSquares(0.3))
    with pytest.raises(pt.InputError, match=r"no limit .* is known"):
        pt.aligned_limit(3.0, student=pt.Convex("hinge", 0.1))
    with pytest.raises(pt.InputError, match="no derivative"):
        pt.optimal_rule(alpha_prune=2.0, keep_fraction=0.5, student="bayes_optimal")
