"""The tables that figures are drawn from are whole, and of the shipped experiments."""

import numpy as np
import pytest

from figures import cifar10_classes, cifar10_metrics, cifar10_transfer, practice
from figures.tables import shipped
from simulations.experiments import cells_of, read_experiment

TABLES = {
    "cifar10_max_margin": "cifar10_max_margin",
    "cifar10_logistic": "cifar10_logistic",
    "cifar10_gibbs": "cifar10_gibbs",
    "cifar10_networks": "scaling_cpu",
    "cifar10_metrics": "metrics_cpu",
    "cifar10_upstream": "transfer_upstream_cpu",
    "cifar10_downstream": "transfer_downstream_cpu",
}


@pytest.mark.parametrize(("table", "experiment"), TABLES.items())
def test_every_run_of_the_experiment_is_there_once(table, experiment):
    rows = shipped(table)
    names = ["size", "keep_fraction", "strategy", "metric", "seed"]
    found = set(zip(*(rows[name] for name in names), strict=True))
    cells = cells_of(read_experiment(experiment))
    expected = {tuple(getattr(cell, name) for name in names) for cell in cells}
    assert expected == found and len(rows) == len(cells)


def test_the_metric_benchmark_by_hand():
    rows = shipped("cifar10_metrics")
    found = cifar10_metrics.compute().to_dataframe()
    one = (rows["metric"] == "grand") & (rows["strategy"] == "hard")
    grand = rows[one & (rows["keep_fraction"] == 0.1)].sort_values("seed")
    chance = rows[(rows["strategy"] == "random") & (rows["keep_fraction"] == 0.1)]
    difference = (
        grand["error"].to_numpy() - chance.sort_values("seed")["error"].to_numpy()
    )
    here = (found["metric"] == "grand") & (found["strategy"] == "hard")
    (row,) = found[here & (found["keep_fraction"] == 0.1)].to_dict("records")
    assert row["difference"] == pytest.approx(difference.mean())
    # the test set of 10,000 alone gives more than the spread over seeds
    assert difference.std(ddof=1) / np.sqrt(len(difference)) < row["standard_error"]
    share = difference.mean()
    error = np.sqrt(share * (1 - share) / 10_000)
    assert row["standard_error"] == pytest.approx(error)
    kept = np.array([text.split() for text in grand["kept_by_class"]], int)
    spread = (kept.std(1, ddof=1) / kept.mean(1)).mean()
    assert row["imbalance"] == pytest.approx(spread)
    wrong = np.array([text.split() for text in grand["wrong_by_class"]], int)
    assert row["worst_class"] == pytest.approx((wrong / 1000).max(1).mean())
    classes = cifar10_classes.compute()
    share = classes["share"].sel(metric="grand")
    np.testing.assert_allclose(share, (kept / kept.mean(1)[:, None]).mean(0))
    # what is plotted is an error less that of random, so no pruning is below 0
    assert float(classes["change"].sel(metric="no pruning").mean()) < 0
    change = classes["change"].sel(metric="grand").mean()
    assert float(change) == pytest.approx(row["difference"])


@pytest.mark.slow
def test_ratios_and_means_of_the_other_figures():
    rows = shipped("cifar10_networks")
    ratios = practice.compute().to_dataframe()
    here = (ratios["table"] == "cifar10_networks") & (ratios["row"] == 0)
    last = ratios[here & (ratios["keep_fraction"] == 0.3) & (ratios["size"] == 20000)]
    at = rows[(rows["size"] == 20000) & (rows["keep_fraction"] == 0.3)]
    logs = {
        strategy: np.log(part.sort_values("seed")["error"].to_numpy())
        for strategy, part in at.groupby("strategy")
    }
    expected = (logs["hard"] - logs["easy"]).mean()
    assert last["log_ratio"].item() == pytest.approx(expected)
    table = cifar10_transfer.compute().to_dataframe()
    down = shipped("cifar10_downstream")
    hard = down[(down["strategy"] == "hard") & (down["keep_fraction"] == 0.6)]
    place = (table["side"] == "downstream") & (table["strategy"] == "hard")
    found = table[place & (table["keep_fraction"] == 0.6)]["error"].item()
    assert found == pytest.approx(hard["error"].mean())
