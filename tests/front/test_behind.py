"""Behind each cell of a confusion matrix lie exactly the samples, or class rows, that it counts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import loopline as ll
from loopline.errors import BadValue
from loopline.front.evaluating.behind import behind
from loopline.front.evaluating.operating import mix_ups
from tests.front.evaluating_worlds import add_rows, data_set

CLASSES = ("a", "b", "c")
SAMPLES = 20


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> ll.Dataset:
    """A class for each sample, a guess for most of them with a score, and small class maps."""
    rng = np.random.default_rng(3)
    made = data_set(tmp_path_factory.mktemp("behind"), [], pictures=SAMPLES)
    numbers = list(range(1, SAMPLES + 1))
    add_rows(
        made, "true", "class", {"sample": numbers, "label": rng.choice(CLASSES, SAMPLES).tolist()}, classes=CLASSES
    )
    for sample in numbers[:-3]:
        some = rng.permutation(CLASSES)[:2].tolist()
        rows = {"sample": [sample] * 2, "label": some, "score": rng.uniform(0, 1, 2).round(3).tolist()}
        add_rows(made, "said", "class", rows, classes=CLASSES)
    for field in ("map", "guess"):
        maps = [_png(rng.integers(0, 3, (4, 5))) for _ in numbers]
        add_rows(made, field, "mask", {"sample": numbers, "mask": maps}, classes=CLASSES)
    return made


def _confusion(ev: ll.Evaluation) -> np.ndarray:
    assert ev.record.confusion is not None
    return ev.record.confusion


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_all_pairs_of_one_class_a_sample_are_its_confusion(ds: ll.Dataset) -> None:
    ev = ds.evaluate(truth="true", predicted="said", key="one")
    found = mix_ups(ev)
    assert len(found.row) == SAMPLES
    matrix = np.zeros((4, 4), np.int64)
    np.add.at(matrix, (found.row, found.column), 1)
    np.testing.assert_array_equal(matrix[:3, :3], ev.record.confusion)
    assert matrix[:, 3].sum() == 3, "no answer for the last three"


@pytest.mark.parametrize("least", [0.0, 0.4, 0.9])
def test_pairs_from_a_score_on_are_those_of_an_evaluation_of_what_is_left(ds: ll.Dataset, least: float) -> None:
    found = mix_ups(ds.evaluate(truth="true", predicted="said", save=False))
    left = ll.evaluate(ds.keep("said", f"score >= {least}"), truth="true", predicted="said", save=False)
    for row in range(3):
        for column in range(3):
            of_truth, ids = found.cell(row, column, least)
            assert (of_truth, len(ids)) == (False, _confusion(left)[row][column])
        of_truth, missed = found.cell(row, 3, least)
        assert of_truth
        assert len(missed) + np.sum(_confusion(left)[row]) == np.sum(found.row == row)


def test_pictures_behind_a_cell_of_class_maps_come_with_most_pixels_first(ds: ll.Dataset) -> None:
    ev = ds.evaluate(truth="map", predicted="guess", save=False)
    found = behind(ev)
    for row in range(3):
        assert {*found.cell(row, None)} == {int(s) for c in range(3) if c != row for s in found.cell(row, c)}
        for column in range(3):
            mine = (found.row == row) & (found.column == column)
            assert found.amount[mine].sum() == _confusion(ev)[row][column]
            by_sample = dict(zip(found.sample_id[mine].tolist(), found.amount[mine].tolist(), strict=True))
            amounts = [by_sample[s] for s in found.cell(row, column).tolist()]
            assert amounts == sorted(by_sample.values(), reverse=True)


def test_yes_and_no_have_their_samples_at_any_threshold(ds: ll.Dataset) -> None:
    for threshold in (0.5, 0.8):
        ev = ds.evaluate(
            truth="true",
            predicted="said",
            protocol="binary",
            options={"positive": "b", "threshold": threshold},
            save=False,
        )
        found = behind(ev)
        for least in (None, threshold):
            counts = [[len(found.cell(row, column, least)) for column in range(2)] for row in range(2)]
            np.testing.assert_array_equal(counts, ev.record.confusion)


def test_numbers_have_no_cells(ds: ll.Dataset) -> None:
    with pytest.raises(BadValue, match="counts objects"):
        behind(ds.evaluate(truth="true", predicted="said", save=False))
