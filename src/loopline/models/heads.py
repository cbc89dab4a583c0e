"""The decoders of detector heads, one class each. A card names one: `decoder = "yolo8"`.

Every formula is written from the network's paper or its own description of the output.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from loopline.errors import ModelError
from loopline.models.head import (
    Detector,
    Found,
    Outputs,
    above,
    grid,
    sigmoid,
    softmax,
    xyxy_of_centre,
)
from loopline.models.protocol import Float32, f32


class Yolo5(Detector, frozen=True, tag="yolo5"):
    """YOLOv5, v7: rows of cx cy w h objectness, class scores (b, n, 5 + c), in pixels of the tensor. `raw` YOLOX: cells
    of the strides with offsets and logarithms of the sizes."""

    raw: bool = False
    strides: tuple[int, ...] = (8, 16, 32)
    roles = ("detections",)

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        rows = self.tensor(outputs, "detections")
        place, row, class_id = above(rows[:, :, 5:] * rows[:, :, 4:5], floor, every_class=False)
        chosen = rows[place, row]
        box = chosen[:, :4]
        if self.raw:
            counts = [(-(-size[0] // s)) * (-(-size[1] // s)) for s in self.strides]
            cells = np.concatenate([grid(size, s, n) for s, n in zip(self.strides, counts, strict=True)])
            stride = np.repeat(f32(self.strides), counts)
            if len(cells) != rows.shape[1]:
                raise ModelError(f"{rows.shape[1]} rows where the strides make {len(cells)}", hint="check the strides")
            each = stride[row][:, None]
            box = np.concatenate([(box[:, :2] + cells[row]) * each, np.exp(box[:, 2:]) * each], axis=1)
        return Found(place, xyxy_of_centre(box), chosen[np.arange(len(row)), 5 + class_id] * chosen[:, 4], class_id)


class Yolo8(Detector, frozen=True, tag="yolo8"):
    """YOLOv8, v9, v11: columns of cx cy w h, class scores, points x y v: (b, 4 + c + 3k, n), in pixels of the tensor."""

    roles = ("detections",)

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:  # noqa: ARG002
        rows = self.tensor(outputs, "detections").transpose(0, 2, 1)
        end = rows.shape[2] - 3 * self.points
        place, row, class_id = above(rows[:, :, 4:end], floor, every_class=False)
        chosen = rows[place, row]
        points = chosen[:, end:].reshape(-1, self.points, 3) if self.points else None
        score = chosen[np.arange(len(row)), 4 + class_id]
        return Found(place, xyxy_of_centre(chosen[:, :4]), score, class_id, points)


class EndToEnd(Detector, frozen=True, tag="end_to_end"):
    """YOLOv10 and others with the overlap removed inside: rows of x0 y0 x1 y1 score class (b, n, 6)."""

    nms_iou: float | None = None
    normalised: bool = False
    roles = ("detections",)

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        rows = self.tensor(outputs, "detections")
        place, row = np.nonzero(rows[:, :, 4] >= floor)
        chosen = rows[place, row]
        scale = f32([*size, *size]) if self.normalised else f32(1)
        return Found(place, chosen[:, :4] * scale, chosen[:, 4], chosen[:, 5].astype(np.int64))


class Boxes(Detector, frozen=True, tag="boxes"):
    """Ready boxes with class scores: SSD with its decoding inside, UltraFace, the TensorFlow detection API.

    boxes (b, n, 4) and scores (b, n, c), or scores (b, n) and classes (b, n).
    """

    order: Literal["xyxy", "yxyx", "cxcywh"] = "xyxy"
    normalised: bool = True
    background: int | None = None  # column of the scores that means "nothing"
    activation: Literal["none", "softmax", "sigmoid"] = "none"
    every_class: bool = False  # a box may count once for each class
    roles = ("scores", "boxes", "classes")

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        boxes, scores = self.tensor(outputs, "boxes"), self.tensor(outputs, "scores")
        classes = self.tensor(outputs, "classes").astype(np.int64) if scores.ndim == 2 else None
        if classes is not None:
            place, row = np.nonzero(scores >= floor)
            class_id, score = classes[place, row], scores[place, row]
        else:
            scores = _activated(scores, self.activation)
            if self.background is not None:
                scores = np.delete(scores, self.background, axis=2)
            place, row, class_id = above(scores, floor, every_class=self.every_class)
            score = scores[place, row, class_id]
        xyxy = f32(boxes[place, row])
        xyxy = (
            xyxy_of_centre(xyxy) if self.order == "cxcywh" else xyxy[:, [1, 0, 3, 2]] if self.order == "yxyx" else xyxy
        )
        return Found(place, xyxy * f32([*size, *size]) if self.normalised else xyxy, score, class_id)


class Detr(Detector, frozen=True, tag="detr"):
    """DETR, RT-DETR, RF-DETR, YOLOS: logits (b, q, c) and boxes (b, q, 4) as cx cy w h, shares of the tensor.

    activation  softmax: the last class means "no object" (DETR); sigmoid: every class by itself (RT-DETR)
    """

    nms_iou: float | None = None
    activation: Literal["softmax", "sigmoid"] = "softmax"
    roles = ("logits", "boxes")

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        scores = _activated(self.tensor(outputs, "logits"), self.activation)
        if self.activation == "softmax":
            scores = scores[:, :, :-1]
        place, row, class_id = above(scores, floor, every_class=self.activation == "sigmoid")
        xyxy = xyxy_of_centre(self.tensor(outputs, "boxes")[place, row]) * f32([*size, *size])
        return Found(place, xyxy, scores[place, row, class_id], class_id)


class Anchors(Detector, frozen=True, tag="anchors"):
    """SSD: offsets (b, n, 4) to anchors and class scores (b, n, c).

    Each cell of each map has a square of every size, then the first size in every further ratio (w = s √r, h = s / √r).
    """

    maps: tuple[int, ...]  # cells in a row of each map
    sizes: tuple[tuple[float, ...], ...]  # of each map, shares of the picture
    ratios: tuple[tuple[float, ...], ...]
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    background: int | None = None
    activation: Literal["none", "softmax", "sigmoid"] = "none"
    roles = ("offsets", "scores")

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        scores = _activated(self.tensor(outputs, "scores"), self.activation)
        if self.background is not None:
            scores = np.delete(scores, self.background, axis=2)
        place, row, class_id = above(scores, floor, every_class=False)
        anchors = self.anchors()
        if len(anchors) != scores.shape[1]:
            raise ModelError(f"{scores.shape[1]} rows, and the card makes {len(anchors)} anchors", where="[output]")
        offsets = self.tensor(outputs, "offsets")[place, row] * f32(self.variances)
        anchor = anchors[row]
        centre = anchor[:, :2] + offsets[:, :2] * anchor[:, 2:]
        sides = anchor[:, 2:] * np.exp(offsets[:, 2:])
        xyxy = xyxy_of_centre(np.concatenate([centre, sides], axis=1)) * f32([*size, *size])
        return Found(place, xyxy, scores[place, row, class_id], class_id)

    def anchors(self) -> Float32:
        """(n, 4) centre and size."""
        out = []
        for cells, sizes, ratios in zip(self.maps, self.sizes, self.ratios, strict=True):
            sides = [(s, s) for s in sizes] + [(sizes[0] * r**0.5, sizes[0] / r**0.5) for r in ratios if r != 1]
            rows, columns = np.divmod(np.arange(cells * cells), cells)
            centres = (np.stack([columns, rows], axis=1) + 0.5) / cells
            each = np.repeat(centres, len(sides), axis=0)
            out.append(np.concatenate([each, np.tile(sides, (cells * cells, 1))], axis=1))
        return np.concatenate(out).astype(np.float32)


class Distances(Detector, frozen=True, tag="distances"):
    """FCOS, NanoDet, GFL: for each cell class scores and the distances left, top, right, bottom to its box's sides.

    scores, distances  one tensor for each stride, (b, cells, c) and (b, cells, 4) or (b, cells, 4 · bins)
    bins               1: plain distances in strides; more: a distribution over 0 … bins − 1, whose mean counts
    """

    strides: tuple[int, ...] = (8, 16, 32)
    bins: int = 1
    activation: Literal["none", "sigmoid"] = "none"
    centredness: bool = False  # a third role: the score is √(class · centredness)
    cell_centre: float = 0.5
    roles = ("scores", "distances", "centredness")

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        parts = []
        every = zip(self.strides, self.strided(outputs, "scores"), self.strided(outputs, "distances"), strict=True)
        for i, (stride, scores, sides) in enumerate(every):
            scores = _activated(scores, self.activation)
            if self.centredness:
                scores = f32(np.sqrt(scores * sigmoid(self.strided(outputs, "centredness")[i])))
            place, row, class_id = above(scores, floor, every_class=True)
            chosen = sides[place, row]
            if self.bins > 1:
                chosen = f32(softmax(chosen.reshape(-1, 4, self.bins)) @ np.arange(self.bins))
            chosen = chosen * stride
            centre = (grid(size, stride, scores.shape[1])[row] + self.cell_centre) * stride
            xyxy = np.concatenate([centre - chosen[:, :2], centre + chosen[:, 2:]], axis=1).astype(np.float32)
            parts.append(Found(place, xyxy, scores[place, row, class_id], class_id))
        return _joined(parts)


class FastestDet(Detector, frozen=True, tag="fastestdet"):
    """One map (b, 5 + c, h, w): objectness, centre offset, size, class probabilities.
    score = objectness^0.6 · class^0.4; centre offset through tanh, size through the logistic function."""

    roles = ("map",)

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        cells = self.tensor(outputs, "map")
        high, wide = cells.shape[2:]
        rows = cells.reshape(len(cells), cells.shape[1], -1).transpose(0, 2, 1)
        best = rows[:, :, 5:].argmax(axis=2)
        score = rows[:, :, 0] ** 0.6 * rows[:, :, 5:].max(axis=2) ** 0.4
        place, row = np.nonzero(score >= floor)
        chosen = rows[place, row]
        y, x = np.divmod(row, wide)
        centre = (np.stack([x, y], axis=1) + np.tanh(chosen[:, 1:3])) / f32([wide, high])
        box = np.concatenate([centre, sigmoid(chosen[:, 3:5])], axis=1).astype(np.float32)
        return Found(place, xyxy_of_centre(box) * f32([*size, *size]), score[place, row], best[place, row])


class CenterNet(Detector, frozen=True, tag="centernet"):
    """Peaks of a heat map (b, c, h, w) with sizes (b, 2, h, w) and offsets (b, 2, h, w), in cells."""

    nms_iou: float | None = None
    activation: Literal["none", "sigmoid"] = "sigmoid"
    sizes_in_pixels: bool = False
    roles = ("heat", "sizes", "offsets")

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        heat = _activated(self.tensor(outputs, "heat"), self.activation)
        high, wide = heat.shape[2:]
        padded = np.pad(heat, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1)
        around = [padded[:, :, dy : dy + high, dx : dx + wide] for dy in range(3) for dx in range(3)]
        place, class_id, y, x = np.nonzero((heat == np.maximum.reduce(around)) & (heat >= floor))
        offset = self.tensor(outputs, "offsets")[place, :, y, x]
        cell = f32([size[0] / wide, size[1] / high])
        sides = self.tensor(outputs, "sizes")[place, :, y, x] * (f32(1) if self.sizes_in_pixels else cell)
        centre = (np.stack([x, y], axis=1) + offset) * cell
        box = np.concatenate([centre, sides], axis=1).astype(np.float32)
        return Found(place, xyxy_of_centre(box), heat[place, class_id, y, x], class_id)


class YuNet(Detector, frozen=True, tag="yunet"):
    """Faces: for each stride class and objectness (b, cells, 1), box (b, cells, 4) and points (b, cells, 2k).
    score = √(class · objectness); centres are offsets in cells, sizes logarithms of cells."""

    strides: tuple[int, ...] = (8, 16, 32)
    roles = ("class", "objectness", "boxes", "points")

    def find(self, outputs: Outputs, size: tuple[int, int], floor: float) -> Found:
        parts = []
        for i, stride in enumerate(self.strides):
            class_, obj, boxes = (self.strided(outputs, role)[i] for role in ("class", "objectness", "boxes"))
            score = np.sqrt(np.clip(class_[:, :, 0], 0, 1) * np.clip(obj[:, :, 0], 0, 1))
            place, row = np.nonzero(score >= floor)
            cell = grid(size, stride, score.shape[1])[row]
            chosen = boxes[place, row]
            box = np.concatenate([chosen[:, :2] + cell, np.exp(chosen[:, 2:])], axis=1) * stride
            points = None
            if self.points:
                xy = (
                    self.strided(outputs, "points")[i][place, row].reshape(-1, self.points, 2) + cell[:, None]
                ) * stride
                points = np.concatenate([xy, np.ones_like(xy[:, :, :1])], axis=2).astype(np.float32)
            parts.append(
                Found(place, xyxy_of_centre(box.astype(np.float32)), score[place, row], np.zeros_like(row), points)
            )
        return _joined(parts)


def _activated(x: Float32, activation: str) -> Float32:
    return softmax(x) if activation == "softmax" else sigmoid(x) if activation == "sigmoid" else x


def _joined(parts: list[Found]) -> Found:
    points = [p.points for p in parts if p.points is not None]
    return Found(
        np.concatenate([p.place for p in parts]),
        np.concatenate([p.xyxy for p in parts]),
        np.concatenate([p.score for p in parts]),
        np.concatenate([p.class_id for p in parts]),
        np.concatenate(points) if points else None,
    )
