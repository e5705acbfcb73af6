import jax
import numpy as np
import pytest

import simulations.perceptron as sp
from perceptron_theory import InputError, Window
from simulations.perceptron.students.convex import train
from simulations.perceptron.students.version_space import sample

SETS = np.ma.masked_array(np.ones((2, 3, 4)), False)
SETS[0, 1, 2] = np.ma.masked
STUDENTS = (
    sp.MaxMarginStudent(),
    sp.ConvexRidge("logistic", 0.1),
    sp.Gibbs(),
    sp.BayesPoint(),
    sp.Gradient(),
    sp.MinOver(),
    sp.Perceptron(),
)


@pytest.mark.parametrize("student", STUDENTS, ids=lambda one: one.name[:12])
def test_students_refuse_masked_examples(student):
    keys = jax.random.split(jax.random.key(0), 2)
    with pytest.raises(InputError, match="examples has masked entries"):
        student(SETS, keys)


def test_training_refuses_masked_examples():
    for call in (
        lambda: sp.max_margin(SETS),
        lambda: sp.max_margin(list(SETS[0])),
        lambda: train(SETS, "logistic", ridge=0.1),
        lambda: sample(SETS, jax.random.key(0)),
    ):
        with pytest.raises(InputError, match="signed_examples has masked entries"):
            call()


def test_points_refuse_masked_numbers():
    for bad in (
        {"alpha_prune": np.ma.masked},
        {"keep_fraction": np.ma.masked},
        {"keep_fraction": b"0.5"},
        {"theta": np.array([0.1])},
    ):
        with pytest.raises(InputError, match="must be a number"):
            sp.Point(**({"alpha_prune": 2.0, "keep_fraction": 0.5} | bad))
    with pytest.raises(InputError, match="masked"):
        sp.Point(alpha_prune=2.0, keep_fraction=0.5, rule=Window(np.ma.masked))


@pytest.mark.unchecked
@pytest.mark.parametrize("bad", ["10", [10], np.array([10]), None, True, np.ma.masked])
def test_numbers_of_a_sampler_are_numbers(bad):
    for name in ("n_samples", "chains", "warmup", "max_bounces", "travel"):
        with pytest.raises(InputError, match=f"{name} must be a (whole )?number"):
            sample([[1.0, 0.0], [0.0, 1.0]], jax.random.key(0), **{name: bad})
