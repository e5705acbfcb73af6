"""``pruning-laws embed``: embeddings of a data set by a network, into a .npy file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import machine_options, options, output, vision_options


def embed(
    output_file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .npy file.")
    ],
    data: vision_options.Data = "digits",
    split: vision_options.Split = "train",
    run: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Of `pruning-laws train`.")
    ] = None,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Of the run, by its epochs; 0 for the weights before the first. "
            "[default: the last]",
        ),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="For --weights: resnet50, vit_b16 and the like.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="A PyTorch or safetensors file, or a Hugging Face folder."),
    ] = None,
    stem: Annotated[
        str | None, typer.Option(help="Of a ResNet: cifar, strided or imagenet.")
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            metavar="imagenet|swav|half", help="What the weights were trained on."
        ),
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(
            help="Side in pixels that images are resized to (bilinear), such as 224; "
            "of files the centre is cut out. [default: their own; of files 32 for "
            "--pixels, 224 for --weights]",
            min=1,
        ),
    ] = None,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="No network: the pixels, to compare with.")
    ] = False,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Print how many labels a linear probe reads off."),
    ] = False,
    test_split: Annotated[
        str | None,
        typer.Option(help="That --probe is tested on. [default: test, or val]"),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 256,
    workers: vision_options.Decoders = 0,
    device: machine_options.Device = None,
    seed: vision_options.Seed = 0,
    as_json: options.AsJson = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Embed every example of a data set, in its order, by a trained network.

    The network is that of a run folder, one of imported weights, or none (--pixels).
    Beside FILE a record of the same name in .json says which it was, and of what data
    set: `score` and `sensitivity` refuse embeddings of another one.

    \b
    Examples:
      pruning-laws train --recipe digits_simclr -o run
      pruning-laws embed --run run -o run.npy --probe
      pruning-laws score prototypes --embeddings run.npy -o prototypes.parquet
      pruning-laws embed --network resnet50 --weights swav_800ep_pretrain.pth.tar \\
        --normalise swav --data imagenet:PATH --workers 16 -o swav.npy
    """
    given = {"--run": run, "--weights": weights, "--pixels": pixels or None}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise options.bad(" / ".join(chosen or given), "give exactly one of them")
    needs = {"--network": network, "--normalise": normalise}
    if run is not None and resize is not None:
        raise options.bad("--resize", "it is for --weights and --pixels")
    for name, value in {**needs, "--stem": stem}.items():
        if weights is None and value is not None:
            raise options.bad(name, "it is for --weights")
        if weights is not None and value is None and name in needs:
            raise options.bad(name, "--weights needs it")
    if test_split is not None and not probe:
        raise options.bad("--test-split", "it is for --probe")
    if run is None and checkpoint is not None:
        raise options.bad("--checkpoint", "it is for --run")
    if output_file.suffix != ".npy":
        raise options.bad("--output", f"{output_file.name!r} must end in .npy")

    import numpy as np

    from simulations.files import filled_rows
    from simulations.vision import embedding
    from simulations.vision.data import load
    from simulations.vision.data.classes import matched
    from simulations.vision.data.encoded import images_of, pixels_of
    from simulations.vision.embedding_files import (
        NO_NETWORK,
        record_path,
        write_embeddings,
    )
    from simulations.vision.training import placement

    for path in (output_file, record_path(output_file)):
        output.check_new(path, overwrite)
    where, dataset = placement(device), load(data, split)
    test = None
    if probe:  # refused before any work is done
        test = matched(load(data, test_split or _held_out(data)), dataset)
    by = None
    if run is not None:
        from simulations.vision.training.restored import embedder_from

        images_of(dataset, _SHOWN)

        by = embedder_from(run, where, checkpoint)
    elif weights is not None:
        images_of(dataset, _SHOWN)
        by = embedding.imported(
            str(network),
            weights,
            str(normalise),
            size=resize,
            image_shape=embedding.image_shape(dataset, resize),
            **({} if stem is None else {"stem": stem}),
        )

    def of(some: Any, advance: Any) -> Any:
        if by is None:
            return [(np.arange(len(some)), pixels_of(some, resize))]
        options = {"batch_size": batch_size, "workers": workers, "advance": advance}
        return embedding.embed(some, by, where, **options)

    if by is None:
        source = {"network": NO_NETWORK, "resize": resize}
    else:
        source = embedding.source_of(by)
    with _bar(len(dataset)) as advance:
        write_embeddings(output_file, of(dataset, advance), dataset, source)
    output.note(f"wrote {output_file} and its record: {dataset.name}")
    if test is None:
        return

    import xarray as xr

    from simulations.vision.probe import linear_probe

    with _bar(len(test)) as advance:
        shown = filled_rows(of(test, advance), len(test))
    with output.working("fitting the probe"):
        train = np.load(output_file, mmap_mode="r")
        found = linear_probe(train, dataset.labels, shown, test.labels, seed=seed)
    if found.seen:
        output.note(
            f"of the {len(test)} images that the probe was tested on, {found.seen} are "
            "among those that it was fitted to: it is no test on other images"
        )
    output.Destination(as_json).emit(
        xr.Dataset(vars(found)),
        title=f"linear probe of {dataset.name}, tested on {test.name}",
    )


_SHOWN = "a network is shown images"


def _held_out(data: str) -> str:
    """The split that a probe is tested on where none is named."""
    split = vision_options.test_split(data)
    return "test" if split == "none" else split


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """A function that moves a bar of examples on stderr, if that is a terminal."""
    from simulations.vision.training.records import progress_bar

    with progress_bar(total, sys.stderr.isatty(), unit="examples") as update:
        yield update
