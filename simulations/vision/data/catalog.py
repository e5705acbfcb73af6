"""Data sets by name, as the command line takes them."""

from __future__ import annotations

from perceptron_theory import InputError

from .cifar10 import cifar10
from .digits import digits
from .folder import ImageFolder, image_folder
from .images import Images
from .svhn import svhn

FORMS = "digits, cifar10:PATH, svhn:PATH or folder:PATH"


def load(name: str = "digits", split: str = "train") -> Images | ImageFolder:
    """A data set: digits (built in), cifar10:PATH, svhn:PATH or folder:PATH.

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
        case "folder", ":", path if path:
            folder = image_folder(path)
            if split in folder.class_names:
                return image_folder(folder.root / split)
            return folder
    raise InputError(f"data set {name!r} is of no known form: give {FORMS}")
