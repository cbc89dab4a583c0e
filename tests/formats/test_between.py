"""Boxes that go through YOLO, COCO and Pascal VOC, in every order, are the boxes that set out.

The poorest of the three is YOLO: shares of the picture's side with 10 decimals. A centre and a side are each rounded by
half a unit of the last, so an edge moves by less than 1e-10 of the picture's side.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.formats import coco, voc, yolo
from loopline.formats._format import FileFormat
from loopline.kernel.exchange import Source
from loopline.kernel.schema import DatasetSchema, LabelField
from loopline.media.sizes import picture_sizes
from tests.formats.memory_store import MemoryStore
from tests.formats.worlds import read, written

SHARE = 1e-10  # of the picture's side, see above
EXACT = 1e-9  # pixels: what adding and taking away does to a double
PICTURES = 128  # of each real set, to be quick
FORMATS = (yolo.FORMAT, coco.FORMAT, voc.FORMAT)
ORDERS = [pytest.param(order, id="-".join(f.name for f in order)) for order in permutations(FORMATS)]
CLASSES = ("car", "größe 人", 'a "b" & <c>')


def sized(store: MemoryStore) -> MemoryStore:
    """With the sizes of the picture files, as an import has them."""
    sizes = picture_sizes([f"{r['root']}/{r['path']}" for r in store.rows])
    for row, (width, height) in zip(store.rows, sizes.tolist(), strict=True):
        assert width, row["path"]
        row |= {"width": width, "height": height}
    return store


def through(one: FileFormat, store: MemoryStore, target: Path) -> MemoryStore:
    """Written and read again. YOLO wants its pictures in place; the others are told where they are."""
    (root,) = {row["root"] for row in store.rows}
    if one.name == "yolo":
        written(one, store, target, media="link")
        return sized(read(one, target))
    written(one, store, target)
    return sized(read(one, target, media=Path(root)))


def boxes(store: MemoryStore) -> dict[str, list[tuple[Any, ...]]]:
    """(class, x, y, w, h, width and height of the picture) by the picture's name, sorted."""
    names = {row["id"]: (PurePosixPath(row["path"]).stem, row["width"], row["height"]) for row in store.rows}
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name, *_ in names.values()}
    assert len(found) == len(store.rows)
    for row in store.objects.get("ground_truth", []):
        name, *size = names[row["sample_id"]]
        found[name].append((row["label"], *(round(row[n], 6) + 0.0 for n in "xywh"), *(row[n] for n in "xywh"), *size))
    return {name: [(row[0], *row[5:]) for row in sorted(rows)] for name, rows in found.items()}


def agree(before: MemoryStore, after: MemoryStore) -> None:
    start, end = boxes(before), boxes(after)
    assert sorted(start) == sorted(end)
    for name, mine in start.items():
        theirs = end[name]
        assert [row[0] for row in mine] == [row[0] for row in theirs], name
        if mine:
            a, b = (np.array([row[1:] for row in rows], float) for rows in (mine, theirs))
            within = EXACT + SHARE * np.tile(a[:, 4:6], 2)
            assert (np.abs(a[:, :4] - b[:, :4]) <= within).all(), name


@st.composite
def made(draw: Any, folder: Path) -> MemoryStore:
    """Up to three pictures of odd sizes with boxes at any place, in whole pixels or not."""
    rows, objects = [], []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        width, height = draw(st.integers(1, 4000)), draw(st.integers(1, 4000))
        file = folder / f"{number}-{width}-{height}.png"
        if not file.exists():
            Image.new("1", (width, height)).save(file)
        rows.append(
            {"id": number, "path": file.name, "root": str(folder), "width": width, "height": height, "tags": []}
        )
        for _ in range(draw(st.integers(0, 4))):
            low, high = (sorted(draw(st.tuples(*[st.floats(0, side, width=32)] * 2))) for side in (width, height))
            box = {"x": low[0], "y": high[0], "w": low[1] - low[0], "h": high[1] - high[0]}
            label = {"id": len(objects) + 1, "sample_id": number, "label": draw(st.sampled_from(CLASSES)), "tags": []}
            objects.append(label | box)
    schema = DatasetSchema(fields=(LabelField("ground_truth", "box", CLASSES),))
    return MemoryStore(schema, rows, {"ground_truth": objects})


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("order", ORDERS)
@given(data=st.data())
def test_made_boxes_come_through_three_formats(tmp_path_factory: Any, order: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("between")
    (folder / "media").mkdir()
    before = store = data.draw(made(folder / "media"))
    for number, one in enumerate(order):
        store = through(one, store, folder / f"{number}")
    agree(before, store)


def real(shared: Path, name: str, folder: Path) -> MemoryStore:
    """The first pictures of a set, in a folder of their own."""
    if name == "coco128":
        events = coco.FORMAT.read(
            Source(shared / name / "reference" / "ground_truth_coco.json", media=shared / name / "images")
        )
    else:
        events = voc.FORMAT.read(Source(shared / name))
    return sized(first(MemoryStore.of(events), folder))


def first(store: MemoryStore, folder: Path) -> MemoryStore:
    folder.mkdir()
    store.rows = store.rows[:PICTURES]
    for row in store.rows:
        (folder / row["path"]).symlink_to(Path(row["root"]) / row["path"])
        row["root"] = str(folder)
    ids = {row["id"] for row in store.rows}
    store.objects = {name: [r for r in rows if r["sample_id"] in ids] for name, rows in store.objects.items()}
    return store


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["face_mask", "bccd", "coco128"])
def test_real_boxes_come_through_three_formats(tmp_path: Path, shared_data: Path, name: str, order: Any) -> None:
    before = store = real(shared_data, name, tmp_path / "media")
    for number, one in enumerate(order):
        store = through(one, store, tmp_path / f"{number}")
    assert sum(map(len, boxes(before).values())) > 500
    agree(before, store)


def test_pycocotools_finds_the_same_boxes_at_the_end_of_the_way(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    before = real(shared_data, "face_mask", tmp_path / "media")
    store = through(yolo.FORMAT, through(voc.FORMAT, before, tmp_path / "voc"), tmp_path / "yolo")
    written(coco.FORMAT, store, tmp_path / "out.json")
    theirs = COCO(str(tmp_path / "out.json"))
    capsys.readouterr()
    names = {i: PurePosixPath(image["file_name"]).stem for i, image in theirs.imgs.items()}
    found = sorted(
        (names[a["image_id"]], theirs.cats[a["category_id"]]["name"], *(round(v, 6) for v in a["bbox"]))
        for a in theirs.anns.values()
    )
    mine = [(n, r[0], *(round(v, 6) for v in r[1:5])) for n, rows in boxes(before).items() for r in rows]
    assert found == sorted(mine)
