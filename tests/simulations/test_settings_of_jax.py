"""What a caller has set in JAX for his own program changes nothing in here."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.numerics.precision import own_settings
from simulations.perceptron import Gradient, Point, max_margin, simulate
from simulations.vision.clustering import kmeans
from simulations.vision.selection import select

SETTINGS = {
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "type promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "no jit": lambda: jax.disable_jit(True),
    "nan": lambda: jax.debug_nans(True),
    "transfers": lambda: jax.transfer_guard("disallow"),
    "generator": lambda: jax.default_prng_impl("rbg"),
    "older draws": lambda: jax.threefry_partitionable(False),
}
X = np.random.default_rng(0).normal(size=(30, 5))
X[:, 0] = abs(X[:, 0])


def _grad():
    with jax.enable_x64(True):
        return jax.grad(lambda f: pt.solve(alpha_prune=3.0, keep_fraction=f).error)(0.3)


CALLS = {
    "solve": lambda: pt.solve(alpha_prune=3.0, keep_fraction=0.1, theta=0.2).error,
    "max_margin": lambda: max_margin(X).weights,
    "kmeans": lambda: kmeans(X, 3, key=0).distances,
    "select": lambda: select(X[:, 1], 0.5, seed=0, rule="stratified").indices,
    "convex": lambda: (
        pt.solve_convex(alpha_prune=2.0, keep_fraction=0.5, theta=0.3, ridge=0.1).error
    ),
    "gibbs": lambda: (
        pt.solve(alpha_prune=2.0, keep_fraction=0.3, student="gibbs").error
    ),
    "grad": _grad,
    "small_angle": lambda: pt.small_angle_scaling(3.0, 0.5).error_over_theta,
    "simulate": lambda: (
        simulate(
            Point(2.0, 0.5, student=Gradient(epochs=2)), size=9, draws=2, seed=0
        ).error.values
    ),
}


@pytest.mark.few(6)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_settings_of_a_caller_do_not_reach_in(call, setting):
    if (call, setting) == ("grad", "transfers"):
        pytest.skip("jax.grad itself moves a number that is not on a device")
    expected = CALLS[call]()
    with SETTINGS[setting]():
        found = CALLS[call]()
    np.testing.assert_array_equal(found, expected)


def test_and_are_as_they_were_afterwards():
    with jax.numpy_rank_promotion("raise"), jax.disable_jit(True):
        with own_settings(x64=True):
            assert jax.numpy.ones((2, 1)).dtype == np.float64
            assert (jax.numpy.ones((2, 1)) + jax.numpy.ones(3)).shape == (2, 3)
        assert jax.config.jax_disable_jit
        with pytest.raises(ValueError, match="rank"):
            jax.numpy.ones((2, 1)) + jax.numpy.ones(3)


ASKED = """
import numpy as np, perceptron_theory as pt
calls = (
    lambda: pt.solve(alpha_prune=3.0, keep_fraction=0.1),
    lambda: __import__("simulations.perceptron").perceptron.max_margin([[1.0, 2.0]]),
    lambda: __import__("simulations.vision.clustering").vision.clustering.kmeans(
        np.eye(3), 2, key=0
    ),
)
for call in calls:
    try:
        call()
    except pt.InputError as error:
        print(error)
"""


@pytest.mark.parametrize("platform", ["no_such_platform", "cuda,tpu"])
def test_a_platform_that_does_not_start_is_named(platform):
    if any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("one of them would start")
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        env=os.environ | {"JAX_PLATFORMS": platform, "PRUNING_LAWS_CACHE": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith(f"JAX cannot start the platform {platform!r}")
        assert "JAX_PLATFORMS=cpu" in line


@pytest.mark.parametrize(
    ("setting", "value"),
    [("JAX_ENABLE_X64", "maybe"), ("JAX_DEFAULT_MATMUL_PRECISION", "foo")],
)
def test_a_setting_that_jax_refuses_is_named_on_the_command_line(setting, value):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pruning_laws",
            "solve",
            "--alpha-prune",
            "3",
            "--keep-fraction",
            "0.1",
        ],
        env=os.environ | {setting: value, "PRUNING_LAWS_CACHE": "off"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and not done.stdout
    # on a busy machine the start is announced
    *_, line = done.stderr.splitlines()
    assert line.startswith("error: JAX does not start with an environment variable")
    assert value in line and setting.lower() in line.lower()
