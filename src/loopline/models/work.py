"""A model over many samples: decode, infer and write at the same time; stop, be killed, go on.

predict and embed say what is written; this file says how the work runs.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from filelock import FileLock, Timeout

from loopline.errors import Conflict
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.kernel.exchange import Problem
from loopline.models.carded import usable_cores
from loopline.models.journal import Batch, Journal
from loopline.models.protocol import About, Picture
from loopline.models.stream import Item, Ready, read_ahead
from loopline.runs.records import Run, now_utc, runs, start_run
from loopline.store.lake import Lake, Transaction

COMMIT_EVERY_S: Final = 10.0
"""How much work waits in the journal for a commit."""

_SEEN: Final = "run_seen"
_SEEN_COLUMNS: Final = "run BIGINT, sample_id BIGINT, problem VARCHAR, frame BIGINT"  # frame: a video's, to go on with
_NAMED: Final = 100  # problems named one by one; all are counted


@dataclass(frozen=True, slots=True)
class WorkReport:
    """What a run of a model did.

    model_s  seconds inside the model, of `elapsed_s` in all
    """

    run: int
    target: str
    model: str
    samples: int  # looked at in this call
    skipped: int  # were done before
    rows: int  # objects, or vectors, that were written
    failed: int  # could not be decoded; they are tried again on the next resume
    elapsed_s: float
    model_s: float
    problems: tuple[Problem, ...] = ()  # the first ones
    counts: Mapping[str, int] = field(default_factory=dict)  # what was wrong → samples
    frames: int = 0  # of videos, that were looked at
    pictures: int = 0  # that were looked at, frames among them

    @property
    def rate(self) -> float:
        """Pictures and frames a second."""
        return self.pictures / self.elapsed_s if self.elapsed_s > 0 else 0.0


class Target(Protocol):
    """Where the rows of a run go, and what is there already."""

    def put(self, tx: Transaction, rows: pa.Table) -> None:
        """Write rows of some batches inside a transaction."""


class Items(Protocol):
    """What a run goes through; made as it goes."""

    def __len__(self) -> int:
        """How many samples there are."""

    @property
    def pictures(self) -> int:
        """How many pictures and frames, about."""

    def __iter__(self) -> Iterator[Item]: ...


def last_run(lake: Lake, kind: str, target: str) -> Run | None:
    """The newest run of a kind ("predict", "embed") into a field or key."""
    found = [run for run in runs(lake) if run.kind == kind and run.parameters.get("target") == target]
    return found[-1] if found else None


def new_run(tx: Transaction, kind: str, target: str, about: About, settings: Mapping[str, Any], snapshot: int) -> int:
    """Write a run down as running, inside a transaction; its number."""
    told = {"target": target, "model": about.name, "fingerprint": about.fingerprint, **settings}
    number = start_run(tx, kind, snapshot=snapshot, parameters=told, started_at=now_utc(), status="running")
    tx.execute(f"CREATE TABLE IF NOT EXISTS {tx.table(_SEEN)} ({_SEEN_COLUMNS})")
    return number


def seen(lake: Lake, run: int) -> npt.NDArray[np.int64]:
    """Ids of the samples that a run has looked at, but for those that could not be read."""

    def ask(con: duckdb.DuckDBPyConnection) -> npt.NDArray[np.int64]:
        sql = f"SELECT sample_id FROM {lake.table(_SEEN)} WHERE run = ? AND problem IS NULL"
        try:
            found = con.execute(f"{sql} AND frame IS NULL", [run])
        except duckdb.BinderException:  # kept before there were frames
            found = con.execute(sql, [run])
        return np.array(found.to_arrow_table()["sample_id"].to_numpy(), np.int64)

    return lake.read(ask)


def begun(lake: Lake, run: int) -> dict[int, int]:
    """Videos that a run has looked at in part: sample id → the frame to go on with."""

    def ask(con: duckdb.DuckDBPyConnection) -> dict[int, int]:
        sql = f"SELECT sample_id, max(frame) FROM {lake.table(_SEEN)} WHERE run = ? AND frame IS NOT NULL GROUP BY 1"
        try:
            return dict(con.execute(sql, [run]).fetchall())
        except duckdb.BinderException:
            return {}

    return lake.read(ask)


@contextmanager
def alone(lake: Lake, target: str) -> Iterator[None]:
    """No other process writes to this field or key. Raises Conflict."""
    folder = lake.location.cache / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{target}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Conflict(
            f'a model is being run into "{target}" already', where=str(lake.location), hint="wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def journal_of(lake: Lake, run: int) -> Journal:
    return Journal(lake.location.cache / "runs" / str(run))


def recover(lake: Lake, run: int, target: Target) -> None:
    """Commit what a killed process left in the journal."""
    journal = journal_of(lake, run)
    done, partly = seen(lake, run), begun(lake, run)
    left = [
        batch
        for batch in journal.batches()
        if not np.isin(batch.samples, done).any()
        and not any(partly.get(sample, -1) >= frame for sample, frame in batch.begun.items())
    ]
    _commit(lake, run, target, left, finished=False)
    journal.clear()


def _commit(lake: Lake, run: int, target: Target, batches: Sequence[Batch], *, finished: bool) -> None:
    """One transaction: rows, which samples are done, and the end of the run."""
    if not batches and not finished:
        return
    samples = dict.fromkeys(s for batch in batches for s in batch.samples)
    problems = {s: why for batch in batches for s, why in batch.problems.items()}
    frames = {s: frame for batch in batches for s, frame in batch.begun.items() if s not in samples}
    tables = [batch.rows for batch in batches if batch.rows.num_rows]

    def body(tx: Transaction) -> None:
        if tables:
            target.put(tx, pa.concat_tables(tables, promote_options="default"))
        ids = [*samples, *problems, *(s for s in frames if s not in problems)]
        told = pa.table(
            {
                "run": pa.array([run] * len(ids), pa.int64()),
                "sample_id": pa.array(ids, pa.int64()),
                "problem": pa.array(list(map(problems.get, ids)), pa.string()),
                "frame": pa.array(list(map(frames.get, ids)), pa.int64()),
            }
        )
        if told.num_rows:
            tx.execute(f"ALTER TABLE {tx.table(_SEEN)} ADD COLUMN IF NOT EXISTS frame BIGINT")
            tx.con.register("_told", told)
            # A sample that failed before or was done in part has one row for what it is now.
            tx.execute(
                f"DELETE FROM {tx.table(_SEEN)} WHERE run = ? AND (problem IS NOT NULL OR frame IS NOT NULL) "
                "AND sample_id IN (SELECT sample_id FROM _told)",
                [run],
            )
            tx.execute(f"INSERT INTO {tx.table(_SEEN)} BY NAME SELECT * FROM _told")
            tx.con.unregister("_told")
        if finished:
            tx.execute(f"UPDATE {tx.table('run')} SET status = 'done', finished_at = ? WHERE id = ?", [now_utc(), run])
        tx.details.update(run=run, samples=len(samples), failed=len(problems))

    lake.commit("run model", body, message=f"run {run}: {len(samples)} samples")


class _Writer:
    """Commits in a thread of its own what `put` has journalled. A context manager: leaving it well commits the rest and
    ends the run; leaving it by an error commits what is done."""

    def __init__(self, lake: Lake, run: int, target: Target, commit_every_s: float) -> None:
        self._lake, self._run, self._target, self._every_s = lake, run, target, commit_every_s
        self._journal = journal_of(lake, run)
        self._queue: queue.Queue[tuple[Path, Batch] | None] = queue.Queue(maxsize=256)
        self._error: BaseException | None = None
        self._waiting: list[tuple[Path, Batch]] = []
        self._thread = threading.Thread(target=self._work, name="write", daemon=True)
        self.rows = 0

    def put(self, batch: Batch) -> None:
        if self._error is not None:
            raise self._error
        self._queue.put((self._journal.append(batch), batch))  # on disk before the next batch begins

    def _work(self) -> None:
        last = time.monotonic()
        while (entry := self._queue.get()) is not None:
            if self._error is not None:
                continue  # so that nobody waits for room in the queue
            try:
                self._waiting.append(entry)
                if time.monotonic() - last >= self._every_s:
                    self._commit(finished=False)
                    last = time.monotonic()
            except BaseException as error:
                self._error = error

    def _commit(self, *, finished: bool) -> None:
        batches = [batch for _, batch in self._waiting]
        _commit(self._lake, self._run, self._target, batches, finished=finished)
        self.rows += sum(batch.rows.num_rows for batch in batches)
        self._journal.forget(file for file, _ in self._waiting)
        self._waiting = []

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error
        self._commit(finished=error is None)
        if error is None:
            self._journal.remove()


def work(
    lake: Lake,
    run: int,
    target: Target,
    items: Items,
    about: About,
    *,
    prepare: Callable[[Picture], Any],
    infer: Callable[[Sequence[Ready]], pa.Table],
    verb: str,
    into: str,
    skipped: int = 0,
    batch_size: int | None = None,
    workers: int | None = None,
    commit_every_s: float = COMMIT_EVERY_S,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """Run a model over items. Raises Stopped, with everything that was found until then committed."""
    signal = stop or StopSignal()
    began = time.monotonic()
    done = failed = looked = frames = 0
    model_s = 0.0
    problems: list[Problem] = []
    counts: dict[str, int] = {}
    batches = read_ahead(
        items,
        prepare,
        batch_size=batch_size or about.batch_size,
        workers=workers or usable_cores(),
        at_least=about.decode_px,
        cache=lake.location.cache,
    )
    with (
        _Writer(lake, run, target, commit_every_s) as writer,
        stage(progress, f"{verb} {into}", total=items.pictures, unit="samples") as report,
    ):
        for batch in batches:
            signal.keep(f"{skipped + done:,} of {skipped + len(items):,} samples are done", resume="run it with resume")
            signal.check()
            good = [ready for ready in batch if ready.inputs]
            bad = [ready for ready in batch if ready.problem]
            start = time.monotonic()
            rows = infer(good)
            model_s += time.monotonic() - start
            for ready in bad:
                counts[ready.problem] = counts.get(ready.problem, 0) + 1
                if len(problems) < _NAMED:
                    where = f"{ready.item.root.rstrip('/')}/{ready.item.path}"
                    problems.append(Problem("skipped", ready.problem, where, "mend the file and resume"))
            ok = tuple(ready.item.sample_id for ready in batch if ready.last and not ready.problem)
            wrong = {ready.item.sample_id: ready.problem for ready in bad}
            following = {
                r.item.sample_id: r.frame + (0 if r.problem else r.item.every) for r in batch if r.frame is not None
            }
            writer.put(Batch(rows, ok, wrong, {sample: at for sample, at in following.items() if sample not in ok}))
            done += sum(ready.last for ready in batch)
            failed += len(bad)
            looked += len(good)
            frames += sum(ready.frame is not None for ready in good)
            report(min(looked + failed, items.pictures), items.pictures)
    return WorkReport(
        run,
        into,
        about.name,
        done,
        skipped,
        writer.rows,
        failed,
        time.monotonic() - began,
        model_s,
        tuple(problems),
        counts,
        frames,
        looked,
    )
