"""Detection metrics by name, over label rows as Arrow tables: for the registry, and for whoever has tables and no lake.

The tables are kept until the end (about 100 bytes a box), since the classes are those of the whole truth: predictions of
other classes are left out and counted in the report's `dropped`, as COCO does. Outlines need the picture's size, which
a table of rows does not have: use `coco.evaluate` for masks that are not stored as runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.kernel.detection_rows import from_rows
from loopline.kernel.detections import Detections
from loopline.metrics import coco, voc
from loopline.metrics.coco import CocoOptions, CocoReport
from loopline.metrics.metric import Metric
from loopline.metrics.voc import VocReport

Batch: TypeAlias = tuple[pa.Table, pa.Table]
State: TypeAlias = tuple[Batch, ...]

_COLUMNS: Final = ("id", "sample_id", "label", "x", "y", "w", "h")


def sides_of(state: Sequence[Batch], *, every_class: bool = False) -> tuple[Detections, Detections]:
    """Truth and predictions of all batches, on the classes of the truth, or of both."""
    truth, predicted = (pa.concat_tables(side, promote_options="default") for side in zip(*state, strict=True))
    named = [truth["label"], predicted["label"]] if every_class else [truth["label"]]
    classes = sorted({name for labels in named for name in pc.unique(labels).drop_null().to_pylist()})
    samples = np.union1d(truth["sample_id"].to_numpy(), predicted["sample_id"].to_numpy())
    return (
        from_rows(truth, classes=classes, scored=False, samples=samples),
        from_rows(predicted, classes=classes, scored=True, samples=samples, other_classes="drop"),
    )


def _with(state: State, truth: pa.Table, predicted: pa.Table) -> State:
    return (*state, (truth, predicted))


def _coco(state: State) -> CocoReport:
    return coco.evaluate(*_sides(state))


def _keypoints(state: State) -> CocoReport:
    return coco.evaluate(*_sides(state), options=coco.keypoint_options())


def _any_class(state: State) -> CocoReport:
    return coco.evaluate(*_sides(state, every_class=True), options=CocoOptions(by_class=False))


def _voc(state: State) -> VocReport:
    return voc.evaluate(*_sides(state))


def _sides(state: State, *, every_class: bool = False) -> tuple[Detections, Detections]:
    return sides_of(state or ((_EMPTY, _EMPTY),), every_class=every_class)


_EMPTY: Final = pa.table(
    {
        name: pa.array(
            [], pa.string() if name == "label" else pa.int64() if name in ("id", "sample_id") else pa.float64()
        )
        for name in (*_COLUMNS, "score")
    }
)

METRICS: Final = tuple(
    Metric(
        name,
        start=tuple,
        update=_with,
        merge=lambda a, b: a + b,
        finish=finish,
        title=title,
        needs=((*_COLUMNS, *more), (*_COLUMNS, "score", *more)),
    )
    for name, title, finish, more in (
        ("coco", "Boxes by the COCO protocol", _coco, ()),
        ("coco_any_class", "Boxes by the COCO protocol, classes not told apart", _any_class, ()),
        ("coco_keypoints", "Keypoints by the COCO protocol", _keypoints, ("keypoints",)),
        ("voc", "Boxes by the Pascal VOC 2012 protocol", _voc, ()),
    )
)
