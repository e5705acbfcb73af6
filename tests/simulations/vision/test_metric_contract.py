"""One suite over every metric, ours and those of users: what all of them promise."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import outside
import pytest
import tiny
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision import metrics
from simulations.vision.data import Images
from simulations.vision.metrics import METRICS, Metric, metric_of, metric_text
from simulations.vision.score_files import read_scores, write_scores
from simulations.vision.scoring import score_dataset
from simulations.vision.selection import select
from simulations.vision.training import Recipe
from simulations.vision.training.run_folder import claim

OURS = [kind() for kind in METRICS.values()]
OUTSIDE = [outside.MeanMargin(), outside.SpreadOfModels(), outside.ClassSize()]
EVERY = OURS + OUTSIDE
PLANTED = [one for one in EVERY if one.name not in ("random", "grand")]
NAMED = pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)

CLASSES, MODELS = 4, 20
# the last class has half as many examples, all of them hard in every array
LABELS = np.repeat(np.arange(CLASSES), (12, 12, 12, 6))
HARD = LABELS == CLASSES - 1
COUNT = len(LABELS)


def _dataset(order=None):
    order = np.arange(COUNT) if order is None else order
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 4, 4, 3), np.uint8)
    ids = np.array([f"made/{i:02d}" for i in range(COUNT)])[order]
    names = tuple("abcd")
    return Images("made", images[order], LABELS[order], tuple(ids), names)


def _arrays():
    """By name: in all of them the hard examples are as such ones are."""
    rng = np.random.default_rng(1)
    centers = 4 * np.eye(CLASSES, 6)
    spread = np.where(HARD, 3.0, 0.1)[:, None]
    points = centers[LABELS] + spread * rng.normal(size=(COUNT, 6))
    sure = 6 * np.eye(CLASSES)[LABELS]
    unsure = rng.normal(size=(MODELS, COUNT, CLASSES))
    logits = np.where(HARD[:, None], unsure, sure + 0.1 * unsure)
    member = rng.random((MODELS, COUNT)) < 0.5
    member[:2] = [[True], [False]]
    learned = member | ~HARD
    return {
        "embeddings": points,
        "logits": logits,
        "epoch_logits": logits,
        "member": member,
        "correct": learned,
        "test_correct": learned,  # example i alone teaches test example i
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a network that has not begun."""
    folder = tmp_path_factory.mktemp("run")
    recipe = Recipe(**(tiny.RECIPE | {"batch_size": 8, "fixed_epochs": 2}))
    where = tiny.plan().placement
    claim(folder, type(tiny.plan())(_dataset(), recipe, 0, where))
    return folder


def _given(metric, run, order=None):
    """What a metric needs, of the examples in some order."""
    order = np.arange(COUNT) if order is None else order
    found = {}
    for one in metric.needs:
        name = "test_correct" if one is metrics.TEST_CORRECT else one.name
        if one is metrics.RUN:
            found[one.name] = run
        elif one.examples is None:
            found[one.name] = _arrays()[name]
        else:
            found[one.name] = np.take(_arrays()[name], order, axis=one.examples)
    return found


def _score(metric, run, *, order=None, seed=0, **changes):
    if metric.name == "grand":
        metric = replace(metric, initial=True)
    given = _given(metric, run, order) | changes
    return score_dataset(_dataset(order), metric, given, seed=seed)


def _refused(run):
    with pytest.raises(InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.few(3)
@NAMED
def test_scores_are_one_finite_number_an_example_and_the_same_again(metric, run):
    found = _score(metric, run)
    assert found.metric == metric.name and found.ids == _dataset().ids
    assert found.scores.shape == (COUNT,) and found.scores.dtype == np.float64
    assert np.isfinite(found.scores).all() and len(set(found.scores)) > 1
    np.testing.assert_array_equal(found.scores, _score(metric, run).scores)
    each = found.per_model
    if each is not None:
        np.testing.assert_allclose(each.mean(0), found.scores)


@NAMED
def test_scores_go_with_the_examples_whatever_their_order(metric, run):
    if metrics.RUN in metric.needs:
        order = np.arange(COUNT)[::-1]
        assert "was trained on made" in _refused(
            lambda: _score(metric, run, order=order)
        )
        return
    found = _score(metric, run).scores
    if metric.name == "random":  # it belongs to places, and to the seed
        assert not np.allclose(found, _score(metric, run, seed=1).scores)
        return
    np.testing.assert_allclose(found, _score(metric, run, seed=1).scores, rtol=1e-6)
    order = np.random.default_rng(2).permutation(COUNT)
    moved = _score(metric, run, order=order).scores
    np.testing.assert_allclose(moved, found[order], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("metric", PLANTED, ids=lambda metric: metric.name)
def test_high_is_hard_in_every_file(metric, run, tmp_path):
    scores = _score(metric, run)
    assert scores.scores[HARD].mean() > scores.scores[~HARD].max()
    file = tmp_path / f"{metric.name}.parquet"
    write_scores(file, scores)
    back = read_scores(file, _dataset())
    assert back.metric == metric.name and dict(back.recipe) == dict(scores.recipe)
    np.testing.assert_array_equal(back.scores, scores.scores)
    kept = select(back.scores, HARD.sum() / COUNT, seed=0)
    assert HARD[kept.indices].mean() > 0.5 > HARD.mean()


@pytest.mark.unchecked
@NAMED
def test_what_is_missing_or_foreign_is_refused_in_one_line(metric, run):
    for one in metric.needs:
        rest = {k: v for k, v in _given(metric, run).items() if k != one.name}
        if one.otherwise is None:
            said = _refused(lambda rest=rest: score_dataset(_dataset(), metric, rest))
            assert f"{metric.name} needs" in said and one.name in said
        if one.examples is not None:
            short = np.delete(_given(metric, run)[one.name], 0, axis=one.examples)
            said = _refused(lambda o=one, s=short: _score(metric, run, **{o.name: s}))
            assert f"{one.name} has {COUNT - 1} examples, made {COUNT}" in said
        if one.is_array:
            bad = np.full(np.shape(_given(metric, run)[one.name]), np.nan)
            _refused(lambda o=one, b=bad: _score(metric, run, **{o.name: b}))
    said = _refused(lambda: _score(metric, run, unheard=np.ones(COUNT)))
    assert f"{metric.name} takes no unheard" in said
    text = metric_text(metric)
    assert "unheard" in _refused(lambda: metric_of(text, unheard=1))


OPTIONS = [
    metrics.Prototypes(n_clusters=3, distance="euclidean", tolerance=1e-3),
    metrics.SupervisedPrototypes("euclidean"),
    metrics.GraND(initial=True),
    metrics.DDD("classes"),
    metrics.Influence("sum_abs", 0.1),
    metrics.Memorization(0.01),
    metrics.ActiveLearning("variation_ratio"),
    metrics.Forgetting("zero"),
    metrics.Forgetting(2.5),
    outside.MeanMargin("min", 2),
]


@pytest.mark.parametrize("metric", [*EVERY, *OPTIONS], ids=metric_text)
def test_the_text_of_a_metric_names_it_with_its_options(metric):
    text = metric_text(metric)
    found = metric_of(text)
    assert type(found) is type(metric) and metric_text(found) == text
    assert vars(found) == vars(metric)
    assert text.startswith(f"{metric.name}" if metric.name in METRICS else "outside:")


@NAMED
def test_a_metric_says_what_it_costs_and_what_its_scores_mean(metric):
    assert metric.cost and metric.high_is in ("hard", "easy")
    assert inspect.getdoc(type(metric))


def test_help_and_documentation_name_all_metrics():
    said = CliRunner().invoke(app, ["score", "--help"], env={"COLUMNS": "200"}).stdout
    page = Path(__file__).parents[3] / "docs/real_data.md"
    for name in METRICS:
        assert name in said and f"`{name}`" in page.read_text()


class _Word:
    name: ClassVar = "word"
    needs: ClassVar = ()
    high_is: ClassVar = "hard"

    def score(self, given):
        return given.labels * 1.0


def _lacking(**parts):
    return type("Mine", (_Word,), parts)()


def test_an_object_of_all_parts_needs_no_base_class():
    assert not issubclass(_Word, Metric)
    np.testing.assert_array_equal(score_dataset(_dataset(), _Word()).scores, LABELS)


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        (_lacking(name=None), "Mine is not a metric: it lacks name, one word"),
        (_lacking(name="two words"), "Mine.name must be one word"),
        (_lacking(needs=None), "Mine is not a metric: it lacks needs, a tuple"),
        (_lacking(needs=("logits",)), "Mine.needs must be a tuple of metrics.Needed"),
        (_lacking(score=None), "Mine is not a metric: it lacks score, a method"),
        (_lacking(score=3), "Mine is not a metric: it lacks score, a method"),
        (_lacking(high_is="low"), 'Mine.high_is must be "hard" or "easy", got \'low\''),
        (_lacking(variant_option="which"), "which is not one of its options"),
        (type("Mine", (Metric,), {"name": "a", "needs": ()})(), "it lacks score"),
        (type("Mine", (Metric,), {"score": print})(), "it lacks name"),
        (outside.MeanMargin, "give an instance, MeanMargin(...)"),
        (3, "int is not a metric: it lacks name"),
        ("elen", "did you mean 'el2n'"),
        ("no.such:Thing", "unknown metric 'no.such:Thing'"),
        ("outside:Nothing", "outside has no Nothing"),
        ("outside:MeanMargin:every=2", "unknown option of outside:MeanMargin:every"),
        ("outside:halves", "function is not a metric: it lacks name"),
        ("outside:MeanMargin:last", "'last' is not an option: write name=value"),
    ],
)
def test_an_object_that_lacks_a_part_is_refused_by_name(metric, says):
    assert says in _refused(lambda: score_dataset(_dataset(), metric))
    assert says in _refused(lambda: metric_text(metric))


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int8, np.float16])
def test_scores_of_every_type_of_number_are_negated_as_numbers(kind):
    """The negative of uint8 1 is 255, and that of int8 -128 is itself."""
    counts = np.arange(COUNT).astype(kind)
    counts[0] = np.iinfo(kind).min if kind == np.int8 else 0
    given = metrics.Scored(counts, np.stack([counts, counts]))
    metric = _lacking(score=lambda self, _: given, high_is="easy")
    found = score_dataset(_dataset(), metric)
    np.testing.assert_array_equal(found.scores, -counts.astype(float))
    np.testing.assert_array_equal(found.per_model, [-counts.astype(float)] * 2)


def test_scores_that_are_no_scores_are_refused():
    for bad, says in (
        (np.ones(3), "gave scores of shape (3,)"),
        (np.full(COUNT, np.nan), "scores of word[0] is nan"),
        ([["a"] * COUNT], "gave scores of shape (1, 42)"),
        (None, "word gave None as scores: return one number per example"),
        ([[1.0], *[1.0] * (COUNT - 1)], "scores of word cannot be read as one array"),
        (["a"] * COUNT, "scores of word must be numbers, got <U1"),
        (np.ones(COUNT, bool), "scores of word must be numbers, got bool"),
        ([None] * COUNT, "scores of word must be numbers, got object"),
        (metrics.Scored(np.ones(COUNT), ["a"]), "per_model of word must be numbers"),
    ):
        for high in ("hard", "easy"):
            metric = _lacking(score=lambda self, given, bad=bad: bad, high_is=high)
            assert says in _refused(lambda m=metric: score_dataset(_dataset(), m))
    said = _refused(lambda: score_dataset(_dataset(), outside.ClassSize(), over="a"))
    assert "over is an option of the metric: give it to ClassSize(...)" in said


def _command(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_a_metric_of_a_user_from_the_command_line_to_a_selection(tmp_path):
    labels = tiny.TRAIN.labels
    logits = np.random.default_rng(0).normal(size=(3, len(labels), 10))
    logits[:, np.arange(len(labels)), labels] += np.linspace(0, 20, len(labels))
    np.save(tmp_path / "epochs.npy", logits)
    for name, metric, more in (
        ("text", "outside:MeanMargin:over=min", []),
        ("option", "outside:MeanMargin", ["--variant", "min"]),
    ):
        out = tmp_path / f"{name}.parquet"
        array = f"epoch_logits={tmp_path / 'epochs.npy'}"
        done = _command("score", metric, "--array", array, *more, "-o", out)
        assert done.exit_code == 0, done.stderr
    found = read_scores(tmp_path / "text.parquet", tiny.TRAIN)
    assert found.metric == "mean_margin" and found.recipe["over"] == "min"
    again = read_scores(tmp_path / "option.parquet", tiny.TRAIN)
    np.testing.assert_array_equal(again.scores, found.scores)
    kept = tmp_path / "kept.npy"
    done = _command("select", tmp_path / "text.parquet", "-f", 0.3, "-o", kept)
    assert done.exit_code == 0, done.stderr
    # hard are those of small margins, which were planted at the beginning
    assert (np.load(kept) < len(labels) // 2).mean() > 0.95


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["outside:MeanMargin"], "mean_margin needs epoch_logits"),
        (["outside:Nothing"], "outside has no Nothing"),
        (["outside:MeanMargin", "--clusters", 3], "mean_margin has no such option"),
        (["outside:MeanMargin", "--array", "epochs.npy"], "must be NAME=FILE"),
        (["el2n", "--array", "epoch_logits=a.npy"], "el2n takes no epoch_logits"),
        (["el2n", "--array", "logits=none.npy"], "none.npy is not a .npy file"),
        (["el2n:power=2"], "unknown option of el2n 'power'"),
        (["random", "--precision", 0.1], "it is for influence and memorization"),
    ],
)
def test_bad_commands_are_one_line(tmp_path, monkeypatch, args, says):
    monkeypatch.chdir(tmp_path)
    done = _command("score", *args, "-o", "new.parquet")
    assert done.exit_code == 2 and says in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
