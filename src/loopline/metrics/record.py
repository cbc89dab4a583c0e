"""What is remembered of an evaluation: settings, numbers, curves, confusion, slices. Pure data, to bytes and back.

The bytes are compressed JSON; arrays lie in it as their bytes, so every number comes back as it was. NaN is "no such
number" and null in `to_json`.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from loopline.errors import BadValue, near
from loopline.metrics._arrays import NAN, AnyArray, FloatArray, IntArray
from loopline.metrics._curves import RECALLS
from loopline.metrics.bootstrap import Interval
from loopline.metrics.calibration import Reliability
from loopline.metrics.coco import Curve, at_iou

Task: TypeAlias = Literal[
    "detection", "classification", "multilabel", "segmentation", "panoptic", "regression", "tracking"
]
Numbers: TypeAlias = Mapping[str, float]

MAIN: Final[Mapping[str, str]] = {
    "detection": "AP",
    "classification": "accuracy",
    "multilabel": "map",
    "segmentation": "mean_iou",
    "panoptic": "pq",
    "regression": "r2",
    "tracking": "hota",
}
"""The number that stands for all, by task; VOC and Open Images call it mAP."""


@dataclass(frozen=True, slots=True)
class SliceNumbers:
    """One slice. name: its query text · per_class: AP of each class, or whatever the task's main number is."""

    name: str
    numbers: Numbers
    per_class: Numbers = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationRecord:
    """One evaluation. t IoU thresholds, k classes.

    view         steps of the view that was measured, as `View.to_json` has them · snapshot: of the data it read
    settings     everything that `evaluate` was told, as JSON has it
    counts       {"tp", "fp", "fn", "ignored"} at settings["iou"], where objects have outcomes
    per_class    by class, numbers by name
    intervals    by number, from resampling samples; empty where that was not asked for
    confusion    (k + 1, k + 1) int64: row the true class, column the predicted one, the last of each the background;
                 (k, k) where there is no background
    precision, score  (t, 101, k) at the points `recalls`; NaN where a class has no object
    dropped      rows that were left out, by reason · custom: numbers of metrics by their own name
    """

    key: str
    task: Task
    protocol: str
    truth: str
    predicted: str
    view: list[dict[str, Any]]
    snapshot: int
    settings: Mapping[str, Any]
    at: dt.datetime
    author: str
    code: Mapping[str, str]
    duration_s: float
    samples: int
    classes: tuple[str, ...]
    numbers: Numbers
    per_class: Mapping[str, Numbers] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    slices: tuple[SliceNumbers, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    confusion: IntArray | None = None
    reliability: Reliability | None = None
    thresholds: tuple[float, ...] = ()
    precision: FloatArray | None = None
    score: FloatArray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    custom: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def recalls(self) -> FloatArray:
        return RECALLS

    @property
    def main(self) -> str:
        """Name of the number that stands for all."""
        return next((n for n in (MAIN[self.task], "mAP") if n in self.numbers), next(iter(self.numbers), ""))

    def curve(self, *, iou: float | None = None, label: str | None = None) -> Curve:
        """Precision over recall at one IoU or their mean, of one class or their mean.

        Raises BadValue where this protocol has no curves, or for an IoU or class that is not there.
        """
        if self.precision is None or self.score is None:
            raise BadValue(f"an evaluation by {self.protocol} keeps no curves", hint='protocol "coco" does')
        levels = np.ones(len(self.thresholds), bool) if iou is None else at_iou(self.thresholds, iou)
        if not levels.any():
            known = ", ".join(f"{v:g}" for v in self.thresholds)
            raise BadValue(f"the evaluation has no IoU {iou}", hint=f"it has {known}")
        if label is not None and label not in self.classes:
            raise BadValue(f'the evaluation has no class "{label}"', hint=near(label, self.classes))
        kinds = np.array([label is None or name == label for name in self.classes])
        kinds &= ~np.isnan(self.precision).all(axis=(0, 1))
        if not kinds.any():
            return Curve(RECALLS, np.full(len(RECALLS), NAN), np.full(len(RECALLS), NAN))
        pick = np.ix_(levels, np.ones(len(RECALLS), bool), kinds)
        return Curve(RECALLS, self.precision[pick].mean(axis=(0, 2)), self.score[pick].mean(axis=(0, 2)))

    def to_json(self, *, curves: bool = False) -> dict[str, Any]:
        """Everything as plain JSON values; the arrays of curves only where asked for."""
        skip = () if curves else ("precision", "score")
        found = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in skip}
        return {**found, "main": self.main}

    def to_bytes(self) -> bytes:
        """For the store: `record_from_bytes` gives an equal record."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return zlib.compress(msgspec.json.encode(_packed(found)), 6)


def record_from_bytes(packed: bytes) -> EvaluationRecord:
    """The record that `to_bytes` wrote."""
    found = _unpacked(msgspec.json.decode(zlib.decompress(packed)))
    known = {f.name for f in fields(EvaluationRecord)}
    values = {name: value for name, value in found.items() if name in known}  # a later release may say more
    return EvaluationRecord(
        **{
            **values,
            "at": dt.datetime.fromisoformat(values["at"]),
            "classes": tuple(values["classes"]),
            "thresholds": tuple(values["thresholds"]),
            "slices": tuple(SliceNumbers(**one) for one in values["slices"]),
            "intervals": {name: Interval(**one) for name, one in values["intervals"].items()},
            "reliability": None if values["reliability"] is None else Reliability(**values["reliability"]),
        }
    )


def _packed(value: object) -> Any:
    """JSON values, in which an array and a number that JSON does not have are marked objects."""
    match value:
        case np.ndarray():
            raw = np.ascontiguousarray(value)
            text = base64.b85encode(zlib.compress(raw.tobytes(), 6)).decode()
            return {"__array__": text, "dtype": raw.dtype.str, "shape": list(raw.shape)}
        case float() if not math.isfinite(value):
            return {"__float__": repr(value)}
        case np.floating():
            return _packed(float(value))
        case np.integer():
            return int(value)
        case dt.datetime():
            return value.isoformat()
        case SliceNumbers() | Interval() | Reliability():
            return {f.name: _packed(getattr(value, f.name)) for f in fields(value)}
        case Mapping():
            return {str(k): _packed(v) for k, v in value.items()}
        case list() | tuple():
            return [_packed(v) for v in value]
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "__array__" in value:
        raw = zlib.decompress(base64.b85decode(value["__array__"]))
        array: AnyArray = np.frombuffer(raw, np.dtype(value["dtype"])).reshape(value["shape"])
        return array
    if "__float__" in value:
        return float(value["__float__"])
    return {k: _unpacked(v) for k, v in value.items()}


def _plain(value: object) -> Any:
    match value:
        case np.ndarray():
            return _plain(value.tolist())
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
        case np.integer():
            return int(value)
        case dt.datetime():
            return value.isoformat()
        case SliceNumbers() | Interval() | Reliability():
            return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
    return value
