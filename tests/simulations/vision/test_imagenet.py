"""ImageNet in the forms it is stored in, made small: one set of ids, damage named."""

import csv
import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from perceptron_theory import InputError
from simulations.vision.data import load
from simulations.vision.data.imagenet_files import imagenet

WNIDS = ("n01440764", "n01443537", "n02084071")
TRAIN = {
    f"{wnid}/{wnid}_{number}.JPEG": label
    for label, wnid in enumerate(WNIDS)
    for number in (10026, 3, 77)[: 2 + label % 2]
}
IDS = sorted(TRAIN)
# numbers of the development kit, not in sorted order, and the class of each val image
NUMBERS = {3: WNIDS[0], 1: WNIDS[1], 2: WNIDS[2]}
TRUTH = [2, 3, 3, 1, 2]
VAL = [f"ILSVRC2012_val_{i:08d}.JPEG" for i in range(1, 6)]


def _jpeg(seed):
    pixels = np.random.default_rng(seed).integers(256, size=(20, 28, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


CONTENT = {one: _jpeg(i) for i, one in enumerate(IDS + VAL)}


def _folder(root):
    for one in IDS:
        (root / "train" / one).parent.mkdir(parents=True, exist_ok=True)
        (root / "train" / one).write_bytes(CONTENT[one])
    return root


def _tar(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _tar_of_tars(path):
    inner = [
        (f"{wnid}.tar", _tar((one[10:], CONTENT[one]) for one in TRAIN if wnid in one))
        for wnid in reversed(WNIDS)
    ]
    path.write_bytes(_tar(inner))
    return path


def _shard(path, ids, labels=None, paths=True, **options):
    def in_parquet(one):
        wnid, file = one.split("/")
        return f"{file[:-5]}_{wnid}.JPEG" if paths else None

    rows = [{"bytes": CONTENT[one], "path": in_parquet(one)} for one in ids]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    labels = [TRAIN[one] for one in ids] if labels is None else labels
    table = pa.table({"image": pa.array(rows, kind), "label": pa.array(labels)})
    pq.write_table(table, path, row_group_size=2, **options)


def _devkit(folder):
    folder.mkdir(parents=True)
    truth = "".join(f"{number}\n" for number in TRUTH)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(truth)
    kind = [("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)]
    synsets = [*((number, wnid, 0) for number, wnid in NUMBERS.items()), (4, "n0", 2)]
    synsets = np.array(synsets, dtype=kind).reshape(-1, 1)
    savemat(folder / "meta.mat", {"synsets": synsets})


def test_folders_archives_and_parquet_are_one_data_set(tmp_path):
    folder = load(f"imagenet:{_folder(tmp_path / 'folder')}")
    archive = imagenet(_tar_of_tars(tmp_path / "ILSVRC2012_img_train.tar"))
    assert archive.ids == folder.ids == tuple(IDS)
    assert archive.class_names == folder.class_names == WNIDS
    assert archive.fingerprint == folder.fingerprint
    assert folder.name == archive.name == "ImageNet train"
    assert imagenet(tmp_path).fingerprint == folder.fingerprint
    (tmp_path / "parquet" / "data").mkdir(parents=True)
    for i, part in enumerate((IDS[:3], IDS[3:])):
        _shard(tmp_path / f"parquet/data/train-0000{i}-of-00002.parquet", part)
    parquet = imagenet(tmp_path / "parquet")
    assert parquet.ids == folder.ids and parquet.class_names == folder.class_names
    for found in folder, archive, parquet:
        np.testing.assert_array_equal(found.labels, [TRAIN[one] for one in IDS])
        for row in (4, 0, 6, 3, 5, 1, 2):
            assert found.reader.read(row) == CONTENT[IDS[row]]


def test_parquet_stays_in_the_order_of_its_rows(tmp_path):
    order = [IDS[i] for i in (5, 0, 3, 6, 2, 1, 4)]
    _shard(tmp_path / "train-0.parquet", order)
    found = imagenet(tmp_path)
    assert found.ids == tuple(order)
    assert [found.reader.read(i) for i in range(7)] == [CONTENT[one] for one in order]
    other = tmp_path / "other"
    other.mkdir()
    _shard(other / "train-0.parquet", sorted(order))
    assert imagenet(other).fingerprint != found.fingerprint
    _shard(other / "train-0.parquet", order, paths=False)
    unnamed = imagenet(other)
    assert unnamed.ids[6] == "train/0000006" and len(unnamed.class_names) == 1000
    # a part of the classes: labels keep the numbers of the whole
    _shard(other / "train-0.parquet", [IDS[-1]])
    assert imagenet(other).labels.tolist() == [2]


def test_validation_images_get_the_class_that_the_kit_says(tmp_path):
    wnid_of = {name: NUMBERS[number] for name, number in zip(VAL, TRUTH, strict=True)}
    sorted_ids = tuple(sorted(f"{wnid}/{name}" for name, wnid in wnid_of.items()))
    roots = [tmp_path / name for name in ("folders", "kit", "packed", "table", "tar")]
    for root in roots[1:4]:
        (root / "val").mkdir(parents=True)
        for name in VAL:
            (root / "val" / name).write_bytes(CONTENT[name])
    for name, wnid in wnid_of.items():
        file = roots[0] / "val" / wnid / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(CONTENT[name])
    _devkit(roots[1] / "ILSVRC2012_devkit_t12" / "data")
    with tarfile.open(roots[2] / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as tar:
        tar.add(roots[1] / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    with (roots[3] / "LOC_val_solution.csv").open("w", newline="") as file:
        rows = [(name[:-5], f"{wnid} 1 2 3 4 ") for name, wnid in wnid_of.items()]
        csv.writer(file).writerows([("ImageId", "PredictionString"), *rows])
    _devkit(roots[4] / "ILSVRC2012_devkit_t12")
    (roots[4] / "ILSVRC2012_img_val.tar").write_bytes(
        _tar((name, CONTENT[name]) for name in VAL)
    )
    found = [imagenet(root, "val") for root in roots]
    for one in found:
        assert one.ids == sorted_ids and one.class_names == WNIDS
        assert one.fingerprint == found[0].fingerprint
        np.testing.assert_array_equal(one.labels, [0, 0, 1, 2, 2])
        for row, name in enumerate(sorted_ids):
            assert one.reader.read(row) == CONTENT[name.split("/")[1]]

    (roots[1] / "val" / VAL[2]).unlink()
    with pytest.raises(InputError, match=r"1 of 5 validation .*00000003\.JPEG: finish"):
        imagenet(roots[1], "val")
    (roots[2] / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    with pytest.raises(InputError, match="to say the class"):
        imagenet(roots[2], "val")
    truth = (
        roots[4] / "ILSVRC2012_devkit_t12" / "ILSVRC2012_validation_ground_truth.txt"
    )
    truth.write_text("2\n3\n3\n4\n2\n")
    with pytest.raises(InputError, match="has 4, which is not a class"):
        imagenet(roots[4], "val")
    (truth.parent / "meta.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(InputError, match="cannot be read"):
        imagenet(roots[4], "val")
    (roots[3] / "LOC_val_solution.csv").write_text("Image,Class\na,b\n")
    with pytest.raises(InputError, match="columns ImageId and PredictionString"):
        imagenet(roots[3], "val")
    rows = [f"{name[:-5]},{wnid}" for name, wnid in wnid_of.items()]
    twice = "\n".join(["ImageId,PredictionString", *rows, rows[0]])
    (roots[3] / "LOC_val_solution.csv").write_text(twice)
    with pytest.raises(InputError, match=rf"line {len(rows) + 2} is of .* another"):
        imagenet(roots[3], "val")
    equal = "\n".join(["ImageId,PredictionString,ImageId", *(f"{r},x" for r in rows)])
    (roots[3] / "LOC_val_solution.csv").write_text(equal)
    with pytest.raises(InputError, match="2 columns called 'ImageId'"):
        imagenet(roots[3], "val")
    (roots[3] / "LOC_val_solution.csv").write_text(twice.replace(rows[1], " ,n01"))
    with pytest.raises(InputError, match="line 3 has an empty cell"):
        imagenet(roots[3], "val")
    windows = [f"val\\{name};{wnid}" for name, wnid in wnid_of.items()]
    text = "\r\n".join(["ImageId;PredictionString", *windows])
    (roots[3] / "LOC_val_solution.csv").write_text(text, "utf-16")
    assert imagenet(roots[3], "val").fingerprint == found[0].fingerprint
    (roots[3] / "LOC_val_solution.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a CSV file"):
        imagenet(roots[3], "val")


def test_wherever_an_archive_ends_too_early_it_is_refused(tmp_path):
    archive = _tar_of_tars(tmp_path / "ILSVRC2012_img_train.tar")
    whole = archive.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for length in (0, 100, 700, 5000, len(whole) // 2, end - 100, end):
        archive.write_bytes(whole[:length])
        with pytest.raises(
            InputError,
            match=r"train\.tar is not a "
            "complete.*again",
        ) as e:
            imagenet(archive)
        assert "\n" not in str(e.value)
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        second = tar.getmembers()[1]
    archive.write_bytes(whole[: second.offset_data + second.size - 1000])
    with pytest.raises(InputError, match=f"{second.name} lacks 1000 bytes"):
        imagenet(archive)
    archive.write_bytes(whole[: second.offset])
    with pytest.raises(InputError, match=f"ends, or is damaged, after {WNIDS[2]}"):
        imagenet(archive)
    compressed = tmp_path / "x.tar.gz"
    with tarfile.open(compressed, "w:gz") as tar:
        tar.add(tmp_path / "ILSVRC2012_img_train.tar")
    with pytest.raises(InputError, match="uncompressed"):
        imagenet(compressed)


def test_other_archives_are_refused(tmp_path):
    archive = tmp_path / "ILSVRC2012_img_train.tar"
    image = CONTENT[IDS[0]]
    for members, says in (
        ([("readme.txt", b"x")], "no images"),
        ([("a.JPEG", image)], "a.JPEG is not in the folder of a class"),
        ([("n1.tar", _tar([("a.JPEG", b"")]))], "n1/a.JPEG is empty"),
        ([("n1.tar", _tar([("a.JPEG", image)] * 2))], "'n1/a.JPEG' stands for several"),
        ([("n1.tar", b"no archive")], "not a complete"),
    ):
        archive.write_bytes(_tar(members))
        with pytest.raises(InputError, match=says):
            imagenet(archive)
    archive.write_bytes(_tar([("a.JPEG", image)]))
    with pytest.raises(InputError, match="to say the class"):
        imagenet(archive, "val")
    with pytest.raises(InputError, match="unknown split 'test'"):
        imagenet(archive, "test")
    with pytest.raises(InputError, match=r"holds no val\*\.parquet, no folder val"):
        imagenet(tmp_path, "val")
    # the archive is replaced after it was listed
    found = imagenet(_tar_of_tars(archive))
    archive.write_bytes(b"")
    with pytest.raises(InputError, match="shorter than when it was listed"):
        found.decode(0, 16)


def test_damaged_and_foreign_parquet_is_refused(tmp_path):
    first, second = (tmp_path / f"train-0000{i}-of-00002.parquet" for i in range(2))
    _shard(first, IDS[:3])
    with pytest.raises(InputError, match=r"00001-of-00002\.parquet is missing: finish"):
        imagenet(tmp_path)
    _shard(second, IDS[3:])
    whole = second.read_bytes()
    second.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"00001-of-00002\.parquet is not a complete"):
        imagenet(tmp_path)
    first.unlink()
    second = second.rename(tmp_path / "train.parquet")
    for labels, says in (
        ([0, 1, 1, 1, 2, 2, 1000], "labels do not number the classes"),
        ([2, 2, 1, 1, 1, 0, 0], "labels do not number the classes"),
        ([0, 0, 1, 1, 1, 1000, 1000], r"labels\[5\] is 1000: labels must be 0 to 999"),
        ([-1] * 7, "labels do not number the classes"),
        ([0, 0, 1, 1, 1, 2, None], "none missing; got int64 with 1 missing"),
    ):
        _shard(second, IDS, labels)
        with pytest.raises(InputError, match=says):
            imagenet(tmp_path)
    _shard(second, IDS, [-1] * 7, paths=False)  # as the public test split has them
    with pytest.raises(InputError, match=r"labels\[0\] is -1"):
        imagenet(tmp_path)
    pq.write_table(pa.table({"image": [b"x"], "label": [1]}), second)
    with pytest.raises(InputError, match=r"has the columns image, label; image\{bytes"):
        imagenet(tmp_path)
    pq.write_table(pa.table({"image": [{"bytes": None}], "label": [1]}), second)
    with pytest.raises(InputError, match="holds no image"):
        imagenet(tmp_path).decode(0, 16)


def test_an_interrupted_download_or_unpacking_is_refused(tmp_path):
    root = _folder(tmp_path)
    left = root / "train" / WNIDS[1] / "x.JPEG.aria2"
    left.touch()
    with pytest.raises(InputError, match="interrupted download"):
        imagenet(root)
    left.unlink()
    (root / "train" / "n09999999.tar").write_bytes(b"")
    with pytest.raises(InputError, match=r"n09999999\.tar is not unpacked"):
        imagenet(root)


def test_a_damaged_header_within_an_archive_is_noticed(tmp_path):
    archive = _tar_of_tars(tmp_path / "ILSVRC2012_img_train.tar")
    whole = archive.read_bytes()
    for name, after in (
        (IDS[1].split("/")[1], IDS[0].split("/")[1]),
        (f"{WNIDS[0]}.tar", f"{WNIDS[1]}.tar"),
    ):
        at = whole.rindex(name.encode())
        archive.write_bytes(whole[:at] + b"?" + whole[at + 1 :])
        with pytest.raises(InputError, match=f"ends, or is damaged, after {after}"):
            imagenet(archive)
