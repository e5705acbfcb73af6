"""An experiment on the data source and by the metric of a user."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from pruning_laws.app import app
from simulations.experiments import Experiment, Source, read_table, run_experiment
from simulations.vision.data import DataSource, Images, source_text
from simulations.vision.metrics import EMBEDDINGS, Metric
from simulations.vision.score_files import write_scores
from simulations.vision.scoring import score_dataset

METRIC = "brightness"


@dataclass(frozen=True)
class Blobs(DataSource):
    """Small images of two classes of different brightness; the test split is "held"."""

    name: ClassVar[str] = "blobs"
    splits: ClassVar = ("train", "held")
    test_split: ClassVar[str] = "held"

    def load(self, split):
        if split not in self.splits:
            raise InputError(f"split must be train or held, got {split!r}")
        rng = np.random.default_rng(len(split))
        labels = np.arange(120) % 2
        images = rng.integers(0, 160, (120, 3, 3, 1)) + 60 * labels[:, None, None, None]
        ids = tuple(f"{split}/{i}" for i in range(120))
        images = images.astype(np.uint8)
        return Images(f"blobs {split}", images, labels, ids, ("dark", "light"))


@dataclass(frozen=True)
class Brightness(Metric):
    """The distance of the mean pixel from that of all: easy where it is large."""

    name: ClassVar[str] = METRIC
    needs: ClassVar = (EMBEDDINGS,)
    high_is: ClassVar[str] = "easy"

    def score(self, given):
        means = np.asarray(given["embeddings"]).mean(1)
        return np.abs(means - means.mean())


def _experiment(metric):
    return Experiment(
        name="mine",
        learner="logistic",
        sizes=(40, 80),
        keep_fractions=(0.5,),
        metrics=(metric,),
        seeds=3,
    )


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    with pytest.warns(DataWarning, match="of raw pixels"):
        found = score_dataset(Blobs().load("train"), Brightness())
    assert found.recipe["computed_from"] == {"embeddings": "pixels"}
    write_scores(folder / f"{METRIC}.parquet", found)
    return folder


def test_objects_of_a_user_are_run_from_python_and_by_their_text(scores, tmp_path):
    source = Source(Blobs(), scores=str(scores))
    rows = run_experiment(_experiment(Brightness()), source, tmp_path / "python")
    assert set(rows["metric"]) == {METRIC, "none"} and rows["error"].between(0, 1).all()
    assert (rows["tested"] == 120).all()  # of the split that the source names
    lines = [
        'learner = "logistic"',
        "sizes = [40, 80]",
        "keep_fractions = [0.5]",
        f'metrics = ["{METRIC}"]',
        "seeds = 3",
    ]
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    text = source_text(Blobs())
    assert text.endswith(":Blobs")
    args = ["experiment", tmp_path / "mine.toml", "-o", tmp_path / "command"]
    args += ["--data", text, "--scores", scores]
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    assert done.exit_code == 0, done.stderr
    again = read_table(tmp_path / "command")
    assert set(again["configuration"]) == set(rows["configuration"])
    np.testing.assert_array_equal(again["error"], rows["error"])


def test_an_object_that_lacks_a_part_is_refused_by_name():
    nameless = type("Mine", (Brightness,), {"name": None})()
    with pytest.raises(InputError, match="Mine is not a metric: it lacks name"):
        _experiment(nameless)
    with pytest.raises(InputError, match="Mine is not a data source: it lacks load"):
        Source(type("Mine", (DataSource,), {"name": "a"})()).sets()
    with pytest.raises(InputError, match="metrics of logistic are"):
        _experiment(3)
