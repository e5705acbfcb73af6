"""The front doors of the theory, on numbers and arrays of every kind."""

import warnings
from typing import Any

import numpy as np
import pytest
from holding import bytes_of, holds, outcome, refused, same
from hypothesis import strategies as st
from odd_arrays import FLOATS, anything, filled, no_numbers, odd

import perceptron_theory as pt

LOADS = np.array([0.5, 1.0, 2.0, 3.0, 8.0])
FRACTIONS = np.array([0.125, 0.25, 0.5, 0.75, 1.0])
ANGLES = np.array([0.0, 0.125, 0.5, 1.0, 1.5])
RULES: dict[str, Any] = {"hard": "hard", "window": pt.Window(0.0), "random": "random"}


def _solved(load, fraction, theta, **how):
    found = pt.solve(alpha_prune=load, keep_fraction=fraction, theta=theta, **how)
    return found.error, found.overlap, found.status


def _convex(load, fraction, theta, **how):
    found = pt.solve_convex(
        alpha_prune=load, keep_fraction=fraction, theta=theta, loss="square", **how
    )
    return found.error, found.overlap, found.status


def _values(values):
    return filled((2,), st.sampled_from(values.tolist()))


@pytest.mark.parametrize("rule", RULES)
@holds(3, 200, data=st.data())
def test_solutions_are_those_of_plain_arrays(rule, data):
    arrays = [data.draw(odd(_values(v), FLOATS)) for v in (LOADS, FRACTIONS, ANGLES)]
    before = [bytes_of(x.given) for x in arrays]
    found = outcome(_solved, *(x.given for x in arrays), rule=RULES[rule])
    assert before == [bytes_of(x.given) for x in arrays]
    same(found, outcome(_solved, *(x.plain for x in arrays), rule=RULES[rule]), 1e-12)
    order = data.draw(st.permutations([0, 1]))
    again = outcome(_solved, *(x.plain[order] for x in arrays), rule=RULES[rule])
    if found.refusal is None:
        found = found._replace(answer=[x[order] for x in map(np.asarray, found.answer)])
    same(again, found, 1e-9)


@holds(3, 200, data=st.data())
def test_solutions_of_a_loss_are_those_of_plain_arrays(data):
    arrays = [data.draw(odd(_values(v), FLOATS)) for v in (LOADS, FRACTIONS, ANGLES)]
    ridge = data.draw(odd(_values(np.array([0.125, 1.0])), FLOATS))
    found = outcome(_convex, *(x.given for x in arrays), ridge=ridge.given)
    wanted = outcome(_convex, *(x.plain for x in arrays), ridge=ridge.plain)
    same(found, wanted, 1e-12)


NAMES = ("load", "fraction", "theta")


@pytest.mark.parametrize("name", NAMES)
@holds(6, 300, bad=no_numbers((3,)))
def test_what_is_no_array_of_numbers_is_refused(name, bad):
    if _of_any_shape(bad) or (name == "theta" and bad is None):
        return  # theta alone may be left out
    wanted = {"load": 2.0, "fraction": 0.5, "theta": 0.1, name: bad}
    refused(_solved, **wanted)


def _of_any_shape(bad):
    """Numbers, and more axes, are what these functions take."""
    return isinstance(bad, float) or (
        isinstance(bad, np.ndarray) and bad.ndim > 1 and bad.size > 0
    )


# the documented ranges; what lies outside is refused or not claimed
RANGES = ((1e-3, 1e6), (1e-8, 1.0), (0.0, np.pi / 2))


@holds(8, 500, data=st.data())
def test_any_numbers_are_solved_or_refused_in_one_line(data):
    inside = [data.draw(st.sampled_from(v)) for v in (LOADS, FRACTIONS, ANGLES)]
    for i, (low, high) in enumerate(RANGES):  # one at a time
        number = data.draw(anything | st.floats(low, high))
        least = low if i < 2 else 0.0
        if 0 < number < least or (i == 0 and high < number < np.inf):
            continue
        given = [*inside[:i], number, *inside[i + 1 :]]
        valid = (number > 0 or (i == 2 and number == 0)) and number <= high
        found = outcome(_error, *given)
        assert (found.refusal is None) == valid
        if valid:
            assert 0 <= found.answer <= 0.5 + 1e-12


def _error(*given):
    return float(_solved(*given)[0])


PARAMETERS = {
    "window": pt.Window,
    "mixture": lambda x: pt.Mixture(share=x),
    "dropped": lambda x: pt.Intervals((x, 0.5), (1.0,)),
    "kept": lambda x: pt.Intervals((0.5, 0.5), (x,)),
    "between": lambda x: pt.keep_between((0.0, x)),
    "convex": lambda x: pt.Convex("logistic", ridge=x),
    "breakpoints": lambda x: pt.KeepProbability(abs, (x,)),
}
THINGS = st.one_of(
    anything,
    st.sampled_from(["0.5", None, True, 1j, [0.5], (0.5, 0.25), b"x", {}]),
    st.integers(-2, 2),
    odd(filled((2,)), FLOATS).map(lambda x: x.given),
    no_numbers((3,)),
)


@pytest.mark.parametrize("name", PARAMETERS)
@holds(6, 200, thing=THINGS)
def test_parameters_of_rules_and_students_are_numbers_or_one_line(name, thing):
    found = outcome(PARAMETERS[name], thing)
    if found.refusal is not None or name == "convex":
        return
    rule = found.answer
    outcome(repr, rule)
    with warnings.catch_warnings():
        outcome(pt.threshold, 0.5, rule=rule)


@holds(6, 300, thing=THINGS, name=st.sampled_from(["window", "mixture", "dropped"]))
def test_rules_of_odd_parameters_are_solved_or_one_line(thing, name):
    rule = outcome(PARAMETERS[name], thing)
    if rule.refusal is None and not isinstance(thing, list | tuple | np.ndarray):
        outcome(_tried_with, rule.answer)


def _tried_with(rule):
    try:
        return pt.solve(alpha_prune=2.0, keep_fraction=0.25, rule=rule).error
    except pt.ConvergenceError:
        return None


@holds(3, 60, data=st.data())
def test_frontiers_are_those_of_plain_arrays(data):
    load = data.draw(odd(_values(np.array([1.0, 3.0])), FLOATS))
    given = {"theta": 0.25, "rule": "hard"}

    def found(x):
        table = pt.pareto_frontier(x, **given)
        return table.f_opt.values, table.error.values

    same(outcome(found, load.given), outcome(found, load.plain), 1e-9)


@holds(6, 600, bad=no_numbers((3,)))
def test_frontiers_refuse_what_is_no_load(bad):
    if not _of_any_shape(bad):
        refused(pt.pareto_frontier, bad)
        outcome(pt.pareto_frontier, 2.0, theta=bad)
        outcome(pt.pareto_frontier, 2.0, max_alpha_tot=bad)
