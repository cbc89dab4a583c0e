"""Labels by a model, into a label field of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, ModelError
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.kernel.schema import LabelField, check_name
from loopline.models.items import samples_of
from loopline.models.protocol import About, Predictor
from loopline.models.stream import Ready
from loopline.models.work import COMMIT_EVERY_S, WorkReport, alone, begun, new_run, recover, seen, work
from loopline.query.view import View
from loopline.store import tables
from loopline.store.edits import put_objects
from loopline.store.lake import Lake, Transaction

_RUN = "run"


@dataclass(frozen=True, slots=True)
class _Field:
    """A label field as the `Target` of a run."""

    name: str

    def put(self, tx: Transaction, rows: pa.Table) -> None:
        """Labels of samples that somebody has deleted meanwhile are left out."""
        tx.con.register("_rows_found", rows)
        there = tx.execute(
            f"SELECT DISTINCT sample_id FROM _rows_found SEMI JOIN {tx.table('samples')} s ON s.id = sample_id"
        ).to_arrow_table()
        tx.con.unregister("_rows_found")
        put_objects(
            tx, self.name, rows.filter(pc.is_in(rows["sample_id"], value_set=there["sample_id"].combine_chunks()))
        )


def predict(
    lake: Lake,
    view: View,
    model: Predictor,
    *,
    into: str,
    min_score: float | None = None,
    replace: bool = False,
    resume: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    every: int = 1,
    commit_every_s: float = COMMIT_EVERY_S,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> WorkReport:
    """Run a model over the samples of a view and keep what it finds in the label field `into`.

    into       a field that is not there yet; or, with `replace`, one that a model made: its labels are dropped first;
               or, with `resume`, one that the same model made: samples that it has looked at are left out
    min_score  what is less sure is left out; by default what the model's card says
    workers    threads that decode; default one for each core
    every      of videos every n-th frame is looked at, and its labels say which in `frame`; 0: videos are left out and
               counted. Broken off in a video, a resume goes on with the frame after the last one that was kept

    Commits every `commit_every_s` seconds and keeps a journal in between: killed, it loses at most one batch.
    Memory  id, root and path of every sample of the view, and a few batches of pictures
    Raises  BadValue, ModelError, Conflict, Stopped. A picture that cannot be read is named in the report.
    """
    if every < 0:
        raise BadValue(f"every {every}th frame", hint="1: each frame; 10: every tenth; 0: leave videos out")
    about = model.about
    if about.kind is None or not isinstance(model, Predictor):
        raise ModelError(f"{about.name} makes embeddings, not labels", hint="ds.embed(model, key=...)")
    with alone(lake, into):
        run = _run(lake, into, about, min_score, replace=replace, resume=resume)
        target = _Field(into)
        recover(lake, run, target)
        items = samples_of(view, seen(lake, run), every=every, begun=begun(lake, run))

        def infer(good: Sequence[Ready]) -> pa.Table:
            if not good:
                return pa.table({"sample_id": pa.array([], pa.int64())})
            rows = model.predict([ready.inputs[0] for ready in good])
            if min_score is not None and "score" in rows.column_names:
                rows = rows.filter(pc.greater_equal(rows["score"], min_score))
            owners = pa.array([ready.item.sample_id for ready in good], pa.int64())
            at, place = rows.column_names.index("place"), rows["place"].combine_chunks()
            if any(ready.frame is not None for ready in good):
                frames = pa.array([ready.frame for ready in good], pa.int64())
                rows = rows.append_column("frame", frames.take(place))
            return rows.set_column(at, "sample_id", owners.take(place))

        return work(
            lake,
            run,
            target,
            items,
            about,
            prepare=model.prepare,
            infer=infer,
            verb="predict",
            into=into,
            skipped=view.count() - len(items),
            batch_size=batch_size,
            workers=workers,
            commit_every_s=commit_every_s,
            progress=progress,
            stop=stop,
        )


def _run(lake: Lake, into: str, about: About, min_score: float | None, *, replace: bool, resume: bool) -> int:
    """The number of the run that fills the field: a new one, or the one to go on with."""
    check_name(into, "label field")
    schema = lake.schema()
    if schema.has_field(into):
        field = schema.field(into)
        made = field.meta.get("loopline", {})
        if _RUN not in made:
            raise BadValue(f'"{into}" holds labels that no model made', hint="choose another field for predictions")
        same = made.get("fingerprint") == about.fingerprint and made.get("min_score") == min_score
        if resume and not replace:
            if not same:
                raise BadValue(
                    f'"{into}" was made by {made.get("model")}, or with other settings',
                    hint="choose another field, or replace it",
                )
            return int(made[_RUN])
        if not replace:
            hint = (
                "resume=True goes on with it (new samples too); replace=True begins anew"
                if same
                else "replace=True begins anew"
            )
            raise BadValue(f'there is a field "{into}" already, made by {made.get("model")}', hint=hint)

    def begin(tx: Transaction) -> int:
        known = tx.schema()
        if known.has_field(into):
            tables.drop_field(tx, known.field(into))
        else:
            known.check_new(into, "label field")
        run = new_run(tx, "predict", into, about, {"min_score": min_score}, tx.base)
        told = {"run": run, "model": about.name, "fingerprint": about.fingerprint, "min_score": min_score}
        tables.add_field(tx, field_of(into, about, told))
        tx.details.update(field=into, model=about.name, run=run)
        return run

    return lake.commit("predict", begin, message=f"predict {into} with {about.name}")


def field_of(name: str, about: About, told: dict[str, object]) -> LabelField:
    """The label field that a model fills."""
    return LabelField(
        name,
        about.kind or "box",
        classes=about.classes,
        description=f"predicted by {about.name}",
        keypoint_names=about.keypoint_names,
        skeleton=about.skeleton,
        meta={"loopline": told},
    )
