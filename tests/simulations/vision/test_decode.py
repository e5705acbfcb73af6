"""Images of every mode as RGB, damaged ones refused; the crops of ImageNet."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perceptron_theory import InputError
from simulations.vision.data.decode import CenterCrop, RandomCrop, decode_rgb
from simulations.vision.data.imagenet_files import imagenet

SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "imagenet_sample"


def _encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _smooth(height=24, width=32):
    y, x = np.mgrid[:height, :width]
    return np.stack([5 * x + y, 200 - 3 * y, 60 + 2 * x], axis=-1).astype(np.uint8)


def test_images_of_every_mode_become_rgb():
    smooth = _smooth()
    image = Image.fromarray(smooth)
    grey = np.asarray(image.convert("L"))
    wide = Image.fromarray(grey.astype(np.uint16) * 257)  # 16 bits
    transparent = image.convert("P", palette=Image.Palette.ADAPTIVE)
    for content, expected, within in (
        (_encode(image, "PNG"), smooth, 0),
        (_encode(image, "JPEG", quality=98), smooth, 8),
        (_encode(image.convert("CMYK"), "JPEG", quality=98), smooth, 8),
        (_encode(image.convert("L"), "PNG"), np.stack([grey] * 3, -1), 0),
        (_encode(image.convert("L"), "JPEG", quality=98), np.stack([grey] * 3, -1), 8),
        (_encode(image.convert("RGBA"), "PNG"), smooth, 0),
        (_encode(transparent, "PNG", transparency=b"\0" * 9), smooth, 40),
        (_encode(wide, "PNG"), np.stack([grey] * 3, -1), 0),
        (_encode(image.convert("1", dither=0), "PNG"), None, 0),
    ):
        found = decode_rgb(content, "x")
        assert found.mode == "RGB" and found.size == (32, 24)
        if expected is not None:
            off = np.abs(np.asarray(found).astype(int) - expected)
            assert off.max() <= within


def test_damaged_images_are_refused():
    whole = _encode(Image.fromarray(_smooth(200, 200)), "JPEG")
    png = _encode(Image.fromarray(_smooth()), "PNG")
    floats = _encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    for content, says in (
        (b"", "cannot identify"),
        (b"<html>not found</html>", "cannot identify"),
        (whole[: len(whole) // 2], "truncated"),
        (png[: len(png) // 2], "truncated"),
        (png[:60] + bytes(20) + png[80:], "."),
        (floats, "mode F has no range"),
    ):
        with pytest.raises(
            InputError, match=f"here is not a readable image.*{says}"
        ) as e:
            decode_rgb(content, "here")
        assert "\n" not in str(e.value)


def test_the_centre_crop_is_torchvisions():
    # made by torchvision 0.29.1: Resize(40), CenterCrop(32) of this image
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(256, size=(61, 97, 3), dtype=np.uint8))
    found = CenterCrop(40, 32)(image)
    assert found.shape == (32, 32, 3)
    expected = [
        [168, 150, 116, 172],
        [101, 80, 95, 135],
        [83, 154, 149, 73],
        [114, 128, 154, 75],
    ]

    np.testing.assert_allclose(found[::10, ::10, 0], expected, atol=1)


def test_a_crop_without_resizing_is_a_slice():
    pixels = np.random.default_rng(1).integers(256, size=(20, 33, 3), dtype=np.uint8)
    found = CenterCrop(20, 16)(Image.fromarray(pixels))
    np.testing.assert_array_equal(found, pixels[2:18, 8:24])


def test_random_crops_are_uniform_in_area_and_log_aspect():
    crop, rng = RandomCrop(scale=(0.2, 0.6)), np.random.default_rng(0)
    width, height = 640, 480
    boxes = np.array([crop.box(width, height, rng) for _ in range(4000)])
    left, top, wide, high = boxes.T
    assert (left >= 0).all() and (left + wide <= width).all()
    assert (top >= 0).all() and (top + high <= height).all()
    # all of them fit at this scale, so the draws are those of the definition
    area, aspect = wide * high / (width * height), np.log(wide / high)
    for found, low, high_ in (
        (area, 0.2, 0.6),
        (aspect, -np.log(4 / 3), np.log(4 / 3)),
    ):
        uniform = (np.sort(found) - low) / (high_ - low)
        distance = np.abs(uniform - np.linspace(0, 1, len(found))).max()
        assert distance < 1.95 / np.sqrt(len(found))  # Kolmogorov-Smirnov, p = 0.001
    # and the place is uniform where it can be
    share = left / np.maximum(width - wide, 1)
    assert abs(share.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(share))


def test_a_crop_that_cannot_fit_is_the_largest_at_the_centre():
    rng = np.random.default_rng(0)
    assert RandomCrop().box(300, 3, rng) == (148, 0, 4, 3)
    assert RandomCrop().box(3, 300, rng) == (0, 148, 3, 4)


def test_half_of_the_crops_are_flipped():
    pixels = _smooth(16, 16)
    crop = RandomCrop(16, scale=(1, 1), ratio=(1, 1))
    found = [
        crop(Image.fromarray(pixels), np.random.default_rng(i))[0, 0, 0]
        for i in range(99)
    ]
    assert set(found) == {pixels[0, 0, 0], pixels[0, -1, 0]}
    assert 35 < sum(one == pixels[0, 0, 0] for one in found) < 64


@pytest.mark.parametrize(
    "make",
    [
        lambda: CenterCrop(16, 17),
        lambda: CenterCrop(16, 0),
        lambda: RandomCrop(scale=(0, 1)),
        lambda: RandomCrop(scale=(0.5, 1.5)),
        lambda: RandomCrop(ratio=(2, 1)),
        lambda: RandomCrop(0),
    ],
)
def test_crops_that_cannot_be_are_refused(make):
    with pytest.raises(InputError):
        make()


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="no shared data here")
def test_real_images_of_imagenet_are_decoded(tmp_path):
    (tmp_path / "train").symlink_to(SAMPLE)
    found = imagenet(tmp_path)
    assert len(found) == 200 and set(map(len, found.class_names)) == {9}
    rng = np.random.default_rng(0)
    for row in range(0, 200, 20):
        image = decode_rgb(found.reader.read(row), found.ids[row])
        for view in CenterCrop(), RandomCrop():
            assert view(image, rng).shape == (224, 224, 3)
