"""Laws are found again in errors that follow them, and verdicts know their limits."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.experiments.laws import (
    by_cost,
    compare_laws,
    envelope,
    exponents,
    fit_law,
    means,
)

SIZES = np.array([100, 200, 400, 800, 1600, 3200, 6400, 12800.0])
LAWS = {
    "power": lambda p: 3 * p**-0.7,
    "power_floor": lambda p: 3 * p**-0.7 + 0.02,
    "exponential_floor": lambda p: 0.3 * np.exp(-p / 900) + 0.02,
    "stretched_floor": lambda p: 0.3 * np.exp(-0.05 * np.sqrt(p)) + 0.02,
}


def _rows(law, *, seeds=6, noise=0.01, strategy="random", f=0.5, metric="none"):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": int(p / f),
            "kept": int(p),
            "keep_fraction": f,
            "strategy": strategy,
            "metric": metric,
            "seed": seed,
            "error": law(p) * (1 + noise * rng.normal()),
            "tested": 1_000_000,
        }
        for p in SIZES
        for seed in range(seeds)
    )


@pytest.mark.parametrize("name", LAWS)
def test_a_law_is_found_again_and_preferred(name):
    errors = LAWS[name](SIZES)
    wide = 0.02 * errors
    law = fit_law(name, SIZES, errors, wide)
    np.testing.assert_allclose(law(SIZES), errors, rtol=1e-3)
    noisy = errors + wide * np.random.default_rng(1).normal(size=len(SIZES))
    points = pd.DataFrame({"kept": SIZES, "error": noisy, "standard_error": wide})
    found = compare_laws(points, 8).set_index("model")
    # the power law is inside of the one with a floor
    assert found.loc[name, "verdict"] in ("best", "possible")
    assert found.loc[name, "prediction"] < 4
    other = "power" if "exp" in name or "str" in name else "exponential_floor"
    assert found.loc[other, "verdict"] == "not confirmed"
    assert set(compare_laws(points, 7)["verdict"]) == {"cannot tell"}


def test_a_cost_takes_the_place_of_the_kept_examples():
    rows = _rows(LAWS["power"])
    # every seed has costs of its own: their mean is 5 kept^2
    rows = rows.assign(flops=(2 + 1.2 * rows["seed"]) * rows["kept"] ** 2.0)
    found = exponents(by_cost(rows, "flops"), "power", resamples=10, seed=0).iloc[0]
    assert found["exponent"] == pytest.approx(0.35, abs=0.01)
    costs = by_cost(rows, "flops").groupby("size")["kept"].unique()
    assert costs[200] == [pytest.approx(5 * 100**2)]
    assert by_cost(rows, "kept")["kept"].equals(rows["kept"].astype(float))
    with pytest.raises(InputError, match="unknown cost 'watts'"):
        by_cost(rows, "watts")
    with pytest.raises(InputError, match="has no seconds"):
        by_cost(rows, "seconds")


def test_exponents_have_intervals():
    found = exponents(_rows(LAWS["power_floor"]), resamples=20, seed=0).iloc[0]
    assert found["lower"] < found["exponent"] < found["upper"]
    wide = found["upper"] - found["lower"]
    assert abs(found["exponent"] - 0.7) < wide < 0.1
    assert found["floor"] == pytest.approx(0.02, abs=0.002)


def test_means_have_the_standard_error_of_seeds_and_of_the_test_set():
    rows = _rows(lambda p: 0.1 + 0 * p, seeds=4, noise=0.5)
    found = means(rows, ["size"])
    each = rows.groupby("size")["error"].agg(["mean", "sem"])
    np.testing.assert_allclose(found["error"], each["mean"])
    np.testing.assert_allclose(found["standard_error"], each["sem"])
    exact = means(_rows(lambda p: 0.1 + 0 * p, noise=0.0), ["size"])
    np.testing.assert_allclose(exact["standard_error"], np.sqrt(0.1 * 0.9 / 1e6))
    with pytest.raises(InputError, match="fewer than 3 seeds"):
        means(_rows(LAWS["power"], seeds=2), ["size"])


def test_the_envelope_is_the_least_error_measured_on_other_seeds():
    hard = _rows(lambda p: 8 * p**-0.9, strategy="hard", metric="probe:20")
    rows = pd.concat([_rows(LAWS["power"]), hard], ignore_index=True)
    front = envelope(rows)
    assert (np.diff(front["kept"]) > 0).all()
    # 8 p^-0.9 is below 3 p^-0.7 from p = (8/3)^5 = 135 on
    assert front["strategy"].tolist() == ["random"] + ["hard"] * 7
    odd = hard[(hard["seed"] % 2 == 1) & (hard["kept"] == 800)]
    assert front["error"][3] == pytest.approx(odd["error"].mean())


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(InputError, match="unknown model 'powr'"):
        fit_law("powr", SIZES, SIZES, SIZES)
    with pytest.raises(InputError, match="3 parameters: 2 sizes are too few"):
        fit_law("power_floor", SIZES[:2], SIZES[:2], SIZES[:2])
    with pytest.raises(InputError, match="positive standard error"):
        fit_law("power", SIZES, SIZES, 0 * SIZES)
    with pytest.raises(InputError, match="has no exponent"):
        _ = fit_law("exponential_floor", SIZES, 1 / SIZES, 0.1 / SIZES).exponent
