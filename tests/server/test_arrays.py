"""Columns of answers become arrays as pyarrow's own conversion makes them, and without pandas."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loopline as ll
from loopline.server.arrays import as_array, as_codes, as_doubles, id_column
from loopline.server.resident import ASPECT_STEPS, Resident
from tests.media.pictures import picture
from tests.server.conftest import SAMPLES

_WHOLE = {kind: st.integers(0, 127) for kind in (pa.int8(), pa.uint8(), pa.int32(), pa.uint32(), pa.int64())}
_KINDS = {
    **_WHOLE,
    pa.bool_(): st.booleans(),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
}


@st.composite
def _columns(draw: st.DrawFn, *, missing: bool) -> pa.ChunkedArray:
    """Of any kind, in several chunks, some of which begin inside their buffers."""
    kind = draw(st.sampled_from([k for k in _KINDS if not (missing and k == pa.bool_())]))
    value = st.none() | _KINDS[kind] if missing else _KINDS[kind]
    chunks = []
    for _ in range(draw(st.integers(0, 3))):
        chunk = pa.array(draw(st.lists(value, max_size=20)), kind)
        chunks.append(chunk.slice(draw(st.integers(0, len(chunk)))))
    return pa.chunked_array(chunks, kind)


@settings(deadline=None)  # pyarrow loads pandas at the first
@given(_columns(missing=False))
def test_an_array_is_what_pyarrow_gives(column: pa.ChunkedArray) -> None:
    found = as_array(column)
    assert found.dtype == column.to_numpy().dtype
    np.testing.assert_array_equal(found, column.to_numpy())


@settings(deadline=None)  # pyarrow loads pandas at the first
@given(_columns(missing=True))
def test_doubles_are_what_pyarrow_gives(column: pa.ChunkedArray) -> None:
    np.testing.assert_array_equal(as_doubles(column), column.cast(pa.float64()).to_numpy())


@given(st.lists(st.lists(st.none() | st.sampled_from("abcd"), max_size=20), min_size=1, max_size=3))
def test_codes_name_the_values(chunks: list[list[str | None]]) -> None:
    codes, listed = as_codes(pa.chunked_array(chunks, pa.string()))
    assert [[*listed, None][code] for code in codes.tolist()] == [value for chunk in chunks for value in chunk]
    assert len(set(listed)) == len(listed)


def test_a_missing_value_is_no_number() -> None:
    with pytest.raises(ValueError, match="1 values are missing"):
        as_array(pa.chunked_array([[1, None]]))


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_ids_come_back(ids: list[int]) -> None:
    assert id_column(np.array(ids, np.int64)).to_pylist() == ids


def test_the_shape_of_a_sample_is_one_byte(tmp_path: Path) -> None:
    sizes = [(8, 8), (640, 480), (1, 300), (30, 2), (500, 2), (7, 9)]
    for number, (width, height) in enumerate(sizes):
        picture(width, height).save(tmp_path / f"{number}.png")
    with ll.create(tmp_path / "shapes") as ds:
        ds.add(tmp_path)
        found = Resident(ds.lake).aspects(ds.snapshot)
    expected = [min(255, max(0, round(128 + ASPECT_STEPS * math.log2(w / h)))) for w, h in sizes]
    assert found.tolist() == expected
    assert {0, 128, 255} <= set(expected)


def test_an_object_without_a_side_counts_as_square(ds: ll.Dataset) -> None:
    sample_id = int(ds.view().ids()[0])
    ds.fields.add("flat", "box", classes=("car",))
    place = {"sample_id": sample_id, "label": "car", "x": 1.0, "y": 1.0}
    ds.labels.add("flat", [{**place, "w": w, "h": h} for w, h in ((4.0, 2.0), (0.0, 2.0), (4.0, 0.0))])
    assert Resident(ds.lake).aspects(ds.snapshot, "flat").tolist() == [128 + ASPECT_STEPS, 128, 128]


_FIRST_PAGE = """
import json, sys, threading, urllib.request
from pathlib import Path
from loopline.server.frames import read_frame
from loopline.server.serve import Server

server = Server(folder=Path(sys.argv[1]), port=0, home=False)
server.start()
def ask(path, **body):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(server.address.base + path, data, {"content-type": "application/json"})
    return urllib.request.urlopen(request).read()
info = json.loads(ask("/api/d/small"))
view = {"snapshot": info["snapshot"]}
ask("/api/d/small/view", view=view)
ask("/api/d/small/layout", view=view)
page = ask("/api/d/small/page", view=view, offset=0, count=50, fields=["truth", "predictions"])
ids = [int(i) for i in read_frame(page)[1]["id"]]
ask("/api/d/small/thumbs", ids=ids, size=256)
later = {name: name in sys.modules for name in ("pandas", "loopline.server.whole")}
ask("/api/runs")
print(json.dumps({"ids": len(ids), "later": later, "whole": "loopline.server.whole" in sys.modules}))
server.close()
"""


def test_the_first_page_waits_neither_for_pandas_nor_for_the_routes_of_others(made_once: Path, tmp_path: Path) -> None:
    """Both pyarrow and DuckDB's client load pandas at the first occasion where it is installed: half a second."""
    pytest.importorskip("pandas")
    shutil.copytree(made_once, tmp_path / "small")
    command = [sys.executable, "-c", _FIRST_PAGE, str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert not done.returncode, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"ids": SAMPLES, "later": {"pandas": False, "loopline.server.whole": False}, "whole": True}
