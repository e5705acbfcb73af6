"""What a validation says of itself."""

from types import SimpleNamespace

import xarray as xr

from simulations.perceptron.studies.report import Report


def words(*, passed, imprecise=(), sizes=(100,)):
    dataset = xr.Dataset(
        {
            "z": ("point", [0.5]),
            "label": ("point", ["theta=0.17453292519943295"]),
        },
        coords={"size": list(sizes)},
        attrs={"allowance": 1.0},
    )
    test = SimpleNamespace(
        passed=passed, name="largest |z|", statistic=0.5, p_value=0.6, level=0.01
    )
    return Report(dataset, (test,), tuple(imprecise)).describe()


def test_agreement_and_disagreement():
    assert words(passed=True).startswith(
        "1 point, N = 100: theory and simulation agree.\n"
    )
    assert "theory and simulation DISAGREE." in words(passed=False)


def test_too_few_draws_are_no_disagreement():
    said = words(passed=True, imprecise=["theta=0.17453292519943295"])
    assert "too few draws to tell whether theory and simulation agree." in said
    assert "DISAGREE" not in said and "FAIL  too few draws: theta=10°\n" in said
    assert "DISAGREE" in words(passed=False, imprecise=["x"])


def test_what_is_allowed_for_a_finite_size_is_a_percentage():
    assert "allowing 1 % of the error for finite N" in words(passed=True)
    assert "allowing" not in words(passed=True, sizes=(50, 100, 200))
