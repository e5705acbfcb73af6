"""What a program is made of: the same words in every process, others for others."""

import os
import subprocess
import sys
from functools import partial, wraps

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perceptron_theory.numerics import (
    gaussian,
    implicit,
    program_keys,
)
from perceptron_theory.rules.by_quantile import Hard, Window

# what checks types stands around every function, and is no code of ours
pytestmark = pytest.mark.unchecked
X = np.linspace(-3.0, 3.0, 7)


def _key(function, arguments=(X,), options=None):
    return program_keys.program_key(function, arguments, options)


def test_keys_tell_programs_apart():
    f = gaussian.density
    keys = [
        _key(f),
        _key(gaussian.cdf),
        _key(f, (X[:3],)),
        _key(f, (X.astype(np.float32),)),
        _key((f, 0)),
        _key((f, None)),
        _key(f, options={"xla_backend_optimization_level": 0}),
        _key(partial(f, 1.0)),
        _key(partial(f, 2.0)),
        _key(f, (Window(lower=X), X)),
        _key(f, ([X, X],)),
        _key(f, ((X, X),)),
        _key(f, ((X, None),)),  # what a point does not have
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert _key(f) == keys[0]
    with jax.enable_x64(not jax.config.read("jax_enable_x64")):
        assert _key(f) != keys[0]


KEYS = """
from functools import partial
import jax
import numpy as np
import perceptron_theory as pt
from perceptron_theory.kept.problem import Mode
from perceptron_theory.numerics.program_keys import program_key
from perceptron_theory.solving import states

f = np.array([0.5])
rules = [*map(pt.resolve_rule, ("hard", "easy", "random")), pt.Window(f)]
losses = [pt.Convex(loss, 0.3) for loss in ("logistic", "hinge", "square")]
students = ["max_margin", "gibbs", "bayes_point", "bayes_optimal"]
students = jax.tree.map(np.asarray, [*map(pt.resolve_student, students), *losses])
if __import__("sys").argv[1:] == ["2"]:
    pt.solve(alpha_prune=2.0, keep_fraction=0.5)
for rule in [*rules, pt.KeepProbability(lambda z: z)]:
    print(program_key(states._rows_of.made_of, (rule, f), None))
for student in students:
    work = partial(states._settle, mode=Mode("absolute", True, False))
    print(program_key((work, 0), (student, rules[-1], f), None))
"""


@pytest.mark.slow
def test_all_named_rules_and_students_have_a_key_that_stays():
    """Whatever was computed before, and in whatever order Python puts its sets."""
    found = []
    for seed in "1", "2":
        env = os.environ | {"PYTHONHASHSEED": seed}
        run = [sys.executable, "-c", KEYS, seed]
        out = subprocess.run(run, env=env, capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        found.append(out.stdout.split())
    assert found[0] == found[1]
    assert found[0].count("None") == 1  # somebody's own function
    assert len(set(found[0])) == len(found[0])


def test_what_is_not_ours_has_no_key(monkeypatch):
    assert _key(lambda x: x) is None
    assert _key(partial(gaussian.density, lambda x: x)) is None
    assert _key(gaussian.density, ({"a": X},)) is not None

    class Mine(Hard):
        pass

    assert _key(Mine.cells) is not None  # the function is ours
    assert _key(Mine) is None
    assert _key(partial(gaussian.density, Mine())) is None
    assert _key(partial(gaussian.density, object())) is None
    assert _key(implicit.once) is not None


def _soft(scale, margin):
    return jax.nn.sigmoid(-scale * margin)


def test_what_says_that_it_is_of_a_library_has_no_key():
    """As decorators do, which copy the name and the module of what they wrap."""
    disguised = [
        jax.jit(partial(_soft, 1.0)),
        jax.vmap(partial(_soft, 1.0)),
        jax.grad(partial(_soft, 1.0)),
        wraps(jax.nn.sigmoid)(lambda x: x),
        jax.jit(wraps(jax.nn.sigmoid)(lambda x: x)),
        jnp.frompyfunc(lambda x, y: x, nin=2, nout=1),
    ]
    space = {}
    exec("def written(x): return x", space)
    disguised.append(space["written"])
    for function in disguised:
        assert _key(partial(gaussian.density, function)) is None
    for function in jax.nn.sigmoid, jnp.where, jnp.add, np.add, jax.lax.select, len:
        assert _key(partial(gaussian.density, function)) is not None


def test_the_key_is_that_of_the_code_in_memory(monkeypatch):
    before = _key(gaussian.slack_moments)
    assert before is not None
    monkeypatch.setattr(gaussian, "SQRT_2PI", 2.5)
    changed = _key(gaussian.slack_moments)
    assert changed not in (None, before)
    monkeypatch.undo()
    assert _key(gaussian.slack_moments) == before
    monkeypatch.setattr(gaussian, "density", lambda x: jnp.exp(x))
    assert _key(gaussian.slack_moments) is None
