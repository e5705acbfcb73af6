"""Pictures of runs, scores, embeddings and experiments: what is drawn is what was."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

import perceptron_theory as pt
from figures import style
from figures.results.experiments import experiment_dataset
from figures.results.scores import scores_dataset
from figures.results.spectra import spectrum_dataset
from figures.results.training import training_dataset
from simulations.vision.principal_components import Spectrum
from simulations.vision.score_files import Scores

HISTORY = [
    {
        "epoch": i + 1,
        "step": 20 * (i + 1),
        "train_loss": 2.0 / (i + 1),
        "train_accuracy": 0.5 + 0.1 * i,
        "test_loss": 1.0 if i % 2 else None,
        "test_accuracy": 0.6 if i % 2 else None,
    }
    for i in range(4)
]


def _scores(values, ids=None):
    ids = tuple(ids or (f"train/{i:04d}" for i in range(len(values))))
    labels = np.zeros(len(values), int)
    return Scores("el2n", np.asarray(values, float), ids, labels, "mine", "0" * 64)


def _rows(sizes=(100, 400), metrics=("a", "b"), strategies=("hard", "easy")):
    rows = []
    for size in sizes:
        for f in (0.3, 0.6):
            kinds = [("random", "none"), *((s, m) for s in strategies for m in metrics)]
            rows += [(size, f, *kind) for kind in kinds]
        rows.append((size, 1.0, "unpruned", "none"))
    frame = pd.DataFrame(rows, columns=["size", "keep_fraction", "strategy", "metric"])
    frame["kept"] = frame["size"] * frame["keep_fraction"]
    frame["error"] = 0.5 / np.sqrt(frame["kept"])
    frame["tested"] = 1000
    seeds = [
        frame.assign(seed=s, error=frame["error"] * (1 + s / 10)) for s in (0, 1, 2)
    ]
    return pd.concat(seeds, ignore_index=True)


def _lines(axes):
    return [line for line in axes.lines if len(line.get_xdata())]


def test_a_run_is_drawn_against_its_steps():
    figure = pt.plot(training_dataset(HISTORY, "digits train", "resnet8"))
    loss, error = figure.axes
    trained, tested = _lines(loss)
    np.testing.assert_array_equal(trained.get_xdata(), [20, 40, 60, 80])
    np.testing.assert_allclose(trained.get_ydata(), [2, 1, 2 / 3, 0.5])
    np.testing.assert_array_equal(tested.get_xdata(), [40, 80])  # where it was tested
    np.testing.assert_allclose(_lines(error)[0].get_ydata(), [50, 40, 30, 20])
    assert figure.get_suptitle() == "digits train: training of resnet8"
    assert error.get_ylim()[0] == 0 and error.get_ylabel() == "error in per cent"


def test_a_run_without_labels_says_what_was_wrong():
    history = [{**row, "test_loss": None, "test_accuracy": None} for row in HISTORY]
    figure = pt.plot(training_dataset(history, "mine", "resnet8", "simclr"))
    assert [len(_lines(axes)) for axes in figure.axes] == [1, 1]
    assert figure.axes[1].get_ylabel().startswith("second views that were not")


def test_an_ensemble_is_a_thin_line_a_model_and_their_mean():
    rows = [{**row, "model": k} for k in (0, 1) for row in HISTORY]
    for row in rows:
        row["train_loss"] *= 1 + row["model"]
    figure = pt.plot(training_dataset(rows, "digits train", "resnet8"))
    thin, other, mean = _lines(figure.axes[0])[:3]
    np.testing.assert_allclose(thin.get_ydata(), [2, 1, 2 / 3, 0.5])
    np.testing.assert_allclose(other.get_ydata(), [4, 2, 4 / 3, 1])
    np.testing.assert_allclose(mean.get_ydata(), [3, 1.5, 1, 0.75])
    assert mean.get_linewidth() > 1 > thin.get_linewidth()
    assert "2 models and their mean" in figure.get_suptitle()
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == [
        "in training",
        "test set",
    ]


def test_every_score_is_in_the_histogram_and_its_ends_have_names():
    values = np.random.default_rng(0).normal(size=400)
    figure = pt.plot(scores_dataset(_scores(values)))
    (axes,) = figure.axes
    bars = {}
    for bar in axes.patches:
        color = bar.get_facecolor()
        bars[color] = bars.get(color, 0) + bar.get_height()
    assert sorted(bars.values()) == [40, 40, 320]
    for rule in ("easy", "hard"):
        (color,) = (c for c in bars if same_color(c, style.RULES[rule][0]))
        assert bars[color] == 40
    easiest, hardest = (text.get_text() for text in axes.texts)
    assert easiest.splitlines()[1] == f"train/{values.argmin():04d}"
    assert hardest.splitlines()[1] == f"train/{values.argmax():04d}"
    assert "el2n" in axes.get_xlabel() and "high = hard" in axes.get_xlabel()


def test_scores_that_are_alike_are_counted_and_long_names_are_cut():
    values = [0] * 30 + [1] * 5 + [2]
    ids = [f"a_folder/of_a_long_name/{'x' * 40}{i:03d}.jpg" for i in range(36)]
    figure = pt.plot(scores_dataset(_scores(values, ids)), size="column")
    easiest, hardest = (text.get_text() for text in figure.axes[0].texts)
    assert "and 27 more alike" in easiest and "alike" not in hardest
    assert hardest.splitlines()[1].endswith("035.jpg")
    assert max(map(len, hardest.splitlines())) <= 24
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == 36 and len(heights) == 9  # a bar a value, of three parts


def test_one_score_for_all_is_drawn():
    figure = pt.plot(scores_dataset(_scores([3.0, 3.0])))
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 2


@pytest.mark.parametrize("variances", [[4.0, 3.0, 2.0, 1.0], [2.0]])
def test_a_spectrum_is_drawn_as_shares(variances):
    found = Spectrum(np.array(variances) / sum(variances), 100, 6)
    figure = pt.plot(spectrum_dataset(found, "mine", "resnet8"))
    left, right = figure.axes
    share = 100 * np.array(variances) / sum(variances)
    np.testing.assert_allclose(left.lines[0].get_ydata(), share)
    np.testing.assert_allclose(right.lines[0].get_ydata(), np.cumsum(share))
    number = sum(variances) ** 2 / sum(v * v for v in variances)
    assert f"effective: {number:.3g} of 6" in left.texts[0].get_text()


def test_every_mean_of_an_experiment_is_drawn_in_the_colour_of_its_strategy():
    rows = _rows()
    figure = pt.plot(experiment_dataset(rows, "mine", "linear heads"))
    means = rows.groupby(["metric", "strategy", "keep_fraction", "kept"])[
        "error"
    ].mean()
    assert [a.get_title() for a in figure.axes] == ["by a", "by b"]
    for axes, metric in zip(figure.axes, "ab", strict=True):
        for strategy, of in {"hard": metric, "easy": metric, "random": "none"}.items():
            color = style.RULES[strategy][0]
            drawn = {
                (x, y)
                for line in _lines(axes)
                if same_color(line.get_color(), color) and line.get_marker() == "None"
                for x, y in np.round(line.get_xydata(), 6).tolist()
            }
            part = means.loc[of, strategy]
            wanted = {
                (round(kept, 6), round(100 * error, 6))
                for (_, kept), error in part.items()
            }
            assert drawn >= wanted
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:4] == ["all examples", "keep random", "keep hard", "keep easy"]
    assert len(legend) == 6  # and the two kept fractions


def test_an_experiment_of_one_size_and_many_metrics():
    rows = _rows(sizes=(100,), metrics="abcde", strategies=("hard", "hard_balanced"))
    figure = pt.plot(experiment_dataset(rows, "mine", "linear heads"))
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == [f"by {m}" for m in "abcde"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["all examples", "keep random", "keep hard", "keep hard balanced"]
    width, height = figure.get_size_inches() * figure.get_dpi()
    assert round(width) == 1920 and height > 1080
