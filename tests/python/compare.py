#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Compares two models with the one that both were made from, on the golden photographs.

Prints JSON: how often their first class is FP32's, the signal-to-noise ratio of their logits in
decibels (null where there is no noise), and what they run at. A and B take turns, so that what else
the machine does slows both.

Untrained networks answer all photographs nearly alike. Of them the first class says little, and
most of the signal is what the photographs have in common: `snr_apart_db` counts only what sets them
apart. The difference between A and B is the same in both ratios.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

import photos

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Model:
    """A model on the CPU."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def logits(self, photo: photos.Photo) -> NDArray[np.float64]:
        feed = {self._input.name: photo.astype(TYPES[self._input.type])}
        logits: NDArray[np.float64] = self._session.run(None, feed)[0][0].astype(np.float64)
        return logits

    def seconds(self, inputs: list[photos.Photo]) -> float:
        """The time that one photograph takes, over all of them."""
        started = time.perf_counter()
        for photo in inputs:
            self.logits(photo)
        return (time.perf_counter() - started) / len(inputs)


def decibels(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float | None:
    """The ratio of their powers; none where there is no noise."""
    power = np.sum(noise**2)
    return None if power == 0 else float(10 * np.log10(np.sum(signal**2) / power))


def agreement(
    model: Model, inputs: list[photos.Photo], fp32: NDArray[np.float64]
) -> dict[str, object]:
    """How near the model's logits are to `fp32`'s, which has a row for each photograph."""
    logits = np.stack([model.logits(photo) for photo in inputs])
    return {
        "file": str(model.path),
        "bytes": model.path.stat().st_size,
        "top1": int(np.sum(logits.argmax(axis=1) == fp32.argmax(axis=1))),
        "snr_db": decibels(fp32, fp32 - logits),
        "snr_apart_db": decibels(fp32 - fp32.mean(axis=0), fp32 - logits),
    }


def speed(a: Model, b: Model, inputs: list[photos.Photo], rounds: int) -> dict[str, float]:
    """Medians over the rounds; the ratio is that of the rounds' ratios."""
    times = [(a.seconds(inputs), b.seconds(inputs)) for _ in range(rounds)]
    return {
        "a_images_per_second": 1 / statistics.median(t for t, _ in times),
        "b_images_per_second": 1 / statistics.median(t for _, t in times),
        "a_over_b": statistics.median(tb / ta for ta, tb in times),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fp32", metavar="FP32", type=Path)
    parser.add_argument("a", metavar="A", type=Path)
    parser.add_argument("b", metavar="B", type=Path)
    parser.add_argument("--tensors", metavar="DIR", type=Path, required=True)
    parser.add_argument("--rounds", metavar="N", type=int, default=5)
    args = parser.parse_args()

    inputs = photos.load(args.tensors)
    reference = Model(args.fp32)
    fp32 = np.stack([reference.logits(photo) for photo in inputs])
    a, b = Model(args.a), Model(args.b)
    report = {
        "photos": len(inputs),
        "a": agreement(a, inputs, fp32),
        "b": agreement(b, inputs, fp32),
        "speed": speed(a, b, inputs, max(args.rounds, 1)),
    }
    # No number that is none gets through: neither JSON nor a comparison knows what to do with it.
    print(json.dumps(report, allow_nan=False))


if __name__ == "__main__":
    main()
