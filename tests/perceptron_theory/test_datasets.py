"""Grid results on disk: what is read is what was written, or one clear line."""

import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

import perceptron_theory as pt
from perceptron_theory.datasets import FORMAT, FORMAT_VERSION


@pytest.fixture
def dataset():
    return xr.Dataset(
        {
            "error": ("load", [0.1, np.nan, 1e-300], {"long_name": "error"}),
            "kind": ("load", ["interior", "", "limit f -> 0"]),
            "empty": ("nothing", np.zeros(0)),
        },
        coords={"load": ("load", [1.0, 2.0, np.inf], {"units": "1"})},
        attrs={"theta": 0.1, "rule": "hard"},
    )


def test_round_trip(dataset, tmp_path):
    path = tmp_path / "a.nc"
    pt.save_dataset(dataset, path)
    loaded = pt.load_dataset(path)
    xr.testing.assert_equal(loaded, dataset)
    for name in dataset.variables:
        assert loaded[name].attrs == dataset[name].attrs
    assert dataset.attrs.items() <= loaded.attrs.items()
    for name in ("pruning_laws_version", "python_version", "jax_version"):
        assert loaded.attrs[name][0].isdigit()
    assert os.listdir(tmp_path) == ["a.nc"]
    pt.save_dataset(loaded, tmp_path / "b.nc")
    xr.testing.assert_identical(pt.load_dataset(tmp_path / "b.nc"), loaded)


def test_an_existing_file_is_kept_unless_asked(dataset, tmp_path):
    path = tmp_path / "a.nc"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        pt.save_dataset(dataset, path)
    assert path.read_text() == "mine"
    pt.save_dataset(dataset, path, overwrite=True)
    xr.testing.assert_equal(pt.load_dataset(path), dataset)


def _missing(path):
    pass


def _truncated(path):
    pt.save_dataset(xr.Dataset({"x": ("i", np.arange(1000.0))}), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _text(path):
    path.write_text("alpha,error\n1,0.3\n")


def _foreign(path):
    xr.Dataset({"x": 1.0}).to_netcdf(path, engine="h5netcdf")


def _other_version(path):
    attrs = {"format": FORMAT, "format_version": FORMAT_VERSION + 1}
    xr.Dataset({"x": 1.0}, attrs=attrs).to_netcdf(path, engine="h5netcdf")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "not a file"),
        (_truncated, "is damaged"),
        (_text, "not a complete NetCDF file"),
        (_foreign, "not written by save_dataset"),
        (_other_version, "format version"),
    ],
)
def test_what_is_not_ours_is_refused_in_one_line(tmp_path, make, words):
    path = tmp_path / "a.nc"
    make(path)
    with pytest.raises(pt.InputError, match=words) as caught:
        pt.load_dataset(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_a_flipped_byte_is_noticed_wherever_it_is(dataset, tmp_path):
    path = tmp_path / "a.nc"
    pt.save_dataset(dataset, path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        with pytest.raises(pt.InputError, match="damaged") as caught:
            pt.load_dataset(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)
    path.write_bytes(content)
    xr.testing.assert_equal(pt.load_dataset(path), dataset)


def test_files_of_the_version_without_a_checksum_are_read(dataset, tmp_path):
    path = tmp_path / "a.nc"
    old = dataset.assign_attrs(format=FORMAT, format_version=1)
    old.to_netcdf(path, engine="h5netcdf")
    xr.testing.assert_equal(pt.load_dataset(path), dataset)


def test_other_programs_read_the_checksum_as_an_attribute(dataset, tmp_path):
    pt.save_dataset(dataset, tmp_path / "a.nc")
    with h5py.File(tmp_path / "a.nc") as file:
        mark = file.attrs["checksum"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", mark) and mark[7:] != "0" * 64
    assert "checksum" not in pt.load_dataset(tmp_path / "a.nc").attrs


@pytest.mark.slow
def test_a_full_disk_leaves_no_file_and_names_it(tmp_path):
    path = tmp_path / "a.nc"
    script = (
        "import sys, xarray as xr, perceptron_theory as pt\n"
        "try: pt.save_dataset(xr.Dataset({'x': 1.0}), sys.argv[1])\n"
        "except OSError as error: print(error.filename)"
    )
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    command = [*limited, sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(path)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder(dataset, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.nc"):
        pt.save_dataset(dataset, tmp_path / "nowhere" / "a.nc")
