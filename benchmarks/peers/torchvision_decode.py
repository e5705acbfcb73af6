"""torchvision's ImageFolder in a DataLoader, for benchmarks/decode_speed.py.

    python torchvision_decode.py WORKERS eval|train FOLDER FOLDER

runs where torch is installed and this project need not be.
"""

import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

sys.path.insert(0, str(Path(__file__).parents[1]))
from decode_speed import BATCH, measure

VIEWS = {
    "eval": [transforms.Resize(256), transforms.CenterCrop(224)],
    "train": [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()],
}


def main() -> None:
    workers, view, *folders = sys.argv[1:]
    torch.set_num_threads(1)  # as its worker processes do: threads wait busily
    pipeline = transforms.Compose([*VIEWS[view], transforms.PILToTensor()])

    def serve(folder):
        data = datasets.ImageFolder(f"{folder}/train", pipeline)
        options = {"num_workers": int(workers), "shuffle": view == "train"}
        loader = DataLoader(data, BATCH, drop_last=view == "train", **options)
        for images, _ in loader:
            yield images.permute(0, 2, 3, 1).numpy()

    measure(serve, folders)


if __name__ == "__main__":
    main()
