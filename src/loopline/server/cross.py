"""Two fields against each other: how many rows of a view have each pair of values or bins."""

from __future__ import annotations

import dataclasses

import numpy as np

from loopline.errors import BadValue
from loopline.server.arrays import Ids
from loopline.server.resident import Codes
from loopline.server.views import Asked
from loopline.server.wire import Axis, Control, Cross


def cross(asked: Asked, x: Control, y: Control) -> Cross:
    """Counts without the filters on the two themselves, so that a choice does not hide its alternatives.

    Rows are objects where one of the two is about objects: a sample's value then counts for each of its objects.
    Raises BadValue for objects of two fields, or tags against tags, which have no rows in common.
    """
    own = (x.of, y.of)
    asked = dataclasses.replace(
        asked,
        filters=tuple(one for one in asked.filters if one[0] not in own),
        keep=tuple(one for one in asked.keep if one[1] not in own),
    )
    found = [_codes(asked, control) for control in (x, y)]
    fields = sorted({codes.field for codes in found if codes.field})
    if len(fields) > 1:
        raise BadValue(
            f"objects of {fields[0]} and of {fields[1]} have no rows in common", hint="plot two values of one field"
        )
    if all(codes.pairs is not None for codes in found):
        raise BadValue("tags cannot be plotted against tags")
    field = fields[0] if fields else ""
    rows = _rows(asked, field, found)
    places = [_places(asked, codes, field, rows) for codes in found]
    axes = [_axis(control, codes) for control, codes in zip((x, y), found, strict=True)]
    wide, high = (_size(axis) for axis in axes)
    inside = (places[0] < wide) & (places[1] < high)
    counts = np.bincount(places[1][inside] * wide + places[0][inside], minlength=wide * high)
    return Cross(axes[0], axes[1], counts.tolist(), int(inside.sum()), int(len(inside) - inside.sum()), field)


def _codes(asked: Asked, control: Control) -> Codes:
    if control.kind == "histogram":
        return asked.resident.histogram(asked.at, control.of, control.bins, control.range)
    return asked.resident.values(asked.at, control.of)


def _rows(asked: Asked, field: str, found: list[Codes]) -> Ids:
    """The samples or objects of the view, once for each of their tags where an axis is tags."""
    mask = asked.samples()
    if field:
        mask = asked.resident.object_mask(asked.at, field, mask, asked.kept(field))
    tagged = next((codes for codes in found if codes.pairs is not None), None)
    if tagged is not None and tagged.pairs is not None:
        if tagged.field != field:
            raise BadValue("tags of samples and values of objects have no rows in common")
        return np.arange(len(tagged.pairs)) if mask is None else np.flatnonzero(mask[tagged.pairs])
    size = len(asked.resident.objects(asked.at, field) if field else asked.resident.samples(asked.at))
    return np.arange(size) if mask is None else np.flatnonzero(mask)


def _places(asked: Asked, codes: Codes, field: str, rows: Ids) -> Ids:
    """The place of each row on an axis."""
    if codes.pairs is not None:
        return codes.codes[rows].astype(np.int64)
    if field and not codes.field:
        rows = asked.resident.objects(asked.at, field).sample_row[rows].astype(np.int64)
    return codes.codes[rows].astype(np.int64)


def _axis(control: Control, codes: Codes) -> Axis:
    if codes.edges is not None:
        return Axis(control.of, "histogram", [], codes.edges.tolist(), codes.type == "time")
    return Axis(control.of, "values", list(codes.values[: control.limit]), [], False)


def _size(axis: Axis) -> int:
    return len(axis.edges) - 1 if axis.kind == "histogram" else len(axis.values)
