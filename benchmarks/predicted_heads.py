"""Linear heads of a table of results beside what the theory of real data says of them.

    python benchmarks/predicted_heads.py cifar10_logistic --data cifar10:FOLDER \
        --features train.npy --test-features test.npy \
        --table figures/tables/cifar10_logistic.csv \
        --output figures/tables/predicted_heads.csv

The table is of ``pruning-laws experiment`` with the learner "logistic".  For each size,
kept fraction, strategy and metric ``pt.predict`` is given the examples of the pool of
seed 0, whitened as the heads had them, with the labels and the scores of the probe of
seed 0, an intercept, and the ridge that most seeds chose.  No measured error is used.

A prediction takes up to a minute of a core (64 features of ten classes); a point that
is in the output already is not computed again, and one that cannot be predicted is
empty.  The law has as many examples as leave about 8,000 kept ones.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import perceptron_theory as pt
from simulations.experiments.cells import NO_METRIC
from simulations.experiments.configuration import read_experiment
from simulations.experiments.curves import POINT, curve, fractions
from simulations.experiments.laws import means
from simulations.experiments.sources import Source, learner_of
from simulations.experiments.table import read_table
from simulations.files import write_whole

KEPT = 8_000  # examples that the averages are over, at most about
LARGEST = 4  # sizes of the exponents, as in simulations/experiments/claims.py


def _law_of(learner, metric, count):
    """The first examples of the pool of seed 0, scored."""
    rows = learner.pool(count, 0)
    points = learner.features.whitened[0][rows]
    score = None if metric == NO_METRIC else learner.difficulty(metric, rows, 0)
    return pt.FieldLaw.from_data(points, learner.labels(rows), score)


def _predicted(learner, laws, point, most):
    count = min(most, round(KEPT / point.keep_fraction))
    key = point.metric, count
    if key not in laws:
        laws[key] = _law_of(learner, *key)
    law = laws[key]
    strategy = "random" if point.metric == NO_METRIC else point.strategy
    # sum of the losses + ridge |w|^2/2, in the features of the table
    ridge = point.ridge * law.scale**2 / law.width
    try:
        found = pt.predict(
            law, point.size, point.keep_fraction, strategy, ridge=ridge, intercept=True
        )
    except (pt.InputError, pt.ConvergenceError) as error:
        print(f"{point}: {error}")
        return np.nan, np.nan
    return found.error, found.standard_error


def _points(rows):
    """Measured means, and the ridge that most seeds chose."""
    found = means(rows, POINT).rename(
        columns={"error": "measured", "standard_error": "measured_error"}
    )
    ridge = rows.groupby(POINT)["setting"].agg(lambda some: some.mode().iloc[0])
    found = found.merge(ridge.rename("ridge").reset_index(), on=POINT)
    found["kept"] = (found["size"] * found["keep_fraction"]).round().astype(int)
    return found.sort_values(["kept", *POINT]).reset_index(drop=True)


def summary(table):
    """What is said of errors, and of the claims that verdicts are on."""
    table = table.dropna(subset="predicted")
    off = np.log(table["predicted"] / table["measured"]).abs()
    lines = [
        f"{len(table)} points: median |ln| {off.median():.3f}, most {off.max():.3f}"
    ]
    for size, part in off.groupby(table["size"]):
        lines.append(f"  size {size}: {part.median():.3f}, {part.max():.3f}")
    for metric in sorted(set(table["metric"]) - {NO_METRIC}):
        for f in fractions(table):
            lines += _claims(table, metric, f)
    return lines


def _claims(table, metric, f):
    random = curve(table, "random", NO_METRIC, f).set_index("size")
    lines = []
    for strategy in ("hard", "easy"):
        one = curve(table, strategy, metric, f).set_index("size")
        both = one.index.intersection(random.index)
        if both.empty:
            continue
        ratios = []
        slopes = []
        for column in ("predicted", "measured"):
            ratio = one.loc[both, column] / random.loc[both, column]
            ratios.append([f"{x:.2f}" for x in ratio])
            last = both[-LARGEST:]
            slope = np.nan
            if len(last) > 1:
                slope = -np.polyfit(np.log(last), np.log(ratio.loc[last]), 1)[0]
            slopes.append(slope)
        pairs = ", ".join(
            f"{size}: {p} ({m})" for size, p, m in zip(both, *ratios, strict=True)
        )
        lines.append(
            f"{metric} f={f:g} {strategy}/random, predicted (measured): {pairs}; "
            f"exponent minus random's {slopes[0]:+.3f} ({slopes[1]:+.3f})"
        )
    return lines


def _save(path, table):
    write_whole(path, lambda part: table.to_csv(part, index=False, float_format="%.6g"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("experiment")
    parser.add_argument("--data", required=True)
    parser.add_argument("--features")
    parser.add_argument("--test-features")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="*")
    parser.add_argument("--keep-fractions", type=float, nargs="*")
    args = parser.parse_args()
    experiment = read_experiment(args.experiment)
    source = Source(args.data, args.features, args.test_features)
    learner = learner_of(source, experiment)
    most = max(experiment.sizes)
    points = _points(read_table(args.table))
    for name, chosen in (("size", args.sizes), ("keep_fraction", args.keep_fractions)):
        if chosen:
            points = points[points[name].isin([*chosen, *([1.0] * (name != "size"))])]
    table = pd.read_csv(args.output) if args.output.exists() else points.head(0)
    done = set(table[POINT].itertuples(index=False, name=None))
    laws = {}
    for point in points.itertuples(index=False):
        if tuple(getattr(point, name) for name in POINT) in done:
            continue
        error, deviation = _predicted(learner, laws, point, most)
        found = {"predicted": error, "predicted_error": deviation}
        new = pd.DataFrame([point._asdict() | found])
        table = pd.concat([table, new], ignore_index=True) if len(table) else new
        _save(args.output, table)
    print("\n".join(summary(table)))


if __name__ == "__main__":
    main()
