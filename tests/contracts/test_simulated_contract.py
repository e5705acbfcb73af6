"""A rule and a student of somebody else's, trained and compared with theory."""

from dataclasses import dataclass

import numpy as np
import pytest
from own_objects import LeastSquares, SmoothHinge, TwoBands

import perceptron_theory as pt
from simulations.perceptron import Point, Trained, run_validation, simulate
from simulations.perceptron.students.convex import ConvexRidge


@dataclass(frozen=True)
class Regression:
    """Ridge regression on the labels, by the normal equations."""

    ridge: float

    name = "regression"
    certificate_name = "residual of the normal equations"
    padding = "zero"

    def __call__(self, examples, key):
        x = np.asarray(examples, float)
        count = x.shape[-1]
        matrix = np.einsum("bpi,bpj->bij", x, x) + self.ridge * count * np.eye(count)
        right = x.sum(axis=1)
        w = np.linalg.solve(matrix, right[..., None])[..., 0]
        miss = np.abs(np.einsum("bij,bj->bi", matrix, w) - right).max(axis=1)
        unit = w / np.linalg.norm(w, axis=1, keepdims=True)
        return Trained(unit, miss, miss < 1e-6, {})

    def theory(self, **where):
        return pt.solve(student=LeastSquares(self.ridge), **where)


@dataclass(frozen=True)
class Three(pt.Rule):
    """A share of the kept examples is the hardest, the others medium and easiest."""

    share: float

    def cells(self, keep_fraction):
        hard = self.share * keep_fraction
        half = (1 - self.share) * keep_fraction / 2
        low, high = 0.5 - half / 2, 0.5 + half / 2
        return pt.cells_of(
            (0.0, hard, 1.0, 1 - hard, 1.0),
            (low, high, high, low, 1.0),
            (1 - half, 1.0, half, 0.0, 1.0),
        )


def test_a_rule_that_theory_refuses_is_not_simulated():
    Point(2.0, 0.9, 0.3, rule=Three(0.3))
    with pytest.raises(pt.InputError) as of_theory:
        pt.solve(alpha_prune=2.0, keep_fraction=0.9, theta=0.3, rule=Three(0.9))
    with pytest.raises(pt.InputError) as of_simulation:
        Point(2.0, 0.9, 0.3, rule=Three(0.9))
    said = str(of_simulation.value)
    assert said == str(of_theory.value) and "not overlap" in said


@pytest.mark.few(1)
@pytest.mark.parametrize("margin", ["absolute", "signed"])
def test_two_bands_train_as_theory_says(margin):
    point = Point(3.0, 0.4, 0.3, rule=TwoBands(), margin=margin)
    drawn = simulate(point, size=120, draws=300, seed=3)
    where = {"alpha_prune": 3.0, "keep_fraction": 0.4, "theta": 0.3, "margin": margin}
    theory = pt.solve(rule=TwoBands(), **where).error
    error = float(drawn.error.std(ddof=1)) / np.sqrt(300)
    assert float(drawn.error.mean()) == pytest.approx(theory, abs=4 * error + 0.002)
    assert error < 0.01 * theory + 0.002
    hard = pt.solve(rule="hard", **where).error
    assert abs(hard - theory) > 8 * error  # another rule would be told


def test_a_validation_of_a_student_and_a_rule_of_ones_own(tmp_path):
    points = [
        Point(2.0, 0.5, 0.3, TwoBands(), precision=0.05, student=Regression(0.3)),
        Point(2.0, 0.5, 0.3, "hard", precision=0.05, student=Regression(0.3)),
    ]
    where = {"output": tmp_path / "runs", "progress": False}
    report = run_validation(points, sizes=(40, 60, 80), draws=200, seed=5, **where)
    assert report.passed


@pytest.mark.slow
def test_a_loss_of_ones_own_trains_as_theory_says():
    point = Point(2.0, 0.5, 0.3, student=ConvexRidge(SmoothHinge(), 0.2))
    drawn = simulate(point, size=120, draws=200, seed=4)
    where = {"alpha_prune": 2.0, "keep_fraction": 0.5, "theta": 0.3}
    theory = pt.solve_convex(loss=SmoothHinge(), ridge=0.2, **where).error
    error = float(drawn.error.std(ddof=1)) / np.sqrt(200)
    assert float(drawn.error.mean()) == pytest.approx(theory, abs=4 * error + 0.003)
