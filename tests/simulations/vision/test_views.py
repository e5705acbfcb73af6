"""Crops and colours of views against Pillow, colorsys and NumPy."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from perceptron_theory import InputError
from simulations.vision.data.colour import (
    Jitter,
    apply_jitter,
    draw_jitter,
    grey,
    recolour,
    shift_hue,
)
from simulations.vision.data.decode import RandomCrop
from simulations.vision.data.resized_crop import crop_resized, draw_box, resized_crops

BYTES = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
BYTES[0] = BYTES[0, :, :1]  # grey pixels have no hue
BYTES[1, :4] = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]]
IMAGE = jnp.asarray(BYTES, jnp.float32) / 255
SAME = (1.0, 1.0, 1.0)
FIRST = np.array([0, 1, 2, 3])
jitter = jax.jit(apply_jitter)


def drawn(factors=SAME, hue=0.0, order=FIRST):
    return Jitter(jnp.array(factors), jnp.array(hue), jnp.array(order))


def hue_by_colorsys(image, turns):
    out = np.empty_like(image)
    for place in np.ndindex(image.shape[:2]):
        hue, *rest = colorsys.rgb_to_hsv(*image[place])
        out[place] = colorsys.hsv_to_rgb((hue + turns) % 1, *rest)
    return out


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_each_factor_is_pillows_as_torchvision_uses_it(which, factor):
    name = ["Brightness", "Contrast", "Color"][which]
    enhance = getattr(ImageEnhance, name)(Image.fromarray(BYTES))
    wanted = np.asarray(enhance.enhance(factor), float)
    factors = np.where(np.arange(3) == which, factor, 1.0)
    found = 255 * np.asarray(jitter(IMAGE, drawn(factors)))
    # Pillow rounds the lightness, then the result
    np.testing.assert_allclose(found, wanted, atol=1.5)
    assert np.abs(wanted - BYTES).max() > 20 or factor == 1


@pytest.mark.parametrize("turns", [-0.5, -0.13, 0.0, 0.1, 0.4])
def test_hue_is_that_of_colorsys(turns):
    wanted = hue_by_colorsys(np.asarray(IMAGE, float), turns)
    np.testing.assert_allclose(shift_hue(IMAGE, jnp.array(turns)), wanted, atol=2e-6)
    found = jitter(IMAGE, drawn(hue=turns))
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def in_turn(image, factors, hue, order):
    """The four steps one after another, in NumPy."""
    image = np.asarray(image, float)
    for step in order:
        light = image @ [0.299, 0.587, 0.114]
        other = [0.0, light.mean(), light[..., None]]
        if step == 3:
            image = hue_by_colorsys(image, hue)
        else:
            mixed = factors[step] * image + (1 - factors[step]) * other[step]
            image = np.clip(mixed, 0, 1)
    return image


def test_the_order_is_the_one_drawn():
    factors, hue, results = (1.4, 0.5, 1.7), 0.2, []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]):
        wanted = in_turn(IMAGE, factors, hue, order)
        found = np.asarray(jitter(IMAGE, drawn(factors, hue, order)))
        np.testing.assert_allclose(found, wanted, atol=1e-5)
        results.append(found)
    assert all(np.abs(a - results[0]).max() > 0.02 for a in results[1:])


def test_what_is_drawn_has_the_ranges_of_torchvision():
    keys = jax.random.split(jax.random.key(0), 2400)
    draw = jax.vmap(lambda key: draw_jitter(key, (0.4, 1.5, 0.0, 0.1), 0.8))
    found = jax.device_get(draw(keys))
    unchanged = (found.factors == 1).all(1) & (found.hue == 0)
    assert unchanged.mean() == pytest.approx(0.2, abs=0.03)
    numbers = np.column_stack([found.factors, found.hue])[~unchanged]
    np.testing.assert_allclose(numbers.min(0), [0.6, 0, 1, -0.1], atol=0.01)
    np.testing.assert_allclose(numbers.max(0), [1.4, 2.5, 1, 0.1], atol=0.01)
    _, counts = np.unique(found.order, axis=0, return_counts=True)
    assert len(counts) == 24 and counts.min() > 60


def test_grey_by_chance_and_images_of_one_channel():
    batch = jnp.broadcast_to(255 * IMAGE, (200, *IMAGE.shape))
    found = np.asarray(recolour(batch, jax.random.key(0), grayscale=0.2))
    is_grey = (found == found[..., :1]).all((1, 2, 3))
    assert 20 < is_grey.sum() < 60
    light = np.asarray(Image.fromarray(BYTES).convert("L"), float)
    np.testing.assert_allclose(found[is_grey][0, ..., 0], light, atol=1)
    np.testing.assert_allclose(found[~is_grey][0], BYTES, atol=1e-3)
    one = IMAGE[..., :1]  # has no colour to change
    np.testing.assert_array_equal(grey(one), one)
    same = jitter(one, drawn((1.0, 1.0, 0.3), hue=0.4))
    np.testing.assert_allclose(same, one, atol=1e-6)
    assert np.abs(jitter(one, drawn((0.5, 1.0, 1.0))) - one / 2).max() < 1e-6
    with pytest.raises(InputError, match="need 1 or 3 channels, and the images have 2"):
        recolour(batch[..., :2], jax.random.key(0), grayscale=0.2)


@pytest.mark.parametrize("box", [(0, 0, 12, 10), (3, 2, 5, 4), (11, 9, 1, 1)])
def test_resized_crops_are_pillows(box):
    top, left, tall, wide = box
    part = Image.fromarray(BYTES[top : top + tall, left : left + wide])
    wanted = np.asarray(part.resize((10, 12), Image.Resampling.BILINEAR), float)
    found = crop_resized(jnp.asarray(BYTES), jnp.array(box))
    np.testing.assert_allclose(found, wanted, atol=1)


@pytest.mark.slow
def test_boxes_are_of_the_distribution_of_the_decoder():
    keys = jax.random.split(jax.random.key(0), 4000)
    ours = np.asarray(jax.vmap(lambda key: draw_box(key, 32, 48))(keys))
    rng, crop = np.random.default_rng(0), RandomCrop(32)
    theirs = np.array([crop.box(48, 32, rng) for _ in range(4000)])[:, [1, 0, 3, 2]]
    for quantile in (0.1, 0.5, 0.9):
        np.testing.assert_allclose(
            np.quantile(ours, quantile, 0), np.quantile(theirs, quantile, 0), atol=1.01
        )
    assert ours[:, :2].min() == 0 and (ours[:, :2] + ours[:, 2:]).max(0).tolist() == [
        32,
        48,
    ]
    # nothing of this shape fits: the largest at the centre
    never = draw_box(keys[0], 40, 4, scale=(0.9, 1.0))
    assert never.tolist() == [17, 0, 5, 4]


@pytest.mark.slow
def test_every_image_has_a_view_of_its_own():
    batch = jnp.broadcast_to(BYTES, (8, *BYTES.shape))
    found = resized_crops(batch, jax.random.key(0))
    assert found.shape == batch.shape
    assert len({np.asarray(one).tobytes() for one in found}) == 8
