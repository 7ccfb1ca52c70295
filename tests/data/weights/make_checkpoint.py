#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Makes training_protocol*.pth: what training programs keep beside their tensors, as Python's own
pickler writes it: python3 make_checkpoint.py, with numpy from PyPI. The committed ones are of
Python 3.11 and numpy 2. PyTorch itself is not needed: three of its names stand in for it."""

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import struct
import sys
import types
import zipfile

import numpy

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})


class FloatStorage:
    """The class of storages; an instance is one of them, by its name in the file."""

    def __init__(self, key, elements):
        self.key, self.elements = key, elements


FloatStorage.__module__ = "torch"
torch.FloatStorage = FloatStorage


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        arguments = (self.storage, 0, self.shape, (1,), False, collections.OrderedDict())
        return _rebuild_tensor_v2, arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, FloatStorage):
            return ("storage", FloatStorage, obj.key, "cpu", obj.elements)
        return None


checkpoint = {
    "epoch": 7,
    "args": argparse.Namespace(lr=0.1, output=pathlib.PurePosixPath("/tmp/run")),
    "best": numpy.float64(0.76),
    "history": numpy.arange(3.0),
    "started": datetime.datetime(2024, 5, 17, 12),
    "seen": {1, 2, 3},
    "frozen": frozenset("ab"),
    "counts": collections.Counter("abc"),
    "state": collections.defaultdict(list, {0: [1.0]}),
    "device": slice(0, 3),
    "model": collections.OrderedDict(w=Tensor(FloatStorage("0", 3), (3,))),
}

here = pathlib.Path(__file__).parent
for protocol in (2, 4, 5):
    stream = io.BytesIO()
    Pickler(stream, protocol).dump(checkpoint)
    with zipfile.ZipFile(here / f"training_protocol{protocol}.pth", "w") as archive:
        for name, content in (
            ("data.pkl", stream.getvalue()),
            ("byteorder", b"little"),
            ("data/0", struct.pack("<3f", 0.5, 1.5, 2.5)),
        ):
            archive.writestr(zipfile.ZipInfo(f"training/{name}"), content)
