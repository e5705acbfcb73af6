"""``pruning-laws select``: which examples of a score file to keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options, output, targets, vision_options

if TYPE_CHECKING:
    import xarray as xr

    from simulations.vision.score_files import Scores
    from simulations.vision.selection import Selection


def select(
    scores_file: vision_options.ScoreFile,
    keep_fraction: options.TheFraction,
    rule: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="hard, easy, random; stratified[:SHARE] (equal numbers from all "
            "ranges of the score, without the hardest SHARE); window:LOWER (from that "
            "quantile of difficulty on, where 0 is the hardest); or "
            "mixture:SHARE:hard|easy (SHARE by the score, the rest at random). A rule "
            "of your own is package.module:Name.",
        ),
    ] = "hard",
    class_floor: vision_options.ClassFloor = 0.0,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Keep the same fraction of every class.")
    ] = False,
    allow_empty_classes: Annotated[
        bool,
        typer.Option(
            "--allow-empty-classes", help="Allow classes to lose all of their examples."
        ),
    ] = False,
    seed: vision_options.Seed = 0,
    data: vision_options.CheckedData = None,
    split: vision_options.Split = "train",
    output_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the indices of the kept examples to a .npy or .txt file, or a "
            "picture of what every class keeps (.png, .pdf, .svg); give it once for "
            "each file.",
        ),
    ] = None,
    ids: Annotated[
        bool,
        typer.Option("--ids", help="Write ids instead of indices, to a .txt file."),
    ] = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    plot: options.Plot = False,
    plot_files: options.PlotFiles = None,
    title: options.Title = None,
    size: options.Size = "slide",
) -> None:
    """Choose which examples to keep, from their scores.

    Prints how many of each class are kept, and writes their indices (from 0, in the
    order of the data set) or, with --ids, their ids, one per line, as `train --keep`
    reads them.

    \b
    Examples:
      pruning-laws select prototypes.parquet -f 0.5 --class-floor 0.5 -o kept.npy
      pruning-laws select el2n.parquet -f 0.3 --rule stratified:0.1 -o kept.txt --ids
    """
    chosen_rule = vision_options.selection_rule(rule)
    files = output_files or []
    pictures = [path for path in files if path.suffix in targets.PICTURES]
    drawn = plot, plot_files, title, size
    to = output.Destination(as_json, pictures, overwrite, *drawn)
    for path in set(files) - set(pictures):
        targets.check_new(path, overwrite)

    from perceptron_theory import InputError
    from simulations.vision.selection import EmptyClass
    from simulations.vision.selection import select as choose

    scores = vision_options.scores_from(scores_file, data, split)
    try:
        selection = choose(
            scores.scores,
            keep_fraction,
            seed=seed,
            rule=chosen_rule,
            labels=scores.labels,
            class_floor=class_floor,
            per_class=per_class,
            allow_empty_classes=allow_empty_classes,
            class_names=scores.class_names,
        )
    except EmptyClass as error:
        what = error.what.replace("keep_fraction", "-f")
        remedy = "raise it, or add --class-floor 0.5 or --allow-empty-classes"
        raise InputError(f"{what}: {remedy}") from error
    for path in files:
        if path not in pictures:
            selection.save(path, scores.ids if ids else None)
            output.note(f"wrote {path}")
    _warn_of_ties(selection, scores, rule, apart=per_class or class_floor > 0)
    if scores.labels.any():  # more classes than one
        _warn(selection, scores, rule)
    to.emit(
        _dataset(selection, scores, seed).assign_attrs(dataset=scores.dataset),
        title=f"{rule} of {scores.metric}, {scores.dataset}: "
        f"{len(selection.indices)} of {selection.n_examples} kept",
    )


def _which(selection: Selection, rule: str) -> str:
    share = f"{100 * selection.keep_fraction:.3g} %"
    words = {"hard": "the hardest", "easy": "the easiest"}
    return f"{words[rule]} {share}" if rule in words else f"{share} kept by {rule}"


def _warn_of_ties(selection: Selection, scores: Scores, rule: str, apart: bool) -> None:
    """Say where equal scores leave the choice to chance."""
    from simulations.vision.ties import ties_in_words

    which, labels = _which(selection, rule), scores.labels if apart else None
    if said := ties_in_words(which, selection, scores.scores, labels):
        output.note(f"warning: {said} (--seed)")


def _warn(selection: Selection, scores: Scores, rule: str) -> None:
    """Name a class that nearly vanishes, and the option that keeps it."""
    import numpy as np

    from simulations.vision.vanishing import loss_in_words, mending_option

    counts = selection.class_counts or {}
    kept, before = np.array(list(counts.values())).T
    names = [scores.class_name(one) for one in counts]
    which = f"{_which(selection, rule)} by {scores.metric}"
    if said := loss_in_words(which, before, kept, names):
        output.note(
            f"warning: {said}; {mending_option(before, kept)} keeps at least half of "
            "its share"
        )


def _dataset(selection: Selection, scores: Scores, seed: int) -> xr.Dataset:
    import xarray as xr

    counts = selection.class_counts or {}
    kept, before = zip(*counts.values(), strict=True)
    return xr.Dataset(
        {"kept": ("class", list(kept)), "before": ("class", list(before))},
        coords={"class": [scores.class_name(one) for one in counts]},
        attrs={
            "keep_fraction": selection.keep_fraction,
            "kept": len(selection.indices),
            "examples": selection.n_examples,
            "rule": repr(selection.rule),
            "seed": seed,
        },
    )
