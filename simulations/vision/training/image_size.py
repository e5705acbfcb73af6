"""Data sets as a recipe takes them: files decoded at one size, where it needs that."""

from __future__ import annotations

from ..data.encoded import FILE_SIDE, DataSet, EncodedImages, images_of
from ..data.images import Images
from .recipe import Recipe


def side_of(dataset: DataSet, recipe: Recipe) -> int | None:
    """The side, in pixels, that the images of files are decoded at to be in memory.

    Returns:
        None for what is no files, and for a recipe that streams: one with constants for
        a scale, of labelled images, that does not resize.
    """
    streams = recipe.scale != "dataset" and recipe.objective != "simclr"
    files = isinstance(dataset, EncodedImages)
    if not files or (streams and recipe.resize is None):
        return None
    return recipe.resize or FILE_SIDE


def fitted(dataset: DataSet, recipe: Recipe) -> Images | DataSet:
    """The data set, decoded into memory if the recipe is one for images in memory.

    The ids, the order and the fingerprint stay; the shorter side of each image is
    resized and the centre cut out.  What was decoded once is kept with the data set.

    Raises:
        InputError: Feature vectors, corrupt images, or more than fits in memory.
    """
    dataset = images_of(dataset, "a network is trained on images")
    side = side_of(dataset, recipe)
    if side is None or isinstance(dataset, Images):
        return dataset
    return dataset.at_size(side)
