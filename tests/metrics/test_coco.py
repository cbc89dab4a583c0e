"""The COCO protocol: by example, by law, and against pycocotools, hotcoco and published results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections, take
from loopline.metrics import coco
from loopline.metrics.coco import AREAS, AreaRange, CocoOptions, keypoint_options
from loopline.metrics.fates import fates, match_table
from tests.metrics.detection_cases import CLASSES, read_coco, scenes, with_pycocotools

SIDE = {"classes": CLASSES}


def truth_of(*boxes: tuple[float, ...], crowd: tuple[bool, ...] | None = None, label: int = 0) -> Detections:
    return detections([1] * len(boxes), list(boxes), [label] * len(boxes), iscrowd=crowd, samples=[1], **SIDE)


def predicted_of(*rows: tuple[float, ...], label: int = 0) -> Detections:
    """Rows x y w h score."""
    boxes = [row[:4] for row in rows]
    return detections([1] * len(rows), boxes, [label] * len(rows), score=[r[4] for r in rows], samples=[1], **SIDE)


# -- examples


def test_the_higher_score_wins_when_two_boxes_overlap_one_object() -> None:
    report = coco.evaluate(truth_of((0, 0, 10, 10)), predicted_of((0, 0, 10, 10, 0.3), (0, 0, 10, 9, 0.8)))
    found = fates(report.matched, iou=0.5)
    assert found.gt_of.tolist() == [-1, 0]
    assert found.counts() == {"tp": 1, "fp": 1, "fn": 0, "ignored": 0}


def test_a_match_to_a_crowd_is_ignored_and_a_crowd_is_never_missed() -> None:
    truth = truth_of((0, 0, 100, 100), crowd=(True,))
    report = coco.evaluate(truth, predicted_of((0, 0, 10, 10, 0.9), (5, 5, 10, 10, 0.8)))
    assert fates(report.matched).counts() == {"tp": 0, "fp": 0, "fn": 0, "ignored": 2}
    assert np.isnan(report.numbers()["AP"])


def test_a_real_object_is_tried_before_a_crowd_that_overlaps_more() -> None:
    truth = truth_of((0, 0, 100, 100), (0, 0, 10, 16), crowd=(True, False))
    report = coco.evaluate(truth, predicted_of((0, 0, 10, 10, 0.9)))
    assert fates(report.matched).gt_of.tolist() == [1]


def test_a_small_object_is_ignored_among_the_large_ones_not_an_error() -> None:
    report = coco.evaluate(
        truth_of((0, 0, 10, 10), (200, 0, 200, 200)), predicted_of((0, 0, 10, 10, 0.9), (200, 0, 200, 200, 0.5))
    )
    assert report.numbers()["APlarge"] == pytest.approx(1)
    assert report.truths[0].tolist() == [2, 1, 0, 1]


def test_detections_beyond_the_limit_do_not_exist() -> None:
    options = CocoOptions(max_detections=(1,))
    rows = predicted_of((50, 50, 10, 10, 0.9), (0, 0, 10, 10, 0.8))
    report = coco.evaluate(truth_of((0, 0, 10, 10)), rows, options=options)
    assert fates(report.matched).counts() == {"tp": 0, "fp": 1, "fn": 1, "ignored": 1}
    assert report.numbers()["AR1"] == 0


def test_the_fate_of_each_object_is_a_row_that_names_its_partner() -> None:
    truth = detections([1, 2], [(0, 0, 10, 10), (0, 0, 9, 9)], [0, 1], object_id=[70, 71], **SIDE)
    predicted = detections([1], [(0, 0, 10, 8)], [0], score=[0.5], object_id=[90], **SIDE)
    rows = match_table(coco.evaluate(truth, predicted).matched, iou=0.5).to_pylist()
    assert [(r["side"], r["id"], r["label"], r["outcome"], r["partner_id"], r["iou"]) for r in rows] == [
        ("truth", 70, "cat", "tp", 90, 0.8),
        ("truth", 71, "dog", "fn", None, None),
        ("predicted", 90, "cat", "tp", 70, 0.8),
    ]
    assert {r["frame"] for r in rows} == {None}


def test_without_truths_nothing_is_known_and_without_predictions_everything_is_0() -> None:
    nothing = predicted_of()
    assert all(np.isnan(v) for v in coco.evaluate(truth_of(), predicted_of((0, 0, 1, 1, 0.5))).numbers().values())
    assert coco.evaluate(truth_of((0, 0, 10, 10)), nothing).numbers()["AP"] == 0
    assert all(np.isnan(v) for v in coco.evaluate(truth_of(), nothing).numbers().values())


def test_frames_of_a_video_do_not_share_objects() -> None:
    truth = detections([1, 1], [(0, 0, 10, 10)] * 2, [0, 0], frame=[0, 1], **SIDE)
    predicted = detections([1, 1], [(0, 0, 10, 10)] * 2, [0, 0], frame=[1, 1], score=[0.9, 0.8], **SIDE)
    assert fates(coco.evaluate(truth, predicted).matched).counts() == {"tp": 1, "fp": 1, "fn": 1, "ignored": 0}
    assert match_table(coco.evaluate(truth, predicted).matched)["frame"].to_pylist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: CocoOptions(iou=(0.5, 0.5)), "must rise"),
        (lambda: CocoOptions(max_detections=()), "must rise"),
        (lambda: coco.evaluate(truth_of(), truth_of()), "need scores"),
        (lambda: coco.evaluate(truth_of(), predicted_of(), options=CocoOptions(iou=(0.0,))), "above 0"),
        (lambda: coco.evaluate(truth_of(), replace(predicted_of(), classes=("cat",))), "different classes"),
        (lambda: fates(coco.evaluate(truth_of(), predicted_of()).matched, iou=0.51), "nothing was matched at IoU 0.51"),
        (lambda: coco.curve(coco.evaluate(truth_of(), predicted_of()), label="cta"), 'no class "cta"'),
        (lambda: coco.evaluate(truth_of((0, 0, 1, 1)), predicted_of(), options=keypoint_options()), "keypoints"),
        (lambda: coco.evaluate(truth_of((0, 0, 1, 1)), predicted_of(), options=CocoOptions(geometry="mask")), "size"),
    ],
)
def test_what_cannot_be_measured_says_so(wrong, says) -> None:
    with pytest.raises(BadValue, match=says):
        wrong()


# -- laws


@settings(max_examples=60, deadline=None)
@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_batches_does_not_change_a_number(scene, random) -> None:
    truth, predicted = scene
    whole = coco.evaluate(truth, predicted)
    shuffled = []
    for these in scene:
        rows = list(range(len(these)))
        random.shuffle(rows)
        shuffled.append(_rebuilt(these, rows))
    again = coco.evaluate(*shuffled)
    samples = list(truth.sample_id)
    random.shuffle(samples)
    states = [
        coco.update(coco.start(), _of_samples(truth, part), _of_samples(predicted, part))
        for part in (samples[:2], samples[2:])
        if part
    ]
    batched = coco.finish(coco.merge(states[0], states[1] if len(states) > 1 else coco.start()))
    for other in (again, batched):
        np.testing.assert_array_equal(other.precision, whole.precision)
        np.testing.assert_array_equal(other.recall, whole.recall)
        assert match_table(other.matched).equals(match_table(whole.matched))


def _rebuilt(these: Detections, rows: list[int]) -> Detections:
    at = np.array(rows, int)
    return detections(
        these.sample_id[these.unit()][at],
        these.box[at],
        these.class_id[at],
        classes=these.classes,
        score=None if these.score is None else these.score[at],
        object_id=these.object_id[at],
        iscrowd=these.iscrowd[at],
        area=these.area[at],
        samples=these.sample_id,
    )


def _of_samples(these: Detections, samples: list[int]) -> Detections:
    rows = [i for i, s in enumerate(these.sample_id[these.unit()]) if s in samples]
    part = _rebuilt(these, rows)
    keep = np.isin(part.sample_id, samples)
    counts = np.diff(part.offsets)[keep]
    return replace(part, sample_id=part.sample_id[keep], frame=part.frame[keep], offsets=np.cumsum([0, *counts]))


@settings(max_examples=40, deadline=None)
@given(scenes(crowds=False))
def test_a_perfect_detector_gives_1(scene) -> None:
    truth, _ = scene
    seen = take(truth, (truth.box[:, 2:] > 0).all(axis=1))
    report = coco.evaluate(seen, replace(seen, score=np.linspace(1, 0.1, len(seen))))
    assert np.isnan(report.numbers()["AP"]) if not len(seen) else report.numbers()["AP"] == pytest.approx(1, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(scenes())
def test_a_false_positive_below_all_scores_never_raises_ap(scene) -> None:
    truth, predicted = scene
    before = coco.evaluate(truth, predicted)
    sample = truth.sample_id[0]
    worse = detections(
        np.append(predicted.sample_id[predicted.unit()], sample),
        np.concatenate([predicted.box, [[5000.0, 5000, 20, 20]]]),
        np.append(predicted.class_id, 0),
        classes=CLASSES,
        score=np.append(predicted.scores(), -1.0),
        object_id=np.append(predicted.object_id, 10_000),
        samples=truth.sample_id,
    )
    after = coco.evaluate(truth, worse)
    assert not (after.precision > before.precision).any()


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_masks_of_rectangles_and_boxes_agree(scene) -> None:
    sizes = {int(s): (200, 200) for s in scene[0].sample_id}
    sides = []
    for these in scene:
        whole = these.box.round()
        sides.append(replace(these, box=whole, area=whole[:, 2] * whole[:, 3], size_px=np.full((these.units, 2), 200)))
    assert sizes
    boxes = coco.evaluate(*sides)
    masks = coco.evaluate(*sides, options=CocoOptions(geometry="mask"))
    if (np.concatenate([sides[0].box, sides[1].box])[:, :2] >= 0).all():
        np.testing.assert_array_equal(masks.precision, boxes.precision)


# -- second opinions


@settings(max_examples=120, deadline=None)
@given(scenes(), st.booleans(), st.sampled_from([(1, 10, 100), (2,), (1, 3)]))
def test_every_number_has_the_bits_of_pycocotools(scene, by_class, limits) -> None:
    truth, predicted = scene
    areas = (*AREAS, AreaRange("odd", 200, 700)) if len(limits) < 3 else AREAS
    options = CocoOptions(by_class=by_class, max_detections=limits, areas=areas, iou=(0.3, *coco.COCO_IOUS, 1.0))
    report = coco.evaluate(truth, predicted, options=options)
    theirs = with_pycocotools(truth, predicted, options)
    np.testing.assert_array_equal(report.precision, theirs["precision"])
    np.testing.assert_array_equal(report.recall, theirs["recall"])
    np.testing.assert_array_equal(report.score, theirs["scores"])
    if len(limits) == 3:
        np.testing.assert_array_equal(list(report.numbers().values()), theirs["stats"])


@settings(max_examples=40, deadline=None)
@given(scenes(crowds=False), st.integers(0, 2**32 - 1))
def test_keypoint_numbers_have_the_bits_of_pycocotools(scene, seed) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = scene
    points = rng.integers(0, 60, (len(truth), 17, 3)).astype(float)
    points[..., 2] = rng.integers(0, 3, (len(truth), 17))
    points[rng.random(len(truth)) < 0.2, :, 2] = 0
    truth = replace(truth, keypoints=points, area=truth.area * 20)
    guesses = np.zeros((len(predicted), 17, 3))
    if len(truth):
        guesses = points[rng.integers(0, len(truth), len(predicted))] + rng.integers(-2, 3, (len(predicted), 17, 3))
    predicted = coco.measured(replace(predicted, keypoints=guesses), "keypoints")
    report = coco.evaluate(truth, predicted, options=keypoint_options())
    theirs = with_pycocotools(truth, predicted, keypoint_options())
    np.testing.assert_array_equal(report.precision, theirs["precision"])
    np.testing.assert_array_equal(list(report.numbers().values()), theirs["stats"])


CASES = [
    ("coco_eval_reference", "bbox", "instances_val2014_100.json", "instances_val2014_fakebbox100_results.json"),
    (
        "coco_eval_reference",
        "bbox_class_agnostic",
        "instances_val2014_100.json",
        "instances_val2014_fakebbox100_results.json",
    ),
    ("coco_eval_reference", "segm", "instances_val2014_100.json", "instances_val2014_fakesegm100_results.json"),
    ("coco128", "fastestdet", "reference/ground_truth_coco.json", "reference/predictions_fastestdet.json"),
    ("coco128", "nanodet_g", "reference/ground_truth_coco.json", "reference/predictions_nanodet_g.json"),
    ("coco128", "nanodet_g_class_agnostic", "reference/ground_truth_coco.json", "reference/predictions_nanodet_g.json"),
    (
        "coco128",
        "nanodet_g_against_things_with_crowd",
        "reference/ground_truth_things_with_crowd_coco.json",
        "reference/predictions_nanodet_g_sparse_ids.json",
    ),
    *(
        (
            "face_mask",
            name,
            "reference/ground_truth_coco.json",
            f"reference/predictions_{name.removesuffix('_class_agnostic')}.json",
        )
        for name in (
            "faces_yunet_n_class_agnostic",
            "faces_rfb320_class_agnostic",
            "masks_aizoo360",
            "masks_yunet_plus_classifier",
        )
    ),
]


@pytest.mark.parametrize(("folder", "case", "truth", "predictions"), CASES)
def test_the_reference_results_are_reproduced(folder, case, truth, predictions, shared_data: Path) -> None:
    base = shared_data / folder
    file = base / "expected_coco_metrics.json"
    expected = json.loads((file if file.is_file() else base / "reference/expected_coco_metrics.json").read_text())
    wanted = expected["cases"][case]
    options = CocoOptions(geometry="mask" if wanted["iou_type"] == "segm" else "box", by_class=wanted["use_categories"])
    report = coco.evaluate(*read_coco(base / truth, base / predictions), options=options)
    numbers = report.numbers()
    assert {k: round(v, 8) for k, v in numbers.items()} == wanted["pycocotools"]
    counts = fates(report.matched, iou=0.5).counts()
    named = {"true_positives": counts["tp"], "false_positives": counts["fp"], "false_negatives": counts["fn"]}
    assert named == wanted["counts_at_iou_0.5_all_scores"]
    mine = coco.per_class(report)
    for label, theirs in wanted.get("per_class", {}).items():
        assert round(mine[label]["AP"], 8) == theirs["AP"], label
        assert round(mine[label]["AP50"], 8) == theirs["AP50"], label


def test_keypoints_of_real_people_have_the_bits_of_pycocotools(shared_data: Path) -> None:
    folder = shared_data / "coco_keypoints"
    document = json.loads((folder / "test_coco.json").read_text())
    truth, _ = read_coco(folder / "test_coco.json", folder / "test_coco_det_AP_H_56.json", keypoints=False)
    truth = replace(
        truth, keypoints=np.array([_points(document, i) for i in truth.object_id], float).reshape(len(truth), 17, 3)
    )
    rng = np.random.default_rng(3)
    guess = replace(
        truth, keypoints=truth.keypoints + rng.normal(0, 6, truth.keypoints.shape), iscrowd=truth.iscrowd & False
    )
    predicted = coco.measured(replace(guess, score=rng.random(len(guess))), "keypoints")
    report = coco.evaluate(truth, predicted, options=keypoint_options())
    theirs = with_pycocotools(truth, predicted, keypoint_options())
    assert 0 < report.numbers()["AP"] < 1
    np.testing.assert_array_equal(list(report.numbers().values()), theirs["stats"])


def _points(document, object_id: int) -> list[float]:
    return next(a["keypoints"] for a in document["annotations"] if a["id"] == object_id)


def test_hotcoco_gives_the_same_numbers(shared_data: Path) -> None:
    import hotcoco

    base = shared_data / "coco128/reference"
    truth, predicted = read_coco(base / "ground_truth_coco.json", base / "predictions_nanodet_g.json")
    images = [{"id": int(s), "width": 640, "height": 640} for s in truth.sample_id]
    categories = [{"id": i, "name": name} for i, name in enumerate(truth.classes)]
    gt = hotcoco.COCO.from_arrays(
        images,
        categories,
        truth.sample_id[truth.unit()],
        truth.class_id,
        truth.box,
        area=truth.area,
        ids=truth.object_id,
    )
    rows = np.column_stack(
        [predicted.sample_id[predicted.unit()], predicted.box, predicted.scores(), predicted.class_id]
    )
    ev = hotcoco.COCOeval(gt, gt.load_res(rows), "bbox")
    ev.run()
    np.testing.assert_array_equal(ev.stats, list(coco.evaluate(truth, predicted).numbers().values()))


def test_masks_given_as_runs_and_as_outlines_measure_alike() -> None:
    from loopline.kernel import rle

    square = np.zeros((40, 40), bool)
    square[10:20, 10:30] = True
    outline = [[10.0, 10.0, 30.0, 10.0, 30.0, 20.0, 10.0, 20.0]]
    shape = {"sizes_px": {1: (40, 40)}, **SIDE}
    drawn = detections([1], [(10, 10, 20, 10)], [0], polygons=pa.array([outline]), **shape)
    stored = detections([1], [(10, 10, 20, 10)], [0], score=[0.5], mask=pa.array([rle.encode(square)]), **shape)
    report = coco.evaluate(drawn, stored, options=CocoOptions(geometry="mask"))
    assert fates(report.matched, iou=0.95).det_iou.tolist() == [1.0]


# -- by name, over tables


def test_label_rows_are_measured_by_name_batch_by_batch() -> None:
    from loopline.metrics import detection
    from loopline.metrics.metric import measure
    from loopline.metrics.registry import get

    def rows(sample: int, first: int, label: str) -> pa.Table:
        values = {
            "id": [first],
            "sample_id": [sample],
            "label": [label],
            "x": [1.0],
            "y": [1.0],
            "w": [9.0],
            "h": [9.0],
        }
        return pa.table({**values, "score": [0.5]})

    batches = [(rows(1, 1, "cat"), rows(1, 11, "cat")), (rows(2, 2, "dog"), rows(2, 12, "bird"))]
    report = measure(get("coco"), batches)
    assert report.numbers()["AP"] == pytest.approx(0.5)
    assert report.dropped == {"class 'bird' is not evaluated": 1}
    assert measure(get("voc"), batches).numbers()["mAP"] == 0.5
    assert measure(get("coco_any_class"), batches).numbers()["AP"] == pytest.approx(1)  # a bird is as good as a dog
    assert np.isnan(measure(get("coco"), []).numbers()["AP"])
    assert {m.name for m in detection.METRICS} == {"coco", "coco_any_class", "coco_keypoints", "voc"}
