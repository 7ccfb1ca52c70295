#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Puts models to ONNX's own checker and to strict shape inference.

Prints a line of JSON for each file and fails if one of them is not valid.
"""

import argparse
import collections
import json
import sys
from pathlib import Path

import onnx


def check(path: Path) -> dict[str, object]:
    """What is in the file; raises if ONNX objects to it."""
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    # The check above infers shapes as well, but follows no values: those a Reshape's input has.
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return {
        "ir_version": model.ir_version,
        "opsets": {opset.domain: opset.version for opset in model.opset_import},
        "operators": collections.Counter(node.op_type for node in model.graph.node),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    valid = True
    for path in parser.parse_args().files:
        line: dict[str, object] = {"file": str(path)}
        try:
            line |= check(path)
        # Bad files raise all sorts: the checker's errors, protobuf's, those of reading.
        except Exception as error:
            line["error"] = str(error)
            valid = False
        print(json.dumps(line))
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
