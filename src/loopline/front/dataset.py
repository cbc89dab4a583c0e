"""A data set: the front of everything.

The verbs of the whole are methods here; those of one kind of thing hang off `columns`, `fields` and `labels`. Each is
a call of one function further down, which holds the rules and the docstring.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from loopline.errors import BadValue, ReadOnlyVersion
from loopline.front import splitting
from loopline.front._method import Method
from loopline.front.namespaces import Columns, Fields, Labels
from loopline.front.selection import Selection, object_ids, sample_ids
from loopline.kernel.expr import Expr
from loopline.kernel.schema import DatasetSchema
from loopline.query.builder import Built
from loopline.query.view import Expression, ObjectView, View
from loopline.store import diff as diffs
from loopline.store import edits, merge, tags, versions
from loopline.store import upkeep as upkeeps
from loopline.store import vectors as vector_store
from loopline.store.ingest import AddReport, Existing, Same, ingest
from loopline.store.lake import Lake
from loopline.store.vectors import Embedding, Ids, Matrix
from loopline.store.versions import LogEntry, Version, VersionLike

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from loopline.front import adding, exporting, predicting
    from loopline.front.evaluating import verb as evaluating
    from loopline.front.evaluating.stored import Evaluation
    from loopline.front.finding import similar as finding
    from loopline.front.finding.find import Find
    from loopline.runs.records import Run


@dataclass(frozen=True, slots=True)
class Info:
    """What a data set holds."""

    name: str
    location: str
    snapshot: int
    samples: int
    objects: Mapping[str, int]  # by label field
    tags: Mapping[str, int]  # samples by tag
    versions: tuple[str, ...]
    schema: DatasetSchema


class Dataset:
    """Samples with labels, every state of them kept. Made by `ll.create` and `ll.open`; a context manager.

    `ds.at("v1")` is the same data set as it was: everything reads, nothing writes.
    """

    def __init__(self, lake: Lake, snapshot: int | None = None) -> None:
        self._lake = lake
        self._snapshot = snapshot

    # -- itself

    @property
    def name(self) -> str:
        return self._lake.name

    @property
    def lake(self) -> Lake:
        """The store below, for code that extends Loopline."""
        return self._lake

    @property
    def schema(self) -> DatasetSchema:
        return self._lake.schema(self._snapshot)

    @property
    def snapshot(self) -> int:
        """Number of the snapshot that is read: the newest, or the one that `at` chose."""
        return self._lake.snapshot() if self._snapshot is None else self._snapshot

    @property
    def columns(self) -> Columns:
        return Columns(self.writable())

    @property
    def fields(self) -> Fields:
        return Fields(self.writable())

    @property
    def labels(self) -> Labels:
        return Labels(self.writable())

    def info(self) -> Info:
        schema = self.schema
        at = self.snapshot
        read = {name: self._lake.table(name, at) for name in ("samples", "tag", *(f.table for f in schema.fields))}

        def look(con: duckdb.DuckDBPyConnection) -> tuple[dict[str, int], dict[str, int]]:
            def count(table: str) -> int:
                row = con.execute(f"SELECT count(*) FROM {read[table]}").fetchone()
                return int(row[0]) if row else 0

            tags = con.execute(
                f"SELECT tag, count(*) FROM {read['tag']} WHERE owner = 'sample' GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
            return {table: count(table) for table in read if table != "tag"}, dict(tags)

        counts, tags = self._lake.look(look)
        objects = {f.name: counts[f.table] for f in schema.fields}
        names = tuple(v.name for v in self.versions())
        return Info(self.name, str(self._lake.location), at, counts["samples"], objects, tags, names, schema)

    @property
    def find(self) -> Find:
        """What is doubled, leaking, odd, lopsided, or worth labelling next: `ds.find.duplicates()` and others."""
        from loopline.front.finding.find import Find

        return Find(self.writable(), self.view())

    def close(self) -> None:
        self._lake.close()

    def __enter__(self) -> Dataset:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self.count()

    def __repr__(self) -> str:
        at = "" if self._snapshot is None else f" at snapshot {self._snapshot}"
        return f"<Dataset {self.name}{at}: {self.count():,} samples, fields {', '.join(f.name for f in self.schema.fields) or 'none'}>"

    def writable(self) -> Lake:
        """The store, to be changed. Raises ReadOnlyVersion where this is an earlier version."""
        if self._snapshot is not None:
            raise ReadOnlyVersion(
                f"this is {self.name} as it was at snapshot {self._snapshot}",
                where=str(self._lake.location),
                hint="restore it, or use the data set itself",
            )
        return self._lake

    # -- looking

    def view(self) -> View:
        """All samples; the start of every other view."""
        return View(self._lake, (), self._snapshot)

    def where(self, condition: Expression) -> View:
        return self.view().where(condition)

    def keep(self, field: str, condition: Expression) -> View:
        return self.view().keep(field, condition)

    def sort(self, *keys: Expression, descending: bool = False) -> View:
        return self.view().sort(*keys, descending=descending)

    def limit(self, n: int) -> View:
        return self.view().limit(n)

    def sample(self, n: int, *, seed: int = 0) -> View:
        return self.view().sample(n, seed=seed)

    def select(self, ids: Sequence[int]) -> View:
        return self.view().select(ids)

    def objects(self, field: str) -> ObjectView:
        return self.view().objects(field)

    def count(self) -> int:
        return self.view().count()

    def facets(self, name: Expression, *, limit: int | None = None) -> pa.Table:
        return self.view().facets(name, limit=limit)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        return self.view().to_arrow(columns)

    def to_polars(self) -> pl.DataFrame:
        return self.view().to_polars()

    def to_pandas(self) -> pd.DataFrame:
        return self.view().to_pandas()

    # -- verbs that live elsewhere, with this as their first argument

    if TYPE_CHECKING:
        add = adding.add
        preview = adding.preview
        export = exporting.export
        similar = finding.similar
        evaluate = evaluating.evaluate
        predict = predicting.predict
        embed = predicting.embed
    else:
        add = Method("loopline.front.adding", "add")
        preview = Method("loopline.front.adding", "preview")
        export = Method("loopline.front.exporting", "export")
        similar = Method("loopline.front.finding.similar", "similar")
        evaluate = Method("loopline.front.evaluating.verb", "evaluate")
        predict = Method("loopline.front.predicting", "predict")
        embed = Method("loopline.front.predicting", "embed")

    # -- in and out

    def copy_from(
        self,
        other: Dataset | View,
        *,
        existing: Existing = "keep",
        same: Same = "content",
        fields: Sequence[str] | None = None,
    ) -> AddReport:
        """Add the samples of another data set or view, with labels, attributes and tags. Media stay where they are.

        A picture that is here already (`same`: its content, or its path) is not added again; it gets the values and
        fields that it lacks. `existing` says what happens to labels of a field that it has: see `add`.
        """
        view = other.view() if isinstance(other, Dataset) else other
        engine = view.engine
        if not isinstance(engine, Lake):
            raise BadValue("only a data set or a view of one can be copied from")
        snapshot = view.snapshot if view.snapshot is not None else engine.snapshot()
        events = merge.events_of(engine, snapshot, view.ids() if view.ops else None, fields)
        return ingest(
            self.writable(), events, verb="copy", message=f"copy from {engine.name}", existing=existing, same=same
        )

    # -- changing

    def tag(self, which: Selection, *names: str, field: str | None = None) -> int:
        """Give samples tags, or objects where `which` is an object view or `field` is named; how many got one."""
        owner, ids = self._owned(which, field)
        return tags.add_tags(self.writable(), owner, ids, names)

    def untag(self, which: Selection, *names: str, field: str | None = None) -> int:
        """Take tags away; how many there were."""
        owner, ids = self._owned(which, field)
        return tags.remove_tags(self.writable(), owner, ids, names)

    def _owned(self, which: Selection, field: str | None) -> tuple[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        if isinstance(which, ObjectView):
            return which.field, which.ids()
        return (field, object_ids(self.view(), field, which)) if field else ("sample", sample_ids(self.view(), which))

    def set(self, column: str, values: object, *, at: Selection | None = None) -> int:
        """Set a sample column; how many samples got a value. The column has to be there: `ds.columns.add`.

        values  one value for all · {sample id: value} · one value for each sample of `at`, in its order · an expression
                (built with `F`), computed for each sample
        at      which samples; default all, or those of the dictionary
        """
        lake = self.writable()
        if isinstance(values, Mapping):
            if at is not None:
                raise BadValue("a dictionary names its samples itself", hint="leave `at` out")
            keys = np.fromiter(values.keys(), np.int64, len(values))
            return edits.set_column(lake, column, keys, list(values.values()))
        view = self.chosen(at)
        if isinstance(values, (Expr, Built)):
            return edits.set_column(lake, column, view.ids(), view.values(values))
        return edits.set_column(lake, column, view.ids(), values)

    def split(
        self,
        shares: Mapping[str, float],
        *,
        by: Expression | Sequence[Expression] = (),
        seed: int = 0,
        at: Selection | None = None,
    ) -> dict[str, int]:
        """Random splits, `{"train": 0.8, "val": 0.2}`; how many samples each got: see `front.splitting.split`."""
        view = self.chosen(at)
        return splitting.split(self.writable(), view, shares, by=by, seed=seed)

    def chosen(self, which: Selection | None) -> View:
        """Samples as a view; None: all."""
        if which is None:
            return self.view()
        return which if isinstance(which, View) else self.view().select(sample_ids(self.view(), which))

    def delete(self, which: Selection) -> int:
        """Delete samples with their labels and tags (their media files stay), or the objects of an object view."""
        if isinstance(which, ObjectView):
            return edits.delete_objects(self.writable(), which.field, which.ids())
        return edits.delete_samples(self.writable(), sample_ids(self.view(), which))

    # -- evaluations

    def evaluations(self) -> list[Evaluation]:
        """The stored evaluations, oldest first."""
        from loopline.front.evaluating import stored

        return stored.evaluations(self._lake, self._snapshot)

    def evaluation(self, key: str) -> Evaluation:
        """A stored evaluation. Raises UnknownField with near names."""
        from loopline.front.evaluating import stored

        return stored.evaluation(self._lake, key, self._snapshot)

    def rerun_evaluation(self, key: str, *, save_as: str | None = None, now: bool = False) -> Evaluation:
        """Measure once more with the settings of a stored evaluation: the same data and so the same numbers, or with
        `now` the data as it is. `save_as` stores it under a new key."""
        from loopline.front.evaluating.verb import rerun

        return rerun(self.evaluation(key), key=save_as, save=save_as is not None, now=now)

    def drop_evaluation(self, key: str) -> None:
        """Delete a stored evaluation with its matches; earlier snapshots still have it."""
        from loopline.runs import records

        records.drop_evaluation(self.writable(), key)

    def runs(self) -> list[Run]:
        """What ran: on which snapshot, with what, by which code, when."""
        from loopline.runs import records

        return records.runs(self._lake, self._snapshot)

    # -- embeddings

    def embeddings(self) -> list[Embedding]:
        """The embeddings there are, with the model and dimension of each."""
        return vector_store.embeddings(self._lake, self._snapshot)

    def vectors(self, key: str) -> tuple[Ids, Matrix]:
        """Ids, rising, and their vectors (n, dimension): see `store.vector_cache.vectors`."""
        from loopline.store.vector_cache import vectors

        return vectors(self._lake, key, snapshot=self._snapshot)

    def drop_embedding(self, key: str) -> None:
        """Drop an embedding; earlier versions keep it."""
        vector_store.drop_embedding(self.writable(), key)

    # -- versions

    def version(self, name: str, message: str = "", *, snapshot: int | None = None) -> Version:
        """Name the newest snapshot, or another."""
        return versions.name_version(self.writable(), name, message=message, snapshot=snapshot)

    def drop_version(self, name: str) -> None:
        """Take a name away; its snapshot stays until upkeep expires it."""
        versions.drop_version(self.writable(), name)

    def versions(self) -> list[Version]:
        return versions.versions(self._lake)

    def log(self, limit: int | None = None) -> list[LogEntry]:
        """What was done by whom and when, newest first."""
        return versions.log(self._lake, limit=limit)

    def at(self, version: VersionLike) -> Dataset:
        """The data set as it was at a version's name or a snapshot's number; it cannot be changed."""
        return Dataset(self._lake, versions.resolve(self._lake, version))

    def diff(self, before: VersionLike, after: VersionLike = "now") -> diffs.Diff:
        """What changed between two versions, by sample, object, column and attribute."""
        return diffs.diff(self._lake, versions.resolve(self._lake, before), versions.resolve(self._lake, after))

    def restore(self, version: VersionLike) -> int:
        """Make everything as it was at a version, as a new snapshot; its number."""
        return versions.restore(self.writable(), version)

    def blame(self, id: int, field: str | None = None) -> list[diffs.Change]:  # noqa: A002
        """Who changed what of a sample, or of an object of `field`, newest first."""
        return diffs.blame(self._lake, field or "sample", id)

    def upkeep(self, *, expire_older_than: dt.timedelta | None = None, dry_run: bool = False) -> upkeeps.UpkeepReport:
        """Merge small files, forget old unnamed snapshots, delete unused files."""
        return upkeeps.upkeep(self.writable(), expire_older_than=expire_older_than, dry_run=dry_run)
