"""What the columns of a table mean, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from loopline.errors import FormatError
from loopline.kernel.schema import LABEL_COLUMNS, FieldKind

BoxForm = Literal["xywh", "xyxy", "centre"]

_ALIASES: Final = {
    "path": "path image image_path img img_path filename file_name file filepath file_path image_name imagename image_file",
    "label": "label class class_name classname category category_name label_name labelname",
    "score": "score confidence conf probability",
    "image_width": "image_width img_width imagewidth",
    "image_height": "image_height img_height imageheight",
    "split": "split subset",
}
_LIKE_LABEL: Final = ("_label", "_class", "_category")
_BOXES: Final[tuple[tuple[BoxForm, tuple[str, str, str, str]], ...]] = (
    ("xywh", ("x", "y", "w", "h")),
    ("xyxy", ("xmin", "ymin", "xmax", "ymax")),
    ("xyxy", ("x_min", "y_min", "x_max", "y_max")),
    ("xyxy", ("x0", "y0", "x1", "y1")),
    ("xyxy", ("x1", "y1", "x2", "y2")),
    ("xyxy", ("left", "top", "right", "bottom")),
    ("xyxy", ("bbox_xmin", "bbox_ymin", "bbox_xmax", "bbox_ymax")),
    ("xyxy", ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")),
    ("xywh", ("bbox_x", "bbox_y", "bbox_w", "bbox_h")),
    ("xywh", ("bbox_x", "bbox_y", "bbox_width", "bbox_height")),
    ("xywh", ("box_x", "box_y", "box_w", "box_h")),
    ("xywh", ("xmin", "ymin", "w", "h")),
    ("xywh", ("left", "top", "w", "h")),
    ("xywh", ("left", "top", "width", "height")),
    ("xywh", ("x", "y", "width", "height")),
    ("centre", ("x_center", "y_center", "w", "h")),
    ("centre", ("x_center", "y_center", "width", "height")),
    ("centre", ("cx", "cy", "w", "h")),
)
_OF_OBJECTS: Final = ("frame", "track_id", "iscrowd", "area", "rotation", "mask", "polygons", "keypoints")
_OF_OBJECTS_TOO: Final = ("points", "closed", "value", "tags")


@dataclass(slots=True)
class Meaning:
    """Which column of the file is what. Values are the file's own column names.

    box       the four columns of a box, and how they are meant
    builtin   column of the label table → column of the file
    sample    "width", "height", "split", "tags" → column of the file
    own       names of the user's columns of samples → column of the file
    extra     names of attributes → column of the file
    """

    path: str
    kind: FieldKind | None = None
    form: BoxForm = "xywh"
    box: tuple[str, str, str, str] | None = None
    builtin: dict[str, str] = field(default_factory=dict)
    sample: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)


def meaning(columns: Sequence[str], where: str, kind: FieldKind | None = None) -> Meaning:
    """Raises FormatError where no column names the pictures, or a name is there twice."""
    by_name: dict[str, str] = {}
    for column in columns:
        if by_name.setdefault(_plain(column), column) != column:
            raise FormatError(f'two columns mean the same: "{by_name[_plain(column)]}" and "{column}"', where=where)
    left = dict(by_name)

    def take(name: str) -> str | None:
        for alias in _ALIASES.get(name, name).split():
            if alias in left:
                return left.pop(alias)
        return None

    path = take("path")
    if path is None:
        raise FormatError(
            f"no column names the pictures; there are: {', '.join(columns) or 'none'}",
            where=where,
            hint="the first line must name the columns, one of them path, image or filename",
        )
    out = Meaning(path)
    for form, names in _BOXES:
        if all(n in left for n in names):
            out.form, out.box = form, (left.pop(names[0]), left.pop(names[1]), left.pop(names[2]), left.pop(names[3]))
            break
    # `width` and `height` are the box's where nothing else is, else the picture's.
    for name in ("width", "height"):
        found = take(f"image_{name}") or take(name)
        if found is not None:
            out.sample[name] = found
    if (split := take("split")) is not None:
        out.sample["split"] = split
    for name in ("label", "score", *_OF_OBJECTS, *_OF_OBJECTS_TOO):
        if (found := take(name)) is not None:
            out.builtin[name] = found
    ending = [alias for alias in left if alias.endswith(_LIKE_LABEL)]
    if "label" not in out.builtin and len(ending) == 1:  # given_label, true_class, ...
        out.builtin["label"] = left.pop(ending[0])
    out.kind = kind or _kind(out)
    _settle(out, left)
    return out


def _kind(out: Meaning) -> FieldKind | None:
    there = out.builtin
    if "points" in there:
        return "polygon"
    if out.box is not None:
        return "box"
    for name, kind in (("keypoints", "keypoint"), ("value", "value"), ("mask", "mask"), ("label", "class")):
        if name in there:
            found: FieldKind = kind  # type: ignore[assignment]
            return found
    return None


def _settle(out: Meaning, left: dict[str, str]) -> None:
    """Columns that are left: attributes where rows are objects, else the user's columns of samples."""
    held = LABEL_COLUMNS[out.kind] if out.kind else {}
    spare = [column for name, column in out.builtin.items() if name not in held and name != "tags"]
    out.builtin = {n: c for n, c in out.builtin.items() if n in held or n == "tags"}
    for column in (*left.values(), *spare):
        if column.lower().startswith("sample."):
            name = column[len("sample.") :]
            (out.sample if name == "tags" else out.own)[name] = column
        elif column.lower().startswith("label."):
            out.extra[column[len("label.") :]] = column
        elif out.kind in (None, "class"):
            out.own[column] = column
        else:
            out.extra[column] = column


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", column.strip().lower()).strip("_") or column
