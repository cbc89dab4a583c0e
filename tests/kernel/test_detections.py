"""Columns of objects: checked and sorted at the door, aligned, cut and joined without losing a row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.detection_rows import from_rows
from loopline.kernel.detections import WHOLE_PICTURE, Detections, align, concat, detections, take

CLASSES = ("cat", "dog")


def rows_of(**changes: object) -> pa.Table:
    columns: dict[str, object] = {
        "id": [4, 2, 7],
        "sample_id": [9, 1, 1],
        "label": ["dog", "cat", "cat"],
        "x": [1.0, 2.0, 3.0],
        "y": [1.0, 2.0, 3.0],
        "w": [10.0, 20.0, 30.0],
        "h": [10.0, 20.0, 30.0],
        "score": [0.5, 0.6, 0.7],
        **changes,
    }
    return pa.table({name: pa.array(values) for name, values in columns.items()})  # type: ignore[arg-type]


def test_rows_are_sorted_by_sample_and_object_and_empty_samples_are_kept() -> None:
    these = from_rows(rows_of(), classes=CLASSES, scored=True, samples=[1, 5, 9])
    assert these.sample_id.tolist() == [1, 5, 9]
    assert these.offsets.tolist() == [0, 2, 2, 3]
    assert these.object_id.tolist() == [2, 7, 4]
    assert these.class_id.tolist() == [0, 0, 1]
    assert these.scores().tolist() == [0.6, 0.7, 0.5]
    assert these.frame.tolist() == [WHOLE_PICTURE] * 3
    assert len(these) == 3
    assert these.units == 3


def test_the_area_is_the_annotated_one_else_that_of_the_box() -> None:
    these = from_rows(rows_of(area=[None, 7.0, None]), classes=CLASSES, scored=False)
    assert these.area.tolist() == [7, 900, 100]
    assert these.score is None


def test_frames_are_units_of_their_own() -> None:
    these = from_rows(rows_of(frame=[None, 1, 0]), classes=CLASSES, scored=True, samples=[1, 2, 9])
    assert list(zip(these.sample_id.tolist(), these.frame.tolist(), strict=True)) == [(1, 0), (1, 1), (2, -1), (9, -1)]
    assert these.object_id.tolist() == [7, 2, 4]


def test_geometry_travels_with_its_row() -> None:
    points = [None, [1.0, 2.0, 2.0], [3.0, 4.0, 1.0]]
    outline = [None, [[0.0, 0.0, 5.0, 0.0, 5.0, 5.0]], None]
    these = from_rows(
        rows_of(keypoints=points, polygons=outline, mask=[b"a", None, b"c"]), classes=CLASSES, scored=True
    )
    assert these.keypoints is not None
    assert these.keypoints.tolist() == [[[1, 2, 2]], [[3, 4, 1]], [[0, 0, 0]]]
    assert these.mask is not None
    assert these.mask.to_pylist() == [None, b"c", b"a"]
    assert these.polygons is not None
    assert these.polygons.to_pylist()[0] == outline[1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"score": [0.5, float("nan"), 0.7]}, "a score is NaN.* first is object 2"),
        ({"score": [0.5, None, 0.7]}, "a score is NaN, infinite or missing"),
        ({"w": [10.0, -1.0, 30.0]}, "negative width or height"),
        ({"x": [float("inf"), 2.0, 3.0]}, "a coordinate that is NaN"),
        ({"x": [None, 2.0, 3.0]}, "a coordinate that is NaN"),
        ({"area": [-1.0, None, None]}, "an area is negative"),
    ],
)
def test_a_row_that_cannot_be_measured_is_named_or_left_out_and_counted(changes, says) -> None:
    with pytest.raises(BadValue, match=says):
        from_rows(rows_of(**changes), classes=CLASSES, scored=True)
    kept = from_rows(rows_of(**changes), classes=CLASSES, scored=True, bad_rows="drop")
    assert len(kept) == 2
    assert list(kept.dropped.values()) == [1]


def test_a_class_that_is_not_in_the_list_is_an_error_or_left_out_and_counted() -> None:
    table = rows_of(label=["dgo", "cat", None])
    with pytest.raises(BadValue, match='the class "dgo"') as caught:
        from_rows(table, classes=CLASSES, scored=True)
    assert 'did you mean "dog"' in str(caught.value)
    kept = from_rows(table, classes=CLASSES, scored=True, other_classes="drop")
    assert kept.dropped == {"class 'dgo' is not evaluated": 1, "class (none) is not evaluated": 1}
    assert len(kept) == 1


def test_boxes_outside_the_picture_or_without_area_are_kept() -> None:
    these = detections([1, 1], [(-50, 0, 10, 10), (5, 5, 0, 0)], [0, 0], classes=CLASSES)
    assert these.area.tolist() == [100, 0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: from_rows(rows_of().drop_columns(["w"]), classes=CLASSES, scored=True), "lack the column w"),
        (lambda: from_rows(rows_of(), classes=CLASSES, scored=True, samples=[1]), "not among `samples`"),
        (lambda: from_rows(rows_of(id=[1, 1, 2]), classes=CLASSES, scored=True), "an object id is there twice"),
        (
            lambda: from_rows(rows_of(keypoints=[[1.0] * 3, [1.0] * 6, None]), classes=CLASSES, scored=True),
            "differ in number",
        ),
        (lambda: detections([1], [(0, 0, 1, 1)], [0, 1], classes=CLASSES), "class_id must have one value"),
        (lambda: detections([1], [(0, 0, 1, 1)], [5], classes=CLASSES), "names no class"),
        (
            lambda: detections([1], [(0, 0, 1, 1)], [0], classes=CLASSES, sizes_px={2: (9, 9)}),
            "height and width of sample 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, says) -> None:
    with pytest.raises(BadValue, match=says):
        call()


def made(samples: list[int], seed: int = 0, samples_in_all: list[int] | None = None) -> Detections:
    rng = np.random.default_rng(seed)
    n = len(samples)
    return detections(
        samples,
        rng.random((n, 4)),
        rng.integers(0, 2, n),
        classes=CLASSES,
        score=rng.random(n),
        object_id=rng.permutation(1000)[:n] + 1000 * seed,
        samples=samples_in_all,
    )


def same(a: Detections, b: Detections) -> bool:
    names = ("sample_id", "frame", "offsets", "box", "class_id", "object_id", "iscrowd", "area", "score")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=30))
def test_a_value_cut_by_samples_and_joined_is_the_value(samples) -> None:
    whole = made(samples, samples_in_all=list(range(1, 10)))
    parts = []
    for chosen in ([2, 5, 9], [1, 3, 4, 6, 7, 8]):
        rows = np.isin(whole.sample_id[whole.unit()], chosen)
        part = take(whole, rows)
        parts.append(
            detections(
                part.sample_id[part.unit()],
                part.box,
                part.class_id,
                classes=CLASSES,
                score=part.score,
                object_id=part.object_id,
                samples=chosen,
            )
        )
    joined, rows = concat(parts)
    assert same(joined, whole)
    assert np.array_equal(np.concatenate([p.object_id for p in parts])[rows], whole.object_id)


def test_align_puts_both_sides_on_the_units_of_either() -> None:
    a, b = align(made([1, 3]), made([3, 2], seed=1))
    assert a.sample_id.tolist() == b.sample_id.tolist() == [1, 2, 3]
    assert np.diff(a.offsets).tolist() == [1, 0, 1]
    assert np.diff(b.offsets).tolist() == [0, 1, 1]
    again = align(a, b)
    assert again[0] is a


def test_one_sample_in_two_batches_is_refused() -> None:
    with pytest.raises(BadValue, match="a sample comes in two batches"):
        concat([made([1, 2]), made([2, 3], seed=1)])
    with pytest.raises(BadValue, match="nothing to join"):
        concat([])
