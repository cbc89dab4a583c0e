"""From a stream of events to rows of the lake, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import pyarrow as pa

from loopline.errors import FormatError, NothingAdded
from loopline.kernel.exchange import Event, Problem
from loopline.kernel.schema import SAMPLE_COLUMNS, Column, LabelField
from loopline.store import tables
from loopline.store.lake import Lake, Transaction
from loopline.store.stage import Problems, Stage, StagedLabels
from loopline.store.tables import SAMPLE_OWNER, SQL_TYPES, quoted

Existing = Literal["keep", "append", "replace"]
"""What happens to new labels of a sample that has labels in that field already:
keep      the old ones stay, the new ones are not added (so adding a file twice adds nothing twice)
append    the new ones are added to the old ones
replace   the old ones are deleted"""

Probe = Callable[[pa.Table], Iterator[pa.RecordBatch]]
"""Looks at media files: (n, place int64, root string, path string) in; out, for each row, `place` and any of
media, mime, width, height, size_bytes, content_hash, duration_s, fps, frame_count, and `error`, in any order."""

_PROBED: Final = ("media", "mime", "width", "height", "size_bytes", "content_hash", "duration_s", "fps", "frame_count")
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
    probe: Probe | None = None,
    tags: tuple[str, ...] = (),
) -> AddReport:
    """Take a whole stream of events into the lake.

    A sample is the same as one that is there when root and path are equal. Samples whose media cannot be read still
    arrive, with the size that the label file states, and are reported.
    Raises NothingAdded when the stream holds no usable row; then the lake is as it was.
    """
    with lake.reading() as con:
        stage = Stage(con)
        try:
            for event in events:
                stage.take(event)
            _check_samples(stage)
            probed = _probe(stage, probe)
            before = replace(_problems_copy(stage.problems))
            report = lake.commit(
                verb,
                lambda tx: _Writer(tx, stage, existing, tags, _problems_copy(before), probed).run(),
                message=message or verb,
                con=con,
            )
        finally:
            stage.close()
    return replace(report, snapshot=lake.snapshot())


def _problems_copy(problems: Problems) -> Problems:
    return Problems(list(problems.kept), problems.counts.copy())


def _check_samples(stage: Stage) -> None:
    """Leave only the first of the rows that share a key or a path."""
    if not stage.has_samples():
        return
    for column, what in (("key", "the same picture id twice"), ("path", "the same picture path twice")):
        by = column if column == "key" else "root, path"
        _drop(
            stage,
            f"SELECT rowid, {column}::VARCHAR, path FROM {stage.samples} QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY rowid) > 1",
            stage.samples,
            what,
            "the first one counts",
        )


def _drop(stage: Stage, faulty: str, table: str, what: str, hint: str) -> None:
    """Delete rows (rowid, name, place) from a staged table, each counted and the first ones named."""
    rows = stage.con.execute(f"SELECT count(*) FROM ({faulty})").fetchone()
    total = int(rows[0]) if rows else 0
    if not total:
        return
    named = stage.con.execute(f"SELECT * EXCLUDE (rowid) FROM ({faulty}) ORDER BY rowid LIMIT {_NAMED}").fetchall()
    for name, place in named:
        stage.problems.add(Problem("skipped", what, f"{place} (id {name})", hint))
    stage.problems.counts["skipped", what] += total - len(named)
    stage.con.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM ({faulty}))")


def _probe(stage: Stage, probe: Probe | None) -> str | None:
    """Look at the media of all staged samples; the name of the table with what was seen."""
    if probe is None or not stage.has_samples():
        return None
    table = f"{stage.catalog}.probed"
    files = stage.con.execute(f"SELECT rowid AS place, root, path FROM {stage.samples} ORDER BY rowid").to_arrow_table()
    columns = ", ".join(f"{name} {SQL_TYPES[SAMPLE_COLUMNS[name]]}" for name in _PROBED)
    stage.con.execute(f"CREATE TABLE {table} (place BIGINT, {columns}, error VARCHAR)")
    for batch in probe(files):
        stage.con.register("_seen", pa.Table.from_batches([batch]))
        stage.con.execute(f"INSERT INTO {table} BY NAME FROM _seen")
        stage.con.unregister("_seen")
    for root, path, error in stage.con.execute(
        f"SELECT s.root, s.path, p.error FROM {table} p JOIN {stage.samples} s ON s.rowid = p.place WHERE p.error IS NOT NULL ORDER BY p.place LIMIT 500"
    ).fetchall():
        stage.problems.add(
            Problem(
                "warning",
                f"media not readable: {error}",
                f"{root.rstrip('/')}/{path}",
                "mend the file and add it again",
            ),
            0,
        )
    for error, n in stage.con.execute(
        f"SELECT error, count(*) FROM {table} WHERE error IS NOT NULL GROUP BY 1"
    ).fetchall():
        stage.problems.counts["warning", f"media not readable: {error}"] += n
    return table


class _Writer:
    """One run of an import's transaction; made anew for each try."""

    def __init__(
        self,
        tx: Transaction,
        stage: Stage,
        existing: Existing,
        tags: tuple[str, ...],
        problems: Problems,
        probed: str | None,
    ) -> None:
        self.tx = tx
        self.stage = stage
        self.existing = existing
        self.tags = tags
        self.problems = problems
        self.probed = probed

    def run(self) -> AddReport:
        schema = self.tx.schema()
        for name, found in self.stage.fields.items():
            if schema.has_field(name):
                before = schema.field(name)
                tables.store_field(self.tx.execute, before, before.merged(found))
            else:
                schema.check_new(name, "label field")
                tables.add_field(self.tx.execute, found)
        known_columns = {c.name: c for c in schema.columns}
        for column in self.stage.columns.values():
            if column.name not in known_columns and column.name not in SAMPLE_COLUMNS:
                schema.check_new(column.name, "sample column")
                tables.add_column(self.tx.execute, column)
        unreadable = self._unreadable()
        added, known = self._samples()
        objects: dict[str, int] = {}
        kept: dict[str, int] = {}
        tag_count = 0
        for labels in self.stage.labels.values():
            new, old, tagged = self._labels(labels)
            objects[labels.name] = objects.get(labels.name, 0) + new
            kept[labels.name] = kept.get(labels.name, 0) + old
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
            unreadable=unreadable,
            problems=tuple(self.problems.kept),
            counts=dict(self.problems.counts),
        )

    def _nothing(self) -> NothingAdded:
        first = "; ".join(f"{p.where}: {p.what}" for p in self.problems.kept[:3])
        return NothingAdded(
            "nothing in it could be added"
            + (f" ({sum(self.problems.counts.values())} problems, first: {first})" if first else ""),
            hint="see that the path, the format and the picture folder are the right ones",
        )

    def _unreadable(self) -> int:
        return self.tx.number(f"SELECT count(*) FROM {self.probed} WHERE error IS NOT NULL") if self.probed else 0

    def _samples(self) -> tuple[int, int]:
        """Insert the samples that are new; make the table `_keys` (key → id) of all of them."""
        self.tx.execute("DROP TABLE IF EXISTS temp._keys")
        if not self.stage.has_samples():
            return 0, 0
        samples = self.stage.samples
        total = self.tx.number(f"SELECT count(*) FROM {samples}")
        # Only rows that are new get a key, so count them first; most imports go to a data set without these paths.
        self.tx.execute(
            f"""CREATE TEMP TABLE _keys AS
                SELECT s.rowid AS place, s.key, l.id, l.id IS NULL AS fresh
                FROM {samples} s LEFT JOIN (SELECT id, root, path FROM {self.tx.table("samples")}) l USING (root, path)"""
        )
        fresh = self.tx.number("SELECT count(*) FROM temp._keys WHERE fresh")
        if fresh:
            first = self.tx.reserve("sample", fresh)
            self.tx.execute(
                "UPDATE temp._keys SET id = n.id FROM (SELECT place, ? - 1 + row_number() OVER (ORDER BY place) AS id "
                "FROM temp._keys WHERE fresh) n WHERE n.place = temp._keys.place",
                [first],
            )
            values = self._sample_values()
            join = f"LEFT JOIN {self.probed} p ON p.place = s.rowid" if self.probed else ""
            names = ", ".join(quoted(name) for name in values)
            self.tx.execute(
                f"INSERT INTO {self.tx.table('samples')} ({names}) SELECT {', '.join(values.values())} "
                f"FROM {samples} s JOIN temp._keys k ON k.place = s.rowid {join} WHERE k.fresh ORDER BY k.id"
            )
        return fresh, total - fresh

    def _sample_values(self) -> dict[str, str]:
        """SQL for each column of a new sample: what the media file says, else what the label file says."""
        staged = self.stage.sample_columns()
        values = {"id": "k.id", "created_at": "now()::TIMESTAMP", "media": "'image'"}
        for name in staged:
            if name in SAMPLE_COLUMNS and name not in values:
                values[name] = f"s.{quoted(name)}::{SQL_TYPES[SAMPLE_COLUMNS[name]]}"
            elif name in self.stage.columns:
                values[name] = _as(self.stage.columns[name], staged[name], f"s.{quoted(name)}")
        if "media" in staged:
            values["media"] = "coalesce(s.media, 'image')"
        if self.probed:
            for name in _PROBED:
                values[name] = f"coalesce(p.{name}, {values[name]})" if name in values else f"p.{name}"
        return values

    def _labels(self, labels: StagedLabels) -> tuple[int, int, int]:
        """Insert the rows of one field; how many were new, were kept out, and how many tags they brought."""
        target = self.tx.table(f"label__{labels.name}")
        staged = self.stage.columns_of(labels)
        label_field = self.tx.schema().field(labels.name)
        self._resolve(labels, staged, label_field)
        held = 0
        if self.existing != "append":
            self.tx.execute(
                f"CREATE OR REPLACE TEMP TABLE _held AS SELECT DISTINCT sample_id FROM {target} "
                "WHERE sample_id IN (SELECT sample_id FROM temp._rows)"
            )
            if self.existing == "keep":
                held = self.tx.number("DELETE FROM temp._rows WHERE sample_id IN (SELECT sample_id FROM temp._held)")
            else:
                self._forget(labels.name, target)
        count = self.tx.number("SELECT count(*) FROM temp._rows")
        if not count:
            return 0, held, 0
        first = self.tx.reserve("object", count)
        values = self._label_values(staged, label_field, first)
        # A view, not a table: the staged rows are read once more, sorted, straight into the lake.
        rows = f"FROM temp._rows r JOIN {labels.table} l ON l.rowid = r.place"
        self.tx.execute(
            f"INSERT INTO {target} ({', '.join(quoted(n) for n in values)}) SELECT {', '.join(values.values())} {rows} ORDER BY r.sample_id, r.place"
        )
        tagged = 0
        if "tags" in staged:
            tagged = self._insert_tags(labels.name, f"SELECT {values['id']} AS id, unnest(l.tags) AS tag {rows}")
        return count, held, tagged

    def _forget(self, name: str, target: str) -> None:
        gone = f"SELECT id FROM {target} WHERE sample_id IN (SELECT sample_id FROM temp._held)"
        self.tx.execute(f"DELETE FROM {self.tx.table('tag')} WHERE owner = ? AND owner_id IN ({gone})", [name])
        self.tx.execute(f"DELETE FROM {target} WHERE sample_id IN (SELECT sample_id FROM temp._held)")

    def _resolve(self, labels: StagedLabels, staged: Mapping[str, str], label_field: LabelField) -> None:
        """Make `_rows`: place, sample_id, label, n (0-based, in the file's order) of the rows that have a sample and a class."""
        if labels.match:
            self._by_column(labels)
            keys = "temp._matched"
        elif self.stage.has_samples():
            keys = "temp._keys"
        else:
            raise FormatError(f'labels of "{labels.name}" name pictures that the file does not list')
        codes = self._codes(labels.name) if "class_code" in staged else None
        label = "c.label" if codes else ("l.label::VARCHAR" if "label" in staged else "NULL::VARCHAR")
        join = "LEFT JOIN temp._codes c ON c.code = l.class_code" if codes else ""
        code = "l.class_code" if codes else "NULL"
        self.tx.execute(
            f"""CREATE OR REPLACE TEMP TABLE _rows AS
                SELECT l.rowid AS place, k.id AS sample_id, {label} AS label, {code} AS code
                FROM {labels.table} l LEFT JOIN {keys} k ON k.key = l.sample_key {join}"""
        )
        what = (
            "it names a picture that is not in the data set"
            if labels.match
            else "it names a picture that the file does not list"
        )
        self._leave_out("sample_id IS NULL", labels, what, "sample_key", "add the picture, or take the row out")
        if codes is not None:
            self._leave_out(
                "label IS NULL AND code IS NOT NULL",
                labels,
                "it names a class that is not listed",
                "class_code",
                "list the class",
            )
        self.tx.execute(
            "CREATE OR REPLACE TEMP TABLE _rows AS SELECT *, row_number() OVER (ORDER BY place) - 1 AS n FROM temp._rows"
        )
        unlisted = [
            str(name)
            for (name,) in self.tx.execute(
                "SELECT label FROM temp._rows WHERE label IS NOT NULL GROUP BY label ORDER BY min(place)"
            ).fetchall()
            if name not in label_field.classes
        ]
        if unlisted and label_field.kind != "value":
            tables.store_field(
                self.tx.execute, label_field, replace(label_field, classes=(*label_field.classes, *unlisted))
            )

    def _codes(self, name: str) -> dict[int, str]:
        codes = self.stage.codes.get(name, {})
        self.tx.execute("CREATE OR REPLACE TEMP TABLE _codes (code BIGINT, label VARCHAR)")
        if codes:
            self.tx.execute(
                "INSERT INTO temp._codes SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[])",
                [list(codes), list(codes.values())],
            )
        return codes

    def _by_column(self, labels: StagedLabels) -> None:
        """Make `_matched`: the samples that the rows name by a column; a value that two samples share is left out."""
        schema = self.tx.schema()
        if labels.match not in schema.sample_columns():
            raise FormatError(
                f'these labels name pictures by "{labels.match}", and no picture of the data set has that',
                hint="add the pictures with their own label file first",
            )
        column = quoted(labels.match)
        self.tx.execute(
            f"CREATE OR REPLACE TEMP TABLE _matched AS SELECT {column} AS key, any_value(id) AS id, count(*) AS shared "
            f"FROM {self.tx.table('samples')} WHERE {column} IN (SELECT sample_key FROM {labels.table}) GROUP BY 1"
        )
        shared = self.tx.execute(
            "SELECT key::VARCHAR FROM temp._matched WHERE shared > 1 ORDER BY 1 LIMIT ?", [_NAMED]
        ).fetchall()
        for (key,) in shared:
            self.problems.add(
                Problem(
                    "skipped",
                    f"several pictures have this {labels.match}",
                    f"{labels.match} {key}",
                    "add the labels to one split at a time",
                ),
                0,
            )
        self.tx.execute("DELETE FROM temp._matched WHERE shared > 1")

    def _leave_out(self, condition: str, labels: StagedLabels, what: str, column: str, hint: str) -> None:
        total = self.tx.number(f"SELECT count(*) FROM temp._rows WHERE {condition}")
        if not total:
            return
        named = self.tx.execute(
            f"SELECT r.place, l.{column}::VARCHAR FROM temp._rows r JOIN {labels.table} l ON l.rowid = r.place WHERE {condition} "
            f"ORDER BY r.place LIMIT {_NAMED}"
        ).fetchall()
        word = "class" if column == "class_code" else "picture"
        for place, value in named:
            self.problems.add(Problem("skipped", what, f"{labels.name} row {place + 1} ({word} {value})", hint))
        self.problems.counts["skipped", what] += total - len(named)
        self.tx.execute(f"DELETE FROM temp._rows WHERE {condition}")

    def _label_values(self, staged: Mapping[str, str], label_field: LabelField, first: int) -> dict[str, str]:
        values = {"id": f"{first} + r.n", "sample_id": "r.sample_id", "label": "r.label"}
        own = {a.name: a for a in label_field.attributes}
        for name, kind in label_field.columns().items():
            if name in values or name not in staged:
                continue
            values[name] = (
                _as(own[name], staged[name], f"l.{quoted(name)}")
                if name in own
                else f"l.{quoted(name)}::{SQL_TYPES[kind]}"
            )
        return values

    def _sample_tags(self) -> int:
        count = 0
        if self.stage.has_samples() and "tags" in self.stage.sample_columns():
            count += self._insert_tags(
                SAMPLE_OWNER,
                f"SELECT k.id, unnest(s.tags) AS tag FROM {self.stage.samples} s JOIN temp._keys k ON k.place = s.rowid",
            )
        for tag in self.tags:
            if self.stage.has_samples():
                count += self._insert_tags(SAMPLE_OWNER, f"SELECT id, {_literal(tag)} AS tag FROM temp._keys")
        return count

    def _insert_tags(self, owner: str, rows: str) -> int:
        from loopline.store.lake import current_author

        tag = self.tx.table("tag")
        return self.tx.number(
            f"INSERT INTO {tag} SELECT DISTINCT ?, id, tag, ?, now()::TIMESTAMP FROM ({rows}) "
            f"WHERE tag IS NOT NULL AND (id, tag) NOT IN (SELECT (owner_id, tag) FROM {tag} WHERE owner = ?)",
            [owner, current_author(), owner],
        )


def _as(column: Column, staged_type: str, value: str) -> str:
    """SQL that turns a staged value into the column's type; JSON columns hold JSON text."""
    if column.type == "json" and staged_type != "VARCHAR":
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE to_json({value})::VARCHAR END"
    return f"{value}::{SQL_TYPES[column.type]}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


__all__ = ["AddReport", "Existing", "Probe", "ingest"]
