"""Training in PyTorch, channels_last: the peer of benchmarks/training_speed.py.

Run by an interpreter that has torch; writes seconds of wall and CPU a step as JSON,
one line for each line that it reads. The networks are those of
simulations/vision/networks: the same layers, strides, shortcuts and constants.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = {"resnet8": (16, (1, 1, 1)), "resnet20": (16, (3, 3, 3))}
WIDTHS["resnet18"] = (64, (2, 2, 2, 2))


class Block(nn.Module):
    def __init__(self, before, width, stride, projection):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, width - before
        self.skip = None
        if projection and (stride != 1 or self.more):
            conv = nn.Conv2d(before, width, 1, stride, bias=False)
            self.skip = nn.Sequential(conv, nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.skip is not None:
            x = self.skip(x)
        elif self.stride != 1 or self.more:
            half = self.more // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0,) * 4 + (half,) * 2)
        return F.relu(x + y)


def network(name):
    width, stages = WIDTHS[name]
    layers = [
        nn.Conv2d(3, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    before = width
    for i, blocks in enumerate(stages):
        for j in range(blocks):
            stride = 2 if i and not j else 1
            layers.append(Block(before, width * 2**i, stride, name == "resnet18"))
            before = width * 2**i
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)]
    return nn.Sequential(*layers)


def main():
    name, batch, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.manual_seed(0)
    model = network(name).to(memory_format=torch.channels_last)
    rule = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    images = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,))

    def step():
        rule.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        rule.step()
        return loss.item()

    step()
    print(json.dumps(sum(p.numel() for p in model.parameters())), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        found = (time.perf_counter() - wall, time.process_time() - cpu)
        print(json.dumps([x / steps for x in found]), flush=True)


if __name__ == "__main__":
    main()
