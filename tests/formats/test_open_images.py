"""Open Images CSV."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import open_images, table
from tests.formats.memory_store import MemoryStore
from tests.formats.worlds import HEIGHT, WIDTH, files_in, plain, read, told, worlds, written

HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
BOXES = f"""{HEAD}
00a1,xclick,/m/01,1,0.25,0.75,0.5,1,1,0,0,-1,0
00a1,activemil,/m/02,1,0,0.5,0,0.25,0,0,1,0,0
"""
LABELS = "ImageID,Source,LabelName,Confidence\n00a1,verification,/m/01,1\n00b2,verification,/m/02,0\n"
NAMES = '/m/01,Cat\n/m/02,"Doll, small"\n/m/03,Cat\n'
TREE = {"LabelName": "/m/0", "Subcategory": [{"LabelName": "/m/01"}, {"LabelName": "/m/02"}]}


def plant(base: Path, *, boxes: str | bytes = BOXES, split: str = "train") -> Path:
    (base / "images").mkdir(parents=True)
    for name in ("00a1", "00b2"):
        Image.new("RGB", (40, 20)).save(base / "images" / f"{name}.jpg")
    file = base / f"{split}-annotations-bbox.csv"
    file.write_bytes(boxes if isinstance(boxes, bytes) else boxes.encode())
    (base / f"{split}-annotations-human-imagelabels.csv").write_text(LABELS)
    (base / "class-descriptions.csv").write_text(NAMES)
    (base / "bbox_labels_hierarchy.json").write_text(json.dumps(TREE))
    return base


def test_boxes_flags_and_verified_labels_arrive_with_class_names(tmp_path: Path) -> None:
    store = read(open_images.FORMAT, plant(tmp_path))
    assert store.problems == []
    rows, objects = plain(store)
    assert rows == {f"{n}.jpg": {"width": 40, "height": 20, "split": "train"} for n in ("00a1", "00b2")}
    cat, dolls = objects["ground_truth"]["00a1.jpg"]
    assert cat == {
        "label": "Cat",
        "x": 10.0,
        "y": 10.0,
        "w": 20.0,
        "h": 10.0,
        "iscrowd": False,
        "Source": "xclick",
        "Confidence": 1.0,
        "IsOccluded": True,
        "IsTruncated": False,
        "IsInside": False,
    }
    assert (dolls["label"], dolls["iscrowd"]) == ("Doll, small", True)
    assert objects["ground_truth_class"] == {
        "00a1.jpg": [{"label": "Cat", "Source": "verification", "Confidence": 1.0}],
        "00b2.jpg": [{"label": "Doll, small", "Source": "verification", "Confidence": 0.0}],
    }
    field = store.schema.field("ground_truth")
    assert field.classes == ("Cat", "Doll, small", "Cat (/m/03)")
    assert field.meta["open_images"]["hierarchy"] == TREE


def test_the_tables_written_are_those_that_were_read(tmp_path: Path) -> None:
    store = read(open_images.FORMAT, plant(tmp_path / "in"))
    done = written(open_images.FORMAT, store, tmp_path / "out", media="copy")
    assert done.lost == {}
    files = files_in(tmp_path / "out")
    assert files["train-annotations-bbox.csv"].decode() == BOXES
    assert files["train-annotations-human-imagelabels.csv"].decode() == LABELS
    again = read(open_images.FORMAT, tmp_path / "out")
    assert plain(again) == plain(store)
    written(open_images.FORMAT, store, tmp_path / "out", media="copy")
    assert files_in(tmp_path / "out") == files


def test_predictions_of_a_folder_have_a_field_of_their_own_and_alone_take_the_name(tmp_path: Path) -> None:
    base = plant(tmp_path)
    guess = base / "predictions.csv"
    guess.write_text("ImageID,LabelName,Score,XMin,XMax,YMin,YMax\n00a1,/m/01,0.5,0,1,0,1\n")
    both = read(open_images.FORMAT, base)
    assert [(o["label"], o["score"], o["w"]) for o in both.objects["predictions"]] == [("Cat", 0.5, 40.0)]
    assert len(both.objects["ground_truth"]) == 2
    alone = read(open_images.FORMAT, guess, name="net")
    assert [o["score"] for o in alone.objects["net"]] == [0.5]
    written(open_images.FORMAT, alone, tmp_path / "out")
    assert files_in(tmp_path / "out")["predictions.csv"].splitlines()[1] == b"00a1,/m/01,0.5,0,1,0,1"


def test_image_lists_bring_what_they_say_of_the_pictures_that_are_there(tmp_path: Path) -> None:
    base = plant(tmp_path)
    (base / "train-images.csv").write_text(
        "ImageID,Subset,OriginalURL,Author\n00b2,validation,http://x/b,Ann\n00zz,train,,\n"
    )
    store = read(open_images.FORMAT, base)
    assert told(store.problems) == [("warning", "a listed picture that is not there; left out")]
    row = next(r for r in store.rows if r["path"] == "00b2.jpg")
    assert (row["split"], row["OriginalURL"], row["Author"]) == ("val", "http://x/b", "Ann")


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    good = "00a1,xclick,/m/01,1,0.25,0.75,0.5,1,1,0,0,-1,0"
    rows = [
        good,
        good.replace("0.25", "nan"),
        good.replace("0.25", "1e99"),
        good.replace("0.25", ""),
        good.replace("0.25", "0.9"),
        good.replace("00a1", ""),
        good.replace("00a1", "00cc"),
        good.replace("00a1", "../../etc/x"),
        good.replace(",1,0,0,-1,0", ",7,0,0,-1,0"),
        good.replace("0.75", "0.25"),
        good.replace("0.75", "1.5"),
        good.replace("/m/01", ""),
        good.replace("xclick", "x\xe9"),
        good + ",9",
        "00a1,xclick",
        good.replace("/m/01", "/m/99"),
    ]
    base = plant(tmp_path, boxes=b"\xef\xbb\xbf" + "\r\n".join([HEAD, *rows]).encode("latin-1") + b"\r\n")
    (base / "image_ids.json").write_text('{"00dd": "../../x.jpg", "00ee": 5}')
    store = read(open_images.FORMAT, base)
    assert sorted(told(store.problems)) == sorted(
        [
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a row with more cells than the header"),
            ("skipped", "a row with too few cells"),
            ("warning", "text that is not UTF-8; read as Windows-1252"),
            ("skipped", "XMin is not finite"),
            ("skipped", "XMin is larger than any picture"),
            ("skipped", "XMin is missing or not a number"),
            ("skipped", "corners in the wrong order"),
            ("skipped", "a row without an ImageID"),
            ("skipped", "a box of a picture that is not there; its size is not known"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "IsOccluded is not 1, 0 or -1"),
            ("warning", "a box without area"),
            ("warning", "a shape that reaches outside the picture"),
            ("warning", "no class; kept without one"),
        ]
    )
    assert [o["label"] for o in store.objects["ground_truth"]] == ["Cat", "Cat", "Cat", None, "Cat", "/m/99"]
    assert next(p for p in store.problems if "finite" in p.what).where == "train-annotations-bbox.csv:3"


flags = {"IsOccluded": st.booleans(), "IsInside": st.booleans()}


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "class"),
        always={**flags, "Source": st.just("xclick"), "Confidence": st.just(0.5)},
        splits=(None, "train", "val", "my split"),
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store: MemoryStore) -> None:
    base = tmp_path_factory.mktemp("open_images")
    for row in store.objects.get("ground_truth", []):
        row["iscrowd"] = row["id"] % 2 == 0
    for row in store.rows:
        row["root"] = str(base / "pictures")
        file = base / "pictures" / row["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(file)
    assert written(open_images.FORMAT, store, base / "out", media="copy").lost == {}
    again = read(open_images.FORMAT, base / "out")
    assert [p for p in again.problems if p.kind == "skipped"] == []
    rows, objects = plain(again)
    rows = {k: {c: v for c, v in row.items() if c != "open_images_id"} for k, row in rows.items()}
    assert (rows, _rounded(objects)) == (plain(store)[0], _rounded(plain(store)[1]))


def _rounded(objects):
    """Sides to a millionth; where only labels of pictures are there, they have the name itself."""
    out = {}
    for mine in objects.values():
        for path, rows in mine.items():
            for row in rows:
                bare = {k: round(v, 6) if k in ("x", "y", "w", "h") else v for k, v in row.items()}
                if "x" not in bare:
                    bare = {"label": bare["label"]}
                out.setdefault((path, "x" in bare), []).append(bare)
    return out


def test_losses_are_counted_and_an_empty_view_is_read_again(tmp_path: Path) -> None:
    store = read(open_images.FORMAT, plant(tmp_path / "in"))
    store.rows[0] |= {"tags": ["x"], "width": None}
    done = written(open_images.FORMAT, store, tmp_path / "b")
    assert done.lost == {"objects of pictures of unknown size": 2, "tags of samples": 1}
    assert (done.samples, done.objects) == (2, 2)
    store.rows = []
    written(open_images.FORMAT, store, tmp_path / "c")
    assert read(open_images.FORMAT, tmp_path / "c").rows == []


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    base = plant(tmp_path)
    assert open_images.FORMAT.sniff(base) is not None
    file = base / "train-annotations-bbox.csv"
    assert open_images.FORMAT.sniff(file) is not None
    assert table.sniff_csv(file) is None
    assert open_images.FORMAT.sniff(base / "class-descriptions.csv") is None
    with pytest.raises(FormatError, match="no CSV file of Open Images"):
        read(open_images.FORMAT, base / "class-descriptions.csv")


def test_the_real_set_comes_in_whole(shared_data: Path) -> None:
    store = read(open_images.FORMAT, shared_data / "open_images_style")
    assert store.problems == []
    assert len(store.rows) == 100
    assert {name: len(rows) for name, rows in store.objects.items()} == {
        "ground_truth": 746,
        "ground_truth_class": 374,
        "predictions": 1020,
    }
    assert all((Path(r["root"]) / r["path"]).is_file() for r in store.rows)
