"""How scores of prototypes depend on the number of clusters."""

from __future__ import annotations

import tempfile
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from . import style

SOURCE = "digits"
CAPTION = (
    "Scores of self-supervised prototypes by the number of clusters k, on the 1,438 "
    "built-in training digits: embeddings by SimCLR (recipe digits_simclr, seed 0) and "
    "plain pixels; cosine distance, 5 starts of k-means at each k, means over pairs of "
    "starts. A: Spearman's correlation with the scores at k = 10, the number of "
    "classes (full lines), and of two starts at one k, the most it could be (dashed). "
    "B: the same of the part that two kept sets share, at a keep fraction of 0.5; "
    "grey: chance. C: correlation of cosine with Euclidean scores at one k. Ten "
    "clusters or more rank much the same examples high; with fewer, classes share "
    "clusters, and the ranking is another one, in the space of SimCLR even reversed."
)
SPACES = ("simclr", "pixels")
NAMES = {"simclr": "SimCLR", "pixels": "pixels"}
LOOKS = dict(zip(SPACES, (style.FAMILY[4], style.FAMILY[1]), strict=True))
CLUSTERS = (1, 2, 4, 6, 8, 10, 13, 16, 25, 50, 100)
CLASSES, SEEDS, FRACTION = 10, 5, 0.5


def compute() -> xr.Dataset:
    """Train SimCLR on the digits, then cluster its embeddings and the pixels."""
    # of the extra ``vision``, which the other figures do without
    from simulations.vision.cluster_sensitivity import sensitivity
    from simulations.vision.data import load
    from simulations.vision.data.encoded import pixels_of
    from simulations.vision.scoring import read_array
    from simulations.vision.training import Plan, placement, read_recipe, train

    digits = load("digits")
    plan = Plan(digits, read_recipe("digits_simclr"), 0, placement())
    with tempfile.TemporaryDirectory() as folder:
        train(plan, Path(folder) / "run")
        learned = read_array(Path(folder) / "run" / "embeddings.npy")[:]
    options = {"reference": CLASSES, "keep_fraction": FRACTION, "seeds": SEEDS}
    found = [
        sensitivity(points, CLUSTERS, **options)  # type: ignore[arg-type] # mixed
        for points in (learned, pixels_of(digits))
    ]
    return xr.concat(found, xr.Variable("space", list(SPACES)))


def draw(data: xr.Dataset) -> Figure:
    """Correlation, overlap, and the two distances, against k."""
    figure = style.canvas(style.PAGE, 2.5)
    panels = figure.subplots(1, 3)
    curves = (("reference", "ceiling"), ("overlap", "overlap_ceiling"), ("distances",))
    for axes, names in zip(panels, curves, strict=True):
        for space in SPACES:
            color, _, mark = LOOKS[space]
            for name, line in zip(names, ("-", (0, (4, 1.5))), strict=False):
                axes.plot(
                    data["k"],
                    data[name].sel(space=space),
                    color=color,
                    linestyle=line,
                    marker=mark if line == "-" else None,
                    markerfacecolor="white",
                    label=NAMES[space] if line == "-" else None,
                )
        axes.set(xscale="log", xlabel="clusters  $k$", ylim=(0, 1.04))
    panels[0].set_ylim(-0.55, 1.06)
    panels[1].axhline(data.attrs["keep_fraction"], color=style.GREY, linewidth=0.9)
    panels[0].set(ylabel=f"rank correlation with $k = {data.attrs['reference_k']}$")
    panels[1].set(ylabel="shared part of the kept sets")
    panels[2].set(ylabel="cosine with Euclidean")
    panels[0].legend(loc="lower right")
    style.letter(panels)
    return figure
