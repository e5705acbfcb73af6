"""Data with planted duplicates, label errors and rare examples, and models of it.

Three round classes in the plane.  Rare: lone points beside a class that is not theirs.
Duplicates: many copies of one typical point.
"""

from functools import cache
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

CLASSES = 3


def _at(angle, radius):
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


@cache
def planted():
    rng = np.random.default_rng(0)
    angles = np.deg2rad(90 + 120 * np.arange(CLASSES))
    labels = np.arange(240) % CLASSES
    points = _at(angles[labels], 3.0) + 0.5 * rng.standard_normal((240, 2))
    right = labels.copy()
    errors = np.arange(0, 240, 24)
    labels[errors] = (labels[errors] + 1) % CLASSES
    rare_at = np.concatenate([angles + np.deg2rad(25), angles - np.deg2rad(25)])
    rare_label = np.concatenate([np.arange(3) + 1, np.arange(3) + 2]) % CLASSES
    copies = np.repeat(_at(angles[:1], 3.0), 20, axis=0)
    data = SimpleNamespace(
        points=np.concatenate([points, _at(rare_at, 6.0), copies]),
        labels=np.concatenate([labels, rare_label, np.zeros(20, int)]),
        errors=errors,
        rare=np.arange(240, 246),
        duplicates=np.arange(246, 266),
    )
    special = np.concatenate([data.errors, data.rare, data.duplicates])
    data.typical = np.setdiff1d(np.arange(len(data.labels)), special)
    # a test set of the truth, with the rare examples in their share
    near = _at(rare_at, 6.0) + 0.1 * rng.standard_normal((6, 2))
    data.test_points = np.concatenate([points + 0.05, near])
    data.test_labels = np.concatenate([right, rare_label])
    return data


def loss(params, x, y):
    return -jax.nn.log_softmax(x @ params["w"] + params["b"])[y]


@cache
def trained(seed=0, epochs=15, copies=20):
    """A softmax regression: its parameters and what was right as it was presented.

    Of the duplicates only the first ``copies`` are learned.
    """
    data = planted()
    key = jax.random.key(seed)
    params = {
        "w": 0.1 * jax.random.normal(key, (2, CLASSES)),
        "b": jnp.zeros(CLASSES),
    }
    xs, ys = jnp.asarray(data.points), jnp.asarray(data.labels)

    def step(params, i):
        right = (xs[i] @ params["w"] + params["b"]).argmax() == ys[i]
        slope = jax.grad(loss)(params, xs[i], ys[i])
        rate = jnp.where(i < data.duplicates[0] + copies, 0.05, 0.0)
        return jax.tree.map(lambda p, g: p - rate * g, params, slope), right

    @jax.jit
    def epoch(params, key):
        order = jax.random.permutation(key, len(xs))
        params, right = jax.lax.scan(step, params, order)
        return params, jnp.zeros(len(xs), bool).at[order].set(right)

    rights = []
    for i in range(epochs):
        params, right = epoch(params, jax.random.fold_in(key, i))
        rights.append(np.asarray(right))
    return params, np.stack(rights)


def logits(params, points):
    return np.asarray(points @ params["w"] + params["b"])


@cache
def subset_models(count=400, share=0.7, seed=0):
    """Nearest-neighbour classifiers of random subsets: members, right, votes."""
    data = planted()
    rng = np.random.default_rng(seed)
    member = rng.random((count, len(data.labels))) < share
    squares = ((data.points[:, None] - data.points) ** 2).sum(-1)
    to_test = ((data.test_points[:, None] - data.points) ** 2).sum(-1)
    votes, test = [], []
    for row in member:
        inside = np.flatnonzero(row)
        votes.append(data.labels[inside[squares[:, inside].argmin(1)]])
        test.append(data.labels[inside[to_test[:, inside].argmin(1)]])
    votes, test = np.stack(votes), np.stack(test)
    return SimpleNamespace(
        member=member,
        votes=votes,
        correct=votes == data.labels,
        test_correct=test == data.test_labels,
    )


def above(scores, some, others, share=0.9):
    """The chance that a score of ``some`` exceeds one of ``others`` is ``share``."""
    one, two = scores[some][:, None], scores[others]
    return ((one > two) + 0.5 * (one == two)).mean() >= share
