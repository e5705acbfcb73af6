"""Augmentation in JAX against NumPy, and statistics of the channels."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.vision.data import load
from simulations.vision.data.augmentation import (
    augment,
    batch_key,
    channel_statistics,
    normalize,
    random_crop,
    random_flip,
    take_batch,
)
from simulations.vision.data.order import evaluation_batches

SHARED = Path(__file__).parents[4] / "shared" / "data"


def _images(count=1, side=9, channels=3):
    random = np.random.default_rng(0)
    return random.integers(256, size=(count, side, side + 1, channels), dtype=np.uint8)


def _numpy_views(image, pad):
    """Every crop of the padded image, as it is and mirrored, by its offsets."""
    height, width, _ = image.shape
    # reflected by hand: index -i is i, and n - 1 + i is n - 1 - i
    rows = np.abs(np.arange(-pad, height + pad))
    rows = np.where(rows >= height, 2 * (height - 1) - rows, rows)
    columns = np.abs(np.arange(-pad, width + pad))
    columns = np.where(columns >= width, 2 * (width - 1) - columns, columns)
    padded = image[rows][:, columns]
    views = {}
    for top in range(2 * pad + 1):
        for left in range(2 * pad + 1):
            view = padded[top : top + height, left : left + width]
            views[view.tobytes()] = (top, left, False)
            views[view[:, ::-1].tobytes()] = (top, left, True)
    return views


def test_crops_and_flips_are_those_of_numpy_all_equally_often():
    image, pad, count = _images()[0], 2, 5000
    views = _numpy_views(image, pad)
    assert len(views) == 50
    batch = jnp.broadcast_to(image, (count, *image.shape))
    found = np.asarray(augment(batch, jax.random.key(0), pad=pad))
    assert found.dtype == np.uint8 and found.shape == batch.shape
    drawn = [views[view.tobytes()] for view in found]  # each is one of them
    counts = np.array([drawn.count(one) for one in views.values()])
    chi_squared = ((counts - count / 50) ** 2 / (count / 50)).sum()
    assert chi_squared < 94  # p = 1e-4 at 49 degrees of freedom


def test_the_border_is_reflected_by_four_pixels_as_a_default():
    image = _images()[0]
    views = _numpy_views(image, 4)
    found = jax.vmap(lambda key: random_crop(image, key))(
        jax.random.split(jax.random.key(1), 300)
    )
    drawn = {views[np.asarray(view).tobytes()] for view in found}
    assert not any(flipped for _, _, flipped in drawn)
    assert (
        {top for top, _, _ in drawn} == {left for _, left, _ in drawn} == set(range(9))
    )


@pytest.mark.slow
def test_a_key_fixes_what_is_drawn_and_images_draw_on_their_own():
    images = jnp.broadcast_to(_images()[0], (8, 9, 10, 3))
    key = batch_key(0, epoch=1, step=2)
    first = augment(images, key)
    assert (first == augment(images, key)).all()
    assert (first == jax.jit(augment)(images, key)).all()
    assert len({np.asarray(one).tobytes() for one in first}) > 4
    for other in batch_key(0, 2, 1), batch_key(0, 1, 3), batch_key(1, 1, 2):
        assert (first != augment(images, other)).any()
    unflipped = augment(images, key, pad=0, flip=False)
    assert (unflipped == images).all()


def test_flips_mirror_columns():
    image = _images()[0]
    keys = jax.random.split(jax.random.key(0), 40)
    flipped = np.array([random_flip(image, key) for key in keys])
    mirrored = (flipped == image[:, ::-1]).all((1, 2, 3))
    assert ((flipped == image).all((1, 2, 3)) ^ mirrored).all()
    assert 8 < mirrored.sum() < 32


def test_a_border_that_cannot_be_reflected_is_refused():
    key = jax.random.key(0)
    for image, pad in ((_images(side=4)[0], 4), (_images()[0], -1), (_images(), 2)):
        with pytest.raises(InputError, match="border"):
            random_crop(jnp.asarray(image), key, pad=pad)
    with pytest.raises(InputError, match="seed >= 0"):
        batch_key(-1, 0, 0)


def test_normalised_channels_have_mean_zero_and_deviation_one():
    images = load("digits").images
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)) / 255, rtol=1e-12)
    np.testing.assert_allclose(std, images.std((0, 1, 2)) / 255, rtol=1e-12)
    found = np.asarray(normalize(jnp.asarray(images), mean, std))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std((0, 1, 2)), 1, atol=1e-5)
    for bad, says in (
        (images / 255, "must be bytes"),
        (images[0], "must be bytes"),
        (np.full((2, 3, 3, 1), 51, np.uint8), "channel 0 is 0.200 in every pixel"),
    ):
        with pytest.raises(InputError, match=says):
            channel_statistics(bad)


def test_batches_on_the_device_count_every_example_once():
    data = load("digits", "test")
    images, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
    counted = np.zeros(len(data), int)
    for rows in evaluation_batches(len(data), 64):
        taken, its_labels, mask = map(np.asarray, take_batch(images, labels, rows))
        np.testing.assert_array_equal(taken[mask], data.images[rows[mask]])
        np.testing.assert_array_equal(its_labels[mask], data.labels[rows[mask]])
        assert taken.shape == (64, 8, 8, 1)
        np.add.at(counted, rows[mask], 1)
    assert (counted == 1).all()


@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason="no shared data here")
def test_statistics_of_cifar_10_are_the_published_ones():
    mean, std = channel_statistics(load(f"cifar10:{SHARED / 'cifar10'}", "test").images)
    # of the lossless training set; these are of the test set as JPEG
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=0.005)
    np.testing.assert_allclose(std, [0.2470, 0.2435, 0.2616], atol=0.005)
