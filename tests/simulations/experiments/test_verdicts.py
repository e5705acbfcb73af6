"""Verdicts on tables whose laws are known, and what a difference is counted as."""

import numpy as np
import pandas as pd
import pytest

from perceptron_theory import InputError
from simulations.experiments.claims import (
    CONFIRMED,
    REFUTED,
    UNKNOWN,
    better_metric,
    fast_envelope,
    gain,
    log_ratios,
    same_exponent,
    switch,
    verdicts,
)

SIZES = tuple(200 * 2**k for k in range(8))  # 200 to 25,600
SWITCH, GAIN = "switch from easy to hard", "hard beats random at the largest size"
EASY = "easy beats random at the smallest size"
EXPONENT, BETTER = (
    "same exponent at fixed f",
    "a better metric helps hard pruning longer",
)
FAST = "envelope faster than a power law"


def table(curves, *, sizes=SIZES, fractions=(0.5,), seeds=6, noise=0.01):
    """Runs whose errors follow laws of the number of kept examples.

    ``curves`` are of (strategy, metric), those without pruning are random's; ``noise``
    is of ln(error), two thirds of which a seed has everywhere.
    """
    rng = np.random.default_rng(0)
    shared = rng.normal(size=seeds)
    curves = {("unpruned", "none"): curves[("random", "none")]} | curves
    rows = [
        {
            "size": size,
            "keep_fraction": f,
            "strategy": strategy,
            "metric": metric,
            "seed": seed,
            "kept": round(f * size),
            "error": law(round(f * size))
            * np.exp(noise * (2 * shared[seed] + rng.normal()) / 3),
            "tested": 10**7,
        }
        for (strategy, metric), law in curves.items()
        for size in sizes
        for f in ((1.0,) if strategy == "unpruned" else fractions)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def random(kept):
    return 3 * kept**-0.5


def pruned(curves, **options):
    """A table of curves, each by "el2n", and of random."""
    named = {(strategy, "el2n"): law for strategy, law in curves.items()}
    return table({("random", "none"): random} | named, **options)


def all_of(rows):
    """The verdicts by claim and metric."""
    found = verdicts(rows, resamples=2, seed=0)
    assert len({(one.claim, one.metric) for one in found}) == len(found)
    return {(one.claim, one.metric): one for one in found}


@pytest.mark.parametrize(
    ("hard", "easy", "verdict"),
    [
        # of a pool of 2,000: easy is better below, hard above
        (lambda p: 3 * p**-0.5 * (1000 / p) ** 0.2, random, CONFIRMED),
        (random, lambda p: 3 * p**-0.5 * (1000 / p) ** 0.2, REFUTED),
        (lambda p: 0.8 * random(p), random, UNKNOWN),
        (random, lambda p: 0.8 * random(p), UNKNOWN),
    ],
)
def test_the_switch(hard, easy, verdict):
    found = switch(pruned({"hard": hard, "easy": easy}), "el2n")
    assert found.verdict == verdict and found.metric == "el2n"
    if verdict == CONFIRMED:
        assert found.numbers == "f = 0.5: easy at 200 to 1600, hard at 3200 to 25600"


def test_a_switch_there_and_back_is_none():
    curves = {"hard": lambda p: random(p) * (1.2 if 300 < p < 3000 else 0.8)}
    assert switch(pruned(curves | {"easy": random}), "el2n").verdict == REFUTED


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.9, CONFIRMED), (1.1, REFUTED), (1.0, UNKNOWN)]
)
def test_the_gain_is_that_of_the_largest_pool(factor, verdict):
    def hard(p):
        return random(p) * (factor if p == SIZES[-1] / 2 else 1 / factor)

    found = gain(pruned({"hard": hard}), "el2n", "hard")
    assert found.verdict == verdict
    assert f"at 25600: f = 0.5: error x {factor:.1f}" in found.numbers
    # one fraction is enough for a gain, and for a loss all are needed
    two = pruned({"hard": hard}, fractions=(0.25, 0.5))
    assert gain(two, "el2n", "hard").verdict == (CONFIRMED if factor != 1 else UNKNOWN)


def test_the_gain_of_easy_examples_is_that_of_the_smallest_pool():
    def easy(p):
        return random(p) * (0.9 if p == SIZES[0] / 2 else 1.1)

    found = gain(pruned({"easy": easy}), "el2n", "easy")
    assert found.verdict == CONFIRMED and "at 200: f = 0.5" in found.numbers


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("power", "noise", "verdict"),
    [
        (-0.5, 0.01, CONFIRMED),
        (-0.9, 0.01, REFUTED),
        (-0.2, 0.01, REFUTED),
        (-0.5, 2.0, UNKNOWN),  # too wide to tell
    ],
)
def test_exponents_of_hard_and_random(power, noise, verdict):
    rows = pruned({"hard": lambda p: 2 * p**power}, noise=noise)
    found = same_exponent(rows, "el2n", resamples=10, seed=0)
    assert found.verdict == verdict
    if verdict == REFUTED:
        assert f"f = 0.5: {-power - 0.5:+.2f} +-" in found.numbers


def test_where_the_theory_is_known_exponents_differ_as_it_says(monkeypatch):
    def theory(rows):  # hard falls by 0.4 faster
        points = rows.drop_duplicates(["strategy", "kept"])
        power = np.where(points["strategy"] == "hard", -0.9, -0.5)
        return points.assign(theory=points["kept"] ** power)

    monkeypatch.setattr("simulations.experiments.claims.predictions", theory)
    rows = pruned({"hard": lambda p: 2 * p**-0.9}).replace("el2n", "theta:10")
    found = same_exponent(rows, "theta:10", resamples=10, seed=0)
    assert found.verdict == CONFIRMED and "(theory -0.40)" not in found.numbers
    assert "f = 0.5: +0.40" in found.numbers and "(theory +0.40)" in found.numbers


def test_only_the_largest_sizes_count_for_exponents():
    def hard(p):  # fast up to a pool of 1,600, then like random
        return random(p) * 0.2 * max(800 / p, 1.0) ** 0.5

    found = same_exponent(pruned({"hard": hard}), "el2n", resamples=10, seed=0)
    assert found.verdict == CONFIRMED and "4 largest sizes" in found.numbers


def test_the_envelope():
    # as if with every size a smaller f became the best: exponential in what is kept
    fractions = (0.1, 0.2, 0.4, 0.7)
    curves = {"hard": lambda p: 0.4 * np.exp(-p / 1000) + 0.001}
    fast = fast_envelope(pruned(curves, fractions=fractions))
    assert fast.verdict == CONFIRMED
    slow = fast_envelope(pruned({"hard": lambda p: 2 * p**-0.6}, fractions=fractions))
    assert slow.verdict == REFUTED
    assert "without pruning down to 0.0188" in slow.numbers  # 3 / 160, and noise


def test_an_envelope_that_steps_and_then_is_a_power_law_is_not_faster():
    # a stretched exponential has the least AICc, but a power law goes on as it does
    step = {"hard": lambda p: np.where(p < 1000, 2.0, 0.5) * 2 * p**-0.6}
    found = fast_envelope(pruned(step, fractions=(0.1, 0.2, 0.4, 0.7)))
    assert found.verdict != CONFIRMED and "misses at the two largest" in found.numbers


def test_sizes_between_which_nothing_is_clear_are_named():
    early = (200, 400, 1600)
    easy = {"easy": lambda p: (0.5 if 2 * p in early else 1.0) * random(p)}
    found = switch(pruned(easy | {"hard": random}), "el2n")
    assert found.numbers == "f = 0.5: easy at 200 to 400, 1600"


def test_a_better_metric():
    def good(p):
        return 0.8 * random(p)

    curves = {("random", "none"): random, ("hard", "probe:5000"): good}
    rows = table(curves | {("hard", "probe:200"): random})
    assert better_metric(rows, "probe:5000", "probe:200", "hard").verdict == CONFIRMED
    assert better_metric(rows, "probe:200", "probe:5000", "hard").verdict == REFUTED
    found = {m: one for (claim, m), one in all_of(rows).items() if claim == BETTER}
    # not in the order of the alphabet
    assert list(found) == ["probe:5000 > probe:200"]
    (one,) = found.values()
    assert one.verdict == CONFIRMED and "clearly less at 200 to 25600" in one.numbers
    equal = table(curves | {("hard", "probe:200"): good})
    assert better_metric(equal, "probe:5000", "probe:200", "hard").verdict == UNKNOWN


def test_claims_are_those_that_the_table_has_runs_for():
    rows = pruned({"hard": random, "easy": random}, seeds=5)
    everything = {(claim, "el2n") for claim in (SWITCH, GAIN, EXPONENT)}
    everything.add((FAST, "any"))
    found = all_of(rows)
    assert set(found) == everything | {(EASY, "el2n")}
    assert found[FAST, "any"].verdict == UNKNOWN
    assert found[FAST, "any"].numbers == "5 seeds, 6 needed"
    hard = rows[rows["strategy"] != "easy"]
    assert set(all_of(hard)) == everything - {(SWITCH, "el2n")}
    easy = rows[rows["strategy"] != "hard"]
    assert set(all_of(easy)) == {(EASY, "el2n"), (FAST, "any")}
    # nobody knows which of two score files is better
    again = hard[hard["metric"] == "el2n"].assign(metric="grand")
    assert BETTER not in {claim for claim, _ in all_of(pd.concat([hard, again]))}
    again = again.assign(strategy="hard_balanced", metric="probe:20")
    other = again.assign(metric="probe:200")
    plain = rows[rows["metric"] == "none"]
    assert set(all_of(pd.concat([plain, again, other]))) == {(FAST, "any")}


def test_fewer_than_eight_sizes_tell_nothing():
    def hard(p):
        return random(p) * (1000 / p) ** 0.2

    rows = pruned({"hard": hard, "easy": random}, sizes=SIZES[1:])
    found = all_of(rows)
    assert {claim for claim, _ in found} == {SWITCH, GAIN, EASY, EXPONENT, FAST}
    assert switch(rows, "el2n").verdict == CONFIRMED
    for one in found.values():
        assert one.verdict == UNKNOWN and one.numbers.startswith("only 7 sizes; ")


def test_sizes_are_counted_for_each_metric():
    """A metric that has been run at two sizes so far tells nothing."""
    whole = pruned({"hard": lambda p: 0.8 * random(p)})
    again = whole[whole["metric"] == "el2n"].assign(metric="grand")
    late = again[again["size"] >= SIZES[-2]]
    found = all_of(pd.concat([whole, late]))
    assert found[GAIN, "el2n"].verdict == CONFIRMED
    assert found[GAIN, "grand"].verdict == UNKNOWN
    assert found[GAIN, "grand"].numbers.startswith("only 2 sizes; ")


def test_a_single_size_is_refused():
    with pytest.raises(InputError, match="a single size"):
        all_of(pruned({"hard": random}, sizes=SIZES[:1]))


def test_log_ratios_by_hand():
    errors = {  # (strategy, size): of seeds 0 and 1
        ("hard", 100): (0.2, 0.1),
        ("random", 100): (0.1, 0.1),
        ("hard", 200): (0.0, 0.1),  # none of 500 wrong: as if half of one was
        ("random", 200): (0.002, 0.2),
        ("hard", 400): (0.1, 0.1),  # random has not been run
        ("random", 800): (0.1,),
        ("hard", 800): (0.05,),
    }
    names = {"hard": "el2n", "random": "none"}
    rows = pd.DataFrame(
        (size, 0.3, strategy, names[strategy], seed, error, 500)
        for (strategy, size), each in errors.items()
        for seed, error in enumerate(each)
    )
    rows.columns = "size keep_fraction strategy metric seed error tested".split()
    pair = ("hard", "el2n"), ("random", "none")
    found = log_ratios(rows, *pair, 0.3)
    assert found["size"].tolist() == [100, 200, 800]
    assert found["kept"].tolist() == [30, 60, 240]
    # the mean of ln 2 and ln 1; that is its standard error, too
    logs = [np.log(2) / 2, -np.log(2), -np.log(2)]
    np.testing.assert_allclose(found["log_ratio"], logs)
    # t = 1 with one degree of freedom (Cauchy) is exceeded as often as z = 0.674
    assert found["z"][0] == pytest.approx(0.6745, abs=1e-4)
    # the two seeds agree, the test set of 500 is the whole error: t = -0.63
    first, second = np.sqrt(0.001 * 0.1), np.sqrt(0.002 * 0.2)
    error = np.sqrt((1 / first - 1 / second) / 500)
    assert found["standard_error"][1] == pytest.approx(error)
    assert found["z"][2] == 0  # one seed has no spread
    assert log_ratios(rows, *pair, 0.4).empty


def test_a_table_that_is_not_whole_yet():
    curves = {
        ("random", "none"): random,
        ("hard", "probe:5000"): lambda p: 0.8 * random(p),
        ("hard", "probe:200"): random,
    }
    rows = table(curves, fractions=(0.2, 0.5), seeds=3)
    better, smallest = rows["metric"] == "probe:5000", rows["keep_fraction"] == 0.2
    largest = (rows["size"] == SIZES[-1]) & (rows["keep_fraction"] == 0.5)
    by = all_of(rows[~(better & smallest)])
    assert by[GAIN, "probe:5000"].verdict == CONFIRMED
    assert "f = 0.2" not in by[GAIN, "probe:5000"].numbers
    assert "f = 0.2" not in by[EXPONENT, "probe:5000"].numbers
    assert by[BETTER, "probe:5000 > probe:200"].verdict == UNKNOWN
    late = gain(rows[~(better & (smallest | largest))], "probe:5000", "hard")
    assert late.verdict == UNKNOWN
