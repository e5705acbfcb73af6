import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls
from threadpoolctl import threadpool_info

import perceptron_theory as pt
from simulations.perceptron import Status, max_margin


def separable(seed: int, count: int, dimension: int, *, batch: tuple[int, ...] = ()):
    """Examples signed by a teacher e_1, so that a margin exists."""
    x = np.random.default_rng(seed).normal(size=(*batch, count, dimension))
    x[..., 0] = np.abs(x[..., 0])
    return x


def least_distance(examples: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit w and margin by Lawson & Hanson's least-distance programming (1974, 23.4).

    Independent of the tested solver: an active-set method on the dual.
    """
    design = np.vstack([examples.T, np.ones(len(examples))])
    target = np.zeros(len(design))
    target[-1] = 1.0
    multipliers, _ = nnls(design, target, maxiter=100 * len(examples))
    residual = target - design @ multipliers
    w = -residual[:-1] / residual[-1]
    return w / np.linalg.norm(w), 1 / np.linalg.norm(w)


@pytest.mark.few(2)
@pytest.mark.parametrize("count, dimension", [(80, 25), (25, 25), (10, 25), (300, 8)])
def test_matches_an_active_set_method(count, dimension):
    examples = separable(count, count, dimension)
    w, margin = least_distance(examples)
    found = max_margin(examples)
    assert int(found.status) == Status.CONVERGED
    np.testing.assert_allclose(found.margin, margin, rtol=1e-9)
    np.testing.assert_allclose(found.weights, w, atol=1e-5)


@pytest.mark.parametrize("count", [10, 25, 80])
def test_the_certificate_is_what_it_claims(count):
    examples = separable(1, count, 25, batch=(2, 3))
    found = max_margin(examples)
    assert found.weights.shape == (2, 3, 25)
    assert found.margin.shape == found.gap.shape == found.status.shape == (2, 3)
    np.testing.assert_allclose(np.linalg.norm(found.weights, axis=-1), 1, rtol=1e-14)
    achieved = np.einsum("...pn,...n->...p", examples, found.weights).min(-1)
    np.testing.assert_allclose(achieved, found.margin, rtol=1e-11)
    multipliers = found.multipliers
    assert (multipliers >= 0).all()
    np.testing.assert_allclose(multipliers.sum(-1), 1, rtol=1e-14)
    hull = np.einsum("...pn,...p->...n", examples, multipliers)
    upper = np.linalg.norm(hull, axis=-1)
    np.testing.assert_allclose(1 - found.margin / upper, found.gap, atol=1e-13)
    assert (found.gap <= 1e-10).all() and (found.gap > -1e-13).all()


def test_a_batch_gives_what_its_members_give():
    examples = separable(2, 40, 15, batch=(4,))
    together = max_margin(examples)
    for i in range(4):
        alone = max_margin(examples[i])
        np.testing.assert_allclose(together.weights[i], alone.weights, atol=1e-9)
        assert int(together.iterations[i]) == int(alone.iterations)


@pytest.mark.parametrize(
    "examples, weights, margin",
    [
        ([[3.0, 4.0]], [0.6, 0.8], 5.0),  # one example: its own direction
        ([[2.0, 0.0], [0.0, 2.0]], [0.5**0.5, 0.5**0.5], 2**0.5),
        ([[1.0, 5.0], [1.0, -5.0], [7.0, 0.0]], [1.0, 0.0], 1.0),
        ([[1.0, 1e-6], [-1.0, 1e-6], [0.2, 3.0]], [0.0, 1.0], 1e-6),  # thin
        ([[2.0], [3.0]], [1.0], 2.0),
    ],
)
def test_cases_done_by_hand(examples, weights, margin):
    found = max_margin(examples)
    assert int(found.status) == Status.CONVERGED
    np.testing.assert_allclose(found.weights, weights, atol=1e-7)
    np.testing.assert_allclose(found.margin, margin, rtol=1e-9)


@pytest.mark.parametrize("count", [5, 40])
def test_repeating_examples_changes_nothing(count):
    examples = separable(3, count, 25)
    once, twice = max_margin(examples), max_margin(np.tile(examples, (2, 1)))
    np.testing.assert_allclose(once.weights, twice.weights, atol=1e-6)
    np.testing.assert_allclose(once.margin, twice.margin, rtol=1e-9)


@pytest.mark.parametrize("shrink", [1e-3, 1e-6, 1e-9])
def test_converges_where_the_margin_is_a_tiny_part_of_the_examples(shrink):
    """Hard pruning by a perfect probe: |w| at margin one would be 1/shrink."""
    examples = separable(4, 150, 60)
    examples[:, 0] *= shrink
    found = max_margin(examples)
    assert int(found.status) == Status.CONVERGED
    assert 0 < float(found.margin) < shrink


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_scaling_the_examples_scales_the_margin(scale):
    examples = separable(5, 40, 10)
    plain, scaled = max_margin(examples), max_margin(scale * examples)
    np.testing.assert_allclose(scaled.margin, scale * float(plain.margin), rtol=1e-9)
    np.testing.assert_allclose(scaled.weights, plain.weights, atol=1e-7)


def test_data_that_cannot_be_separated_are_reported_with_a_proof():
    noise = np.random.default_rng(6).normal(size=(3, 120, 20))  # load 6 > 2 (Cover)
    noise[1] = separable(7, 120, 20)  # the neighbours of the failures are untouched
    found = max_margin(noise)
    assert found.status.tolist() == [
        Status.NOT_SEPARABLE,
        Status.CONVERGED,
        Status.NOT_SEPARABLE,
    ]
    assert (
        np.isnan(found.weights[[0, 2]]).all() and np.isnan(found.margin[[0, 2]]).all()
    )
    hull = np.einsum("pn,p->n", noise[0], found.multipliers[0])
    assert np.linalg.norm(hull) < 1e-11 and (found.multipliers[0] >= 0).all()
    np.testing.assert_allclose(found.margin[1], least_distance(noise[1])[1], rtol=1e-9)


@pytest.mark.parametrize(
    "examples", [[[1.0, 2.0], [-1.0, -2.0]], [[0.0, 0.0]], [[1.0, 0], [-1, 0], [0, 1]]]
)
def test_a_margin_of_zero_is_not_separable(examples):
    assert int(max_margin(examples).status) == Status.NOT_SEPARABLE


def of_lengths(examples: np.ndarray, spread: float) -> np.ndarray:
    lengths = np.logspace(-spread, spread, len(examples))
    return examples * np.random.default_rng(0).permutation(lengths)[:, None]


@pytest.mark.few(2)
@pytest.mark.parametrize("count, dimension", [(40, 20), (20, 40), (200, 30)])
def test_lengths_of_the_examples_do_not_decide_whether_they_are_separated(
    count, dimension
):
    spread = 7
    for seed in range(5):
        found = max_margin(of_lengths(separable(seed, count, dimension), spread))
        assert int(found.status) == Status.CONVERGED and float(found.margin) > 0
    noise = np.random.default_rng(0).normal(size=(3 * dimension, dimension))
    found = max_margin(of_lengths(noise, spread))
    assert int(found.status) == Status.NOT_SEPARABLE
    lengths = np.linalg.norm(noise, axis=1)
    assert np.linalg.norm(found.multipliers @ of_lengths(noise, spread)) < 1e-12 * (
        found.multipliers @ of_lengths(lengths[:, None], spread)
    )


@pytest.mark.parametrize("spread", [12, 30, 150])
def test_what_is_not_proved_is_not_claimed(spread):
    for seed in range(3):
        found = max_margin(of_lengths(separable(seed, 40, 20), spread))
        assert int(found.status) != Status.NOT_SEPARABLE


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda x: np.r_[x, -x[:1]],
        lambda x: np.r_[x, -3 * x[4:6]],
        lambda x: np.r_[x, -(x[:1] + x[1:2])],
        lambda x: np.r_[x, 0 * x[:1]],
        lambda x: of_lengths(np.r_[x, -x[:1]], 7),
        lambda x: np.c_[np.r_[x, -x], np.zeros(2 * len(x))],
    ],
    ids=["opposite", "two", "three", "zero", "lengths", "flat"],
)
def test_a_set_that_is_just_not_separated_is_so_with_a_proof(spoiled):
    sets = np.stack([spoiled(separable(seed, 40, 20)) for seed in range(10)])
    found = max_margin(sets)
    assert (found.status == Status.NOT_SEPARABLE).all()
    assert np.isnan(found.weights).all() and np.isnan(found.margin).all()
    multipliers = found.multipliers
    assert (multipliers >= 0).all() and np.allclose(multipliers.sum(-1), 1)
    hull = np.einsum("spn,sp->sn", sets, multipliers)
    size = np.einsum("sp,sp->s", np.linalg.norm(sets, axis=-1), multipliers)
    assert (np.linalg.norm(hull, axis=-1) <= 1e-14 * size).all()


@pytest.mark.parametrize("height", [1e-11, 1e-13])
def test_a_margin_of_nearly_zero_is_separable(height):
    found = max_margin([[1.0, height], [-1.0, height], [0.2, 3.0]])
    assert int(found.status) == Status.CONVERGED
    assert float(found.margin) == pytest.approx(height)


@pytest.mark.parametrize("height", [1e-17, 1e-150, 1e-300])
def test_what_a_small_coordinate_separates_is_not_said_to_be_inseparable(height):
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(size=(30, 5))
        noise[:, 4] = height * abs(noise[:, 4])  # separated by the last direction
        found = max_margin(noise)
        assert int(found.status) != Status.NOT_SEPARABLE
        spoiled = np.r_[noise, -(noise[:1] + noise[1:2])]
        found = max_margin(spoiled)
        assert int(found.status) == Status.NOT_SEPARABLE
        left = abs(found.multipliers @ spoiled)
        assert (left < 1e-14 * abs(spoiled).max(axis=0)).all()
    pair = max_margin([[1.0, height], [-1.0, height]])
    assert int(pair.status) in (Status.CONVERGED, Status.ROUNDING)
    if int(pair.status) == Status.ROUNDING:  # its weights are no numbers then
        assert np.isnan(pair.weights).all() and np.isnan(float(pair.margin))
        assert float(pair.gap) >= 1


def test_coordinates_of_any_size_do_not_decide_what_is_proved():
    sizes = np.logspace(-150, 150, 20)
    for seed in range(3):
        pair = separable(seed, 40, 20)
        pair[-1] = -pair[0]
        for scaled in (
            pair * sizes,
            of_lengths(pair, 150),
            of_lengths(pair, 100) * 1e40,
        ):
            opposite = scaled.copy()
            opposite[-1] = -2.0 * opposite[0]
            assert int(max_margin(opposite).status) == Status.NOT_SEPARABLE


@pytest.mark.slow
def test_claims_inside_a_transformation_are_proved_too():
    with jax.enable_x64(True):
        status = jax.jit(jax.vmap(lambda x: max_margin(x).status))
        noise = np.random.default_rng(0).normal(size=(1, 60, 20))
        fine = of_lengths(separable(0, 60, 20), 7)[None]
        pair = separable(0, 60, 20)[None].copy()
        pair[0, -1] = -pair[0, 0]
        found = status(np.concatenate([noise, fine, pair])).tolist()
    assert found == [Status.NOT_SEPARABLE, Status.CONVERGED, Status.ROUNDING]


def test_too_few_iterations_are_reported():
    found = max_margin(separable(8, 60, 20), max_iterations=3)
    assert int(found.status) == Status.MAX_ITERATIONS
    assert float(found.gap) > 1e-10


def test_float32_and_integers_are_trained_in_float64():
    examples = separable(9, 40, 10).astype(np.float32)
    found = max_margin(examples)
    assert all(isinstance(leaf, np.ndarray) for leaf in vars(found).values())
    assert found.margin.dtype == found.weights.dtype == np.float64
    np.testing.assert_allclose(
        found.margin, max_margin(examples.astype(np.float64)).margin, rtol=1e-14
    )
    assert float(max_margin([[3, 4]]).margin) == pytest.approx(5.0, rel=1e-14)
    assert not jax.config.read("jax_enable_x64")  # the caller's setting is untouched


@pytest.mark.parametrize("shape", [(3,), (), (0, 3), (3, 0), (0, 2, 2)])
def test_shapes_without_examples_are_refused(shape):
    with pytest.raises(pt.InputError, match=r"shape \(\.\.\., P, N\)"):
        max_margin(np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_place(bad):
    examples = np.ones((2, 3, 4))
    examples[1, 2, 0] = bad
    with pytest.raises(pt.InputError, match=r"index \(1, 2, 0\)"):
        max_margin(examples)


def test_complex_numbers_and_bad_tolerances_are_refused():
    with pytest.raises(pt.InputError, match="real"):
        max_margin(np.ones((2, 2), complex))
    with pytest.raises(pt.InputError, match="tolerance"):
        max_margin(np.ones((2, 2)), tolerance=0.0)


@pytest.mark.slow
def test_under_tracing_it_works_with_x64_and_refuses_without():
    examples = separable(10, 30, 10, batch=(2,))
    traced = jax.jit(jax.vmap(lambda x: max_margin(x).margin))
    with pytest.raises(pt.PrecisionError, match="jax_enable_x64"):
        traced(examples)
    with pytest.raises(pt.PrecisionError, match="jax_enable_x64"):
        jax.jit(lambda a: a * max_margin(examples).margin)(1.0)
    with jax.enable_x64(True):
        np.testing.assert_allclose(traced(examples), max_margin(examples).margin)
        spoiled = np.where(np.arange(30)[:, None] == 3, np.nan, examples)
        status = jax.jit(lambda x: max_margin(x).status)(spoiled)
    assert np.asarray(status).tolist() == [Status.INVALID] * 2


def test_training_is_compiled_once_for_a_shape():
    from simulations.perceptron.students.hard_margin_programs import _program

    max_margin(separable(11, 21, 7))
    before = _program.cache_info().misses
    max_margin(separable(12, 21, 7), tolerance=1e-8)
    assert _program.cache_info().misses == before


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_scale_of_the_examples_does_not_matter(scale):
    examples = np.array([[1.0, 0.1], [-0.5, 0.3]])
    student, scaled = max_margin(examples), max_margin(examples * scale)
    assert float(scaled.margin) / scale == pytest.approx(float(student.margin))
    np.testing.assert_allclose(scaled.weights, student.weights, rtol=1e-10)


def test_a_student_does_not_depend_on_its_neighbours_to_the_last_bit(monkeypatch):
    module = sys.modules["simulations.perceptron.students.hard_margin_programs"]
    monkeypatch.setattr(module, "cores", lambda: 2)  # parts of three and two sets
    threads = [library["num_threads"] for library in threadpool_info()]
    sets = separable(13, 90, 20, batch=(5,))
    together = max_margin(sets)
    other = max_margin(
        np.concatenate([sets[2:3], 7 * separable(14, 90, 20, batch=(4,))])
    )
    for name, leaf in vars(other).items():
        np.testing.assert_array_equal(leaf[0], getattr(together, name)[2], name)
    assert [library["num_threads"] for library in threadpool_info()] == threads


@pytest.mark.slow
def test_steps_in_float32_are_certified_in_float64():
    examples = separable(15, 120, 20, batch=(2, 2))
    examples[1, 1] = np.random.default_rng(15).normal(size=(120, 20))
    double, single = max_margin(examples), max_margin(examples, precision="float32")
    assert single.status.tolist() == [[0, 0], [0, int(Status.NOT_SEPARABLE)]]
    assert single.margin.dtype == np.float64 and (single.gap.ravel()[:3] <= 1e-10).all()
    np.testing.assert_allclose(single.margin, double.margin, rtol=1e-9)
    achieved = np.einsum("...pn,...n->...p", examples, single.weights).min(-1)
    np.testing.assert_allclose(achieved[0], single.margin[0], rtol=1e-11)


def test_float32_steps_never_compute_in_float64():
    from simulations.perceptron.students.hard_margin_programs import _screen_sets

    with jax.enable_x64(False):
        program = jax.make_jaxpr(_screen_sets)(np.ones((1, 30, 9), np.float32), 100)
    assert "f64" not in str(program) and "f32" in str(program)


def test_an_unknown_precision_is_refused():
    with pytest.raises(pt.InputError, match="'float32', got 'half'"):
        max_margin(np.ones((2, 2)), precision="half")


@pytest.mark.slow
@pytest.mark.parametrize("lost", [True, False])
def test_a_working_set_that_lacks_a_carrier_is_noticed(monkeypatch, lost):
    """Candidates chosen wrongly on purpose: all examples are trained on in the end."""
    from simulations.perceptron.students import working_set

    examples = separable(16, 160, 20)
    columns = (examples / np.sqrt((examples**2).sum() / 160)).T
    with jax.enable_x64(True):
        screened = working_set.screen(jax.numpy.asarray(columns), 100)
        if lost:
            worst = np.argsort(screened.slack)[:5]
            slack = screened.slack.at[worst].set(1e3)
            screened = screened._replace(slack=slack)
        found = working_set.finish(jax.numpy.asarray(columns), screened, 1e-10, 100)
    _, margin = least_distance(columns.T)
    np.testing.assert_allclose(found.lower, margin, rtol=1e-9)
    achieved = (columns.T @ np.asarray(found.w)).min()
    np.testing.assert_allclose(achieved, found.lower, rtol=1e-11)


@pytest.mark.slow
def test_steps_that_overflow_in_float32_prove_nothing():
    """As on 8,192 real images: weights NaN, slack infinite, a bound of infinity."""
    from simulations.perceptron.students.hard_margin_programs import _scale
    from simulations.perceptron.students.working_set import finish, screen

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8))
    x *= np.sign(x[:, :1])
    expected = max_margin(x)
    with jax.enable_x64(True):
        columns, length = _scale(jnp.asarray(x))
        good = screen(columns, 100)
        bad = good._replace(
            w=good.w * jnp.nan, slack=good.slack * jnp.inf, lower=jnp.float32(jnp.inf)
        )
        found = finish(columns, bad, 1e-10, 100)
        np.testing.assert_allclose(found.lower * length, expected.margin, rtol=1e-9)
        np.testing.assert_allclose(found.w, expected.weights, atol=1e-5)


def test_a_bound_that_is_not_finite_is_no_certificate():
    from simulations.perceptron.students.interior_point import _certify, start

    with jax.enable_x64(True):
        columns = jnp.asarray(np.random.default_rng(0).normal(size=(3, 20)))
        state = start(columns)
        worse = _certify(state._replace(margins=state.margins * jnp.inf))
        assert worse.lower == state.lower and worse.since_better == 1
        worse = _certify(state._replace(multipliers=state.multipliers * jnp.inf))
        assert worse.upper == state.upper
