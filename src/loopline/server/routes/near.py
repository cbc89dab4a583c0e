"""What is beside a sample: in the order of a view, and by what it looks like."""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
from litestar import post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from loopline.query.view import ObjectView
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import Id, Name, ViewSpec
from loopline.store.vectors import embeddings

MOST: Final = 512


class AroundIn(Struct, forbid_unknown_fields=True):
    """`count`: ids wanted, the sample in their middle."""

    id: Id
    view: ViewSpec = ViewSpec()
    count: Annotated[int, Meta(ge=1, le=MOST)] = 64


class AroundOut(Struct):
    """position: of the sample in the view, null where it is not in it; `ids` begin at `offset`.

    of   samples in the view
    """

    position: int | None
    offset: int
    ids: list[int]
    of: int


class SimilarIn(Struct, forbid_unknown_fields=True):
    """`ids`: of samples, or of objects where the embedding is of objects.

    key   the embedding; empty: the newest one of what `of` names, and nothing is alike where there is none
    of    "sample", or a label field
    """

    ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1000)]
    key: Name = ""
    of: Name = "sample"
    count: Annotated[int, Meta(ge=1, le=MOST)] = 12


class SimilarOut(Struct):
    id: int
    sample_id: int
    similarity: float


@post("/api/d/{name:str}/around", status_code=200, sync_to_thread=True)
def around(shelf: Given, name: DatasetName, data: JSONBody[AroundIn]) -> AroundOut:
    """The samples before and after one in a view."""
    asked = shelf.shown(name).ask(data.view)
    view = asked.view()
    # Where the rows are objects, their samples are walked through.
    ids = view.samples().ids() if isinstance(view, ObjectView) else asked.ids()
    found = np.flatnonzero(ids == data.id)
    if not len(found):
        return AroundOut(None, 0, [], len(ids))
    at = int(found[0])
    offset = max(0, min(at - data.count // 2, len(ids) - data.count))
    return AroundOut(at, offset, ids[offset : offset + data.count].tolist(), len(ids))


@post("/api/d/{name:str}/similar", status_code=200, sync_to_thread=True)
def similar(shelf: Given, name: DatasetName, data: JSONBody[SimilarIn]) -> list[SimilarOut]:
    """What is most like some samples or objects, by an embedding; the most alike first."""
    shown = shelf.shown(name)
    key = data.key or next((one.key for one in reversed(embeddings(shown.lake)) if one.owner == data.of), "")
    if not key:
        return []
    found = shown.dataset.similar(list(data.ids), key=key, limit=data.count).to_arrow()
    return [SimilarOut(row["id"], row["sample_id"], row["similarity"]) for row in found.to_pylist()]


ROUTES: Final[list[ControllerRouterHandler]] = [around, similar]
