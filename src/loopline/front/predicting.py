"""Models on a data set: which model is meant, which samples, and then one call."""

from __future__ import annotations

import os
from typing import TypeAlias

from loopline.errors import ModelError
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.models import embed as embedding
from loopline.models import predict as predicting
from loopline.models.load import load
from loopline.models.protocol import Embedder, Predictor
from loopline.models.work import WorkReport
from loopline.query.view import View
from loopline.store.lake import Lake

ModelLike: TypeAlias = "str | os.PathLike[str] | Predictor | Embedder"
"""A model's name, the path of its card, or the model itself."""


def predict(
    lake: Lake,
    view: View,
    model: ModelLike,
    *,
    into: str,
    min_score: float | None = None,
    replace: bool = False,
    resume: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    every: int = 1,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """See `models.predict.predict`."""
    found = _loaded(model, min_score)
    if not isinstance(found, Predictor):
        raise ModelError(f"{found.about.name} makes embeddings, not labels", hint="ds.embed(model, key=...)")
    return predicting.predict(
        lake,
        view,
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
    lake: Lake,
    view: View,
    model: ModelLike,
    *,
    key: str,
    field: str | None = None,
    replace: bool = False,
    resume: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """See `models.embed.embed`."""
    found = _loaded(model, None)
    if not isinstance(found, Embedder):
        raise ModelError(f"{found.about.name} makes no embeddings", hint='the one named "histogram" needs no extra')
    return embedding.embed(
        lake,
        view,
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
