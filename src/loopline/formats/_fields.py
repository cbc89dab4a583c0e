"""Which label field each kind of label of a file goes into.

The rule, for a file that may hold several kinds of labels, with `ground_truth` as the name that the user gave:

1. A field that the data set has already keeps its kind, so labels of that kind go into it.
2. Else the first kind of CENTRAL that the first batch of the file brings takes the name itself. Boxes, turned boxes,
   instance masks, outlines of objects and skeletons all are rows of one `box` field, as in COCO.
3. Every other kind goes into the name with the kind behind it: `ground_truth_polyline`, `ground_truth_keypoint` (loose
   points), `ground_truth_class` (labels of the whole picture), `ground_truth_value`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from loopline.errors import FormatError
from loopline.kernel.schema import DatasetSchema, FieldKind, LabelField

CENTRAL: Final[tuple[FieldKind, ...]] = ("box", "polygon", "polyline", "keypoint", "class", "value", "mask")


def base_kind(name: str, found: Collection[FieldKind], schema: DatasetSchema) -> FieldKind:
    """The kind that the field with the given name itself holds."""
    if schema.has_field(name):
        return schema.field(name).kind
    return next((kind for kind in CENTRAL if kind in found), "box")


def field_name(name: str, kind: FieldKind, base: FieldKind, schema: DatasetSchema) -> str:
    """The field for labels of one kind.

    >>> field_name("ground_truth", "polyline", "box", DatasetSchema())
    'ground_truth_polyline'
    """
    if kind == base:
        return name
    stem = own = f"{name}_{kind}"
    number = 2
    while schema.has_field(own) and schema.field(own).kind != kind:
        own, number = f"{stem}_{number}", number + 1
    return own


def chosen(schema: DatasetSchema, fields: Sequence[str], holds: Collection[FieldKind], title: str) -> list[LabelField]:
    """The fields to write, at most one of each kind. Raises FormatError for a kind that the format cannot hold."""
    found: dict[FieldKind, LabelField] = {}
    for name in fields:
        one = schema.field(name)
        if one.kind not in holds:
            raise FormatError(
                f'{title} cannot hold field "{name}": {one.kind} labels',
                hint=f"export fields of {', '.join(sorted(holds))}",
            )
        if one.kind in found:
            raise FormatError(
                f'{title} holds one set of {one.kind} labels, not both "{found[one.kind].name}" and "{name}"',
                hint="name the fields to export",
            )
        found[one.kind] = one
    return list(found.values())


def all_classes(fields: Sequence[LabelField]) -> list[str]:
    """Classes of all the fields, each once, in their order."""
    return list(dict.fromkeys(c for one in fields for c in one.classes))
