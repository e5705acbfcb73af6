"""Recipes and their files, schedule, optimiser, loss: each against its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from perceptron_theory import InputError
from simulations.vision.training import (
    Recipe,
    placement,
    read_recipe,
    recipe_names,
    write_recipe,
)
from simulations.vision.training.loss import cross_entropy, masked_mean
from simulations.vision.training.optimizers import decayed, learning_rate, optimizer
from simulations.vision.training.recipe_files import FOLDER
from simulations.vision.training.step import Batch, train_step

LEAST = {
    "network": "resnet8",
    "batch_size": 8,
    "learning_rate": 0.1,
    "schedule_length": 10,
}


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_that_are_shipped_load_and_say_what_they_cost(name, tmp_path):
    recipe = read_recipe(name)
    write_recipe(tmp_path / "again.toml", recipe)
    assert read_recipe(tmp_path / "again.toml") == recipe
    header = (FOLDER / f"{name}.toml").read_text().split("network =")[0]
    for word in ("command: pruning-laws train", "cost: ", "result: "):
        assert word in header
    assert f"--recipe {name}" in header


def test_data_diet_and_vissl_as_published():
    diet, vissl = read_recipe("cifar10_resnet18"), read_recipe("imagenet_resnet50")
    assert diet.total_steps(390) == diet.total_steps(39) == 200 * 390
    assert vissl.total_steps(5004) == 105 * 5004
    rates = {0: 0.1, 60: 0.02, 120: 0.004, 160: 0.0008}
    rate = learning_rate(diet, 78_000)
    for epoch, value in rates.items():
        assert float(rate(epoch * 390)) == pytest.approx(value)
        assert epoch == 0 or float(rate(epoch * 390 - 1)) == pytest.approx(5 * value)
    rate = learning_rate(vissl, 105 * 5004)
    found = [float(rate(epoch * 5004)) for epoch in (29, 30, 60, 90, 100)]
    np.testing.assert_allclose(found, [0.1, 0.01, 1e-3, 1e-4, 1e-5], rtol=1e-5)


def test_warmup_and_cosine():
    recipe = Recipe(**LEAST, fixed_steps=100, schedule="cosine", warmup=1)
    rate = learning_rate(recipe, 100)
    np.testing.assert_allclose([rate(i) for i in (0, 4, 9)], [0.01, 0.05, 0.1])
    # half of it in the middle of what comes after the warm-up
    assert float(rate(55)) == pytest.approx(0.05)
    assert float(rate(100)) == pytest.approx(0, abs=1e-8)


def test_a_changed_budget_replaces_that_of_the_file():
    recipe = read_recipe("cifar10_resnet18", fixed_epochs=7)
    assert (recipe.fixed_epochs, recipe.fixed_steps) == (7, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither of fixed_epochs and fixed_steps"),
        ("fixed_epochs = 1\nfixed_steps = 2", "both of fixed_epochs and fixed_steps"),
        ("fixed_epochs = 1\nlr = 0.1", "unknown key 'lr'"),
        ("fixed_epochs = 1.5", "fixed_epochs must be int"),
        ("fixed_epochs = 0", "fixed_epochs must be a whole number"),
        ("fixed_epochs = 1\nnesterov = 1", "nesterov must be bool"),
        ("fixed_epochs = 1\noptimizer = 'adam'", "did you mean 'adamw'"),
        ("fixed_epochs = 1\nmilestones = [3, 2]", "milestones must rise"),
        ("fixed_epochs = 1\nmilestones = [10]", "to below 10"),
        ("fixed_epochs = 1\nweight_decay = nan", "weight_decay must be from"),
        ("fixed_epochs = 1\njitter = [nan, 0, 0, 0]", "jitter must be 4 strengths"),
        (
            "fixed_epochs = 1\nlogits_epochs = [0, 2]",
            "logits_epochs must be at least 1",
        ),
        ("fixed_epochs = ", "is not a readable recipe"),
    ],
)
def test_bad_recipes_are_one_line(tmp_path, text, words):
    lines = [
        f"{k} = {v}" if not isinstance(v, str) else f"{k} = '{v}'"
        for k, v in LEAST.items()
    ]
    path = tmp_path / "own.toml"
    path.write_text("\n".join([*lines, text]))
    with pytest.raises(InputError, match=r"own\.toml") as caught:
        read_recipe(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_missing_keys_and_files(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("fixed_epochs = 1")
    with pytest.raises(InputError, match="network is missing"):
        read_recipe(path)
    with pytest.raises(InputError, match="is not a readable recipe"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(InputError, match="did you mean 'digits_resnet8'"):
        read_recipe("digits_resnet")


def test_sgd_is_pytorchs_nesterov_with_decay_of_what_decays():
    options = {"weight_decay": 0.1, "decay_norms": False, "decay_biases": False}
    recipe = Recipe(**LEAST, **options, fixed_steps=3, schedule="constant")
    params = {"bn": {"scale": 1.0, "bias": 2.0}, "head": {"kernel": 3.0, "bias": 4.0}}
    wanted = {"bn": {"scale": 0, "bias": 0}, "head": {"kernel": 1, "bias": 0}}
    assert decayed(params, norms=False, biases=False) == wanted
    params, start = jax.tree.map(jnp.float32, params), params
    rule = optimizer(recipe, 3)
    state, gradient = rule.init(params), jax.tree.map(lambda _: jnp.float32(0.5), start)
    for _ in range(3):
        updates, state = rule.update(gradient, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    for layer, names in start.items():
        for name, value in names.items():
            moved = 0.0
            for _ in range(3):  # as torch.optim.SGD's documentation
                g = 0.5 + 0.1 * wanted[layer][name] * value
                moved = 0.9 * moved + g
                value -= 0.1 * (g + 0.9 * moved)
            assert float(params[layer][name]) == pytest.approx(value, rel=1e-6)


def test_loss_of_a_padded_batch_is_the_mean_of_its_examples():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(5, 4)), jnp.float32)
    labels = jnp.array([0, 1, 2, 3, 3])
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    plain = -np.log(shares)[np.arange(5), labels]
    found = cross_entropy(logits, labels)
    np.testing.assert_allclose(found, plain, rtol=1e-5)
    smooth = 0.9 * plain - 0.1 * np.log(shares).mean(1)
    np.testing.assert_allclose(cross_entropy(logits, labels, 0.1), smooth, rtol=1e-5)
    padded = jnp.array([True, True, False, False, False])
    assert float(masked_mean(found, padded)) == pytest.approx(plain[:2].mean())
    nan = found.at[4].set(jnp.nan)  # what is masked must not spoil the rest
    assert float(masked_mean(nan, padded)) == pytest.approx(plain[:2].mean())


def test_bfloat16_computes_and_does_not_store():
    plan = tiny.plan(dtype="bfloat16")
    assert plan.model.network.dtype == jnp.bfloat16
    assert tiny.plan().model.network.dtype == jnp.float32  # auto, on a CPU
    state, images = plan.start(), tiny.TRAIN.images[:4]
    batch = Batch(images, np.zeros(4, int), np.arange(4), np.ones(4, bool))
    after, seen = jax.eval_shape(
        lambda *args: train_step(plan.model, *args), state, batch, plan.key
    )
    assert seen.loss.dtype == jnp.float32
    same = jax.tree.map(
        lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), state, after
    )
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 1439}, "1438 examples do not fill one batch of 1439"),
        ({"ids": ["digits/0000", "digits/0004"]}, "1 of 2 ids are not in digits train"),
        ({"ids": []}, "no ids"),
        ({"scale": "imagenet"}, "is of 3 channels, digits train has 1"),
        ({"seed": -1}, "seed"),
        ({"crop_pad": 8}, "crop_pad 8 reflects more than images of 8 pixels have"),
        ({"stem": "small"}, "unknown stem"),
    ],
)
def test_plans_that_cannot_be_are_refused(changes, words):
    with pytest.raises(InputError) as caught:
        tiny.plan(**changes)
    assert words in str(caught.value)


def test_a_batch_must_be_shared_evenly():
    devices = placement("cpu").devices
    with pytest.raises(InputError, match="a batch of 64 on 3 devices"):
        type(placement("cpu"))(devices * 3).check_batch(64)
