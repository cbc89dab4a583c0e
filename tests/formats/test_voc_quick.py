"""Objects taken out of a VOC file at once are what a parser would have found, or the parser is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.formats import _voc_quick, voc
from loopline.formats._voc_quick import form_of, taken_out
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>"
CAT = f"<object><name>cat</name><pose>Left</pose>{BOX}</object>"
HEAD = "<filename>a.jpg</filename><size><width>40</width><height>30</height><depth>3</depth></size>"


def stored(folder: Path) -> Any:
    store = MemoryStore.of(voc.FORMAT.read(Source(folder)))
    return store.rows, store.objects, store.problems, store.schema


def by_parser(folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_voc_quick, "taken_out", lambda *_: None)
        return stored(folder)


def form(text: str = CAT) -> _voc_quick.Form:
    found = form_of(ET.fromstring(text))
    assert found is not None
    return found


numbers = st.sampled_from(["1", "2.5", "39", "-3", "45", " 7 ", "1e1", "nan", "inf", "1_0", "x", ""])
labels = st.sampled_from(
    ["cat", " dog", "", "two words", "\u00e9", "a&amp;b", "<!-- x -->cat", "<![CDATA[a<b]]>", "]]>"]
)
flags = st.sampled_from(["0", "1", " True", "maybe", "<!---->1", ""])


@st.composite
def objects(draw: Any) -> str:
    corners = [f"<{tag}>{draw(numbers)}</{tag}>" for tag in _voc_quick.CORNERS]
    if draw(st.booleans()):
        corners.reverse()
    inner = [f"<name>{draw(labels)}</name>", f"<bndbox>{''.join(corners)}</bndbox>"]
    more = draw(st.lists(st.sampled_from(["difficult", "score", "confidence", "colour"]), max_size=3))
    inner += [f"<{tag}>{draw(numbers if tag in ('score', 'confidence') else flags)}</{tag}>" for tag in more]
    space = draw(st.sampled_from(["", "\n", "\r\n\t"]))
    return space + f"<object>{space.join(inner)}</object>"


plain = st.builds(
    lambda label, a, b, c: (
        f"<object><name>{label}</name><difficult>{c}</difficult><bndbox><xmin>{a}</xmin><ymin>2</ymin>"
        f"<xmax>{b}</xmax><ymax>22</ymax></bndbox></object>\n"
    ),
    *(st.sampled_from(["cat", " dog", "\u00e9", ""]), st.integers(-1, 9), st.integers(8, 41), flags),
)
heads = st.sampled_from(
    [HEAD, HEAD, "", '<?xml version="1.0" encoding="utf-8"?>', '<?xml version="1.0" encoding="latin-1"?>', "<!-- -->",
     "\ufeff", "<size/>", "<a><b>", '<a b="/>">', "<?go?>"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(heads, st.lists(plain, max_size=3) | st.lists(objects(), max_size=3)), max_size=4))
def test_a_folder_is_read_the_same_by_parser_alone(tmp_path: Path, files: list[tuple[str, list[str]]]) -> None:
    first = "<annotation>" + HEAD + "<object><name>cat</name><difficult>0</difficult>" + BOX + "</object></annotation>"
    for old in tmp_path.glob("*.xml"):
        old.unlink()
    (tmp_path / "0.xml").write_text(first)
    for number, (head, inner) in enumerate(files, start=1):
        outside = head.startswith(("<?xml", "\ufeff"))
        text = (head if outside else "") + "<annotation>" + ("" if outside else head) + "".join(inner) + "</annotation>"
        (tmp_path / f"{number}.xml").write_bytes(text.encode())
    assert stored(tmp_path) == by_parser(tmp_path)


def test_objects_of_one_form_are_taken_out() -> None:
    text = f"<annotation>\n{HEAD}\n\t{CAT}\r\n{CAT.replace('cat', 'dog')}\n</annotation>\n"
    found = taken_out(text.encode(), form())
    assert found is not None
    rest, texts = found
    assert ET.fromstring(rest).find("object") is None
    assert texts["name"] == ["cat", "dog"]
    assert texts["ymax"] == ["22", "22"]


@pytest.mark.parametrize(
    "body",
    [
        CAT + CAT.replace("<pose>Left</pose>", ""),
        CAT + "<object/>",
        CAT + "<note/>" + CAT,
        f"<more>{CAT}</more>",
        f"<!-- {CAT} -->",
        f'<a b="/>">{CAT}</a>',
        CAT.replace("cat", "&cat;"),
        CAT.replace("cat", "<b>cat</b>"),
        CAT.replace("cat", "a\x01"),
        CAT.replace("<name>", "<name lang='en'>"),
        "",
    ],
)
def test_anything_else_is_left_to_the_parser(body: str) -> None:
    assert taken_out(f"<annotation>{HEAD}{body}</annotation>".encode(), form()) is None


@pytest.mark.parametrize(
    "text",
    [
        "<object><name>cat</name></object>",
        f"<object>{BOX}</object>",
        f"<object><name>cat</name>{BOX}<part>{BOX}</part></object>",
        f"<object><name>cat</name><name>dog</name>{BOX}</object>",
        f"<object><name>cat</name><xmin>3</xmin>{BOX}</object>",
        f"<object><name>cat</name><score>1</score><confidence>1</confidence>{BOX}</object>",
        f"<object><name a='b'>cat</name>{BOX}</object>",
        "<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>",
    ],
)
def test_an_object_that_is_not_so_simple_has_no_form(text: str) -> None:
    assert form_of(ET.fromstring(text)) is None
