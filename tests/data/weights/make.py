#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Makes the files of this folder with PyTorch and safetensors, so that what the tests read is what
those write: python3 make.py, with torch, numpy and safetensors from PyPI. The committed ones are
of torch 2.15.0 and safetensors 0.8.0."""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

here = Path(__file__).parent
base = torch.arange(24, dtype=torch.float32) / 8 - 1
floats = base.reshape(2, 3, 4).clone()

# One of each kind of tensor that a state dict has.
kinds = OrderedDict(
    f32=floats,
    f16=floats.to(torch.float16),
    bf16=floats.to(torch.bfloat16),
    f64=floats.to(torch.float64) / 3,
    i64=torch.tensor(7),
    u8=torch.tensor([0, 128, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
    empty=torch.zeros(0, 3),
    # Views of one storage: a slice, a transposition, a column, and the axes the other way round.
    view=base[4:10],
    transposed=base.reshape(4, 6).t(),
    column=base.reshape(4, 6)[:, 2],
    permuted=base.reshape(2, 3, 4).permute(2, 0, 1),
    parameter=torch.nn.Parameter(base[:3].clone()),
)
torch.save(kinds, here / "zip.pth")
torch.save(kinds, here / "legacy.pth", _use_new_zipfile_serialization=False)
for protocol in (1, 3, 4, 5):
    torch.save(kinds, here / f"zip_protocol{protocol}.pth", pickle_protocol=protocol)

# A module's own state dict, which has an attribute `_metadata`, in a checkpoint.
module = torch.nn.DataParallel(
    torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, bias=False), torch.nn.BatchNorm2d(2))
)
with torch.no_grad():
    for p in module.parameters():
        p.copy_(torch.arange(p.numel()).reshape(p.shape) / 4)
optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
module(torch.ones(2, 1, 4, 4)).sum().backward()
optimizer.step()
with torch.no_grad():
    for p in module.parameters():
        p.copy_(torch.arange(p.numel()).reshape(p.shape) / 4)
checkpoint = {
    "epoch": 90,
    "arch": "resnet50",
    "best_acc1": 76.13,
    "big": 2**80,
    "classes": ["cat", "dog"],
    "state_dict": module.state_dict(),
    "optimizer": optimizer.state_dict(),
}
torch.save(checkpoint, here / "checkpoint.pth")
torch.save(checkpoint, here / "checkpoint_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"model": {"w": floats}}, here / "model.pth")
# Elements that are all the same one.
torch.save({"expanded": torch.ones(1).expand(5)}, here / "expanded.pth")

save_file({k: v.contiguous() for k, v in kinds.items()}, here / "kinds.safetensors", {"format": "pt"})
