"""Run-length masks: examples, laws, and pycocotools as the second opinion."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from loopline.errors import BadValue
from loopline.kernel import rle

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
Masks = npt.NDArray[np.bool_]


def reference(mask: Masks) -> dict[str, object]:
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))


def test_runs_go_down_the_columns_and_start_with_zeros() -> None:
    assert rle.counts_of(np.array([[0, 1], [1, 1]], bool)).tolist() == [1, 3]
    assert rle.counts_of(np.array([[1, 0], [1, 0]], bool)).tolist() == [0, 2, 2]


@settings(max_examples=60, deadline=None)
@given(masks)
def test_counts_text_area_and_box_agree_with_pycocotools(mask: Masks) -> None:
    counts, expected = rle.counts_of(mask), reference(mask)
    assert rle.compress(counts) == expected["counts"]
    assert rle.area(counts) == coco_mask.area(expected)
    assert list(rle.bbox(counts, mask.shape[0])) == coco_mask.toBbox(expected).tolist()


@settings(max_examples=60, deadline=None)
@given(masks)
def test_a_mask_comes_back_from_its_blob(mask: Masks) -> None:
    assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**32), max_size=12), max_size=6))
def test_any_counts_come_back_from_their_text_alone_or_together(lists: list[list[int]]) -> None:
    packed = [rle.compress(counts) for counts in lists]
    for counts, text in zip(lists, packed, strict=True):
        assert rle.decompress(text).tolist() == counts
    flat, offsets = rle.decompress_many(packed)
    assert [flat[a:b].tolist() for a, b in itertools.pairwise(offsets)] == lists


def test_boxes_of_many_masks_are_the_boxes_of_each() -> None:
    rng = np.random.default_rng(0)
    some = [rng.random((h, w)) < p for h, w, p in [(5, 7, 0.1), (3, 3, 0), (1, 9, 1), (20, 4, 0.02), (8, 8, 0.5)]]
    counts = [rle.counts_of(m) for m in some]
    offsets = np.concatenate(([0], np.cumsum([c.size for c in counts])))
    got = rle.boxes(np.concatenate(counts), offsets, np.array([m.shape[0] for m in some]))
    assert got.tolist() == [coco_mask.toBbox(reference(m)).tolist() for m in some]


@pytest.mark.parametrize("text", [b"\x00", b"zzzzz", b"`" * 3, b"P" * 30 + b"0"])
def test_text_that_is_no_mask_is_refused(text: bytes) -> None:
    with pytest.raises(BadValue):
        rle.decompress(text)


def test_runs_that_do_not_fill_the_picture_are_refused() -> None:
    with pytest.raises(BadValue, match="add up to 5 pixels"):
        rle.mask_of(np.array([2, 3]), 3, 3)


def test_bytes_that_are_no_blob_are_refused() -> None:
    with pytest.raises(BadValue, match="not a mask"):
        rle.unpack_blob(b"PNG")
