"""Labels of another file over a data set, and the official order of its examples."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from perceptron_theory import InputError
from pruning_laws.app import app
from simulations.vision.data import Images, load, source_of, source_text, with_labels
from simulations.vision.data.official_order import official_rows
from simulations.vision.data.other_labels import relabelled
from simulations.vision.score_files import read_scores

SHARED = Path(__file__).parents[4] / "shared" / "data"
CLASSES = ("cat", "dog", "ship")
OFFICIAL = np.array([1, 0, 2, 1, 1, 0])
WORSE = np.array([1, 1, 2, 0, 1, 0])


def _shuffled(order=(3, 1, 5, 0, 4, 2)):
    """The six images of ``OFFICIAL`` in another order, as copies in folders have it."""
    seen, ids = dict.fromkeys(range(3), 0), []
    for label in OFFICIAL:
        ids.append(f"train/{CLASSES[label]}/{seen[label]:04d}.jpg")
        seen[label] += 1
    pixels = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1))
    order = np.array(order)
    return Images(
        "six",
        pixels.astype(np.uint8)[order],
        OFFICIAL[order],
        tuple(ids[i] for i in order),
        CLASSES,
    )


@pytest.fixture
def arrays(tmp_path):
    """A data set in files, of the classes cat, dog and ship; its text."""
    np.save(tmp_path / "x.npy", np.arange(24, dtype=np.uint8).reshape(6, 2, 2))
    np.save(tmp_path / "y.npy", np.array(CLASSES)[OFFICIAL])
    return f"arrays:{tmp_path / 'x.npy'},{tmp_path / 'y.npy'}"


def _pt(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
    return path


def _refused(run):
    with pytest.raises(InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_official_order_is_that_of_ids():
    dataset = _shuffled()
    assert official_rows(dataset, OFFICIAL).tolist() == [3, 1, 5, 0, 4, 2]
    plain = Images(
        "six",
        dataset.images,
        OFFICIAL[[4, 0, 2, 1, 3, 5]],
        tuple(f"train/{i:05d}" for i in (4, 0, 2, 1, 3, 5)),
        CLASSES,
    )
    assert official_rows(plain, OFFICIAL).tolist() == [4, 0, 2, 1, 3, 5]
    said = _refused(lambda: official_rows(plain, OFFICIAL[::-1]))
    assert "6 of 6 labels are not those of six, the first of 'train/00004'" in said
    said = _refused(lambda: official_rows(dataset, OFFICIAL[:4]))
    assert (
        "the id 'train/cat/0001.jpg' is not one of the 4 in the official order" in said
    )


@pytest.mark.parametrize("name", ["worse", "worse_label"])
@pytest.mark.parametrize("kind", ["npz", "npy", "pt"])
def test_labels_in_the_official_order(name, kind, tmp_path):
    content = {"clean_label": OFFICIAL, "worse_label": WORSE, "random_label1": WORSE}
    path = tmp_path / f"CIFAR-10_human.{kind}"
    if kind == "npz":
        np.savez(path, **content)
    elif kind == "npy":
        np.save(path, np.array(content, dtype=object), allow_pickle=True)
    else:
        _pt(path, content)
    dataset = _shuffled()
    found = relabelled(dataset, f"cifar10n:{path}#{name}")
    assert found.labels.tolist() == WORSE[[3, 1, 5, 0, 4, 2]].tolist()
    assert found.ids == dataset.ids and found.fingerprint != dataset.fingerprint
    assert found.name == f"six (worse_label of {path.name})"
    clean = relabelled(dataset, f"cifar10n:{path}:clean")
    assert clean.fingerprint == dataset.fingerprint
    said = _refused(lambda: relabelled(dataset, f"{path}#{name}"))
    assert "clean labels are not those of six" in said and "another order" in said
    said = _refused(lambda: relabelled(dataset, f"cifar10n:{path}#wrose"))
    assert "did you mean" in said and "\n" not in said
    assert "which are the labels? Give FILE#NAME" in _refused(
        lambda: relabelled(dataset, f"cifar10n:{path}")
    )


def test_a_file_in_another_order_than_the_official_one(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, clean_label=OFFICIAL[[2, 1, 0, 3, 4, 5]], worse_label=WORSE)
    numbered = Images(
        "six",
        _shuffled().images,
        OFFICIAL,
        tuple(f"train/{i:05d}" for i in range(6)),
        CLASSES,
    )
    said = _refused(lambda: relabelled(numbered, f"cifar10n:{path}#worse"))
    assert "2 of 6 labels are not those of six" in said and "another order" in said
    np.savez(path, worse_label=WORSE)
    said = _refused(lambda: relabelled(numbered, f"cifar10n:{path}#worse"))
    assert "has no clean_label: without them" in said
    np.savez(path, clean_label=OFFICIAL[:5], worse_label=WORSE)
    said = _refused(lambda: relabelled(numbered, f"cifar10n:{path}#worse"))
    assert "6 worse_label and 5 clean_label" in said


def test_plain_labels_in_order_and_by_id(arrays, tmp_path):
    numbers, by_id = tmp_path / "new.npy", tmp_path / "new.csv"
    np.save(numbers, WORSE)
    rows = [f"{i},{CLASSES[WORSE[i]]}" for i in (5, 3, 1, 0, 2, 4)]
    by_id.write_text("\n".join(["id,label", *rows]))
    base = load(arrays)
    for path in (numbers, by_id):
        source = with_labels(arrays, str(path))
        found = load(source)
        assert found.labels.tolist() == WORSE.tolist() and found.ids == base.ids
        assert found.fingerprint != base.fingerprint
        assert source_text(source) == f"{arrays}#labels={path}"
        assert source_of(source_text(source)) == source
    some = with_labels(f"{arrays}#ship,dog", str(numbers))
    assert source_of(source_text(some)) == some
    assert load(some).ids == ("0", "1", "2", "4")  # dogs and ships by the new labels
    assert load(some).labels.tolist() == [1, 1, 0, 1]


def test_test_sets_keep_their_labels(tmp_path):
    labels = tmp_path / "new.npy"
    np.save(labels, np.roll(load("digits").labels, 1))
    source = with_labels("digits", str(labels))
    assert load(source).fingerprint != load("digits").fingerprint
    assert load(source, "test").fingerprint == load("digits", "test").fingerprint
    with pytest.raises(InputError, match="has the labels of a file already"):
        with_labels(source, str(labels))


def _write(path, values):
    if path.suffix == ".npy":
        np.save(path, values)
    elif isinstance(values, bytes):
        path.write_bytes(values)
    else:
        path.write_text(values)
    return path


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("a.npy", WORSE[:5], "a.npy has 5 labels and no ids, x has 6 examples"),
        ("a.npy", np.array([0, 1, 2, 3, 0, 0]), "labels[3] is 3: labels must be 0 to"),
        ("a.npy", WORSE[:, None] + np.ones((1, 3), int), "of shape (6, 3)"),
        ("a.npy", WORSE + 0.5, "must be a list of whole numbers or of names"),
        ("a.csv", "id,label\n" + "".join(f"{i},cta\n" for i in range(6)), "'cat'"),
        ("a.csv", "id,label\n0,cat\n1,cat\n", "4 of 6 examples of x have no label, "),
        (
            "a.csv",
            "id,label\n" + "0,cat\n" * 6,
            "'0' has several labels: give one label per",
        ),
        (
            "a.csv",
            "id,label\n" + "".join(f"{i},cat\n" for i in range(7)),
            "and '6' is not one of them",
        ),
        ("a.csv", "id,first,second\n0,cat,dog\n", "which are the labels? Give FILE#"),
        ("a.pt", b"PK\x03\x04rest", "a.pt is not a complete file of torch.save"),
        ("a.pt", b"<html>", "a page of the web"),
        ("a.mat", b"", "labels are read from .pt, .npy"),
        ("none.npy", None, "does not exist: give a .npy file"),
    ],
)
def test_bad_labels_are_one_line(arrays, name, values, said, tmp_path):
    path = tmp_path / name
    if values is not None:
        _write(path, values)
    assert said in _refused(lambda: load(with_labels(arrays, str(path))))


def test_nothing_in_a_file_of_torch_is_run(arrays, tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    path = _pt(tmp_path / "a.pt", {"label": Evil()})
    said = _refused(lambda: load(with_labels(arrays, str(path))))
    assert "would run" in said and "it was not" in said
    path = _pt(tmp_path / "a.pt", [WORSE])
    assert "no dictionary of arrays" in _refused(
        lambda: load(with_labels(arrays, str(path)))
    )


def run(*args):
    return CliRunner().invoke(app, [str(one) for one in args])


def test_scores_are_of_the_data_set_with_these_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("new.npy", np.roll(load("digits").labels, 1))
    result = run("score", "random", "--labels", "new.npy", "-o", "a.parquet")
    assert result.exit_code == 0, result.output
    with pytest.raises(InputError, match="scores are of digits train"):
        read_scores("a.parquet", load("digits"))
    read_scores("a.parquet", load("digits#labels=new.npy"))
    result = run(
        "score", "random", "--labels", "new.npy", "-o", "b.parquet", "--split", "test"
    )
    assert result.exit_code == 2 and "they are of the split train" in result.stderr


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
@pytest.mark.slow
def test_the_order_of_cifar10_is_that_of_the_published_scores():
    pytest.importorskip("PIL")
    from scipy.stats import spearmanr

    found = np.load(SHARED / "scores/cifar10_cscores_official_order.npz")
    dataset = load(f"cifar10:{SHARED / 'cifar10'}")
    rows = official_rows(dataset, found["labels"])
    assert sorted(rows) == list(range(50_000))
    # regular images are nearer to the mean of their class than to those of others
    pixels = dataset.images.reshape(50_000, -1)[:, ::16].astype(np.float32)
    means = np.stack([pixels[dataset.labels == c].mean(0) for c in range(10)])
    far = ((pixels[:, None] - means) ** 2).sum(2)
    own = far[np.arange(50_000), dataset.labels]
    far[np.arange(50_000), dataset.labels] = np.inf
    margin = far.min(1) - own
    scores = found["scores"], np.roll(found["scores"], 1)
    right, shifted = (spearmanr(one[rows], margin).statistic for one in scores)
    assert right > 0.1 > 5 * abs(shifted)
