"""From a stream of events to rows of the lake, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import duckdb
import pyarrow as pa

from loopline.errors import FormatError, NothingAdded
from loopline.kernel.exchange import Event, Problem
from loopline.kernel.schema import SAMPLE_COLUMNS, Column
from loopline.store import fit, tables
from loopline.store.attached import memory_limit
from loopline.store.lake import Lake, OutOfDate, Transaction, current_author, spill_folder
from loopline.store.recognise import Same as Same
from loopline.store.recognise import match_sql
from loopline.store.stage import Problems, Stage
from loopline.store.tables import SAMPLE_OWNER, SQL_TYPES, quoted
from loopline.store.tags import check_tags

Existing = Literal["keep", "append", "replace"]
"""What happens to new labels of a sample that has labels in that field already:
keep      the old ones stay, the new ones are not added (so adding a file twice adds nothing twice)
append    the new ones are added to the old ones
replace   the old ones are deleted"""

Probe = Callable[[pa.Table], Iterator[pa.RecordBatch]]
"""Looks at media files: (n, place int64, root string, path string) in; out, for each row, `place` and any of
media, mime, width, height, size_bytes, content_hash, duration_s, fps, frame_count, and `error`, in any order."""

_PROBED: Final = ("media", "mime", "width", "height", "size_bytes", "content_hash", "duration_s", "fps", "frame_count")
IMPORT_MEMORY: Final = "512MB"
"""What the engine may hold of an import before it sorts on disk: the rows of a million pictures are as much again."""

_NAMED: Final = 20  # rows named one by one for each fault that is found by SQL


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
    the new values win. Samples whose media cannot be read still
    arrive, with the size that the label file states, and are reported.
    Raises NothingAdded when the stream holds no usable row; then the lake is as it was.
    """
    if tags:
        check_tags(tags)
    with Stage(spill_folder(lake)) as stage:
        for event in events:
            stage.take(event)
        with lake.reading() as con:
            generation = lake.generation
            seen = _register(con, stage, probe)
            report = _commit(lake, con, generation, stage, seen, verb, message, existing, same, tags)
    return replace(report, snapshot=lake.snapshot())


def _commit(
    lake: Lake,
    con: duckdb.DuckDBPyConnection,
    generation: int,
    stage: Stage,
    seen: _Seen,
    verb: str,
    message: str,
    existing: Existing,
    same: Same,
    tags: tuple[str, ...],
) -> AddReport:
    def body(tx: Transaction) -> AddReport:
        return _Writer(tx, stage, seen, existing, same, tags).run()

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
            _move(con, new, stage, seen)
            return _commit(lake, new, generation, stage, seen, verb, message, existing, same, tags)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The staged rows as the connection sees them: views named by kind, with the columns that each has."""

    samples: frozenset[str]  # columns of the view `_samples`; empty: no pictures in the stream
    probed: bool  # is there a table `_probed`
    labels: tuple[tuple[str, str, str, frozenset[str]], ...]  # field, match, view, columns


def _register(con: duckdb.DuckDBPyConnection, stage: Stage, probe: Probe | None) -> _Seen:
    samples = _register_samples(con, stage)
    if samples:
        _keep_first(con, stage.problems)
        _make_view(con)
        if probe is not None:
            _look(con, stage.problems, probe)
    return _Seen(samples, probed=bool(samples) and probe is not None, labels=_register_labels(con, stage))


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


def _move(old: duckdb.DuckDBPyConnection, new: duckdb.DuckDBPyConnection, stage: Stage, seen: _Seen) -> None:
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
            f"SELECT place, key::VARCHAR, path FROM _staged_samples WHERE ({by}) IN "
            f"(SELECT ({by}) FROM _staged_samples GROUP BY {by} HAVING count(*) > 1) "
            f"QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY place) > 1 ORDER BY place"
        ).fetchall()
        for place, key, path in again:
            if place not in twice:
                problems.add(Problem("skipped", what, f"{path} (id {key})", "the first one counts"))
        twice.update(place for place, *_ in again)
    con.execute("CREATE OR REPLACE TEMP TABLE _twice AS SELECT unnest(?::BIGINT[]) AS place", [sorted(twice)])


def _make_view(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP VIEW _samples AS FROM _staged_samples WHERE place NOT IN (SELECT place FROM temp._twice)"
    )


def _look(con: duckdb.DuckDBPyConnection, problems: Problems, probe: Probe) -> None:
    """Make the table `_probed`: what the media files themselves say."""
    files = con.execute("SELECT place, root::VARCHAR AS root, path FROM _samples ORDER BY place").to_arrow_table()
    columns = ", ".join(f"{name} {SQL_TYPES[SAMPLE_COLUMNS[name]]}" for name in _PROBED)
    con.execute(f"CREATE OR REPLACE TEMP TABLE _probed (place BIGINT, {columns}, error VARCHAR)")
    for batch in probe(files):
        con.register("_batch", pa.Table.from_batches([batch]))
        con.execute("INSERT INTO temp._probed BY NAME FROM _batch")
        con.unregister("_batch")
    broken = "FROM temp._probed p JOIN _samples s USING (place) WHERE p.error IS NOT NULL"
    for error, count in con.execute(f"SELECT p.error, count(*) {broken} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall():
        what = f"media not readable: {error}"
        named = con.execute(
            f"SELECT s.root::VARCHAR, s.path {broken} AND p.error = ? ORDER BY place LIMIT ?", [error, _NAMED]
        ).fetchall()
        for root, path in named:
            problems.add(Problem("warning", what, f"{root.rstrip('/')}/{path}", "mend the file and add it again"))
        problems.counts["warning", what] += count - len(named)


class _Writer:
    """One run of an import's transaction; made anew for each try."""

    def __init__(
        self, tx: Transaction, stage: Stage, seen: _Seen, existing: Existing, same: Same, tags: tuple[str, ...]
    ) -> None:
        self.tx = tx
        self.stage = stage
        self.seen = seen
        self.existing = existing
        self.same = same
        self.tags = tags
        self.problems = stage.problems.copy()

    def run(self) -> AddReport:
        self._grow_schema()
        added, known = self._samples()
        objects: dict[str, int] = {}
        kept: dict[str, int] = {}
        tag_count = 0
        for number, (name, match, view, columns) in enumerate(self.seen.labels):
            self._resolve(name, match, view, columns, f"_rows_{number}")
            kept[name] = kept.get(name, 0) + self._make_room(name, f"_rows_{number}")
        for number, (name, _, view, columns) in enumerate(self.seen.labels):
            new, tagged = self._labels(name, view, columns, f"_rows_{number}")
            objects[name] = objects.get(name, 0) + new
            tag_count += tagged
        tag_count += self._sample_tags()
        if not (added or known or any(objects.values()) or any(kept.values())):
            raise self._nothing()
        self.tx.details.update(samples=added, objects=objects)
        return AddReport(
            samples_added=added,
            samples_known=known,
            objects_added=objects,
            objects_known={name: n for name, n in kept.items() if n},
            tags_added=tag_count,
            unreadable=self.tx.number("SELECT count(*) FROM temp._probed WHERE error IS NOT NULL")
            if self.seen.probed
            else 0,
            problems=tuple(self.problems.kept),
            counts=dict(self.problems.counts),
        )

    def _grow_schema(self) -> None:
        """Add the fields, attributes, classes and columns that the stream brings."""
        schema = self.tx.schema()
        for name, found in self.stage.fields.items():
            if schema.has_field(name):
                before = schema.field(name)
                tables.store_field(self.tx, before, before.merged(found))
            else:
                schema.check_new(name, "label field")
                tables.add_field(self.tx, found)
        for column in self.stage.columns.values():
            if column.name not in schema.sample_columns():
                schema.check_new(column.name, "sample column")
                tables.add_column(self.tx, column)
            elif column.name not in SAMPLE_COLUMNS:
                fit.check_type(schema.column(column.name), column)

    def _nothing(self) -> NothingAdded:
        first = "; ".join(f"{p.where}: {p.what}" for p in self.problems.kept[:3])
        return NothingAdded(
            "nothing in it could be added"
            + (f" ({sum(self.problems.counts.values())} problems, first: {first})" if first else ""),
            hint="see that the path, the format and the picture folder are the right ones",
            problems=self.problems.kept,
            counts=self.problems.counts,
        )

    def _samples(self) -> tuple[int, int]:
        """Insert the samples that are new; make the table `_keys` (key → id) of all of them. How many new, known."""
        if not self.seen.samples:
            return 0, 0
        samples = self.tx.table("samples")
        staged = "s.content_hash" if "content_hash" in self.seen.samples else None
        join = "LEFT JOIN temp._probed p USING (place)" if self.seen.probed else ""
        if self.seen.probed:
            staged = f"coalesce(p.content_hash, {staged})" if staged else "p.content_hash"
        self.tx.execute(match_sql(samples, self.same, staged, join))
        fresh, total, last = self.tx.one(
            "SELECT count(*) FILTER (fresh AND place = leader), count(*), max(place) FROM temp._keys"
        )
        assert isinstance(fresh, int)
        assert isinstance(total, int)
        assert isinstance(last, int)
        values = self._sample_values()
        source = f"FROM _samples s JOIN temp._keys k USING (place) {join}"
        for column in self._own_columns():
            tables.store(self.tx, column, self._fitted(column, values[column.name], source))
        if total > fresh:
            self._fill(samples, values, source)
        if fresh:
            # The place in the file gives the key: gaps where rows were left out do no harm.
            first = self.tx.reserve("sample", last + 1)
            self.tx.execute("UPDATE temp._keys SET id = ? + leader WHERE fresh", [first])
            self.tx.execute(
                f"INSERT INTO {samples} ({', '.join(quoted(name) for name in values)}) SELECT {', '.join(values.values())} "
                f"{source} WHERE k.fresh AND k.place = k.leader ORDER BY k.id"
            )
        return fresh, total - fresh

    def _own_columns(self) -> list[Column]:
        """The user's columns that the stream has values for, as the data set has them."""
        known = {c.name: c for c in self.tx.schema().columns}
        return [known[n] for n in sorted(self.seen.samples) if n in self.stage.columns and n in known]

    def _fill(self, samples: str, values: Mapping[str, str], source: str) -> None:
        """Give samples that are there already the values that they lack (with "replace": all that the stream has)."""
        names = [n for n in values if n not in ("id", "created_at", "path", "root", "media")]
        if self.seen.probed and self.existing == "replace":  # a file that can be read knows better than a label file
            values = {**values, **{n: f"p.{n}" for n in _PROBED}}
        if not names:
            return
        new, old = ("n.{0}", "t.{0}") if self.existing == "replace" else ("t.{0}", "n.{0}")
        merged = {quoted(n): f"coalesce({new.format(quoted(n))}, {old.format(quoted(n))})" for n in names}
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE _fill AS SELECT k.id AS _id, {', '.join(f'{values[n]} AS {quoted(n)}' for n in names)} "
            f"{source} WHERE NOT k.fresh QUALIFY row_number() OVER (PARTITION BY k.id ORDER BY k.place) = 1"
        )
        differs = " OR ".join(f"{value} IS DISTINCT FROM t.{name}" for name, value in merged.items())
        self.tx.execute(
            f"UPDATE {samples} AS t SET {', '.join(f'{name} = {value}' for name, value in merged.items())} "
            f"FROM temp._fill n WHERE t.id = n._id AND ({differs})"
        )

    def _sample_values(self) -> dict[str, str]:
        """SQL for each column of a new sample: what the media file says, else what the label file says."""
        values = {"id": "k.id", "created_at": "now()::TIMESTAMP", "media": "'image'"}
        for name in sorted(self.seen.samples):
            if name in SAMPLE_COLUMNS and name not in values:
                values[name] = f"s.{quoted(name)}::{SQL_TYPES[SAMPLE_COLUMNS[name]]}"
        for column in self._own_columns():
            values[column.name] = self._value(column, f"s.{quoted(column.name)}")
        if "created_at" in self.seen.samples:  # a copy keeps the day on which the row was first added
            values["created_at"] = "coalesce(s.created_at::TIMESTAMP, now()::TIMESTAMP)"
        if "media" in self.seen.samples:
            values["media"] = "coalesce(s.media, 'image')"
        if self.seen.probed:
            for name in _PROBED:
                values[name] = f"coalesce(p.{name}, {values[name]})" if name in values else f"p.{name}"
        return values

    def _value(self, column: Column, staged: str) -> str:
        """SQL that turns a staged value into the column's type; JSON columns hold JSON text."""
        if column.type != "json":
            return f"{staged}::{SQL_TYPES[column.type]}"
        return f"CASE WHEN typeof({staged}) = 'VARCHAR' OR {staged} IS NULL THEN {staged}::VARCHAR ELSE to_json({staged})::VARCHAR END"

    def _make_room(self, name: str, rows: str) -> int:
        """Sort out the samples that have labels in the field already; how many of the new rows stay out for them."""
        if self.existing == "append":
            return 0
        target = self.tx.table(self.tx.schema().field(name).table)
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE _held AS SELECT DISTINCT sample_id FROM {target} WHERE sample_id IN (SELECT sample_id FROM temp.{rows})"
        )
        if not self.tx.number("SELECT count(*) FROM temp._held"):
            return 0
        if self.existing == "replace":
            self._forget(name, target)
            return 0
        return self.tx.number(f"DELETE FROM temp.{rows} WHERE sample_id IN (FROM temp._held)")

    def _labels(self, name: str, view: str, columns: frozenset[str], rows: str) -> tuple[int, int]:
        """Insert the rows of one field; how many they are, and how many tags they brought."""
        count = self.tx.number(f"SELECT count(*) FROM temp.{rows}")
        if not count:
            return 0, 0
        self._list_classes(name, rows)
        self._widen_attributes(name, view, columns, rows)
        label_field = self.tx.schema().field(name)
        target = self.tx.table(label_field.table)
        first = self.tx.reserve("object", self.tx.number(f"SELECT max(place) + 1 FROM temp.{rows}"))
        own = {a.name: a for a in label_field.attributes}
        values = {"id": f"{first} + r.place", "sample_id": "r.sample_id", "label": "r.label"}
        for column, kind in label_field.columns().items():
            if column in columns and column not in values:
                staged = f"l.{quoted(column)}"
                values[column] = self._value(own[column], staged) if column in own else f"{staged}::{SQL_TYPES[kind]}"
        source = f"FROM {view} l JOIN temp.{rows} r USING (place)"
        self.tx.execute(
            f"INSERT INTO {target} ({', '.join(quoted(n) for n in values)}) SELECT {', '.join(values.values())} {source} ORDER BY r.sample_id, r.place"
        )
        tagged = (
            self._insert_tags(name, f"SELECT {values['id']} AS id, unnest(l.tags) AS tag {source}")
            if "tags" in columns
            else 0
        )
        return count, tagged

    def _forget(self, name: str, target: str) -> None:
        gone = f"SELECT id FROM {target} WHERE sample_id IN (FROM temp._held)"
        self.tx.execute(f"DELETE FROM {self.tx.table('tag')} WHERE owner = ? AND owner_id IN ({gone})", [name])
        self.tx.execute(f"DELETE FROM {target} WHERE sample_id IN (FROM temp._held)")

    def _resolve(self, name: str, match: str, view: str, columns: frozenset[str], rows: str) -> None:
        """Make the table `rows`: place, sample_id, label of the staged rows that have a sample and a class."""
        if match:
            self._match_column(match, view)
        elif not self.seen.samples:
            raise FormatError(f'labels of "{name}" name pictures that the file does not list')
        keys = "temp._matched" if match else "temp._keys"
        label, join, fault = ("l.label::VARCHAR" if "label" in columns else "NULL::VARCHAR"), "", "FALSE"
        if "class_code" in columns:
            codes = self.stage.codes.get(name, {})
            self.tx.execute(
                "CREATE OR REPLACE TEMP TABLE _codes AS SELECT unnest(?::BIGINT[]) AS code, unnest(?::VARCHAR[]) AS label",
                [list(codes), list(codes.values())],
            )
            label, join = "c.label", "LEFT JOIN temp._codes c ON c.code = l.class_code"
            fault = "c.code IS NULL AND l.class_code IS NOT NULL"
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE {rows} AS SELECT l.place, k.id AS sample_id, {label} AS label, {fault} AS unlisted "
            f"FROM {view} l LEFT JOIN {keys} k ON k.key = l.sample_key {join}"
        )
        lost = (
            "it names a picture that is not in the data set"
            if match
            else "it names a picture that the file does not list"
        )
        self._leave_out(
            rows, "r.sample_id IS NULL", name, view, lost, "sample_key", "add the picture, or take the row out"
        )
        if "class_code" in columns:
            self._leave_out(
                rows, "r.unlisted", name, view, "it names a class that is not listed", "class_code", "list the class"
            )

    def _list_classes(self, name: str, rows: str) -> None:
        """Give the field the classes that its rows have and it does not list yet, in the order they appear."""
        seen = self.tx.execute(
            f"SELECT label FROM temp.{rows} WHERE label IS NOT NULL GROUP BY label ORDER BY min(place)"
        ).fetchall()
        label_field = self.tx.schema().field(name)
        unlisted = tuple(label for (label,) in seen if label not in label_field.classes)
        if unlisted:
            tables.store_field(self.tx, label_field, replace(label_field, classes=label_field.classes + unlisted))

    def _widen_attributes(self, name: str, view: str, columns: frozenset[str], rows: str) -> None:
        label_field = self.tx.schema().field(name)
        source = f"FROM {view} l JOIN temp.{rows} r USING (place)"
        attributes = tuple(
            self._fitted(a, self._value(a, f"l.{quoted(a.name)}"), source) if a.name in columns else a
            for a in label_field.attributes
        )
        tables.store_field(self.tx, label_field, replace(label_field, attributes=attributes))

    def _fitted(self, column: Column, value: str, source: str) -> Column:
        column, problems = fit.widened(self.tx.con, column, value, source)
        for problem in problems:
            self.problems.add(problem)
        return column

    def _match_column(self, match: str, view: str) -> None:
        """Make `_matched`: the samples that the rows name by a column; a value that two samples share is left out."""
        if match not in self.tx.schema().sample_columns():
            raise FormatError(
                f'these labels name pictures by "{match}", and no picture of the data set has that',
                hint="add the pictures with their own label file first",
            )
        column = quoted(match)
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE _matched AS SELECT {column} AS key, any_value(id) AS id, count(*) AS shared "
            f"FROM {self.tx.table('samples')} WHERE {column} IN (SELECT sample_key FROM {view}) GROUP BY 1"
        )
        for (key,) in self.tx.execute(
            "SELECT key::VARCHAR FROM temp._matched WHERE shared > 1 ORDER BY 1 LIMIT ?", [_NAMED]
        ).fetchall():
            self.problems.add(
                Problem(
                    "warning",
                    f"several pictures have this {match}",
                    f"{match} {key}",
                    "add the labels to one split at a time",
                )
            )
        self.tx.execute("DELETE FROM temp._matched WHERE shared > 1")

    def _leave_out(self, rows: str, condition: str, name: str, view: str, what: str, column: str, hint: str) -> None:
        """Delete the rows that have a fault; count them all, name the first ones."""
        named = self.tx.execute(
            f"SELECT place, l.{column}::VARCHAR FROM {view} l JOIN temp.{rows} r USING (place) WHERE {condition} ORDER BY place LIMIT {_NAMED}"
        ).fetchall()
        if not named:
            return
        word = "class" if column == "class_code" else "picture"
        for place, value in named:
            self.problems.add(Problem("skipped", what, f"{name} row {place + 1} ({word} {value})", hint))
        total = self.tx.number(f"DELETE FROM temp.{rows} AS r WHERE {condition}")
        self.problems.counts["skipped", what] += total - len(named)

    def _sample_tags(self) -> int:
        if not self.seen.samples:
            return 0
        count = 0
        if "tags" in self.seen.samples:
            count = self._insert_tags(
                SAMPLE_OWNER, "SELECT k.id, unnest(s.tags) AS tag FROM _samples s JOIN temp._keys k USING (place)"
            )
        for tag in self.tags:
            count += self._insert_tags(SAMPLE_OWNER, f"SELECT id, {_literal(tag)} AS tag FROM temp._keys")
        return count

    def _insert_tags(self, owner: str, rows: str) -> int:
        tag = self.tx.table("tag")
        return self.tx.number(
            f"INSERT INTO {tag} SELECT DISTINCT ?, id, tag, ?, now()::TIMESTAMP FROM ({rows}) "
            f"WHERE tag IS NOT NULL AND (id, tag) NOT IN (SELECT (owner_id, tag) FROM {tag} WHERE owner = ?)",
            [owner, current_author(), owner],
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
