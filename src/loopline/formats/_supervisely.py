"""Supervisely's figures as columns, and back."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from loopline.errors import BadValue
from loopline.formats import _png
from loopline.formats._pictures import Label, Pictures, form
from loopline.formats._shapes import (
    Fault,
    around,
    around_triplets,
    mask_box,
    mask_crop,
    number,
    pairs,
    placed_mask,
    triplets,
    turned_corners,
    unflat,
)
from loopline.formats._smalljson import listed, mapping
from loopline.formats.voc import far_side
from loopline.kernel.schema import FieldKind

Size = tuple[int | None, int | None]
Nodes = Mapping[str, Sequence[tuple[str, str]]]
"""For each class that is a graph: the ids and names of its points, in the order of our keypoints."""


def shape_of(figure: Mapping[str, Any], size: Size, nodes: Nodes) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    """Kind, columns and own attributes of an object. Raises Fault."""
    kind = figure.get("geometryType")
    points = mapping(figure.get("points"))
    if kind in ("bitmap", "alpha_mask"):
        blob = _bitmap(mapping(figure.get("bitmap")), size)
        return "box", {**_sides(mask_box(blob)), "mask": blob}, {}
    if kind == "graph":
        return _graph(figure, nodes)
    flat = pairs(points.get("exterior"))
    least = {"rectangle": 2, "polygon": 3, "line": 2, "polyline": 2, "point": 1}.get(str(kind))
    if least is None:
        raise Fault(
            "a shape of an unknown geometryType", f"rectangle, polygon, bitmap, line, point, graph; this is {kind}"
        )
    if len(flat) < 2 * least:
        raise Fault(f"a {kind} of fewer than {least} points")
    sides = _sides(around(flat))
    if kind == "rectangle":
        return "box", sides, {}
    if kind == "polygon":
        holes = [pairs(part) for part in listed(points.get("interior"))]
        return "box", {**sides, "polygons": [flat]}, {"holes": [h for h in holes if h]} if any(holes) else {}
    if kind == "point":
        return "keypoint", {**sides, "keypoints": triplets(flat[:2])}, {}
    return "polyline", {**sides, "points": [flat], "closed": False}, {}


def _bitmap(bitmap: Mapping[str, Any], size: Size) -> bytes:
    if not size[0] or not size[1]:
        raise Fault("a mask on a picture of unknown size", 'give "size" with height and width')
    origin = listed(bitmap.get("origin"))
    if len(origin) != 2:
        raise Fault("a bitmap without its origin")
    crop = _png.mask_of_png(_png.unzipped(_png.from_base64(bitmap.get("data"))))
    try:
        return placed_mask(crop, int(number(origin[0])), int(number(origin[1])), size[0], size[1])
    except BadValue as error:
        raise Fault(error.what) from error


def _graph(figure: Mapping[str, Any], nodes: Nodes) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    found = mapping(figure.get("nodes"))
    names = nodes.get(str(figure.get("classTitle")), ())
    if not found or not all(key in {n for n, _ in names} for key in found):
        raise Fault("a graph with points that meta.json does not list")
    flat = []
    for key, _ in names:
        node = mapping(found.get(key))
        if node:
            loc = listed(node.get("loc"))
            if len(loc) != 2:
                raise Fault("a point is not a pair of numbers")
            flat += [number(loc[0]), number(loc[1]), 1.0 if node.get("disabled") else 2.0]
        else:
            flat += [0.0, 0.0, 0.0]
    return "box", {**_sides(around_triplets(flat)), "keypoints": flat}, {}


def _sides(box: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def figures(label: Label, nodes: Nodes, pictures: Pictures) -> list[dict[str, Any]]:
    """The objects that a label is written as. Raises Fault."""
    values = label.values
    if label.kind == "keypoint":
        flat = values.get("keypoints") or []
        out = [_plain("point", [x, y]) for x, y in zip(flat[0::3], flat[1::3], strict=True)]
        return _counted(out, "points in one label, written as several", pictures)
    if label.kind == "polyline" or (label.kind == "polygon" and values.get("closed") is False):
        lines = [[*p, *p[:2]] if values.get("closed") else p for p in values.get("points") or []]
        return _counted([_plain("line", line) for line in lines], _PARTS, pictures)
    if label.kind == "polygon":
        return _counted([_plain("polygon", part) for part in values.get("points") or []], _PARTS, pictures)
    graph = nodes.get(label.label or "")
    if values.get("keypoints") and graph and len(graph) * 3 == len(values["keypoints"]):
        return [_graph_object(values["keypoints"], graph)]
    if values.get("keypoints"):
        pictures.lost["keypoints"] += 1
    shape = form(label, ("polygons", "mask"), pictures.lost)
    if shape == "polygons":
        parts = [_plain("polygon", part) for part in values["polygons"]]
        holes = label.own.get("holes")
        if isinstance(holes, list) and holes:
            parts[0]["points"]["interior"] = [unflat(hole) for hole in holes]
        return _counted(parts, _PARTS, pictures)
    if shape == "mask":
        crop, left, top, _ = mask_crop(values["mask"])
        if not crop.size:
            raise Fault("an empty mask")
        packed = zlib.compress(_png.png_of_mask(crop, clear=True), 9)
        bitmap = {"data": base64.b64encode(packed).decode(), "origin": [left, top]}
        return [{"geometryType": "bitmap", "bitmap": bitmap}]
    x, y, w, h = map(float, label.box)
    if values.get("rotation"):
        pictures.lost["turned boxes, written as polygons"] += 1
        return [_plain("polygon", turned_corners((x, y, w, h), values["rotation"]))]
    return [_plain("rectangle", [x, y, far_side(x, w), far_side(y, h)])]


_PARTS: Final = "outlines of several parts, written as several shapes"


def _counted(out: list[dict[str, Any]], words: str, pictures: Pictures) -> list[dict[str, Any]]:
    pictures.lost[words] += len(out) > 1
    return out


def _plain(kind: str, flat: Sequence[float]) -> dict[str, Any]:
    return {"geometryType": kind, "points": {"exterior": unflat(flat), "interior": []}}


def _graph_object(flat: Sequence[float], graph: Sequence[tuple[str, str]]) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for (key, _), x, y, v in zip(graph, flat[0::3], flat[1::3], flat[2::3], strict=True):
        if v > 0:
            nodes[key] = {"loc": unflat([x, y])[0], **({"disabled": True} if v == 1 else {})}
    return {"geometryType": "graph", "nodes": nodes}
