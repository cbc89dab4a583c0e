"""A perfect store for tests: takes a format's events and gives them back, exactly, as something to export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from loopline.formats._columns import ARROW
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Page, Problem, SampleRows
from loopline.kernel.schema import SAMPLE_COLUMNS, Column, DatasetSchema

BATCH = 1000


@dataclass
class MemoryStore:
    """Everything in lists of rows. `batch` and `page` set how it is handed out."""

    schema: DatasetSchema = field(default_factory=DatasetSchema)
    rows: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unmatched: int = 0

    @classmethod
    def of(cls, events: Iterable[Event], onto: MemoryStore | None = None) -> MemoryStore:
        store = onto or cls()
        columns: dict[str, Column] = {c.name: c for c in store.schema.columns}
        codes: dict[str, dict[int, str]] = {}
        staged: list[tuple[LabelRows, list[dict[str, Any]]]] = []
        keys: dict[Any, int] = {}
        for event in events:
            if isinstance(event, SampleRows):
                columns |= {c.name: c for c in event.columns}
                for row in event.table.to_pylist():
                    row["id"] = len(store.rows) + 1
                    row["root"] = event.root
                    key = row.pop("key")
                    assert key not in keys, f"key {key} twice"
                    keys[key] = row["id"]
                    store.rows.append({"tags": [], **row})
            elif isinstance(event, LabelRows):
                staged.append((event, event.table.to_pylist()))
            elif isinstance(event, FieldFound):
                known = [f for f in store.schema.fields if f.name != event.field.name]
                mine = [f.merged(event.field) for f in store.schema.fields if f.name == event.field.name]
                store.schema = replace(store.schema, fields=(*known, *(mine or [event.field])))
                codes.setdefault(event.field.name, {}).update(event.codes)
            else:
                store.problems.append(event)
        store.schema = replace(store.schema, columns=tuple(columns.values()))
        for event, rows in staged:
            found = keys
            if event.match:
                found = {row.get(event.match): row["id"] for row in store.rows}
            mine_rows = store.objects.setdefault(event.name, [])
            known_columns = store.schema.field(event.name).columns()
            for row in rows:
                sample = found.get(row.pop("sample_key"))
                if sample is None:
                    store.unmatched += 1
                    continue
                code = row.pop("class_code", None)
                if code is not None:
                    row["label"] = codes[event.name][code]
                assert set(row) <= {*known_columns, "tags"}, set(row) - set(known_columns)
                mine_rows.append({"tags": [], **row, "id": len(mine_rows) + 1, "sample_id": sample})
        return store

    def count(self) -> int:
        return len(self.rows)

    def _samples(self, rows: list[dict[str, Any]]) -> pa.Table:
        kinds = {**SAMPLE_COLUMNS, **{c.name: c.type for c in self.schema.columns}}
        return _table(rows, kinds)

    def _labels(self, name: str, rows: list[dict[str, Any]]) -> pa.Table:
        return _table(rows, self.schema.field(name).columns())

    def samples(self) -> Iterator[pa.Table]:
        for start in range(0, len(self.rows), BATCH):
            yield self._samples(self.rows[start : start + BATCH])

    def labels(self, field: str) -> Iterator[pa.Table]:
        rows = self.objects.get(field, [])
        for start in range(0, len(rows), BATCH):
            yield self._labels(field, rows[start : start + BATCH])

    def pages(self) -> Iterator[Page]:
        for start in range(0, len(self.rows), BATCH):
            some = self.rows[start : start + BATCH]
            ids = {row["id"] for row in some}
            labels = {
                f.name: self._labels(
                    f.name,
                    sorted(
                        (r for r in self.objects.get(f.name, []) if r["sample_id"] in ids),
                        key=lambda r: (r["sample_id"], r["id"]),
                    ),
                )
                for f in self.schema.fields
            }
            yield Page(self._samples(some), labels)


def _table(rows: list[dict[str, Any]], kinds: Mapping[str, str]) -> pa.Table:
    columns = {name: pa.array([r.get(name) for r in rows], ARROW[kind]) for name, kind in kinds.items()}
    columns["tags"] = pa.array([r.get("tags") or [] for r in rows], pa.list_(pa.string()))
    return pa.table(columns)
