"""Compiling is nearly all the time of the tests: here it is shared.

x64 stays off: the theory switches it on itself, locally.  Shapes are documented with
jaxtyping but not checked at run time: its import hook multiplies the time of tracing.
"""

import gc
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from simulations import progress

LARGEST_CACHE = 2**30  # bytes
MOST_MAPS = 20_000  # of memory; Linux allows a process 65,530
MOST_BYTES = 8 * 2**30  # of a worker: there are two, on 24 GiB


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its seed
def pytest_configure(config):
    """A seed of the tests of properties; workers have the options of their parent."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = random.randrange(2**32)


@pytest.hookimpl(tryfirst=True)  # before workers are started
def pytest_sessionstart(session):
    """Keep compiled programs for other workers, processes that tests start, and runs.

    JAX takes a program from there if nothing that it was compiled from has changed.
    """
    # as pruning_laws/__main__.py: tracing makes millions of objects that stay
    gc.set_threshold(500_000, 20, 20)
    # lines of waiting come when a test is slow: they are tested by themselves
    progress.LINES = (3600.0,)
    config = session.config
    if not config.pluginmanager.hasplugin("cacheprovider"):
        return
    folder = config.cache.mkdir("jax")
    if not hasattr(config, "workerinput"):
        size = sum(path.stat().st_size for path in folder.iterdir())
        if size > LARGEST_CACHE:
            shutil.rmtree(folder)
            folder = config.cache.mkdir("jax")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    # whole executables of the theory, which are not even traced
    os.environ.setdefault("PRUNING_LAWS_CACHE", str(config.cache.mkdir("programs")))
    if "XLA_FLAGS" not in os.environ:  # the workers have them from their parent
        # JAX has not read its flags yet
        from perceptron_theory.numerics.compilation import QUICK

        flags = " ".join(f"--{name}={int(value)}" for name, value in QUICK.items())
        # a version of XLA that does not know a flag aborts
        tried = [sys.executable, "-c", "import jax; jax.devices()"]
        env = os.environ | {"XLA_FLAGS": flags}
        if subprocess.run(tried, env=env, capture_output=True).returncode == 0:
            os.environ["XLA_FLAGS"] = flags


def pytest_report_header(config):
    """What repeats the examples of the tests of properties."""
    return f"properties: --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter):
    """How many examples the tests of properties tried."""
    ended = [
        x for kind in ("passed", "failed") for x in terminalreporter.getreports(kind)
    ]
    tried = sum(dict(x.user_properties).get("examples", 0) for x in ended)
    if tried:
        seed = terminalreporter.config.option.hypothesis_seed
        terminalreporter.write_line(
            f"properties: {tried} examples, --hypothesis-seed={seed}"
        )


@pytest.hookimpl(tryfirst=True)  # before -m selects by marks
def pytest_collection_modifyitems(config, items):
    """Of the cases of a test marked ``few(n)`` all but the first n are slow ones.

    With types checked at run time those marked ``unchecked`` are left to another run.
    """
    taken = Counter()
    checked = config.getoption("jaxtyping_packages", None)
    for item in items:
        if checked and item.get_closest_marker("unchecked"):
            item.add_marker(pytest.mark.skip("not with types checked at run time"))
        mark = item.get_closest_marker("few")
        if mark is not None and item.get_closest_marker("slow") is None:
            name = item.nodeid.split("[")[0]
            taken[name] += 1
            if taken[name] > mark.args[0]:
                item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With types checked, a test may still hand over what annotations refuse.

    Public functions say themselves what is wrong with it, in one line, and the other
    runs hold that.  Our own calls may not: there the test fails.
    """
    report = yield
    raised = call.excinfo
    if raised is not None and raised.typename == "TypeCheckError":
        checkers = ("/jaxtyping/", "/beartype/")
        frames = [
            entry
            for entry in raised.traceback
            if not any(name in str(entry.path) for name in checkers)
        ]
        if frames and Path(__file__).parent in Path(frames[-1].path).parents:
            report.outcome = "skipped"
            report.longrepr = (
                str(item.path),
                frames[-1].lineno,
                "other types on purpose",
            )
    return report


@pytest.fixture(scope="session", autouse=True)
def no_lines_of_waiting():
    """What commands write on stderr is compared as a whole, however slow they are."""
    from simulations import progress

    usual, progress.LINES = progress.LINES, (3600.0,)
    yield
    progress.LINES = usual


@pytest.fixture(scope="module", autouse=True)
def few_programs_at_once():
    """Forget compiled programs when they are many.

    Each takes dozens of memory maps, and a process that runs out of them crashes; all
    of them together take gigabytes.
    """
    yield
    maps, sizes = Path("/proc/self/maps"), Path("/proc/self/statm")
    if maps.exists() and (
        maps.read_bytes().count(b"\n") > MOST_MAPS
        or int(sizes.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > MOST_BYTES
    ):
        import jax

        from perceptron_theory.numerics import compilation

        jax.clear_caches()
        compilation.forget()
