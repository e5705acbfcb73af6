"""Nothing here seeds or draws from NumPy's global generator (InfoBatch reseeds it)."""

import numpy as np

from simulations.vision import metrics
from simulations.vision.clustering import kmeans
from simulations.vision.correlation import spearman_matrix
from simulations.vision.selection import select


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002 # what is watched
    points = np.random.default_rng(0).normal(size=(30, 3))
    kmeans(points, 3, key=0, batch_size=10)
    one, two = (metrics.random_scores(30, key=i) for i in range(2))
    for rule in ("hard", "random", "stratified"):
        select(one, 0.5, seed=0, rule=rule)
    spearman_matrix({"one": one, "two": two}, key=0, resamples=2)
    after = np.random.get_state()  # noqa: NPY002
    assert before[2] == after[2] and np.array_equal(before[1], after[1])
