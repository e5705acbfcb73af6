"""A student that is defined outside the package: simulated, swept and validated."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import (
    Point,
    Trained,
    run_validation,
    simulate,
    simulated_errors,
)
from simulations.perceptron.students.catalog import resolve_student


@dataclass(frozen=True)
class Hebb:
    """The sum of the examples: w = sum_i y_i x_i."""

    bend: float = 1.0
    """Factor of the theory's error: 1 is right."""

    certificate_name = "nothing to prove"
    padding = "zero"

    @property
    def name(self) -> str:
        return f"hebb(bend={self.bend})"

    def __call__(self, examples, key):
        w = examples.sum(1)
        w = w / np.linalg.norm(w, axis=1, keepdims=True)
        zeros = np.zeros(len(w))
        return Trained(w, zeros, zeros == 0, {"along": w[:, 0]})

    def theory(self, *, alpha_prune, keep_fraction, theta, rule, margin):
        """Random examples: tan(pi error) = sqrt(pi/(2 alpha))."""
        assert isinstance(rule, pt.Random)
        angle = np.arctan(np.sqrt(np.pi / (2 * alpha_prune)))
        return SimpleNamespace(error=self.bend * angle / np.pi)


def point(student, alpha=2.0):
    return Point(alpha, 1.0, rule="random", precision=0.03, student=student)


def test_it_is_simulated():
    draws = simulate(point(Hebb()), size=20, draws=6, seed=0)
    np.testing.assert_array_equal(draws.along, draws.overlap)
    assert draws.attrs["student"] == "hebb(bend=1.0)"
    assert draws.certificate.attrs["long_name"] == "nothing to prove"
    later = simulate(point(Hebb()), size=20, draws=2, seed=0, first=4)
    np.testing.assert_array_equal(later.error, draws.error[4:])


def test_it_is_swept_beside_others(tmp_path):
    points = [point(Hebb()), point(Hebb(bend=2.0))]
    table = simulated_errors(points, sizes=(20,), draws=4, output=tmp_path / "draws")
    assert table.student.values.tolist() == ["hebb(bend=1.0)", "hebb(bend=2.0)"]
    mean = table["mean"].values
    assert mean[0] == mean[1] and 0.1 < mean[0, 0] < 0.4


def test_it_is_validated_by_the_theory_it_names(tmp_path):
    """With loads that differ, which its theory gets in one array."""
    how = {"sizes": (100,), "draws": 64, "progress": False}
    right = [point(Hebb(), alpha) for alpha in (1.0, 2.0, 5.0)]
    report = run_validation(right, output=tmp_path / "right", **how)
    assert report.passed, report.describe()
    wrong = [point(Hebb(bend=1.1), alpha) for alpha in (1.0, 2.0, 5.0)]
    assert not run_validation(wrong, output=tmp_path / "wrong", **how).passed


def test_without_a_theory_it_is_not_validated(tmp_path):
    class Silent(Hebb):
        theory = None

    with pytest.raises(pt.InputError, match=r"no theory of the student hebb.*simulate"):
        run_validation([point(Silent())], sizes=(20,), output=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("part", ["name", "certificate_name", "padding", "__call__"])
def test_a_part_that_is_missing_is_named_in_one_line(part):
    parts = {
        "name": "mine",
        "certificate_name": "none",
        "padding": "zero",
        "__call__": lambda self, examples, key: None,
    }
    del parts[part]
    with pytest.raises(pt.InputError, match=f"this Mine lacks: {part}$") as caught:
        resolve_student(type("Mine", (), parts)())
    assert "\n" not in str(caught.value)


class Crooked(Hebb):
    """Returns what a student must not return."""

    def __init__(self, change):
        super().__init__()
        object.__setattr__(self, "change", change)

    def __call__(self, examples, key):
        found = super().__call__(examples, key)
        return Trained(**vars(found) | self.change(found))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda found: {"weights": found.weights[:, :-1]}, r"shape \(batch, N\)"),
        (lambda found: {"columns": {"error": found.certificate}}, "column 'error'"),
    ],
)
def test_what_a_student_must_not_return_is_refused(change, message):
    with pytest.raises(pt.InputError, match=message):
        simulate(point(Crooked(change)), size=8, draws=2, seed=0)
