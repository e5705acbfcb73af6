"""Points that start beside others: fewer steps to the same roots."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.solving.neighbours import dense, remembering
from perceptron_theory.students.max_margin.student import MaxMargin

ALPHA, KEEP = np.geomspace(1.0, 10.0, 18), np.geomspace(0.2, 0.9, 16)


def solved(rows=slice(None), shift=1.0, rule="hard"):
    load = shift * ALPHA[rows, None]
    return pt.solve(alpha_prune=load, keep_fraction=KEEP, theta=0.2, rule=rule)


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_many_points_find_what_few_find(rule):
    together = solved(rule=rule)
    row_by_row = [solved(slice(i, i + 1), rule=rule) for i in range(0, 18, 6)]
    error = np.concatenate([row.error for row in row_by_row])
    np.testing.assert_allclose(together.error[::6], error, rtol=1e-11)
    alone = np.mean([row.iterations for row in row_by_row])
    assert together.iterations.mean() < alone - 1.0


def test_a_search_begins_beside_what_it_knows(monkeypatch):
    # all by NumPy, however many points of the kind were solved before: the same digits
    monkeypatch.setattr(MaxMargin, "few", {True: 10**9, False: 10**9})
    some = slice(0, 18, 6)
    cold = solved(some, 1.01)
    with remembering():
        solved(some)
        warm = solved(some, 1.01)
    after = solved(some, 1.01)
    np.testing.assert_allclose(warm.error, cold.error, rtol=1e-11)
    assert warm.iterations.mean() < cold.iterations.mean() - 1.0
    np.testing.assert_array_equal(after.error, cold.error)


def test_points_far_apart_do_not_tell_of_each_other():
    random = np.random.default_rng(0)
    assert dense(random.random((100, 2)))
    assert not dense(20.0 * random.random((100, 2)))
