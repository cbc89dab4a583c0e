"""KITTI object labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import kitti, yolo
from tests.formats.worlds import files_in, plain, read, told, worlds, written

ROWS = """Truck 0.00 0 -1.57 599.41 156.40 629.75 189.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56
Pedestrian 0.50 2 -0.20 712.40 143.00 810.73 307.92 1.89 0.48 1.20 1.84 1.47 8.41 0.01
DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10
"""


def folder(base: Path, **files: str | bytes) -> Path:
    labels = base / "training" / "label_2"
    labels.mkdir(parents=True)
    (base / "training" / "image_2").mkdir()
    for name, text in files.items():
        (labels / f"{name[1:]}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return base


def test_boxes_arrive_with_what_is_known_of_the_third_dimension(tmp_path: Path) -> None:
    base = folder(tmp_path, _000001=ROWS)
    (base / "training" / "image_2" / "000001.png").touch()
    (base / "training" / "image_2" / "000002.png").touch()
    store = read(kitti.FORMAT, base)
    rows, objects = plain(store)
    assert rows == {"000001.png": {"split": "train"}, "000002.png": {"split": "train"}}
    truck, walker, region = objects["ground_truth"]["000001.png"]
    assert truck == {
        "label": "Truck",
        "x": 599.41,
        "y": 156.4,
        "w": 629.75 - 599.41,
        "h": 189.25 - 156.4,
        "truncated": 0.0,
        "occluded": 0,
        "alpha": -1.57,
        "height_m": 2.85,
        "width_m": 2.63,
        "length_m": 12.34,
        "x_m": 0.47,
        "y_m": 1.49,
        "z_m": 69.44,
        "rotation_y": -1.56,
    }
    assert (walker["occluded"], walker["truncated"]) == (2, 0.5)
    assert set(region) == {"label", "x", "y", "w", "h", "iscrowd"}
    assert told(store.problems) == [("warning", "pictures without a label file; added without labels")]


def test_the_numbers_written_are_those_that_were_read(tmp_path: Path) -> None:
    store = read(kitti.FORMAT, folder(tmp_path / "in", _000001=ROWS))
    done = written(kitti.FORMAT, store, tmp_path / "out")
    again = (tmp_path / "out" / "training" / "label_2" / "000001.txt").read_text()
    number = [[w if w[0].isalpha() else float(w) for w in row.split()] for row in again.splitlines()]
    assert number == [[w if w[0].isalpha() else float(w) for w in row.split()] for row in ROWS.splitlines()]
    assert done.lost == {}
    before = files_in(tmp_path / "out")
    written(kitti.FORMAT, store, tmp_path / "out")
    assert files_in(tmp_path / "out") == before


metres = st.integers(-999, 999).filter(lambda n: n != -80).map(lambda n: n / 8)  # -10 is "not known"


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box",),
        always={
            "truncated": st.integers(0, 8).map(lambda n: n / 8),
            "occluded": st.integers(0, 3),
            "alpha": metres,
            "z_m": metres,
        },
        splits=(None, "train", "val", "test"),
        paths=("a.png", "b/c.png", "ü.png"),
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("kitti") / "out"
    for row in store.objects.get("ground_truth", []):
        row["label"] = row["label"].replace(" ", "_")
    assert written(kitti.FORMAT, store, target).lost == {}
    again = read(kitti.FORMAT, target, schema=store.schema)
    rows, objects = plain(again)
    mine = plain(store)
    assert objects == mine[1]
    # A picture of no split lies in the folder "training", which is one.
    assert {p: r["split"] for p, r in rows.items()} == {p: r.get("split", "train") for p, r in mine[0].items()}


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    good = ROWS.splitlines()[0]
    text = f"\ufeff{good}\r\n\r\nCar 1 2\r\n{good.replace('599.41', 'nan')}\r\n{good.replace('599.41', '9e99')}\r\n"
    text += f"{good.replace('599.41', '700')}\r\n{good} 0.5\r\n0 1 {good}\r\nCar 0 0.5 {good.split(' ', 3)[3]}\r\n"
    base = folder(tmp_path, _1=text, _2="", _3="\xe9 text".encode("latin-1"))
    (base / "training" / "label_2" / "4.txt").symlink_to("/etc/passwd")
    store = read(kitti.FORMAT, base)
    assert told(store.problems) == [
        ("skipped", "a row of 3 columns"),
        ("skipped", "a coordinate is not finite"),
        ("skipped", "a coordinate is larger than any picture"),
        ("skipped", "corners in the wrong order"),
        ("skipped", "a row of KITTI tracking (17 columns)"),
        ("skipped", "occluded is not a whole number"),
        ("warning", "not UTF-8; read as Windows' Latin alphabet"),
        ("skipped", "a row of 2 columns"),
        ("skipped", "a link that leads out of the folder"),
    ]
    assert store.problems[0].where == "1.txt:3"
    assert sorted(plain(store)[0]) == ["1.png", "2.png", "3.png"]
    assert [row["score"] for row in store.objects["ground_truth"]] == [None, 0.5]


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(kitti.FORMAT, folder(tmp_path / "in", _1=ROWS))
    store.objects["ground_truth"][0] |= {"polygons": [[1.0, 2, 3, 4, 5, 6]], "label": "big truck", "iscrowd": False}
    assert written(kitti.FORMAT, store, tmp_path / "out").lost == {
        "polygons": 1,
        'spaces in classes, written as "_"': 1,
    }
    with pytest.raises(FormatError, match='media="move"'):
        written(kitti.FORMAT, store, tmp_path / "out", media="move")


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    assert kitti.FORMAT.sniff(folder(tmp_path / "a", _1=ROWS)) is not None
    other = tmp_path / "yolo" / "labels"
    other.mkdir(parents=True)
    (other / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert kitti.FORMAT.sniff(tmp_path / "yolo") is None
    assert yolo.FORMAT.sniff(tmp_path / "a") is None
    with pytest.raises(FormatError, match="no label files"):
        read(kitti.FORMAT, folder(tmp_path / "empty"))
