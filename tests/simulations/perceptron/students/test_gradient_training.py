import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import quad

import perceptron_theory as pt
from simulations.perceptron import Gradient, Point, max_margin
from simulations.perceptron.data.pruned_pools import training_sets
from simulations.perceptron.students.convex import train

SETS = np.array(training_sets(Point(2.0, 0.5), size=20, draws=6, seed=0))
KEYS = jax.random.split(jax.random.key(0), 6)
FULL = {"batch_size": None, "learning_rate": 0.5}


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.sum(one * other, axis=1)


def random_sets(load: float, size: int, draws: int) -> np.ndarray:
    point = Point(load, 1.0, rule="random")
    return np.array(training_sets(point, size=size, draws=draws, seed=1))


def errors(weights: np.ndarray) -> np.ndarray:
    return np.arctan2(np.linalg.norm(weights[:, 1:], axis=1), weights[:, 0]) / np.pi


@pytest.mark.few(1)
@pytest.mark.parametrize("loss", ["logistic", "hinge", "square"])
def test_one_step_on_all_examples_is_hebbs_rule(loss):
    found = Gradient(loss=loss, epochs=1, **FULL)(SETS, KEYS)
    hebb = SETS.sum(1) / np.linalg.norm(SETS.sum(1), axis=1, keepdims=True)
    np.testing.assert_allclose(found.weights, hebb, atol=1e-12)


def test_hebbs_rule_has_its_known_error():
    """Random examples: R = (1 + pi/(2 alpha))^(-1/2) at N -> infinity."""
    found = Gradient(epochs=1, **FULL)(
        random_sets(2.0, 100, 200), jax.random.split(KEYS[0], 200)
    )
    exact = math.acos((1 + math.pi / 4) ** -0.5) / math.pi
    mean, spread = errors(found.weights).mean(), errors(found.weights).std()
    assert abs(mean - exact) < 4 * spread / 200**0.5 + exact / 100


def stopped_error(load: float, time: float, rate: float) -> float:
    """Square loss after ``time`` steps on random examples, N -> infinity.

    y = a u + noise, a^2 = 2/pi, u along the teacher: linear regression with a noise of
    variance 1 - a^2.  Steps shrink what is left to learn along an eigenvector of X'X/P
    by 1 - rate e, and the eigenvalues e follow Marchenko and Pastur.
    """
    low, high = (1 - load**-0.5) ** 2, (1 + load**-0.5) ** 2

    def mean(function):
        density = lambda e: (  # noqa: E731
            load * math.sqrt((high - e) * (e - low)) / (2 * math.pi * e)
        )
        return quad(lambda e: density(e) * function(e), low, high)[0]

    learnt = lambda e: 1 - (1 - rate * e) ** time  # noqa: E731
    along = math.sqrt(2 / math.pi) * mean(learnt)
    signal = 2 / math.pi * mean(lambda e: learnt(e) ** 2)
    noise = (1 - 2 / math.pi) / load * mean(lambda e: learnt(e) ** 2 / e)
    return math.acos(along / math.sqrt(signal + noise)) / math.pi


@pytest.mark.few(1)
@pytest.mark.parametrize("epochs", [1, 4, 30])
def test_descent_stopped_early_has_the_error_of_its_law(epochs):
    sets = random_sets(2.0, 100, 200)
    student = Gradient(loss="square", batch_size=None, learning_rate=0.3, epochs=epochs)
    found = errors(student(sets, jax.random.split(KEYS[0], 200)).weights)
    exact = stopped_error(2.0, epochs, 0.3)
    assert abs(found.mean() - exact) < 4 * found.std() / 200**0.5 + exact / 100
    # another time is another error: the test can fail
    assert abs(stopped_error(2.0, 2 * epochs, 0.3) / exact - 1) > 0.03


@pytest.mark.slow
def test_logistic_descent_drifts_to_the_largest_margin():
    """Implicit bias on separable data, logarithmically slow (Soudry et al. 2018)."""
    best = max_margin(SETS).weights
    angles = [
        np.arccos(
            overlap(Gradient(batch_size=8, epochs=n)(SETS, KEYS).weights, best)
        ).mean()
        for n in (1, 10, 100, 1000)
    ]
    assert (np.diff(angles) < -0.15 * np.array(angles[:-1])).all()
    assert angles[-1] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["logistic", "squared_hinge", "square"])
def test_with_a_ridge_it_is_the_student_of_the_convex_loss(loss):
    exact = train(SETS, loss, ridge=0.3).weights
    student = Gradient(loss=loss, ridge=0.3, epochs=1000, **FULL)
    found = student(SETS, KEYS)
    cosine = overlap(found.weights, exact) / np.linalg.norm(exact, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-9)
    few = Gradient(loss=loss, ridge=0.3, epochs=3, **FULL)(SETS, KEYS)
    assert (overlap(few.weights, found.weights) < 1 - 1e-4).all()


@pytest.mark.few(1)
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adagrad", "rmsprop", "lion"])
def test_every_optimizer_learns_until_no_mistake_is_left(optimizer):
    student = Gradient(optimizer=optimizer, complete=True, epochs=3000, batch_size=8)
    found = student(SETS, KEYS)
    assert found.done.all() and (found.certificate == 0).all()
    margins = np.einsum("bpn,bn->bp", SETS, found.weights).min(1)
    np.testing.assert_allclose(margins, found.columns["margin"], rtol=1e-6)
    assert (margins > 0).all()
    # one epoch less leaves a mistake
    assert (found.columns["epochs"] > 1).any()
    last = found.columns["epochs"].max()
    stopped = Gradient(optimizer=optimizer, epochs=int(last) - 1, batch_size=8)
    slowest = found.columns["epochs"] == last
    assert (stopped(SETS, KEYS).certificate[slowest] > 0).all()


@pytest.mark.slow
def test_an_optimizer_of_ones_own():
    own = Gradient(optimizer=optax.sgd(0.1), learning_rate=None, label="mine")
    np.testing.assert_array_equal(
        own(SETS, KEYS).weights, Gradient()(SETS, KEYS).weights
    )
    assert "optimizer=mine" in own.name
    for wrong in ({"label": ""}, {"learning_rate": 0.1}):
        options = {"learning_rate": None, "label": "mine"} | wrong
        with pytest.raises(pt.InputError, match="of your own"):
            Gradient(optimizer=optax.sgd(0.1), **options)


def test_a_users_loss():
    mine = Gradient(loss=lambda m: jnp.logaddexp(0.0, -m))
    np.testing.assert_allclose(
        mine(SETS, KEYS).weights, Gradient()(SETS, KEYS).weights, atol=1e-9
    )


@pytest.mark.slow
def test_early_stopping_holds_examples_out():
    """More and noisier: the held-out loss turns up again, and its least is kept."""
    rng = np.random.default_rng(0)
    sets = random_sets(2.0, 20, 6) * np.where(rng.random((6, 40, 1)) < 0.2, -1, 1)
    options = {"epochs": 500, "batch_size": 4}
    stopped = Gradient(early_stopping=0.25, **options)(sets, KEYS)
    full = Gradient(**options)(sets, KEYS)
    assert stopped.done.all()
    assert (stopped.columns["epochs"] < 500).all()
    assert errors(stopped.weights).mean() < errors(full.weights).mean()
    # ten of forty are not trained on, and the training error is that of the thirty
    count = stopped.certificate / np.maximum(stopped.columns["training_error"], 1e-9)
    some = stopped.certificate > 0
    np.testing.assert_allclose(count[some], 30)


def test_what_diverges_is_not_done():
    student = Gradient(loss="square", learning_rate=1e3, batch_size=None, epochs=200)
    found = student(SETS, KEYS)
    assert not found.done.any()


@pytest.mark.few(9)
@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "logstic"},
        {"optimizer": "adm"},
        {"learning_rate": 0.0},
        {"learning_rate": None},
        {"batch_size": 0},
        {"epochs": 0},
        {"ridge": -1.0},
        {"early_stopping": 1.0},
        {"patience": 0},
        {"label": "mine"},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(pt.InputError, match=next(iter(wrong))):
        Gradient(**wrong)
