"""The colour of a phase diagram is that of the best rule, between points as well."""

import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from figures.results import phases, region_names, regions

AWAY = 4  # cells from a line: its own width, and a chord across its bend


def _cells(data):
    """The picture's fill, and what it was drawn in."""
    axes = pt.plot(data).axes[0]
    mesh = axes.collections[0]
    number = np.asarray(mesh.get_array()).reshape(phases.FINE[::-1])
    at = [data["alpha_tot"].values, data["keep_fraction"].values]
    log = axes.get_xscale() == "log", axes.get_yscale() == "log"
    (low, high), *_ = [tuple(zip(*((a.min(), a.max()) for a in at), strict=True))]
    return number, regions.Cells(low, high, log, phases.FINE)


def _wrong(data, count, rng, **solver):
    """Of so many places off the lines, those whose colour is not that of the best."""
    number, cells = _cells(data)
    rows, columns = (rng.integers(0, n, 4 * count) for n in number.shape)
    lines = [cells.place(one.points) for one in regions.lines(data, "alpha_tot")]
    dense = np.hstack([np.zeros((2, 0)), *(regions._dense(one)[0] for one in lines)])
    gap = np.full(len(rows), np.inf)
    for n, place in enumerate(zip(columns + 0.5, rows + 0.5, strict=True)):
        gap[n] = np.hypot(*(dense - np.array(place)[:, None])).min(initial=np.inf)
    keep = np.flatnonzero(gap > AWAY)[:count]
    assert len(keep) > count / 4
    rows, columns = rows[keep], columns[keep]
    load, f = cells.axis(0)[1][columns], cells.axis(1)[1][rows]
    errors = np.array(
        [
            pt.solve(alpha_tot=load, keep_fraction=f, rule=rule, **solver).error
            for rule in regions.RULES
        ]
    )
    drawn = errors[number[rows, columns], np.arange(len(rows))]
    # where all is nearly kept the differences are rounding
    wrong = (drawn > errors.min(axis=0) * (1 + 1e-7)) & (f < 0.998)
    return [(float(a), float(b)) for a, b in zip(load[wrong], f[wrong], strict=True)]


@pytest.mark.parametrize(
    ("load", "f"),
    [
        (np.geomspace(6, 9, 5), np.geomspace(0.1, 1, 6)),
        (np.array([5.0, 6.0]), np.geomspace(0.1, 1, 6)),
        (np.array([4.0, 60.0]), np.array([0.05, 1.0])),
    ],
    ids=["strip", "two loads", "corners"],
)
def test_a_strip_without_a_point_has_the_rule_that_is_best_there(load, f):
    data = pt.phase_diagram(load, f)
    assert _wrong(data, 60, np.random.default_rng(1)) == []
    number, _ = _cells(data)
    # just below f = 1 no point of the grid lies: the errors there are all one
    assert (number[-3] == regions.RULES.index("easy")).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_the_colours_of_any_grid_are_those_of_the_solver(seed):
    rng = np.random.default_rng(seed)
    low = np.exp(rng.uniform(np.log(0.5), np.log(20)))
    load = np.geomspace(low, low * np.exp(rng.uniform(0.1, 3)), rng.integers(2, 9))
    top = rng.choice([1.0, rng.uniform(0.5, 1)])
    space = np.geomspace if seed % 2 else np.linspace
    f = space(np.exp(rng.uniform(-4, -0.8)), top, rng.integers(2, 9))
    how = {"theta": np.deg2rad(rng.choice([0, 0, 10, 30, 60, 80]))}
    how |= {"student": "gibbs" if seed == 3 else "max_margin"}
    data = pt.phase_diagram(load, f, **how)
    assert _wrong(data, 150, rng, **how) == []


def test_a_closed_line_is_closed_and_one_that_is_looked_for_to_0999_goes_on():
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    load, f = 5 + np.cos(angle), 0.5 + 0.1 * np.sin(angle)
    up = np.r_[0.99, 0.999]
    x, y = np.r_[load, [8.0, 8.0]], np.r_[f, up]
    point = {"alpha_tot": x, "keep_fraction": y, "error": 0.1 + 0 * x}
    count = len(x)
    data = xr.Dataset(
        {f"boundary_{n}": ("boundary_point", v) for n, v in point.items()}
        | {f"triple_{n}": ("triple_point", np.zeros(0)) for n in point}
        | {
            "boundary_kind": ("boundary_point", ["hard/easy"] * count),
            "boundary_branch": ("boundary_point", [0] * 30 + [1] * 2),
            "boundary_best": ("boundary_point", np.ones(count, bool)),
            "best": (
                ("alpha_tot", "keep_fraction"),
                [["hard", "equal"], ["easy", "equal"]],
            ),
        },
        {"alpha_tot": [1.0, 10.0], "keep_fraction": [0.1, 1.0]},
    )
    ring, upright = regions.lines(data, "alpha_tot")
    np.testing.assert_array_equal(ring.points[:, 0], ring.points[:, -1])
    np.testing.assert_array_equal(upright.points[:, -1], [8.0, 1.0])
    # inside the ring no point of the grid lies: its rule is the other of the two
    cells = regions.Cells((1.0, 0.1), (10.0, 1.0), (False, False), (90, 90))
    number = regions.best_rule(data, "alpha_tot", cells)
    hard, easy = regions.RULES.index("hard"), regions.RULES.index("easy")
    assert number[40, 40] == easy and number[40, 10] == hard


def test_a_line_to_a_region_crosses_no_other_border():
    # from below the nearest place is behind a third region
    number = np.zeros((40, 60), int)
    number[20:] = 2
    number[14:20, 20:40] = 1
    number[8:14] = 3
    gap = np.full(number.shape, np.inf)
    gap[4, 30], gap[30, 30] = 1.0, 2.0
    assert region_names._nearest(gap, number, (17, 30)) == (30, 30)
    gap[30, 30] = np.inf  # there is no other
    assert region_names._nearest(gap, number, (17, 30)) == (4, 30)
