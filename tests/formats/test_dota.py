"""DOTA's turned boxes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.formats import dota, kitti, yolo
from loopline.formats._shapes import box_of_corners, turned_corners
from tests.formats.worlds import files_in, plain, read, told, worlds, written

TEXT = """imagesource:GoogleEarth
gsd:0.146343590398
2753 2408 2861 2385 2888 2468 2805 2502 plane 0
10.0 10.0 30.0 10.0 30.0 20.0 10.0 20.0 small-vehicle 1
5 5 6 6 7 5 6 4 ship 2
"""


def folder(base: Path, **files: str | bytes) -> Path:
    labels = base / "train" / "labelTxt"
    labels.mkdir(parents=True)
    for name, text in files.items():
        (labels / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return base


def test_the_corners_stay_and_the_turned_box_is_worked_out(tmp_path: Path) -> None:
    store = read(dota.FORMAT, folder(tmp_path, P0001=TEXT))
    assert store.problems == []
    rows, objects = plain(store)
    assert rows == {"P0001.png": {"split": "train", "imagesource": "GoogleEarth", "gsd": 0.146343590398}}
    plane, car, ship = objects["ground_truth"]["P0001.png"]
    assert plane["polygons"] == [[2753, 2408, 2861, 2385, 2888, 2468, 2805, 2502]]
    assert plane["rotation"] == pytest.approx(-16.6, abs=0.1)
    assert car == {
        "label": "small-vehicle",
        "x": 10,
        "y": 10,
        "w": 20,
        "h": 10,
        "difficult": True,
        "polygons": [[10, 10, 30, 10, 30, 20, 10, 20]],
    }
    assert (ship["difficult"], ship["difficulty"], ship["rotation"]) == (True, 2, pytest.approx(45.0))


def test_a_file_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    store = read(dota.FORMAT, folder(tmp_path / "in", P0001=TEXT))
    done = written(dota.FORMAT, store, tmp_path / "out")
    assert files_in(tmp_path / "out") == {"train/labelTxt/P0001.txt": TEXT.replace(".0 ", " ").encode()}
    assert done.lost == {}
    assert plain(read(dota.FORMAT, tmp_path / "out")) == plain(store)


@given(
    st.tuples(*[st.integers(-400, 400).map(lambda n: n / 4)] * 2, *[st.integers(1, 400).map(lambda n: n / 4)] * 2),
    st.floats(-180, 180),
)
def test_the_box_of_the_corners_of_a_turned_box_is_that_box(box, degrees) -> None:
    found, turn = box_of_corners(turned_corners(box, degrees))
    assert found == pytest.approx(box, abs=1e-6)
    assert (turn - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(worlds(("box", "turned"), splits=("train", "val", "test"), paths=("a.png", "b/c.png"), columns={"gsd": "float"}))
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("dota") / "out"
    for row in store.objects.get("ground_truth", []):
        row["label"] = row["label"].replace(" ", "_")
    assert written(dota.FORMAT, store, target).lost == {}
    first = read(dota.FORMAT, target, schema=store.schema)
    assert sorted(map(str, plain(first)[0].items())) == sorted(
        str((p, {k: v for k, v in r.items() if k not in ("width", "height")})) for p, r in plain(store)[0].items()
    )
    for path, mine in plain(store)[1].get("ground_truth", {}).items():
        for a, b in zip(mine, plain(first)[1]["ground_truth"][path], strict=True):
            assert [b[n] for n in "xywh"] == pytest.approx([a[n] for n in "xywh"], abs=1e-9)
    written(dota.FORMAT, first, target)
    assert plain(read(dota.FORMAT, target)) == plain(first)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    text = (
        "\ufeff1 2 3 4 5 6 7 8 ship 0\r\n1 2 3 nan 5 6 7 8 ship 0\r\n1 2 3 4 ship\r\n1 2 3 1e30 5 6 7 8 ship 0\r\n\r\n"
    )
    text += "1 2 3 4 5 6 7 8 ship x\r\n1 2 3 4 5 6 7 8 ship\r\n1 1 1 1 1 1 1 1 dot 0\r\n"
    store = read(dota.FORMAT, folder(tmp_path, a=text, b=""))
    assert told(store.problems) == [
        ("skipped", "a coordinate is not finite"),
        ("skipped", "a row of 5 columns"),
        ("skipped", "a coordinate is larger than any picture"),
        ("warning", "a mark of difficulty that is not a whole number; left out"),
        ("warning", "a box without area"),
    ]
    assert store.problems[0].where == "a.txt:2"
    assert len(store.objects["ground_truth"]) == 4
    assert set(plain(store)[0]) == {"a.png", "b.png"}


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(dota.FORMAT, folder(tmp_path / "in", a=TEXT))
    store.objects["ground_truth"][0]["polygons"] = [[1.0, 2, 3, 4, 5, 6]]
    store.objects["ground_truth"][1] |= {"label": None, "score": 0.5}
    assert written(dota.FORMAT, store, tmp_path / "out").lost == {
        'labels without a class, written as "unknown"': 1,
        "outlines of other than four corners, written as boxes": 1,
        "scores": 1,
    }


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    base = folder(tmp_path / "a", x=TEXT)
    assert dota.FORMAT.sniff(base) is not None
    assert dota.FORMAT.sniff(base / "train" / "labelTxt" / "x.txt") is not None
    assert kitti.FORMAT.sniff(base) is None
    assert yolo.FORMAT.sniff(base) is None
    bare = folder(tmp_path / "b", x="1 2 3 4 5 6 7 8 ship 0\n")
    assert dota.FORMAT.sniff(bare) is not None
    assert yolo.FORMAT.sniff(bare) is None
