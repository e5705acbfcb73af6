"""The data sources that come with the package, by name; others by object or class.

To add one of ours: its file, and its line here.  Sources of users need neither.
"""

from __future__ import annotations

from dataclasses import replace

from perceptron_theory import InputError
from perceptron_theory.errors import did_you_mean, nearest
from perceptron_theory.paths import expanded

from ..contracts import imported
from .array_files import SUFFIXES
from .array_source import Arrays
from .cifar10_files import Cifar10
from .cifar100_files import Cifar100
from .class_order import NATURAL, SUFFIX, Ordered, warn_of_order
from .classes import OfClasses
from .contract import (
    DataSource,
    check_source,
    loaded,
    needs_path,
    takes_path,
    text_of,
    with_path,
)
from .encoded import DataSet
from .folder import Folder
from .idx_files import MNIST, FashionMNIST
from .imagenet_files import ImageNet
from .other_labels import OFFICIAL, Relabelled, parts_of
from .sklearn_digits import Digits
from .svhn_files import SVHN

SOURCES: dict[str, type[DataSource]] = {
    kind.name: kind
    for kind in (
        *(Digits, MNIST, FashionMNIST, Cifar10, Cifar100, SVHN, ImageNet),
        *(Folder, Arrays),
    )
}


def form_of(kind: type[DataSource]) -> str:
    """What is typed to name a source: its name, and a path where it takes one."""
    return f"{kind.name}:{kind.place}" if takes_path(kind) else kind.name


_LABELS = "labels="
*_MOST, _LAST = map(form_of, SOURCES.values())
FORMS = (
    f"{', '.join(_MOST)} or {_LAST}, each with #CLASS,CLASS for these classes only, or "
    f"#{NATURAL} or #FILE{SUFFIX} for another order of them, and #{_LABELS}FILE for "
    "the labels of a file"
)


def load(source: str | DataSource = "digits", split: str = "train") -> DataSet:
    """A split of a data set; the digits are built in.

    Args:
        source: As :func:`source_of` takes it: text or an object.
        split: The name of the split; of a folder, that of a sub-folder.

    Warns:
        DataWarning: Files of a folder were left out, or numbers in the names of the
            classes count in another order than they are sorted in.

    Raises:
        InputError: Text of no known form, an object that lacks a part of the contract,
            or what the source refuses.
    """
    found = source_of(source)
    dataset = loaded(found, split)
    if not isinstance(found, OfClasses | Ordered):
        warn_of_order(dataset)
    return dataset


def source_of(source: str | DataSource) -> DataSource:
    """A data source from its text or from an object.

    The text is one of ``FORMS``, or ``package.module:Name`` with or without a path.
    Labels of a part of the classes are in the order given, see
    :func:`.classes.of_classes`, and :mod:`.class_order` for those of all classes in
    another order; a path with a # that exists as a whole is a path.

    Raises:
        InputError: Text of no known form, or an object that lacks a part of the
            contract; the message names the part.
    """
    if not isinstance(source, str):
        return check_source(source)
    data, mark, classes = source.rpartition("#")
    if mark and not _is_path(source):
        if classes.startswith(_LABELS):
            return Relabelled(source_of(data), classes.removeprefix(_LABELS))
        if classes == NATURAL or classes.endswith(SUFFIX):
            return Ordered(source_of(data), classes)
        names = tuple(part.strip() for part in classes.split(","))
        return OfClasses(source_of(data), names)
    return _whole(source)


def with_labels(source: str | DataSource, labels: str) -> DataSource:
    """A data source whose training set has the labels of a file.

    Where the source is some of the classes of another one, these are then the examples
    that the file gives these labels.

    Args:
        source: As :func:`source_of` takes it.
        labels: A file as :func:`.other_labels.relabelled` takes it, FILE#NAME say.

    Raises:
        InputError: As :func:`source_of`, or the source has such labels already.
    """
    found = source_of(source)
    if isinstance(found, Relabelled):
        raise InputError(
            f"{source_text(found)} has the labels of a file already: give one of them"
        )
    if isinstance(found, OfClasses | Ordered):
        return replace(found, source=with_labels(found.source, labels))
    official, path, name = parts_of(labels)
    text = f"{OFFICIAL}:" * official + str(path) + f":{name}" * (name is not None)
    return Relabelled(found, text)


def source_text(source: str | DataSource) -> str:
    """The text that :func:`source_of` reads back as the same source.

    Raises:
        InputError: As :func:`source_of`.
    """
    found = source_of(source)
    if isinstance(found, OfClasses):
        return f"{source_text(found.source)}#{','.join(found.classes)}"
    if isinstance(found, Ordered):
        return f"{source_text(found.source)}#{found.order}"
    if isinstance(found, Relabelled):
        return f"{source_text(found.source)}#{_LABELS}{found.labels}"
    return text_of(found, ours=type(found) is SOURCES.get(found.name))


def _is_path(text: str) -> bool:
    path = text.partition(":")[2]
    if f"#{_LABELS}" in path:
        return False
    before, mark, after = path.rpartition("#")
    part = before.rpartition(",")[2] + mark + after.partition(",")[0]  # of several
    return bool(mark) and any(expanded(one).exists() for one in (path, part))


def _written_out(path: str) -> str:
    return str(expanded(path)) if path else path


def _whole(text: str) -> DataSource:
    name, colon, path = text.partition(":")
    kind = SOURCES.get(name)
    if kind is not None:
        if not path and needs_path(kind):
            raise InputError(f"{name} needs a path: {form_of(kind)}")
        if colon and not takes_path(kind):
            raise InputError(f"{name} takes no path: leave out {colon + path!r}")
        return with_path(kind, _written_out(path))
    found = imported(text)
    if found is None:
        raise InputError(
            f"{text!r} is not a data set I recognise: give {FORMS}, or "
            f"package.module:Name of a class of your own{_meant(text)}"
        )
    thing, path = found
    if isinstance(thing, type):
        return check_source(with_path(thing, _written_out(path)))
    if path:
        raise InputError(f"{text!r}: an object takes no path, only a class does")
    return check_source(thing)


def _meant(text: str) -> str:
    """What was probably meant by text of no known form."""
    path = expanded(text)
    if path.suffix.lower() in SUFFIXES:
        several = path.suffix.lower() in (".npz", ".parquet", ".csv")
        return did_you_mean([f"arrays:{text}" + ("" if several else ",LABELS.npy")])
    if path.is_dir():
        return did_you_mean([f"{Folder.name}:{text}"])
    names = nearest(text.partition(":")[0], SOURCES)
    return did_you_mean(form_of(SOURCES[name]) for name in names)
