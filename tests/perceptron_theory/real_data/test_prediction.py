"""Predicted heads: against heads that are trained, solved again, and other theory."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr

import perceptron_theory as pt
from perceptron_theory.convex.losses import resolve_loss
from perceptron_theory.real_data.keeping import kept_levels
from perceptron_theory.real_data.margin_heads import (
    errors_without_itself,
    estimate_margin_head,
)
from perceptron_theory.real_data.problem import problem_of
from perceptron_theory.real_data.ridge_heads import estimate_ridge_heads

LOSS = resolve_loss("logistic")


def _data(seed, count, width=6):
    """Features with heavy tails, labels that are wrong near the boundary, a probe."""
    rng = np.random.default_rng(seed)
    scale = np.arange(1, width + 1) ** -0.5
    x = rng.standard_normal((count, width)) * scale
    x *= rng.gamma(4.0, 0.25, (count, 1))
    teacher = np.where(np.arange(width) % 2, -1.0, 1.0)
    y = np.where(x @ teacher + 0.2 * rng.standard_normal(count) > 0, 1, -1)
    probe = teacher + 0.3 * np.random.default_rng(0).standard_normal(width)
    return x, y, x @ probe


def _law(seed, count, margin="absolute"):
    x, y, z = _data(seed, count)
    score = -np.abs(z) if margin == "absolute" else -y * z
    return pt.FieldLaw.from_data(x, y, score)


def _trained(features, labels, ridge):
    """A head, by a minimiser that knows nothing of the theory."""
    width = features.shape[1]

    def objective(w):
        margin = labels * (features @ w)
        value = np.logaddexp(0, -margin).sum() + 0.5 * width * ridge * (w @ w)
        pull = labels / (1 + np.exp(margin))
        return value, width * ridge * w - features.T @ pull

    return minimize(objective, np.zeros(width), jac=True, method="L-BFGS-B").x


def _measured(pool, fraction, strategy, margin, ridge, repeats):
    """Errors of heads on fresh pools and fresh tests, in the units of a large law."""
    law = _law(99, 20_000, margin)
    errors = []
    for seed in range(repeats):
        x, y, z = _data(1000 + seed, pool + 4000)
        x = (x - law.mean) * law.scale
        score = -np.abs(z) if margin == "absolute" else -y * z
        order = np.argsort(-score[:pool])
        kept = round(pool * fraction)
        rows = {"hard": order[:kept], "easy": order[-kept:], "random": range(kept)}
        mine = np.array(rows[strategy])
        head = _trained(x[mine], y[mine], ridge)
        errors.append((y[pool:] * (x[pool:] @ head) <= 0).mean())
    return np.mean(errors), np.std(errors, ddof=1) / np.sqrt(repeats)


@pytest.mark.parametrize(
    ("pool", "fraction", "strategy", "margin"),
    [
        pytest.param(100, 0.5, "hard", "absolute", marks=pytest.mark.slow),
        pytest.param(100, 0.5, "random", "absolute", marks=pytest.mark.slow),
        pytest.param(60, 0.5, "easy", "signed", marks=pytest.mark.slow),
        pytest.param(400, 0.3, "hard", "signed", marks=pytest.mark.slow),
        pytest.param(400, 0.3, "easy", "absolute", marks=pytest.mark.slow),
    ],
)
def test_heads_that_are_trained(pool, fraction, strategy, margin):
    law = _law(7, 6000, margin)
    found = pt.predict(law, pool, fraction, strategy, ridge=0.02)
    error, deviation = _measured(pool, fraction, strategy, margin, 0.02, 150)
    # six features: what is left out is of the order of one over their number
    allowed = 3 * np.hypot(deviation, found.standard_error) + 0.02 * error
    assert abs(found.error - error) < allowed
    assert deviation < 0.05 * error


@pytest.mark.parametrize("intercept", [False, True])
def test_the_diagonal_of_many_features_is_near_the_whole(intercept, monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2000, 30)) * np.arange(1, 31) ** -0.5
    x = x @ np.linalg.qr(rng.standard_normal((30, 30)))[0]
    z = x @ rng.standard_normal(30)
    law = pt.FieldLaw.from_data(x, np.sign(z + rng.standard_normal(2000)), -np.abs(z))
    asked = {"pool": 200, "keep_fraction": 0.5, "intercept": intercept}
    whole = pt.predict(law, strategy="easy", **asked)
    monkeypatch.setattr("perceptron_theory.real_data.problem.WHOLE", 10)
    diagonal = pt.predict(law, strategy="easy", **asked)
    assert diagonal.error != whole.error
    assert abs(diagonal.error / whole.error - 1) < 0.03


def test_gaussian_features_give_the_theory_of_structured_inputs():
    rng = np.random.default_rng(1)
    eigenvalues = np.arange(1, 31) ** -1.0
    eigenvalues *= 30 / eigenvalues.sum()
    teacher, other = rng.standard_normal((2, 30))
    probe = teacher + 0.6 * other
    x = rng.standard_normal((3000, 30)) * np.sqrt(eigenvalues)
    y = np.sign(x @ teacher)
    law = pt.FieldLaw.from_data(x, y, -np.abs(x @ probe))
    found = pt.predict(law, 200, 0.4, "hard", ridge=0.05)
    inputs = pt.Inputs.from_covariance(np.diag(eigenvalues), teacher, probe)
    expected = pt.solve_convex(
        alpha_prune=found.load, keep_fraction=0.4, ridge=0.05, inputs=inputs
    ).error
    assert abs(found.error - float(expected)) < 3 * found.standard_error + 0.002
    assert found.standard_error < 0.05 * found.error


def test_each_example_is_tested_without_itself():
    law = _law(2, 80)
    levels = np.ones(80)
    problem = problem_of(law, levels, 40, 0.05, False, False)
    every = np.arange(80)
    _, (_, head) = estimate_margin_head(problem.of_rows(every), LOSS)
    with_itself = (law.features @ head.weights) * (2.0 * law.labels - 1.0)
    estimate, _ = estimate_margin_head(problem.of_rows(every), LOSS)
    again = []
    some = range(0, 80, 3)
    for one in some:
        rest = np.delete(every, one)
        _, (_, other) = estimate_margin_head(problem.of_rows(rest), LOSS)
        sign = 2.0 * law.labels[one] - 1.0
        mean = sign * (law.features[one] @ other.weights)
        noise = np.sqrt(other.response.variance(law.features[[one]]))[0]
        again.append(float(ndtr(-mean / noise)))
    inside = ndtr(-with_itself / head.noise)
    # what the formula says of an example: the influences of a test alone
    formula = errors_without_itself(problem, head)
    shift = np.array(again) - inside[some]
    assert shift.mean() > 0  # an example does better with itself
    assert np.isclose(estimate.error, formula.mean())
    assert np.abs(formula[some] - again).mean() < 0.2 * np.abs(shift).mean()


@pytest.mark.slow
def test_the_standard_error_is_the_spread_over_data_sets():
    found = [pt.predict(_law(seed, 500), 60, 0.5, "hard") for seed in range(60)]
    spread = np.std([one.error for one in found], ddof=1)
    claimed = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert 0.75 < claimed / spread < 1.35


def test_strategies_of_the_same_examples_are_compared_more_sharply():
    law = _law(7, 2000)
    hard, random = (pt.predict(law, 400, 0.4, one) for one in ("hard", "random"))
    difference, deviation = hard.minus(random)
    assert difference == hard.error - random.error
    assert np.isclose(hard.minus(hard)[1], 0.0)
    assert deviation < np.hypot(hard.standard_error, random.standard_error)
    with pytest.raises(pt.InputError, match="2000 and 500 examples"):
        hard.minus(pt.predict(_law(7, 500), 400, 0.4))


@pytest.mark.slow
def test_the_correction_takes_off_what_few_examples_cost():
    few = [pt.predict(_law(seed, 150), 2000, 0.4, "hard") for seed in range(40)]
    many = pt.predict(_law(7, 12_000), 2000, 0.4, "hard").error
    plain = np.mean([one.uncorrected for one in few])
    corrected = np.mean([one.error for one in few])
    deviation = np.std([one.error for one in few], ddof=1) / np.sqrt(40)
    assert plain - many > 3 * deviation
    assert abs(corrected - many) < 0.5 * (plain - many)


@pytest.mark.parametrize("intercept", [False, True])
def test_two_classes_of_ridge_heads_are_one_head_of_margins(intercept):
    law = _law(4, 600)
    levels = kept_levels(law.score, 0.5, "hard")
    problem = problem_of(law, levels, 100, 0.02, intercept, False)
    problem = problem.of_rows(np.arange(600))
    found = estimate_ridge_heads(problem)
    expected, _ = estimate_margin_head(problem, resolve_loss("square"))
    assert np.isclose(found.error, expected.error, rtol=1e-5)
    assert np.allclose(found.influence, expected.influence, atol=1e-7)


def test_an_intercept_is_needed_where_classes_are_not_alike():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((4000, 5))
    y = np.where(x[:, 0] > 1.0, 1, -1)
    law = pt.FieldLaw.from_data(x, y)
    without = pt.predict(law, 400, 0.5)
    with_one = pt.predict(law, 400, 0.5, intercept=True)
    assert with_one.error < 0.5 * without.error


def test_a_pool_may_exceed_the_law_and_errors_fall_with_it():
    law = _law(3, 3000)
    errors = [pt.predict(law, pool, 0.5).error for pool in (40, 400, 40_000)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pool": 0}, "pool must be a whole number"),
        ({"pool": 10.5}, "pool must be a whole number"),
        ({"pool": np.inf}, "pool must be a whole number"),
        ({"pool": np.nan}, "pool must be a whole number"),
        ({"keep_fraction": 20}, "keep_fraction must be in.*write 0.2"),
        ({"intercept": "no"}, "intercept must be True or False"),
        ({"per_class": None}, "per_class must be True or False"),
        (
            {"strategy": lambda score: score},
            "must take .*TypeError",
        ),
        ({"strategy": lambda score, f: "x"}, "return levels.*ValueError"),
        ({"strategy": lambda score, f: f}, "one level for each score"),
        ({"strategy": lambda score, f: score * np.nan}, "levels in"),
        ({"pool": 2, "keep_fraction": 0.1}, "keeps none of a pool of 2"),
        ({"ridge": 0.0}, "ridge must be at least"),
        ({"strategy": "hrad"}, "hard"),
        ({"loss": "nope"}, "loss"),
        ({"keep_fraction": 0.01, "strategy": "hard"}, "leaves 2 of the 200 examples"),
        ({"law": "x.npy"}, "pt.FieldLaw.from_data"),
    ],
)
def test_bad_questions_are_one_line(changes, said):
    asked = {"law": _law(1, 200), "pool": 100, "keep_fraction": 0.5} | changes
    with pytest.raises(pt.InputError, match=said) as refusal:
        pt.predict(**asked)
    assert "\n" not in str(refusal.value)


def test_a_class_that_loses_all_its_examples_is_named():
    x, y, _ = _data(1, 400)
    law = pt.FieldLaw.from_data(x, y, score=y * 10.0 + np.linspace(0, 1, 400))
    with pytest.raises(pt.InputError, match="no example of the class -1"):
        pt.predict(law, 100, 0.2, "hard")
    assert pt.predict(law, 100, 0.2, "hard", per_class=True).error < 0.5


def test_hard_is_easy_by_the_opposite_score_and_only_ranks_matter():
    x, y, z = _data(1, 200)
    score = -np.abs(z)
    law = pt.FieldLaw.from_data
    hard = pt.predict(law(x, y, score), 60, 0.5, "hard")
    assert pt.predict(law(x, y, -score), 60, 0.5, "easy").error == hard.error
    assert pt.predict(law(x, y, np.exp(score)), 60, 0.5, "hard").error == hard.error
    assert np.isclose(pt.predict(law(x, -y, score), 60, 0.5, "hard").error, hard.error)
    assert np.isclose(
        pt.predict(law(10 * x, y, score), 60, 0.5, "hard").error, hard.error
    )
    tied = pt.predict(law(x, y, 0.0 * score), 60, 0.5, "hard").error
    assert np.isclose(tied, pt.predict(law(x, y), 60, 0.5, pt.Random()).error)


def test_another_order_of_examples_is_another_answer_by_less_than_its_error():
    x, y, z = _data(1, 300)
    found = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(300)
        law = pt.FieldLaw.from_data(x[order], y[order], -np.abs(z[order]))
        found.append(pt.predict(law, 100, 0.5, "hard"))
    assert np.ptp([one.uncorrected for one in found]) < 1e-6
    # the halves of the correction are others
    assert np.std([one.error for one in found]) < 0.5 * found[0].standard_error


def test_losses_of_a_users_own():
    law = _law(1, 200)

    def own(margin):
        return jnp.logaddexp(0.0, -margin)

    def square(margin):
        return 3.0 * (1.0 - margin) ** 2 / 2

    found = pt.predict(law, 60, 0.5, "hard", loss=own)
    known = pt.predict(law, 60, 0.5, "hard")
    assert np.isclose(found.error, known.error, rtol=1e-6)
    found = pt.predict(law, 60, 0.5, "hard", loss=square, ridge=0.03)
    known = pt.predict(law, 60, 0.5, "hard", loss="square", ridge=0.01)
    assert np.isclose(found.error, known.error, rtol=1e-6)
    three = pt.FieldLaw.from_data(law.features, np.arange(200) % 3)
    with pytest.raises(pt.InputError, match="heads of many classes"):
        pt.predict(three, 60, 0.5, loss=square)  # the name alone is not the loss


def test_a_function_prunes_within_classes_and_leaves_the_score_alone():
    law = _law(1, 200)

    def hardest(score, keep_fraction):
        kept = score >= np.quantile(score, 1 - keep_fraction)
        score.sort()
        return 1.0 * kept

    before = np.array(law.score)
    by_function = kept_levels(law.score, 0.5, hardest, law.labels)
    assert (law.score == before).all()
    for one in (0, 1):
        mine = law.labels == one
        assert abs(by_function[mine].mean() - 0.5) < 1.0 / mine.sum()
    assert np.abs(by_function - kept_levels(law.score, 0.5, "hard")).sum() > 2
    found = pt.predict(law, 60, 0.5, hardest, per_class=True)
    known = pt.predict(law, 60, 0.5, "hard", per_class=True)
    assert abs(found.error - known.error) < 0.02


def test_a_correction_by_chance_does_not_leave_the_errors_that_there_are():
    for seed in range(8):
        x, _, z = _data(seed, 24)
        law = pt.FieldLaw.from_data(x, np.arange(24) % 2, -np.abs(z))
        found = pt.predict(law, 1000, 0.9, "hard", ridge=1e-6)
        assert 0.5 * found.uncorrected <= found.error <= 1.0


@pytest.mark.parametrize("seed", range(4))
def test_a_loss_that_leaves_all_numbers_is_one_line(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, 12)) * rng.standard_t(1.2, size=(300, 1))
    x[0] *= 30.0
    labels = (x[:, 0] + 0.5 * rng.standard_normal(300) > 0).astype(int)
    law = pt.FieldLaw.from_data(x, labels)
    with pytest.raises(pt.ConvergenceError, match="is finite: raise the ridge"):
        pt.predict(law, 100, 0.5, "random", loss=lambda m: jnp.exp(-m), ridge=1e-3)
