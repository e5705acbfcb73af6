"""The validation agrees with the theory, and fails wrong ones: it has teeth."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from perceptron_theory.numerics.checks import MARGINS
from simulations.perceptron import (
    DEMO_POINTS,
    VALIDATION_POINTS,
    ConvexRidge,
    Gibbs,
    Point,
    run_validation,
)
from simulations.perceptron.running import machine as machines
from simulations.perceptron.studies.large_suite import large_points, sampled_points
from simulations.perceptron.studies.predictions import Case, predict
from simulations.perceptron.studies.validation import draw_share

SIZES = (24, 48, 96)
# one load: the students of all points are compiled together
POINTS = tuple(
    Point(4.0, fraction, math.radians(degrees), rule, margin, precision=0.015)
    for fraction, degrees, rule, margin in (
        (1.0, 0, "random", "absolute"),
        (0.5, 0, "easy", "absolute"),
        (0.25, 10, "hard", "absolute"),
        (0.25, 10, "easy", "absolute"),
        (0.4, 30, "hard", "absolute"),
        (0.4, 30, "hard", "signed"),
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Draws that all theories are compared with."""
    return tmp_path_factory.mktemp("validation") / "draws"


@pytest.fixture(scope="module")
def report(folder):
    return validate(folder, pt.solve)


def validate(folder, theory, points=POINTS, **options):
    options = {"sizes": SIZES, "progress": False, **options}
    return run_validation(points, output=folder, theory=theory, **options)


@pytest.mark.slow
def test_theory_and_simulation_agree(report):
    assert report.passed, report.describe()


@pytest.mark.slow
def test_it_is_precise_enough_to_mean_something(report):
    assert (report.dataset.difference_error <= report.dataset.precision).all()
    assert report.imprecise == ()


@pytest.mark.slow
def test_the_other_margin_convention_fails(folder, report):
    swap = {"absolute": "signed", "signed": "absolute"}

    def swapped(*, margin, **where):
        return pt.solve(margin=swap[margin], **where)

    found = validate(folder, swapped)
    assert not found.passed
    # and it is the points at 30 degrees that say so
    worst = int(np.argmax(abs(found.dataset.z.values)))
    assert found.dataset.theta[worst] == pytest.approx(math.radians(30))


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [2, -2])
def test_a_probe_two_degrees_off_fails(folder, report, degrees):
    def turned(*, theta, **where):
        return pt.solve(theta=max(theta + math.radians(degrees), 0.0), **where)

    assert not validate(folder, turned).passed


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.03, 1 / 1.03])
def test_an_error_three_percent_off_fails(folder, report, factor):
    def scaled(**where):
        return SimpleNamespace(error=factor * pt.solve(**where).error)

    assert not validate(folder, scaled).passed


@pytest.mark.slow
def test_too_few_draws_fail_even_in_agreement(tmp_path):
    found = validate(tmp_path / "few", pt.solve, POINTS[:1], draws=32)
    assert found.imprecise and not found.passed
    assert "too few draws to tell whether" in found.describe()
    assert f"so many draws would do: --draws {found.enough}" in found.describe()
    error = float(found.dataset.difference_error[0])
    wanted = 32 * (error / POINTS[0].precision) ** 2
    assert 1.1 * wanted <= found.enough <= 1.2 * wanted + 1


def test_the_theory_is_asked_at_the_realised_loads(tmp_path):
    """N = 25, alpha = 0.3, f = 0.4: P_tot = 19 (18.75) and P = 8 (7.6)."""
    asked = []

    def theory(**where):
        asked.append(where)
        return SimpleNamespace(error=0.3)

    point = Point(0.3, 0.4, 0.2, "easy", "signed")
    validate(tmp_path / "one", theory, [point], sizes=(25,), draws=32)
    assert asked == [
        {
            "alpha_prune": 8 / 25,
            "keep_fraction": 8 / 19,
            "theta": 0.2,
            "rule": "easy",
            "margin": "signed",
        }
    ]


@pytest.mark.slow
def test_the_report_is_saved_and_read_back(folder, report):
    read = xr.load_dataset(folder / "report.nc", engine="h5netcdf")
    assert read.attrs["seed"] == 0 and {"jax", "numpy", "python"} <= set(read.attrs)
    assert read.sizes == {"point": len(POINTS), "size": len(SIZES)}
    lines = (folder / "report.csv").read_text().splitlines()
    assert len(lines) == 1 + len(POINTS) * len(SIZES)
    for name in ("theory", "mean", "standard_error", "median", "z", "size", "draws"):
        assert name in lines[0].split(",")
    assert report.table().row_count == len(POINTS)


def constant(**where):
    return SimpleNamespace(error=0.3)


SMALL = {"points": POINTS[:2], "theory": constant, "sizes": (8, 12, 16), "draws": 70}


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    whole = validate(tmp_path / "whole", **SMALL)
    calls, simulate = itertools.count(), machines.simulate

    def interrupted(*arguments, **options):
        if next(calls) == 5:
            raise KeyboardInterrupt
        return simulate(*arguments, **options)

    monkeypatch.setattr(machines, "simulate", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"2 of 6 parts.*go on"):
        validate(tmp_path / "cut", **SMALL)
    kept = list((tmp_path / "cut").glob("*.npz"))
    assert len(kept) == 3  # two finished parts and one begun
    resumed = validate(tmp_path / "cut", **SMALL)
    xr.testing.assert_identical(whole.dataset, resumed.dataset)
    # 5 finished calls, 1 cut short, 7 others of 12 in all: nothing was drawn twice
    assert next(calls) == 6 + 7


@pytest.mark.slow
def test_precision_does_not_depend_on_the_interruption(tmp_path):
    point = [Point(1.0, 1.0, rule="random", precision=0.05)]
    options = {"points": point, "theory": constant, "sizes": (8, 12, 16)}
    whole = validate(tmp_path / "whole", **options)
    validate(tmp_path / "cut", **options | {"draws": 500})  # more than it needs
    again = validate(tmp_path / "cut", **options)
    xr.testing.assert_identical(whole.dataset, again.dataset)


def test_a_write_that_fails_leaves_the_finished_draws(tmp_path, monkeypatch):
    validate(tmp_path / "full", **SMALL)
    before = {p: p.read_bytes() for p in (tmp_path / "full").glob("*.npz")}

    def full_disk(file, **columns):
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        validate(tmp_path / "full", **SMALL | {"draws": 140})
    after = {p: p.read_bytes() for p in (tmp_path / "full").iterdir() if p in before}
    assert after == before
    assert not list((tmp_path / "full").glob(".*.partial"))


@pytest.fixture
def small(tmp_path):
    validate(tmp_path / "draws", **SMALL)
    return tmp_path / "draws"


def test_another_seed_is_refused(small):
    with pytest.raises(pt.InputError, match=r'"seed": 0.*"seed": 1'):
        validate(small, seed=1, **SMALL)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(pt.InputError, match=r"something else.*choose another"):
        validate(tmp_path, **SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_half_a_file_of_a_killed_run_is_no_obstacle(tmp_path):
    (tmp_path / ".config.json.1234.partial").write_text("{")
    assert validate(tmp_path, **SMALL).dataset.draws.min() == 70


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(pt.InputError, match="is a file"):
        validate(tmp_path / "file", **SMALL)


def test_an_output_that_exists_is_refused_unless_resumed(small):
    with pytest.raises(pt.InputError, match="exists"):
        validate(small, resume=False, **SMALL)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_file_is_refused_by_name(small, damage):
    path = sorted(small.glob("*.npz"))[0]
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 3] ^= 0xFF
    path.write_bytes(
        {"truncate": content[:-200], "flip": content, "empty": b""}[damage]
    )
    with pytest.raises(pt.InputError, match=f"{path.name} is damaged.*delete it"):
        validate(small, **SMALL)


def test_draws_of_another_point_are_refused(small):
    one, two = sorted(small.glob("*N8.npz"))
    one.write_bytes(two.read_bytes())
    with pytest.raises(pt.InputError, match="holds"):
        validate(small, **SMALL)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"points": []}, "no points"),
        ({"points": POINTS[:1] * 2}, "twice"),
        ({"sizes": (50, 100)}, "one size N, or three"),
        ({"sizes": ()}, "one size N, or three"),
        ({"sizes": (1, 2, 3)}, "at least 2"),
        ({"draws": 31}, "32 draws of a point at least, got 31"),
        ({"draws": None, "max_draws": 20}, "at least, got 20"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_written(tmp_path, change, message):
    with pytest.raises(pt.InputError, match=message):
        validate(tmp_path / "none", **SMALL | change)
    assert not (tmp_path / "none").exists()


def test_the_suite_covers_what_it_promises():
    assert len(VALIDATION_POINTS) >= 30
    assert sum(point.precision <= 0.005 for point in VALIDATION_POINTS) >= 10
    assert all(point.precision <= 0.01 for point in VALIDATION_POINTS)
    angles = {round(math.degrees(point.theta)) for point in VALIDATION_POINTS}
    assert angles == {0, 10, 30}
    names = {point.rule_name for point in VALIDATION_POINTS}
    assert {"hard", "easy", "random"} <= names
    for angle in (10, 30):
        kinds = {
            (point.rule_name, point.margin)
            for point in VALIDATION_POINTS
            if round(math.degrees(point.theta)) == angle
        }
        assert set(itertools.product(["hard", "easy"], MARGINS)) <= kinds
    assert set(DEMO_POINTS) <= {
        Point(p.alpha_prune, p.keep_fraction, p.theta, p.rule, p.margin)
        for p in VALIDATION_POINTS
    } | set(VALIDATION_POINTS)


def test_the_large_suites_are_spread_over_everything():
    points = large_points() + sampled_points()
    assert len(points) >= 200 and len(set(points)) == len(points)
    # the same points on every machine: their streams depend on their labels
    assert large_points()[0].label == (
        "alpha_prune=2.0 keep_fraction=0.1414 theta=0.3722787294503905 "
        "rule=random margin=signed"
    )
    for name, least in (("rule", 5), ("margin", 2), ("student", 6)):
        kinds = {str(getattr(point, name)).partition("(lower")[0] for point in points}
        assert len(kinds) >= least
    loads = [point.alpha_prune for point in points]
    assert min(loads) < 0.5 and max(loads) > 9
    assert sum(point.theta == 0 for point in points) > 40


@pytest.mark.slow
def test_shares_of_a_validation_are_the_whole(tmp_path, monkeypatch):
    options = {key: SMALL[key] for key in ("sizes", "draws")} | {"progress": False}
    for i in (1, 2):
        draw_share(SMALL["points"], (i, 2), output=tmp_path / "shares", **options)
    assert len(list((tmp_path / "shares").glob("*.npz"))) == 6
    whole = validate(tmp_path / "whole", **SMALL)
    monkeypatch.setattr(machines, "simulate", lambda **_: pytest.fail("drawn again"))
    shared = validate(tmp_path / "shares", **SMALL)
    xr.testing.assert_identical(whole.dataset, shared.dataset)


def test_students_without_a_theory_are_refused_and_named(tmp_path):
    point = Point(1.0, 0.5, student="perceptron")
    with pytest.raises(pt.InputError, match=r"no theory.*perceptron.*simulate it"):
        run_validation([point], sizes=(8,), output=tmp_path / "none", progress=False)
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_students_of_the_version_space_and_of_losses_are_compared(tmp_path):
    points = [
        Point(2.0, 0.5, student=student, precision=0.2)
        for student in (Gibbs(8), ConvexRidge("square", 0.5))
    ]
    options = {"sizes": (24,), "draws": 32, "progress": False}
    report = run_validation(points, output=tmp_path / "draws", **options)
    assert report.passed, report.describe()
    assert report.dataset["theory"][0, 0] == pytest.approx(
        float(pt.solve(alpha_prune=2.0, keep_fraction=0.5, student="gibbs").error)
    )


@pytest.mark.slow
def test_cases_solved_together_are_those_solved_alone():
    rules = ["hard", pt.Window(0.1), pt.Window(0.3), pt.Mixture(0.7, "easy")]
    rules += [pt.Mixture(0.4, "easy"), "hard", pt.Window(0.2)]
    cases = [
        Case(Point(2.0, 0.5, 0.3, rule), 1.9 + n / 10, 0.48, rule)
        for n, rule in enumerate(rules)
    ]
    for case, found in zip(cases, predict(cases), strict=True):
        where = {"keep_fraction": 0.48, "theta": 0.3, "rule": case.rule}
        alone = pt.solve(alpha_prune=case.alpha_prune, **where)
        assert found == pytest.approx(float(alone.error), rel=1e-9)
