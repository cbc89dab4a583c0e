"""Panoptic quality: examples, laws, and a slow reference written plainly from the paper and the API's rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import BadValue
from loopline.metrics import panoptic as pn


def plain(truth: pn.Segments, predicted: pn.Segments, classes: int) -> Any:
    """For each class the IoUs of its matches, its false positives and its misses, pair by pair."""
    out: list[Any] = [{"iou": [], "fp": 0, "fn": 0} for _ in range(classes)]
    void = truth.ids == 0
    done_true, done_guess = set(), set()
    for t, c, crowd in zip(truth.segment, truth.class_id, truth.crowd, strict=True):
        for p, d in zip(predicted.segment, predicted.class_id, strict=True):
            a, b = truth.ids == t, predicted.ids == p
            union = (a | b).sum() - (b & void).sum()
            if c == d and not crowd and union and (a & b).sum() / union > 0.5:
                out[c]["iou"].append((a & b).sum() / union)
                done_true.add(t)
                done_guess.add(p)
    for t, c, crowd in zip(truth.segment, truth.class_id, truth.crowd, strict=True):
        out[c]["fn"] += t not in done_true and not crowd
    for p, d in zip(predicted.segment, predicted.class_id, strict=True):
        b = predicted.ids == p
        excuse = void.copy()
        for t, c, crowd in zip(truth.segment, truth.class_id, truth.crowd, strict=True):
            if crowd and c == d:
                excuse |= truth.ids == t
        out[d]["fp"] += p not in done_guess and not (b & excuse).sum() / b.sum() > 0.5
    return out


def blobs(rng: np.random.Generator) -> pn.Segments:
    """Random rectangles of three classes on a small picture, some of them crowds."""
    ids = np.zeros((12, 16), int)
    for i in range(1, int(rng.integers(2, 6))):
        y, x = rng.integers(0, 10), rng.integers(0, 13)
        ids[y : y + rng.integers(2, 7), x : x + rng.integers(2, 9)] = i
    found = np.setdiff1d(np.unique(ids), [0])
    return pn.segments(ids, found, rng.integers(0, 3, found.size), classes=3, crowd=rng.random(found.size) < 0.3)


class Case:
    """A truth with crowds and void, and a prediction that is partly right."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.truth = blobs(rng)
        classes = rng.integers(0, 3, 60)
        classes[self.truth.segment] = self.truth.class_id
        ids = np.roll(self.truth.ids, int(rng.integers(-1, 2)), axis=1)
        for i in (50, 51):
            y, x = rng.integers(0, 10), rng.integers(0, 13)
            ids[y : y + rng.integers(2, 5), x : x + rng.integers(2, 5)] = i
        found = np.setdiff1d(np.unique(ids), [0])
        self.predicted = pn.segments(ids, found, classes[found], classes=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=3))
def test_counts_and_qualities_agree_with_the_plain_reference(seeds: list[int]) -> None:
    cases = [Case(seed) for seed in seeds]
    report = pn.panoptic_report([(c.truth, c.predicted) for c in cases], "abc")
    plains = [plain(c.truth, c.predicted, 3) for c in cases]
    for c in range(3):
        iou = [x for p in plains for x in p[c]["iou"]]
        fp, fn = (sum(p[c][name] for p in plains) for name in ("fp", "fn"))
        assert (report.tp[c], report.fp[c], report.fn[c]) == (len(iou), fp, fn)
        total = len(iou) + fp / 2 + fn / 2
        if total:
            assert report.pq[c] == pytest.approx(sum(iou) / total, abs=1e-12)
            assert report.rq[c] == pytest.approx(len(iou) / total, abs=1e-12)
            assert report.sq[c] == pytest.approx(np.mean(iou) if iou else 0, abs=1e-12)
        else:
            assert np.isnan(report.pq[c])
    pqs = report.pq[~np.isnan(report.pq)]
    assert report.all.classes == len(pqs)
    if len(pqs):
        assert report.all.pq == pytest.approx(pqs.mean(), abs=1e-12)


def test_a_prediction_on_a_crowd_or_on_void_is_no_error() -> None:
    ids = np.zeros((4, 8), int)
    ids[:, 4:] = 1
    truth = pn.segments(ids, [1], [0], classes=2, crowd=[True])
    guess = np.where(np.arange(8) < 4, 5, 6) * np.ones((4, 1), int)
    same = pn.panoptic_report([(truth, pn.segments(guess, [5, 6], [1, 0], classes=2))], "ab")
    assert (same.fp.tolist(), same.fn.tolist(), same.tp.tolist()) == ([0, 0], [0, 0], [0, 0])
    other = pn.panoptic_report([(truth, pn.segments(guess, [5, 6], [1, 1], classes=2))], "ab")
    assert other.fp.tolist() == [0, 1]  # a crowd of another class excuses nothing


def test_exactly_half_is_no_match() -> None:
    ids = np.array([[1, 1, 2, 2]])
    guess = np.array([[1, 2, 2, 2]])
    report = pn.panoptic_report(
        [(pn.segments(ids, [1, 2], [0, 1], classes=2), pn.segments(guess, [1, 2], [0, 1], classes=2))], "ab"
    )
    assert (report.tp.tolist(), report.fp.tolist(), report.fn.tolist()) == ([0, 1], [1, 0], [1, 0])
    assert report.sq[1] == pytest.approx(2 / 3)


def test_things_and_stuff_have_their_own_means() -> None:
    ids = np.array([[1, 1, 2, 2]])
    side = pn.segments(ids, [1, 2], [0, 1], classes=3)
    blind = pn.segments(np.array([[1, 1, 0, 0]]), [1], [0], classes=3)
    report = pn.panoptic_report([(side, blind)], ["car", "sky", "sea"], things=["car"])
    assert (report.things.pq, report.stuff.pq, report.all.pq) == (1, 0, 0.5)
    assert report.stuff.classes == 1  # the sea is not there
    assert np.isnan(pn.panoptic_report([], "ab").all.pq)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pn.segments([[1, 2]], [1], [0], classes=1), "1 segments of the map are not listed, the first is 2"),
        (lambda: pn.segments([[1]], [1, 1], [0, 0], classes=1), "listed twice"),
        (lambda: pn.segments([[1]], [1], [4], classes=2), "out of range"),
        (lambda: pn.segments([[0.5]], [1], [0], classes=2), "whole numbers"),
        (lambda: pn.ids_of_colours(np.zeros((2, 2))), r"\(h, w, 3\)"),
        (lambda: pn.panoptic_report([], "ab", things=["c"]), "classes that are not there: c"),
        (
            lambda: pn.match_segments(
                pn.segments([[1]], [1], [0], classes=1), pn.segments([[1]], [1, 2], [0, 0], classes=1)
            ),
            "1 predicted segments have no pixel",
        ),
        (
            lambda: pn.match_segments(
                pn.segments([[1]], [1], [0], classes=1), pn.segments([[1, 1]], [1], [0], classes=1)
            ),
            "differ in size",
        ),
    ],
)
def test_bad_input_says_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        call()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=4), st.integers(0, 2**32 - 1))
def test_order_batches_and_the_numbers_of_segments_do_not_matter(seeds: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = [Case(s) for s in seeds]
    whole = pn.panoptic_report([(c.truth, c.predicted) for c in cases], "abc", things="a").numbers()

    def renumbered(side: pn.Segments) -> pn.Segments:
        new = np.r_[0, rng.permutation(200)[:60] + 1]
        return pn.segments(new[side.ids], new[side.segment], side.class_id, classes=3, crowd=side.crowd)

    state = pn.start("abc")
    for i in rng.permutation(len(cases)):
        one = pn.update(pn.start("abc"), renumbered(cases[i].truth), renumbered(cases[i].predicted))
        state = pn.merge(one, state)
    parted = pn.finish(state, "abc", things="a").numbers()
    np.testing.assert_array_equal(list(parted.values()), list(whole.values()))


def test_real_coco_panoptic_pictures_agree_with_the_plain_reference(shared_data: Path) -> None:
    folder = shared_data / "coco128"
    document = json.loads((folder / "panoptic.json").read_text())
    classes = [c["id"] for c in document["categories"]]
    pictures, plains = [], []
    for entry in document["annotations"][:12]:
        ids = pn.ids_of_colours(np.asarray(Image.open(folder / "panoptic_masks" / entry["file_name"]).convert("RGB")))
        info = entry["segments_info"]
        listed, of_class = [s["id"] for s in info], [classes.index(s["category_id"]) for s in info]
        crowd = [bool(s["iscrowd"]) for s in info]
        truth = pn.segments(ids, listed, of_class, classes=len(classes), crowd=crowd)
        moved = np.roll(ids, 9, axis=1)
        predicted = pn.segments(moved, listed, of_class, classes=len(classes))
        pictures.append((truth, predicted))
        plains.append(plain(truth, predicted, len(classes)))
    report = pn.panoptic_report(pictures, [str(c) for c in classes])
    for c in range(len(classes)):
        expected = [sum(p[c]["fp"] for p in plains), sum(p[c]["fn"] for p in plains)]
        assert [report.fp[c], report.fn[c]] == expected
        assert report.tp[c] == sum(len(p[c]["iou"]) for p in plains)
    perfect = pn.panoptic_report([(t, t) for t, _ in pictures], [str(c) for c in classes])
    assert perfect.all.pq == 1
