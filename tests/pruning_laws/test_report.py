"""A report: what is in a folder, on one page that loads nothing and runs nothing."""

import json
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from typer.testing import CliRunner

import perceptron_theory as pt
from pruning_laws.app import app
from pruning_laws.report.page import MOST_ROWS

EVIL = "<script>document.title='run'</script>"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """What a page would load or run, and its text."""

    def __init__(self, html):
        super().__init__()
        self.scripts, self.sources, self.texts, self.void = 0, [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.texts.append(data)


def _report(*args):
    return CliRunner().invoke(app, ["report", *map(str, args)])


@pytest.fixture
def folder(tmp_path):
    """Files of every kind that the commands write, one damaged, one hostile."""
    root = tmp_path / "run"
    (root / "checkpoints" / "10").mkdir(parents=True)
    (root / "checkpoints" / "10" / "weights").write_bytes(b"\0")
    data = xr.Dataset({"error": ("alpha_prune", [0.3, 0.1, 0.02])})
    data = data.assign_coords(alpha_prune=[1.0, 3.0, 10.0])
    pt.save_dataset(data.assign_attrs(seed=7, note=EVIL), root / "pareto.nc")
    data.to_netcdf(root / "other.nc", engine="h5netcdf")
    rows = pd.DataFrame({"name": ["b", "a", "c"], "value": [2.0, 10.0, -1.5]})
    rows.to_csv(root / "metrics.csv", index=False)
    long = pd.DataFrame({"example_id": np.arange(MOST_ROWS + 3), EVIL: "x"})
    long.to_parquet(root / "scores.parquet")
    (root / "about.json").write_text(json.dumps({"seed": 3, "net": {"depth": 8}}))
    (root / "recipe.toml").write_text("[net]\nwidth = 16\n")
    np.save(root / "logits.npy", np.ones((4, 3), np.float32))
    np.savez(root / "draws.npz", error=np.ones(5), attrs='{"pool": 1000}')
    Image.new("RGB", (30, 20), "red").save(root / "picture.png")
    (root / "kept.txt").write_text("train/1\ntrain/2\n")
    (root / "broken.nc").write_bytes((root / "pareto.nc").read_bytes()[:-20])
    (root / "broken.png").write_bytes((root / "picture.png").read_bytes()[:60])
    (root / "paper.pdf").write_bytes(b"%PDF")
    (root / f"{EVIL.replace('/', '')}.csv").write_text(f"a\n{EVIL}\n")
    return root


def test_everything_in_a_folder_is_shown_or_named(folder, tmp_path):
    done = _report(folder, "-o", tmp_path / "page.html")
    assert done.exit_code == 0, done.stderr
    html = (tmp_path / "page.html").read_text()
    page = Page(html)
    text = " ".join(page.texts)
    for path in folder.rglob("*"):
        assert path.is_dir() or path.name in text or "checkpoints" in str(path)
    assert f"The first {MOST_ROWS} of {MOST_ROWS + 3} rows." in text
    assert "net.depth" in text and "net.width" in text and "float32" in text
    assert "attrs.pool" in text
    assert text.index("picture.png") < text.index("metrics.csv") < text.index("net.")
    for name in "broken.nc", "broken.png", "paper.pdf", "checkpoints/":
        assert f"{name}: " in done.stderr
    assert all(len(line) < 300 for line in done.stderr.splitlines())


def test_nothing_is_loaded_and_nothing_of_the_files_is_run(folder, tmp_path):
    assert _report(folder, "-o", tmp_path / "page.html").exit_code == 0
    html = (tmp_path / "page.html").read_text()
    page = Page(html)
    assert page.scripts == 1
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert EVIL not in html and EVIL in " ".join(page.texts)


def test_the_page_in_a_browser(folder, tmp_path):
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    assert _report(folder, "-o", tmp_path / "page.html").exit_code == 0
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate(
            "[...document.images].every(i => i.complete && i.naturalWidth > 0)"
        )
        assert page.locator("img").count() == 1
        table = page.locator("section", has_text="metrics.csv").locator("table.data")
        names = lambda: table.locator("tbody td:first-child").all_inner_texts()  # noqa: E731
        value, name = (table.get_by_role("button", name=n) for n in ("value", "name"))
        value.click()
        assert names() == ["c", "b", "a"]  # as numbers: -1.5, 2, 10
        value.click()
        assert names() == ["a", "b", "c"]
        name.click()
        name.click()
        assert names() == ["c", "b", "a"]
        assert page.title() == str(folder)
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert wrong == []
        browser.close()


def test_one_file(folder, tmp_path):
    done = _report(folder / "pareto.nc", "-o", tmp_path / "page.html")
    assert done.exit_code == 0, done.stderr
    assert "alpha_prune" in (tmp_path / "page.html").read_text()


def test_bad_input_is_one_line_and_leaves_no_file(folder, tmp_path):
    page, empty = tmp_path / "page.html", tmp_path / "empty"
    empty.mkdir()
    for wrong, said in (
        (tmp_path / "nowhere", "no such file or folder"),
        (empty, "it is empty"),
        (folder / "broken.nc", "cannot be read"),
        (folder / "paper.pdf", "are not read"),
    ):
        done = _report(wrong, "-o", page)
        assert done.exit_code == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ") and said in line
        assert not page.exists()
    assert _report(folder, "-o", tmp_path / "page.txt").exit_code == 2
    page.write_text("mine")
    assert _report(folder, "-o", page).exit_code == 2
    assert page.read_text() == "mine"
    assert _report(folder, "-o", page, "--overwrite").exit_code == 0
    assert page.read_text() != "mine"


def test_a_result_is_shown_as_its_picture(tmp_path):
    frontier = pt.pareto_frontier([2.0, 5.0], theta=0.4, rule=pt.Hard())
    pt.save_dataset(frontier, tmp_path / "pareto.nc")
    broken = frontier.drop_vars("alpha_prune").rename_dims(alpha_prune="row")
    pt.save_dataset(broken, tmp_path / "odd.nc")
    assert _report(tmp_path, "-o", tmp_path / "page.html").exit_code == 0
    page = Page((tmp_path / "page.html").read_text())
    drawn = [one for one in page.sources if one.startswith("data:image")]
    assert len(drawn) == 1  # the odd one is a table
    text = " ".join(" ".join(page.texts).split())
    assert text.index("pareto.nc") < text.index("the numbers, and what the file says")
    assert "Hard()" not in text and "rule hard" in text


def test_angles_are_in_degrees(tmp_path):
    angles = np.deg2rad([10.0, 25.0])
    data = xr.Dataset({"error": ("theta", [0.3, 0.1])}, {"theta": angles})
    data.attrs["label"] = f"alpha_prune=3 theta={angles[0]}"
    pt.save_dataset(data.assign_attrs(theta=float(angles[1])), tmp_path / "a.nc")
    data.to_dataframe().to_csv(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("theta,of_another\n0.5,1\n")
    assert _report(tmp_path, "-o", tmp_path / "r.html").exit_code == 0
    texts = Page((tmp_path / "r.html").read_text()).texts
    assert texts.count("theta (degrees)") == 2  # of a.nc and b.csv
    assert {"10", "25", "25°", "alpha_prune=3 theta=10°"} <= set(texts)
    assert "0.5" in texts and texts.count("theta") == 2  # the fact, and c.csv


def test_the_answer_of_a_comparison_comes_first(tmp_path):
    root = tmp_path / "answer"
    (root / "runs" / "cells").mkdir(parents=True)
    (root / "answer.txt").write_text("Keep a random 30 %.\n")
    pd.DataFrame({"a": [1]}).to_csv(root / "costs.csv", index=False)
    (root / "runs" / "cells" / "one.json").write_text("{}")
    for name in ("comparison.png", "another.png"):
        Image.new("RGB", (4, 4)).save(root / name)
    assert _report(root, "-o", tmp_path / "a.html").exit_code == 0
    text = (tmp_path / "a.html").read_text()
    order = ["answer.txt", "comparison.png", "another.png", "costs.csv"]
    places = [text.index(f">{name}") for name in order]
    assert places == sorted(places) and "one.json" not in text
