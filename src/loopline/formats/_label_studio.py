"""Label Studio's regions: shares of the picture in percent, and its packed brush masks, as columns and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from loopline.errors import BadValue
from loopline.formats._pictures import Label, Pictures, form
from loopline.formats._shapes import (
    MOST_MASK_PIXELS,
    Fault,
    around,
    mask_box,
    number,
    pairs,
    triplets,
)
from loopline.formats._smalljson import listed, mapping
from loopline.kernel import rle
from loopline.kernel.rle import MaskArray
from loopline.kernel.schema import FieldKind

_SIZES: Final = (3, 4, 8, 16)  # bits of the four kinds of run lengths
_CHANNELS: Final = 4
_POINT_WIDTH: Final = 0.5  # percent; how large a point is drawn


# Regions -----------------------------------------------------------------------------------------------------------


def is_region(value: Mapping[str, Any]) -> bool:
    """Whether a result's value has a shape."""
    return "x" in value or "points" in value or "rle" in value or "vertices" in value


def shape_of(
    value: Mapping[str, Any], size: tuple[int | None, int | None]
) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    """Kind, columns and own attributes of a result's value. Raises Fault."""
    width, height = size
    if not width or not height:
        raise Fault("a region without original_width and original_height", "its numbers are percents of the picture")
    if "rle" in value:
        blob = rle.encode(unpacked(value["rle"], width, height))
        return "box", {**_sides(mask_box(blob)), "mask": blob}, {}
    if "points" in value or "vertices" in value:
        share = pairs(value.get("points", value.get("vertices")))
        if len(share) < (4 if value.get("closed") is False else 6):
            raise Fault("a polygon of fewer than 3 points, or a line of fewer than 2")
        flat = [n * side / 100 for n, side in zip(share, [width, height] * (len(share) // 2), strict=True)]
        if value.get("closed") is False:
            return "polyline", {**_sides(around(flat)), "points": [flat], "closed": False}, {}
        return "box", {**_sides(around(flat)), "polygons": [flat]}, {}
    x, y = number(value.get("x"), "x") * width / 100, number(value.get("y"), "y") * height / 100
    turn = number(value.get("rotation") or 0, "rotation")
    if "radiusX" in value:
        rx, ry = number(value["radiusX"]) * width / 100, number(value.get("radiusY")) * height / 100
        return "box", {**_sides((x - rx, y - ry, 2 * rx, 2 * ry)), "rotation": turn or None}, {"shape": "ellipse"}
    if "height" in value:
        w, h = number(value.get("width"), "width") * width / 100, number(value["height"], "height") * height / 100
        # Label Studio turns a rectangle about its left-top corner, Loopline about its centre.
        cx, cy = _turned(w / 2, h / 2, turn)
        return "box", {**_sides((x + cx - w / 2, y + cy - h / 2, w, h)), "rotation": turn or None}, {}
    return "keypoint", {**_sides((x, y, 0.0, 0.0)), "keypoints": triplets([x, y])}, {}


def _turned(x: float, y: float, degrees: float) -> tuple[float, float]:
    if not degrees:
        return x, y
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x * cos - y * sin, x * sin + y * cos


def _sides(box: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def values_of(label: Label, size: tuple[int, int], pictures: Pictures) -> list[tuple[str, dict[str, Any]]]:
    """(type without "labels", value) of each region that a label is written as. Raises Fault."""
    width, height = size
    values = label.values

    def percent(flat: Sequence[float]) -> list[list[float]]:
        return [[x / width * 100, y / height * 100] for x, y in zip(flat[0::2], flat[1::2], strict=True)]

    if label.kind == "keypoint":
        flat = values.get("keypoints") or []
        points = percent([n for x, y in zip(flat[0::3], flat[1::3], strict=True) for n in (x, y)])
        return [("keypoint", {"x": x, "y": y, "width": _POINT_WIDTH}) for x, y in points]
    if label.kind in ("polygon", "polyline"):
        closed = label.kind == "polygon" and values.get("closed") is not False
        return [("polygon", {"points": percent(part), "closed": closed}) for part in values.get("points") or []]
    if values.get("keypoints"):
        pictures.lost["keypoints"] += 1
    shape = form(label, ("polygons", "mask"), pictures.lost)
    if shape == "polygons":
        return [("polygon", {"points": percent(part), "closed": True}) for part in values["polygons"]]
    if shape == "mask":
        try:
            mask = rle.decode(values["mask"])
        except BadValue as error:
            raise Fault(error.what) from error
        if mask.shape != (height, width):
            raise Fault("a mask of another size than its picture")
        return [("brush", {"format": "rle", "rle": packed(mask)})]
    x, y, w, h = map(float, label.box)
    turn = float(values.get("rotation") or 0)
    if label.own.get("shape") in ("ellipse", "circle"):
        middle = {"x": (x + w / 2) / width * 100, "y": (y + h / 2) / height * 100}
        radii = {"radiusX": w / 2 / width * 100, "radiusY": h / 2 / height * 100}
        return [("ellipse", {**middle, **radii, "rotation": turn})]
    dx, dy = _turned(w / 2, h / 2, turn)
    place = {"x": (x + w / 2 - dx) / width * 100, "y": (y + h / 2 - dy) / height * 100}
    return [("rectangle", {**place, "width": w / width * 100, "height": h / height * 100, "rotation": turn})]


def labels_of(value: Mapping[str, Any]) -> list[str]:
    """The classes in a result's value: rectanglelabels, polygonlabels, ..., labels."""
    found = [listed(v) for k, v in value.items() if k.endswith("labels")]
    return [str(name) for name in next((f for f in found if f), [])]


def content_of(kind: str, value: Mapping[str, Any]) -> Any:
    """What a control beside a region says of it: choices, a text, a number, stars."""
    for key in ("choices", "text", "number", "rating", "taxonomy", "datetime"):
        if key in value:
            found = value[key]
            return found[0] if isinstance(found, list) and len(found) == 1 and not isinstance(found[0], list) else found
    return {k: v for k, v in mapping(value).items() if k not in _GEOMETRY} or kind


_GEOMETRY: Final = frozenset(
    {"x", "y", "width", "height", "rotation", "points", "closed", "radiusX", "radiusY", "rle", "format"}
)


# Brush masks -------------------------------------------------------------------------------------------------------


def unpacked(packed_bytes: Any, width: int, height: int) -> MaskArray:
    """The mask of a brush: where the fourth channel of the packed picture is not 0. Raises Fault.

    Packed: 32 bits the number of values, 5 bits the word size less 1, four times 4 bits a size of run lengths less 1;
    then runs: 1 bit whether one value is repeated, 2 bits which size, the length less 1, and the value or the values.
    """
    try:
        raw = bytes(packed_bytes if isinstance(packed_bytes, list) else None)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Fault("the brush's rle is not a list of bytes") from None
    wanted = width * height * _CHANNELS
    if wanted > MOST_MASK_PIXELS * _CHANNELS:
        raise Fault("the mask is too large to unfold")
    bits = np.unpackbits(np.frombuffer(raw, np.uint8))
    stream = _Bits(raw, len(raw) * 8)
    if stream.read(32) != wanted:
        raise Fault("the brush's rle is not of the picture's size")
    word = stream.read(5) + 1
    sizes = [stream.read(4) + 1 for _ in range(4)]
    out = np.zeros(wanted, np.uint32)
    at = 0
    while at < wanted:
        repeated = stream.read(1)
        count = stream.read(sizes[stream.read(2)]) + 1
        if at + count > wanted:
            raise Fault("the brush's rle is too long")
        if repeated:
            out[at : at + count] = stream.read(word)
        else:
            stream.need(count * word)
            rows = bits[stream.at : stream.at + count * word].reshape(count, word)
            out[at : at + count] = rows @ (1 << np.arange(word - 1, -1, -1, dtype=np.int64))
            stream.at += count * word
        at += count
    return np.asarray(out.reshape(height, width, _CHANNELS)[:, :, 3] > 0, bool)


class _Bits:
    """Bits of a text of bytes, from the front."""

    def __init__(self, raw: bytes, size: int) -> None:
        self.raw = raw
        self.size = size
        self.at = 0

    def need(self, count: int) -> None:
        if self.at + count > self.size:
            raise Fault("the brush's rle breaks off")

    def read(self, count: int) -> int:
        self.need(count)
        first, last = self.at // 8, (self.at + count + 7) // 8
        value = int.from_bytes(self.raw[first:last], "big") >> (last * 8 - self.at - count)
        self.at += count
        return value & ((1 << count) - 1)


def packed(mask: MaskArray) -> list[int]:
    """A mask as Label Studio packs it, each of the four channels 0 or 255."""
    flat = np.ascontiguousarray(mask).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    parts = [(flat.size * _CHANNELS, 32), (7, 5), *((size - 1, 4) for size in _SIZES)]
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        left = (stop - start) * _CHANNELS
        while left > 0:
            count = min(left, 1 << _SIZES[-1])
            kind = next(k for k, size in enumerate(_SIZES) if count <= 1 << size)
            parts += [(1, 1), (kind, 2), (count - 1, _SIZES[kind]), (255 if flat[start] else 0, 8)]
            left -= count
    text = "".join(f"{value:0{size}b}" for value, size in parts)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))
