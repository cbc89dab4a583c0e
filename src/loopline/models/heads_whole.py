"""Decoders of what networks say about whole pictures: classes, class maps, the points of one body."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from loopline.kernel.schema import FieldKind
from loopline.models.head import Head, Outputs, labels_of, sigmoid, softmax
from loopline.models.inputs import Placement
from loopline.models.protocol import Float32, f32


class Classes(Head, frozen=True, kw_only=True, tag="classes"):
    """A classifier: scores (b, c). The `top` surest classes from `min_score`; with `sigmoid` every class by itself."""

    min_score: float = 0.0
    activation: Literal["none", "softmax", "sigmoid"] = "softmax"
    top: int = 1

    kind: ClassVar[FieldKind | None] = "class"
    roles = ("logits",)

    def probabilities(self, outputs: Outputs) -> Float32:
        """(b, c)."""
        logits = self.tensor(outputs, "logits").reshape(len(self.tensor(outputs, "logits")), -1)
        return (
            softmax(logits)
            if self.activation == "softmax"
            else sigmoid(logits)
            if self.activation == "sigmoid"
            else logits
        )

    def rows(
        self,
        outputs: Outputs,
        size: tuple[int, int],  # noqa: ARG002
        placements: Sequence[Placement],  # noqa: ARG002
        classes: Sequence[str],
        floor: float,
    ) -> pa.Table:
        scores = self.probabilities(outputs)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : self.top]
        top = np.take_along_axis(scores, order, axis=1)
        place, rank = np.nonzero(top >= floor)
        return pa.table(
            {
                "place": pa.array(place, pa.int64()),
                "label": labels_of(order[place, rank], classes),
                "score": pa.array(top[place, rank].astype(np.float64)),
            }
        )


class ClassMap(Head, frozen=True, kw_only=True, tag="class_map"):
    """A segmenter: one plane for each class (b, c, h, w), or (b, h, w, c) with `channels_last`.

    One plane: class 1 where it is above `min_score`, else 0. More: the class of the greatest value. Numbers of the map
    are places in the card's class list, whose first is the background.
    """

    min_score: float = 0.5
    activation: Literal["none", "sigmoid"] = "none"
    channels_last: bool = False

    kind: ClassVar[FieldKind | None] = "mask"
    roles = ("map",)

    def planes(self, outputs: Outputs) -> Float32:
        """(b, c, h, w)."""
        planes = self.tensor(outputs, "map")
        planes = planes.transpose(0, 3, 1, 2) if self.channels_last else planes
        return sigmoid(planes) if self.activation == "sigmoid" else planes

    def rows(
        self,
        outputs: Outputs,
        size: tuple[int, int],
        placements: Sequence[Placement],
        classes: Sequence[str],  # noqa: ARG002
        floor: float,
    ) -> pa.Table:
        planes = self.planes(outputs)
        blobs = [_png(_class_map(p, size, at, floor)) for p, at in zip(planes, placements, strict=True)]
        return pa.table({"place": pa.array(range(len(blobs)), pa.int64()), "mask": pa.array(blobs, pa.binary())})


def _class_map(planes: Float32, size: tuple[int, int], at: Placement, floor: float) -> npt.NDArray[np.uint8]:
    """(height, width) of the picture: the planes, each stretched back from where the picture lies in the tensor."""
    sx, sy = planes.shape[2] / size[0], planes.shape[1] / size[1]
    box = (at.offset_x * sx, at.offset_y * sy)
    right, bottom = box[0] + at.width * at.scale_x * sx, box[1] + at.height * at.scale_y * sy
    stretched = [
        np.asarray(
            Image.fromarray(plane).transform(
                (at.width, at.height),
                Image.Transform.EXTENT,
                (box[0], box[1], right, bottom),
                Image.Resampling.BILINEAR,
            )
        )
        for plane in np.ascontiguousarray(planes, np.float32)
    ]
    if len(stretched) == 1:
        return np.asarray(stretched[0] >= floor, np.uint8)
    return np.asarray(np.argmax(stretched, axis=0), np.uint8)


def _png(values: npt.NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG", compress_level=1)
    return out.getvalue()


class Heatmaps(Head, frozen=True, kw_only=True, tag="heatmaps"):
    """The points of one body: a heat map for each (b, k, h, w). The score is the mean of the points' peaks."""

    min_score: float = 0.1

    kind: ClassVar[FieldKind | None] = "keypoint"
    roles = ("map",)

    def rows(
        self,
        outputs: Outputs,
        size: tuple[int, int],
        placements: Sequence[Placement],
        classes: Sequence[str],
        floor: float,
    ) -> pa.Table:
        heat = self.tensor(outputs, "map")
        count, points, high, wide = heat.shape
        flat = heat.reshape(count, points, -1)
        y, x = np.divmod(flat.argmax(axis=2), wide)
        peak = flat.max(axis=2)
        cell = f32([size[0] / wide, size[1] / high])
        xy = (np.stack([x, y], axis=2) + f32(0.5)) * cell
        kept = np.flatnonzero(peak.mean(axis=1) >= floor)
        rows = [_points_row(placements[i].picture_from_tensor(xy[i]), peak[i], floor) for i in kept.tolist()]
        columns = {name: [row[j] for row in rows] for j, name in enumerate(("x", "y", "w", "h", "keypoints"))}
        return pa.table(
            {
                "place": pa.array(kept, pa.int64()),
                "label": labels_of(np.zeros(len(kept), np.int64), classes),
                "score": pa.array(peak.mean(axis=1)[kept].astype(np.float64)),
                **{name: pa.array(columns[name], pa.float64()) for name in ("x", "y", "w", "h")},
                "keypoints": pa.array(columns["keypoints"], pa.list_(pa.float64())),
            }
        )


def _points_row(xy: Float32, peak: Float32, floor: float) -> tuple[float, float, float, float, list[float]]:
    seen = np.where(peak >= floor, 2.0, 0.0)
    left, top = xy.min(axis=0).tolist()
    right, bottom = xy.max(axis=0).tolist()
    return left, top, right - left, bottom - top, np.column_stack([xy, seen]).ravel().tolist()
