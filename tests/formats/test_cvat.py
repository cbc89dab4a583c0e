"""CVAT for images and for video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import cvat, cvat_video, voc
from loopline.kernel import rle
from loopline.kernel.exchange import Problem
from tests.formats.worlds import plain, read, told, words, worlds, written

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>7</id><name>street</name><size>2</size><mode>annotation</mode>
<labels><label><name>car</name><color>#ff00cc</color><type>any</type><attributes>
<attribute><name>parked</name><mutable>False</mutable><input_type>checkbox</input_type><default_value>false</default_value><values></values></attribute>
<attribute><name>doors</name><mutable>False</mutable><input_type>number</input_type><default_value>4</default_value><values>0
5
1</values></attribute>
<attribute><name>colour</name><mutable>False</mutable><input_type>select</input_type><default_value>red</default_value><values>red
blue</values></attribute></attributes></label>
<label><name>sky</name><type>tag</type><attributes></attributes></label>
<label><name>lane</name><type>polyline</type><attributes></attributes></label><label><name>light</name><attributes></attributes></label>
<label><name>man</name><type>skeleton</type><attributes></attributes><svg>&lt;circle r="1"/&gt;</svg></label>
<label><name>nose</name><type>points</type><attributes></attributes><parent>man</parent></label>
<label><name>foot</name><type>points</type><attributes></attributes><parent>man</parent></label></labels></task><dumped>2024-05-01</dumped></meta>
"""
IMAGES = (
    HEAD
    + """<image id="4" name="street/one.jpg" subset="Train" task_id="7" width="40" height="30">
<box label="car" source="manual" occluded="1" xtl="1.50" ytl="2.00" xbr="11.25" ybr="8.00" group_id="3" z_order="2">
  <attribute name="parked">true</attribute><attribute name="doors">4</attribute><attribute name="colour">red</attribute></box>
<box label="car" source="manual" occluded="0" xtl="5" ytl="5" xbr="15" ybr="9" rotation="30.5" z_order="0"></box>
<ellipse label="car" source="manual" occluded="0" cx="10" cy="8" rx="4" ry="2" z_order="0"></ellipse>
<polygon label="car" source="auto" occluded="0" points="1.00,2.00;30.50,4.00;5.00,11.00" z_order="0"></polygon>
<mask label="car" source="manual" occluded="0" rle="1, 2, 1, 2" left="3" top="4" width="3" height="2" z_order="0"></mask>
<polyline label="lane" source="manual" occluded="0" points="0,0;40,30" z_order="0"></polyline>
<points label="light" source="manual" occluded="0" points="1,1;2,2" z_order="0"></points>
<skeleton label="man" source="manual" z_order="0"><points label="nose" occluded="0" outside="0" points="3.00,3.50"></points>
  <points label="foot" occluded="1" outside="0" points="4,9"></points></skeleton>
<tag label="sky" source="manual"></tag></image>
<image id="5" name="two.jpg" subset="Train" task_id="7" width="40" height="30"></image>
</annotations>"""
)
VIDEO = (
    HEAD.replace("annotation</mode>", "interpolation</mode>").replace(
        "</task>",
        "<original_size><width>40</width><height>30</height></original_size><source>drive.mp4</source></task>",
    )
    + """<track id="2" label="car" source="manual" group_id="1">
<box frame="3" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2" xbr="5" ybr="6" z_order="0"><attribute name="doors">2</attribute></box>
<box frame="4" keyframe="0" outside="0" occluded="0" xtl="2" ytl="2" xbr="6" ybr="6" z_order="0"></box>
<box frame="5" keyframe="1" outside="1" occluded="0" xtl="2" ytl="2" xbr="6" ybr="6" z_order="0"></box>
</track>
<track id="9" label="lane"><polyline frame="0" keyframe="1" outside="0" occluded="0" points="0,0;4,4" z_order="1"></polyline></track>
</annotations>"""
)


def put(folder: Path, text: str | bytes, name: str = "annotations.xml") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_each_shape_of_a_picture_file_arrives_in_the_field_of_its_kind(tmp_path: Path) -> None:
    store = read(cvat.FORMAT, put(tmp_path, IMAGES))
    assert store.problems == []
    rows, objects = plain(store)
    assert rows["street/one.jpg"] == {"width": 40, "height": 30, "split": "train", "cvat_id": 4, "task_id": 7}
    assert {name: sum(map(len, mine.values())) for name, mine in objects.items()} == {
        "ground_truth": 6,
        "ground_truth_polyline": 1,
        "ground_truth_keypoint": 1,
        "ground_truth_class": 1,
    }
    box, turned, ellipse, polygon, mask, man = objects["ground_truth"]["street/one.jpg"]
    assert box == {
        "label": "car",
        "x": 1.5,
        "y": 2.0,
        "w": 9.75,
        "h": 6.0,
        "occluded": True,
        "z_order": 2,
        "group_id": 3,
        "source": "manual",
        "parked": True,
        "doors": 4,
        "colour": "red",
    }
    assert turned["rotation"] == 30.5
    assert (ellipse["shape"], ellipse["x"], ellipse["w"]) == ("ellipse", 6.0, 8.0)
    assert polygon["polygons"] == [[1.0, 2.0, 30.5, 4.0, 5.0, 11.0]]
    assert (polygon["w"], polygon["source"]) == (29.5, "auto")
    assert (mask["x"], mask["y"], mask["w"], mask["h"]) == (4.0, 4.0, 2.0, 2.0)
    assert man["keypoints"] == [3.0, 3.5, 2.0, 4.0, 9.0, 1.0]
    colour = store.schema.field("ground_truth").attribute("colour")
    assert (colour.type, colour.values) == ("text", ("red", "blue"))


def test_a_picture_file_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    store = read(cvat.FORMAT, put(tmp_path, IMAGES))
    done = written(cvat.FORMAT, store, tmp_path / "out")
    again = read(cvat.FORMAT, tmp_path / "out")
    assert plain(again) == plain(store)
    assert again.schema == store.schema
    assert (done.samples, done.objects, done.lost) == (2, 9, {})
    before = (tmp_path / "out" / "annotations.xml").read_bytes()
    written(cvat.FORMAT, store, tmp_path / "out")
    assert (tmp_path / "out" / "annotations.xml").read_bytes() == before


def test_rows_of_a_video_have_frame_and_track_and_shapes_outside_are_no_rows(tmp_path: Path) -> None:
    store = read(cvat_video.FORMAT, put(tmp_path, VIDEO))
    assert store.problems == []
    rows, objects = plain(store)
    assert rows == {"drive.mp4": {"media": "video", "width": 40, "height": 30, "cvat_task_id": 7}}
    first, second = objects["ground_truth"]["drive.mp4"]
    assert (first["frame"], first["track_id"], first["keyframe"], first["doors"], first["group_id"]) == (
        3,
        2,
        True,
        2,
        1,
    )
    assert (second["frame"], second["keyframe"]) == (4, False)
    assert "cvat_outside" in second
    assert objects["ground_truth_polyline"]["drive.mp4"][0]["track_id"] == 9


def test_a_video_file_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    store = read(cvat_video.FORMAT, put(tmp_path, VIDEO))
    done = written(cvat_video.FORMAT, store, tmp_path / "out.xml")
    again = read(cvat_video.FORMAT, tmp_path / "out.xml")
    assert plain(again) == plain(store)
    assert again.schema == store.schema
    assert done.lost == {}
    assert '<box frame="5" keyframe="1" outside="1"' in (tmp_path / "out.xml").read_text()


def test_a_track_from_elsewhere_ends_where_its_rows_end(tmp_path: Path) -> None:
    store = read(cvat_video.FORMAT, put(tmp_path, VIDEO))
    for row in store.objects["ground_truth"]:
        row["keyframe"] = row["cvat_outside"] = None
    store.rows[0]["frame_count"] = 10
    written(cvat_video.FORMAT, store, tmp_path / "out.xml")
    text = (tmp_path / "out.xml").read_text()
    assert '<box frame="5" keyframe="1" outside="1"' in text
    assert plain(read(cvat_video.FORMAT, tmp_path / "out.xml"))[1]["ground_truth"]["drive.mp4"][1]["frame"] == 4


@settings(max_examples=30, deadline=None)
@given(
    worlds(
        ("box", "turned", "polygon", "mask", "polyline", "points", "class", "skeleton"),
        attributes={"n": "int", "f": "float", "b": "bool", "t": "text", "group_id": "int"},
        always={"occluded": st.booleans(), "z_order": st.integers(-5, 5), "source": words},
        splits=(None, "train", "my split"),
        columns={"cvat_id": "int"},
        names=("nose", "eye", "foot"),
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("cvat") / "a.xml"
    for name in ("ground_truth_polyline", "ground_truth_keypoint"):
        for row in store.objects.get(name, []):
            row["occluded"] = False
    for number, row in enumerate(store.rows):
        row["cvat_id"] = 3 * number
    store.schema = _with_occluded(store.schema)
    done = written(cvat.FORMAT, store, target)
    assert done.lost == {}
    again = read(cvat.FORMAT, target, schema=store.schema)
    assert [p for p in again.problems if p.kind == "skipped"] == []
    assert plain(again) == plain(store)


def _with_occluded(schema):
    from dataclasses import replace

    from loopline.kernel.schema import Column

    fields = tuple(
        replace(f, attributes=(Column("occluded", "bool"),)) if f.kind in ("polyline", "keypoint") else f
        for f in schema.fields
    )
    return replace(schema, fields=fields)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    shapes = """
<box label="car" occluded="0" xtl="nan" ytl="2" xbr="3" ybr="4"></box>
<box label="car" occluded="0" xtl="1e300" ytl="2" xbr="3" ybr="4"></box>
<box label="car" occluded="0" xtl="9" ytl="2" xbr="3" ybr="4"></box>
<box label="car" occluded="0" xtl="-5" ytl="2" xbr="300" ybr="4"></box>
<box label="car" occluded="0" xtl="1" ytl="2" xbr="1" ybr="4"></box>
<box occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"><attribute name="doors">many</attribute></box>
<polygon label="car" points="1,2;3"></polygon>
<polygon label="car" points="1,2;3,4"></polygon>
<mask label="car" rle="1, 2" left="0" top="0" width="9" height="9"></mask>
<mask label="car" rle="81" left="39" top="0" width="9" height="9"></mask>
<mask label="car" rle="9999999999999" left="0" top="0" width="99999999" height="99999999"></mask>
<cuboid label="car" xtl1="1"></cuboid>
<box label="car" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"></box>"""
    text = (
        HEAD
        + f"""<image id="1" name="a.jpg" width="40" height="30">{shapes}</image>
<image id="2" name="a.jpg" width="40" height="30"></image>
<image id="3" name="../../etc/passwd" width="40" height="30"></image>
<image id="4" name="C:\\pictures\\b.jpg" width="x" height="30"><box label="car" xtl="1" ytl="1" xbr="2" ybr="2"/></image></annotations>"""
    )
    store = read(cvat.FORMAT, put(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()))
    assert sorted(told(store.problems)) == sorted(
        [
            ("skipped", "xtl is not finite"),
            ("skipped", "xtl is larger than any picture"),
            ("skipped", "corners in the wrong order"),
            ("warning", "a shape that reaches outside the picture"),
            ("warning", "a box without area"),
            ("warning", "no class; kept without one"),
            ("skipped", "a point is not a pair of numbers"),
            ("skipped", "a polygon of fewer than 3 points"),
            ("skipped", "the mask's runs do not add up to its size"),
            ("skipped", "the mask reaches outside the picture"),
            ("skipped", "a mask needs whole numbers left, top, width, height"),
            ("skipped", "a shape that is not kept: cuboid"),
            ("warning", "a picture is there twice; its labels are put together"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("warning", "no size; the picture's own counts"),
        ]
    )
    assert Problem("skipped", "xtl is not finite", "annotations.xml: image[0] (a.jpg): box[0]") in store.problems
    rows, objects = plain(store)
    assert set(rows) == {"a.jpg", "pictures/b.jpg"}
    assert [len(v) for v in objects["ground_truth"].values()] == [4, 1]
    assert objects["ground_truth"]["a.jpg"][2]["cvat_rest"] == '{"doors":"many"}'


def test_a_file_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    store = read(cvat.FORMAT, put(tmp_path, IMAGES[: IMAGES.index('<image id="5"') + 20]))
    assert len(store.rows) == 1
    assert store.problems[0].what == "not XML: unclosed token; the rest of the file is missing"
    assert "line " in store.problems[0].where


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + IMAGES.split("?>", 1)[1]


@pytest.mark.parametrize("text", ["", "no xml", BOMB, "<annotations>", b"\xff\xfe<\x00a\x00"])
def test_what_is_no_file_of_ours_is_refused_at_once(tmp_path: Path, text: str | bytes) -> None:
    file = put(tmp_path, text)
    for one in (cvat.FORMAT, cvat_video.FORMAT):
        assert one.sniff(file) is None
        with pytest.raises(FormatError):
            read(one, file)


def test_sniffing_tells_the_two_and_voc_apart(tmp_path: Path) -> None:
    images = put(tmp_path, IMAGES)
    video = put(tmp_path, VIDEO, "video.xml")
    assert cvat.FORMAT.sniff(images)
    assert cvat_video.FORMAT.sniff(video)
    wrong = [
        cvat.FORMAT.sniff(video),
        cvat_video.FORMAT.sniff(images),
        voc.FORMAT.sniff(images),
        voc.FORMAT.sniff(video),
    ]
    assert wrong == [None] * 4
    other = put(tmp_path, "<annotation><object/><size/></annotation>", "voc.xml")
    assert cvat.FORMAT.sniff(other) is None


def test_two_fields_of_one_kind_are_refused_and_losses_are_counted(tmp_path: Path) -> None:
    store = read(cvat.FORMAT, put(tmp_path, IMAGES))
    store.rows[0]["tags"] = ["seen"]
    store.objects["ground_truth"][0]["score"] = 0.5
    done = written(cvat.FORMAT, store, tmp_path / "b.xml")
    assert done.lost == {"scores": 1, "tags of samples": 1}
    with pytest.raises(FormatError, match="one set of box labels"):
        cvat.FORMAT.write(store, tmp_path / "c.xml", fields=["ground_truth", "ground_truth"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_datumaro_reads_the_same_shapes(tmp_path: Path) -> None:
    pytest.importorskip("datumaro")
    from datumaro.plugins.data_formats.cvat.base import CvatBase

    text = IMAGES.replace(' subset="Train"', "").replace("<ellipse", "<!--").replace("</ellipse>", "-->")
    store = read(cvat.FORMAT, put(tmp_path, text))
    written(cvat.FORMAT, store, tmp_path / "out.xml")
    for path in ("street/one.jpg", "two.jpg"):
        file = tmp_path / "images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(file)
    found = []
    for name in ("annotations.xml", "out.xml"):
        (item, _) = CvatBase(str(tmp_path / name))
        found.append(
            sorted((a.type.name, a.label, _numbers(a), sorted(a.attributes.items())) for a in item.annotations)
        )
    assert found[0] == found[1]
    mine = [
        row for row in store.objects["ground_truth"] if not row["rotation"] and not row["polygons"] and not row["mask"]
    ]
    assert [n for kind, _, n, _ in found[0] if kind == "bbox"] == [
        [r["x"], r["y"], r["w"], r["h"]] for r in mine if not r["keypoints"]
    ]
    (mask,) = [n for kind, _, n, _ in found[0] if kind == "mask"]
    assert (
        mask == np.flatnonzero(rle.decode(next(r["mask"] for r in store.objects["ground_truth"] if r["mask"]))).tolist()
    )


def _numbers(annotation) -> list[float]:
    if annotation.type.name == "mask":
        return np.flatnonzero(annotation.image).tolist()
    return list(annotation.get_bbox()) if annotation.type.name == "bbox" else list(getattr(annotation, "points", []))
