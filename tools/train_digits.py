"""Trains the digit classifier that ships as an example, and writes it as ONNX.

    pip install torch scikit-learn onnx
    python tools/train_digits.py

reads scikit-learn's digits (1797 images of 8 x 8 pixels with values 0 to 16; 1437 to train, 360
held out), and writes into python/edgert/examples

    digits.onnx       pixels[1, 1, 8, 8] in 0 to 1 -> probabilities[1, 10]
    digits_test.npz   the held-out images (uint8, 0 to 16) and their labels
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

EXAMPLES = Path(__file__).resolve().parent.parent / "python" / "edgert" / "examples"
EPOCHS = 60
BATCH = 64


def conv(inputs: int, outputs: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """Convolution that keeps the image's size, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Residual(nn.Module):
    """Depthwise and pointwise convolution around which the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels, 3, groups=channels),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.body(x))


def network() -> nn.Module:
    """The classifier: logits of ten digits."""
    return nn.Sequential(
        conv(1, 32, 3),
        Residual(32),
        conv(32, 64, 3),
        nn.MaxPool2d(2),
        Residual(64),
        conv(64, 64, 1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turns, scales and shifts each image a little."""
    count = len(images)

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle, scale = uniform(0.2), 1 + uniform(0.1)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [torch.stack([cos, -sin, uniform(0.15)], 1), torch.stack([sin, cos, uniform(0.15)], 1)]
    grid = nn.functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def train(images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Trains the network with AdamW under a one-cycle schedule."""
    generator = torch.Generator().manual_seed(0)
    model = network()
    steps = -(-len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, EPOCHS * steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(len(images), generator=generator).split(BATCH):
            loss = nn.functional.cross_entropy(
                model(augment(images[batch], generator)), labels[batch], label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {total / len(images):.4f}")
    return model.eval()


def main() -> None:
    """Trains, reports the accuracy on the held-out images and writes the files."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the same file from every run on one machine
    data = load_digits()
    images = data.images.astype(np.uint8)
    split = train_test_split(
        images, data.target, test_size=360, random_state=0, stratify=data.target
    )
    train_images, test_images, train_labels, test_labels = split

    def pixels(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x.astype(np.float32) / 16)[:, None]

    model = train(pixels(train_images), torch.from_numpy(train_labels))
    with torch.no_grad():
        right = model(pixels(test_images)).argmax(1).numpy() == test_labels
    print(f"accuracy on {len(right)} held-out images: {right.mean():.2%}")

    EXAMPLES.mkdir(exist_ok=True)
    path = EXAMPLES / "digits.onnx"
    torch.onnx.export(
        nn.Sequential(model, nn.Softmax(1)),
        (torch.zeros(1, 1, 8, 8),),
        str(path),
        input_names=["pixels"],
        output_names=["probabilities"],
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(path), full_check=True)
    np.savez_compressed(
        EXAMPLES / "digits_test.npz", images=test_images, labels=test_labels.astype(np.uint8)
    )
    for file in (path, EXAMPLES / "digits_test.npz"):
        print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
