"""The staged rows of an import as a connection sees them: views, and tables of what was found out about the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from loopline.kernel.exchange import Problem
from loopline.kernel.schema import SAMPLE_COLUMNS
from loopline.store.stage import Problems, Stage
from loopline.store.tables import SQL_TYPES

Probe = Callable[[pa.Table], Iterator[pa.RecordBatch]]
"""Looks at media files: (n, place int64, root string, path string) in; out, for each row, `place` and any of
media, mime, width, height, size_bytes, content_hash, duration_s, fps, frame_count, and `error`, in any order."""

PROBED: Final = ("media", "mime", "width", "height", "size_bytes", "content_hash", "duration_s", "fps", "frame_count")
NAMED: Final = 20  # rows named one by one for each fault that is found by SQL


@dataclass(frozen=True, slots=True)
class Seen:
    """The staged rows as the connection sees them: views named by kind, with the columns that each has."""

    samples: frozenset[str]  # columns of the view `_samples`; empty: no pictures in the stream
    probed: bool  # is there a table `_probed`
    labels: tuple[tuple[str, str, str, frozenset[str]], ...]  # field, match, view, columns


def register(con: duckdb.DuckDBPyConnection, stage: Stage, probe: Probe | None) -> Seen:
    """Let the connection see the staged rows, and look at the pictures once, outside of any transaction."""
    samples = _register_samples(con, stage)
    if samples:
        _keep_first(con, stage.problems)
        _make_view(con)
        if probe is not None:
            _look(con, stage.problems, probe)
    return Seen(samples, probed=bool(samples) and probe is not None, labels=_register_labels(con, stage))


def _register_samples(con: duckdb.DuckDBPyConnection, stage: Stage) -> frozenset[str]:
    samples = stage.samples()
    if samples is None:
        return frozenset()
    con.register("_staged_samples", samples)
    return frozenset(samples.column_names)


def _register_labels(con: duckdb.DuckDBPyConnection, stage: Stage) -> tuple[tuple[str, str, str, frozenset[str]], ...]:
    labels = []
    for number, (name, match, rows) in enumerate(stage.labels()):
        con.register(f"_labels_{number}", rows)
        labels.append((name, match, f"_labels_{number}", frozenset(rows.schema.names)))
    return tuple(labels)


def move(old: duckdb.DuckDBPyConnection, new: duckdb.DuckDBPyConnection, stage: Stage, seen: Seen) -> None:
    """Give a new connection what the old one had seen."""
    if _register_samples(new, stage):
        for table in ["_twice", "_probed"] if seen.probed else ["_twice"]:
            new.register("_batch", old.execute(f"FROM temp.{table}").to_arrow_table())
            new.execute(f"CREATE TEMP TABLE {table} AS FROM _batch")
            new.unregister("_batch")
        _make_view(new)
    _register_labels(new, stage)


def _keep_first(con: duckdb.DuckDBPyConnection, problems: Problems) -> None:
    """Make the table `_twice`: places of staged pictures that repeat an id or a path."""
    twice: set[int] = set()
    for by, what in (("key", "the same picture id twice"), ("root, path", "the same picture path twice")):
        again = con.execute(
            f"SELECT _place, key::VARCHAR, path FROM _staged_samples WHERE ({by}) IN "
            f"(SELECT ({by}) FROM _staged_samples GROUP BY {by} HAVING count(*) > 1) "
            f"QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY _place) > 1 ORDER BY _place"
        ).fetchall()
        for place, key, path in again:
            if place not in twice:
                problems.add(Problem("skipped", what, f"{path} (id {key})", "the first one counts"))
        twice.update(place for place, *_ in again)
    con.execute("CREATE OR REPLACE TEMP TABLE _twice AS SELECT unnest(?::BIGINT[]) AS _place", [sorted(twice)])


def _make_view(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP VIEW _samples AS FROM _staged_samples WHERE _place NOT IN (SELECT _place FROM temp._twice)"
    )


def _look(con: duckdb.DuckDBPyConnection, problems: Problems, probe: Probe) -> None:
    """Make the table `_probed`: what the media files themselves say."""
    files = con.execute(
        "SELECT _place AS place, root::VARCHAR AS root, path FROM _samples ORDER BY _place"
    ).to_arrow_table()
    columns = ", ".join(f"{name} {SQL_TYPES[SAMPLE_COLUMNS[name]]}" for name in PROBED)
    con.execute(f"CREATE OR REPLACE TEMP TABLE _probed (_place BIGINT, {columns}, error VARCHAR)")
    for batch in probe(files):
        con.register("_batch", pa.Table.from_batches([batch]))
        con.execute("INSERT INTO temp._probed BY NAME SELECT place AS _place, * EXCLUDE (place) FROM _batch")
        con.unregister("_batch")
    broken = "FROM temp._probed p JOIN _samples s USING (_place) WHERE p.error IS NOT NULL"
    for error, count in con.execute(f"SELECT p.error, count(*) {broken} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall():
        what = f"media not readable: {error}"
        named = con.execute(
            f"SELECT s.root::VARCHAR, s.path {broken} AND p.error = ? ORDER BY _place LIMIT ?", [error, NAMED]
        ).fetchall()
        for root, path in named:
            problems.add(Problem("warning", what, f"{root.rstrip('/')}/{path}", "mend the file and add it again"))
        problems.counts["warning", what] += count - len(named)
