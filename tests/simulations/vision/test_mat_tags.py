"""MATLAB files with any damage: never a crash of SciPy's compiled reader."""

import io
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from simulations.vision.data.mat_file import read_mat_7
from simulations.vision.data.mat_tags import DamagedError, checked_mat_5

VARIABLES = {
    "X": np.arange(120, dtype=np.uint8).reshape(5, 4, 3, 2),
    "y": np.array([[10.0], [1.0], [2.5]]),
    "text": "text",
    "cell": np.array([[1], "b", np.zeros((2, 2))], object),
    "struct": {"a": 1, "b": {"k": "x"}},
    "structs": np.array([(1, "a"), (2, "bb")], dtype=[("n", object), ("w", object)]),
    "complex": np.array([1 + 2j, 3]),
    "empty": np.zeros((0, 3)),
    "truths": np.array([True, False]),
    "texts": np.array(["ab", "\u00e7\u00e9"]),
    "sparse": csc_array(np.eye(3)),
    "a_long_name_of_a_variable": np.int64(3),
}


def _content(compressed=False):
    file = io.BytesIO()
    savemat(file, VARIABLES, do_compression=compressed)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("squeezed", [False, True])
def test_whole_files_are_read_as_scipy_reads_them(compressed, squeezed):
    content = _content(compressed)
    for name in VARIABLES:
        expected = loadmat(io.BytesIO(content), squeeze_me=squeezed)[name]
        found = read_mat_7(content, [name], squeeze_me=squeezed)[name]
        assert repr(found) == repr(expected)


def test_a_type_that_is_none_is_refused():
    content = bytearray(_content())
    start = 128 + 8 + 16 + 24 + 8  # header, tag, class, four sizes, the name
    assert content[start] == 2  # unsigned bytes
    for kind in (0, 8, 14, 19, 70, 255):
        content[start] = kind
        with pytest.raises(DamagedError, match="no known type"):
            checked_mat_5(bytes(content), ["X"])
    assert "y" in read_mat_7(bytes(content), ["y"])  # what is not asked for


FUZZ = """
import random, sys
sys.path.insert(0, "tests/simulations/vision")
from test_mat_tags import _content, VARIABLES
from simulations.vision.data.mat_file import read_mat_7

draw = random.Random(int(sys.argv[1]))
whole = _content()
read = 0
for _ in range(int(sys.argv[2])):
    content = bytearray(whole)
    for _ in range(draw.choice([1, 1, 2, 5])):
        place = draw.randrange(128, len(content))
        content[place] = draw.choice([0, 1, 8, 14, 15, 19, 255, draw.randrange(256)])
    try:
        read_mat_7(bytes(content), list(VARIABLES))
        read += 1
    except Exception:
        pass
print(read)
"""


@pytest.mark.parametrize(
    "many", [300, pytest.param(20_000, marks=pytest.mark.slow, id="many")]
)
def test_no_damage_ends_the_process(many):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FUZZ, "1", str(many)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < int(done.stdout) < many
