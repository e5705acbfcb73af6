"""Networks of dense products: patches as convolutions see them, steps of training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.vision.data import load
from simulations.vision.networks.image_patches import patches
from simulations.vision.training import Plan, placement, read_recipe

IMAGES = np.random.default_rng(0).normal(size=(2, 8, 7, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("side", "stride", "border"), [(3, 2, 1), (2, 2, 0), (5, 1, 2)]
)
def test_a_product_of_patches_is_a_convolution(side, stride, border):
    kernel = np.random.default_rng(1).normal(size=(side, side, 3, 4))
    found = patches(jnp.asarray(IMAGES), side, stride, border) @ kernel.reshape(-1, 4)
    expected = jax.lax.conv_general_dilated(
        IMAGES,
        kernel.astype(np.float32),
        (stride, stride),
        [(border, border)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_images_that_are_too_small_for_a_patch_are_refused():
    with pytest.raises(InputError, match="8 x 7 have no patch of 9 x 9: resize them"):
        patches(jnp.asarray(IMAGES), 9, 1)


@pytest.mark.parametrize("name", ["mlp", "mixer", "lenet"])
def test_an_epoch_lowers_the_loss_and_images_are_seen_alone(name):
    recipe, digits = read_recipe(f"mnist_{name}", fixed_epochs=1), load("digits")
    plan = Plan(digits, recipe, 0, placement("cpu"))
    losses = []
    for changed, seen in plan.training.epoch(plan.start(), plan.key, 0, 11):
        state, losses = changed, losses + [float(one.loss) for one in seen]
    assert len(losses) == 11 and 1.5 < losses[0] < 4
    assert np.mean(losses[-3:]) < 0.97 * losses[0]
    apply = jax.jit(plan.model.network.apply)
    images = jnp.asarray(digits.images[:2] / np.float32(16))
    variables = {"params": state.params, "batch_stats": state.statistics}
    both, other = (apply(variables, one) for one in (images, images.at[1].set(0)))
    assert both.shape == (2, 10)
    np.testing.assert_allclose(both[0], other[0], atol=1e-5)
    assert not np.allclose(both[1], other[1])
