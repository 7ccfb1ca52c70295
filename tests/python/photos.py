# SPDX-License-Identifier: MPL-2.0
"""The golden photographs, pre-processed as the network expects them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.float32]


def load(folder: Path) -> list[Photo]:
    """One batch of one photograph for each file that ends in `_resize256.npy`, in their order."""
    files = sorted(folder.glob("*_resize256.npy"))
    if not files:
        raise SystemExit(f"{folder} holds no *_resize256.npy: name tests/data/tensors")
    return [np.load(file)[np.newaxis].astype(np.float32) for file in files]
