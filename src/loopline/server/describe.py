"""What the app says about a data set: its columns, fields, colours, tags and versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import numpy as np

from loopline.errors import LooplineError
from loopline.kernel.schema import SAMPLE_COLUMNS, Column, DatasetSchema, LabelField
from loopline.query.names import object_names
from loopline.server.library import Library, Shown
from loopline.server.problems import Located, problem_of
from loopline.server.views import Asked
from loopline.server.wire import (
    CheckIn,
    CheckOut,
    ColumnOut,
    DatasetLine,
    DatasetOut,
    FieldOut,
    HintOut,
    KeepSpec,
    SavedView,
    TagCount,
    VersionOut,
    ViewOut,
    ViewSpec,
)
from loopline.store.glance import glance
from loopline.store.location import FolderLocation, Location
from loopline.store.vectors import embeddings

PALETTE: Final = (
    "#609efa", "#f0da1c", "#ec5d4b", "#64f0f4", "#d99bc1", "#9ebf68",
    "#cd63c6", "#9ac8fd", "#c2e5a7", "#e38f23", "#feb2c1", "#3ace93",
)  # fmt: skip
"""Chosen for the largest least distance under four kinds of colour sight."""

_MEANING: Final[Mapping[str, str]] = {
    "id": "rising, never reused",
    "path": "relative to its root",
    "root": "folder or URL that the path is relative to",
    "width": "pixels as shown",
    "height": "pixels as shown",
    "created_at": "when it was added",
    "duration_s": "of a video",
}


def lines(library: Library) -> list[DatasetLine]:
    """One line for each data set, of which none is opened for it where that can be helped. One that cannot be read says
    why."""
    found, shown = [], library.shown()
    for name in library.names():
        try:
            seen = None if name in shown else _glanced(name, library.location(name))
            found.append(seen or _line(library.get(name)))
        except LooplineError as error:
            found.append(DatasetLine(name, 0, 0, 0, 0, "", str(error)))
    return found


def _glanced(name: str, location: Location) -> DatasetLine | None:
    """What its catalog says at a glance; None where only opening it tells."""
    seen = glance(location) if isinstance(location, FolderLocation) else None
    if seen is None:
        return None
    return DatasetLine(name, seen.samples, seen.objects, seen.snapshot, seen.versions, stamp(seen.at))


def _line(shown: Shown) -> DatasetLine:
    ds = shown.dataset
    info = shown.info()
    last = ds.log(1)
    at = stamp(last[0].at) if last else ""
    return DatasetLine(shown.name, info.samples, sum(info.objects.values()), info.snapshot, len(ds.versions()), at)


def dataset(shown: Shown, views: list[SavedView], snapshot: int | None = None) -> DatasetOut:
    """Everything that the app's frame needs to know."""
    at = shown.at(snapshot)
    info = shown.info(snapshot)
    colors = class_colors(info.schema)
    return DatasetOut(
        name=shown.name,
        location=info.location,
        snapshot=at,
        samples=info.samples,
        columns=[
            *(ColumnOut(name, kind, False, _MEANING.get(name, "")) for name, kind in SAMPLE_COLUMNS.items()),
            *(column(own) for own in info.schema.columns),
        ],
        fields=[_field(field, info.objects[field.name], colors) for field in info.schema.fields],
        tags=[TagCount(tag, count) for tag, count in info.tags.items()],
        versions=[VersionOut(v.name, v.snapshot, v.message, v.author, stamp(v.at)) for v in shown.dataset.versions()],
        evaluations=[e.key for e in info.schema.evaluations],
        embeddings=[e.key for e in embeddings(shown.lake, at)],
        views=views,
    )


def column(found: Column) -> ColumnOut:
    """A column of the user's own, or an attribute."""
    return ColumnOut(
        found.name,
        found.type,
        own=True,
        description=found.guidance,
        values=list(found.values),
        minimum=found.minimum,
        maximum=found.maximum,
        default=found.default,
        required=found.required,
    )


def class_colors(schema: DatasetSchema) -> dict[str, str]:
    """One colour for each class name, the same in every field, in the order in which classes came to the data set.

    A field may say otherwise: `meta["loopline"]["colors"]`, class to colour.
    """
    names = dict.fromkeys(name for field in schema.fields for name in field.classes)
    found = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    for field in schema.fields:
        chosen = (
            field.meta.get("loopline", {}).get("colors", {}) if isinstance(field.meta.get("loopline"), dict) else {}
        )
        found |= {name: str(color) for name, color in chosen.items() if name in found}
    return found


def _field(field: LabelField, objects: int, colors: Mapping[str, str]) -> FieldOut:
    return FieldOut(
        name=field.name,
        kind=field.kind,
        objects=objects,
        classes=list(field.classes),
        colors=[colors[name] for name in field.classes],
        attributes=[column(a) for a in field.attributes],
        names=object_names(field),
        description=field.description,
        keypoint_names=list(field.keypoint_names),
        skeleton=list(field.skeleton),
    )


def stamp(at: dt.datetime) -> str:
    """UTC, ISO 8601."""
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def view(shown: Shown, spec: ViewSpec) -> ViewOut:
    """Counts of a view, and its text."""
    asked = shown.ask(spec)
    condition = asked.condition()
    return ViewOut(
        count=asked.count(),
        total=len(asked.rows),
        objects={f.name: _kept_objects(shown, asked, f.name) for f in shown.lake.schema(asked.at).fields},
        snapshot=asked.at,
        newest=shown.lake.snapshot(),
        text="" if condition is None else str(condition),
        python=asked.python(shown.name),
        hints=list(asked.hints),
    )


def _kept_objects(shown: Shown, asked: Asked, field: str) -> int:
    """Objects on the samples of the view."""
    mask, kept = asked.samples(), asked.kept(field)
    if kept is None and mask is None:
        return shown.info(asked.at).objects[field]
    rows = asked.resident.objects(asked.at, field)
    if kept is None:
        return int(rows.counts[mask].sum())
    found = asked.resident.object_mask(asked.at, field, mask, kept)
    assert found is not None
    return int(np.count_nonzero(found))


def check(shown: Shown, asked: CheckIn) -> CheckOut:
    """A condition on samples or on the objects of a field, and sort keys of theirs: hints, or what is wrong with it."""
    if not asked.objects:
        spec = ViewSpec(asked.where, sort=asked.sort, snapshot=asked.snapshot)
    else:
        keep = (KeepSpec(asked.objects, asked.where),) if asked.where.strip() else ()
        spec = ViewSpec(keep=keep, sort=asked.sort, objects=asked.objects, snapshot=asked.snapshot)
    try:
        hints = shown.ask(spec).hints
    except Located as error:
        return CheckOut([], problem_of(error.cause, _text_of(error.part)))
    return CheckOut([HintOut(hint.what, _text_of(hint.part), hint.column) for hint in hints])


def _text_of(part: str) -> str:
    """Which text of the question: the condition on objects is asked as a `keep`."""
    return "where" if part.startswith("keep") else part
