"""FiftyOne's documents: MongoDB's JSON, masks as packed NumPy arrays, label documents as columns and back."""

from __future__ import annotations

import ast
import base64
import math
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from loopline.formats._png import from_base64, unzipped
from loopline.formats._shapes import (
    MOST_MASK_PIXELS,
    Fault,
    around,
    around_triplets,
    number,
    optional_number,
    placed_mask,
    whole,
)
from loopline.formats._smalljson import listed, mapping, text
from loopline.kernel.schema import FieldKind, ScalarType

OWN: Final[dict[str, ScalarType]] = {"fiftyone_id": "text", "filled": "bool"}

LABELS: Final[dict[str, tuple[FieldKind, str]]] = {
    "Detections": ("box", "detections"),
    "Detection": ("box", ""),
    "Classifications": ("class", "classifications"),
    "Classification": ("class", ""),
    "Polylines": ("polyline", "polylines"),
    "Polyline": ("polyline", ""),
    "Keypoints": ("keypoint", "keypoints"),
    "Keypoint": ("keypoint", ""),
    "Regression": ("value", ""),
    "Segmentation": ("mask", ""),
}
"""Class of a label document: the kind here, and the key that holds its list ("": it is one label itself)."""

FRAMES: Final = "fiftyone_frames"
"""Column of a video: values of single frames that are no labels, {frame number: {name: value}}."""

RUNS: Final = ("annotation_runs", "brain_methods", "evaluations", "runs", "saved_views", "workspaces")
"""Keys of the data set's document that name other documents."""

HOUSE: Final = frozenset({"_id", "_cls", "_rand", "_dataset_id", "_media_type", "_sample_id", "id"})
"""Keys that FiftyOne makes anew."""

_COLUMNS: Final = frozenset(
    {"label", "confidence", "tags", "attributes", "bounding_box", "mask", "mask_path", "index", "iscrowd", "points"}
    | {"closed", "filled", "value"}
)
_HEADER: Final = {1: (10, 2), 2: (12, 4), 3: (12, 4)}  # npy version → where the header starts, bytes of its length
_MOST_HEADER: Final = 1 << 12


def plain(value: Any) -> Any:
    """A value of MongoDB's JSON: {"$oid": ...}, {"$date": ...}, {"$numberLong": ...} as text or number."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key == "$oid" or key == "$uuid":
            return inner
        if key in ("$numberInt", "$numberLong"):
            return whole(inner)
        if key in ("$numberDouble", "$numberDecimal"):
            return optional_number(inner)
        if key == "$date":
            return _date(plain(inner))
    return value


def deep(value: Any) -> Any:
    """`plain`, in lists too."""
    value = plain(value)
    return [deep(v) for v in value] if isinstance(value, list) else value


def _date(value: Any) -> Any:
    if isinstance(value, int | float) and abs(value) < 2.5e14:
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def packed_array(value: Any) -> Any:
    """The array in a mask: zlib-packed .npy as bytes of MongoDB's JSON or as base64 text. 2-D, bool or whole numbers.

    Never unpickles: arrays of objects are refused. Raises Fault.
    """
    if isinstance(value, dict):
        value = value.get("$binary")
        value = value.get("base64") if isinstance(value, dict) else value
    return npy_array(unzipped(from_base64(value)))


def npy_array(raw: bytes) -> Any:
    """The array of a .npy file, read by hand. Raises Fault."""
    if raw[:6] != b"\x93NUMPY" or raw[6] not in _HEADER:
        raise Fault("the mask is not a NumPy array")
    start, digits = _HEADER[raw[6]]
    size = int.from_bytes(raw[8 : 8 + digits], "little")
    if size > _MOST_HEADER:
        raise Fault("the mask is not a NumPy array")
    try:
        head = ast.literal_eval(raw[start : start + size].decode("latin-1").strip())
        kind, shape, columns_first = head["descr"], head["shape"], head["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        raise Fault("the mask is not a NumPy array") from None
    if (
        not isinstance(kind, str)
        or kind[:1] not in "|<>="
        or kind[1:] not in ("b1", "u1", "i1", "u2", "i2", "i4", "u4", "i8", "f4", "f8")
    ):
        raise Fault("the mask's array is not of numbers")
    if not isinstance(shape, tuple) or len(shape) not in (2, 3) or not all(type(n) is int and n >= 0 for n in shape):
        raise Fault("the mask's array is not of rows and columns")
    dtype = np.dtype(kind)
    count = math.prod(shape)
    body = raw[start + size :]
    if count > MOST_MASK_PIXELS or len(body) != count * dtype.itemsize:
        raise Fault("the mask's array is not of the size that it states")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if columns_first else "C")
    if len(shape) == 3:
        array = array[:, :, 0]
    return array if dtype.kind != "f" else np.nan_to_num(array).astype(np.int64)


def npy_packed(array: Any) -> dict[str, Any]:
    """The array as FiftyOne keeps it."""
    kind = array.dtype.str if array.dtype.itemsize > 1 else f"|{array.dtype.str[1:]}"
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(array.shape)}, }}"
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    raw = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + np.ascontiguousarray(array).tobytes()
    return {"$binary": {"base64": base64.b64encode(zlib.compress(raw, 6)).decode(), "subType": "00"}}


def nearest(value: float) -> int:
    """The pixel that a coordinate means; a little more than a half is up, so that a share does not fall short."""
    return math.floor(value + 0.5 + 1e-6)


def placed(array: Any, box: tuple[float, float, float, float], width: int, height: int) -> bytes:
    """A mask of the picture from the mask of a box; stretched to the box where it has another size."""
    left, top = nearest(box[0]), nearest(box[1])
    rows, columns = max(1, nearest(box[3])), max(1, nearest(box[2]))
    crop = np.asarray(array > 0)
    if not crop.size:
        raise Fault("an empty mask")
    if abs(crop.shape[0] - rows) > 1 or abs(crop.shape[1] - columns) > 1:
        if rows * columns > MOST_MASK_PIXELS:
            raise Fault("the mask is too large to unfold")
        crop = crop[np.arange(rows) * crop.shape[0] // rows][:, np.arange(columns) * crop.shape[1] // columns]
    crop = crop[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    if not crop.size:
        raise Fault("the mask reaches outside the picture")
    return placed_mask(crop, max(0, left), max(0, top), width, height)


def values_of(
    one: Mapping[str, Any], kind: FieldKind, size: tuple[int, int]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Columns, own attributes and other attributes of a label document, masks aside. Raises Fault."""
    values: dict[str, Any] = {"score": optional_number(plain(one.get("confidence")))}
    own: dict[str, Any] = {}
    label_id = plain(one.get("_id"))
    if isinstance(label_id, str):
        own["fiftyone_id"] = label_id
    tags = [t for tag in listed(one.get("tags")) if (t := text(tag))]
    if tags:
        values["tags"] = tags
    if kind in ("box", "polyline", "keypoint"):
        values["track_id"] = whole(plain(one.get("index")))
        if not all(size):
            raise Fault("a shape of a picture whose size is not known", "say where the pictures are")
    if kind == "box":
        values |= _box(one, size)
        if isinstance(one.get("iscrowd"), bool | int):
            values["iscrowd"] = bool(one["iscrowd"])
    elif kind == "polyline":
        parts = [_points(part, size) for part in listed(deep(one.get("points")))]
        flat = [n for part in parts for n in part]
        if not flat or any(n is None for n in flat):
            raise Fault("a polyline without points, or with a point that is not a number")
        values |= dict(zip("xywh", around(flat), strict=True))
        values |= {"points": [part for part in parts if part], "closed": bool(one.get("closed"))}
        own["filled"] = bool(one.get("filled"))
    elif kind == "keypoint":
        flat = _points(one.get("points"), size)
        if not flat:
            raise Fault("keypoints without points")
        known = [n for x, y in zip(flat[0::2], flat[1::2], strict=True) for n in _triplet(x, y)]
        if isinstance(values["score"], type(None)) and isinstance(one.get("confidence"), list):
            one = {**one, "confidences": one["confidence"]}
        values |= {"keypoints": known, **dict(zip("xywh", around_triplets(known), strict=True))}
    elif kind == "value":
        values["value"] = number(plain(one.get("value")), "the value")
    others = {k: deep(v) for k, v in one.items() if k not in _COLUMNS and k not in HOUSE and v is not None}
    if kind != "box" and one.get("iscrowd") is not None:
        others["iscrowd"] = one["iscrowd"]
    for name, attribute in mapping(one.get("attributes")).items():
        name = name if name not in others else f"attributes.{name}"
        document = isinstance(attribute, dict) and "value" in attribute
        inner = attribute["value"] if document else attribute
        if inner is not None:
            others[name] = deep(inner)
        if document:
            others |= {
                f"{name}.{k}": deep(v) for k, v in attribute.items() if k not in ("_cls", "value") and v is not None
            }
    return values, own, others


def beside(container: Mapping[str, Any], inner: str) -> dict[str, Any]:
    """What a list of labels says of itself, beside the list: Classifications.logits and the like."""
    known = {inner, *HOUSE}
    return {k: deep(v) for k, v in container.items() if k not in known and v is not None}


def _box(one: Mapping[str, Any], size: tuple[int, int]) -> dict[str, float]:
    sides = [number(plain(n)) for n in listed(one.get("bounding_box"))]
    if len(sides) != 4:
        raise Fault("a detection without a bounding_box of four numbers")
    width, height = size
    x, y, w, h = (n * side for n, side in zip(sides, (width, height, width, height), strict=True))
    return {"x": x, "y": y, "w": w, "h": h}


def _points(part: Any, size: tuple[int, int]) -> list[Any]:
    """Flat x0 y0 x1 y1 ... in pixels; None for a point that is not known (NaN)."""
    flat: list[Any] = []
    for point in listed(part):
        point = [optional_number(plain(n)) for n in listed(plain(point))[:2]]
        if len(point) != 2:
            raise Fault("a point is not a pair of numbers")
        if point[0] is None or point[1] is None:
            flat += [None, None]
        else:
            flat += [number(point[0]) * size[0], number(point[1]) * size[1]]
    return flat


def _triplet(x: float | None, y: float | None) -> tuple[float, float, float]:
    return (0.0, 0.0, 0.0) if x is None or y is None else (x, y, 2.0)
