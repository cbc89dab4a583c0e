"""Semantic segmentation: examples, laws, plain references for the borders, and published pixel counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from sklearn import metrics as sk

from loopline.errors import BadValue
from loopline.metrics import segmentation as sg
from loopline.metrics._borders import border_inside, drawn_border, near_same

shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
maps = hnp.arrays(np.int64, shapes, elements=st.integers(-1, 2))


@st.composite
def pairs(draw: Any) -> tuple[Any, Any]:
    shape = draw(shapes)
    one = hnp.arrays(np.int64, shape, elements=st.integers(-1, 2))
    return draw(one), draw(one)


# -- examples


def test_half_a_square_has_half_the_iou_and_two_thirds_dice() -> None:
    truth = np.zeros((4, 8), int)
    truth[:, :4] = 1
    guess = np.zeros((4, 8), int)
    guess[:, :2] = 1
    report = sg.segmentation_report([(truth, guess)], ["ground", "road"])
    assert report.iou.tolist() == [16 / 24, 0.5]
    assert report.dice[1] == pytest.approx(2 / 3)
    assert (report.accuracy, report.mean_accuracy) == (0.75, 0.75)
    assert report.frequency_weighted_iou == pytest.approx((16 / 24 + 0.5) / 2)


def test_ignored_pixels_count_nowhere_and_unpredicted_ones_are_wrong() -> None:
    report = sg.segmentation_report([(np.array([[0, 0, -1, -1]]), np.array([[0, -1, 0, 1]]))], ["a", "b"])
    assert (report.accuracy, report.unpredicted.tolist()) == (0.5, [1, 0])
    assert report.iou[0] == 0.5
    assert np.isnan(report.iou[1])
    assert report.mean_iou == 0.5


def test_no_pictures_give_nan_and_an_empty_picture_adds_nothing() -> None:
    assert np.isnan(sg.segmentation_report([], ["a"]).mean_iou)
    empty = np.zeros((0, 0), int)
    assert sg.segmentation_report([(empty, empty)], ["a"], borders=True).pictures == 1


def test_pixel_values_become_class_indices() -> None:
    found = sg.class_map([[0, 200], [255, 7]], values=[0, 7, 200], ignore=[255])
    assert found.tolist() == [[0, 2], [-1, 1]]
    with pytest.raises(BadValue, match="2 pixels have a value that is no class: 9"):
        sg.class_map([[9, 9], [0, 0]], values=[0])


@pytest.mark.parametrize(
    ("truth", "guess", "words"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), "differ in size"),
        (np.full((2, 2), 5), np.zeros((2, 2), int), "truth has the class index 5; there are 2"),
        (np.zeros((2, 2), int), np.full((2, 2), -2), "predicted has the class index -2"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "whole numbers"),
    ],
)
def test_bad_maps_say_what_is_wrong(truth: Any, guess: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        sg.segmentation_report([(truth, guess)], ["a", "b"])


def test_a_border_that_is_one_pixel_off_is_near_but_not_on_the_wide_border_alone() -> None:
    truth = np.zeros((60, 80), int)  # diagonal 100: wide border 2 pixels, reach 1
    truth[10:40, 10:40] = 1
    guess = np.roll(truth, 1, axis=1)
    off_by_one = sg.segmentation_report([(truth, guess)], ["ground", "box"], borders=True)
    assert off_by_one.boundary_f1 is not None
    assert off_by_one.boundary_iou is not None
    assert off_by_one.boundary_f1.tolist() == [1, 1]
    assert off_by_one.boundary_iou[1] < off_by_one.iou[1]
    far = sg.segmentation_report([(truth, np.roll(truth, 4, axis=1))], ["ground", "box"], borders=True)
    assert far.boundary_f1 is not None
    assert far.boundary_f1[1] < 0.7


# -- second opinions


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_iou_and_dice_agree_with_scikit_learn(maps: tuple[Any, Any]) -> None:
    truth, guess = maps
    report = sg.segmentation_report([(truth, guess)], "abc")
    judged = truth >= 0
    for c in range(3):
        t, g = truth[judged] == c, guess[judged] == c
        if t.any() or g.any():
            assert report.iou[c] == pytest.approx(sk.jaccard_score(t, g, zero_division=0), abs=1e-12)
            assert report.dice[c] == pytest.approx(sk.f1_score(t, g, zero_division=0), abs=1e-12)
        else:
            assert np.isnan(report.iou[c])


@settings(max_examples=40, deadline=None)
@given(maps, st.integers(1, 4))
def test_borders_agree_with_looking_at_every_neighbour(classes: Any, distance: int) -> None:
    h, w = classes.shape
    wide, thin, near = (np.zeros((h, w), bool) for _ in range(3))
    valid, other = classes != 2, np.roll(classes, 2, axis=0)
    for y in range(h):
        for x in range(w):
            for v in range(y - distance, y + distance + 1):
                for u in range(x - distance, x + distance + 1):
                    inside = 0 <= v < h and 0 <= u < w
                    wide[y, x] |= not inside or classes[v, u] != classes[y, x]
                    if inside and max(abs(v - y), abs(u - x)) == 1:
                        thin[y, x] |= valid[v, u] and classes[v, u] != classes[y, x]
                    near[y, x] |= (
                        inside and other[v, u] == classes[y, x] >= 0 and (v - y) ** 2 + (u - x) ** 2 <= distance**2
                    )
    assert np.array_equal(border_inside(classes, distance), wide)
    assert np.array_equal(drawn_border(classes, valid), thin & valid & (classes >= 0))
    assert np.array_equal(near_same(classes, other, distance), near)


def test_the_published_pixel_counts_of_people_come_out(shared_data: Path) -> None:
    folder = shared_data / "coco128"
    expected = json.loads((folder / "reference" / "expected_person_segmentation.json").read_text())
    state, by_picture = sg.start(["other", "person"]), {}
    for file in sorted((folder / "semantic_masks").glob("*.png")):
        truth = np.asarray(Image.open(file)) == 1
        guess = np.asarray(Image.open(folder / "reference" / "person_masks_predicted" / file.name)) > 0
        state = sg.update(state, truth.astype(int), guess.astype(int))
        if truth.any():
            by_picture[file.name] = sg.binary_iou(truth, guess)
    report = sg.finish(state, ["other", "person"])
    pixels = expected["pixels"]
    assert report.confusion.tolist() == [[pixels["tn"], pixels["fp"]], [pixels["fn"], pixels["tp"]]]
    ours = {
        "accuracy": report.accuracy,
        "precision": report.precision[1],
        "recall": report.recall[1],
        "iou_person": report.iou[1],
        "iou_background": report.iou[0],
        "dice_person": report.dice[1],
    }
    assert ours == pytest.approx({name: expected[name] for name in ours}, abs=1e-12)
    assert by_picture == pytest.approx(expected["per_picture_iou_where_a_person_is_labelled"], abs=1e-6)


# -- laws


@settings(max_examples=30, deadline=None)
@given(st.lists(pairs(), max_size=4), st.randoms())
def test_the_order_of_pictures_and_merging_do_not_change_a_digit(pictures: Any, random: Any) -> None:
    whole = sg.segmentation_report(pictures, "abc", borders=True)
    shuffled = list(pictures)
    random.shuffle(shuffled)
    state = sg.start("abc")
    for truth, guess in shuffled:
        state = sg.merge(sg.update(sg.start("abc"), truth, guess, borders=True), state)
    parted = sg.finish(state, "abc").numbers()
    assert parted.keys() == whole.numbers().keys()
    np.testing.assert_array_equal(list(parted.values()), list(whole.numbers().values()))


@settings(max_examples=40, deadline=None)
@given(maps)
def test_a_perfect_prediction_has_one_and_flips_do_not_matter(classes: Any) -> None:
    report = sg.segmentation_report([(classes, classes)], "abc", borders=True)
    for values in (report.iou, report.dice, report.boundary_iou, report.boundary_f1):
        assert values is None or np.all(np.isnan(values) | (values == 1))
    other = np.roll(classes, 1, axis=1)
    a = sg.segmentation_report([(classes, other)], "abc", borders=True).numbers()
    b = sg.segmentation_report([(classes[::-1].T, other[::-1].T)], "abc", borders=True).numbers()
    np.testing.assert_array_equal(list(a.values()), list(b.values()))
