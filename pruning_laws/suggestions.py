"""The command to type after one that has ended, on stderr: ``next: pruning-laws ...``.

It is made of what was typed, so that it can be copied as it stands.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import options
from .targets import PICTURES

Given = Mapping[str, Any]  # the options of a command, by their names in Python
BATCH = 64  # of the recipe that `train` takes by itself; fewer examples fill none
PROGRAM = "pruning-laws"
UNKNOWN = "DATA"  # stands for a data set that nothing says


def next_step(command: str, given: Given) -> str | None:
    """What to type next; None if nothing comes to mind.

    Args:
        command: the name of the function of the command that has ended.
        given: its options.
    """
    suggest = _STEPS.get(command)
    words = suggest(given) if suggest else None
    return shlex.join(words) if words else None


def _ours(*words: object, **options: Any) -> list[str]:
    """A command of ours; options that are None or of no effect are left out."""
    line = [PROGRAM, *map(str, words)]
    for name, value in options.items():
        option = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        if value is True:
            line.append(option)
        elif value not in (None, False):
            line += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return line


def _report(result: Any) -> list[str]:
    path = Path(result)
    return _ours("report", path, o=f"{path.stem or 'results'}.html")


def _of_file(given: Given) -> list[str] | None:
    """Results that were written, to look at; pictures are seen without us."""
    path = _results(given.get("output_files"))
    return None if path is None else _report(path)


def _results(files: Sequence[Path] | None) -> Path | None:
    """The first of the files that is no picture."""
    return next((one for one in files or () if one.suffix not in PICTURES), None)


def _angle(given: Given) -> dict[str, Any]:
    return {name: given.get(name) for name in ("theta", "theta_degrees")}


def _data(given: Given) -> dict[str, Any]:
    """The data set, unless it is the built-in one, and labels in place of its own."""
    data, split = given.get("data"), given.get("split")
    return {
        "data": None if data == "digits" else data,
        "split": None if split == "train" else split,
        "labels": given.get("labels"),
    }


def _too_few(ids: Path) -> bool:
    """Whether a list of ids is too short to train a network on by itself."""
    if not ids.exists():
        return False
    with open(ids, encoding="utf-8") as lines:
        return sum(1 for _ in lines) < BATCH


def _solve(given: Given) -> list[str] | None:
    """Check points that can be simulated; write others, to be drawn."""
    written = _of_file(given)
    if written or given["problem"]:
        return written
    usual = {"rule": "hard", "margin": "absolute", "student": "max_margin"}
    changed = {
        name: given[name] for name, value in usual.items() if given[name] != value
    }
    where = {"f": given["keep_fraction"], **_angle(given), **changed}
    if given["alpha_prune"] and given["loss"] is None and "student" not in changed:
        # a pool of which so few are kept is too large to be drawn as a whole
        few = min(options.fractions(given["keep_fraction"])) < 0.01
        how = {"pool": "direct"} if few else {}
        return _ours("validate", alpha_prune=given["alpha_prune"], **where, **how)
    names = "loss", "ridge", "flip_probability", "label_noise"
    how = {name: given[name] for name in names}
    loads = {name: given[name] for name in ("alpha_prune", "alpha_tot")}
    return _ours("solve", **loads, **where, **how, o="solve.nc")


def _pareto(given: Given) -> list[str]:
    return _of_file(given) or _ours(
        "phase-diagram", alpha_tot="1:30:25", f="0.05:1:25", **_angle(given)
    )


def _phases(given: Given) -> list[str]:
    return _of_file(given) or _ours("advise", alpha_tot=10, **_angle(given))


def _advise(given: Given) -> list[str]:
    if given["alpha_tot"] is None:
        return _of_file(given) or _ours("predict", **_examples(given), f="0.1,0.3,0.5")
    return _of_file(given) or _ours(
        "optimal-rule", alpha_tot=given["alpha_tot"], f=0.3, **_angle(given)
    )


def _figure(given: Given) -> list[str]:
    if given["name"] == "list":
        return _ours("figure", "fig1a")
    return _report(given["folder"])


def _train(given: Given) -> list[str]:
    folder = Path(given["output_folder"])
    if given.get("subset_fraction"):
        files = {name: folder / f"{name}.npy" for name in ("correct", "member")}
        return _score("memorization", given, **files)
    if (folder / "embeddings.npy").exists():
        return _score("prototypes", given, embeddings=folder / "embeddings.npy")
    return _score("el2n", given, logits=folder / "logits.npy")


def _score(metric: str, given: Given, **files: Path) -> list[str]:
    return _ours("score", metric, **_data(given), **files, o=f"{metric}.parquet")


def _can_halve(folder: Path) -> bool:
    """Whether half of what a comparison keeps is two examples a class, at least."""
    files = folder / "keep.txt", folder / "classes.csv"
    if not all(file.exists() for file in files):
        return True
    kept, rows = (len(file.read_text("utf-8").splitlines()) for file in files)
    return kept // 2 >= 2 * (rows - 1)


def _select(given: Given) -> list[str]:
    path, data = _results(given.get("output_files")), given.get("data")
    scores, fraction = given["scores_file"], given["keep_fraction"]
    if path is None or not given["ids"]:
        names = "class_floor", "per_class", "allow_empty_classes"
        how = {"rule": given["rule"] if given["rule"] != "hard" else None}
        how |= {name: given[name] or None for name in names}
        how |= _data(given) | {"ids": True, "o": "kept.txt"}
        return _ours("select", scores, f=fraction, **how)
    if given["split"] != "train":  # which none is trained on
        return _ours("show", scores)
    if data is None:
        data = "digits" if _of_digits(scores) else UNKNOWN
    vectors = data.startswith("arrays:")  # which train does not take
    named = None if data == "digits" else data
    if data == UNKNOWN or vectors or _too_few(path):
        how = {"f": fraction, "metrics": scores, "o": "compared"}
        return _ours("compare", data=named, **how)
    return _ours("train", data=named, keep=path, o="pruned")


def _of_digits(scores: Any) -> bool:
    """Whether a score file is of the built-in data set."""
    path = Path(scores)
    if path.suffix != ".parquet" or not path.is_file():
        return False
    from simulations.vision.score_files import dataset_of

    return dataset_of(path) == "digits train"


def _compare(given: Given) -> list[str]:
    """Train on what was found best to keep; where nothing is trained, ask for less."""
    folder = Path(given["output_folder"])
    side = given["resize"] if ":" in str(given["data"]) else None
    side = None if side == 32 else side  # that of train
    if str(given["data"]).startswith("arrays:"):
        if not _can_halve(folder):
            return _report(folder)
        usual = {"metrics": "el2n,prototypes", "budget": "10min"}
        how = {k: given[k] for k in usual if given[k] != usual[k]}
        names = "model", "seeds", "test_split", "features", "test_features", "device"
        how |= {name: given[name] for name in names} | {"resize": side}
        less = 0.5 * options.fraction(given["keep_fraction"], "-f")
        other = folder.with_name(f"{folder.name}_half")
        return _ours("compare", **_data(given), f=less, **how, o=other)
    if _too_few(folder / "keep.txt"):
        return _report(folder)
    how = {"keep": folder / "keep.txt", "resize": side, "o": "pruned"}
    return _ours("train", **_data(given), **how)


def _examples(given: Given) -> dict[str, Any]:
    """Features and scores; of several scores the first."""
    names = ("features", "labels", "data", "probe", "components")
    score = next(iter(given["score"] or ()), None)
    split = None if given["split"] == "train" else given["split"]
    return {name: given[name] for name in names} | {"split": split, "score": score}


def _predict(given: Given) -> list[str]:
    """Keep what a score file says, or see whether it is so."""
    if written := _of_file(given):
        return written
    if given["score"]:
        fraction = options.fractions(given["keep_fraction"])[0]
        return _ours("select", given["score"][0], f=fraction, ids=True, o="kept.txt")
    done = given["check"]
    usual = {"loss": "logistic", "ridge": 0.01, "margin": "absolute"}
    where = {"f": given["keep_fraction"], "pool": given["pool"]}
    where |= {k: given[k] for k, value in usual.items() if given[k] != value}
    end = {"check": not done, "o": "predicted.nc" if done else None}
    return _ours("predict", **_examples(given), **where, **end)


def _kept(scores: Any) -> list[str]:
    return _ours("select", scores, f=0.5, ids=True, o="kept.txt")


def _experiment(given: Given) -> list[str]:
    if not given["plan_only"]:
        return _ours("laws", given["output_folder"])
    options = {"scale": given["scale"], "scores": given["scores"]}
    name, folder = given["name"], given["output_folder"]
    return _ours("experiment", name, **_data(given), **options, o=folder)


def _folder_of(table: Any) -> Path:
    path = Path(table)
    return path.parent if path.suffix else path


def _list(given: Given) -> list[str]:
    from .catalogue import KINDS

    kind = given["kind"]
    return (
        shlex.split(KINDS[kind].example) if kind else _ours("list", next(iter(KINDS)))
    )


_STEPS: dict[str, Callable[[Given], list[str] | None]] = {
    "solve": _solve,
    "pareto": _pareto,
    "phase_diagram": _phases,
    "advise": _advise,
    "optimal_rule": lambda given: _of_file(given) or _ours("figure", "optimal_rule"),
    "information": lambda given: _of_file(given) or _ours("figure", "fig1f"),
    "active_rounds": lambda given: _of_file(given) or _ours("figure", "student_probes"),
    "self_training": lambda given: _of_file(given) or _ours("figure", "self_training"),
    "simulate": lambda given: _report(_results(given["table"]) or given["folder"]),
    "validate": lambda given: _report(given["folder"]),
    "score": lambda given: _kept(given["output_file"]),
    "select": _select,
    "gallery": lambda given: _kept(given["scores_file"]),
    "balance": lambda given: [
        *_kept(given["score_files"][0]),
        *("--class-floor", "0.5"),
    ],
    "correlate": lambda given: _kept(given["score_files"][0]),
    "sensitivity": lambda given: _score(
        "prototypes",
        given,
        **{k: v for k, v in {"embeddings": given["embeddings"]}.items() if v},
    ),
    "predict": _predict,
    "compare": _compare,
    "train": _train,
    "embed": lambda given: _score("prototypes", given, embeddings=given["output_file"]),
    "experiment": _experiment,
    "laws": lambda given: _ours("verdicts", given["table"]),
    "verdicts": lambda given: _report(_folder_of(given["table"])),
    "demo": lambda given: _report(given["folder"]),
    "figure": _figure,
    "show": lambda given: _of_file(given) or _report(given["file"]),
    "report": lambda given: ["python", "-m", "webbrowser", str(given["output_file"])],
    "list_names": _list,
}
