"""Numbers and names in messages, as one says them."""

import pytest

import perceptron_theory as pt
from perceptron_theory.errors import out_of_percent
from perceptron_theory.wording import counted, shortened, some_of


@pytest.mark.parametrize(
    ("number", "thing", "words"),
    [
        (1, "point", "1 point"),
        (2, "point", "2 points"),
        (0, "class", "0 classes"),
        (3, "study", "3 studies"),
        (2, "day", "2 days"),
        (2, "batch", "2 batches"),
    ],
)
def test_one_is_singular(number, thing, words):
    assert counted(number, thing) == words


def test_some_of_several():
    assert some_of(2, 3, "point") == "2 of 3 points"
    assert some_of(1, 1, "point") == "the only point"


def test_long_numbers_are_shortened_and_others_stay():
    text = "alpha_prune=2.0 theta=0.17453292519943295 f=1e-05 N=12345 3.14"
    assert shortened(text) == "alpha_prune=2.0 theta=10° f=1e-05 N=12345 3.14"


@pytest.mark.parametrize(
    ("value", "hint"),
    [(30, "; for 30 % write 0.3"), (0.3, ""), (-30, ""), (300, ""), (float("nan"), "")],
)
def test_what_looks_like_a_percentage(value, hint):
    assert out_of_percent(value) == hint


def test_fractions_in_python_say_it_too():
    for call in (
        lambda: pt.solve(alpha_prune=3.0, keep_fraction=30.0),
        lambda: pt.solve(alpha_prune=3.0, keep_fraction=0.3, rule=pt.Mixture(30.0)),
        lambda: pt.optimal_rule(alpha_prune=3.0, keep_fraction=30.0),
    ):
        with pytest.raises(pt.InputError, match=r"got 30; for 30 % write 0\.3"):
            call()
