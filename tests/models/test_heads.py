"""Decoders: a network's numbers, made here by hand from known objects, give these objects back."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from loopline.errors import ModelError
from loopline.models import heads, heads_whole
from loopline.models.head import Detector, Found, suppressed, without_overlap
from loopline.models.inputs import Placement
from loopline.models.protocol import Float32, f32

SIZE = (64, 32)
BOX = f32([10, 6, 30, 26])  # the object: class 1, score 0.8
CENTRE = f32([20, 16, 20, 20])
WHOLE = Placement(1, 1, 0, 0, *SIZE)
NAMES = ("a", "b", "c")


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def empty(*shape: int) -> Float32:
    return np.zeros(shape, np.float32)


def yolo5() -> tuple[Detector, dict[str, Float32]]:
    out = empty(1, 5, 8)
    out[0, 3] = [*CENTRE, 1.0, 0.1, 0.8, 0.2]
    return heads.Yolo5(), {"out": out}


def yolox() -> tuple[Detector, dict[str, Float32]]:
    out = empty(1, 8 * 4 + 4 * 2 + 2 * 1, 8)
    out[0, 32 + 4 + 1] = [20 / 16 - 1, 16 / 16 - 1, np.log(20 / 16), np.log(20 / 16), 1.0, 0.1, 0.8, 0.2]
    return heads.Yolo5(raw=True), {"out": out}


def yolo8() -> tuple[Detector, dict[str, Float32]]:
    out = empty(1, 4 + 3, 5)
    out[0, :, 2] = [*CENTRE, 0.1, 0.8, 0.2]
    return heads.Yolo8(), {"out": out}


def end_to_end() -> tuple[Detector, dict[str, Float32]]:
    out = empty(1, 5, 6)
    out[0, 0] = [*BOX, 0.8, 1]
    return heads.EndToEnd(), {"out": out}


def boxes() -> tuple[Detector, dict[str, Float32]]:
    scores, corners = empty(1, 5, 4), empty(1, 5, 4)
    scores[0, 1] = [0.1, 0.1, 0.8, 0.0]
    corners[0, 1] = (BOX / f32([*SIZE, *SIZE]))[[1, 0, 3, 2]]
    return heads.Boxes(background=0, order="yxyx"), {"scores": scores, "boxes": corners}


def boxes_with_classes() -> tuple[Detector, dict[str, Float32]]:
    scores, classes, corners = empty(1, 5), empty(1, 5), empty(1, 5, 4)
    scores[0, 4], classes[0, 4], corners[0, 4] = 0.8, 1, BOX
    return heads.Boxes(normalised=False), {"scores": scores, "boxes": corners, "classes": classes}


def detr() -> tuple[Detector, dict[str, Float32]]:
    logits, corners = empty(1, 5, 4), empty(1, 5, 4)
    logits[0, :, 3] = 9
    logits[0, 2] = np.log([0.05, 0.8, 0.05, 0.1])
    corners[0, 2] = CENTRE / f32([*SIZE, *SIZE])
    return heads.Detr(), {"logits": logits, "boxes": corners}


def rt_detr() -> tuple[Detector, dict[str, Float32]]:
    logits, corners = empty(1, 5, 3) - 9, empty(1, 5, 4)
    logits[0, 2, 1] = logit(0.8)
    corners[0, 2] = CENTRE / f32([*SIZE, *SIZE])
    return heads.Detr(activation="sigmoid"), {"logits": logits, "boxes": corners}


def anchors() -> tuple[Detector, dict[str, Float32]]:
    head = heads.Anchors(maps=(2,), sizes=((0.5, 0.7),), ratios=((1, 2.0),))
    count = len(head.anchors())
    assert count == 2 * 2 * 3
    offsets, scores = empty(1, count, 4), empty(1, count, 3)
    anchor = head.anchors()[7]
    wanted = CENTRE / f32([*SIZE, *SIZE])
    offsets[0, 7, :2] = (wanted[:2] - anchor[:2]) / anchor[2:] / 0.1
    offsets[0, 7, 2:] = np.log(wanted[2:] / anchor[2:]) / 0.2
    scores[0, 7, 1] = 0.8
    return head, {"offsets": offsets, "scores": scores}


def distances(bins: int) -> tuple[Detector, dict[str, Float32]]:
    out, tensors = {}, {"scores": [], "distances": []}  # type: ignore[var-annotated]
    for stride in (8, 16, 32):
        cells = -(-SIZE[0] // stride) * -(-SIZE[1] // stride)
        out[f"s{stride}"], out[f"d{stride}"] = empty(1, cells, 3), empty(1, cells, 4 * bins)
        tensors["scores"].append(f"s{stride}")
        tensors["distances"].append(f"d{stride}")
    cell, centre = 8 + 2, f32([2.5 * 8, 1.5 * 8])  # column 2, row 1 of the first map
    out["s8"][0, cell, 1] = 0.8
    sides = f32([*(centre - BOX[:2]), *(BOX[2:] - centre)]) / 8
    if bins == 1:
        out["d8"][0, cell] = sides
    else:  # the two bins around each distance, weighed so that their mean is the distance
        spread = np.full((4, bins), -60.0)
        low = np.floor(sides).astype(int)
        spread[range(4), low] = np.log(np.maximum(1 - (sides - low), 1e-9))
        spread[range(4), low + 1] = np.log(np.maximum(sides - low, 1e-9))
        out["d8"][0, cell] = spread.ravel()
    return heads.Distances(tensors=tensors, bins=bins), out  # type: ignore[arg-type]


def fastestdet() -> tuple[Detector, dict[str, Float32]]:
    out = empty(1, 8, 4, 8)
    x, y = 20 / 64 * 8, 16 / 32 * 4
    out[0, :, 1, 2] = [0.8, np.arctanh(x - 2), np.arctanh(y - 1 - 1e-6), logit(20 / 64), logit(20 / 32), 0.1, 0.8, 0.1]
    return heads.FastestDet(), {"out": out}


def centernet() -> tuple[Detector, dict[str, Float32]]:
    heat, sizes, offsets = empty(1, 3, 8, 16) - 9, empty(1, 2, 8, 16), empty(1, 2, 8, 16)
    heat[0, 1, 4, 5] = logit(0.8)
    heat[0, 1, 4, 6] = logit(0.7)  # beside the peak
    sizes[0, :, 4, 5] = 20 / 4
    return heads.CenterNet(), {"heat": heat, "sizes": sizes, "offsets": offsets}


CASES = {
    "yolo5": yolo5,
    "yolox": yolox,
    "yolo8": yolo8,
    "end_to_end": end_to_end,
    "boxes": boxes,
    "boxes with classes": boxes_with_classes,
    "detr": detr,
    "rt_detr": rt_detr,
    "anchors": anchors,
    "fcos": lambda: distances(1),
    "gfl": lambda: distances(8),
    "fastestdet": fastestdet,
    "centernet": centernet,
}


@pytest.mark.parametrize("name", CASES)
def test_a_decoder_gives_the_object_that_the_numbers_were_made_of(name: str) -> None:
    head, outputs = CASES[name]()
    (row,) = head.rows(outputs, SIZE, [WHOLE], NAMES, 0.3).to_pylist()
    assert (row["place"], row["label"]) == (0, "b")
    assert row["score"] == pytest.approx(0.8, abs=1e-4)
    assert [row["x"], row["y"], row["x"] + row["w"], row["y"] + row["h"]] == pytest.approx(BOX.tolist(), abs=0.01)


@pytest.mark.parametrize("name", CASES)
def test_nothing_found_is_a_table_without_rows(name: str) -> None:
    head, outputs = CASES[name]()
    rows = head.rows(outputs, SIZE, [WHOLE], NAMES, 0.95)
    assert rows.num_rows == 0
    assert rows.schema.field("x").type == pa.float64()


def test_boxes_come_back_through_the_way_the_picture_was_placed() -> None:
    head, outputs = yolo8()
    at = Placement(0.5, 0.5, 10, 6, 100, 30)  # half the size, moved: the box starts at the picture's corner
    (row,) = head.rows(outputs, SIZE, [at], NAMES, 0.3).to_pylist()
    assert (row["x"], row["y"], row["w"], row["h"]) == (0, 0, 40, 30)  # 40 high, cut off at the picture's edge


def test_points_come_with_the_box() -> None:
    out = empty(1, 4 + 1 + 6, 2)
    out[0, :, 0] = [*CENTRE, 0.9, 12, 8, 0.9, 25, 20, 0.1]
    (row,) = heads.Yolo8(points=2).rows({"o": out}, SIZE, [WHOLE], ("a",), 0.3).to_pylist()
    assert row["keypoints"] == [12, 8, 2, 25, 20, 1]


def test_yunet_reads_faces_with_points() -> None:
    out: dict[str, Float32] = {}
    for stride, cells in ((8, 32), (16, 8), (32, 2)):
        out |= {f"c{stride}": empty(1, cells, 1), f"o{stride}": empty(1, cells, 1)}
        out |= {f"b{stride}": empty(1, cells, 4), f"k{stride}": empty(1, cells, 4)}
    cell = 4 + 1  # of stride 16: column 1, row 1
    out["c16"][0, cell], out["o16"][0, cell] = 0.8, 0.8
    out["b16"][0, cell] = [20 / 16 - 1, 16 / 16 - 1, np.log(20 / 16), np.log(20 / 16)]
    out["k16"][0, cell] = [14 / 16 - 1, 10 / 16 - 1, 26 / 16 - 1, 10 / 16 - 1]
    tensors = {r: [f"{k}{s}" for s in (8, 16, 32)] for r, k in zip(heads.YuNet.roles, "cobk", strict=True)}
    (row,) = heads.YuNet(points=2, tensors=tensors).rows(out, SIZE, [WHOLE], ("face",), 0.3).to_pylist()  # type: ignore[arg-type]
    assert [row["x"], row["y"], row["w"], row["h"]] == pytest.approx([10, 6, 20, 20], abs=1e-4)
    assert row["keypoints"] == pytest.approx([14, 10, 2, 26, 10, 2], abs=1e-4)


def test_a_classifier_gives_its_surest_classes() -> None:
    logits = np.log(f32([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]]))
    rows = heads_whole.Classes(top=2).rows({"o": logits}, SIZE, [WHOLE] * 2, NAMES, 0.15).to_pylist()
    assert [(r["place"], r["label"], round(r["score"], 3)) for r in rows] == [
        (0, "b", 0.7), (0, "a", 0.2), (1, "a", 0.5), (1, "c", 0.4)
    ]  # fmt: skip


def test_a_class_map_has_the_picture_s_size() -> None:
    planes = empty(1, 3, 4, 8)
    planes[0, 0] = 0.1
    planes[0, 2, :, 4:] = 1  # the right half is class 2
    (row,) = (
        heads_whole.ClassMap().rows({"o": planes}, SIZE, [Placement(0.5, 0.5, 0, 0, 128, 64)], NAMES, 0.5).to_pylist()
    )
    found = np.asarray(Image.open(io.BytesIO(row["mask"])))
    assert found.shape == (64, 128)
    assert (found[:, :57] == 0).all()
    assert (found[:, 68:] == 2).all()


def test_points_of_one_body_are_the_peaks_of_its_maps() -> None:
    heat = empty(1, 2, 8, 16)
    heat[0, 0, 2, 3], heat[0, 1, 6, 10] = 0.9, 0.5
    (row,) = heads_whole.Heatmaps().rows({"o": heat}, SIZE, [WHOLE], ("body",), 0.1).to_pylist()
    assert row["keypoints"] == [14, 10, 2, 42, 26, 2]
    assert row["score"] == pytest.approx(0.7)


def test_an_unknown_tensor_or_class_is_told() -> None:
    head, outputs = yolo8()
    with pytest.raises(ModelError, match='no output "nothing"'):
        heads.Yolo8(tensors={"detections": "nothing"}).find(outputs, SIZE, 0.1)
    with pytest.raises(ModelError, match="names 1 classes"):
        head.rows(outputs, SIZE, [WHOLE], ("a",), 0.3)
    with pytest.raises(ModelError, match="do not fill"):
        heads.Distances(strides=(8,)).find({"s": empty(1, 7, 3), "d": empty(1, 7, 4)}, SIZE, 0.1)


def plain_suppression(xyxy: np.ndarray, class_id: np.ndarray, iou: float) -> list[int]:
    """The clear version: one box after the other."""
    kept: list[int] = []
    for i, (x0, y0, x1, y1) in enumerate(xyxy.astype(np.float64)):
        for k in kept:
            a0, b0, a1, b1 = xyxy[k].astype(np.float64)
            shared = max(min(x1, a1) - max(x0, a0), 0) * max(min(y1, b1) - max(y0, b0), 0)
            union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - shared
            if class_id[i] == class_id[k] and shared > iou * union:
                break
        else:
            kept.append(i)
    return kept


corner = hnp.arrays(np.int64, (12, 4), elements=st.integers(0, 20))


@settings(max_examples=60, deadline=None)
@given(corner, hnp.arrays(np.int64, 12, elements=st.integers(0, 2)), st.sampled_from([0.25, 0.5, 0.75]))
def test_overlap_is_removed_as_by_the_plain_rule(corners: np.ndarray, class_id: np.ndarray, iou: float) -> None:
    xyxy = f32(np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1))
    assert suppressed(xyxy, class_id, iou, 100).tolist() == plain_suppression(xyxy, class_id, iou)


@settings(max_examples=30, deadline=None)
@given(corner, st.permutations(range(12)))
def test_pictures_of_a_batch_do_not_touch_each_other(corners: np.ndarray, order: list[int]) -> None:
    xyxy = f32(np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1))
    place, score = np.array(order) % 3, f32(np.linspace(0.9, 0.1, 12))
    found = Found(place, xyxy, score, np.zeros(12, np.int64))
    kept = without_overlap(found, 0.5, 100, False)
    alone = [
        np.flatnonzero(place == p)[suppressed(xyxy[place == p], found.class_id[place == p], 0.5, 100)] for p in range(3)
    ]
    assert kept.tolist() == np.concatenate(alone).tolist()
