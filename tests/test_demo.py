"""The demo: the tiles that it cuts, and the whole story on drawn and on real photographs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import loopline as ll
from loopline.cli import run
from loopline.demo import Photograph, drawn, find, tell, tiles
from loopline.demo.tiles import Tiling, clip, starts
from loopline.errors import DatasetExists, FormatError


@given(st.integers(1, 3000), st.integers(2, 500), st.data())
def test_tiles_cover_a_side_without_a_gap_and_stay_inside(length: int, size: int, data: st.DataObject) -> None:
    rule = Tiling(size, data.draw(st.integers(0, size // 2)))
    found = starts(length, rule)
    assert found[0] == 0
    assert found[-1] == max(0, length - size)
    assert all(0 < b - a <= size - rule.overlap for a, b in itertools.pairwise(found))


@given(st.lists(st.tuples(*[st.integers(0, 300)] * 4), max_size=20), st.floats(0.1, 1))
def test_clipped_boxes_lie_in_the_tile_and_keep_the_share_that_was_asked_for(
    corners: list[tuple[int, int, int, int]], inside: float
) -> None:
    boxes = np.array([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners], float).reshape(-1, 4)
    found, which, cut = clip(boxes, (100, 50, 200, 150), inside)
    assert ((found >= 0) & (found <= 100)).all()
    for box, place, was_cut in zip(found, which, cut, strict=True):  # the plain way, box by box
        x0, y0, x1, y1 = boxes[place]
        area, left = (x1 - x0) * (y1 - y0), (box[2] - box[0]) * (box[3] - box[1])
        assert left >= inside * area
        assert was_cut == (left < area)


def test_a_box_with_less_than_half_in_the_tile_is_left_out() -> None:
    _, which, cut = clip(np.array([[90.0, 0, 109, 10], [91, 0, 111, 10], [120, 0, 130, 10]]), (100, 0, 200, 100), 0.5)
    assert which.tolist() == [1, 2]
    assert cut.tolist() == [True, False]


def test_tiles_come_back_with_their_boxes(tmp_path: Path) -> None:
    picture = Image.new("RGB", (100, 60))
    photograph = Photograph("field", picture, np.array([[10.0, 10, 20, 20], [45, 5, 55, 15.5]]), ("Tree", "Dead"))
    assert tiles.write([photograph], tmp_path / "tiles", Tiling(60, 20)) == 2
    ds = ll.create(tmp_path / "set")
    ds.add(tmp_path / "tiles", field="trees")
    rows = ds.objects("trees").rows(columns=["sample.path", "label", "box.x", "box.h", "truncated"])
    assert [tuple(row.values()) for row in rows] == [
        ("field_x0000_y0000.jpg", "Tree", 10, 10, False),
        ("field_x0000_y0000.jpg", "Dead", 45, 10.5, False),
        ("field_x0040_y0000.jpg", "Dead", 5, 10.5, False),
    ]


def test_drawn_photographs_are_the_same_for_the_same_seed() -> None:
    one, other = (drawn(np.random.default_rng(3), sizes=[(200, 150)])[0] for _ in range(2))
    assert one.picture.tobytes() == other.picture.tobytes()
    assert one.xyxy.tolist() == other.xyxy.tolist()


def test_the_story_runs_and_runs_again(tmp_path: Path) -> None:
    photographs = drawn(np.random.default_rng(1), sizes=[(500, 300), (300, 300)])
    steps = list(tell(tmp_path / "demo", photographs, Tiling(200, 50)))
    assert len(steps) >= 12
    assert all(step.rows or step.note for step in steps)
    with ll.open(tmp_path / "demo" / "trees") as ds:
        assert [version.name for version in ds.versions()] == ["first-labels", "clean"]
        assert ds.fields["trees"].classes == ("Tree", "Dead")
    exported = json.loads((tmp_path / "demo" / "trees.coco.json").read_text())
    assert len(exported["annotations"]) == steps[-1].rows[0]["objects"]
    next(tell(tmp_path / "demo", photographs, Tiling(200, 50)))
    assert not (tmp_path / "demo" / "trees").exists()


def test_the_demo_leaves_a_folder_of_someone_else_s_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetExists, match="not of the demo"):
        list(tell(tmp_path, drawn(np.random.default_rng(1), sizes=[(200, 200)])))
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_without_labelled_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no pictures with Pascal VOC"):
        find(tmp_path)


def test_the_command_shows_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiles.write(drawn(np.random.default_rng(1), sizes=[(300, 300)]), tmp_path / "own")
    source = tmp_path / "pictures"
    source.mkdir()
    for file in (*(tmp_path / "own" / "JPEGImages").iterdir(), *(tmp_path / "own" / "Annotations").iterdir()):
        file.rename(source / file.name)
    assert run(["demo", "--pictures", str(source)]) == 0
    out = capsys.readouterr().out
    assert '>>> ds.diff("first-labels", "clean")' in out
    assert "$ loopline blame demo/trees" in out
    assert " restore demo/trees first-labels" in out


@pytest.mark.slow
def test_the_real_photographs_hold_951_boxes(tmp_path: Path) -> None:
    photographs = find()
    if not photographs:
        pytest.skip("the package deepforest is not installed (make demo takes it)")
    assert sum(len(p.labels) for p in photographs) == 951
    steps = list(tell(tmp_path / "demo", photographs))
    assert steps[1].rows[0] == {"samples": 82, "trees": 1685, "problems": 0}
