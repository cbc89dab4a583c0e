"""COCO panoptic: segments of a document and its PNGs, and back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import _masks, coco, coco_panoptic
from loopline.kernel import rle
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

IDS = np.array([[0, 1, 1], [70_000, 1, 256]])


def segment(ids: Any, number: int, **more: Any) -> dict[str, Any]:
    ys, xs = np.nonzero(ids == number)
    box = [int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1] if xs.size else [0, 0, 1, 1]
    return {"id": number, "category_id": 1, "iscrowd": 0, "bbox": box, "area": int(xs.size), **more}


def plant(folder: Path, ids: Any = IDS, **changes: Any) -> Path:
    """A document with one picture with segments and one without an annotation."""
    numbers = [int(i) for i in np.unique(ids) if i]
    found = {
        "info": {"year": 2018},
        "images": [{"id": 4, "file_name": "a.jpg", "width": 3, "height": 2}, {"id": 5, "file_name": "b.jpg", "width": 3, "height": 2}],
        "annotations": [{"image_id": 4, "file_name": "a.png", "note": [1], "segments_info": [segment(ids, n) for n in numbers]}],
        "categories": [{"id": 1, "name": "person", "isthing": 1, "color": [1, 2, 3]}, {"id": 200, "name": "rug-merged", "isthing": 0}],
        **changes,
    }  # fmt: skip
    (folder / "panoptic").mkdir(parents=True, exist_ok=True)
    (folder / "panoptic" / "a.png").write_bytes(_masks.encode_colour(ids))
    (folder / "panoptic.json").write_text(json.dumps(found), encoding="utf-8-sig")
    return folder / "panoptic.json"


def load(path: Path, **options: Any) -> MemoryStore:
    return MemoryStore.of(coco_panoptic.read(Source(path), **options))


def rows(store: MemoryStore) -> list[dict[str, Any]]:
    return store.objects.get("ground_truth", [])


def kinds(store: MemoryStore) -> Counter[str]:
    return Counter(p.what for p in store.problems)


def test_segments_come_in_as_masks(tmp_path: Path) -> None:
    path = plant(tmp_path)
    assert coco_panoptic.sniff(path) is not None
    assert coco_panoptic.sniff(tmp_path) is not None
    assert coco.sniff(path) is None
    store = load(tmp_path)
    assert not store.problems
    assert [r["path"] for r in store.rows] == ["a.jpg", "b.jpg"]
    assert [(r["segment_id"], r["label"], r["area"]) for r in rows(store)] == [
        (1, "person", 3),
        (256, "person", 1),
        (70_000, "person", 1),
    ]
    for row in rows(store):
        assert (rle.decode(row["mask"]) == (row["segment_id"] == IDS)).all()
    assert store.schema.field("ground_truth").classes == ("person", "rug-merged")


grids = st.integers(1, 5).flatmap(
    lambda w: st.lists(st.lists(st.sampled_from([0, 1, 255, 256, 65_536, 16_777_215]), min_size=w, max_size=w), min_size=1, max_size=5)
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(grids, st.booleans(), st.booleans())
def test_the_document_and_the_pictures_come_out_the_same(
    tmp_path_factory: pytest.TempPathFactory, grid: Any, crowd: bool, empty: bool
) -> None:
    folder = tmp_path_factory.mktemp("panoptic")
    ids = np.array(grid)
    numbers = [int(i) for i in np.unique(ids) if i]
    annotations = [
        {
            "image_id": 4,
            "file_name": "a.png",
            "segments_info": [segment(ids, n, iscrowd=int(crowd), extra=n / 3) for n in numbers],
        }
    ]
    if empty:
        annotations.append({"image_id": 5, "file_name": "b.png", "segments_info": []})
        (folder / "panoptic").mkdir()
        (folder / "panoptic" / "b.png").write_bytes(_masks.encode_colour(np.zeros((2, 3))))
    path = plant(folder, ids, annotations=annotations)
    store = load(path)
    assert not store.problems
    written = coco_panoptic.write(store, folder / "out", fields=["ground_truth"])
    assert written.lost == {}
    out = json.loads((folder / "out" / "panoptic.json").read_text())
    assert out == json.loads(path.read_text("utf-8-sig"))
    again = _masks.decode((folder / "out" / "panoptic" / "a.png").read_bytes()).ids if numbers else ids
    assert (again == ids).all()
    assert load(folder / "out" / "panoptic.json").objects == store.objects


def test_every_fault_is_named_and_the_rest_arrives(tmp_path: Path) -> None:
    good = segment(IDS, 1)
    annotations = [
        {"image_id": 4, "file_name": "a.png", "segments_info": [good, good, segment(IDS, 9), 7, {**segment(IDS, 256), "category_id": 44}]},
        {"image_id": 5, "file_name": "../a.png", "segments_info": [good]},
        {"image_id": 77, "file_name": "gone.png", "segments_info": [good]},
        {"image_id": 4, "file_name": "a.png"},
    ]  # fmt: skip
    store = load(plant(tmp_path, annotations=annotations))
    assert kinds(store) == {
        "a segment id is there twice in one picture; both are kept": 1,
        "a segment without pixels in the PNG; it has no mask": 1,
        "a segment of the PNG that segments_info does not have": 1,
        "an annotation without the name of its PNG, or one that leads out of the folder; its segments have no masks": 1,
        "its PNG cannot be read: the file cannot be read: No such file or directory; its segments have no masks": 1,
        "its image_id is not among the images": 1,
        "an annotation without a list segments_info": 1,
        '"bbox" is not as COCO has it (a number)': 1,
        'category_id 44 is not among the categories; kept as class "category_44"': 1,
    }
    places = {p.what: p.where for p in store.problems}
    assert places['"bbox" is not as COCO has it (a number)'].endswith("annotations[0].segments_info[3]")
    assert len(rows(store)) == 5


def test_a_link_to_a_png_elsewhere_is_not_followed(tmp_path: Path) -> None:
    path = plant(tmp_path / "in")
    (tmp_path / "in" / "panoptic" / "a.png").rename(tmp_path / "secret.png")
    (tmp_path / "in" / "panoptic" / "a.png").symlink_to(tmp_path / "secret.png")
    store = load(path, masks=tmp_path / "in" / "panoptic")
    assert any("leads out" in what for what in kinds(store))
    assert all(r.get("mask") is None for r in rows(store))


def test_objects_from_elsewhere_get_ids_and_overlaps_are_counted(tmp_path: Path) -> None:
    store = load(plant(tmp_path / "in"))
    for row in rows(store):
        row["segment_id"] = None
    rows(store)[1]["mask"] = rows(store)[0]["mask"]
    for row in store.rows:
        del row["panoptic"]
    written = coco_panoptic.write(store, tmp_path / "out.json", fields=["ground_truth"])
    assert written.lost == {"pixels of objects under later ones": 3}
    out = json.loads((tmp_path / "out.json").read_text())
    assert [s["id"] for s in out["annotations"][0]["segments_info"]] == [1, 2, 3]
    with pytest.raises(FormatError, match="exactly one field"):
        coco_panoptic.write(store, tmp_path / "out.json", fields=[])


def test_no_such_file_and_several_in_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        load(tmp_path / "absent.json")
    with pytest.raises(FormatError, match="0 COCO panoptic files"):
        load(tmp_path)


def test_coco128_comes_out_as_the_same_document_and_pixels(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "coco128" / "panoptic.json"
    store = load(path)
    assert (len(store.rows), len(rows(store)), not store.problems) == (100, 1111, True)
    coco_panoptic.write(store, tmp_path / "out.json", fields=["ground_truth"])
    before, after = (json.loads(p.read_text()) for p in (path, tmp_path / "out.json"))
    for found in (before, after):
        found["annotations"].sort(key=lambda a: a["image_id"])
    assert before == after
    for item in before["annotations"][::7]:
        mine, theirs = (
            np.asarray(Image.open(f / item["file_name"])) for f in (tmp_path / "out", path.parent / "panoptic_masks")
        )
        assert (mine == theirs).all()


def test_masks_agree_with_pycocotools(shared_data: Path) -> None:
    mask_api = pytest.importorskip("pycocotools.mask")
    folder = shared_data / "coco128"
    store = load(folder / "panoptic.json")
    files = {r["id"]: json.loads(r["panoptic"])["file_name"] for r in store.rows}
    for row in rows(store)[::40]:
        rgb = np.asarray(Image.open(folder / "panoptic_masks" / files[row["sample_id"]])).astype(int)
        ids = rgb[:, :, 0] + 256 * rgb[:, :, 1] + 65536 * rgb[:, :, 2]
        theirs = mask_api.encode(np.asfortranarray(ids == row["segment_id"]).astype(np.uint8))
        mine = rle.unpack_blob(row["mask"])
        assert (mine.packed, [mine.height, mine.width]) == (theirs["counts"], theirs["size"])
        assert mask_api.toBbox(theirs).tolist() == [row[n] for n in "xywh"]
