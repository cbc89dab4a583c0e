"""What the decoders of network outputs have in common: found objects as columns, overlap removed, as label rows."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import ModelError
from loopline.kernel.schema import FieldKind
from loopline.models.inputs import Placement
from loopline.models.protocol import Float32, f32

Outputs = Mapping[str, Float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Found:
    """Objects on the pictures of a batch, in pixels of the tensor, overlap not yet removed.

    place (n,) index in the batch · xyxy (n, 4) · score (n,) in [0, 1] · class_id (n,) ·
    points (n, k, 3) x, y, and how sure; None: no points
    """

    place: Int64
    xyxy: Float32
    score: Float32
    class_id: Int64
    points: Float32 | None = None

    def take(self, rows: Int64) -> Found:
        points = None if self.points is None else self.points[rows]
        return Found(self.place[rows], self.xyxy[rows], self.score[rows], self.class_id[rows], points)


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Structs that cannot be made while a method is missing."""


class Head(
    msgspec.Struct,
    metaclass=_AbstractStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="decoder",
):
    """`[output]` of a card. A new decoder is a subclass, listed in `heads.HEADS`.

    tensors    role → name of the tensor, or names, one for each stride; a role that is not named takes the model's
               outputs in their order
    min_score  what is less sure is left out
    """

    tensors: dict[str, str | list[str]] = {}
    min_score: float = 0.25

    kind: ClassVar[FieldKind | None] = None
    roles: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def rows(
        self,
        outputs: Outputs,
        size: tuple[int, int],
        placements: Sequence[Placement],
        classes: Sequence[str],
        floor: float,
    ) -> pa.Table:
        """Label rows of a batch, see `protocol.Predictor.predict`. `size`: (w, h) of the tensor."""

    def tensor(self, outputs: Outputs, role: str) -> Float32:
        """The one tensor of a role."""
        return self.strided(outputs, role)[0]

    def strided(self, outputs: Outputs, role: str) -> list[Float32]:
        """The tensors of a role, one for each stride."""
        names = self.tensors.get(role)
        if names is None:
            names = list(outputs)[self.roles.index(role) :][:1]
        listed = [names] if isinstance(names, str) else list(names)
        unknown = [name for name in listed if name not in outputs]
        if unknown or not listed:
            raise ModelError(
                f'no output "{unknown[0] if unknown else role}"',
                where=f"[output.tensors] {role}",
                hint=f"the model has {', '.join(outputs)}",
            )
        return [outputs[name] for name in listed]


class Detector(Head, frozen=True, kw_only=True):
    """Boxes. `nms_iou`: of boxes that overlap more, only the surest stays; None: the model does that itself."""

    nms_iou: float | None = 0.45
    across_classes: bool = False  # overlap is removed between classes, too
    max_objects: int = 300
    points: int = 0  # of each object; the field then holds them, too

    kind: ClassVar[FieldKind | None] = "box"

    @abstractmethod
    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        """Objects with at least the score `floor`."""

    def rows(
        self,
        outputs: Outputs,
        size: tuple[int, int],
        placements: Sequence[Placement],
        classes: Sequence[str],
        floor: float,
    ) -> pa.Table:
        found = self.find(outputs, size, floor)
        found = found.take(np.flatnonzero((found.score >= floor) & np.isfinite(found.xyxy).all(axis=1)))
        found = found.take(without_overlap(found, self.nms_iou, self.max_objects, self.across_classes))
        return box_rows(found, placements, classes)


def without_overlap(found: Found, iou: float | None, most: int, across_classes: bool) -> Int64:
    """Rows that stay, by place and falling score; equal scores keep their order."""
    order = np.lexsort((np.arange(len(found.score)), -found.score, found.place))
    kept: list[Int64] = []
    for _, group in _groups(found.place[order]):
        rows = order[group]
        if iou is not None and len(rows) > 1:
            apart = np.zeros(len(rows), np.int64) if across_classes else found.class_id[rows]
            rows = rows[suppressed(found.xyxy[rows], apart, iou, most)]
        kept.append(rows[:most])
    return np.concatenate(kept) if kept else np.empty(0, np.int64)


def _groups(places: Int64) -> list[tuple[int, slice]]:
    edges = np.flatnonzero(np.diff(places, prepend=places[0] - 1 if len(places) else 0))
    ends = [*edges[1:].tolist(), len(places)]
    return [(int(places[a]), slice(a, b)) for a, b in zip(edges.tolist(), ends, strict=True)] if len(places) else []


def suppressed(xyxy: Float32, class_id: Int64, iou: float, most: int) -> Int64:
    """Indices that stay of boxes (n, 4) in falling score: each one that overlaps no earlier one of its class more than
    `iou`; at most `most`."""
    span = float(xyxy.max() - xyxy.min()) + 1.0
    boxes = xyxy + (class_id * span)[:, None].astype(np.float32)  # classes lie apart, so that one pass serves all
    x0, y0, x1, y1 = boxes.T
    area = (x1 - x0) * (y1 - y0)
    left = np.arange(len(boxes))
    kept: list[int] = []
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        w = np.minimum(x1[best], x1[left]) - np.maximum(x0[best], x0[left])
        h = np.minimum(y1[best], y1[left]) - np.maximum(y0[best], y0[left])
        shared = np.maximum(w, 0) * np.maximum(h, 0)
        left = left[shared <= iou * (area[best] + area[left] - shared)]
    return np.array(kept, np.int64)


def box_rows(found: Found, placements: Sequence[Placement], classes: Sequence[str]) -> pa.Table:
    """Label rows of objects, in pixels of their pictures."""
    xyxy = found.xyxy.copy()
    points = None if found.points is None else found.points.astype(np.float64)
    for place, rows in _groups(found.place):
        back = placements[place].picture_from_tensor
        xyxy[rows] = back(xyxy[rows].reshape(-1, 2, 2)).reshape(-1, 4)
        if points is not None:
            points[rows, :, :2] = back(points[rows, :, :2].astype(np.float32))
    if points is not None:
        points[:, :, 2] = np.where(points[:, :, 2] >= 0.5, 2, 1)  # COCO's visible and hidden
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    columns = {
        "place": pa.array(found.place, pa.int64()),
        "label": labels_of(found.class_id, classes),
        "score": pa.array(found.score.astype(np.float64)),
        "x": pa.array(xyxy[:, 0].astype(np.float64)),
        "y": pa.array(xyxy[:, 1].astype(np.float64)),
        "w": pa.array(sides[:, 0].astype(np.float64)),
        "h": pa.array(sides[:, 1].astype(np.float64)),
    }
    if points is not None:
        columns["keypoints"] = pa.array(list(points.reshape(len(points), 3 * points.shape[1])), pa.list_(pa.float64()))
    return pa.table(columns)


def labels_of(class_id: Int64, classes: Sequence[str]) -> pa.Array:
    """Names of class numbers. Raises ModelError for a number that the card does not name."""
    if len(class_id) and class_id.max() >= len(classes):
        raise ModelError(
            f"the model gave class {class_id.max()}, and its card names {len(classes)} classes",
            hint="give the card the model's whole class list",
        )
    return pa.array(list(classes), pa.string()).take(pa.array(class_id, pa.int64()))


def sigmoid(x: Float32) -> Float32:
    return f32(1.0 / (1.0 + np.exp(-np.clip(x, -60, 60))))


def softmax(x: Float32, axis: int = -1) -> Float32:
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return f32(shifted / shifted.sum(axis=axis, keepdims=True))


def xyxy_of_centre(cxcywh: Float32) -> Float32:
    """(..., 4) centre and size as corners."""
    half = cxcywh[..., 2:] / 2
    return np.concatenate([cxcywh[..., :2] - half, cxcywh[..., :2] + half], axis=-1).astype(np.float32)


def above(scores: Float32, floor: float, *, every_class: bool) -> tuple[Int64, Int64, Int64]:
    """place, row and class of scores (b, n, c) from `floor`: of each class, or only of each row's best class."""
    if every_class:
        place, row, class_id = np.nonzero(scores >= floor)
        return place, row, class_id
    best = scores.argmax(axis=2)
    top = np.take_along_axis(scores, best[:, :, None], axis=2)[:, :, 0]
    place, row = np.nonzero(top >= floor)
    return place, row, best[place, row]


def grid(size: tuple[int, int], stride: float, cells: int) -> Float32:
    """(cells, 2) column and row of each cell of a map, row by row. Raises ModelError where they do not fill it."""
    wide, high = -(-size[0] // int(stride)), -(-size[1] // int(stride))
    if wide * high != cells:
        raise ModelError(
            f"{cells} cells at stride {stride:g} do not fill {size[0]}×{size[1]}", hint="check the strides"
        )
    rows, columns = np.divmod(np.arange(cells), wide)
    return np.stack([columns, rows], axis=1).astype(np.float32)
