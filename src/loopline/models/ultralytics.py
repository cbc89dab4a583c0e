"""Detectors of the package ultralytics, where its user has installed it: "ultralytics:yolo11n.pt".

It is AGPL-3.0: Loopline never installs it and holds none of its code. Its model files are pickles that it loads itself;
an ONNX export with a card (decoder "yolo8") needs neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from loopline.errors import MissingDependency
from loopline.models.head import Found, box_rows
from loopline.models.inputs import Placement
from loopline.models.protocol import About, Picture, f32


def load(name: str, min_score: float | None = None) -> UltralyticsModel:
    """A model by file. Raises MissingDependency."""
    try:
        from ultralytics import YOLO
    except ImportError as error:
        raise MissingDependency(
            "ultralytics is not installed",
            hint="pip install ultralytics (AGPL-3.0), or use its ONNX export with a card",
        ) from error
    return UltralyticsModel(name, YOLO(name), 0.25 if min_score is None else min_score)


class UltralyticsModel:
    """A `Predictor`."""

    def __init__(self, name: str, model: Any, floor: float) -> None:
        self._model, self._floor = model, floor
        digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()[:16] if Path(name).is_file() else name
        names = tuple(str(model.names[i]) for i in sorted(model.names))
        self._about = About(f"ultralytics:{name}", f"{digest}:{floor:g}", "box", names, licence="AGPL-3.0")

    @property
    def about(self) -> About:
        return self._about

    def prepare(self, picture: Picture) -> Picture:
        return picture

    def predict(self, batch: Sequence[Picture]) -> pa.Table:
        answers = self._model.predict([p.rgb[:, :, ::-1] for p in batch], conf=self._floor, verbose=False)
        boxes = [answer.boxes.cpu().numpy() for answer in answers]
        found = Found(
            np.concatenate([np.full(len(b.conf), i) for i, b in enumerate(boxes)]).astype(np.int64),
            np.concatenate([f32(b.xyxy).reshape(-1, 4) for b in boxes]),
            np.concatenate([f32(b.conf) for b in boxes]),
            np.concatenate([b.cls for b in boxes]).astype(np.int64),
        )
        return box_rows(found, [Placement(1, 1, 0, 0, p.width, p.height) for p in batch], self._about.classes)
