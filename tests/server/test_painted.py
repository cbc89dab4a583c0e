"""What is painted over pictures comes as run lengths: a mask of an object whole, a class map by its classes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import loopline as ll
from loopline.kernel import rle
from loopline.kernel.schema import LabelField
from loopline.server.painted import _of_map
from tests.server.conftest import Browser

CLASSES = ("background", "road", "sky")


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_a_class_map_comes_by_its_classes_without_the_background(ds: ll.Dataset, browser: Browser) -> None:
    pixels = np.array([[0, 1, 1], [2, 2, 1], [255, 0, 2]])
    ds.fields.add("ground", "mask", classes=CLASSES)
    sample_id = int(ds.view().ids()[0])
    ds.labels.add("ground", [{"sample_id": sample_id, "mask": png(pixels)}])
    (number,) = ds.objects("ground").ids().tolist()
    found = browser.columns("masks", field="ground", ids=[number])
    assert (found["id"].tolist(), found["class"].tolist()) == ([number, number], [1, 2])
    for code, begin, end in zip(found["class"], found["offsets"], found["offsets"][1:], strict=False):
        runs = found["counts"][begin:end].astype(np.int64)
        np.testing.assert_array_equal(rle.mask_of(runs, 3, 3), pixels == code)


def test_a_mask_of_an_object_is_one_row_and_none_is_a_row_without_runs(ds: ll.Dataset, browser: Browser) -> None:
    mask = np.zeros((5, 4), bool)
    mask[1:3, 2:] = True
    sample_id = int(ds.view().ids()[0])
    box = {"sample_id": sample_id, "label": "car", "x": 1.0, "y": 1.0, "w": 2.0, "h": 2.0}
    ds.labels.add("predictions", [{**box, "mask": rle.encode(mask)}, box])
    ids = sorted(ds.objects("predictions").ids().tolist())[-2:]
    found = browser.columns("masks", field="predictions", ids=ids)
    assert found["class"].tolist() == [65535, 65535]
    begin, end, last = found["offsets"].tolist()
    assert end == last
    np.testing.assert_array_equal(rle.mask_of(found["counts"][begin:end].astype(np.int64), 5, 4), mask)


def test_a_field_without_masks_says_so(ds: ll.Dataset, browser: Browser) -> None:
    ds.fields.add("weather_seen", "class", classes=("sun",))
    assert "no masks" in browser.problem("masks", field="weather_seen", ids=[1])["detail"]


@pytest.mark.parametrize("void", [None, 0, 2])
@given(pixels=arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 4)))
def test_every_pixel_of_a_class_lies_in_its_part_and_in_no_other(void: int | None, pixels: np.ndarray) -> None:
    field = LabelField("ground", "mask", classes=("a", "b", "c"), meta={"mask": {"void": void}})
    seen = np.full(pixels.shape, -1)
    for _, code, height, width, counts in _of_map(field, 1, png(pixels)):
        part = rle.mask_of(counts, height, width)
        assert (seen[part] == -1).all()
        seen[part] = code
    np.testing.assert_array_equal(
        seen, np.where((pixels < 3) & (pixels != (-1 if void is None else void)), pixels.astype(int), -1)
    )
