"""CSV and Parquet: what column names mean, faults by line, and the same rows back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.kernel import rle
from loopline.kernel.exchange import Source
from loopline.kernel.schema import Column, DatasetSchema, LabelField
from tests.formats.memory_store import MemoryStore


def stored(path: Path, **options: Any) -> MemoryStore:
    return MemoryStore.of(registry.get(path.suffix[1:]).read(Source(path), **options))


def csv(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def boxes(store: MemoryStore) -> list[list[float]]:
    return [[o[n] for n in "xywh"] for o in store.objects["ground_truth"]]


@pytest.mark.parametrize(
    "head",
    [
        "path,label,x,y,w,h",
        "image_path,class,x,y,width,height",
        "Filename,Category,bbox_x,bbox_y,bbox_width,bbox_height",
    ],
)
def test_boxes_by_corner_and_size(tmp_path: Path, head: str) -> None:
    store = stored(csv(tmp_path, f"{head}\na.jpg,cat,1,2.5,3,4\nb.jpg,dog,0,0,1,1\n"))
    assert boxes(store) == [[1, 2.5, 3, 4], [0, 0, 1, 1]]
    assert [o["label"] for o in store.objects["ground_truth"]] == ["cat", "dog"]
    assert store.schema.field("ground_truth").classes == ("cat", "dog")


@pytest.mark.parametrize(
    "head", ["image_path,xmin,ymin,xmax,ymax,label", "img,x1,y1,x2,y2,class_name", "file,x0,y0,x1,y1,category"]
)
def test_boxes_by_two_corners(tmp_path: Path, head: str) -> None:
    assert boxes(stored(csv(tmp_path, f"{head}\na.jpg,1,2,11,22,cat\n"))) == [[1, 2, 10, 20]]


def test_one_column_that_ends_like_a_label_is_the_label(tmp_path: Path) -> None:
    store = stored(csv(tmp_path, "file,given_label\na.jpg,cat\n"))
    assert [o["label"] for o in store.objects["ground_truth"]] == ["cat"]
    assert stored(csv(tmp_path, "file,given_label,true_label\na.jpg,cat,dog\n")).objects == {}


def test_the_one_table_of_labels_in_a_folder_is_found(tmp_path: Path) -> None:
    csv(tmp_path, "file,given_label\nimages/a.jpg,cat\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    (tmp_path / "probabilities.csv").write_text("index,cat,dog\n0,0.5,0.5\n")
    one, sniffed = registry.detect(tmp_path)
    assert (one.name, sniffed.saw) == ("csv", "a table of labels: labels.csv")
    store = MemoryStore.of(one.read(Source(tmp_path)))
    assert [
        (o["label"], r["path"], r["root"]) for o, r in zip(store.objects["ground_truth"], store.rows, strict=True)
    ] == [("cat", "images/a.jpg", str(tmp_path))]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_byte_order_mark_windows_line_ends_and_other_separators(tmp_path: Path, mark: str) -> None:
    text = "path,label,x,y,w,h\r\na.jpg,cat,1,2,3,4\r\n".replace(",", mark)
    assert boxes(stored(csv(tmp_path, b"\xef\xbb\xbf" + text.encode()))) == [[1, 2, 3, 4]]


def test_a_row_without_a_box_is_a_picture_without_objects(tmp_path: Path) -> None:
    store = stored(csv(tmp_path, "path,label,xmin,ymin,xmax,ymax\na.jpg,,,,,\nb.jpg,cat,1,1,2,2\n"))
    assert store.count() == 2
    assert len(store.objects["ground_truth"]) == 1


def test_one_row_a_sample_gives_columns_and_classes(tmp_path: Path) -> None:
    store = stored(csv(tmp_path, "path,label,brightness,day,code\na.jpg,cat,0.5,true,007\nb.jpg,dog,1,false,8\n"))
    assert {c.name: c.type for c in store.schema.columns} == {"brightness": "float", "day": "bool", "code": "text"}
    assert store.schema.field("ground_truth").kind == "class"
    assert [r["brightness"] for r in store.rows] == [0.5, 1.0]


def test_normalized_boxes_need_the_option_and_without_it_there_is_a_warning(tmp_path: Path) -> None:
    path = csv(tmp_path, "path,width,height,label,xmin,ymin,xmax,ymax\na.jpg,100,50,cat,0.1,0.2,0.5,0.6\n")
    assert boxes(stored(path, normalized=True))[0] == pytest.approx([10, 10, 40, 20])
    store = stored(path)
    assert [p.what for p in store.problems] == ["all boxes lie in 0..1 and were taken as pixels"]


def test_faults_are_named_by_line_and_the_other_rows_arrive(tmp_path: Path) -> None:
    rows = [
        "path,label,x,y,w,h,note",
        'a.jpg,cat,1,1,1,1,"two',
        'lines"',
        "b.jpg,cat,one,1,1,1,",
        "",
        "c.jpg,cat,1,1",
        "d.jpg,cat,1,1,-1,1,",
        "../e.jpg,cat,1,1,1,1,",
        "f.jpg,cat,1,,1,1,",
        ",cat,1,1,1,1,",
        "g.jpg,cat,1,inf,1,1,",
        "h.jpg,cat,1,1,1,1,",
    ]
    store = stored(csv(tmp_path, "\n".join(rows)))
    assert [r["path"] for r in store.rows] == ["a.jpg", "h.jpg"]
    assert sorted((int(p.where.split(":")[1].split()[0]), p.what) for p in store.problems) == [
        (4, '"x" is not a number'),
        (6, "a row with too few cells"),
        (7, "a box of negative size"),
        (8, "the picture's name is empty or leads out of the picture folder"),
        (9, "a box with a number missing"),
        (10, "the picture's name is empty or leads out of the picture folder"),
        (11, "a box with a number that is not finite"),
    ]


def test_text_that_is_not_utf8_is_read_as_windows_latin_and_said(tmp_path: Path) -> None:
    store = stored(csv(tmp_path, "path,label\na.jpg,Käse\n".encode("cp1252")))
    assert [o["label"] for o in store.objects["ground_truth"]] == ["Käse"]
    assert [p.what for p in store.problems] == ["text that is not UTF-8; read as Windows-1252"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "empty"),
        (b"a.jpg,1,2,3,4,cat\n", "no column names the pictures"),
        (b"\xff\xfep\x00", "UTF-16"),
        (b"path,x,y,w,h,X\n", "two columns mean the same"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path, text: bytes, what: str) -> None:
    with pytest.raises(FormatError, match=what):
        stored(csv(tmp_path, text))


def test_a_parquet_file_of_another_tool(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({
        "file_name": pa.array(["a.jpg", "b.jpg", None]).dictionary_encode(),
        "xmin": pa.array([1, 2, 3], pa.int32()), "ymin": [1, 2, 3], "xmax": [2.0, 4.0, 6.0], "ymax": [2, 4, 6],
        "label": ["x", "y", "z"], "meta": [{"a": 1}, None, {"a": 2}],
    })  # fmt: skip
    pq.write_table(table, path)
    store = stored(path)
    assert boxes(store) == [[1, 1, 1, 1], [2, 2, 2, 2]]
    assert store.objects["ground_truth"][0]["meta"] == '{"a":1}'
    assert [p.where for p in store.problems] == ["a.parquet: row 3"]


floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)


@st.composite
def stores(draw: Any) -> MemoryStore:
    own = (Column("note", "text"), Column("light", "float"))
    store = MemoryStore()
    classes = set()
    for i in range(draw(st.integers(1, 5))):
        store.rows.append({"id": i + 1, "path": f"{i}.jpg", "width": 30, "height": 20, "split": draw(st.none() | st.just("val")),
                           "light": draw(st.none() | floats), "tags": draw(st.lists(texts, max_size=2, unique=True))})  # fmt: skip
        for _ in range(draw(st.integers(0, 3))):
            rows = store.objects.setdefault("ground_truth", [])
            w, h = draw(st.floats(0.5, 1e6)), draw(st.floats(0.5, 1e6))
            row = {
                "id": len(rows) + 1,
                "sample_id": i + 1,
                "label": draw(texts),
                "x": draw(floats),
                "y": draw(floats),
                "w": w,
                "h": h,
            }
            row |= {"polygons": draw(st.none() | st.lists(st.lists(floats, max_size=4), max_size=2)),
                    "keypoints": draw(st.none() | st.lists(floats, max_size=3)),
                    "mask": draw(st.none() | st.just(rle.pack_blob(2, 2, b"13", "list"))), "score": draw(st.none() | floats),
                    "iscrowd": draw(st.none() | st.booleans()), "speed": draw(st.none() | floats), "track_id": draw(st.none() | st.integers(0, 9)),
                    "tags": draw(st.lists(texts, max_size=2, unique=True))}  # fmt: skip
            classes.add(row["label"])
            rows.append(row)
    field = LabelField(
        "ground_truth", "box", tuple(sorted(classes)), (Column("speed", "float", source_name="how fast?"),)
    )
    store.schema = DatasetSchema(own, (field,))
    return store


def plain(rows: list[dict[str, Any]], *but: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if v is not None and v != [] and k not in but} for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stores(), st.sampled_from(["csv", "parquet"]))
def test_what_is_written_is_read_again(tmp_path: Path, store: MemoryStore, name: str) -> None:
    target = tmp_path / f"out.{name}"
    registry.get(name).write(store, target, fields=["ground_truth"])
    first = target.read_bytes()
    again = stored(target)
    assert plain(again.rows, "root") == plain(store.rows)
    # A CSV cell of an empty list is not told from a missing one; Parquet's are, but `plain` leaves both out.
    assert plain(again.objects.get("ground_truth", [])) == plain(store.objects.get("ground_truth", []))
    if name == "parquet":
        assert again.schema == store.schema
    registry.get(name).write(store, target, fields=["ground_truth"])
    assert target.read_bytes() == first


def test_samples_alone_can_be_written(tmp_path: Path) -> None:
    store = MemoryStore(rows=[{"id": 1, "path": "a.jpg", "width": 2, "height": 1, "split": "val"}])
    registry.get("csv").write(store, tmp_path / "out.csv", fields=[])
    assert (tmp_path / "out.csv").read_text() == 'path,split,image_width,image_height,sample.tags\n"a.jpg","val",2,1,\n'
