"""LVIS: classes that nobody looked for in a picture do not count; against hotcoco."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics import lvis, slices
from loopline.metrics.resample_coco import weighed_matches
from loopline.metrics.slices import Slice
from tests.metrics.detection_cases import CLASSES, random_scene
from tests.metrics.test_bootstrap import drawn


def test_a_prediction_counts_only_where_its_class_was_looked_for() -> None:
    truth = detections([1], [(0, 0, 10, 10)], [0], classes=CLASSES, samples=[1, 2])
    predicted = detections([1, 2, 2], [(0, 0, 10, 10)] * 3, [0, 0, 1], score=[0.5, 0.9, 0.9], classes=CLASSES)
    unseen = lvis.evaluate(truth, predicted, absent=([], []))
    absent = lvis.evaluate(truth, predicted, absent=([2], [0]))
    partly = lvis.evaluate(truth, predicted, absent=([2], [0]), not_exhaustive=([2], [0]))
    assert [r.numbers()["AP"] for r in (unseen, absent, partly)] == pytest.approx([1, 0.5, 1])


def test_ap_is_also_given_by_frequency() -> None:
    truth = detections([1, 2], [(0, 0, 10, 10)] * 2, [0, 1], classes=CLASSES)
    predicted = detections([1], [(0, 0, 10, 10)], [0], score=[0.5], classes=CLASSES)
    report = lvis.evaluate(truth, predicted, absent=([], []), frequency={"cat": "rare", "dog": "frequent"})
    numbers = report.numbers()
    assert (numbers["APrare"], numbers["APfrequent"]) == pytest.approx((1, 0))
    assert np.isnan(numbers["APcommon"])
    assert lvis.evaluate(truth, predicted, absent=([], [])).frequency == ("rare", "rare", "")
    with pytest.raises(BadValue, match='unknown frequency "often"'):
        lvis.evaluate(truth, predicted, absent=([], []), frequency={"cat": "often"})  # type: ignore[dict-item]


def test_at_most_so_many_predictions_a_picture_over_all_classes() -> None:
    truth = detections([1], [(0, 0, 10, 10)], [0], classes=CLASSES)
    predicted = detections([1, 1], [(0, 0, 10, 10)] * 2, [0, 1], score=[0.5, 0.9], classes=CLASSES)
    options = lvis.LvisOptions(most=1)
    assert lvis.evaluate(truth, predicted, absent=([], []), options=options).numbers()["AP"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_hotcoco_gives_the_same_numbers(seed) -> None:
    import hotcoco

    rng = np.random.default_rng(seed)
    truth, predicted = random_scene(rng, pictures=30, truths=150, predictions=300, crowds=False)
    pairs = [(int(s), k) for s in truth.sample_id for k in range(3)]
    held = set(zip(truth.sample_id[truth.unit()].tolist(), truth.class_id.tolist(), strict=True))
    absent = [p for p in pairs if p not in held and rng.random() < 0.5]
    partly = [p for p in pairs if p in held and rng.random() < 0.3]
    frequency = dict(zip(CLASSES, lvis.FREQUENCIES, strict=True))
    report = lvis.evaluate(
        truth,
        predicted,
        absent=tuple(zip(*absent, strict=True)),
        not_exhaustive=tuple(zip(*partly, strict=True)),
        frequency=frequency,
    )
    gt = hotcoco.COCO(_document(truth, absent, partly))
    rows = np.column_stack(
        [predicted.sample_id[predicted.unit()], predicted.box, predicted.scores(), predicted.class_id + 1]
    )
    ev = hotcoco.COCOeval(gt, gt.load_res(rows), "bbox", lvis_style=True)
    ev.run()
    theirs = np.where(np.asarray(ev.stats) == -1, np.nan, ev.stats)
    mine = report.numbers()
    names = ["AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge", "APrare", "APcommon", "APfrequent", "AR300"]
    np.testing.assert_allclose([mine[n] for n in names], theirs[: len(names)], rtol=0, atol=1e-12)


def _document(truth: Detections, absent: list[tuple[int, int]], partly: list[tuple[int, int]]) -> dict[str, object]:
    unit = truth.unit()
    return {
        "images": [
            {
                "id": int(s),
                "width": 640,
                "height": 480,
                "neg_category_ids": [k + 1 for p, k in absent if p == s],
                "not_exhaustive_category_ids": [k + 1 for p, k in partly if p == s],
            }
            for s in truth.sample_id
        ],
        "categories": [{"id": i + 1, "name": n, "frequency": "rcf"[i]} for i, n in enumerate(CLASSES)],
        "annotations": [
            {
                "id": int(truth.object_id[i]),
                "image_id": int(truth.sample_id[unit[i]]),
                "category_id": int(truth.class_id[i]) + 1,
                "bbox": truth.box[i].tolist(),
                "area": float(truth.area[i]),
                "iscrowd": 0,
            }
            for i in range(len(truth))
        ],
    }


def test_a_replicate_is_the_evaluation_of_the_drawn_samples() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth, predicted = random_scene(rng, pictures=6, truths=30, predictions=60)
        # Equal scores within a picture would alternate in the copies and stand side by side in the weights.
        predicted = replace(predicted, score=predicted.scores() + np.arange(len(predicted)) / 1000)
        weight = rng.integers(0, 3, 6)
        weight[0] += 1

        def listed(units: np.ndarray, truth: Detections = truth, weight: np.ndarray = weight) -> tuple[list[int], ...]:
            old = [(int(truth.sample_id[u]), u % 3) for u in units]
            new = [(int(u) * 100 + copy, u % 3) for u in units for copy in range(weight[u])]
            return [row[0] for row in old], [row[1] for row in old], [row[0] for row in new], [row[1] for row in new]

        absent, unsure = listed(np.arange(0, 6)), listed(np.arange(0, 6, 2))
        report = lvis.evaluate(truth, predicted, absent=absent[:2], not_exhaustive=unsure[:2])
        slow = lvis.evaluate(
            drawn(truth, weight.tolist()),
            drawn(predicted, weight.tolist()),
            absent=absent[2:],
            not_exhaustive=unsure[2:],
        )
        weighed = weighed_matches(report.matched, report.options.iou, report.classes, report.options, report.unsure)
        numbers = slow.numbers()
        fast = weighed.measure(weight.astype(np.int32))
        np.testing.assert_allclose(fast[:4], [numbers[name] for name in weighed.names], rtol=0, atol=1e-12)


def test_a_slice_of_everything_has_the_numbers_of_the_whole() -> None:
    truth, predicted = random_scene(np.random.default_rng(0), pictures=6, truths=30, predictions=60)
    units = truth.sample_id, np.arange(6) % 3
    report = lvis.evaluate(truth, predicted, absent=units, not_exhaustive=units)
    (all_,) = slices.measure_matches(report.matched, [Slice("all", None, None)], limit=300, unsure=report.unsure)
    assert all_.numbers()["AP"] == pytest.approx(report.numbers()["AP"], abs=1e-12)
