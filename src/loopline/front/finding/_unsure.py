"""Which pictures a model is unsure of, and on which it says something else than people do: values for a column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.curate import uncertainty
from loopline.curate.uncertainty import Measure, Over
from loopline.errors import BadValue
from loopline.front.evaluating.sides import pinned, read_detections
from loopline.kernel.lookup import looked_up
from loopline.kernel.schema import GEOMETRIC
from loopline.metrics._matching import match
from loopline.query.view import View

Ids = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_IOU = 0.5
_MOST = 1000  # predictions of a class on a picture


def unsure(view: View, field: str, measure: Measure, over: Over) -> tuple[Ids, Float64]:
    """Ids of the view's samples, and how unsure the scores of the field are of each; NaN where there is none."""
    known = view.schema.field(field)
    ids = np.sort(view.ids())
    if known.kind not in (*GEOMETRIC, "class"):
        raise BadValue(f'"{field}" holds {known.kind} labels, which have no scores', hint="name a field of predictions")
    rows = view.objects(field).to_arrow(["sample_id", "score"])
    rows = rows.filter(pc.is_valid(rows["score"]))
    if not rows.num_rows:
        raise BadValue(f'the labels of "{field}" have no scores', hint="name a field of predictions: ds.predict(...)")
    place = np.searchsorted(ids, rows["sample_id"].to_numpy())
    score = rows["score"].to_numpy()
    if known.kind == "class":
        return ids, uncertainty.of_classes(place, score, len(ids), measure)
    return ids, uncertainty.per_sample(place, uncertainty.of_objects(score, measure), len(ids), over)


def differing(view: View, truth: str, predicted: str) -> tuple[Ids, Float64]:
    """Ids of the view's samples, and how far predictions are from the truth on each, 0 … 1."""
    fixed = pinned(view)
    kinds = {fixed.schema.field(name).kind for name in (truth, predicted)}
    return (
        _differing_classes(fixed, truth, predicted) if kinds == {"class"} else _differing_boxes(fixed, truth, predicted)
    )


def _differing_classes(view: View, truth: str, predicted: str) -> tuple[Ids, Float64]:
    """1 - the score of what is true; the mean where several classes are. NaN without a true class."""
    true = view.objects(truth).to_arrow(["sample_id", "label"])
    said = view.objects(predicted).to_arrow(["sample_id", "label", "score"])
    score = np.fmax(pc.fill_null(said["score"], 1.0).to_numpy(), 0.0)
    labels = pa.chunked_array([*true["label"].chunks, *said["label"].chunks], pa.string()).unique().drop_null()

    def keys(rows: pa.Table) -> Ids:
        """(n,) a number for each sample and class."""
        code = pc.fill_null(pc.index_in(rows["label"], value_set=labels), len(labels)).to_numpy()
        return np.asarray(rows["sample_id"].to_numpy() * (len(labels) + 1) + code, np.int64)

    best = np.argsort(-score, kind="stable")  # of a class that is said twice the higher score is found
    missed = 1 - looked_up(keys(said)[best], score[best], keys(true), 0.0)
    ids = np.sort(view.ids())
    return ids, uncertainty.per_sample(np.searchsorted(ids, true["sample_id"].to_numpy()), missed, len(ids), "mean")


def _differing_boxes(view: View, truth: str, predicted: str) -> tuple[Ids, Float64]:
    sides = read_detections(view, truth, predicted, geometry="box", by_class=True, bad_rows="drop")
    found = match(*sides, [_IOU], max_detections=_MOST)
    owner = found.truth.sample_id
    ids = np.sort(view.ids())
    partner = found.gt_of[0]
    # What lies on a crowd is neither right nor wrong.
    counted = (
        (partner < 0) | ~found.ignored[np.maximum(partner, 0)] if len(found.truth) else np.ones(len(partner), bool)
    )
    true = np.searchsorted(ids, owner[found.truth.unit()[~found.ignored]])
    guess = np.searchsorted(ids, owner[found.predicted.unit()[counted]])
    return ids, uncertainty.disagreement(
        true, guess, found.predicted.scores()[counted], partner[counted] >= 0, len(ids)
    )
