"""Small lakes to test on, and everything that one holds as plain dictionaries."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from loopline.kernel.exchange import Event, FieldFound, LabelRows, SampleRows
from loopline.kernel.schema import Column, LabelField
from loopline.store.lake import Lake
from loopline.store.location import locate

ROOT = "/pictures"
TRUTH = LabelField("truth", "box", ("cat", "dog"))


def make(folder: Path) -> Lake:
    return Lake.create(locate(folder))


def reopen(lake: Lake) -> Lake:
    return Lake.open(lake.location)


def events(
    paths: Sequence[str],
    boxes: int = 2,
    *,
    field: LabelField = TRUTH,
    root: str = ROOT,
    columns: tuple[Column, ...] = (),
    **extra: list[Any],
) -> Iterator[Event]:
    """Pictures with some boxes each; `extra` are more columns of the pictures."""
    n = len(paths)
    yield FieldFound(field)
    yield SampleRows(pa.table({"key": np.arange(n), "path": list(paths), **extra}), root, columns)
    if boxes:
        number = np.arange(n * boxes, dtype=float)
        yield LabelRows(
            field.name,
            pa.table(
                {
                    "sample_key": np.repeat(np.arange(n), boxes),
                    "label": [("cat", "dog")[i % 2] for i in range(n * boxes)],
                    "x": number,
                    "y": number + 0.5,
                    "w": np.full(n * boxes, 4.0),
                    "h": np.full(n * boxes, 3.0),
                }
            ),
        )


def paths(n: int, start: int = 0) -> list[str]:
    return [f"p{i:05}.jpg" for i in range(start, start + n)]


State = dict[str, Any]


def state(lake: Lake, snapshot: int | None = None) -> State:
    """All content at a snapshot: table → id → column → value; tags; schema. NaN is the text 'nan', so that it equals
    itself; what is null is left out, so that a column that is not there equals one that is empty."""
    at = lake.snapshot() if snapshot is None else snapshot
    schema = lake.schema(at)
    with lake.reading() as con:

        def rows(table: str) -> dict[int, dict[str, Any]]:
            lake.table(table, at)  # asked for a second time, it may be read from its files
            found = con.execute(f"FROM {lake.table(table, at)}").to_arrow_table().to_pylist()
            by_catalog = con.execute(f'FROM lake."{table}" AT (VERSION => {at})').to_arrow_table().to_pylist()
            assert in_order(found) == in_order(by_catalog), f"{table} reads otherwise from its files"
            by_id = {row["id"]: {k: plain(v) for k, v in row.items() if v is not None} for row in found}
            assert len(by_id) == len(found), f"an id twice in {table}"
            return by_id

        tags = con.execute(f"SELECT owner, owner_id, tag FROM {lake.table('tag', at)}").fetchall()
        assert len(set(tags)) == len(tags), "a tag twice"
        return {
            "samples": rows("samples"),
            "fields": {f.name: rows(f.table) for f in schema.fields},
            "tags": set(tags),
            "schema": schema,
        }


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(({k: plain(v) for k, v in row.items()} for row in rows), key=lambda row: row["id"])


def plain(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return "nan"
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def sample_ids(lake: Lake) -> dict[str, int]:
    """path → id."""
    with lake.reading() as con:
        return dict(con.execute(f"SELECT path, id FROM {lake.table('samples')}").fetchall())


def object_ids(lake: Lake, field: str = "truth") -> list[int]:
    with lake.reading() as con:
        return [i for (i,) in con.execute(f"SELECT id FROM {lake.table('label__' + field)} ORDER BY id").fetchall()]


def one_box(sample: int, **more: Any) -> pa.Table:
    return pa.table(
        {"sample_id": [sample], "x": [1.0], "y": [2.0], "w": [3.0], "h": [4.0], **{k: [v] for k, v in more.items()}}
    )


def run_python(code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that runs `code` in the repository, as another process of the same user."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def columns_of(lake: Lake, table: str) -> list[str]:
    with lake.reading() as con:
        return list(con.execute(f"FROM {lake.table(table, lake.snapshot())} LIMIT 0").to_arrow_table().column_names)
