"""From what was measured to what to do: next steps of an evaluation, embedding and mapping as jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from loopline.jobs import Progress, StopSignal
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import MOST_IDS, JobOut, Name, Scalar


class StepOut(Struct):
    """One thing to do next. gain, expected: in AP, each step alone · side: truth or predicted · ids: of objects of
    `field`, the first MOST_IDS · where: the part of the data that it is about, as a query on objects."""

    title: str
    family: str
    kind: str
    gain: float
    expected: float
    objects: int
    side: str
    field: str
    ids: list[int]
    where: str | None
    how: str
    assumes: str


class EmbedIn(Struct, forbid_unknown_fields=True):
    """`field`: one vector for each of its objects; null: one for each sample."""

    key: Name
    model: Name = "histogram"
    field: Name | None = None


class MapIn(Struct, forbid_unknown_fields=True):
    """`key`: of the embedding that is to be placed on a plane."""

    key: Name


@get("/api/d/{name:str}/evaluations/{key:str}/next", sync_to_thread=True)
def next_steps(
    shelf: Given,
    name: DatasetName,
    key: FromPath[str],
    limit: Annotated[int, QueryParameter(ge=1, le=50, description="steps wanted")] = 8,
) -> list[StepOut]:
    """What to do next, by falling expected gain. Measures the evaluation's snapshot again: seconds."""
    found = shelf.shown(name).dataset.evaluation(key).next_steps(limit=limit)
    return [StepOut(**{**s.to_json(), "ids": s.what.ids[:MOST_IDS].tolist()}) for s in found]


@post("/api/d/{name:str}/embed", status_code=202, sync_to_thread=True)
def embed(shelf: Given, name: DatasetName, data: JSONBody[EmbedIn]) -> JobOut:
    """Give every sample a vector under a key, as a job; its result names the embedding."""
    shown = shelf.shown(name)

    def work(progress: Progress, stop: StopSignal) -> Mapping[str, Scalar]:
        shown.dataset.embed(data.model, key=data.key, field=data.field, progress=progress, stop=stop)
        return {"embedding": data.key}

    return shelf.jobs.start(f"Embed with {data.model}", name, work, only_one=f"embed {name} {data.key}")


@post("/api/d/{name:str}/map", status_code=202, sync_to_thread=True)
def map_(shelf: Given, name: DatasetName, data: JSONBody[MapIn]) -> JobOut:
    """Place an embedding's points so that neighbours stay together, as a job; its result names the embedding of two
    numbers that the places are kept as. One that is there is made anew."""
    shown = shelf.shown(name)
    into = f"{data.key}_pacmap"

    def work(progress: Progress, stop: StopSignal) -> Mapping[str, Scalar]:
        shown.dataset.find.map(data.key, method="pacmap", into=into, replace=True, progress=progress, stop=stop)
        return {"embedding": into}

    return shelf.jobs.start(f"Map of {data.key}", name, work, only_one=f"embed {name} {into}")


ROUTES: Final[list[ControllerRouterHandler]] = [next_steps, embed, map_]
