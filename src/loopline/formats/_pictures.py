"""What a writer of picture-wise files is given: one picture at a time, with all its labels as plain rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pyarrow as pa

from loopline.kernel.exchange import Exportable
from loopline.kernel.schema import LABEL_COLUMNS, SAMPLE_COLUMNS, Column, DatasetSchema, FieldKind, LabelField

_WORDS: Final = {
    "mask": "masks",
    "score": "scores",
    "area": "stated areas",
    "iscrowd": "crowd flags",
    "value": "values",
}  # how a column that a format cannot hold is called in its losses, where not by its name
_PLACE: Final = frozenset({"id", "sample_id", "label", "x", "y", "w", "h", "tags"})
_NOT_LOST: Final = frozenset({"closed", "points"})


@dataclass(slots=True)
class Label:
    """One label. Columns that are null are not in `values`."""

    field: str
    kind: FieldKind
    label: str | None
    values: dict[str, Any]  # built-in columns
    own: dict[str, Any]  # attributes that the format has words for
    attributes: dict[str, Any]  # the others, by their name in the file they came from

    @property
    def box(self) -> tuple[float, float, float, float]:
        values = self.values
        return values.get("x", 0.0), values.get("y", 0.0), values.get("w", 0.0), values.get("h", 0.0)


@dataclass(slots=True)
class Picture:
    """One sample. Columns that are null are not there."""

    sample: dict[str, Any]  # built-in columns, and tags
    columns: dict[str, Any]  # the user's own, by their name in the file they came from
    labels: list[Label]

    @property
    def path(self) -> str:
        path: str = self.sample["path"]
        return path

    @property
    def size(self) -> tuple[int | None, int | None]:
        return self.sample.get("width"), self.sample.get("height")


@dataclass(slots=True)
class Pictures:
    """The pictures of a view for one writer, and what that format cannot hold, counted.

    format      its name; what stands in `<format>_rest` is put back where it was
    holds       built-in label columns that the format has a place for
    own         attributes that the format has words for
    attributes  whether it holds other attributes too
    columns     user's sample columns that it holds; None: all of them
    tags        whether it holds tags of samples; `splits` the same
    """

    what: Exportable
    fields: Sequence[LabelField]
    format: str
    holds: Collection[str]
    own: Collection[str] = ()
    attributes: bool = True
    columns: Collection[str] | None = ()
    tags: bool = False
    splits: bool = False
    object_tags: bool = False  # then they stand in `values`
    lost: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    objects: int = 0

    def __iter__(self) -> Iterator[Picture]:
        schema = self.what.schema
        for page in self.what.pages():
            by_sample: dict[int, list[Label]] = {}
            for one in self.fields:
                for owner, label in self._labels(page.labels[one.name], one):
                    by_sample.setdefault(owner, []).append(label)
            for row in _filled(page.samples):
                self.samples += 1
                labels = by_sample.get(row["id"], [])
                self.objects += len(labels)
                yield self._picture(row, schema, labels)

    def losses(self) -> dict[str, int]:
        return {name: n for name, n in sorted(self.lost.items()) if n}

    def _picture(self, row: Mapping[str, Any], schema: DatasetSchema, labels: list[Label]) -> Picture:
        sample = {k: v for k, v in row.items() if k in SAMPLE_COLUMNS or k == "tags"}
        own = {}
        rest: dict[str, Any] = {}
        for column in schema.columns:
            if column.name in row:
                value = decoded(column, row[column.name])
                if column.name == f"{self.format}_rest":
                    rest = value if isinstance(value, dict) else {}
                elif self.columns is None or key_of(column) in self.columns:
                    own[key_of(column)] = value
                else:
                    self.lost[f"column {column.name}"] += 1
        if not self.tags:
            self.lost["tags of samples"] += bool(sample.get("tags"))
        if not self.splits:
            self.lost["split of samples"] += "split" in sample
        return Picture(sample, {**rest, **own}, labels)

    def _labels(self, table: pa.Table, one: LabelField) -> Iterator[tuple[int, Label]]:
        built_in = LABEL_COLUMNS[one.kind]
        lost = [name for name in built_in if name not in self.holds and name not in _PLACE and name not in _NOT_LOST]
        for row in _filled(table):
            values = {n: row[n] for n in built_in if n in row and (n in self.holds or n in "xywh")}
            for name in lost:
                if row.get(name) not in (None, False, []):
                    self.lost[_WORDS.get(name, name)] += 1
            if self.object_tags and row.get("tags"):
                values["tags"] = row["tags"]
            else:
                self.lost["tags of objects"] += bool(row.get("tags"))
            own: dict[str, Any] = {}
            others: dict[str, Any] = {}
            rest: dict[str, Any] = {}
            for attribute in one.attributes:
                if attribute.name not in row:
                    continue
                key, value = key_of(attribute), decoded(attribute, row[attribute.name])
                if attribute.name == f"{self.format}_rest":
                    rest = value if isinstance(value, dict) else {}
                elif attribute.name in self.own and key == attribute.name:
                    own[key] = value
                elif self.attributes:
                    others[key] = value
                else:
                    self.lost[f"attribute {attribute.name}"] += 1
            yield row["sample_id"], Label(one.name, one.kind, row.get("label"), values, own, {**rest, **others})


def _filled(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows without their nulls."""
    names = [name for name in table.column_names if table[name].null_count < table.num_rows]
    columns = [table[name].to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def key_of(column: Column) -> str:
    """The name of a column in the file that it came from."""
    return column.source_name or column.name


def decoded(column: Column, value: Any) -> Any:
    """A value as it goes into JSON or text."""
    if column.type == "json" and isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value.isoformat() if column.type == "time" else value


def form(label: Label, forms: Sequence[str], lost: Counter[str]) -> str:
    """How a label is written: the first of `forms` ("keypoints", "polygons", "mask", "box") that it has.

    What it has beside that, in a format with one shape for each object, is counted as lost.
    """
    if label.kind == "polygon":
        return "polygons" if "polygons" in forms else "box"
    there = [name for name in ("keypoints", "polygons", "mask") if label.values.get(name)]
    chosen = next((name for name in forms if name in there), "box")
    for name in there:
        if name != chosen and name in forms:
            lost[f"{name if name != 'mask' else 'masks'} beside another shape"] += 1
    return chosen


def completed(ids: Sequence[int | None]) -> list[int]:
    """Ids as they were; one that is missing, or was there before, gets a number above all others.

    >>> completed([4, None, 4, 0])
    [4, 5, 6, 0]
    """
    used: set[int] = set()
    following = max([-1, *(i for i in ids if i is not None)]) + 1
    out = []
    for one in ids:
        if one is None or one in used:
            one, following = following, following + 1
        used.add(one)
        out.append(one)
    return out


def column_values(what: Exportable, key: str) -> list[Any]:
    """A user's column of all samples, by its name in the file it came from; None where there is none."""
    name = next((c.name for c in what.schema.columns if key_of(c) == key), None)
    out: list[Any] = []
    for table in what.samples():
        out += table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
    return out
