"""Columns on the wire."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loopline.server.frames import frame, read_frame, texts

COLUMNS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.sampled_from(["u1", "u2", "u4", "i4", "f4", "f8"]).flatmap(
        lambda kind: arrays.arrays(np.dtype(f"<{kind}"), st.integers(0, 9))
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(COLUMNS, st.dictionaries(st.sampled_from(["count", "note"]), st.integers(0, 9)))
def test_columns_come_back_as_they_went(columns: dict[str, np.ndarray], extra: dict[str, int]) -> None:
    header, found = read_frame(frame(columns, extra))
    assert {k: header[k] for k in extra} == extra
    assert found.keys() == columns.keys()
    for name, column in columns.items():
        np.testing.assert_array_equal(found[name], column)


@settings(max_examples=30, deadline=None)
@given(COLUMNS)
def test_every_column_starts_at_a_multiple_of_eight(columns: dict[str, np.ndarray]) -> None:
    packed = frame(columns)
    header, _ = read_frame(packed)
    start = 4 + int.from_bytes(packed[:4], "little")
    assert start % 8 == 0
    assert all(offset % 8 == 0 for _, _, offset in header["columns"].values())  # type: ignore[attr-defined]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=6), st.integers(0, 6))
def test_texts_are_bytes_and_offsets(values: list[str | None], skip: int) -> None:
    parts = texts("path", pa.chunked_array([pa.array(values, pa.string())])[skip:])
    held, ends = parts["path.bytes"].tobytes(), parts["path.offsets"].tolist()
    found = [held[a:b].decode() for a, b in itertools.pairwise(ends)]
    assert found == [v or "" for v in values[skip:]]


def test_a_column_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="i8"):
        frame({"i8": np.zeros(3, np.int64)})
