"""Folders of masks: the numbers of the pixels arrive, whatever picture holds them."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import _masks, semantic_masks
from loopline.formats._class_table import ClassRow, read_table, table_text
from loopline.formats._shapes import Fault
from loopline.kernel import rle
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

IDS = np.array([[0, 1, 2], [2, 2, 1]], np.uint8)


def save(file: Path, pixels: Any, **options: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    image.save(file, **options)
    return file


def picture(file: Path, width: int = 3, height: int = 2) -> Path:
    return save(file, np.zeros((height, width, 3), np.uint8))


def palette(ids: Any) -> Image.Image:
    image = Image.fromarray(np.asarray(ids, np.uint8))
    image.putpalette(_masks.voc_palette())
    return image


def load(path: Path, **options: Any) -> MemoryStore:
    media = options.pop("media", None)
    return MemoryStore.of(semantic_masks.read(Source(path, media=media), **options))


def maps(store: MemoryStore, field: str = "ground_truth") -> dict[str, Any]:
    paths = {r["id"]: r["path"] for r in store.rows}
    return {
        paths[o["sample_id"]]: np.asarray(Image.open(BytesIO(o["mask"]))).tolist() for o in store.objects.get(field, [])
    }


def kinds(store: MemoryStore) -> Counter[str]:
    return Counter(p.what for p in store.problems)


@pytest.mark.parametrize(
    "mask",
    [Image.fromarray(IDS), palette(IDS), Image.fromarray(IDS.astype(np.uint16))],
    ids=["grey", "palette", "16 bit"],
)
@pytest.mark.parametrize(
    ("pictures", "masks"),
    [
        ("images/a.jpg", "masks/a.png"),
        ("images/train/x/a.jpg", "annotations/train/x/a.png"),
        ("train/images/a.jpg", "train/labels/a.png"),
        ("train/a.jpg", "train_labels/a_L.png"),
        ("a.jpg", "masks/a_mask.png"),
    ],
)
def test_numbers_come_in_from_every_layout_and_kind_of_picture(
    tmp_path: Path, mask: Image.Image, pictures: str, masks: str
) -> None:
    picture(tmp_path / pictures)
    save(tmp_path / masks, mask)
    (tmp_path / "classes.txt").write_text("sky\r\nroad\r\ncar\r\n")
    assert semantic_masks.sniff(tmp_path) is not None
    store = load(tmp_path)
    assert maps(store) == {pictures: IDS.tolist()}
    assert store.schema.field("ground_truth").classes == ("sky", "road", "car")
    assert [r["split"] for r in store.rows] == ["train" if "train" in pictures else None]
    assert not store.problems


def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", np.array([[300, 1, 2], [3, 4, 40_000]], np.uint16))
    store = load(tmp_path)
    assert maps(store)["images/a.jpg"] == [[300, 1, 2], [3, 4, 40_000]]
    assert store.schema.field("ground_truth").classes == ("1", "2", "3", "4", "300", "40000")
    assert kinds(store) == {'nothing names the classes of the masks; they are called "0", "1", ...': 1}


def test_camvid_colours_become_places_in_its_table(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "0001.png")
    colours = np.array([[[128, 128, 128], [128, 0, 0], [1, 2, 3]], [[128, 0, 0]] * 3], np.uint8)
    save(tmp_path / "train_labels" / "0001_L.png", colours)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nSky, 128,128,128\nBuilding, 128,0,0\n")
    assert semantic_masks.sniff(tmp_path) is not None
    store = load(tmp_path)
    assert maps(store) == {"train/0001.png": [[0, 1, 0], [1, 1, 1]]}
    assert kinds(store) == {"pixels of a colour that the class table lacks; now class 0": 1}
    assert store.schema.field("ground_truth").meta["mask"]["colours"]["1"] == [128, 0, 0]


def test_colours_without_a_table_are_refused_one_by_one(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", np.zeros((2, 3, 3), np.uint8))
    store = load(tmp_path)
    assert kinds(store) == {"a colour mask, and no class table gives the colours": 1}
    assert len(store.rows) == 1


def test_void_is_no_class_and_a_number_out_of_the_table_keeps_its_own(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "masks" / "a.png", np.array([[0, 255, 9]], np.uint8))
    (tmp_path / "classes.json").write_text('[{"id": 0, "name": "sky", "color": "#0a0b0c"}, {"id": 3, "name": "sky"}]')
    store = load(tmp_path)
    field = store.schema.field("ground_truth")
    assert field.classes == ("sky", "sky (3)", "9")
    assert field.meta["mask"]["void"] == 255
    assert set(kinds(store)) == {
        "a mask of another size than its picture",
        'number 9 is not in the class table; kept as class "9"',
        "two classes have one name; the later one has its id behind it",
    }


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the mask is empty"),
        (b"hello", "the mask is no PNG, BMP, GIF or TIFF picture"),
        (b"\x89PNG\r\n\x1a\nxxxx", "the mask cannot be decoded"),
    ],
)
def test_a_broken_mask_is_named_and_the_others_arrive(tmp_path: Path, content: bytes, what: str) -> None:
    for name in "ab":
        picture(tmp_path / "images" / f"{name}.jpg")
    save(tmp_path / "masks" / "b.png", IDS)
    (tmp_path / "masks" / "a.png").write_bytes(content)
    (tmp_path / "classes.txt").write_text("0: x\n1: y\n2: z")
    store = load(tmp_path)
    assert [(p.what, p.where) for p in store.problems] == [(what, "masks/a.png")]
    assert list(maps(store)) == ["images/b.jpg"]


def test_a_picture_that_claims_to_be_huge_is_not_decoded() -> None:
    out = BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    with pytest.raises(Fault):
        _masks.decode(bytes(data))


def test_masks_without_pictures_and_links_out_of_the_folder(tmp_path: Path) -> None:
    outside = save(tmp_path / "secret.png", IDS)
    inner = tmp_path / "in"
    picture(inner / "images" / "a.jpg")
    picture(inner / "images" / "b.jpg")
    save(inner / "masks" / "c.png", IDS)
    (inner / "masks" / "a.png").symlink_to(outside)
    store = load(inner)
    assert kinds(store) == {
        "a mask without a picture": 1,
        "a link that leads out of the folder": 1,
        "a picture without a mask; added without labels": 1,
    }
    assert maps(store) == {}


def test_no_pairs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no pictures with masks"):
        load(tmp_path)
    assert semantic_masks.sniff(tmp_path) is None
    assert semantic_masks.sniff(tmp_path / "absent") is None


# Cityscapes --------------------------------------------------------------------------------------------------------------


def cityscapes(tmp_path: Path, *, instances: bool) -> Path:
    stem = "train/aachen/aachen_000000_000019"
    picture(tmp_path / "leftImg8bit" / f"{stem}_leftImg8bit.png")
    save(tmp_path / "gtFine" / f"{stem}_gtFine_labelIds.png", np.array([[7, 26, 26], [7, 26, 24]], np.uint8))
    if instances:
        save(
            tmp_path / "gtFine" / f"{stem}_gtFine_instanceIds.png",
            np.array([[7, 26_000, 26_001], [7, 26_001, 24]], np.uint16),
        )
    objects = [{"label": "cargroup", "polygon": [[0, 0], [2, 0], [2, 1]]}, {"label": "road", "polygon": [[0, 0]]}]
    (tmp_path / "gtFine" / f"{stem}_gtFine_polygons.json").write_text(
        json.dumps({"imgHeight": 2, "imgWidth": 3, "objects": objects})
    )
    return tmp_path


def test_cityscapes_has_a_class_map_and_objects(tmp_path: Path) -> None:
    path = cityscapes(tmp_path, instances=True)
    assert semantic_masks.sniff(path) is not None
    store = load(path)
    assert [r["split"] for r in store.rows] == ["train"]
    assert list(maps(store, "ground_truth_mask").values()) == [[[7, 26, 26], [7, 26, 24]]]
    assert store.schema.field("ground_truth_mask").meta["mask"]["ids"]["26"] == "car"
    rows = store.objects["ground_truth"]
    assert [(r["label"], r["iscrowd"], r["x"], r["y"], r["w"], r["h"]) for r in rows] == [
        ("person", True, 2, 1, 1, 1), ("car", False, 1, 0, 1, 1), ("car", False, 1, 0, 2, 2),
    ]  # fmt: skip
    assert rle.decode(rows[2]["mask"]).tolist() == [[False, False, True], [False, True, False]]
    assert not store.problems


def test_cityscapes_without_instances_has_outlines(tmp_path: Path) -> None:
    store = load(cityscapes(tmp_path, instances=False))
    (row,) = store.objects["ground_truth"]
    assert (row["label"], row["iscrowd"], row["polygons"]) == ("car", True, [[0, 0, 2, 0, 2, 1]])
    assert kinds(store) == {"an outline of fewer than three points": 1}


# Tables, segments, round trips -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.txt", "sky\nroad", [(0, "sky", None), (1, "road", None)]),
        ("a.txt", "7: sky\n9: road", [(7, "sky", None), (9, "road", None)]),
        ("a.txt", "64 128 64\tAnimal\n1 2 3 Big Tree", [(0, "Animal", (64, 128, 64)), (1, "Big Tree", (1, 2, 3))]),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbg:0,0,0::\ncar:1,2,3::", [(0, "bg", (0, 0, 0)), (1, "car", (1, 2, 3))]),
        ("a.csv", "id,name\n4,sky\nx,bad\n2,road", [(4, "sky", None), (2, "road", None)]),
        ("a.csv", "Pixel Value, Class\n0, background\n1, cat", [(0, "background", None), (1, "cat", None)]),
        ("a.json", '{"0": "sky", "4": "road"}', [(0, "sky", None), (4, "road", None)]),
        ("a.json", '{"sky": 3, "road": [1,2,3]}', [(3, "sky", None), (1, "road", (1, 2, 3))]),
        ("a.json", '["sky", "road"]', [(0, "sky", None), (1, "road", None)]),
    ],
)  # fmt: skip
def test_class_tables_as_people_write_them(tmp_path: Path, name: str, text: str, rows: list[Any]) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert [(r.id, r.name, r.colour) for r in read_table(tmp_path / name)] == rows


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("a.json", "[" * 5000), ("a.json", "3"), ("a.csv", ""), ("a.json", '[{"id":1,"name":"a"},{"id":1,"name":"b"}]')])  # fmt: skip
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=name.replace(".", r"\.")):
        read_table(tmp_path / name)


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
colours = st.tuples(*[st.integers(0, 255)] * 3)
tables = st.lists(st.builds(ClassRow, st.integers(0, 65_535), names, st.none() | colours), min_size=1, max_size=5, unique_by=lambda r: r.id)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables)
def test_a_written_table_is_read_the_same(tmp_path: Path, rows: list[ClassRow]) -> None:
    (tmp_path / "classes.json").write_bytes(table_text(rows))
    assert read_table(tmp_path / "classes.json") == rows


arrays = st.integers(1, 6).flatmap(
    lambda w: st.lists(st.lists(st.integers(0, 4), min_size=w, max_size=w), min_size=1, max_size=6)
)


@settings(max_examples=60, deadline=None)
@given(arrays)
def test_segments_are_the_pixels_of_each_number(rows: list[list[int]]) -> None:
    ids = np.array(rows)
    found = _masks.segments(ids)
    assert [s.id for s in found] == [int(i) for i in np.unique(ids) if i]
    canvas = np.zeros_like(ids)
    for one in found:
        mask = rle.decode(one.blob)
        assert (mask == (ids == one.id)).all()
        ys, xs = np.nonzero(mask)
        assert one.box == (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1)
        assert one.area == mask.sum()
        assert _masks.paint(canvas, one.blob, one.id) == 0
    assert (canvas == ids).all()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(arrays, st.sampled_from([None, "train", "val"]), st.booleans()), min_size=1, max_size=4),
    st.integers(1, 9000),
)
def test_writing_and_reading_gives_the_same_maps(
    tmp_path_factory: pytest.TempPathFactory, items: list[tuple[list[list[int]], str | None, bool]], factor: int
) -> None:
    folder = tmp_path_factory.mktemp("masks")
    for number, (rows, split, has) in enumerate(items):
        ids = np.array(rows, np.uint16) * factor
        inner = f"{split}/" if split else ""
        picture(folder / "in" / "images" / f"{inner}{number}.png", ids.shape[1], ids.shape[0])
        if has or not number:
            save(folder / "in" / "masks" / f"{inner}{number}.png", ids if factor > 50 else ids.astype(np.uint8))
    (folder / "in" / "classes.json").write_bytes(
        table_text([ClassRow(i * factor, f"c{i}", (i, 2, 3)) for i in range(5)])
    )
    first = load(folder / "in")
    for name in ("one", "two"):
        written = semantic_masks.write(first, folder / name, fields=["ground_truth"], media="copy")
        assert written.lost == {}
    again = load(folder / "one")
    assert maps(again) == maps(first)
    assert again.objects == first.objects
    assert again.schema == first.schema
    assert [(r["path"], r["split"]) for r in again.rows] == [(r["path"], r["split"]) for r in first.rows]
    one, two = ({p.relative_to(folder / n): p.read_bytes() for p in (folder / n).rglob("*.*")} for n in ("one", "two"))
    assert one == two


def test_coco128_class_maps_are_those_of_its_files(shared_data: Path) -> None:
    folder = shared_data / "coco128" / "semantic_masks"
    assert semantic_masks.sniff(folder) is not None
    store = load(folder)
    assert (len(store.rows), len(store.objects["ground_truth"])) == (128, 100)
    for path, ids in list(maps(store).items())[:10]:
        assert ids == np.asarray(Image.open(folder / f"{Path(path).stem}.png")).tolist()
    assert "1" in store.schema.field("ground_truth").classes
