"""Models on a data set: which model is meant, which samples, and then one call."""

from __future__ import annotations

import os
from typing import TypeAlias

from loopline.errors import ModelError
from loopline.front.selection import Changeable, Selection
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.models import embed as embedding
from loopline.models import predict as predicting
from loopline.models.load import load
from loopline.models.protocol import Embedder, Predictor
from loopline.models.work import WorkReport

ModelLike: TypeAlias = "str | os.PathLike[str] | Predictor | Embedder"
"""A model's name, the path of its card, or the model itself."""


def predict(
    ds: Changeable,
    model: ModelLike,
    into: str = "predictions",
    *,
    where: Selection | None = None,
    min_score: float | None = None,
    replace: bool = False,
    resume: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    every: int = 1,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """Run a model over the samples and keep what it finds in the label field `into`.

    model      its name (`loopline models` lists them), the path of its card, or a `Predictor`
    where      only these samples; None: all
    min_score  what is less sure is left out; by default what the model's card says
    replace    drop what a model put into the field before · resume: go on where the same model was broken off
    every      of videos every n-th frame; 0: leave videos out
    workers    threads that decode; default one for each core

    See `models.predict.predict` for what is kept when it is stopped. Raises BadValue, ModelError, Conflict, Stopped.
    """
    lake = ds.writable()
    found = _loaded(model, min_score)
    if not isinstance(found, Predictor):
        raise ModelError(f"{found.about.name} makes embeddings, not labels", hint="ds.embed(model, key=...)")
    return predicting.predict(
        lake,
        ds.chosen(where),
        found,
        into=into,
        min_score=min_score,
        replace=replace,
        resume=resume,
        batch_size=batch_size,
        workers=workers,
        every=every,
        progress=progress,
        stop=stop,
    )


def embed(
    ds: Changeable,
    model: ModelLike = "histogram",
    *,
    key: str,
    where: Selection | None = None,
    field: str | None = None,
    replace: bool = False,
    resume: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """Give every sample, or with `field` every object of it, a vector under `key`.

    where    only these samples; None: all
    replace  make the vectors of the key anew · resume: what has one of the same model keeps it

    Otherwise as `predict`; see `models.embed.embed`.
    """
    lake = ds.writable()
    found = _loaded(model, None)
    if not isinstance(found, Embedder):
        raise ModelError(f"{found.about.name} makes no embeddings", hint='the one named "histogram" needs no extra')
    return embedding.embed(
        lake,
        ds.chosen(where),
        found,
        key=key,
        field=field,
        replace=replace,
        resume=resume,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
        stop=stop,
    )


def _loaded(model: ModelLike, min_score: float | None) -> Predictor | Embedder:
    return load(model, min_score=min_score) if isinstance(model, (str, os.PathLike)) else model
