"""Decoding ImageNet for training and evaluation: images a second, against torchvision.

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch torchvision
    python benchmarks/decode_speed.py --images DIR [--torch /tmp/torch/bin/python]

DIR has a folder a class. Its images are listed COPIES times under other names (links).
Each measurement is a process that serves an epoch of `short` and one of `long` copies;
the difference of the two, in wall and in CPU time of all its processes, is what the
further images take: starting processes is in neither. The peer is torchvision's
ImageFolder in a DataLoader, the same number of processes, the same view, bytes in both.
For evaluation the pixels of both must be equal, or the exit status is 1.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

BATCH = 64
PEER = Path(__file__).parent / "peers" / "torchvision_decode.py"


def _used() -> float:
    """CPU seconds of this process and of its children that ended."""
    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(sum(resource.getrusage(one)[:2]) for one in who)


def measure(serve, folders: list[str]) -> None:
    """Print, as JSON, what an epoch of each folder takes, and a checksum of the pixels.

    `serve(folder)` yields batches as arrays (B, height, width, 3), and ends its
    processes at the end.
    """
    found = []
    for folder in folders:
        count = 0
        wall, used = time.perf_counter(), _used()
        for images in serve(folder):
            count += len(images)
        found.append((count, time.perf_counter() - wall, _used() - used))
    (few, *start), (many, *whole) = found
    wall, used = (
        (end - begin) / (many - few) for begin, end in zip(start, whole, strict=True)
    )
    pixels = 0
    for images in serve(folders[0]):  # not timed
        pixels = zlib.crc32(np.ascontiguousarray(images), pixels)
    print(json.dumps({"wall": wall, "cpu": used, "pixels": pixels}))


def _ours(view: str, workers: int, folders: list[str]) -> None:
    from simulations.vision.data.decode import CenterCrop, RandomCrop
    from simulations.vision.data.imagenet_files import imagenet
    from simulations.vision.data.stream import Stream

    def serve(folder):
        data = imagenet(folder)
        if view == "train":
            stream = Stream(data, BATCH, RandomCrop(), seed=0, workers=workers)
        else:
            stream = Stream(data, BATCH, CenterCrop(), workers=workers)
        for batch in stream.epoch():
            yield batch.images[batch.mask]

    measure(serve, folders)


def _link(images: Path, root: Path, copies: int) -> Path:
    for i in range(copies):
        for path in images.glob("*/*"):
            link = root / "train" / path.parent.name / f"{i:02d}_{path.name}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
    return root


def _pack(root: Path, kind: str) -> Path:
    """The same images as the official archive, or as shards of 100 rows a group."""
    packed = root.with_name(f"{root.name}-{kind}")
    packed.mkdir()
    files = sorted((root / "train").glob("*/*"))
    if kind == "tar":
        import tarfile

        with tarfile.open(packed / "ILSVRC2012_img_train.tar", "w") as outer:
            for folder in sorted((root / "train").iterdir()):
                inner = packed / f"{folder.name}.tar"
                with tarfile.open(inner, "w", dereference=True) as tar:
                    for path in sorted(folder.iterdir()):
                        tar.add(path, path.name)
                outer.add(inner, inner.name)
                inner.unlink()
        return packed
    import pyarrow as pa
    import pyarrow.parquet as pq

    classes = sorted({path.parent.name for path in files})
    rows = {
        "image": [{"bytes": path.read_bytes(), "path": None} for path in files],
        "label": [classes.index(path.parent.name) for path in files],
    }
    pq.write_table(pa.table(rows), packed / "train-0.parquet", row_group_size=100)
    return packed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--torch", default="/tmp/torch/bin/python")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--short", type=int, default=2)
    parser.add_argument("--long", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        view, *folders = options.ours
        return _ours(view, options.workers, folders)
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, {options.workers} processes, load {load} at the start"
    )
    with tempfile.TemporaryDirectory() as temporary:
        return _table(options, Path(temporary))


def _table(options: argparse.Namespace, temporary: Path) -> None:
    folders = [
        _link(options.images, temporary / str(n), n)
        for n in (options.short, options.long)
    ]
    workers = str(options.workers)
    ours = [sys.executable, __file__, "--workers", workers, "--ours"]
    peer = [options.torch, str(PEER), workers]
    runs = {}
    for view in "eval", "train":
        runs[f"{view:<5} simulations.vision, folder"] = [*ours, view, *folders]
        runs[f"{view:<5} torchvision, folder"] = [*peer, view, *folders]
    for kind in "tar", "parquet":
        packed = [_pack(folder, kind) for folder in folders]
        runs[f"train simulations.vision, {kind}"] = [*ours, "train", *packed]
    results = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, command in runs.items():
            done = subprocess.run(map(str, command), capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}: {done.stderr}")
            results[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"\n{'':34}images/s  CPU ms/image  x CPU")
    for name, found in results.items():
        wall, cpu = (np.median([one[k] for one in found]) for k in ("wall", "cpu"))
        best = f"{name.split()[0]:<5} torchvision, folder"
        ratio = cpu / np.median([one["cpu"] for one in results[best]])
        print(f"{name:<34}{1 / wall:8.0f}{cpu * 1e3:14.2f}{ratio:7.2f}")
    checksums = {
        found[0]["pixels"] for name, found in results.items() if "eval" in name
    }
    print(
        f"\npixels for evaluation are {'equal' if len(checksums) == 1 else 'NOT EQUAL'}"
    )
    sys.exit(len(checksums) != 1)


if __name__ == "__main__":
    main()
