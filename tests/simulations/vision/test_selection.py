"""Selection: rules, ties, floors, and the faults of other code that must not return."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory import InputError
from simulations.vision.selection import Stratified, select

SCORES = np.random.default_rng(0).normal(size=1000)
RANK = np.argsort(np.argsort(-SCORES))  # 0 is the hardest
LABELS = np.random.default_rng(1).integers(4, size=1000)


def test_hard_and_easy_are_the_two_ends():
    assert set(RANK[select(SCORES, 0.3, seed=0).indices]) == set(range(300))
    easy = select(SCORES, 0.3, seed=0, rule="easy")
    assert set(RANK[easy.indices]) == set(range(700, 1000))
    assert (np.diff(easy.indices) > 0).all()
    assert easy.mask.sum() == 300 and easy.mask[easy.indices].all()


def test_a_window_starts_at_its_quantile_of_difficulty():
    found = select(SCORES, 0.3, seed=0, rule=pt.Window(lower=0.2))
    assert set(RANK[found.indices]) == set(range(200, 500))


def test_random_is_a_random_part():
    ranks = RANK[select(SCORES, 0.5, seed=0, rule="random").indices]
    assert len(set(ranks)) == 500
    assert abs(ranks.mean() - 499.5) < 40


@pytest.mark.parametrize("side", ["hard", "easy"])
def test_a_mixture_keeps_its_share_by_score(side):
    found = select(SCORES, 0.4, seed=0, rule=pt.Mixture(share=0.5, rule=side))
    ranks = set(RANK[found.indices])
    assert len(ranks) == 400
    end = set(range(200)) if side == "hard" else set(range(800, 1000))
    assert end <= ranks
    rest = np.array(sorted(ranks - end))
    assert abs(rest.mean() - (599.5 if side == "hard" else 399.5)) < 60


def _ccs_budgets(sizes, budget):
    left, given = budget, {}
    for place, one in enumerate(sorted(range(len(sizes)), key=lambda i: sizes[i])):
        given[one] = min(sizes[one], left // (len(sizes) - place))
        left -= given[one]
    return [given[i] for i in range(len(sizes))]


def test_strata_get_equal_budgets_smallest_first():
    rule = Stratified(drop_hardest=0.1, strata=10)
    found = select(SCORES, 0.3, seed=0, rule=rule)
    assert not (RANK[found.indices] < 100).any()
    pool = np.sort(SCORES)[:-100]
    edges = np.linspace(pool[0], pool[-1], 11)
    sizes = np.histogram(pool, edges)[0]
    kept = np.histogram(SCORES[found.indices], edges)[0]
    np.testing.assert_array_equal(kept, _ccs_budgets(list(sizes), 300))


def test_equal_scores_are_pruned_from_all_classes_alike():
    # by index, integer scores of data sorted by class left 3,450 to 5,000 a class
    labels = np.repeat(np.arange(10), 500)
    counts = np.random.default_rng(0).poisson(1.0, size=5000)
    found = select(counts, 0.8, seed=0, labels=labels)
    kept = [kept for kept, _ in found.class_counts.values()]
    assert 360 < min(kept) and max(kept) < 440
    again = select(counts, 0.8, seed=0, labels=labels)
    np.testing.assert_array_equal(found.indices, again.indices)
    other = select(counts, 0.8, seed=1, labels=labels)
    assert not np.array_equal(found.indices, other.indices)


def test_the_floor_is_half_an_equal_share():
    scores = SCORES + 10 * (LABELS == 2) - 10 * (LABELS == 0)
    without = select(scores, 0.4, seed=0, labels=LABELS, allow_empty_classes=True)
    assert without.class_counts[0][0] == 0
    found = select(scores, 0.4, seed=0, labels=LABELS, class_floor=0.5)
    kept = {one: count for one, (count, _) in found.class_counts.items()}
    assert sum(kept.values()) == 400
    assert min(kept.values()) == kept[0] == 50
    # those of the floor are the hardest of their class
    mine = np.flatnonzero(LABELS == 0)
    hardest = mine[np.argsort(-scores[mine])[:50]]
    assert set(hardest) == set(found.indices[LABELS[found.indices] == 0])


@pytest.mark.parametrize(
    "rule", ["hard", "easy", "random", "stratified", pt.Window(0.3), pt.Mixture(0.5)]
)
def test_a_class_smaller_than_the_floor_is_kept_whole(rule):
    labels = np.where(np.arange(1000) < 7, 3, LABELS % 3)
    found = select(SCORES, 0.2, seed=0, labels=labels, class_floor=1.0, rule=rule)
    assert found.class_counts[3] == (7, 7)
    assert sum(kept for kept, _ in found.class_counts.values()) == 200
    assert min(kept for kept, _ in found.class_counts.values()) >= 7


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_within_classes_each_has_its_own_size_and_the_same_direction(rule):
    # CCS took the last class's size for all; DeepCore turned the order round
    labels = np.repeat([0, 1, 2], [700, 250, 50])
    found = select(SCORES, 0.2, seed=0, labels=labels, per_class=True, rule=rule)
    assert found.class_counts == {0: (140, 700), 1: (50, 250), 2: (10, 50)}
    sign = -1 if rule == "hard" else 1
    for one, (kept, _) in found.class_counts.items():
        mine = np.flatnonzero(labels == one)
        wanted = mine[np.argsort(sign * SCORES[mine])[:kept]]
        chosen = found.indices[labels[found.indices] == one]
        np.testing.assert_array_equal(chosen, np.sort(wanted))


def test_rounding_takes_no_example_from_floor_or_share():
    # 0.58 * 100 / 2 and 0.29 * 100 are a little less than 29 as floating-point numbers
    labels = np.repeat([0, 1], 500)
    found = select(np.arange(1000), 0.1, seed=0, labels=labels, class_floor=0.58)
    assert found.class_counts[0][0] == 29
    rule = Stratified(drop_hardest=0.29)
    kept = select(np.arange(100), 0.71, seed=0, rule=rule).indices
    np.testing.assert_array_equal(kept, np.arange(71))


def test_all_may_be_kept():
    found = select(SCORES, 1.0, seed=0, labels=LABELS, class_floor=0.5)
    np.testing.assert_array_equal(found.indices, np.arange(1000))


def test_indices_and_ids_on_disk(tmp_path):
    found = select(SCORES, 0.05, seed=0)
    ids = [f"train/{i}" for i in range(1000)]
    found.save(tmp_path / "kept.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "kept.npy"), found.indices)
    found.save(tmp_path / "kept.txt")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "kept.txt"), found.indices)
    found.save(tmp_path / "ids.txt", ids)
    assert (tmp_path / "ids.txt").read_text().split() == found.ids(ids)
    with pytest.raises(InputError, match=r"go into \.npy or \.txt"):
        found.save(tmp_path / "kept.csv")
    with pytest.raises(InputError, match="3 ids for 1000"):
        found.ids(ids[:3])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ids.txt",
        "kept.npy",
        "kept.txt",
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"keep_fraction": 0.0}, "keep_fraction must be in \\(0, 1\\]"),
        ({"keep_fraction": 1.5}, "keep_fraction must be"),
        ({"keep_fraction": 1e-5}, "keeps none of 1000"),
        ({"scores": np.full(10, np.nan)}, "scores\\[0\\] is nan"),
        ({"rule": "hardest"}, "did you mean 'hard'"),
        ({"rule": 3}, "rule must be one of"),
        ({"rule": pt.Window(lower=0.8)}, "ends beyond 1: let it begin lower"),
        ({"rule": pt.Mixture(share=1.5)}, "share must be"),
        ({"rule": Stratified(drop_hardest=0.8)}, "lower it"),
        ({"rule": Stratified(strata=0)}, "strata must be"),
        ({"class_floor": 0.5}, "need labels"),
        ({"class_floor": 2.0}, "class_floor must be"),
        ({"labels": LABELS, "class_floor": 0.5, "per_class": True}, "or per_class"),
        ({"labels": LABELS[:5]}, "5 entries for 1000"),
        ({"labels": np.arange(1000)}, "keeps no example"),
        ({"seed": "a"}, "key must be"),
    ],
)
def test_bad_input_is_refused(more, says):
    with pytest.raises(InputError, match=says):
        select(**{"scores": SCORES, "keep_fraction": 0.3, "seed": 0, **more})
