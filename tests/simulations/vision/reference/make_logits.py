"""Logits, embeddings and parameter counts of the reference implementations.

python tests/simulations/vision/reference/make_logits.py, after pip install --group
reference, writes layouts.json, outputs.npz, zip.pth, legacy.pth and
small.safetensors beside it.
"""

import collections
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import rule
import timm
import torch
import torchvision
import transformers
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torchvision.models.resnet import BasicBlock

HERE = Path(__file__).parent
CLASSES = 10


class Pad(nn.Module):
    """Option A of He et al. 2016, zeros on both sides."""

    def forward(self, x):
        more = x.shape[1] // 2
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))


class SmallResNet(nn.Module):
    """6 n + 2 layers for CIFAR, of torchvision's blocks."""

    def __init__(self, n, pad):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        before = 16
        for i, width in enumerate((16, 32, 64), start=1):
            blocks = []
            for _ in range(n):
                stride, shortcut = 1, None
                if width != before:
                    conv = nn.Conv2d(before, width, 1, 2, bias=False)
                    other = nn.Sequential(conv, nn.BatchNorm2d(width))
                    stride, shortcut = 2, Pad() if pad else other
                blocks.append(BasicBlock(before, width, stride, shortcut))
                before = width
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = nn.functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def timm_resnet18_cifar():
    model = timm.create_model("resnet18", num_classes=CLASSES)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def timm_vit(patch, width, size, classes=CLASSES):
    return VisionTransformer(
        img_size=size,
        patch_size=patch,
        embed_dim=width,
        num_heads=width // 64,
        num_classes=classes,
    )


def loaded(model):
    """The model with the weights of the rule, and its names and shapes."""
    shapes = {name: list(one.shape) for name, one in model.state_dict().items()}
    given = {k: torch.from_numpy(v) for k, v in rule.weights(shapes).items()}
    model.load_state_dict(given)
    return model.eval(), shapes


def hugging_face(kind, patch, width, size):
    """The same by a file: its names are the hub's, those in memory are not."""
    config = transformers.ViTConfig(
        hidden_size=width,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        image_size=size,
        patch_size=patch,
        num_labels=CLASSES,
    )
    with tempfile.TemporaryDirectory() as folder:
        kind(config).save_pretrained(folder)
        path = Path(folder) / "model.safetensors"
        shapes = {name: list(one.shape) for name, one in load_file(path).items()}
        given = {k: torch.from_numpy(v) for k, v in rule.weights(shapes).items()}
        save_file(given, path, metadata={"format": "pt"})
        return kind.from_pretrained(folder).eval(), shapes


def embedding_and_logits(model, size):
    """What the last layer is given, and what it makes of that."""
    images = torch.from_numpy(rule.images(size)).permute(0, 3, 1, 2)
    if isinstance(model, transformers.ViTModel):
        return model(images).last_hidden_state[:, 0], torch.zeros(0)
    head = next(
        getattr(model, name)
        for name in ("fc", "head", "classifier")
        if isinstance(getattr(model, name, None), nn.Linear)
    )
    seen = []
    hook = head.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    out = model(images)
    hook.remove()
    return seen[0], getattr(out, "logits", out)


def cases():
    """Name, image size, model, names and shapes."""
    ti, s, b = 192, 384, 768
    vit, classifier = transformers.ViTModel, transformers.ViTForImageClassification
    yield "resnet8", 32, *loaded(SmallResNet(1, pad=True))
    yield "resnet20", 32, *loaded(SmallResNet(3, pad=True))
    yield "resnet20 projection", 32, *loaded(SmallResNet(3, pad=False))
    yield "resnet18", 32, *loaded(timm_resnet18_cifar())
    for name in "resnet18", "resnet50":
        model, shapes = loaded(getattr(torchvision.models, name)(num_classes=CLASSES))
        yield f"{name} imagenet", 64, model, shapes
        twin, names = loaded(timm.create_model(name, num_classes=CLASSES))
        assert names == shapes
        for ours, theirs in zip(
            embedding_and_logits(model, 64), embedding_and_logits(twin, 64), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    yield "vit_ti16 timm", 32, *loaded(timm_vit(16, ti, 32))
    yield "vit_s8 timm", 16, *loaded(timm_vit(8, s, 16))
    yield "vit_ti8 Hugging Face", 16, *hugging_face(classifier, 8, ti, 16)
    yield "vit_b16 Hugging Face", 32, *hugging_face(vit, 16, b, 32)


def parameter_counts():
    """At 1000 classes and 224 x 224 pixels."""
    count = {}
    with torch.device("meta"):
        models = {
            name: getattr(torchvision.models, name)()
            for name in ("resnet18", "resnet50")
        }
        for size, width in (("ti", 192), ("s", 384), ("b", 768)):
            for patch in (16, 8):
                models[f"vit_{size}{patch}"] = timm_vit(patch, width, 224, 1000)
    for name, model in models.items():
        count[name] = sum(one.numel() for one in model.parameters())
    for name in "vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch8_224":
        with torch.device("meta"):
            model = timm.create_model(name)
        ours = name.replace("tiny", "ti")[:5] + ("i" if "tiny" in name else "")
        ours += name.split("patch")[1].removesuffix("_224")
        assert sum(one.numel() for one in model.parameters()) == count[ours]
    return count


def batch_norm():
    """A step of training, and the running statistics after it."""
    layer = nn.BatchNorm2d(3)
    images = torch.from_numpy(rule.images(4)).permute(0, 3, 1, 2)
    out = layer(3 * images + 1)
    return {
        "batch_norm output": out.permute(0, 2, 3, 1),
        "batch_norm mean": layer.running_mean,
        "batch_norm var": layer.running_var,
    }


def positions():
    """A grid of 4 x 4 at the points of others."""
    grid = torch.from_numpy(rule.weight("positions", (1, 17, 5)))
    for new in ((3, 3), (7, 7), (2, 6)):
        resampled = resample_abs_pos_embed(grid, new_size=list(new))
        yield f"positions {new[0]} x {new[1]}", resampled


def small_files():
    """Every kind of tensor that a file of weights may have."""
    grid = torch.arange(12.0).reshape(3, 4)
    tensors = collections.OrderedDict(
        transposed=grid.t(),
        row=nn.Parameter(grid[1]),
        half=grid.half(),
        bfloat=grid.bfloat16(),
        double=grid.double(),
        count=torch.tensor(7),
        truth=torch.tensor([True, False]),
        empty=torch.zeros(0, 3),
    )
    momentum = {0: {"momentum_buffer": torch.ones(3)}}
    optimizer = {"state": momentum, "param_groups": [{"lr": 0.1, "params": [0]}]}
    content = {"epoch": 3, "state_dict": tensors, "optimizer": optimizer}
    torch.save(content, HERE / "zip.pth")
    torch.save(content, HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    named = ("transposed", "row", "half", "bfloat", "double", "count")
    given = {name: tensors[name].detach().contiguous() for name in named}
    save_file(given, HERE / "small.safetensors")


@torch.no_grad()
def main():
    """Write all files."""
    outputs, layouts = batch_norm() | dict(positions()), {}
    for name, size, model, shapes in cases():
        embedding, logits = embedding_and_logits(model, size)
        outputs |= {f"{name} embedding": embedding, f"{name} logits": logits}
        pooler = sum(
            one.numel() for key, one in model.named_parameters() if "pooler" in key
        )
        count = sum(one.numel() for one in model.parameters()) - pooler
        layouts[name] = {"size": size, "parameters": count, "shapes": shapes}
        print(
            f"{name}: |logits| <= {logits.abs().max() if len(logits) else None},",
            f"|embedding| <= {embedding.abs().max()}",
        )
    arrays = {name: one.detach().numpy() for name, one in outputs.items()}
    np.savez_compressed(HERE / "outputs.npz", **arrays)
    found = {
        "versions": {
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "timm": timm.__version__,
            "transformers": transformers.__version__,
        },
        "parameters of 1000 classes": parameter_counts(),
        "layouts": layouts,
    }
    text = json.dumps(found, indent=1)
    # a shape on one line
    text = re.sub(r"\[[\d\s,]*\]", lambda m: re.sub(r"\s+", "", m.group()), text)
    (HERE / "layouts.json").write_text(text + "\n")
    small_files()


if __name__ == "__main__":
    main()
