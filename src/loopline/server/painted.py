"""What is painted over pictures: masks of objects, and class maps taken apart into one mask for each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.kernel import rle
from loopline.kernel.schema import LabelField, pixel_classes
from loopline.query.view import ObjectView, View
from loopline.server.drawn import NO_CLASS
from loopline.server.frames import frame
from loopline.server.library import Shown

GROUND: Final = frozenset({"background", "_background_", "__background__", "void", "unlabeled", "unlabelled", "ignore"})
"""Classes that stand for nothing in particular: painted, they would hide the picture."""

_Painted = tuple[int, int, int, int, npt.NDArray[np.int64]]  # id, class, height, width, counts


def masks(shown: Shown, snapshot: int | None, field: str, ids: tuple[int, ...]) -> bytes:
    """Run lengths of the masks of some objects as a frame.

    id f8 · class u2 · height u4 · width u4 · offsets u4 (n + 1) into counts · counts u4, column by column, zeros first.
    An object with a mask has one row, of class 65535; a class map has one for each class on it but those of `GROUND`;
    what has no mask has a row without runs. Raises BadValue for a field that has no masks, or a map that is no picture.
    """
    at = shown.at(snapshot)
    about = shown.lake.schema(at).field(field)
    if "mask" not in about.columns():
        raise BadValue(f'field "{field}" holds {about.kind} labels, which have no masks')
    view = View(shown.lake, (), at).objects(field)
    assert isinstance(view, ObjectView)
    found = view.select(ids).to_arrow(["id", "mask"])
    taken = _of_map if about.kind == "mask" else _of_object
    rows = [
        row
        for number, blob in zip(found["id"].to_pylist(), found["mask"].to_pylist(), strict=True)
        for row in (taken(about, number, blob) if blob else [(number, NO_CLASS, 0, 0, np.zeros(0, np.int64))])
    ]
    counts = [row[4] for row in rows]
    return frame(
        {
            "id": np.array([row[0] for row in rows], np.float64),
            "class": np.array([row[1] for row in rows], np.uint16),
            "height": np.array([row[2] for row in rows], np.uint32),
            "width": np.array([row[3] for row in rows], np.uint32),
            "offsets": np.cumsum([0, *map(len, counts)]).astype(np.uint32),
            "counts": np.concatenate([np.zeros(0, np.int64), *counts]).astype(np.uint32),
        },
        {"snapshot": at},
    )


def _of_object(_: LabelField, number: int, blob: bytes) -> Iterator[_Painted]:
    one = rle.unpack_blob(blob)
    yield number, NO_CLASS, one.height, one.width, rle.decompress(one.packed)


def _of_map(about: LabelField, number: int, blob: bytes) -> Iterator[_Painted]:
    from loopline.formats import _masks  # not at the start: few data sets have class maps

    pixels = _masks.class_map(blob, f"object {number} of {about.name}")
    known, void = pixel_classes(about, about.classes)
    height, width = pixels.shape
    for value in np.unique(pixels).tolist():
        code = known.get(value)
        if value != void and code is not None and about.classes[code].lower() not in GROUND:
            yield number, code, height, width, rle.counts_of(pixels == value)
