"""What ran over a data set, or over all of them, and the curves that runs left."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Final

import duckdb
from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from loopline.errors import LooplineError
from loopline.runs import records
from loopline.server.describe import stamp
from loopline.server.library import Shown
from loopline.server.measured import plain_json
from loopline.server.shelf import DatasetName, Given


class RunOut(Struct):
    """numbers: of an evaluation, its main one first · evaluation, embedding: what it left behind, while that is there."""

    dataset: str
    id: int
    kind: str
    status: str
    started_at: str
    finished_at: str | None
    author: str
    snapshot: int
    version: str
    parameters: dict[str, object]
    code: dict[str, str]
    numbers: dict[str, float | None]
    evaluation: str | None
    embedding: str | None


class SeriesOut(Struct):
    """A number over steps. label: of one class · values: null where it is no number."""

    name: str
    label: str | None
    steps: list[int]
    values: list[float | None]


@get("/api/d/{name:str}/runs", sync_to_thread=True)
def list_runs(shelf: Given, name: DatasetName) -> list[RunOut]:
    """What ran over this data set, newest first: on which snapshot, with what, by whom, when."""
    return _runs(shelf.shown(name))


@get("/api/runs", sync_to_thread=True)
def list_all_runs(
    shelf: Given, limit: Annotated[int, QueryParameter(ge=1, le=10_000, description="runs wanted")] = 1_000
) -> list[RunOut]:
    """What ran over all data sets, newest first. One that cannot be opened is left out: the list of data sets says why."""
    found: list[RunOut] = []
    for name in shelf.library.names():
        with suppress(LooplineError, duckdb.Error, OSError):
            found += _runs(shelf.shown(name))
    return sorted(found, key=lambda run: run.started_at, reverse=True)[:limit]


@get("/api/d/{name:str}/runs/{run:int}/series", sync_to_thread=True)
def run_series(shelf: Given, name: DatasetName, run: FromPath[int]) -> list[SeriesOut]:
    """The numbers of a run that have steps, as a training has: each over its steps."""
    table = records.series(shelf.shown(name).lake, run)
    found: dict[tuple[str, str | None], SeriesOut] = {}
    for row in table.to_pylist():
        key = row["name"], row["label"]
        one = found.setdefault(key, SeriesOut(*key, [], []))
        one.steps.append(row["step"])
        value = plain_json(row["value"])
        one.values.append(value if isinstance(value, float) else None)
    return list(found.values())


def _runs(shown: Shown) -> list[RunOut]:
    dataset = shown.dataset
    left = {one.run: one for one in records.stored_evaluations(shown.lake)}
    main = {one.key: one.record.main for one in dataset.evaluations()} if left else {}
    embeddings = {one.key for one in dataset.embeddings()}
    versions = {one.snapshot: one.name for one in dataset.versions()}
    found = []
    for run in reversed(dataset.runs()):
        parameters = plain_json(run.parameters)
        assert isinstance(parameters, dict)
        evaluation = left.get(run.id)
        words = (run.parameters.get(name) for name in ("into", "key", "target")) if run.kind == "embed" else ()
        found.append(
            RunOut(
                shown.name,
                run.id,
                run.kind,
                run.status,
                stamp(run.started_at),
                None if run.finished_at is None else stamp(run.finished_at),
                run.author,
                run.snapshot,
                versions.get(run.snapshot, ""),
                parameters,
                dict(run.code),
                {} if evaluation is None else _numbers(main.get(evaluation.key, ""), evaluation),
                None if evaluation is None else evaluation.key,
                next((word for word in words if word in embeddings), None),
            )
        )
    return found


def _numbers(main: str, stored: records.StoredEvaluation) -> dict[str, float | None]:
    return {name: stored.numbers[name] for name in sorted(stored.numbers, key=lambda name: name != main)}


ROUTES: Final[list[ControllerRouterHandler]] = [list_runs, list_all_runs, run_series]
