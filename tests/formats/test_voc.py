"""Pascal VOC: the pixel rule, the layouts, ugly files, and the same files back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import voc
from loopline.kernel.exchange import Source
from loopline.kernel.schema import Column, DatasetSchema, LabelField
from tests.formats.memory_store import MemoryStore

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>"


def stored(path: Path, **options: Any) -> MemoryStore:
    return MemoryStore.of(voc.FORMAT.read(Source(path, **options)))


def xml(*objects: str, filename: str = "a.jpg", size: str = "<width>40</width><height>30</height>") -> str:
    body = "".join(f"<object>{o}</object>" for o in objects)
    return f"<annotation><filename>{filename}</filename><size>{size}</size>{body}</annotation>"


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_the_box_starts_at_its_low_corner_and_is_as_wide_as_the_corners_are_apart(tmp_path: Path) -> None:
    put(tmp_path, {"a.xml": xml(f"<name>cat</name>{BOX}"), "a.jpg": b""})
    (cat,) = stored(tmp_path).objects["ground_truth"]
    assert [cat[n] for n in "xywh"] == [1, 2, 10, 20]


def test_everything_of_an_object_is_kept(tmp_path: Path) -> None:
    body = (
        "<name>cat</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult><occluded>0.3</occluded>"
        f"<colour>grey</colour><score>0.5</score>{BOX}<part><name>head</name>{BOX}</part>"
    )
    store = stored(put(tmp_path, {"a.xml": xml(body), "a.jpg": b""}))
    (cat,) = store.objects["ground_truth"]
    assert (cat["pose"], cat["truncated"], cat["difficult"], cat["colour"], cat["score"]) == (
        "Left",
        True,
        False,
        "grey",
        0.5,
    )
    assert cat["occluded"] == "0.3"
    assert '"name":"head"' in cat["part"]
    assert store.schema.field("ground_truth").attribute("difficult").type == "bool"


@pytest.mark.parametrize("pictures", ["JPEGImages", "images"])
def test_splits_come_from_the_lists_and_pictures_without_a_file_arrive_too(tmp_path: Path, pictures: str) -> None:
    files: dict[str, str | bytes] = {
        f"Annotations/{n}.xml": xml(f"<name>x</name>{BOX}", filename=f"{n}.jpg") for n in "ab"
    }
    files |= {f"{pictures}/{n}.jpg": b"" for n in "abc"}
    files |= {
        "ImageSets/Main/train.txt": "a\n",
        "ImageSets/Main/val.txt": "b\nc\n",
        "ImageSets/Main/cat_val.txt": "a 1\n",
    }
    store = stored(put(tmp_path, files))
    assert {r["path"]: r["split"] for r in store.rows} == {"a.jpg": "train", "b.jpg": "val", "c.jpg": "val"}
    assert store.rows[0]["root"] == str(tmp_path / pictures)
    assert [p.what for p in store.problems] == ["pictures without an XML file; added without labels"]


def test_a_devkit_of_several_years_is_one_data_set(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {}
    for year in ("VOC2007", "VOC2012"):
        files |= {f"{year}/Annotations/a.xml": xml(f"<name>{year}</name>{BOX}"), f"{year}/JPEGImages/a.jpg": b""}
    store = stored(put(tmp_path, files))
    assert [Path(r["root"]).parent.name for r in store.rows] == ["VOC2007", "VOC2012"]
    assert store.schema.field("ground_truth").classes == ("VOC2007", "VOC2012")


def test_split_folders_with_the_files_beside_the_pictures(tmp_path: Path) -> None:
    files = {
        f"{s}/{s}.{e}": xml(f"<name>x</name>{BOX}") if e == "xml" else b""
        for s in ("train", "valid")
        for e in ("xml", "jpg")
    }
    store = stored(put(tmp_path, files))
    assert {r["path"]: r["split"] for r in store.rows} == {"train/train.jpg": "train", "valid/valid.jpg": "val"}


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        ("<name>x</name>", "skipped", "an object without a bndbox"),
        (
            "<name>x</name><bndbox><xmin>a</xmin></bndbox>",
            "skipped",
            "a bndbox needs the numbers xmin, ymin, xmax, ymax",
        ),
        (f"<name>x</name>{BOX.replace('22', 'nan')}", "skipped", "a bndbox with a corner that is not finite"),
        (f"<name>x</name>{BOX.replace('11', '0')}", "warning", "corners in the wrong order; exchanged"),
        (f"<name>x</name>{BOX.replace('11', '1')}", "warning", "a box without area"),
        (f"<name>x</name>{BOX.replace('11', '41')}", "warning", "a box that reaches outside the picture"),
        (BOX, "warning", "an object without a name; kept without a class"),
    ],
)
def test_an_odd_object_is_named_and_the_others_arrive(tmp_path: Path, body: str, kind: str, what: str) -> None:
    good = f"<name>cat</name>{BOX}"
    store = stored(put(tmp_path, {"a.xml": xml(good, body, good), "a.jpg": b""}))
    assert [(p.kind, p.what, p.where) for p in store.problems] == [(kind, what, "a.xml: object[1]")]
    assert len(store.objects["ground_truth"]) == (2 if kind == "skipped" else 3)


LAUGHS = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><annotation><filename>&b;</filename></annotation>'


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (LAUGHS, "the XML has a DOCTYPE, which is refused"),
        (LAUGHS.encode("utf-16"), "the XML has a DOCTYPE, which is refused"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "the XML has a DOCTYPE, which is refused"),
        ("<annotation><object>", "not XML: no element found"),
        ("", "not XML: no element found"),
        (b"<annotation>\xff\xfe</annotation>", "not XML: not well-formed (invalid token)"),
        ("<html></html>", "not Pascal VOC: the root is <html>"),
    ],
)
def test_a_broken_file_is_named_and_the_others_arrive(tmp_path: Path, content: str | bytes, what: str) -> None:
    store = stored(put(tmp_path, {"a.xml": xml(f"<name>x</name>{BOX}"), "a.jpg": b"", "b.xml": content}))
    assert [(p.kind, p.what, p.where.split(":")[0]) for p in store.problems] == [("skipped", what, "b.xml")]
    assert store.count() == 1


def test_the_picture_named_like_the_file_counts_and_a_wrong_filename_goes_out_as_it_came(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"Annotations/a.xml": xml(f"<name>x</name>{BOX}", filename="C:\\old\\0001.png"), "JPEGImages/a.jpg": b""},
    )
    store = stored(tmp_path)
    assert store.rows[0]["path"] == "a.jpg"
    voc.FORMAT.write(store, tmp_path / "out", fields=["ground_truth"])
    assert "<filename>C:\\old\\0001.png</filename>" in (tmp_path / "out/Annotations/a.xml").read_text()


def test_the_filename_counts_where_no_picture_is_named_like_the_file(tmp_path: Path) -> None:
    put(tmp_path, {"Annotations/1.xml": xml(f"<name>x</name>{BOX}", filename="cat.png"), "JPEGImages/cat.png": b""})
    assert [r["path"] for r in stored(tmp_path).rows] == ["cat.png"]


def test_a_filename_cannot_lead_out_of_the_picture_folder(tmp_path: Path) -> None:
    put(tmp_path, {"Annotations/1.xml": xml(f"<name>x</name>{BOX}", filename="../../secret.png")})
    assert [r["path"] for r in stored(tmp_path).rows] == ["1.jpg"]


def test_a_turned_box_keeps_its_turn(tmp_path: Path) -> None:
    turned = "<robndbox><cx>10</cx><cy>8</cy><w>6</w><h>4</h><angle>0.5</angle></robndbox>"
    store = stored(put(tmp_path, {"a.xml": xml(f"<name>x</name>{turned}"), "a.jpg": b""}))
    (box,) = store.objects["ground_truth"]
    assert [box[n] for n in "xywh"] == [7, 6, 6, 4]
    assert box["rotation"] == pytest.approx(28.6478897565)
    voc.FORMAT.write(store, tmp_path / "out", fields=["ground_truth"])
    again = stored(tmp_path / "out", media=tmp_path).objects["ground_truth"][0]
    assert again["rotation"] == pytest.approx(box["rotation"], abs=1e-12)


def test_a_folder_without_xml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no XML files"):
        stored(tmp_path)


coordinates = st.integers(0, 3000).map(float) | st.floats(0, 3000, allow_subnormal=False).map(lambda v: round(v, 3))


@settings(max_examples=300, deadline=None)
@given(coordinates, coordinates)
def test_the_far_side_gives_the_same_size_again(start: float, end: float) -> None:
    size = end - start
    far = voc.far_side(start, size)
    assert far - start == size
    assert float(voc.number_text(far)) == far


names = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=6)


@st.composite
def stores(draw: Any) -> MemoryStore:
    field = LabelField(
        "ground_truth", "box", attributes=(Column("difficult", "bool"), Column("pose", "text")), meta={"voc": {}}
    )
    store = MemoryStore()
    classes = set()
    for i in range(draw(st.integers(1, 4))):
        store.rows.append(
            {
                "id": i + 1,
                "path": f"{i}.jpg",
                "width": 3000,
                "height": 3000,
                "split": draw(st.sampled_from(["train", "val"])),
            }
        )
        for _ in range(draw(st.integers(0, 3))):
            x0, x1 = sorted(draw(st.tuples(coordinates, coordinates)))
            y0, y1 = sorted(draw(st.tuples(coordinates, coordinates)))
            label = draw(names)
            classes.add(label)
            rows = store.objects.setdefault("ground_truth", [])
            rows.append({"id": len(rows) + 1, "sample_id": i + 1, "label": label, "x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0,
                         "difficult": draw(st.booleans()), "pose": draw(names), "score": draw(st.none() | st.floats(0, 1))})  # fmt: skip
    object.__setattr__(field, "classes", tuple(sorted(classes)))
    store.schema = DatasetSchema((), (field,))
    return store


def plain(rows: list[dict[str, Any]], *but: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if v is not None and v != [] and k not in but} for row in rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stores())
def test_what_is_written_is_read_again(tmp_path: Path, store: MemoryStore) -> None:
    target = tmp_path / "out"
    voc.FORMAT.write(store, target, fields=["ground_truth"])
    again = stored(target)
    assert plain(again.rows, "root", "voc") == plain(store.rows)
    assert plain(again.objects.get("ground_truth", [])) == plain(store.objects.get("ground_truth", []))
    assert again.schema.field("ground_truth").classes == store.schema.field("ground_truth").classes


def test_what_voc_cannot_hold_is_counted(tmp_path: Path) -> None:
    store = stored(put(tmp_path, {"a.xml": xml(f"<name>x</name>{BOX}"), "a.jpg": b""}))
    store.objects["ground_truth"][0] |= {"polygons": [[1.0, 1.0, 2.0, 2.0, 3.0, 1.0]], "iscrowd": True, "tags": ["t"]}
    report = voc.FORMAT.write(store, tmp_path / "out", fields=["ground_truth"])
    assert report.lost == {"crowd flags": 1, "polygons": 1, "tags of objects": 1}


@pytest.mark.parametrize(
    ("name", "pictures", "classes", "splits"),
    [
        ("face_mask", 597, {"with_mask": 2350, "without_mask": 545, "mask_weared_incorrect": 81}, {None: 597}),
        ("bccd", 292, {"RBC": 3350, "WBC": 301, "Platelets": 292}, {"train": 205, "val": 87}),
    ],
)
def test_real_sets_have_the_counts_of_their_readmes_and_come_back_the_same(
    shared_data: Path, tmp_path: Path, name: str, pictures: int, classes: dict[str, int], splits: dict[str | None, int]
) -> None:
    store = stored(shared_data / name)
    assert store.count() == pictures
    assert Counter(o["label"] for o in store.objects["ground_truth"]) == classes
    assert Counter(r["split"] for r in store.rows) == splits
    faults = Counter(p.what for p in store.problems)
    assert faults == (
        {"a box that reaches outside the picture": 11} if name == "face_mask" else {"a box without area": 2}
    )
    assert all((Path(r["root"]) / r["path"]).is_file() for r in store.rows)
    voc.FORMAT.write(store, tmp_path / "out", fields=["ground_truth"])
    again = stored(tmp_path / "out", media=Path(store.rows[0]["root"]))
    assert (again.rows, again.objects, again.schema) == (store.rows, store.objects, store.schema)
    file = next(p for p in sorted((shared_data / name).rglob("*.xml")))
    mine = next(p for p in sorted((tmp_path / "out").rglob("*.xml")))
    assert flat(ET.parse(mine).getroot()) == flat(ET.parse(file).getroot())


def flat(element: ET.Element) -> Any:
    """An element without the order of its children and without white space."""
    return element.tag, (element.text or "").strip(), sorted((flat(c) for c in element), key=repr)


def test_cvat_files_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, {"a.xml": "<annotations><meta><task><size>1</size></task></meta></annotations>", "b.xml": xml()})
    assert voc.sniff(tmp_path / "a.xml") is None
    assert voc.sniff(tmp_path / "b.xml") is not None
