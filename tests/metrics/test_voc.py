"""Pascal VOC: by example, and against the devkit's loop written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics import voc
from loopline.metrics.voc import VocOptions
from tests.metrics.detection_cases import CLASSES, read_coco, scenes


def devkit(truth: Detections, predicted: Detections, difficult: np.ndarray, kind: int, options: VocOptions) -> float:
    """VOCevaldet.m, line by line."""
    gts = [i for i in range(len(truth)) if truth.class_id[i] == kind]
    dets = [i for i in range(len(predicted)) if predicted.class_id[i] == kind]
    dets.sort(key=lambda i: -predicted.scores()[i])
    unit_of_gt, unit_of_det = truth.unit(), predicted.unit()
    taken, tp, fp = set(), [], []
    one = 1.0 if options.inclusive else 0.0
    for d in dets:
        best, overlap = None, 0.0
        x0, y0, x1, y1 = predicted.xyxy()[d]
        for g in gts:
            if unit_of_gt[g] != unit_of_det[d]:
                continue
            gx0, gy0, gx1, gy1 = truth.xyxy()[g]
            w, h = min(x1, gx1) - max(x0, gx0) + one, min(y1, gy1) - max(y0, gy0) + one
            if w > 0 and h > 0:
                both = (x1 - x0 + one) * (y1 - y0 + one) + (gx1 - gx0 + one) * (gy1 - gy0 + one) - w * h
                if w * h / both > overlap:
                    best, overlap = g, w * h / both
        if best is not None and overlap >= options.iou:
            if not difficult[best]:
                tp.append(best not in taken)
                fp.append(best in taken)
                taken.add(best)
            else:
                tp.append(False)
                fp.append(False)
        else:
            tp.append(False)
            fp.append(True)
    count = sum(not difficult[g] for g in gts)
    if not count:
        return float("nan")
    hits, wrong = np.cumsum(tp), np.cumsum(fp)
    recall, precision = hits / count, hits / np.maximum(hits + wrong, 1)
    if options.year == "2007":
        return float(np.mean([precision[recall >= t].max(initial=0) for t in np.linspace(0, 1, 11)]))
    recall = np.concatenate([[0], recall, [1]])
    precision = np.concatenate([[0], precision, [0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    step = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(((recall[step] - recall[step - 1]) * precision[step]).sum())


@settings(max_examples=80, deadline=None)
@given(
    scenes(crowds=False), st.sampled_from(["2007", "2012"]), st.booleans(), st.sampled_from([0.3, 0.5, 0.7]), st.data()
)
def test_the_devkits_loop_gives_the_same(scene, year, inclusive, iou, data) -> None:
    truth, predicted = scene
    difficult = np.array(data.draw(st.lists(st.booleans(), min_size=len(truth), max_size=len(truth))), bool)
    options = VocOptions(year=year, iou=iou, inclusive=inclusive)
    report = voc.evaluate(truth, predicted, difficult=difficult, options=options)
    for kind in range(len(CLASSES)):
        expected = devkit(truth, predicted, difficult, kind, options)
        assert report.ap[kind] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_difficult_object_is_neither_found_nor_missed() -> None:
    truth = detections([1, 1], [(0, 0, 10, 10), (50, 50, 10, 10)], [0, 0], classes=CLASSES)
    predicted = detections([1, 1], [(0, 0, 10, 10), (50, 50, 10, 10)], [0, 0], score=[0.9, 0.8], classes=CLASSES)
    report = voc.evaluate(truth, predicted, difficult=np.array([True, False]))
    assert report.numbers() == {"mAP": 1.0, "tp": 1.0, "fp": 0.0, "fn": 0.0}
    assert report.ignored.tolist() == [True, False]


def test_the_extra_pixel_decides_between_hit_and_miss() -> None:
    truth = detections([1], [(0, 0, 9, 9)], [0], classes=CLASSES)
    predicted = detections([1], [(0, 0, 9, 4)], [0], score=[0.9], classes=CLASSES)
    assert voc.evaluate(truth, predicted).numbers()["tp"] == 1
    assert voc.evaluate(truth, predicted, options=VocOptions(inclusive=False)).numbers()["tp"] == 0


def test_wrong_input_is_refused() -> None:
    truth = detections([1], [(0, 0, 9, 9)], [0], classes=CLASSES)
    with pytest.raises(BadValue, match="need scores"):
        voc.evaluate(truth, truth)
    with pytest.raises(BadValue, match="IoU"):
        VocOptions(iou=0)


def test_all_points_lie_between_the_eleven_and_cocos(shared_data: Path) -> None:
    folder = shared_data / "face_mask/reference"
    sides = read_coco(folder / "ground_truth_coco.json", folder / "predictions_masks_aizoo360.json")
    numbers = [
        voc.evaluate(*sides, options=VocOptions(year=y, inclusive=False)).numbers()["mAP"] for y in ("2007", "2012")
    ]
    assert numbers == pytest.approx([0.4421, 0.4421], abs=0.03)
