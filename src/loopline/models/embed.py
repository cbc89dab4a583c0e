"""Vectors by a model, of samples or of objects, under a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue, ModelError
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.models.items import box_marks, objects_of, samples_of
from loopline.models.protocol import About, Embedder
from loopline.models.stream import Ready
from loopline.models.work import COMMIT_EVERY_S, WorkReport, alone, last_run, new_run, recover, work
from loopline.query.view import View
from loopline.store.lake import Lake, Transaction
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.vectors import Embedding, add_embedding, embeddings, made_of, put_vectors, remove_embedding


@dataclass(frozen=True, slots=True)
class _Key:
    """An embedding as the `Target` of a run."""

    of: Embedding

    def put(self, tx: Transaction, rows: pa.Table) -> None:
        blobs = rows["vector"].combine_chunks()
        if isinstance(blobs, pa.ChunkedArray):
            blobs = blobs.chunk(0)
        matrix = np.frombuffer(blobs.buffers()[1], "<f2")[blobs.offset * self.of.dimension :]
        matrix = matrix[: len(blobs) * self.of.dimension].reshape(len(blobs), self.of.dimension)
        marks = rows["mark"].to_numpy() if self.of.owner != SAMPLE_OWNER else None
        put_vectors(tx, self.of, rows["id"].to_numpy(), matrix, marks)


def embed(
    lake: Lake,
    view: View,
    model: Embedder,
    *,
    key: str,
    field: str | None = None,
    replace: bool = False,
    resume: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    commit_every_s: float = COMMIT_EVERY_S,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """Give every sample of a view, or every object of `field` on them, a vector under `key`.

    key     one that is not there yet; with `replace` it is made anew; with `resume` and the same model, what has a
            vector keeps it, but for objects whose box has moved since
    field   embed the pixels under each object's box instead of whole pictures

    Otherwise as `models.predict.predict`.
    """
    about = model.about
    if not isinstance(model, Embedder):
        raise ModelError(f"{about.name} makes no embeddings", hint='the one named "histogram" needs no extra')
    owner = field or SAMPLE_OWNER
    if field is not None and "x" not in lake.schema().field(field).columns():
        raise BadValue(f'objects of "{field}" have no box', hint="embed a field of boxes, polygons or keypoints")
    with alone(lake, f"vector__{key}"):
        run, of = _run(lake, key, owner, model, replace=replace, resume=resume)
        recover(lake, run, _Key(of))
        done = made_of(lake, of)
        items = samples_of(view, done[0]) if field is None else objects_of(view, field, done)

        def infer(good: Sequence[Ready]) -> pa.Table:
            owners = [i for ready in good for i in ready.owners]
            inputs = [one for ready in good for one in ready.inputs]
            parts = [model.embed(inputs[i : i + size]) for i in range(0, len(inputs), size)]
            half = np.ascontiguousarray(np.concatenate(parts) if parts else np.empty((0, of.dimension)), "<f2")
            blob = pa.binary(2 * of.dimension)
            vectors = pa.FixedSizeBinaryArray.from_buffers(blob, len(owners), [None, pa.py_buffer(half)])
            found = pa.table({"id": pa.array(owners, pa.int64()), "vector": vectors})
            if field is None:
                return found
            boxes = np.array([crop[1:] for ready in good for crop in ready.item.crops or ()], np.float64)
            return found.append_column("mark", pa.array(box_marks(boxes.reshape(-1, 4)), pa.int64()))

        size = max(batch_size or about.batch_size, 1)
        return work(
            lake,
            run,
            _Key(of),
            items,
            about,
            prepare=model.prepare,
            infer=infer,
            verb="embed",
            into=key,
            skipped=view.count() - len(items),
            batch_size=batch_size,
            workers=workers,
            commit_every_s=commit_every_s,
            progress=progress,
            stop=stop,
        )


def _run(lake: Lake, key: str, owner: str, model: Embedder, *, replace: bool, resume: bool) -> tuple[int, Embedding]:
    """The run that fills the key, a new one or the one to go on with, and the key."""
    about = model.about
    known = next((found for found in embeddings(lake) if found.key == key), None)
    if known is not None and not replace:
        same = known.fingerprint == about.fingerprint and known.owner == owner
        run = last_run(lake, "embed", key)
        if resume and same and run is not None:
            return run.id, known
        hint = (
            "resume=True goes on with it (new samples too); replace=True begins anew"
            if same
            else "replace=True begins anew, or choose another key"
        )
        raise BadValue(f'there is an embedding "{key}" already, made by {known.model} of {known.owner}s', hint=hint)
    new = Embedding(key, owner, about.name, about.fingerprint, model.dimension, model.normalised)
    run_id = lake.commit(
        "embed", lambda tx: _begin(tx, new, about, known is not None), message=f"embed {key} with {about.name}"
    )
    return run_id, new


def _begin(tx: Transaction, new: Embedding, about: About, again: bool) -> int:
    if again:
        remove_embedding(tx, new.key)
    told = {"owner": new.owner, "dimension": new.dimension, **({"card": about.card} if about.card else {})}
    run = new_run(tx, "embed", new.key, about, told, tx.base)
    add_embedding(tx, new)
    tx.details.update(key=new.key, model=about.name, run=run)
    return run
