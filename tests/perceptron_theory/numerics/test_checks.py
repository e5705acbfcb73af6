from decimal import Decimal
from fractions import Fraction

import jax
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.numerics.checks import as_array, plain_array, real_number

MASKED = np.ma.masked_array([0.5, 99.0], [False, True])


@pytest.mark.parametrize(
    "value",
    [MASKED, np.ma.masked, [0.5, np.ma.masked], [[MASKED], [MASKED]], (MASKED[1],)],
)
def test_masked_entries_are_refused_however_they_come(value):
    for check in (plain_array, as_array):
        with pytest.raises(pt.InputError, match=r"^x has masked entries"):
            check("x", value)


def test_an_array_of_masked_type_without_masked_entries_is_an_array():
    whole = np.ma.masked_array([0.5, 0.25], [False, False])
    assert type(as_array("x", whole)) is np.ndarray
    np.testing.assert_array_equal(as_array("x", whole), [0.5, 0.25])


@pytest.mark.parametrize(
    "call",
    [
        lambda: pt.solve(alpha_prune=MASKED, keep_fraction=0.5),
        lambda: pt.solve(alpha_prune=3.0, keep_fraction=MASKED),
        lambda: pt.solve(alpha_prune=3.0, keep_fraction=0.5, theta=MASKED),
        lambda: pt.solve(alpha_prune=3.0, keep_fraction=0.5, rule=pt.Window(MASKED)),
        lambda: pt.solve(
            alpha_prune=3.0, keep_fraction=0.5, student=pt.Convex("logistic", MASKED)
        ),
        lambda: pt.solve_convex(
            alpha_prune=3.0, keep_fraction=0.5, loss="hinge", ridge=MASKED
        ),
        lambda: pt.pareto_frontier(alpha_tot=MASKED),
        lambda: pt.advise(alpha_tot=MASKED, theta=0.1),
        lambda: pt.optimal_ridge(alpha_prune=MASKED, keep_fraction=0.5, loss="hinge"),
        lambda: pt.local_exponent(MASKED, [0.2, 0.1]),
        lambda: pt.power_law_coefficient(MASKED, 0.1),
        lambda: pt.small_angle_scaling(MASKED, 1.0),
        lambda: pt.aligned_limit(MASKED),
        lambda: pt.threshold(MASKED),
        lambda: pt.keep_between((MASKED[0], MASKED[1])),
        lambda: pt.Intervals((0.1, 0.1), (MASKED,)),
    ],
)
def test_the_theory_refuses_masked_entries(call):
    with pytest.raises(pt.InputError, match="has masked entries"):
        call()


def test_the_theory_refuses_masked_entries_inside_a_transformation():
    def total(load, **given):
        given = {"keep_fraction": 0.5} | given
        return pt.solve(alpha_prune=load, **given).error.sum()

    with jax.enable_x64(True):
        for name, value in (
            ("keep_fraction", MASKED),
            ("theta", MASKED),
            ("rule", pt.Window(MASKED)),
            ("student", pt.Convex("logistic", ridge=MASKED)),
        ):
            with pytest.raises(pt.InputError, match="has masked entries"):
                jax.grad(total)(3.0, **{name: value})


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        np.float32(0.5),
        np.longdouble(0.5),
        np.array(0.5),
        jax.numpy.asarray(0.5),
        jax.numpy.asarray(0.5, "bfloat16"),
        Fraction(1, 2),
        Decimal("0.5"),
    ],
)
def test_a_number_of_any_type_is_a_number(value):
    assert real_number("x", value) == 0.5


@pytest.mark.parametrize(
    "value",
    [
        "0.5",
        b"0.5",
        np.str_("0.5"),
        None,
        True,
        np.True_,
        0.5 + 0j,
        [0.5],
        np.array([0.5]),
        np.array([[0.5]]),
        np.array("0.5"),
        [[1.0], [1.0, 2.0]],
        np.ma.masked,
        np.datetime64("2020-01-01"),
        10**400,
        object(),
    ],
)
def test_what_is_no_single_number_is_refused_in_one_line(value):
    with pytest.raises(pt.InputError, match=r"^x must be a number, got ") as caught:
        real_number("x", value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 120


def test_numbers_beyond_double_are_infinite_without_a_warning():
    assert as_array("x", np.longdouble("1e400")) == np.inf


def test_a_breakpoint_is_a_number():
    for bad in ("12", ["1"], [np.ma.masked], 1.0):
        with pytest.raises(pt.InputError, match="must be a tuple of margins"):
            pt.KeepProbability(lambda margin: 0.5, breakpoints=bad)
