"""Data sets by name, as the command line takes them."""

from __future__ import annotations

from pathlib import Path

from perceptron_theory import InputError

from .cifar10_files import cifar10
from .classes import of_classes
from .encoded import DataSet
from .folder import image_folder
from .imagenet_files import imagenet
from .sklearn_digits import digits
from .svhn_files import svhn

FORMS = (
    "digits, cifar10:PATH, svhn:PATH, imagenet:PATH or folder:PATH, each with "
    "#CLASS,CLASS for these classes only"
)


def load(name: str = "digits", split: str = "train") -> DataSet:
    """A data set by one of ``FORMS``: the digits are built in.

    A folder's split is the sub-folder of that name, if there is one.  Labels of a part
    of the classes are in the order given, see :func:`.classes.of_classes`; a path with
    a # that exists as a whole is a path.

    Raises:
        InputError: another form, or what the data set refuses.
    """
    data, mark, classes = name.rpartition("#")
    if mark and not _is_path(name):
        names = [part.strip() for part in classes.split(",")]
        return of_classes(_whole(data, split), names)
    return _whole(name, split)


def _is_path(name: str) -> bool:
    path = name.partition(":")[2]
    return "#" in path and Path(path).exists()


def _whole(name: str, split: str) -> DataSet:
    match name.partition(":"):
        case "digits", "", "":
            return digits(split)
        case "cifar10", ":", path if path:
            return cifar10(path, split)
        case "svhn", ":", path if path:
            return svhn(path, split)
        case "imagenet", ":", path if path:
            return imagenet(path, split)
        case "folder", ":", path if path:
            inside = Path(path) / split
            return image_folder(inside if inside.is_dir() else path)
    raise InputError(f"data set {name!r} is of no known form: give {FORMS}")
