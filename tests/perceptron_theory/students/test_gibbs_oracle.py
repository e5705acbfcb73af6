"""The Gibbs student against its stationarity conditions on dense nodes (NumPy)."""

import numpy as np
import pytest
from oracle import version_space
from oracle.version_space import solve

import perceptron_theory as pt

POINTS = {  # where the oracle's own digits last: it holds A and q, not 1 - A and 1 - q
    ("hard", "absolute"): [
        (3.0, 0.1, 0.0),
        (2.0, 0.01, 0.0),
        (1.9, 0.001, 0.0),
        (1.0, 1e-6, 0.0),
        (0.01, 0.5, 0.0),
        (30.0, 1.0, 0.0),
        (2.0, 0.3, 0.01),
        (1.5, 1e-3, 0.1),
        (3.0, 1e-3, 0.3),
        (10.0, 0.3, 0.5),
        (0.01, 0.1, 1.0),
        (5.0, 0.5, 1.4),
        (20.0, 0.5, np.pi / 2),
    ],
    ("easy", "signed"): [
        (0.1, 0.3, 0.4),
        (3.0, 0.9, 0.1),
        (10.0, 0.6, 0.02),
        (20.0, 0.01, 0.7),
        (2.0, 0.5, 1.5),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "margin"),
    [("hard", "absolute"), pytest.param("easy", "signed", marks=pytest.mark.slow)],
)
def test_error_and_self_overlap(rule, margin):
    alpha, f, theta = np.array(POINTS[rule, margin]).T
    sol = pt.solve(
        alpha_prune=alpha,
        keep_fraction=f,
        theta=theta,
        rule=rule,
        margin=margin,
        student="gibbs",
    )
    for i, (load, kept, angle) in enumerate(POINTS[rule, margin]):
        A, q = float(sol.overlap[i]), float(sol.self_overlap[i])
        B = 0.0
        if angle > 0:
            B = (float(sol.probe_overlap[i]) - A * np.cos(angle)) / np.sin(angle)
        (A, B, q), miss, mass = solve(load, kept, angle, rule, margin, (A, B, q))
        assert miss < 1e-9
        assert mass == pytest.approx(kept, rel=1e-9)
        error = np.arctan2(np.sqrt(1.0 - A * A), A) / np.pi
        assert sol.error[i] == pytest.approx(error, rel=1e-8)
        assert sol.self_overlap[i] == pytest.approx(q, rel=1e-8)


def test_a_student_driven_off_the_probe(monkeypatch):
    """A wide field in which u > 0 sets in within the width of the noise."""
    load, f, theta = 966.8233792520716, 0.0029168703836607228, 0.016130979065544303
    sol = pt.solve(
        alpha_prune=load,
        keep_fraction=f,
        theta=theta,
        margin="signed",
        student="gibbs",
    )
    A, q = float(sol.overlap), float(sol.self_overlap)
    B = (float(sol.probe_overlap) - A * np.cos(theta)) / np.sin(theta)
    grid = version_space._grid
    monkeypatch.setattr(version_space, "_grid", lambda breaks: grid(breaks, 20))
    (A, B, q), _, _ = solve(load, f, theta, "hard", "signed", (A, B, q))
    error = np.arctan2(np.sqrt(1.0 - A * A), A) / np.pi
    assert sol.error == pytest.approx(error, rel=1e-8)
