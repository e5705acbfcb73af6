"""``pruning-laws train``: a network on a data set, whole or pruned, into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perceptron_theory.wording import counted

from .. import machine_options, options, output, vision_options

if TYPE_CHECKING:
    import xarray as xr


def train(
    output_folder: vision_options.RunFolder,
    data: vision_options.Data = "digits",
    labels: vision_options.Labels = None,
    split: vision_options.Split = "train",
    test_split: Annotated[
        str | None,
        typer.Option(
            help="Split that accuracy is measured on; none for no test. [default: "
            "test, or val]"
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="A recipe by its name (see `list recipes`), or a .toml file.",
        ),
    ] = "digits_resnet8",
    resize: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side in pixels that images are resized to. [default: the recipe's; "
            "for images in files 32, unless the recipe streams them]",
        ),
    ] = None,
    fixed_epochs: Annotated[
        int | None,
        typer.Option(help="Number of epochs, instead of the recipe's."),
    ] = None,
    fixed_steps: Annotated[
        int | None,
        typer.Option(help="Number of steps, whatever the size of the pruned set."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="IDS",
            help="Train on these examples only: a file that `select --ids` wrote.",
        ),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|FILE",
            help="Fine-tune: start from the weights of a run, or of a PyTorch or "
            "safetensors file, with a new last layer.",
        ),
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(
            help="Stop after this many epochs; the same command without it resumes."
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Epochs between checkpoints. [default: 1; for an ensemble, only at "
            "the end]",
        ),
    ] = None,
    models: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Train an ensemble of this many models; a larger number adds to it.",
        ),
    ] = None,
    subset_fraction: Annotated[
        float | None,
        typer.Option(
            metavar="F",
            help="Train each of --models on its own random part of the data, such as "
            "0.7.",
        ),
    ] = None,
    way: Annotated[
        str,
        typer.Option(
            metavar="auto|one_after_another|one_a_device|together",
            help="How --models are trained; auto measures which way is fastest here.",
        ),
    ] = "auto",
    workers: vision_options.Decoders = 0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write events for TensorBoard.")
    ] = False,
    device: machine_options.Device = None,
    cpu_devices: machine_options.CpuDevices = None,
    *,
    hosts: machine_options.Hosts,
    seed: vision_options.Seed = 0,
    picture: output.Picture,
) -> None:
    """Train a network on a data set, whole or pruned.

    An interrupted run is resumed by the same command. FOLDER gets checkpoints,
    metrics.csv and, at the end, logits.npy (for the metric el2n) and correct.npy (for
    forgetting); a recipe that trains without labels, such as digits_simclr, writes
    embeddings.npy (for prototypes) instead.

    The budget of the recipe can be replaced by --fixed-epochs (a pruned set then takes
    fewer steps) or by --fixed-steps (it takes as many steps as the whole set).

    --initial starts from the weights of an earlier run of the same network, or of a
    file, with a new last layer. To resume such a run, give --initial again.

    With --models, FOLDER holds an ensemble: logits.npy, correct.npy and
    test_correct.npy of all models, member.npy (which model was trained on which
    example, for memorization and influence), presentations.npy (for forgetting, unless
    --subset-fraction is given) and one folder per model.

    \b
    Examples:
      pruning-laws train -o run --plot training.png
      pruning-laws score el2n --logits run/logits.npy -o el2n.parquet
      pruning-laws score forgetting --correct run/correct.npy -o forgetting.parquet
      pruning-laws select el2n.parquet -f 0.5 -o kept.txt --ids
      pruning-laws train --keep kept.txt --fixed-steps 220 -o pruned
      pruning-laws train --data digits#0,1,2,3,4 -o low
      pruning-laws train --data digits#5,6,7,8,9 --initial low -o high
      pruning-laws train --models 20 --subset-fraction 0.7 -o ensemble
    """
    together = {
        "--subset-fraction": subset_fraction is not None,
        "--way": way != "auto",
    }
    alone = {
        "--keep": keep is not None,
        "--initial": initial is not None,
        "--stop-after": stop_after is not None,
        "--tensorboard": tensorboard,
        "--coordinator": hosts.coordinator is not None,
    }
    for option, given in (together if models is None else alone).items():
        if given:
            which = "needs" if models is None else "does not go with"
            raise options.bad(option, f"it {which} --models")
    if hosts.coordinator is not None and cpu_devices is not None:
        raise options.bad(
            "--cpu-devices", "with --coordinator set JAX_NUM_CPU_DEVICES instead"
        )
    reports = hosts.join()

    from simulations.vision.data import load
    from simulations.vision.training import Plan, initial_from, placement, read_recipe
    from simulations.vision.training import train as run
    from simulations.vision.training.image_size import side_of

    changes = {
        "fixed_epochs": fixed_epochs,
        "fixed_steps": fixed_steps,
        "resize": resize,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    chosen = read_recipe(recipe, **given)
    if hosts.coordinator is None:
        machine_options.cut_cpu(cpu_devices, chosen.batch_size, output_folder)
    data = vision_options.labelled(data, labels, split)
    if test_split is None:
        test_split = vision_options.test_split(data)
    with output.working("reading the data"):
        dataset = load(data, split)
        test = None if test_split == "none" else load(data, test_split)
    given = {
        "dataset": dataset,
        "recipe": chosen,
        "seed": seed,
        "placement": placement(device),
        "test": test,
        "workers": workers,
    }
    side = side_of(given["dataset"], chosen)
    if side is not None and reports:
        output.note(
            f"images of {given['dataset'].name} are taken at {side} x {side} pixels: "
            "--resize sets another side"
        )
    test = given["test"]
    if test is not None and test.fingerprint == given["dataset"].fingerprint:
        output.note(
            f"the test set {test.name} is the training set itself, so its accuracy "
            "says nothing about new images"
        )
    if models is not None:
        given |= {"models": models, "subset_fraction": subset_fraction}
        _train_ensemble(given, output_folder, way, checkpoint_every)
        return picture.emit_result(lambda: _result(output_folder))
    if initial is not None:
        what = given["dataset"], chosen, given["placement"]
        given["initial"] = initial_from(initial, *what)
    plan = Plan(**given, ids=None if keep is None else _ids(keep))
    done = run(
        plan,
        output_folder,
        stop_after=stop_after,
        checkpoint_every=checkpoint_every or 1,
        board=tensorboard,
        progress=reports,
    )
    if not reports:
        return
    picture.emit_result(lambda: _result(output_folder))
    last = done.history[-1]
    tested = last["test_accuracy"]
    said = f", of the test set {tested:.4f}" if tested is not None else ""
    output.note(
        f"wrote {output_folder}: {counted(last['epoch'], 'epoch')}, "
        f"{counted(last['step'], 'step')}; "
        f"accuracy in training {last['train_accuracy']:.4f}{said}"
    )


def _result(folder: Path) -> xr.Dataset:
    """What the picture of a run, or of an ensemble, shows."""
    from figures.saved import load_result

    return load_result(folder)


def _train_ensemble(
    given: dict[str, Any], folder: Path, way: str, checkpoint_every: int | None
) -> None:
    import numpy as np

    from simulations.vision.ensembles import Ensemble, train_ensemble

    ensemble = Ensemble(**given)
    choice = train_ensemble(
        ensemble,
        folder,
        way=way,
        checkpoint_every=checkpoint_every,
        progress=True,
    )
    said = ""
    if ensemble.test is not None:
        tested = np.load(folder / "test_correct.npy").mean()
        said = f"; accuracy on the test set {tested:.4f}"
    output.note(
        f"wrote {folder}: {counted(ensemble.models, 'model')}, {choice.way} on "
        f"{ensemble.placement.says} ({choice.why}){said}"
    )
    if len(choice.seconds) > 1:
        speeds = (
            f"{way} {ensemble.recipe.batch_size / seconds:.0f}"
            for way, seconds in choice.seconds.items()
        )
        output.note(f"images per second: {', '.join(speeds)}")


def _ids(path: Path) -> list[str]:
    """The ids in a file, one per line."""
    if path.suffix != ".txt":
        raise options.bad(
            "--keep",
            f"{path.name!r} must be a .txt file with one id per line, as `select "
            "--ids -o kept.txt` writes it"
            + (" (a .npy file holds indices)" if path.suffix == ".npy" else ""),
        )
    from perceptron_theory import InputError
    from perceptron_theory.text_files import read_text

    try:
        return [line for line in read_text(path).split("\n") if line]
    except InputError as error:
        raise options.bad("--keep", f"{path.name!r} is {error}") from error
