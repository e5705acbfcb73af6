"""The information of an example: of Gaussian inputs it is that of the theory."""

from dataclasses import replace

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory import InputError
from simulations.experiments import Cell, Experiment
from simulations.experiments.features import Features
from simulations.experiments.gibbs_head import GibbsHead
from simulations.experiments.learner import run_cell
from simulations.vision.data.images import Images

DIMENSIONS, FRESH = 30, 4000
EXPERIMENT = Experiment(
    name="tiny",
    learner="gibbs",
    sizes=(60, 300),
    keep_fractions=(0.2,),
    metrics=("theta:0",),
    strategies=("hard",),
    positive=("yes",),
)


@pytest.fixture(scope="module")
def learner():
    rng = np.random.default_rng(0)
    points = [rng.normal(size=(n, DIMENSIONS)) for n in (FRESH, 500)]
    sets = [
        Images(
            name=f"part {i}",
            images=np.zeros((len(x), 1, 1, 1), np.uint8),
            labels=(x[:, 0] > 0).astype(int),
            ids=tuple(f"{i}/{j}" for j in range(len(x))),
            class_names=("no", "yes"),
        )
        for i, x in enumerate(points)
    ]
    return GibbsHead(Features(*sets, *points), EXPERIMENT)


@pytest.mark.few(1)
@pytest.mark.parametrize(("size", "f"), [(60, 1.0), (300, 0.2)])
def test_gaussian_inputs_have_the_information_of_theory(learner, size, f):
    """At two examples a dimension; the finite size takes a few per cent."""
    pruned = ("hard", "theta:0") if f < 1 else ("unpruned", "none")
    gains = [
        run_cell(learner, Cell(size, f, *pruned, seed))["information"]
        for seed in range(6)
    ]
    exact = pt.solve(alpha_prune=2.0, keep_fraction=f, student="gibbs")
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert abs(np.mean(gains) - exact.information_gain) < (
        3 * error + 0.05 * exact.information_gain
    )


def test_a_rule_of_many_cutoffs_is_refused():
    with pytest.raises(InputError, match="hard_balanced has several"):
        replace(EXPERIMENT, strategies=("hard", "hard_balanced"))


def test_fresh_examples_are_those_that_the_rule_would_keep(learner):
    cell = Cell(300, 0.2, "hard", "theta:0", 0)
    fresh = learner.fresh(cell)
    assert len(fresh) == FRESH + 500 - 300
    pool = learner.pool(300, 0)
    margins = np.abs(learner.features.whitened[0][pool] @ learner.teacher)
    rows = pool[np.argsort(margins)[:60]]
    like = learner._like_the_kept(fresh, rows, cell)
    np.testing.assert_array_equal(
        like, np.abs(fresh @ learner.teacher) <= np.sort(margins)[59]
    )
    assert like.mean() == pytest.approx(0.2, abs=0.06)
    random = Cell(300, 0.2, "random", "none", 0)
    assert learner._like_the_kept(fresh, rows, random).all()
