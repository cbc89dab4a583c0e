"""CVAT's labels and shapes as XML, the same for pictures and for video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from loopline.errors import BadValue
from loopline.formats._gather import Gather
from loopline.formats._pictures import Label
from loopline.formats._shapes import (
    MOST_MASK_PIXELS,
    Box,
    Fault,
    around,
    around_triplets,
    mask_box,
    mask_crop,
    number,
    optional_number,
    placed_mask,
    triplets,
    whole,
)
from loopline.formats.voc import far_side, number_text
from loopline.kernel import rle
from loopline.kernel.schema import Column, FieldKind, LabelField, ScalarType

OWN: Final[dict[str, ScalarType]] = {
    "shape": "text",  # "ellipse" where the box is that of an ellipse
    "occluded": "bool",
    "z_order": "int",
    "group_id": "int",
    "source": "text",  # manual, auto, semi-auto, file
    "keyframe": "bool",  # video
    "cvat_outside": "json",  # video: frames behind this one at which the track is outside the picture
    "cvat_points": "json",  # skeleton: attributes of its points
}
HOLDS: Final = frozenset({"mask", "polygons", "keypoints", "rotation", "points", "closed"})
KINDS: Final[frozenset[FieldKind]] = frozenset({"box", "polygon", "polyline", "keypoint", "class"})

_TRUTH: Final = {"0": False, "1": True, "false": False, "true": True}
_TYPES: Final = {"int": "number", "float": "number", "bool": "checkbox", "text": "text"}


# Labels ------------------------------------------------------------------------------------------------------------


def take_labels(meta: Element, gather: Gather) -> None:
    """Classes, attribute types and skeletons of <meta>; the labels are kept to be written again."""
    labels = [found for found in meta.iter("label") if found.find("name") is not None]
    kept = []
    skeletons: dict[str, list[str]] = {}
    for label in labels:
        name = label.findtext("name") or ""
        parent = label.findtext("parent") or ""
        if parent:
            skeletons.setdefault(parent, []).append(name)
        elif name and name not in gather.classes:
            gather.classes.append(name)
        columns = []
        for attribute in label.iter("attribute"):
            column = _declared(attribute)
            if column is None:
                continue
            columns.append(_as_dict(attribute))
            known = gather.declared.get(column[0])
            if known is None:
                gather.declared[column[0]] = column[1]
            elif known != column[1]:
                gather.declared[column[0]] = _both(known, column[1])
        kept.append({**_as_dict(label, but=("attributes",)), "attributes": columns})
    if kept:
        gather.meta["labels"] = kept
    if skeletons:
        gather.meta["skeletons"] = skeletons
        gather.keypoint_names = tuple(next(iter(skeletons.values())))


def _as_dict(element: Element, but: Sequence[str] = ()) -> dict[str, str]:
    return {child.tag: child.text or "" for child in element if child.tag not in but and not len(child)}


def _declared(attribute: Element) -> tuple[str, Column] | None:
    name = (attribute.findtext("name") or "").strip()
    if not name:
        return None
    values = tuple(dict.fromkeys((attribute.findtext("values") or "").replace("\r", "").split("\n")))
    kind = (attribute.findtext("input_type") or "text").strip()
    if kind == "checkbox":
        return name, Column("x", "bool")
    if kind == "number":
        limits = [optional_number(v) for v in values]
        fractional = any(v is not None and not v.is_integer() for v in limits)
        return name, Column("x", "float" if fractional else "int")
    if kind in ("select", "radio"):
        return name, Column("x", "text", values=tuple(v for v in values if v))
    return name, Column("x", "text")


def _both(one: Column, other: Column) -> Column:
    """An attribute that two labels describe in two ways."""
    if one.type == other.type == "text":
        both = tuple(dict.fromkeys((*one.values, *other.values))) if one.values and other.values else ()
        return Column("x", "text", values=both)
    if {one.type, other.type} <= {"int", "float"}:
        return Column("x", "float")
    return one if one.type == other.type else Column("x", "json")


def label_elements(fields: Sequence[LabelField], skeletons: Mapping[str, Sequence[str]]) -> Element:
    """<labels>: as they came, less those the fields have lost, and the new ones with the attributes' types."""
    out = Element("labels")
    meta: Mapping[str, Any] = next((f.meta["cvat"] for f in fields if "cvat" in f.meta), {})
    wanted = dict.fromkeys(c for f in fields for c in f.classes)
    held = set(wanted)
    for known in meta.get("labels", ()):
        if (known.get("parent") or known.get("name")) in held:
            if not known.get("parent"):
                wanted.pop(known["name"], None)
            _label(out, known)
    attributes = [a for f in fields for a in f.attributes if a.name not in OWN and not a.name.endswith("_rest")]
    described = list({(a.source_name or a.name): a for a in attributes}.values())
    for name in wanted:
        kind = "skeleton" if name in skeletons else "any"
        _label(out, {"name": name, "type": kind, "attributes": [_described(a) for a in described]})
        for point in skeletons.get(name, ()):
            _label(out, {"name": point, "type": "points", "attributes": [], "parent": name})
    return out


def _label(out: Element, label: Mapping[str, Any]) -> None:
    element = SubElement(out, "label")
    for key, value in label.items():
        if key != "attributes":
            SubElement(element, key).text = str(value)
    inner = SubElement(element, "attributes")
    for attribute in label.get("attributes", ()):
        one = SubElement(inner, "attribute")
        for key, value in attribute.items():
            SubElement(one, key).text = str(value)


def _described(column: Column) -> dict[str, str]:
    kind = "select" if column.values else _TYPES.get(column.type, "text")
    step = "0.001" if column.type == "float" else "1"
    limits = {"number": f"-1000000000\n1000000000\n{step}", "checkbox": "false"}
    values = "\n".join(column.values) or limits.get(kind, "")
    first = column.values[0] if column.values else {"number": "0", "checkbox": "false"}.get(kind, "")
    name = column.source_name or column.name
    return {"name": name, "mutable": "False", "input_type": kind, "default_value": first, "values": values}


# Reading shapes ----------------------------------------------------------------------------------------------------


def attributes_of(element: Element, declared: Mapping[str, Column]) -> dict[str, Any]:
    """The <attribute> children, each as the type that the file's head gives it; a text that does not fit stays one."""
    out: dict[str, Any] = {}
    for child in element:
        if child.tag == "attribute" and (name := child.get("name")):
            text = child.text or ""
            column = declared.get(name)
            out[name] = _typed(text, column.type) if column is not None else text
    return out


def _typed(text: str, kind: ScalarType) -> Any:
    if kind == "bool":
        return _TRUTH.get(text.strip().lower(), text)
    if kind in ("int", "float"):
        exact = whole(text.strip())
        return exact if exact is not None else value if (value := optional_number(text)) is not None else text
    return text


def own_of(element: Element) -> dict[str, Any]:
    """Occlusion, order, group and source of a shape."""
    out: dict[str, Any] = {}
    if (occluded := element.get("occluded")) is not None:
        out["occluded"] = _TRUTH.get(occluded.lower())
    for key in ("z_order", "group_id"):
        if (value := element.get(key)) is not None:
            out[key] = whole(value)
    out["source"] = element.get("source")
    return {k: v for k, v in out.items() if v is not None}


def points_of(text: str | None) -> list[float]:
    """`x,y;x,y` as a flat list. Raises Fault."""
    flat = []
    for pair in (text or "").split(";"):
        if pair.strip():
            x, comma, y = pair.partition(",")
            if not comma:
                raise Fault("a point is not a pair of numbers", 'CVAT writes points as "x,y;x,y"')
            flat += [number(x), number(y)]
    return flat


def shape(element: Element, size: tuple[int | None, int | None]) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    """A shape's kind, columns and own attributes. Raises Fault."""
    get = element.get
    tag = element.tag
    own = own_of(element)
    if tag == "box":
        x, y, x1, y1 = (number(get(n), n) for n in ("xtl", "ytl", "xbr", "ybr"))
        if x1 < x or y1 < y:
            raise Fault("corners in the wrong order", "xtl, ytl is the left-top corner")
        return "box", {**_sides((x, y, x1 - x, y1 - y)), "rotation": _turn(element)}, own
    if tag == "ellipse":
        cx, cy, rx, ry = (number(get(n), n) for n in ("cx", "cy", "rx", "ry"))
        box = (cx - rx, cy - ry, 2 * rx, 2 * ry)
        return "box", {**_sides(box), "rotation": _turn(element)}, {**own, "shape": "ellipse"}
    if tag == "mask":
        blob = _mask(element, size)
        return "box", {**_sides(mask_box(blob)), "mask": blob}, own
    if tag in ("polygon", "polyline", "points"):
        flat = points_of(get("points"))
        least = {"polygon": 3, "polyline": 2, "points": 1}[tag]
        if len(flat) < 2 * least:
            raise Fault(f"a {tag} of fewer than {least} points")
        sides = _sides(around(flat))
        if tag == "polygon":
            return "box", {**sides, "polygons": [flat]}, own
        if tag == "polyline":
            return "polyline", {**sides, "points": [flat], "closed": False}, own
        return "keypoint", {**sides, "keypoints": triplets(flat)}, own
    if tag == "tag":
        return "class", {}, {k: v for k, v in own.items() if k in ("source", "group_id")}
    raise Fault(
        f"a shape that is not kept: {tag}",
        "boxes, polygons, polylines, points, masks, ellipses, tags and skeletons are",
    )


def skeleton(
    element: Element, names: list[str], declared: Mapping[str, Column]
) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    """A <skeleton> as one object with keypoints, in the order of `names`, which grows. Raises Fault."""
    found: dict[str, tuple[float, float, float]] = {}
    kept: dict[str, Any] = {}
    for point in element.findall("points"):
        name = point.get("label") or point.get("name") or ""
        flat = points_of(point.get("points"))
        if len(flat) != 2 or name in found:
            raise Fault("a point of a skeleton is not one pair of numbers, or is there twice")
        hidden, outside = point.get("occluded") == "1", point.get("outside") == "1"
        found[name] = (*flat, 0.0 if outside else 1.0 if hidden else 2.0)  # type: ignore[assignment]
        attributes = attributes_of(point, declared)
        if attributes:
            kept[name] = attributes
        if name not in names:
            names.append(name)
    if not found:
        raise Fault("a skeleton without points")
    flat = [n for name in names for n in found.get(name, (0.0, 0.0, 0.0))]
    own = own_of(element)
    if kept:
        own["cvat_points"] = kept
    return "box", {**_sides(around_triplets(flat)), "keypoints": flat}, own


def _sides(box: Box) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def _turn(element: Element) -> float | None:
    text = element.get("rotation")
    return number(text, "rotation") or None if text else None


def _mask(element: Element, size: tuple[int | None, int | None]) -> bytes:
    left, top, w, h = (whole(element.get(n)) for n in ("left", "top", "width", "height"))
    if left is None or top is None or w is None or h is None or w < 0 or h < 0 or w * h > MOST_MASK_PIXELS:
        raise Fault("a mask needs whole numbers left, top, width, height")
    width, height = size
    if not width or not height:
        raise Fault("a mask on a picture of unknown size", "give the picture width and height")
    try:
        counts = np.array([int(n) for n in (element.get("rle") or "").split(",") if n.strip()], np.int64)
    except (ValueError, OverflowError):
        raise Fault("the mask's runs are not whole numbers") from None
    if (counts.size and counts.min() < 0) or int(counts.sum()) != w * h:
        raise Fault("the mask's runs do not add up to its size")
    # CVAT's runs go row by row, ours column by column: read as the mask of a turned picture.
    crop = rle.mask_of(counts, w, h).T
    try:
        return placed_mask(crop, left, top, width, height)
    except BadValue as error:
        raise Fault(error.what) from error


# Writing shapes ----------------------------------------------------------------------------------------------------


def shape_elements(label: Label, names: Sequence[str]) -> Iterator[Element]:
    """The elements of one label, without its attributes of video. Raises Fault where there is none that fits."""
    values = label.values
    if label.kind == "class":
        yield _finished(Element("tag"), label)
    elif values.get("keypoints") and label.kind == "box":
        yield _finished(_skeleton(label, names), label)
    elif label.kind == "keypoint":
        flat = values.get("keypoints") or []
        points = [n for x, y in zip(flat[0::3], flat[1::3], strict=True) for n in (x, y)]
        yield _finished(Element("points", {"points": points_text(points)}), label)
    elif label.kind == "polyline" or (label.kind == "polygon" and values.get("closed") is False):
        for part in values.get("points") or []:
            closing = part[:2] if values.get("closed") else []
            yield _finished(Element("polyline", {"points": points_text([*part, *closing])}), label)
    elif values.get("polygons") or values.get("points"):
        for part in values.get("polygons") or values["points"]:
            yield _finished(Element("polygon", {"points": points_text(part)}), label)
    elif values.get("mask") is not None:
        yield _finished(_mask_element(values["mask"]), label)
    else:
        yield _finished(_box(label), label)


def points_text(flat: Iterable[float]) -> str:
    texts = list(map(number_text, map(float, flat)))
    return ";".join(f"{x},{y}" for x, y in zip(texts[0::2], texts[1::2], strict=True))


def _finished(element: Element, label: Label) -> Element:
    """The element with label, flags and attributes, in CVAT's order."""
    own = label.own
    start = {"label": label.label or ""}
    if own.get("source") is not None:
        start["source"] = str(own["source"])
    if element.tag != "tag" and (element.tag != "skeleton" or own.get("occluded") is not None):
        start["occluded"] = "1" if own.get("occluded") else "0"
    end = {"group_id": str(own["group_id"])} if own.get("group_id") is not None else {}
    if element.tag != "tag" and (order := whole(own.get("z_order"))) is not None:
        end["z_order"] = str(order)
    middle = dict(element.attrib)
    element.attrib.clear()
    element.attrib.update({**start, **middle, **end})
    add_attributes(element, label.attributes)
    return element


def add_attributes(element: Element, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        SubElement(element, "attribute", {"name": name}).text = attribute_text(value)


def attribute_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else str(value)


def _box(label: Label) -> Element:
    x, y, w, h = label.box
    turn = label.values.get("rotation")
    if label.own.get("shape") in ("ellipse", "circle"):
        middle = {"cx": x + w / 2, "cy": y + h / 2, "rx": w / 2, "ry": h / 2}
        out = Element("ellipse", {k: number_text(float(v)) for k, v in middle.items()})
    else:
        corners = {"xtl": x, "ytl": y, "xbr": far_side(x, w), "ybr": far_side(y, h)}
        out = Element("box", {k: number_text(float(v)) for k, v in corners.items()})
    if turn:
        out.set("rotation", number_text(float(turn)))
    return out


def _mask_element(blob: bytes) -> Element:
    crop, left, top, _ = mask_crop(blob)
    height, width = crop.shape
    runs = rle.counts_of(crop.T).tolist()
    place = {"left": left, "top": top, "width": width, "height": height}
    return Element("mask", {"rle": ", ".join(map(str, runs)), **{k: str(v) for k, v in place.items()}})


def _skeleton(label: Label, names: Sequence[str]) -> Element:
    out = Element("skeleton")
    flat = label.values["keypoints"]
    kept = label.own.get("cvat_points") or {}
    for place, (x, y, v) in enumerate(zip(flat[0::3], flat[1::3], flat[2::3], strict=True)):
        name = names[place] if place < len(names) else str(place + 1)
        flags = {"occluded": "1" if v == 1 else "0", "outside": "0" if v > 0 else "1"}
        point = SubElement(out, "points", {"label": name, **flags, "points": points_text([x, y])})
        add_attributes(point, kept.get(name, {}))
    return out


def skeleton_names(fields: Sequence[LabelField]) -> dict[str, list[str]]:
    """Names of the points of each class that is a skeleton, as they came; else of the field."""
    out: dict[str, list[str]] = {}
    for one in fields:
        out |= {k: list(v) for k, v in one.meta.get("cvat", {}).get("skeletons", {}).items()}
    return out
