"""Data sets by name, as the command line takes them."""

from __future__ import annotations

from pathlib import Path

from perceptron_theory import InputError

from .cifar10 import cifar10
from .digits import digits
from .encoded import DataSet
from .folder import image_folder
from .imagenet import imagenet
from .svhn import svhn

FORMS = "digits, cifar10:PATH, svhn:PATH, imagenet:PATH or folder:PATH"


def load(name: str = "digits", split: str = "train") -> DataSet:
    """A data set by one of ``FORMS``: the digits are built in.

    A folder's split is the sub-folder of that name, if there is one.

    Raises:
        InputError: another form, or what the data set refuses.
    """
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
