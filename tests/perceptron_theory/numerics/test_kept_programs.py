"""Executables on disk: never another answer, and never an error."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.numerics import (
    batching,
    compilation,
    gaussian,
    in_numpy,
    kept_programs,
)
from perceptron_theory.numerics.batching import batched
from perceptron_theory.rules.by_quantile import Window

# what checks types stands around every function, and is no code of ours
pytestmark = pytest.mark.unchecked
X = np.linspace(-3.0, 3.0, 7)


@pytest.fixture(params=["numpy", "xla"])
def folder(tmp_path, monkeypatch, request):
    """A folder of its own in place of that of the tests, and no program in use."""
    monkeypatch.setattr(batching, "FEW", 8192 if request.param == "numpy" else 0)
    monkeypatch.setattr(kept_programs, "_folder", tmp_path)
    monkeypatch.setattr(compilation, "_IN_USE", {})
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch):
    """How many programs were made to be kept."""
    count = []

    def counting(function):
        return lambda *arguments: count.append(1) or function(*arguments)

    for module, name in (compilation, "_written"), (in_numpy, "numpy_program"):
        monkeypatch.setattr(module, name, counting(getattr(module, name)))
    return count


def _answer():
    with jax.enable_x64(True):
        return np.asarray(batched(gaussian.density)(X))


def test_the_next_process_reads_what_the_first_compiled(folder, compiled):
    first = _answer()
    compilation.forget()
    assert np.array_equal(_answer(), first)
    assert len(compiled) == 1
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("folder", ["numpy"], indirect=True)
@pytest.mark.parametrize("how", [{}, {"loss": "square", "ridge": 0.1}], ids=str)
def test_nothing_is_written_anew_for_a_point_of_the_next_process(folder, compiled, how):
    solve = pt.solve_convex if how else pt.solve
    point = {"alpha_prune": 2.0, "keep_fraction": 0.5, "theta": 0.2, **how}
    first = solve(**point).error
    made = len(compiled)
    assert made > 0
    compilation.forget()
    assert solve(**point).error == first
    assert len(compiled) == made


def test_results_of_any_form_come_back(folder, compiled):
    @batched
    def rows(rule, f):
        return rule.cells(f)

    with jax.enable_x64(True):
        rule = Window(lower=np.array([0.25, 0.5]))
        program = batched(Window.cells)
        first = program(rule, np.array([0.1, 0.2]))
        compilation.forget()
        again = program(rule, np.array([0.1, 0.2]))
        assert jax.tree.structure(again) == jax.tree.structure(first)
        assert all(map(np.array_equal, again, first))
        assert len(compiled) == 1
        assert len(list(folder.iterdir())) == 1
        # one that this file defines is not kept
        assert all(map(np.array_equal, rows(rule, np.array([0.1, 0.2])), first))
        assert len(list(folder.iterdir())) == 1


SOLVED = """
import jax
import numpy as np
from perceptron_theory.numerics import batching, compilation, newtons_method

batching.FEW = 0  # NumPy would solve it
written = compilation._written
compilation._written = lambda *given: print("compiled") or written(*given)
with jax.enable_x64(True):
    program = batching.batched(newtons_method.solve_scaled)
    print(*program(np.array([[[2.0, 1.0], [1.0, 1.0]]]), np.array([[3.0, 2.0]])))
"""


@pytest.mark.slow
def test_a_process_that_lowers_nothing_finds_lapack(tmp_path):
    """Whose kernels jaxlib looks up when it lowers a call of them, and not before."""
    env = os.environ | {"PRUNING_LAWS_CACHE": str(tmp_path)}
    run = [sys.executable, "-c", SOLVED]
    for said in "compiled\n[1. 1.]\n", "[1. 1.]\n":
        out = subprocess.run(run, env=env, capture_output=True, text=True)
        assert (out.returncode, out.stdout) == (0, said), out.stderr


def test_flipped_bytes_and_cut_files_are_compiled_anew(folder, compiled):
    right = _answer()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    head = len(kept_programs._MAGIC) + kept_programs._DIGEST
    places = [*range(0, head + 16), *range(head + 16, len(whole), len(whole) // 97)]
    for at in [*places, len(whole) - 1]:
        broken = bytearray(whole)
        broken[at] ^= 0x10
        path.write_bytes(broken)
        assert kept_programs.read(folder, path.name) is None
    damaged = [whole[:n] for n in (0, 5, head, head + 1, len(whole) // 2)]
    damaged += [whole[:-1], whole + b"x", b"not a program of ours"]
    for content in damaged:
        path.write_bytes(content)
        assert kept_programs.read(folder, path.name) is None
    for content in (damaged[4], bytes(broken)):
        path.write_bytes(content)
        before = len(compiled)
        compilation.forget()
        assert np.array_equal(_answer(), right)
        assert len(compiled) == before + 1
        compilation.forget()
        assert np.array_equal(_answer(), right)  # written again, and whole
        assert len(compiled) == before + 1


def test_the_file_of_another_program_is_not_taken_for_it(folder):
    kept_programs.write(folder, "one", b"content")
    (folder / "one").rename(folder / "two")
    assert kept_programs.read(folder, "two") is None
    (folder / "two").rename(folder / "one")
    assert kept_programs.read(folder, "one") == b"content"


def test_whole_content_that_is_no_executable_is_compiled_anew(folder, compiled):
    right = _answer()
    (path,) = folder.iterdir()
    kept_programs.write(folder, path.name, b"\x80\x04N.")  # a pickled None
    compilation.forget()
    assert np.array_equal(_answer(), right)
    assert len(compiled) == 2


def test_what_others_could_have_written_is_not_read(folder):
    kept_programs.write(folder, "key", b"content")
    assert kept_programs.read(folder, "key") == b"content"
    (folder / "key").chmod(0o666)
    assert kept_programs.read(folder, "key") is None
    (folder / "key").chmod(0o600)
    folder.chmod(0o777)
    assert kept_programs.read(folder, "key") is None
    kept_programs.write(folder, "other", b"content")
    assert not (folder / "other").exists()


def test_a_full_disk_is_no_error(folder, compiled, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_programs.os, "replace", full)
    right = _answer()
    assert not list(folder.iterdir())
    monkeypatch.setattr(kept_programs.tempfile, "mkstemp", full)
    compilation.forget()
    assert np.array_equal(_answer(), right)
    assert len(compiled) == 2


def test_a_package_without_readable_sources_is_no_error(folder, monkeypatch):
    right = _answer()
    monkeypatch.setattr(in_numpy, "__file__", str(folder / "a.zip" / "x" / "y.py"))
    compilation._writer.cache_clear()
    compilation.forget()
    try:
        assert np.array_equal(_answer(), right)
    finally:
        compilation._writer.cache_clear()


def test_few_points_are_counted_by_what_xla_has_a_program_for():
    """A new loss, or a rule with more cells, is not late because of others."""
    program = batched(gaussian.density)
    program.in_batches((8,), X, few=30)
    assert not program.are_few(30, X)
    assert program.are_few(30, X[:, None])
    assert program.are_few(30, [X])
    program.announce([X])
    assert not program.are_few(29, [X])


def test_a_folder_that_is_gone_is_no_error(folder):
    folder.rmdir()
    assert np.all(np.isfinite(_answer()))


def test_the_oldest_files_go(folder, tmp_path, monkeypatch):
    part = tmp_path / "pruning-laws-1" / "programs"
    part.mkdir(parents=True, mode=0o700)
    own = tmp_path / "mine" / "programs" / "thesis.txt"  # the folder is the user's
    own.parent.mkdir(parents=True)
    own.write_bytes(bytes(10_000))
    os.utime(own, (0, 0))
    monkeypatch.setattr(kept_programs, "LARGEST", 5_000)
    noise = np.random.default_rng(0).bytes(1_500)
    for n in range(4):
        kept_programs.write(part, f"key{n}", noise)
        os.utime(part / f"key{n}", (n, n))
    kept_programs.write(part, "last", noise)
    names = sorted(path.name for path in part.iterdir())
    assert names == ["key2", "key3", "last"]
    assert own.exists()


def test_many_may_write_and_read_at_once(folder):
    contents = [bytes([n]) * 50_000 for n in range(8)]

    def work(n):
        kept_programs.write(folder, "key", contents[n % 8])
        return kept_programs.read(folder, "key")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(200)))
    assert set(found) <= set(contents)
    assert [path.name for path in folder.iterdir()] == ["key"]


def _fresh(code, **environment):
    """What a new process prints, without the cache of the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX", "PRUNING"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return done.stdout.split()


WHERE = """
import os, sys
from perceptron_theory import keep_compiled
kept = keep_compiled()
print(kept, os.environ.get("JAX_COMPILATION_CACHE_DIR"), "jax" in sys.modules)
"""


def test_where_programs_are_kept(tmp_path):
    here = str(tmp_path)
    base, jax_folder, imported = _fresh(WHERE, XDG_CACHE_HOME=here)
    assert base == f"{here}/pruning-laws"
    assert jax_folder.startswith(base) and imported == "False"
    base, jax_folder, _ = _fresh(WHERE, XDG_CACHE_HOME="not/absolute", HOME=here)
    assert base == f"{here}/.cache/pruning-laws"
    base, _, _ = _fresh(WHERE, PRUNING_LAWS_CACHE=f"{here}/mine")
    assert base == f"{here}/mine"
    for off in "off", "0":
        assert _fresh(WHERE, PRUNING_LAWS_CACHE=off)[:2] == ["None", "None"]
    own = {"JAX_COMPILATION_CACHE_DIR": f"{here}/jax", "PRUNING_LAWS_CACHE": here}
    assert _fresh(WHERE, **own)[1] == f"{here}/jax"
    (tmp_path / "file").touch()
    assert _fresh(WHERE, PRUNING_LAWS_CACHE=f"{here}/file/x")[:2] == ["None", "None"]


@pytest.mark.slow
def test_jax_may_have_compiled_before(tmp_path):
    code = """
import jax, numpy as np
jax.jit(lambda x: x + 1)(1.0)
from perceptron_theory import keep_compiled
from perceptron_theory.numerics import batching, gaussian
keep_compiled()
jax.jit(lambda x: x + 2)(1.0)
batching.batched(gaussian.density)(np.ones(1))
"""
    _fresh(code, PRUNING_LAWS_CACHE=str(tmp_path))
    assert len(list(tmp_path.glob("*/jax/*"))) >= 1
    assert len(list(tmp_path.glob("*/programs/*"))) == 1
