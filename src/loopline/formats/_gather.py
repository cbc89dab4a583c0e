"""From the pictures and shapes that a reader meets, one by one, to batches of columns.

A reader of files that hold several kinds of labels calls `sample` and `add`; from time to time it passes on
`flush()`, and at the end `end()`. What every format must check is checked here, once: numbers that are finite, boxes
with a size, names that stay inside the picture folder, a picture that is there twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats._columns import ARROW, MISSING, OpenColumns, json_text
from loopline.formats._fields import base_kind, field_name
from loopline.formats._jsonstream import without_nan
from loopline.formats._media import find_root, tidy_name
from loopline.formats._shapes import HUGE, Fault
from loopline.kernel.exchange import BATCH_ROWS, Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import (
    GEOMETRIC,
    LABEL_COLUMNS,
    SAMPLE_COLUMNS,
    Column,
    FieldKind,
    LabelField,
    ScalarType,
    unique_name,
)

_BATCH_SAMPLES: Final = 4096
_MOST_NAME: Final = 240  # bytes; file systems stop at 255, and a label file adds to it
_LISTS: Final = ("polygons", "points")


@dataclass(slots=True)
class _Kind:
    """What is known of the labels of one kind."""

    attributes: OpenColumns
    own: dict[str, Column] = field(default_factory=dict)  # the format's own attributes, by their name in it
    classes: set[str] = field(default_factory=set)
    rows: list[dict[str, Any]] = field(default_factory=list)
    name: str = ""  # of the field, once it is settled


@dataclass(slots=True)
class Gather:
    """What was met and is not passed on yet.

    format    name of the format; leftovers of a row go into the JSON attribute `<format>_rest`
    near      label file (or a file that could be in the folder of label files): pictures are looked for around it
    own       attributes that the format itself has words for, and their types
    declared  attributes that the file's head describes, by their name in the file
    classes   classes in the order that the file's head lists them
    """

    source: Source
    format: str
    near: Path
    own: Mapping[str, ScalarType] = field(default_factory=dict)
    declared: dict[str, Column] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    root: Path | None = None
    meta: dict[str, Any] = field(default_factory=dict)  # for the base field, under the format's name
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    columns: OpenColumns = field(init=False)
    _base: FieldKind | None = None
    _kinds: dict[FieldKind, _Kind] = field(default_factory=dict)
    _samples: list[dict[str, Any]] = field(default_factory=list)
    _paths: dict[tuple[str, str], int] = field(default_factory=dict)
    _sizes: dict[int, tuple[float, float]] = field(default_factory=dict)
    _problems: list[Problem] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        fields = {f.name for f in self.source.schema.fields} | {self.source.name}
        fields |= {f"{self.source.name}_{kind}" for kind in LABEL_COLUMNS}
        self.columns = OpenColumns(set(SAMPLE_COLUMNS) | fields, self.source.schema.columns)

    # What a reader calls ------------------------------------------------------------------------------------------

    def skip(self, what: str, where: str, hint: str = "") -> None:
        self._problems.append(Problem("skipped", what, where, hint))

    def warn(self, what: str, where: str, hint: str = "") -> None:
        self._problems.append(Problem("warning", what, where, hint))

    @contextmanager
    def row(self, where: str) -> Iterator[None]:
        """A row whose Fault is counted as left out; the reader goes on after it."""
        try:
            yield
        except Fault as fault:
            self.skip(fault.what, where, fault.hint)

    def sample(
        self,
        name: str,
        where: str,
        *,
        root: Path | str | None = None,
        width: int | None = None,
        height: int | None = None,
        columns: Mapping[str, Any] | None = None,
        again: bool = False,
        **built_in: Any,
    ) -> int:
        """The key of a picture or video.

        name      path as the file has it; it may come from another machine, with other slashes
        root      folder that it is relative to; None: found out from the first names
        columns   what the file says of the picture beyond the built-in columns
        again     it may have been there before: a video comes with each of its frames
        built_in  split, media, tags, fps, frame_count, ...

        Raises Fault for a name that is empty or leads out of the folder.
        """
        path = tidy_name(clean(name))
        if path is None:
            raise Fault("a picture's name is empty or leads out of its folder", f'the name is "{name}"')
        if len(path) > _MOST_NAME and max(len(part.encode()) for part in path.split("/")) > _MOST_NAME:
            raise Fault("a picture's name is longer than any file's", f"it starts with {path[:40]}")
        place = ("" if root is None else str(root), path)
        known = self._paths.get(place)
        if known is not None:
            if not again:
                self.warn("a picture is there twice; its labels are put together", where)
            return known
        key = self._paths[place] = self._count
        self._count += 1
        if width and height:
            self._sizes[key] = (width, height)
        split = self.source.split or built_in.pop("split", None)
        row = {"key": key, "path": path, "width": width, "height": height, "split": split, **built_in}
        self._samples.append({**row, "_root": place[0], "_columns": dict(columns or {})})
        return key

    def add(
        self,
        kind: FieldKind,
        sample: int,
        label: str | None,
        where: str,
        *,
        own: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
        **built_in: Any,
    ) -> None:
        """One label. `built_in` are columns of the kind; `own` attributes of the format, `attributes` of the user.

        Raises Fault for numbers that cannot be.
        """
        values = {name: value for name, value in built_in.items() if value is not None}
        fault = _fault(values)
        if fault:
            raise Fault(fault)
        if kind in GEOMETRIC:
            self._look(sample, values, where)
        label = clean(label) if label is not None else None
        known = self._kind(kind)
        if label:
            known.classes.add(label)
        elif kind not in ("mask", "value") and not (own and "caption" in own):
            self.warn("no class; kept without one", where)
        if attributes:
            values["_attributes"] = attributes
        if own:
            values["_own"] = own
        known.rows.append({"sample_key": sample, "label": label or None, **values})

    def full(self) -> bool:
        """Whether it is time to flush."""
        rows = sum(len(known.rows) for known in self._kinds.values())
        return rows >= BATCH_ROWS or len(self._samples) >= _BATCH_SAMPLES or len(self._problems) >= BATCH_ROWS

    # What goes on -------------------------------------------------------------------------------------------------

    def flush(self) -> Iterator[Event]:
        """What was met since the last time."""
        yield from self._problems
        self._problems = []
        yield from self._sample_events()
        if self._base is None and any(known.rows for known in self._kinds.values()):
            met = [kind for kind, known in self._kinds.items() if known.rows]
            self._base = base_kind(self.source.name, met, self.source.schema)
        for kind, known in self._kinds.items():
            if known.rows:
                yield LabelRows(self._field_name(kind), self._table(kind, known))
                known.rows = []
        self._sizes.clear()

    def end(self) -> Iterator[Event]:
        """The rest, and the fields."""
        yield from self.flush()
        base = self._base or base_kind(self.source.name, (), self.source.schema)
        self._base = base
        self._kind(base)
        for kind, known in self._kinds.items():
            for key, column in self.declared.items():
                if kind == base and key not in known.attributes.found:
                    known.attributes.found[key] = _resolved(known.attributes, key, column)
            used = [c for c in self.classes if kind == base or c in known.classes]
            yield FieldFound(
                LabelField(
                    self._field_name(kind),
                    kind,
                    classes=tuple(dict.fromkeys([*used, *sorted(known.classes)])),
                    attributes=(*known.own.values(), *known.attributes.columns),
                    keypoint_names=self.keypoint_names if kind in ("box", "keypoint") else (),
                    skeleton=self.skeleton if kind in ("box", "keypoint") else (),
                    meta={self.format: self.meta} if kind == base else {},
                )
            )

    def _kind(self, kind: FieldKind) -> _Kind:
        known = self._kinds.get(kind)
        if known is None:
            taken = set(LABEL_COLUMNS[kind]) | set(self.own)
            known = self._kinds[kind] = _Kind(OpenColumns(taken))
        return known

    def _field_name(self, kind: FieldKind) -> str:
        known = self._kinds[kind]
        if not known.name:
            assert self._base is not None
            schema = self.source.schema
            known.name = field_name(self.source.name, kind, self._base, schema)
            if schema.has_field(known.name):
                known.attributes.known = schema.field(known.name).attributes
        return known.name

    def _sample_events(self) -> Iterator[SampleRows]:
        if not self._samples:
            return
        if self.root is None and any(row["_root"] == "" for row in self._samples):
            names = [row["path"] for row in self._samples if row["_root"] == ""]
            self.root = find_root(names, self.near, self.source.media)
        roots: dict[str, list[dict[str, Any]]] = {}
        for row in self._samples:
            roots.setdefault(row["_root"] or str(self.root), []).append(row)
        self._samples = []
        for root, rows in roots.items():
            columns: dict[str, Any] = {}
            for name in dict.fromkeys(name for row in rows for name in row if name[0] != "_"):
                values = [row.get(name) for row in rows]
                if name == "key":
                    columns[name] = pa.array(values, pa.int64())
                elif name == "tags":
                    tags = [[clean(t) for t in v or ()] for v in values]
                    columns[name] = pa.array(tags, pa.list_(pa.string()))
                elif any(v is not None for v in values):
                    columns[name] = pa.array(values, ARROW[SAMPLE_COLUMNS[name]])
            self._open(self.columns, [row["_columns"] for row in rows], columns)
            yield SampleRows(pa.table(columns), root, self.columns.columns)

    def _table(self, kind: FieldKind, known: _Kind) -> pa.Table:
        name = self._field_name(kind)
        rows = known.rows
        columns: dict[str, Any] = {
            "sample_key": pa.array([row["sample_key"] for row in rows], pa.int64()),
            "label": pa.array([row["label"] for row in rows], pa.string()),
        }
        types = LABEL_COLUMNS[kind]
        there = {key for row in rows for key in row}
        for key in [key for key in types if key in there and key != "label"]:
            columns[key] = pa.array([row.get(key) for row in rows], ARROW[types[key]])
        if any("tags" in row for row in rows):
            columns["tags"] = pa.array([row.get("tags") or [] for row in rows], pa.list_(pa.string()))
        for key, own_type in self.own.items():
            values = [row["_own"].get(key) if "_own" in row else None for row in rows]
            if any(v is not None for v in values):
                if key not in known.own:
                    known.own[key] = self._own_column(name, key, own_type)
                texts = [None if v is None else json_text(v) for v in values] if own_type == "json" else values
                columns[known.own[key].name] = pa.array(texts, ARROW[own_type])
        self._open(known.attributes, [row.get("_attributes") or {} for row in rows], columns)
        return pa.table(columns)

    def _own_column(self, name: str, key: str, own_type: ScalarType) -> Column:
        schema = self.source.schema
        there = {a.name: a for a in schema.field(name).attributes} if schema.has_field(name) else {}
        if key not in there or there[key].type == own_type:
            return Column(key, own_type)
        return Column(unique_name(key, {*there, *self._kinds_taken()}), own_type, source_name=key)

    def _kinds_taken(self) -> set[str]:
        return {name for kind in self._kinds.values() for name in kind.attributes.taken}

    def _open(self, found: OpenColumns, rows: Sequence[Mapping[str, Any]], columns: dict[str, Any]) -> None:
        """Put keys that no one knew beforehand into columns; what does not fit goes into the JSON of leftovers."""
        rest: dict[int, dict[str, Any]] = {}
        rest_key = f"{self.format}_rest"
        keys = dict.fromkeys(key for row in rows for key in row)
        for key in keys:
            if found is not self.columns and key in self.declared and key not in found.found:
                found.found[key] = _resolved(found, key, self.declared[key])
            values = [row.get(key, MISSING) for row in rows]
            name, array, left = found.add(clean(key), [_kept(v) for v in values])
            if array is not None:
                columns[name] = array
            for i in left:
                rest.setdefault(i, {})[key] = _kept(values[i])
        if rest:
            name, array, _ = found.add(rest_key, [rest.get(i, MISSING) for i in range(len(rows))])
            if array is not None:
                columns[name] = array

    def _look(self, sample: int, values: Mapping[str, Any], where: str) -> None:
        get = values.get
        x, y, w, h = get("x", 0.0), get("y", 0.0), get("w", 0.0), get("h", 0.0)
        if (w == 0 or h == 0) and not ("keypoints" in values or "points" in values):
            self.warn("a box without area", where)
        size = self._sizes.get(sample)
        if size and "rotation" not in values and (x < 0 or y < 0 or x + w > size[0] + 0.5 or y + h > size[1] + 0.5):
            self.warn("a shape that reaches outside the picture", where)


def _resolved(found: OpenColumns, key: str, column: Column) -> Column:
    """A declared attribute as a column: the one that is there where it fits, else with a name that is free."""
    for known in found.known:
        if (known.source_name or known.name) == key and known.type == column.type and known.name not in found.taken:
            found.taken.add(known.name)
            return replace(known, values=tuple(dict.fromkeys((*known.values, *column.values))))
    name = unique_name(key, found.taken | {c.name for c in found.known})
    found.taken.add(name)
    return replace(column, name=name, source_name=key if name != key else "")


def _fault(values: Mapping[str, Any]) -> str:
    x, y, w, h = (values.get("x", 0), values.get("y", 0), values.get("w", 0), values.get("h", 0))
    if not (-HUGE <= x <= HUGE and -HUGE <= y <= HUGE and -HUGE <= w <= HUGE and -HUGE <= h <= HUGE):  # nor NaN
        return "a coordinate is not finite or larger than any picture"
    if w < 0 or h < 0:
        return "a box of negative size"
    for name in _LISTS:
        if name in values and not all(values[name]):
            return "an outline without points"
    return ""


def _kept(value: Any) -> Any:
    """A value of an unknown key as it can be kept: NaN and infinity become null."""
    return value if value is MISSING else without_nan(value)


def clean(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def no_file(path: Path) -> FormatError:
    return FormatError("there is no such file or folder", where=str(path), hint="see how the path is written")
