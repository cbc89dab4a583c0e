"""Big pictures cut into overlapping tiles, with their boxes, written as a Pascal VOC folder.

The rule: tiles of `size` pixels whose neighbours overlap by `overlap`; the last one in a row or column is moved back so
that it ends with the picture. A box is cut at the tile's edge and kept where at least half of its area is inside; what
lost some of its area is `truncated`. A box in an overlap is in every tile that holds half of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt

from loopline.demo.photographs import Photograph

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tiling:
    """The rule in numbers: pixels, and the least share of a box's area that has to be inside."""

    size: int = 400
    overlap: int = 100
    inside: float = 0.5


def starts(length: int, rule: Tiling) -> list[int]:
    """Where tiles begin along a side of `length` pixels.

    >>> starts(1000, Tiling()), starts(1035, Tiling()), starts(300, Tiling())
    ([0, 300, 600], [0, 300, 600, 635], [0])
    """
    last = max(0, length - rule.size)
    return [*range(0, last, rule.size - rule.overlap), last]


def clip(
    xyxy: Floats, tile: tuple[int, int, int, int], inside: float
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Boxes of a picture as those of a tile: (k, 4) pixels of the tile, which of the n they are, and which were cut.

    Shapes  xyxy (n, 4); tile x0 y0 x1 y1. A box without area is not kept.

    >>> boxes, which, cut = clip(np.array([[90.0, 0, 110, 10], [95, 0, 135, 10]]), (100, 0, 200, 100), 0.5)
    >>> boxes, which, cut
    (array([[ 0.,  0., 10., 10.],
           [ 0.,  0., 35., 10.]]), array([0, 1]), array([ True,  True]))
    """
    x0, y0, x1, y1 = tile
    cut = np.clip(xyxy, (x0, y0, x0, y0), (x1, y1, x1, y1))
    whole, left = _area(xyxy), _area(cut)
    which = np.flatnonzero((left > 0) & (left >= inside * whole))
    return cut[which] - (x0, y0, x0, y0), which, left[which] < whole[which]


def _area(xyxy: Floats) -> Floats:
    area: Floats = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    return area


def write(photographs: Iterable[Photograph], folder: Path, rule: Tiling = Tiling()) -> int:
    """Cut and write all: `JPEGImages/*.jpg` and `Annotations/*.xml`. How many tiles."""
    pictures, annotations = folder / "JPEGImages", folder / "Annotations"
    pictures.mkdir(parents=True)
    annotations.mkdir()
    count = 0
    for photograph in photographs:
        for tile in _tiles(photograph, rule):
            stem = f"{photograph.name}_x{tile[0]:04}_y{tile[1]:04}"
            photograph.picture.crop(tile).save(pictures / f"{stem}.jpg", quality=90)
            _annotation(photograph, tile, rule, f"{stem}.jpg").write(annotations / f"{stem}.xml", encoding="utf-8")
            count += 1
    return count


def _tiles(photograph: Photograph, rule: Tiling) -> Iterator[tuple[int, int, int, int]]:
    width, height = photograph.picture.size
    for y in starts(height, rule):
        for x in starts(width, rule):
            yield x, y, min(x + rule.size, width), min(y + rule.size, height)


def _annotation(
    photograph: Photograph, tile: tuple[int, int, int, int], rule: Tiling, filename: str
) -> ET.ElementTree[ET.Element]:
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = filename
    size = ET.SubElement(root, "size")
    for name, value in (("width", tile[2] - tile[0]), ("height", tile[3] - tile[1]), ("depth", 3)):
        ET.SubElement(size, name).text = str(value)
    boxes, which, cut = clip(photograph.xyxy, tile, rule.inside)
    for box, place, truncated in zip(boxes.tolist(), which.tolist(), cut.tolist(), strict=True):
        one = ET.SubElement(root, "object")
        ET.SubElement(one, "name").text = photograph.labels[place]
        ET.SubElement(one, "truncated").text = str(int(truncated))
        corners = ET.SubElement(one, "bndbox")
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ET.SubElement(corners, name).text = f"{value:g}"
    ET.indent(root)
    return ET.ElementTree(root)
