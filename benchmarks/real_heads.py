"""Predicted heads against trained ones, on data sets of real features and labels.

    python benchmarks/real_heads.py --shared ../shared --features FOLDER \
        --output figures/tables/real_heads.csv

Each data set is one row of ``SETS``: what its features are, which labels, which head.
Its table has every pool, kept fraction, score (a fresh probe's absolute and signed
margin) and strategy, heads trained on 20 pools each, and beside them what is predicted
from all examples, from a fifth of them, with a bulk that is alike for all examples
(``alike``), and by three others: the isotropic theory of a probe at the angle of this
one, a power law through the errors of random examples times the ratio that pruning has
at the smallest pool, and the error of as many random examples.

A data set that is in the output already is not run again.  FOLDER has features that
``pruning-laws embed`` wrote, as NAME.npy and NAME_labels.npy (docs/predicting.md says
how); data sets whose files are not there are left out, and named.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import perceptron_theory as pt
from figures.real_heads import summary
from simulations.experiments.prediction import Question, examples_of, predictions
from simulations.files import write_whole
from simulations.vision.data import load

FRACTIONS = (0.2, 0.4, 0.7)
STRATEGIES = {
    "hard": "hard",
    "easy": "easy",
    "window": pt.Window(lower=0.15),
    "random": "random",
}
REPEATS = 20


@dataclass(frozen=True)
class DataSet:
    """Where features come from, which labels, and which heads."""

    features: str
    ones: tuple[int, ...] | None  # classes of the label +1; None for all classes
    loss: str
    ridge: float
    components: int
    pools: tuple[int, ...]
    probe: int
    most: int = 10_000


SMALL, LARGE = (200, 500, 1000), (400, 1600, 6400)
EVEN, VEHICLES = (0, 2, 4, 6, 8), (0, 1, 8, 9)
SETS = {
    "digits, even": DataSet("digits", EVEN, "logistic", 0.01, 60, SMALL, 150),
    "digits, ten": DataSet("digits", None, "square", 0.02, 60, SMALL, 300),
    "cancer": DataSet("cancer", (1,), "logistic", 0.01, 20, (100, 200, 400), 60),
    "MNIST, even": DataSet("mnist", EVEN, "logistic", 0.01, 64, LARGE, 500),
    "MNIST, ten": DataSet("mnist", None, "square", 0.02, 64, LARGE, 1000),
    "Fashion, even": DataSet(
        "fashion_mnist", EVEN, "squared_hinge", 0.01, 64, LARGE, 500
    ),
    "Fashion, ten": DataSet("fashion_mnist", None, "square", 0.02, 64, LARGE, 1000),
    "CIFAR ResNet-20, vehicles": DataSet(
        "cifar10_resnet20_test", VEHICLES, "logistic", 0.01, 48, (400, 1600, 4800), 500
    ),
    "CIFAR lite0, vehicles": DataSet(
        "cifar10_efficientnet_train",
        VEHICLES,
        "logistic",
        0.01,
        96,
        LARGE,
        1000,
    ),
    "CIFAR lite0 stages, ten": DataSet(
        "cifar10_efficientnet_stages_train",
        None,
        "square",
        0.02,
        96,
        LARGE,
        1000,
    ),
}


def _arrays(name, shared, folder):
    """Features and labels, or None where the files are not at hand."""
    if name in ("digits", "cancer"):
        from sklearn import datasets

        read = {"digits": datasets.load_digits, "cancer": datasets.load_breast_cancer}
        points, labels = read[name](return_X_y=True)
        if name == "cancer":  # columns of different units
            points = np.log1p(points)
            points = (points - points.mean(0)) / points.std(0)
        return points, labels
    if name in ("mnist", "fashion_mnist"):
        if not (shared / "data" / name).is_dir():
            return None
        data = load(f"{name}:{shared / 'data' / name}", "train")
        images = np.asarray(data.images)
        return images.reshape(len(images), -1) / 255.0, np.asarray(data.labels)
    file = folder / f"{name}.npy"
    if not file.is_file():
        return None
    return np.load(file), np.load(folder / f"{name}_labels.npy")


def _examples(one, points, labels, seed=0):
    """With both margins of the same probe."""
    order = np.random.default_rng(seed).permutation(len(labels))[: one.most]
    points, labels = points[order], labels[order]
    if one.ones is not None:
        labels = np.isin(labels, one.ones).astype(int)
    both = [
        examples_of(
            points, labels, components=one.components, probe=one.probe, margin=margin
        )
        for margin in ("absolute", "signed")
    ]
    scores = {
        margin: made.scores["probe"]
        for margin, made in zip(("absolute", "signed"), both, strict=True)
    }
    return replace(both[0], scores=scores)


def _part(examples, share=5):
    rows = np.sort(np.random.default_rng(1).permutation(examples.law.size)[::share])
    scores = {name: score[rows] for name, score in examples.scores.items()}
    return replace(examples, law=examples.law.part(rows), scores=scores)


def _question(one, repeats):
    return Question(
        list(one.pools), FRACTIONS, STRATEGIES, one.loss, one.ridge, repeats=repeats
    )


def _rows(one, examples):
    """The table of one data set."""
    found = predictions(examples, _question(one, REPEATS))
    columns = ["error", "standard_error", "kept", "measured", "measured_error", "z"]
    table = found[columns].to_dataframe().reset_index()
    random = table["strategy"] == "random"
    table.loc[random, "score"] = "none"
    table = table.drop_duplicates(["score", "strategy", "keep_fraction", "pool"])
    keys = ["score", "strategy", "keep_fraction", "pool"]
    fifth = predictions(_part(examples), _question(one, 0))["error"].to_dataframe()
    fifth = fifth.reset_index()
    fifth.loc[fifth["strategy"] == "random", "score"] = "none"
    fifth = fifth.drop_duplicates(keys).rename(columns={"error": "from_fifth"})
    table = table.merge(fifth[[*keys, "from_fifth"]], on=keys)
    table["alike"] = [_alike(one, examples, row) for row in table.itertuples()]
    table["isotropic"] = [_isotropic(one, examples, row) for row in table.itertuples()]
    return _with_power_law(table)


def _alike(one, examples, row):
    law = examples.law if row.score == "none" else examples.by(row.score)
    try:
        return pt.predict(
            law,
            row.pool,
            row.keep_fraction,
            STRATEGIES[row.strategy],
            loss=one.loss,
            ridge=one.ridge,
            alike=True,
        ).error
    except (pt.InputError, pt.ConvergenceError):
        return np.nan


def _isotropic(one, examples, row):
    """The theory without the law: two classes, a probe at its angle, clean labels."""
    if one.ones is None:
        return np.nan
    law = examples.law
    y = 2.0 * law.labels - 1.0
    covariance = law.features.T @ law.features / law.size
    best = np.linalg.solve(covariance, law.features.T @ y)
    field = law.features @ best
    probe = y * -examples.scores["signed"]  # the probe's output
    cosine = np.corrcoef(field, probe)[0, 1]
    margin = "absolute" if row.score == "none" else row.score
    solved = pt.solve_convex(
        alpha_prune=row.kept / law.width,
        keep_fraction=row.keep_fraction,
        theta=float(np.arccos(cosine)),
        rule=STRATEGIES[row.strategy],
        margin=margin,
        loss=one.loss,
        ridge=one.ridge,
        throw=False,
    )
    return float(solved.error)


def _with_power_law(table):
    """The two baselines that measure something first."""
    random = table[table["strategy"] == "random"].groupby("kept")["measured"].mean()
    slope, start = np.polyfit(np.log(random.index), np.log(random), 1)
    fitted = np.exp(start + slope * np.log(table["kept"]))
    same = np.interp(np.log(table["kept"]), np.log(random.index), random)
    small = table[table["pool"] == table["pool"].min()]
    small = small.assign(
        ratio=small["measured"]
        / np.interp(np.log(small["kept"]), np.log(random.index), random)
    )
    keys = ["score", "strategy", "keep_fraction"]
    ratio = table[keys].merge(small[[*keys, "ratio"]], on=keys, how="left")["ratio"]
    large = table["pool"] > table["pool"].min()
    table["power_law"] = np.where(large, fitted * ratio.to_numpy(), np.nan)
    table["as_random"] = np.where(table["strategy"] == "random", np.nan, same)
    return table


def _save(path, table):
    write_whole(path, lambda part: table.to_csv(part, index=False, float_format="%.6g"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--features", type=Path, default=Path("features"))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(SETS))
    args = parser.parse_args()
    table = pd.read_csv(args.output) if args.output.exists() else pd.DataFrame()
    done = set(table["data"]) if len(table) else set()
    for name in args.only:
        one = SETS[name]
        arrays = (
            None if name in done else _arrays(one.features, args.shared, args.features)
        )
        if arrays is None:
            if name not in done:
                print(f"{name}: {one.features} is not at hand, left out")
            continue
        examples = _examples(one, *arrays)
        rows = _rows(one, examples)
        about = {
            "data": name,
            "classes": len(examples.law.classes),
            "loss": one.loss,
            "ridge": one.ridge,
            "examples": examples.law.size,
            "dimensions": examples.law.width,
        }
        table = pd.concat([table, rows.assign(**about)], ignore_index=True)
        _save(args.output, table)
        print(summary(table[table["data"] == name]).T.to_string(), flush=True)
    print(summary(table).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
