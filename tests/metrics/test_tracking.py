"""Tracking: examples, laws, and the figures of TrackEval and py-motmetrics."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from loopline.errors import BadValue
from loopline.metrics import tracking as tr
from loopline.metrics._overlap import best_assignment, pair_iou
from loopline.metrics.metric import measure

CASES = json.loads((Path(__file__).parent / "tracking_cases.json").read_text())["cases"]
TRACKEVAL = {
    "HOTA": "hota",
    "DetA": "det_a",
    "AssA": "ass_a",
    "DetRe": "det_re",
    "DetPr": "det_pr",
    "AssRe": "ass_re",
    "AssPr": "ass_pr",
    "LocA": "loc_a",
    "MOTA": "mota",
    "MOTP": "motp_iou",
    "CLR_Re": "recall",
    "CLR_Pr": "precision",
    "CLR_TP": "tp",
    "CLR_FP": "fp",
    "CLR_FN": "fn",
    "IDSW": "idsw",
    "Frag": "frag",
    "MT": "mt",
    "PT": "pt",
    "ML": "ml",
    "IDF1": "idf1",
    "IDP": "idp",
    "IDR": "idr",
    "IDTP": "idtp",
    "IDFP": "idfp",
    "IDFN": "idfn",
}
MOTMETRICS = {
    "mota": "mota",
    "motp": "motp_distance",
    "idf1": "idf1",
    "idp": "idp",
    "idr": "idr",
    "recall": "recall",
    "precision": "precision",
    "mostly_tracked": "mt",
    "partially_tracked": "pt",
    "mostly_lost": "ml",
    "num_false_positives": "fp",
    "num_misses": "fn",
    "num_switches": "idsw",
    "num_fragmentations": "frag",
    "num_objects": "true",
    "idtp": "idtp",
    "idfp": "idfp",
    "idfn": "idfn",
}


def side(rows: Any) -> tr.Tracks:
    table = np.asarray(rows, float).reshape(-1, 6)
    return tr.tracks(table[:, 0], table[:, 1], table[:, 2:])


def walk(track: int, frames: range, x: float = 0) -> list[list[float]]:
    return [[f, track, x + f, 0, 10, 10] for f in frames]


# -- examples


def test_one_switch_in_the_middle_costs_identity_but_no_detection() -> None:
    truth = side(walk(1, range(10)))
    predicted = side(walk(7, range(5)) + walk(8, range(5, 10)))
    report = tr.tracking_report([(truth, predicted)])
    assert (report.clear.tp, report.clear.fp, report.clear.fn, report.clear.idsw, report.clear.frag) == (10, 0, 0, 1, 0)
    assert report.clear.mota == 0.9
    assert report.identity.idf1 == 0.5
    assert report.hota.det_a == 1
    assert report.hota.hota == pytest.approx(np.sqrt(0.5))


def test_a_gap_is_one_interruption_and_the_same_identity_after_it_is_no_switch() -> None:
    report = tr.tracking_report(
        [
            (
                side(walk(1, range(10)) + walk(2, range(10), x=100)),
                side([*walk(7, range(4)), *walk(7, range(6, 10)), *walk(9, range(10), x=100)]),
            )
        ]
    )
    assert (report.clear.frag, report.clear.idsw, report.clear.fn) == (1, 0, 2)
    assert (report.clear.mt, report.clear.pt, report.clear.ml) == (1, 1, 0)  # 80 % is not more than 80 %


def test_a_track_that_still_fits_is_kept_though_another_fits_better() -> None:
    truth = side([[0, 1, 0, 0, 10, 10], [1, 1, 0, 0, 10, 10]])
    predicted = side([[0, 5, 0, 0, 10, 10], [1, 5, 2, 0, 10, 10], [1, 6, 0, 0, 10, 10]])
    report = tr.tracking_report([(truth, predicted)])
    assert (report.clear.idsw, report.clear.fp) == (0, 1)
    assert report.clear.motp_iou == pytest.approx((1 + 80 / 120) / 2)


def test_no_predictions_no_truths_and_nothing_at_all_have_stated_results() -> None:
    some, none = side(walk(1, range(3))), side([])
    missed = tr.tracking_report([(some, none)]).numbers()
    assert (missed["mota"], missed["hota"], missed["idf1"], missed["fn"], missed["ml"]) == (0, 0, 0, 3, 1)
    assert np.isnan(missed["motp_iou"])
    invented = tr.tracking_report([(none, some)]).numbers()
    assert (invented["hota"], invented["fp"]) == (0, 3)
    assert np.isnan(invented["mota"])
    nothing = tr.tracking_report([]).numbers()
    assert np.isnan([nothing[name] for name in ("mota", "hota", "idf1", "loc_a")]).all()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0, 1, 0, 0, 5, 5], [0, 1, 9, 9, 5, 5]], "track 1 is in frame 0 twice"),
        ([[0, 1, 0, 0, -5, 5]], "negative width"),
        ([[0, 1, np.nan, 0, 5, 5]], "NaN"),
        ([[0.5, 1, 0, 0, 5, 5]], "frame must be one whole number"),
    ],
)
def test_bad_tracks_say_what_is_wrong(rows: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        side(rows)


def test_bad_thresholds_say_what_is_wrong() -> None:
    with pytest.raises(BadValue, match=r"lies in \(0, 1\]"):
        tr.tracking_report([], iou_threshold=0)
    with pytest.raises(BadValue, match="at least one alpha"):
        tr.tracking_report([], alphas=[])


def test_boxes_without_area_match_nothing() -> None:
    assert pair_iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


# -- second opinions


@pytest.mark.parametrize("case", CASES)
def test_figures_over_several_videos_agree_with_trackeval(case: Any) -> None:
    ours = tr.tracking_report([(side(v["truth"]), side(v["predicted"])) for v in case["videos"]]).numbers()
    assert {theirs: ours[TRACKEVAL[theirs]] for theirs in case["expected"]} == pytest.approx(case["expected"], abs=1e-9)


def test_the_figures_of_tud_campus_come_out(shared_data: Path) -> None:
    folder = shared_data / "mot" / "TUD-Campus"
    truth, predicted = (side(np.loadtxt(folder / f, delimiter=",")[:, :6]) for f in ("gt.txt", "test.txt"))
    ours = tr.tracking_report([(truth, predicted)]).numbers()
    for part in ("HOTA", "CLEAR", "Identity"):
        expected = json.loads((folder / "expected_trackeval.json").read_text())[part]
        assert {name: ours[TRACKEVAL[name]] for name in expected} == pytest.approx(expected, abs=1e-5)
    figures = json.loads((folder / "expected_motmetrics.json").read_text())["metrics"]
    expected = {ours_name: figures[name] for name, ours_name in MOTMETRICS.items()}
    assert {name: ours[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_assignment_is_as_good_as_scipys_and_as_trying_all(rows: int, columns: int, seed: int) -> None:
    gain = np.random.default_rng(seed).integers(0, 5, (rows, columns)).astype(float)
    ours, theirs = gain[best_assignment(gain)].sum(), gain[linear_sum_assignment(gain, maximize=True)].sum()
    short = gain if rows <= columns else gain.T
    best = max(short[np.arange(len(short)), list(p)].sum() for p in permutations(range(short.shape[1]), len(short)))
    assert ours == theirs == best


# -- laws


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(CASES) - 1), st.integers(0, 2**32 - 1))
def test_order_of_rows_videos_and_batches_and_the_names_of_tracks_do_not_matter(which: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    videos = [(np.array(v["truth"]), np.array(v["predicted"])) for v in CASES[which]["videos"]]
    whole = tr.tracking_report([(side(t), side(p)) for t, p in videos]).numbers()
    state = tr.start()
    for i in rng.permutation(len(videos)):
        shuffled = [rng.permutation(rows) for rows in videos[i]]
        for rows in shuffled:
            rows[:, 1] += 1000
        state = tr.merge(tr.update(tr.start(), *map(side, shuffled)), state)
    assert tr.finish(state).numbers() == whole


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(CASES) - 1))
def test_a_perfect_tracker_has_one_and_an_extra_false_track_never_helps(which: int) -> None:
    truths = [side(v["truth"]) for v in CASES[which]["videos"]]
    perfect = tr.tracking_report([(t, t) for t in truths]).numbers()
    assert {perfect[name] for name in ("hota", "det_a", "ass_a", "loc_a", "mota", "motp_iou", "idf1")} == {1.0}
    assert (perfect["idsw"], perfect["fp"], perfect["fn"]) == (0, 0, 0)
    before = [(side(v["truth"]), side(v["predicted"])) for v in CASES[which]["videos"]]
    after = [
        (t, side(v["predicted"] + walk(999, range(3), x=5000)))
        for (t, _), v in zip(before, CASES[which]["videos"], strict=True)
    ]
    worse, better = tr.tracking_report(after).numbers(), tr.tracking_report(before).numbers()
    assert all(worse[name] < better[name] for name in ("mota", "idf1", "hota", "det_a"))


def test_label_rows_of_a_lake_give_the_same_numbers_and_classes_never_match() -> None:
    def rows(video: int, label: str, table: Any) -> pa.Table:
        columns = dict(zip(("frame", "track_id", *"xywh"), np.asarray(table, float).T, strict=True))
        return pa.table(
            {"sample_id": [video] * len(table), "label": [label] * len(table)}
            | {k: v.astype(int) if k in ("frame", "track_id") else v for k, v in columns.items()}
        )

    videos = CASES[0]["videos"]
    truth = pa.concat_tables(rows(i, "car", v["truth"]) for i, v in enumerate(videos))
    predicted = pa.concat_tables(rows(i, "car", v["predicted"]) for i, v in enumerate(videos))
    ours = measure(tr.METRIC, [(truth, predicted)]).numbers()
    assert ours["hota"] == pytest.approx(CASES[0]["expected"]["HOTA"], abs=1e-9)
    other = predicted.set_column(predicted.column_names.index("label"), "label", pa.array(["bus"] * len(predicted)))
    assert measure(tr.METRIC, [(truth, other)]).clear.tp == 0
    nowhere = pa.array([None] * len(predicted), pa.int64())
    without = predicted.set_column(predicted.column_names.index("track_id"), "track_id", nowhere)
    with pytest.raises(BadValue, match="no track"):
        measure(tr.METRIC, [(truth, without)])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_matched_rows_are_as_many_as_counted_and_the_same_in_any_order(seed: int, true: int, guesses: int) -> None:
    rng = np.random.default_rng(seed)

    def made(tracks: int) -> pa.Table:
        frame, track = (part.ravel() for part in np.meshgrid(np.arange(5), np.arange(tracks)))
        box = {name: rng.uniform(0, 4, frame.size) if name in "xy" else np.full(frame.size, 8.0) for name in "xywh"}
        label = pa.array(rng.choice(["man", "dog"], frame.size).tolist())
        return pa.table({"sample_id": frame % 2, "frame": frame, "track_id": track, "label": label, **box})

    truth, predicted = made(true), made(guesses)
    report, pairs = tr.report_of_tables(truth, predicted)
    assert len(pairs.true) == len(np.unique(pairs.true)) == len(np.unique(pairs.predicted)) == report.clear.tp
    for name in ("sample_id", "frame", "label"):
        assert truth[name].take(pairs.true).equals(predicted[name].take(pairs.predicted))
    again = tr.finish(tr.update_tables(tr.start(), truth, predicted)).numbers()
    assert again == pytest.approx(report.numbers(), abs=0, rel=0, nan_ok=True)
    order = rng.permutation(len(truth))
    mixed = tr.report_of_tables(truth.take(order), predicted)[1]
    assert sorted(zip(order[mixed.true], mixed.predicted, strict=True)) == sorted(
        zip(pairs.true, pairs.predicted, strict=True)
    )
