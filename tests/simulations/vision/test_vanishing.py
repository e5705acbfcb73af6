"""Classes that are nearly lost, and the floor that keeps them."""

import numpy as np
import pytest

from simulations.vision.selection import select
from simulations.vision.vanishing import (
    loss_in_words,
    mending_floor,
    mending_option,
    nearly_lost,
)


def test_a_class_is_lost_where_it_keeps_less_than_a_third_of_its_share():
    before = np.array([151, 149, 150])
    assert nearly_lost(before, np.array([50, 50, 50])) == []
    (lost,) = nearly_lost(before, np.array([9, 66, 75]))  # a share is 50
    assert lost == (0, 151, 9)
    assert nearly_lost(before, np.array([17, 60, 73])) == []  # more than a third


@pytest.mark.parametrize("kept", [0, 1])
def test_a_tenth_of_the_data_loses_a_class_too(kept):
    # of 8 that are due to it; 3 standard deviations below those are fewer than none
    before = np.array([80, 160, 160])
    (lost,) = nearly_lost(before, np.array([kept, 20, 20 - kept]))
    assert lost == (0, 80, kept)
    assert mending_floor(before, np.array([kept, 20, 20 - kept])) == 0.3


def test_a_class_without_an_example_is_lost_unless_chance_leaves_it_none():
    before = np.array([6, 600])
    (lost,) = nearly_lost(before, np.array([0, 182]))  # a share is 1.8
    assert lost == (0, 6, 0)
    assert nearly_lost(before, np.array([1, 181])) == []
    assert nearly_lost(before, np.array([0, 60])) == []  # a share is 0.6
    said = loss_in_words("all", before, np.array([0, 182]), ["wolf", "dog"])
    assert said == "all loses a class: 'wolf' keeps 0 of 6 examples"


@pytest.mark.parametrize("classes, fraction", [(3, 0.1), (10, 0.3), (100, 0.1)])
def test_chance_seldom_loses_a_class(classes, fraction):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 100)
    before = np.bincount(labels)
    lost = 0
    for _ in range(300):
        mine = rng.choice(labels, round(fraction * len(labels)), replace=False)
        lost += bool(nearly_lost(before, np.bincount(mine, minlength=classes)))
    assert lost <= 9  # 3 are expected at most


@pytest.mark.parametrize("sizes", [(151, 149, 150), (40, 200, 600), (90, 90, 900)])
@pytest.mark.parametrize("fraction", [0.2, 0.3, 0.6])
def test_with_the_floor_no_class_is_lost(sizes, fraction):
    labels = np.repeat(np.arange(3), sizes)
    scores = np.random.default_rng(0).random(len(labels)) + 5.0 * (labels > 0)
    before = np.bincount(labels)

    def kept(floor):
        found = select(
            scores,
            fraction,
            seed=0,
            labels=labels,
            class_floor=floor,
            allow_empty_classes=True,
        )
        return np.bincount(labels[found.indices], minlength=3)

    without = kept(0.0)
    assert [one.label for one in nearly_lost(before, without)] == [0]
    floor = mending_floor(before, without)
    assert nearly_lost(before, kept(floor)) == []
    assert kept(floor)[0] >= 0.5 * fraction * sizes[0]
    # one hundredth less keeps fewer than half of the share, or is the same number
    assert kept(floor - 0.01)[0] <= np.ceil(0.5 * fraction * sizes[0])


def test_no_floor_mends_the_loss_of_a_class_that_is_nearly_all():
    before = np.array([900, 50, 50])
    kept = np.array([30, 50, 50])
    assert [one.label for one in nearly_lost(before, kept)] == [0]
    assert mending_floor(before, kept) is None
    assert mending_floor(before, np.array([90, 5, 5])) is None  # nothing to mend


def test_a_loss_is_said_with_the_option_that_mends_it():
    before, kept = np.array([151, 149, 150, 150]), np.array([3, 60, 7, 110])
    assert loss_in_words("the hardest 30 %", before, kept, ["0", "1", "2", "3"]) == (
        "the hardest 30 % nearly loses a class: '0' keeps 3 of 151 examples, and "
        "1 more class keeps too few"
    )
    assert loss_in_words("all", before, before, ["0", "1", "2", "3"]) == ""
    assert mending_option(before, kept).startswith("--class-floor 0.5")
    alone = np.array([900, 50, 50]), np.array([30, 50, 50])
    assert mending_option(*alone) == "--per-class"
