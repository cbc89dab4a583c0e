"""Chunks of a JSON file are the file: whatever the window, the spacing, and what the texts hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats._jsonstream import Broken, Elements, JsonFile, Value, without_nan

texts = st.text(st.sampled_from(list('a"\\{}[],: \n\u00e9😀')), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
elements = st.dictionaries(texts, values, max_size=4)
documents = st.dictionaries(texts, values | st.lists(elements, max_size=12), max_size=4) | st.lists(
    elements, max_size=9
)


def collected(file: JsonFile) -> tuple[Any, list[Broken]]:
    """The document put together again from its parts."""
    out: dict[str, Any] = {}
    broken = []
    for part in file:
        if isinstance(part, Value):
            out[part.key] = part.value
        elif isinstance(part, Elements):
            known = out.setdefault(part.key, [])
            assert part.first == len(known)
            known.extend(part.items)
        else:
            broken.append(part)
    return out, broken


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents, st.sampled_from([1, 7, 64, 1 << 20]), st.sampled_from([None, 1]), st.booleans())
def test_the_parts_of_a_document_are_the_document(
    tmp_path: Path, document: Any, window: int, indent: int | None, ascii_only: bool
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    got, broken = collected(JsonFile(path, window=window))
    assert not broken
    assert got == (document if isinstance(document, dict) else {"": document})


@pytest.mark.parametrize("number", ["0.5", "-12.25e-3", "1E+2", "7e1"])
def test_a_number_that_a_window_cuts_is_not_taken_for_its_first_half(tmp_path: Path, number: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(f'{{"a": {number}, "b": 1}}')
    for window in range(1, 12):
        assert collected(JsonFile(path, window=window)) == ({"a": float(number), "b": 1}, [])


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{\r\n"a" : [\r\n{"b":1},\r\n{"b":2}\r\n]\r\n}\r\n')
    assert collected(JsonFile(path, window=8)) == ({"a": [{"b": 1}, {"b": 2}]}, [])


@pytest.mark.parametrize("window", [5, 1 << 20])
@pytest.mark.parametrize(("tail", "byte"), [(', {"b"', 27), (",", 26), ("", 25), ("]", 26)])
def test_a_file_that_breaks_off_gives_what_came_before_and_says_where(
    tmp_path: Path, window: int, tail: str, byte: int
) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [{"b": 1}, {"b": 2}' + tail)
    got, broken = collected(JsonFile(path, window=window))
    assert got == {"a": [{"b": 1}, {"b": 2}]}
    assert [(b.byte, b.fatal) for b in broken] == [(byte, True)]


def test_one_broken_element_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": [{"b": 1}, {"b": oops}, {"b": 3}]}')
    parts = list(JsonFile(path))
    assert [p.items for p in parts if isinstance(p, Elements)] == [[{"b": 1}], [{"b": 3}]]
    assert [(p.index, p.fatal) for p in parts if isinstance(p, Broken)] == [(1, False)]


def test_nan_as_python_writes_it_is_read_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"b": NaN}, {"b": 1}]')
    (part,) = JsonFile(path)
    assert isinstance(part, Elements)
    assert not part.strict
    assert without_nan(list(part.items)) == [{"b": None}, {"b": 1}]


def test_a_skipped_array_can_be_read_later(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [{"n": [{"m": i}]} for i in range(50)], "b": [{"c": 1}]}))
    file = JsonFile(path, skip={"a"}, window=64)
    assert collected(file) == ({"b": [{"c": 1}]}, [])
    later = [p for p in file.array("a", file.skipped["a"]) if isinstance(p, Elements)]
    assert [item["n"][0]["m"] for part in later for item in part.items] == list(range(50))


def test_typed_rows_come_where_they_fit_and_plain_ones_where_not(tmp_path: Path) -> None:
    row = msgspec.defstruct("row", [("b", int)], forbid_unknown_fields=True)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [{"b": i} for i in range(100)] + [{"b": "x"}]}))
    decoder = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]
    parts = [p for p in JsonFile(path, {"a": decoder}, window=64) if isinstance(p, Elements)]
    assert sum(len(p.items) for p in parts) == 101
    assert parts[0].typed
    assert not parts[-1].typed


@pytest.mark.parametrize("content", [b"", b"  ", b"hello", b"\xff\xfe{\x00}\x00"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.json"):
        list(JsonFile(path))
