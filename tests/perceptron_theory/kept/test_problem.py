"""The corner of the kept region that a student's margin rests on."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perceptron_theory.kept.problem import Problem, blank_student, corner
from perceptron_theory.kept.thresholds import kept_pieces
from perceptron_theory.rules.by_quantile import Window
from perceptron_theory.rules.rule import cells_of

ANGLES = np.array([1e-3, 0.2, 1.0, math.pi / 2])


def _problem(cells, theta, margin):
    pieces = kept_pieces(cells, theta, margin)
    return Problem(jnp.ones(()), jnp.ones(()), jnp.cos(theta), jnp.sin(theta), pieces)


def _corners(cells, margin, angles=ANGLES):
    """The corners at all angles, and the pieces there."""

    def one(theta):
        problem = _problem(cells, theta, margin)
        return corner(problem), problem.pieces

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(angles))


@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_the_corner_is_the_nearest_kept_margin_on_the_teacher_s_boundary(margin):
    """Of the positive ones where there are some; u = 0 unless y is beyond 8."""
    with jax.enable_x64(True):
        cells = Window(0.3).cells(jnp.asarray(0.6))
        (z, y), pieces = _corners(cells, margin)
    kept = (pieces.outer > pieces.inner) & (pieces.sign > 0)
    nearest = np.where(kept, pieces.inner, np.inf).min(axis=1)
    np.testing.assert_array_equal(z, nearest)
    u = np.cos(ANGLES) * z + np.sin(ANGLES) * y
    held = y == -8.0
    assert 0 < held.sum() < len(ANGLES)
    assert (u[held] > 0).all()
    np.testing.assert_allclose(u[~held], 0.0, atol=1e-15)


def test_where_only_wrong_margins_are_kept_the_corner_is_negative():
    with jax.enable_x64(True):
        cells = cells_of((0.0, 0.05, 1.0, 0.95, 1.0))
        (z, y), pieces = _corners(cells, "signed", ANGLES[2:])
    np.testing.assert_array_equal(z, -pieces.inner[:, 1])
    assert (z < 0).all() and (pieces.outer[:, 0] == 0).all()
    u = np.cos(ANGLES[2:]) * z + np.sin(ANGLES[2:]) * y
    np.testing.assert_allclose(u, 0.0, atol=1e-15)


def test_cells_of_level_zero_and_empty_cells_are_no_corner():
    with jax.enable_x64(True):
        rows = (0.1, 0.2, 0.9, 0.8, 0.0), (0.4, 0.4, 0.6, 0.6, 1.0)
        cells = cells_of(*rows, (0.7, 0.9, 0.3, 0.1, 0.5))
        (z, _), pieces = _corners(cells, "absolute")
    np.testing.assert_array_equal(z, pieces.inner[:, 2])


def test_the_blank_student_has_no_weights_and_a_slack_of_one():
    with jax.enable_x64(True):
        cells = Window(0.3).cells(jnp.asarray(0.6))
        problem = _problem(cells, jnp.asarray(0.4), "absolute")
        blank = blank_student(problem)
        assert float(blank.along) == float(blank.across) == 0.0
        assert float(blank.slack) == 1.0
        assert float(blank.corner[0]) == float(corner(problem)[0]) > 0
