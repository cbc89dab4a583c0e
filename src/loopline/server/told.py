"""What is different about each of some samples between two states of the data, in a few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from loopline.query.view import ObjectView, View
from loopline.store.diff import Diff, TableDiff

SEEN: Final = frozenset(
    {"x", "y", "w", "h", "rotation", "area", "mask", "polygons", "points", "visibility", "keypoints"}
)
"""Columns whose change is seen on the picture: that they changed is enough."""

_MOST: Final = 6  # words about one sample
_LONG: Final = 40

Rows = Sequence[Mapping[str, object]]
At = Callable[[int], View]


def told(diff: Diff, at: At, ids: Sequence[int]) -> tuple[list[list[str]], dict[str, list[int]]]:
    """For each sample what is said of it, and by label field the ids of the objects that differ on these samples.

    at   gives the whole data set at a snapshot
    """
    said: dict[int, list[str]] = {sample: [] for sample in ids}
    own = [row for row in _on(diff.samples, "id", ids) if row["change"] == "changed"]
    values = _Values(diff, at, "", own)
    for row in own:
        said[int(str(row["id"]))] += [values.change(row, column) for column in _columns(row)]
    objects: dict[str, list[int]] = {}
    for field, table in diff.fields.items():
        rows = _on(table, "sample_id", ids)
        if not rows:
            continue
        objects[field] = [int(str(row["id"])) for row in rows]
        values = _Values(diff, at, field, [row for row in rows if row["change"] == "changed"])
        for sample in ids:
            said[sample] += _of_field(field, [row for row in rows if row["sample_id"] == sample], values)
    return [said[sample][:_MOST] for sample in ids], objects


def _on(table: TableDiff, column: str, ids: Sequence[int]) -> Rows:
    if not table:
        return []
    found: Rows = table.rows.filter(pc.is_in(table.rows[column], value_set=pa.array(ids, pa.int64()))).to_pylist()
    return found


def _of_field(field: str, rows: Rows, values: _Values) -> list[str]:
    found = [f"{n} {change}" for change in ("added", "removed") if (n := sum(row["change"] == change for row in rows))]
    changed = [row for row in rows if row["change"] == "changed"]
    drawn = sum(1 for row in changed if SEEN & {*_columns(row)})
    found += [f"{drawn} moved"] if drawn else []
    words = Counter(values.change(row, name) for row in changed for name in _columns(row) if name not in SEEN)
    found += [word if n == 1 else f"{word} ({n})" for word, n in words.items()]
    return [f"{field}: {', '.join(found)}"] if found else []


def _columns(row: Mapping[str, object]) -> list[str]:
    columns = row["columns"]
    return [str(name) for name in columns] if isinstance(columns, list) else []


class _Values:
    """Values before and after of the columns that some rows changed in."""

    def __init__(self, diff: Diff, at: At, field: str, rows: Rows) -> None:
        wanted = sorted({name for row in rows for name in _columns(row)} - SEEN)
        ids = [int(str(row["id"])) for row in rows]
        self._sides = [_values(at(snapshot), field, ids, wanted) for snapshot in (diff.before, diff.after)]

    def change(self, row: Mapping[str, object], column: str) -> str:
        before, after = (_brief(side.get(int(str(row["id"])), {}).get(column)) for side in self._sides)
        return f"{column} {before} → {after}"


def _values(whole: View, field: str, ids: list[int], wanted: list[str]) -> dict[int, Mapping[str, object]]:
    if not ids or not wanted:
        return {}
    known: set[str]
    view: View | ObjectView
    if field:
        if not whole.schema.has_field(field):
            return {}
        known, view = {*whole.schema.field(field).columns()}, whole.objects(field).select(ids)
    else:
        known, view = {*whole.schema.sample_columns()}, whole.select(ids)
    rows = view.to_arrow(["id", *(name for name in wanted if name in known)]).to_pylist()
    return {int(row["id"]): row for row in rows}


def _brief(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
