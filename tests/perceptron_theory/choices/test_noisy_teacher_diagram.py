"""Diagrams of noisy labels: boundaries that are ones, windows that are best."""

import numpy as np
import pytest

import perceptron_theory as pt

HOW = {"theta": 0.35, "loss": "square", "ridge": 0.3, "margin": "signed"}


@pytest.mark.slow
def test_boundaries_and_best_windows_are_what_they_say():
    found = pt.noise_strength_diagram(
        [0.1, 0.4, 0.8, 1.2], alpha_tot=20.0, keep_fraction=[0.3, 0.5, 0.8], **HOW
    )
    assert {"hard/random", "hard/window"} <= set(found["boundary_kind"].values)
    names = ("kind", "noise_strength", "keep_fraction")
    kinds, strength, f = (found[f"boundary_{name}"].values for name in names)
    at = {"alpha_prune": 20.0 * f, "label_noise": pt.Probit(strength), **HOW}
    rules = {"hard": 0.0, "easy": 1.0 - f, "window": 0.01 * (1.0 - f)}
    error = {
        name: pt.solve_convex(keep_fraction=f, rule=pt.Window(lower), **at).error
        for name, lower in rules.items()
    }
    error["random"] = pt.solve_convex(keep_fraction=1.0, rule="random", **at).error
    for i, kind in enumerate(kinds):
        one, other = (error[name][i] for name in kind.split("/"))
        assert one == pytest.approx(other, rel=1e-4), (kind, strength[i], f[i])
    best, scanned = found["error_window"], np.linspace(0.0, 1.0, 21)
    assert (best <= np.minimum(found["error_hard"], found["error_easy"])).all()
    # the best of a scan is no better than to its own step
    f, strength = 0.5, 0.8
    errors = pt.solve_convex(
        alpha_prune=20.0 * f,
        keep_fraction=f,
        rule=pt.Window((1.0 - f) * scanned),
        label_noise=pt.Probit(strength),
        **HOW,
    ).error
    here = found.sel(noise_strength=strength, keep_fraction=f)
    assert float(here["error_window"]) <= errors.min() * (1 + 1e-3)
    assert abs(float(here["window"]) - scanned[errors.argmin()]) <= 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep_fraction": 0.5}, "several values of one of"),
        ({"alpha_tot": [2.0, 4.0]}, "several values of one of"),
        ({"keep_fraction": [0.5, 1.0]}, "at most 0.999"),
        ({"noise_strength": [0.2, 0.1]}, "must increase"),
        ({"noise_strength": [-0.2, 0.1]}, "noise_strength"),
        ({"label_noise": "gauss"}, "label_noise"),
        ({"ridge": 0.0}, "ridge"),
    ],
)
def test_what_is_refused(change, message):
    how = {"noise_strength": [0.1, 0.5], "alpha_tot": 4.0, "keep_fraction": [0.2, 0.5]}
    with pytest.raises(pt.InputError, match=message):
        pt.noise_strength_diagram(**(how | HOW | change))
