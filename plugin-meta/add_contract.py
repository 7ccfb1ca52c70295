#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Writes a model's contract into an ONNX file, as the metadata property resnet50.contract.

    add_contract.py CONTRACT.json IN.onnx OUT.onnx

A protobuf message that is followed by further fields is the same message with these fields, so
the contract is appended and nothing of the file is touched.
"""

import json
import sys

METADATA_PROPS = 14  # ModelProto.metadata_props
KEY, VALUE = 1, 2  # StringStringEntryProto


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


contract_file, source, destination = sys.argv[1:]
with open(contract_file, encoding="utf-8") as f:
    contract = json.dumps(json.load(f), separators=(",", ":"), ensure_ascii=False)
with open(source, "rb") as f:
    model = f.read()
entry = field(KEY, b"resnet50.contract") + field(VALUE, contract.encode())
with open(destination, "wb") as f:
    f.write(model + field(METADATA_PROPS, entry))
