"""Wrong labels are found, each for the right reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics.suspects import KINDS, find_suspects, suspect_table
from tests.metrics.detection_cases import read_coco
from tests.metrics.planting import found, plant, precision_and_recall

CLASSES = ("cat", "dog")


def world() -> tuple[Detections, Detections]:
    """40 pictures of 4 objects, and a detector that sees them well, with some noise at low scores."""
    rng = np.random.default_rng(0)
    sample = np.repeat(np.arange(40), 4)
    corner = np.tile([[10, 10], [200, 10], [10, 200], [200, 200]], (40, 1))
    box = np.concatenate([corner, rng.uniform(60, 120, (160, 2))], axis=1)
    label = rng.integers(0, 2, 160)
    truth = detections(sample, box, label, classes=CLASSES)
    noise = np.concatenate([rng.uniform(0, 300, (80, 2)), rng.uniform(10, 60, (80, 2))], axis=1)
    predicted = detections(
        np.concatenate([sample, rng.integers(0, 40, 80)]),
        np.concatenate([box + rng.normal(0, 2, box.shape), noise]),
        np.concatenate([label, rng.integers(0, 2, 80)]),
        score=np.concatenate([rng.uniform(0.6, 1, 160), rng.uniform(0.05, 0.4, 80)]),
        classes=CLASSES,
    )
    return truth, predicted


def test_each_kind_of_mistake_comes_first_in_its_kind() -> None:
    true, predicted = world()
    box, label = true.box.copy(), true.class_id.copy()
    box[5] += [40, 30, 0, 0]
    label[9] = 1 - label[9]
    keep = np.delete(np.arange(160), 17)
    truth = detections(
        np.append(true.sample_id[true.unit()[keep]], 30),
        np.concatenate([box[keep], [[110, 330, 80, 80]]]),
        np.append(label[keep], 0),
        classes=CLASSES,
        object_id=np.append(true.object_id[keep], 999),
    )
    rows = suspect_table(find_suspects(truth, predicted)).to_pylist()
    first = {kind: next(r for r in rows if r["kind"] == kind) for kind in KINDS}
    assert [first[k]["id"] for k in ("misplaced", "mislabelled", "spurious")] == [6, 10, 999]
    assert first["missing"]["prediction_id"] == 18
    assert {r["id"] for r in rows[:4]} == {None, 6, 10, 999}
    assert first["mislabelled"]["suggested_label"] == CLASSES[true.class_id[9]]
    assert first["spurious"]["x"] is None
    assert "nothing is annotated there" in first["missing"]["reason"]
    np.testing.assert_allclose([first["misplaced"][k] for k in "xywh"], true.box[5], atol=8)


def test_right_labels_give_no_strong_suspect() -> None:
    suspects = find_suspects(*world())
    assert (suspects.score < 0.25).mean() > 0.95


def test_scores_fall_and_lie_between_0_and_1_and_an_object_comes_once() -> None:
    suspects = find_suspects(*world())
    assert (np.diff(suspects.score) <= 0).all()
    assert suspects.score.min() > 0
    assert suspects.score.max() <= 1
    rows = suspects.gt[suspects.gt >= 0]
    assert len(np.unique(rows)) == len(rows)


def test_a_box_rule_is_not_a_mistake_of_every_label() -> None:
    truth, predicted = world()
    higher = replace(predicted, box=predicted.box - predicted.box[:, [3]] * np.array([0, 0.25, 0, 0]))
    suspects = find_suspects(truth, higher)
    assert suspects.rule is not None
    assert (suspects.score < 0.25).mean() > 0.95


def test_nothing_in_gives_nothing_out() -> None:
    nothing = detections([], [], [], classes=CLASSES, samples=[1])
    none = replace(nothing, score=np.zeros(0))
    assert suspect_table(find_suspects(nothing, none)).num_rows == 0
    truth, predicted = world()
    assert len(find_suspects(truth, none)) == 0
    assert set(find_suspects(nothing, predicted).kind) <= {KINDS.index("missing")}
    with pytest.raises(BadValue, match='no kind of suspect "odd"'):
        find_suspects(truth, predicted, kinds=["odd"])  # type: ignore[list-item]


# What the ranking reached when it was made, less a tenth: precision among as many suspects as were planted.
FLOORS = {"missing": 0.55, "misplaced": 0.55, "mislabelled": 0.5, "spurious": 0.4}


def test_planted_errors_of_the_face_masks_are_found(shared_data: Path) -> None:
    folder = shared_data / "face_mask/reference"
    true, predicted = read_coco(folder / "ground_truth_coco.json", folder / "predictions_masks_aizoo360.json")
    planted = plant(true, np.random.default_rng(0))
    suspects = find_suspects(planted.truth, predicted)
    for kind, floor in FLOORS.items():
        precision, recall = precision_and_recall(found(planted, suspects, kind), len(planted.removed))  # type: ignore[arg-type]
        assert precision >= floor, kind
        assert recall >= floor, kind
