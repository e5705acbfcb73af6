"""Students of the labels of all rounds: identities, limits, what is refused."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.choices.all_labels import rounds_of_all_labels

LOADS = np.array([1.0, 0.5, 2.0, 1.5])
FRACTIONS = np.array([0.9, 0.3, 0.2, 0.5])


@pytest.mark.parametrize("rule", ["hard", "easy", pt.Window(0.2), pt.Mixture(0.6)])
@pytest.mark.parametrize(("noise", "flips"), [(0.0, 0.0), (0.4, 0.1)])
def test_products_of_students_are_the_same_from_either_side(rule, noise, flips):
    """S_tr by the conditions of w_t and of w_r, which weigh chi and S differently."""
    kind = pt.resolve_rule(rule)
    how = LOADS, FRACTIONS, kind, 0.2, noise, flips
    for first in (np.pi / 2, 0.7):
        found = rounds_of_all_labels(*how, first)
        assert found.asymmetry < 1e-11
        # the memory is that of a selection
        assert abs(found.memory[4, 1:4]).min() > 1e-4


def test_random_labels_of_all_rounds_are_one_set():
    found = pt.selection_rounds(
        rounds=4,
        alpha_prune=LOADS,
        keep_fraction=FRACTIONS,
        rule="random",
        student=pt.Convex("square", 0.3),
        all_labels=True,
    )
    expected = found["random_all_error"][1:]
    np.testing.assert_allclose(found["error"][1:], expected, rtol=1e-8)
    np.testing.assert_allclose(found["perfect_error"][1:], expected, rtol=1e-8)
    np.testing.assert_allclose(found["labels"], np.append(0, np.cumsum(LOADS)))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [None, "probit:0.3"])
def test_one_round_and_a_perfect_probe_are_those_of_solve(noise):
    student = pt.Convex("square", 0.3, 0.05, label_noise=noise)
    how = {"rule": pt.Window(0.1), "student": student}
    found = pt.selection_rounds(
        rounds=2,
        alpha_prune=[1.0, 2.0],
        keep_fraction=0.4,
        first_theta=0.5,
        all_labels=True,
        **how,
    )
    alone = pt.solve(alpha_prune=1.0, keep_fraction=0.4, theta=0.5, **how)
    assert float(found["error"][1]) == pytest.approx(float(alone.error), rel=1e-8)
    perfect = pt.solve(alpha_prune=[1.0, 3.0], keep_fraction=0.4, theta=0.0, **how)
    np.testing.assert_allclose(found["perfect_error"][1:], perfect.error, rtol=1e-8)


def test_old_labels_that_hardly_count_leave_the_fresh_probe():
    """A last round of a large load is that of its probe alone."""
    student = pt.Convex("square", 1e-3)
    how = {"student": student, "keep_fraction": 0.3}
    for load, most in ((1e3, 0.02), (1e4, 0.004)):
        both = {"rounds": 2, "alpha_prune": [1.0, load], **how}
        all_ = pt.selection_rounds(all_labels=True, **both)["error"].values
        alone = pt.selection_rounds(**both)["error"].values
        assert all_[1] == pytest.approx(alone[1], rel=1e-8)
        assert all_[2] == pytest.approx(alone[2], rel=most)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"student": "max_margin"}, "square loss"),
        ({"student": pt.Convex("logistic", 0.1)}, "square loss"),
        ({"margin": "signed"}, "absolute margin"),
        ({"rule": pt.Agreeing("hard")}, "absolute margin"),
        ({"keep_fraction": "best"}, "numbers with all_labels"),
        ({"keep_fraction": None}, "keep_fraction"),
        ({"student": pt.Convex("square", 0.1, label_noise="logistic:0.3")}, "probit"),
        ({"all_labels": "yes"}, "True or False"),
    ],
)
def test_what_is_refused(change, message):
    how = {"rounds": 2, "alpha_prune": 2.0, "keep_fraction": 0.5, "all_labels": True}
    how |= {"student": pt.Convex("square", 0.1)}
    with pytest.raises(pt.InputError, match=message):
        pt.selection_rounds(**(how | change))
