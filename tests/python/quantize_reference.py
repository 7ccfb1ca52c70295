#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Quantizes a model to int8 with ONNX Runtime's own quantizer, to compare ours with."""

import argparse
from pathlib import Path

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

import photos

# "entropy" as the quantizer has it by default, with as many bins as levels: the same as minmax.
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands out the photographs, each once."""

    def __init__(self, name: str, inputs: list[photos.Photo]) -> None:
        self._feeds = iter([{name: photo} for photo in inputs])

    def get_next(self) -> dict[str, photos.Photo] | None:
        return next(self._feeds, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fp32", metavar="FP32", type=Path)
    parser.add_argument("output", metavar="OUT", type=Path)
    parser.add_argument("--tensors", metavar="DIR", type=Path, required=True)
    parser.add_argument("--method", choices=METHODS, default="minmax")
    args = parser.parse_args()

    name = onnx.load(args.fp32, load_external_data=False).graph.input[0].name
    quantize_static(
        args.fp32,
        args.output,
        Reader(name, photos.load(args.tensors)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=METHODS[args.method],
    )


if __name__ == "__main__":
    main()
