"""The averages of convex losses do not depend on the number of nodes.

At points where a group of breaks in the field lost its last one, which is where a panel
of another scale begins, and where the proximal map squeezes a Gaussian's tail.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.convex.losses import LOSSES
from perceptron_theory.convex.pulls import FINE, Setting, averages, with_slack
from perceptron_theory.convex.student import Convex
from perceptron_theory.kept.problem import Inputs, Mode
from perceptron_theory.students.state import Point

# load, f, theta, ridge, p, and the unknowns of the root
POINTS = [
    (
        ("hinge", pt.Window(0.0)),
        (923146.6777, 0.0500923, 1.67794508e-4, 1.0110887e-4, 0.31726),
        (-6.22490875, 10.0689541, 7.78894670e-5, -12.9701842),
    ),
    (
        ("logistic", pt.Mixture(0.89)),
        (60752.4, 9.1741e-4, 0.0, 2.14263, 0.0),
        (-4.771, 8.181, 0.0, -9.526),
    ),
    (
        ("logistic", pt.Mixture(0.46)),
        (3.20151, 0.0139809, 0.0, 3.534e-8, 0.0),
        (4.2872, 1.8268, 0.0, 12.421),
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("student", "inputs", "x"), POINTS)
def test_more_nodes_along_the_field_change_nothing(student, inputs, x):
    name, rule = student
    with jax.enable_x64(True):
        load, f, theta, ridge, p = map(jnp.asarray, inputs)
        student = Convex(name, ridge, p, noisy=bool(p > 0))
        point = Point(Inputs(load, f, theta), rule, student)
        mode = Mode("absolute", bool(theta == 0), False)
        setting = Setting(LOSSES[name], mode, bool(p > 0))
        problem, labels, _ = student.labelled_problem(point, mode)
        unknowns = with_slack(jnp.array(x), problem, labels, setting)

        def sums(n):
            found = averages(unknowns, problem, labels, setting, n)
            return np.asarray(jnp.append(found.sums, found.size))

        rough, fine = sums(FINE), sums((FINE[0], 3 * FINE[1]))
    square, u, v, z, bent, _ = np.abs(rough - fine)
    assert square < 1e-9 * fine[0]
    assert u < 1e-9 * fine[5]
    assert v < 1e-12 * fine[5]
    assert z < 1e-9 * fine[5]
    assert bent < 1e-9 * fine[4]
