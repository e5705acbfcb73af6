"""One suite over every rule of selection: ours, the theory's, and those of users."""

from dataclasses import dataclass

import numpy as np
import outside
import pytest
from test_selection import LABELS, RANK, SCORES

import perceptron_theory as pt
from perceptron_theory import InputError
from perceptron_theory.rules.rule import Cells
from simulations.vision.selection import Stratified, select
from simulations.vision.selection_rules import SelectionRule


@dataclass(frozen=True)
class Bands:
    """A rule of the theory: the hardest tenth, and a part of the easier half."""

    def cells(self, keep_fraction):
        bands = np.array([[0.0, 0.1], [0.5, 1.0]])
        level = np.array([1.0, 2 * (keep_fraction - 0.1)])
        return Cells(bands, 1 - bands, level)


POINTS = np.random.default_rng(2).normal(size=(len(SCORES), 3))
RULES = {
    "hard": "hard",
    "easy": "easy",
    "random": "random",
    "window": pt.Window(lower=0.2),
    "mixture": pt.Mixture(share=0.5),
    "stratified": Stratified(drop_hardest=0.1),
    "bands": Bands(),
    "farthest first": outside.FarthestFirst(POINTS),
    "every other": outside.EveryOther(),
    "by its class": "outside:EveryOther",
}
DRAWN = ("random", "mixture", "stratified", "bands")  # in part at random


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_what_is_asked_for_and_the_same_again(name):
    found = select(SCORES, 0.3, seed=0, rule=RULES[name], labels=LABELS)
    assert len(found.indices) == len(set(found.indices)) == 300
    assert (np.diff(found.indices) > 0).all()
    again = select(SCORES, 0.3, seed=0, rule=RULES[name], labels=LABELS)
    np.testing.assert_array_equal(found.indices, again.indices)
    other = select(SCORES, 0.3, seed=1, rule=RULES[name], labels=LABELS)
    same = np.array_equal(found.indices, other.indices)
    assert same == (name not in DRAWN)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_goes_with_floors_and_with_classes_one_by_one(name):
    given = {"seed": 0, "rule": RULES[name], "labels": LABELS}
    floor = select(SCORES, 0.3, class_floor=1.0, **given)
    assert {kept for kept, _ in floor.class_counts.values()} == {75}
    each = select(SCORES, 0.3, per_class=True, **given)
    for kept, before in each.class_counts.values():
        assert abs(kept - 0.3 * before) < 1
    if name == "farthest first":  # within a class by its own points
        mine = np.flatnonzero(LABELS == 0)
        rule = outside.FarthestFirst(POINTS[mine])
        fraction = each.class_counts[0][0] / len(mine)
        alone = select(SCORES[mine], fraction, seed=0, rule=rule)
        chosen = each.indices[LABELS[each.indices] == 0]
        np.testing.assert_array_equal(mine[alone.indices], chosen)


def test_a_rule_of_the_theory_with_cells_of_its_own_keeps_its_bands():
    ranks = RANK[select(SCORES, 0.3, seed=0, rule=Bands()).indices]
    assert set(range(100)) <= set(ranks) and len(ranks) == 300
    assert ((ranks < 100) | (ranks >= 500)).all()
    assert abs(ranks[ranks >= 500].mean() - 749.5) < 40


def test_pairs_of_examples_decide_where_a_rule_looks_at_them():
    kept = select(SCORES, 0.02, seed=0, rule=outside.FarthestFirst(POINTS)).indices
    drawn = select(SCORES, 0.02, seed=0, rule="random").indices

    def closest(rows):
        away = np.linalg.norm(POINTS[rows][:, None] - POINTS[rows], axis=-1)
        return away[away > 0].min()

    assert closest(kept) > 2 * closest(drawn)


class _Twice(SelectionRule):
    def preference(self, of):
        return np.zeros(len(of.scores), int)


@dataclass(frozen=True)
class _TooMuch:
    def cells(self, keep_fraction):
        return Cells(np.array([[0.0, 0.1]]), np.array([[1.0, 0.9]]), np.array([1.0]))


def _preferring(order):
    parts = {"preference": lambda self, of: order}
    return type("Mine", (SelectionRule,), parts)()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"keep_fraction": "a"}, "keep_fraction must be a number, got 'a'"),
        ({"keep_fraction": None}, "keep_fraction must be a number, got None"),
        ({"keep_fraction": [0.3]}, "keep_fraction must be a number, got [0.3]"),
        ({"class_floor": "a"}, "class_floor must be a number, got 'a'"),
        ({"class_floor": True}, "class_floor must be a number, got True"),
    ],
)
def test_what_is_no_number_is_refused_by_name(given, says):
    with pytest.raises(InputError) as caught:
        select(SCORES, **({"keep_fraction": 0.3, "labels": LABELS, "seed": 0} | given))
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            type("Mine", (SelectionRule,), {})(),
            "Mine is not a rule: it lacks preference",
        ),
        (_Twice(), "_Twice.preference must return each of 1000 places once"),
        (_TooMuch(), "its levels must average to it"),
        (_preferring(np.arange(1000.0)), "Mine.preference must return whole numbers"),
        (_preferring([[1], [1, 2]]), "Mine.preference must return whole numbers"),
        (_preferring(None), "Mine.preference must return whole numbers"),
        (_preferring(np.arange(3)), "Mine.preference must return each of 1000 places"),
        (type("Mine", (pt.Rule,), {})(), "the rule Mine lacks cells(keep_fraction)"),
        (outside.EveryOther, "rule must be one of"),
        ("outside:Nothing", "outside has no Nothing"),
        ("outside:EveryOther:step=3", "unknown option of outside:EveryOther:step=3"),
        (object(), "rule must be one of"),
    ],
)
def test_an_object_that_lacks_a_part_is_refused_by_name(rule, says):
    with pytest.raises(InputError) as caught:
        select(SCORES, 0.3, seed=0, rule=rule)
    assert says in str(caught.value) and "\n" not in str(caught.value)
