"""How many planted label errors the suspects find: 5 % of the labels each removed, moved, renamed and made up.

    python benchmarks/suspects.py [--data ../shared/data] [--seeds 5]

Precision at k: among the first k suspects of a kind, k as many as were planted. Recall at 2k: among twice as many.
`seen`: the share of all objects on which the detector puts any prediction at IoU 0.5, the most that can be expected.
`plain`: the same precision of the plainest ranking: predictions that match nothing by score, objects whose prediction is
off or of another class by its score, objects without a prediction by area.
Labels have mistakes of their own, which count as wrong here.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _measure import machine, once_s, table

from loopline.kernel.detections import Detections, align
from loopline.metrics._pairs import find_pairs
from loopline.metrics.suspects import KINDS, SuspectKind, Suspects, find_suspects
from tests.metrics.detection_cases import read_coco
from tests.metrics.planting import found, plant, precision_and_recall

ROOT = Path(__file__).resolve().parents[1]
CASES = {
    "coco128, NanoDet-g": ("coco128", "predictions_nanodet_g.json", False),
    "coco128, FastestDet": ("coco128", "predictions_fastestdet.json", False),
    "face_mask, AIZOO 360": ("face_mask", "predictions_masks_aizoo360.json", False),
    "face_mask, YuNet + classifier": ("face_mask", "predictions_masks_yunet_plus_classifier.json", False),
    "face_mask, YuNet (no classes)": ("face_mask", "predictions_faces_yunet_n.json", True),
}


def plain(truth: Detections, predicted: Detections, kind: SuspectKind) -> Suspects:
    """Suspects of one kind by what lies at hand, without any belief in the detector worked out."""
    near = find_pairs(truth, predicted, by_class=False, least=0.1)
    same = truth.class_id[near.gt] == predicted.class_id[near.det]
    score, n = predicted.scores(), len(truth)
    on_det, on_gt, own, other = np.zeros(len(predicted)), np.zeros(n), np.zeros(n), np.zeros(n)
    np.maximum.at(on_det, near.det, near.iou)
    np.maximum.at(on_gt, near.gt, near.iou)
    np.maximum.at(own, near.gt[same], near.iou[same])
    off, wrong = same & (near.iou < 0.5), ~same & (near.iou >= 0.5)
    np.maximum.at(other, near.gt[wrong], score[near.det[wrong]])
    beside = np.zeros(n)
    np.maximum.at(beside, near.gt[off], score[near.det[off]])
    value = {
        "missing": np.where(on_det < 0.5, score, 0),
        "misplaced": np.where(own < 0.5, beside, 0),
        "mislabelled": np.where(own < 0.5, other, 0),
        "spurious": np.where(on_gt < 0.25, truth.area, 0),
    }[kind]
    order = np.argsort(-value, kind="stable")[: int((value > 0).sum())]
    nobody = np.full(len(order), -1)
    gt, det = (nobody, order) if kind == "missing" else (order, nobody)
    code = np.full(len(order), KINDS.index(kind), np.uint8)
    return Suspects(truth, predicted, code, value[order], gt, det, np.full(len(order), np.nan), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.05)
    options = parser.parse_args()
    results = {}
    for title, (folder, file, agnostic) in CASES.items():
        base = options.data / folder / "reference"
        true, predicted = read_coco(base / "ground_truth_coco.json", base / file, agnostic=agnostic)
        seen = len(np.unique(find_pairs(true, predicted, by_class=False, least=0.5).gt)) / len(true)
        kinds = [kind for kind in KINDS if not (agnostic and kind == "mislabelled")]
        scores: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
        seconds = []
        for seed in range(options.seeds):
            planted = plant(true, np.random.default_rng(seed), share=options.share)
            wall, _, suspects = once_s(partial(find_suspects, planted.truth, predicted, by_class=not agnostic))
            seconds.append(wall)
            for kind in kinds:
                count = len(planted.removed)
                simple, _ = precision_and_recall(
                    found(planted, plain(*align(planted.truth, predicted), kind), kind), count
                )
                scores[kind].append((*precision_and_recall(found(planted, suspects, kind), count), simple))
        means = {kind: np.mean(values, axis=0) for kind, values in scores.items()}
        results[title] = {kind: [round(float(v), 3) for v in mean] for kind, mean in means.items()}
        table(
            f"{title}: {len(true)} objects, seen {seen:.2f}, {np.median(seconds):.2f} s",
            [
                (kind, f"{p:.2f} / {r:.2f} / {q:.2f}", "precision at k / recall at 2k / plain")
                for kind, (p, r, q) in means.items()
            ],
        )
    print(json.dumps({"machine": machine("loopline", "numpy"), "planted": options.share, "results": results}))


if __name__ == "__main__":
    main()
