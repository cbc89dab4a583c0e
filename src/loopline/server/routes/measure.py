"""Evaluations, and embeddings as points."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from loopline.server import measured
from loopline.server import points as plane
from loopline.server.frames import MEDIA_TYPE
from loopline.server.routes.browse import Snapshot
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import CompareIn, CurveOut, EvaluateIn, EvaluationLine, JobOut


@get("/api/d/{name:str}/evaluations", sync_to_thread=True)
def list_evaluations(shelf: Given, name: DatasetName) -> list[EvaluationLine]:
    """Stored evaluations, oldest first."""
    return measured.lines(shelf.shown(name))


@post("/api/d/{name:str}/evaluations", status_code=202, sync_to_thread=True)
def evaluate(shelf: Given, name: DatasetName, data: JSONBody[EvaluateIn]) -> JobOut:
    """Measure predictions against truth, as a job; its result names the evaluation."""
    return measured.start(shelf.shown(name), shelf.jobs, data)


@get("/api/d/{name:str}/evaluations/{key:str}", sync_to_thread=True)
def get_evaluation(shelf: Given, name: DatasetName, key: FromPath[str]) -> dict[str, object]:
    """One evaluation: numbers, per class, slices, confusion matrix, calibration, settings."""
    return measured.whole(shelf.shown(name), key)


@get("/api/d/{name:str}/evaluations/{key:str}/curve", sync_to_thread=True)
def get_curve(
    shelf: Given,
    name: DatasetName,
    key: FromPath[str],
    iou: Annotated[float | None, QueryParameter(gt=0, le=1, description="default: the mean over all")] = None,
    label: Annotated[str | None, QueryParameter(max_length=200, description="default: the mean over classes")] = None,
) -> CurveOut:
    """Precision over recall."""
    return measured.curve(shelf.shown(name), key, iou, label)


@delete("/api/d/{name:str}/evaluations/{key:str}", sync_to_thread=True)
def drop_evaluation(shelf: Given, name: DatasetName, key: FromPath[str]) -> None:
    """Delete a stored evaluation; earlier snapshots still have it."""
    shelf.shown(name).dataset.drop_evaluation(key)


@post("/api/d/{name:str}/compare", status_code=200, sync_to_thread=True)
def compare(shelf: Given, name: DatasetName, data: JSONBody[CompareIn]) -> dict[str, object]:
    """What changed from one evaluation to another, with intervals."""
    return measured.compare(shelf.shown(name), data.a, data.b, data.replicates, data.seed)


@get("/api/d/{name:str}/points/{key:str}", media_type=MEDIA_TYPE, sync_to_thread=True)
def points(shelf: Given, name: DatasetName, key: FromPath[str], snapshot: Snapshot = None) -> bytes:
    """An embedding on a plane, as a frame: x u2, y u2, id f8, in a random order."""
    return plane.points(shelf.shown(name), key, snapshot)


ROUTES: Final[list[ControllerRouterHandler]] = [
    list_evaluations,
    evaluate,
    get_evaluation,
    get_curve,
    drop_evaluation,
    compare,
    points,
]
