"""Embeddings as points, on the wire: an order in which any prefix is a fair sample."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.query.planes import plane_of
from loopline.server.frames import frame
from loopline.server.library import Shown

_SEED: Final = 0


def points(shown: Shown, key: str, snapshot: int | None) -> bytes:
    """x u2 · y u2 · id f8, in a random order, so that any prefix is a fair sample. Header: owner (sample, or a label
    field), method, snapshot. Raises UnknownField."""
    at = shown.at(snapshot)
    found = plane_of(shown.lake, key, at)
    order = shuffled(len(found.ids))
    columns = {"x": found.places[order, 0], "y": found.places[order, 1], "id": found.ids[order].astype(np.float64)}
    extra: dict[str, object] = {"owner": found.owner, "method": "pca", "snapshot": at, "count": len(order)}
    return frame(columns, extra)


def shuffled(count: int) -> npt.NDArray[np.int64]:
    """The order that points are sent in."""
    return np.random.default_rng(_SEED).permutation(count)
