"""From a stream of events to rows of the lake, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb

from loopline.errors import NothingAdded
from loopline.kernel.exchange import Event, Problem
from loopline.kernel.schema import SAMPLE_COLUMNS
from loopline.store import fit, tables
from loopline.store.attached import memory_limit
from loopline.store.ingest_attempt import Attempt
from loopline.store.ingest_attempt import Existing as Existing
from loopline.store.ingest_labels import add_labels, make_room, resolve
from loopline.store.ingest_samples import add_samples, tag_samples
from loopline.store.ingest_staged import Probe as Probe
from loopline.store.ingest_staged import Seen, move, register
from loopline.store.lake import Lake, OutOfDate, Transaction, spill_folder
from loopline.store.recognise import Same as Same
from loopline.store.stage import Stage
from loopline.store.tags import check_tags

IMPORT_MEMORY: Final = "512MB"
"""What the engine may hold of an import before it sorts on disk: the rows of a million pictures are as much again."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """What an import did."""

    samples_added: int
    samples_known: int  # were there already
    objects_added: Mapping[str, int]  # by field
    objects_known: Mapping[str, int]  # not added, because their sample has labels in that field
    tags_added: int
    unreadable: int  # media files that are missing or broken; their samples are there all the same
    problems: tuple[Problem, ...] = ()  # the first 1,000
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (kind, what) → rows, all of them
    snapshot: int | None = None

    @property
    def skipped(self) -> int:
        return sum(n for (kind, _), n in self.counts.items() if kind == "skipped")

    @property
    def warnings(self) -> int:
        return sum(n for (kind, _), n in self.counts.items() if kind == "warning")


def ingest(
    lake: Lake,
    events: Iterable[Event],
    *,
    verb: str = "add",
    message: str = "",
    existing: Existing = "keep",
    same: Same = "path",
    probe: Probe | None = None,
    tags: tuple[str, ...] = (),
) -> AddReport:
    """Take a whole stream of events into the lake.

    A sample that is there already (see `Same`) keeps its values, and gets those that it lacks; with `existing` "replace"
    the new values win. Samples whose media cannot be read still arrive, with the size that the label file states, and
    are reported.
    Raises NothingAdded when the stream holds no usable row; then the lake is as it was.
    """
    if tags:
        check_tags(tags)
    with Stage(spill_folder(lake)) as stage:
        for event in events:
            stage.take(event)
        with lake.reading() as con:
            generation = lake.generation
            seen = register(con, stage, probe)
            report = _commit(lake, con, generation, stage, seen, verb, message, existing, same, tags)
    return replace(report, snapshot=lake.snapshot())


def _commit(
    lake: Lake,
    con: duckdb.DuckDBPyConnection,
    generation: int,
    stage: Stage,
    seen: Seen,
    verb: str,
    message: str,
    existing: Existing,
    same: Same,
    tags: tuple[str, ...],
) -> AddReport:
    def body(tx: Transaction) -> AddReport:
        return _written(Attempt(tx, stage, seen, existing, same, tags, stage.problems.copy()))

    try:
        # The engine takes staged rows for few and would build its hash tables on them: joins stay as they are written.
        con.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        con.execute("SET memory_limit = ?", [IMPORT_MEMORY])
        try:
            return lake.commit(verb, body, message=message or verb, con=con, generation=generation)
        finally:
            con.execute("RESET disabled_optimizers")
            con.execute("SET memory_limit = ?", [memory_limit()])
    except OutOfDate:  # looking at the media took so long that another process's upkeep came in between
        with lake.reading() as new:
            generation = lake.generation
            move(con, new, stage, seen)
            return _commit(lake, new, generation, stage, seen, verb, message, existing, same, tags)


def _written(attempt: Attempt) -> AddReport:
    """Everything that an import does inside its transaction. Raises NothingAdded."""
    _grow_schema(attempt)
    added, known = add_samples(attempt)
    objects: dict[str, int] = {}
    kept: dict[str, int] = {}
    tag_count = 0
    for number, (name, match, view, columns) in enumerate(attempt.seen.labels):
        resolve(attempt, name, match, view, columns, f"_rows_{number}")
        kept[name] = kept.get(name, 0) + make_room(attempt, name, f"_rows_{number}")
    for number, (name, _, view, columns) in enumerate(attempt.seen.labels):
        new, tagged = add_labels(attempt, name, view, columns, f"_rows_{number}")
        objects[name] = objects.get(name, 0) + new
        tag_count += tagged
    tag_count += tag_samples(attempt)
    if not (added or known or any(objects.values()) or any(kept.values())):
        raise _nothing(attempt)
    attempt.tx.details.update(samples=added, objects=objects)
    return AddReport(
        samples_added=added,
        samples_known=known,
        objects_added=objects,
        objects_known={name: n for name, n in kept.items() if n},
        tags_added=tag_count,
        unreadable=attempt.tx.number("SELECT count(*) FROM temp._probed WHERE error IS NOT NULL")
        if attempt.seen.probed
        else 0,
        problems=tuple(attempt.problems.kept),
        counts=dict(attempt.problems.counts),
    )


def _grow_schema(attempt: Attempt) -> None:
    """Add the fields, attributes, classes and columns that the stream brings."""
    schema = attempt.tx.schema()
    for name, found in attempt.stage.fields.items():
        if schema.has_field(name):
            before = schema.field(name)
            tables.store_field(attempt.tx, before, before.merged(found))
        else:
            schema.check_new(name, "label field")
            tables.add_field(attempt.tx, found)
    for column in attempt.stage.columns.values():
        if column.name not in schema.sample_columns():
            schema.check_new(column.name, "sample column")
            tables.add_column(attempt.tx, column)
        elif column.name not in SAMPLE_COLUMNS:
            fit.check_type(schema.column(column.name), column)


def _nothing(attempt: Attempt) -> NothingAdded:
    first = "; ".join(f"{p.where}: {p.what}" for p in attempt.problems.kept[:3])
    return NothingAdded(
        "nothing in it could be added"
        + (f" ({sum(attempt.problems.counts.values())} problems, first: {first})" if first else ""),
        hint="see that the path, the format and the picture folder are the right ones",
        problems=attempt.problems.kept,
        counts=attempt.problems.counts,
    )
