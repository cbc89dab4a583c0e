"""The support table is true, complete and on the docs page.

For each format that writes and each thing that a label can have: "exact" means that a small data set with it comes back
the same; "no" means that the writer counts it by name (or refuses it).
"""

from __future__ import annotations

import copy
import io
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.formats import registry
from loopline.formats._format import FileFormat, option_names
from loopline.formats._support import THINGS
from loopline.kernel import rle
from loopline.kernel.schema import Column, DatasetSchema, FieldKind, LabelField
from tests.formats import test_sniffing
from tests.formats.memory_store import MemoryStore
from tests.formats.worlds import HEIGHT, WIDTH, plain, read, written
from tools import support_table

Row = dict[str, Any]
SUPPORTS = support_table.supports()
WRITERS = [name for name in SUPPORTS if registry.get(name).writes]
VIDEO = {"cvat_video", "mot"}
MASKED = {"coco_panoptic", "voc_masks"}  # an object is its mask there
WORDS = {  # how the losses of a thing are named
    "masks": "mask",
    "polygons": "polygon|outline",
    "keypoints": "keypoint",
    "attributes": "attribute",
    "tracks": "track",
    "scores": "score",
    "crowd": "crowd",
    "tags": "tag",
    "splits": "split",
    "picture_fields": "column",
}


def square(at: int) -> bytes:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:8, at : at + 5] = True
    return rle.encode(mask)


def class_map() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH) % 3).save(out, "PNG")
    return out.getvalue()


def kind_of(name: str) -> FieldKind:
    return {"imagefolder": "class", "semantic_masks": "mask"}.get(name, "box")  # type: ignore[return-value]


def base(folder: Path, name: str, *, video: bool) -> MemoryStore:
    """Two pictures (or one video) with two labels each, without any further thing."""
    kind = kind_of(name)
    names = ("a.mp4",) if video else ("a.png", "b.png")
    rows: list[Row] = []
    objects: list[Row] = []
    for number, path in enumerate(names, start=1):
        folder.mkdir(exist_ok=True)
        if video:
            (folder / path).touch()
        else:
            Image.new("RGB", (WIDTH, HEIGHT), (number, 9, 9)).save(folder / path)
        rows.append(
            {"id": number, "path": path, "root": str(folder), "media": "video" if video else "image"}
            | {"width": WIDTH, "height": HEIGHT, "tags": []}
        )
        for place in range(2 if kind == "box" else 1):
            row: Row = {"id": len(objects) + 1, "sample_id": number, "label": ("car", "dog")[place], "tags": []}
            if kind == "box":
                row |= {"x": 2.0 + 8 * place, "y": 4.0, "w": 5.0, "h": 4.0}
                if name in MASKED:
                    row["mask"] = square(2 + 8 * place)
            if kind == "mask":
                row |= {"mask": class_map(), "label": None}
            if video:
                row |= {"frame": place, "track_id": 5 if name in VIDEO else None}
            if video and name == "mot":
                row["label"] = "pedestrian"
            objects.append(row)
    classes = ("pedestrian",) if name == "mot" else ("background", "car", "dog") if kind == "mask" else ("car", "dog")
    schema = DatasetSchema(fields=(LabelField("ground_truth", kind, classes),))
    return MemoryStore(schema, rows, {"ground_truth": objects})


def add(store: MemoryStore, thing: str) -> int:
    """Give every label (or picture) the thing; the number of values added."""
    labels, pictures = store.objects["ground_truth"], store.rows
    for n, row in enumerate(labels):
        at = row.get("x", 0.0)
        row |= {
            "masks": {"mask": square(int(at))} if "x" in row else {},
            "polygons": {"polygons": [[at, 4.0, at + 5, 4.0, at + 5, 8.0, at, 8.0]]},
            "keypoints": {"keypoints": [at, 4.0, 2.0, at + 5, 8.0, 1.0]},
            "attributes": {"colour": "red", "doors": n, "weight": n + 0.5, "parked": n % 2 == 0},
            "tracks": {"track_id": 7 + n % 2, "frame": n // 2},
            "scores": {"score": 0.25 + n / 8},
            "crowd": {"iscrowd": True},
        }.get(thing, {})
    for n, row in enumerate(pictures):
        row |= {
            "tags": {"tags": ["night"]},
            "splits": {"split": ("train", "val")[n % 2]},
            "picture_fields": {"weather": "rain", "speed": n + 0.5},
        }.get(thing, {})
    field = store.schema.fields[0]
    if thing == "attributes":
        types = {"colour": "text", "doors": "int", "weight": "float", "parked": "bool"}
        store.schema = replace(
            store.schema, fields=(replace(field, attributes=tuple(Column(k, t) for k, t in types.items())),)
        )
    elif thing == "keypoints":
        store.schema = replace(store.schema, fields=(replace(field, keypoint_names=("nose", "tail")),))
    elif thing == "picture_fields":
        store.schema = replace(store.schema, columns=(Column("weather", "text"), Column("speed", "float")))
    many = {"tags": len(pictures), "splits": len(pictures), "picture_fields": 2 * len(pictures)}
    return many.get(thing, len(labels) * (4 if thing == "attributes" else 1))


def out(one: FileFormat, store: MemoryStore, target: Path) -> Any:
    options = {"media": "copy"} if "media" in option_names(one.writer) else {}  # type: ignore[arg-type]
    return written(one, store, target, **options)


def back(one: FileFormat, target: Path, store: MemoryStore) -> MemoryStore:
    inside = "media" in option_names(one.writer) and one.name != "webdataset"  # type: ignore[arg-type]
    folder = None if inside else Path(store.rows[0]["root"])
    more = {"extract_to": target.with_name(f"{target.name} pictures")} if one.name == "huggingface" else {}
    found = read(one, target, media=folder, **more)
    assert [p for p in found.problems if p.kind == "skipped"] == []
    return found


def target_of(folder: Path, name: str) -> Path:
    return folder / {"csv": "out.csv", "parquet": "out.parquet", "lvis": "lvis.json"}.get(name, "out")


def cases(word: str) -> list[tuple[str, str]]:
    return [(name, thing) for name in WRITERS for thing in THINGS if SUPPORTS[name][thing] == word]


COLUMNS = {  # what of a row a thing is in
    "boxes": ("x", "y", "w", "h", "label"),
    "masks": ("mask",),
    "polygons": ("polygons",),
    "keypoints": ("keypoints",),
    "attributes": ("colour", "doors", "weight", "parked"),
    "tracks": ("track_id", "frame"),
    "scores": ("score",),
    "crowd": ("iscrowd",),
    "tags": ("tags",),
    "splits": ("split",),
    "picture_fields": ("weather", "speed"),
}


def part(store: MemoryStore, thing: str) -> Any:
    """The thing's values of each picture and label, by the picture's name: folders are the format's."""
    rows, objects = plain(store)
    wanted = COLUMNS[thing]

    def only(row: Row) -> Row:
        return {k: v for k, v in row.items() if k in wanted}

    labels = {PurePosixPath(path).stem: [only(row) for row in mine] for path, mine in objects["ground_truth"].items()}
    return {PurePosixPath(path).stem: only(row) for path, row in rows.items()}, labels


@pytest.mark.parametrize(("name", "thing"), [(n, t) for n, t in cases("exact") if t != "ids"])
def test_what_is_kept_exactly_comes_back_the_same(tmp_path: Path, name: str, thing: str) -> None:
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    store = base(tmp_path / "media", name, video=thing == "tracks" or name in VIDEO)
    add(store, thing)
    target = target_of(tmp_path, name)
    done = out(one, store, target)
    assert done.objects == len(store.objects["ground_truth"])
    assert part(back(one, target, store), thing) == part(store, thing)


TEXTS = st.text(st.sampled_from("abcXYZ019 äß漢<>&'\"_-+.,;:!?()"), min_size=1, max_size=12).map(str.strip).filter(bool)
PARTS = 64  # of a pixel: with others, the size of a box that is told by two corners may differ in its last bit
FLOATS = st.floats(-1e6, 1e6).map(lambda v: v + 0.0)


def vary(store: MemoryStore, things: set[str], draw: st.DataObject) -> None:
    """Other values for what `base` and `add` made."""
    share = st.floats(0, 1)
    for row in store.objects["ground_truth"]:
        if "boxes" in things and "x" in row and "mask" not in row:
            row["w"], row["h"] = (draw.draw(st.integers(1, most * PARTS)) / PARTS for most in (WIDTH, HEIGHT))
            row["x"] = draw.draw(st.integers(0, round((WIDTH - row["w"]) * PARTS))) / PARTS
            row["y"] = draw.draw(st.integers(0, round((HEIGHT - row["h"]) * PARTS))) / PARTS
        if "masks" in things and "x" in row and row.get("mask"):
            bits = draw.draw(st.lists(st.booleans(), min_size=20, max_size=20).filter(any))
            mask = np.zeros((HEIGHT, WIDTH), bool)
            mask[4:8, int(row["x"]) : int(row["x"]) + 5] = np.reshape(bits, (4, 5))
            row["mask"] = rle.encode(mask)
        if "attributes" in things:
            row |= {"colour": draw.draw(TEXTS), "doors": draw.draw(st.integers(-(2**31), 2**31))}
            row |= {"weight": draw.draw(FLOATS), "parked": draw.draw(st.booleans())}
        if "scores" in things:
            row["score"] = draw.draw(share)
    for row in store.rows:
        if "tags" in things:
            row["tags"] = sorted(draw.draw(st.sets(TEXTS, max_size=3)))
        if "picture_fields" in things:
            row |= {"weather": draw.draw(TEXTS), "speed": draw.draw(FLOATS)}


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_any_value_of_what_is_kept_exactly_comes_back(tmp_path: Path, name: str, draw: st.DataObject) -> None:
    exact = {
        thing
        for thing in ("masks", "attributes", "scores", "tags", "picture_fields")
        if SUPPORTS[name][thing] == "exact"
    }
    if kind_of(name) != "box":
        exact -= {"masks", "attributes", "scores"}
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    store = base(folder / "media", name, video=name in VIDEO)
    for thing in sorted(exact):
        add(store, thing)
    if SUPPORTS[name]["boxes"] == "exact" and "masks" not in exact:
        exact.add("boxes")
    vary(store, exact, draw)
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    out(one, store, target_of(folder, name))
    found = back(one, target_of(folder, name), store)
    for thing in sorted(exact):
        assert part(found, thing) == part(store, thing), thing


@pytest.mark.parametrize("name", [n for n, t in cases("exact") if t == "ids"])
def test_ids_come_back_the_same(tmp_path: Path, name: str) -> None:
    """The format's own ids are columns named `..._id`; changed ones are still there after a round trip."""
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    store = base(tmp_path / "media", name, video=name in VIDEO)
    out(one, store, target_of(tmp_path, name))
    first = back(one, target_of(tmp_path, name), store)
    ids = 0
    for row in (*first.rows, *first.objects["ground_truth"]):
        for column, value in row.items():
            if column.endswith("_id") and column != "sample_id" and isinstance(value, int):
                row[column], ids = value + 100, ids + 1
    again = tmp_path / "again"
    again.mkdir()
    out(one, copy.deepcopy(first), target_of(again, name))
    second = back(one, target_of(again, name), store)
    assert ids or name in ("bdd100k", "datumaro", "fiftyone", "open_images")  # whose ids are texts
    assert plain(second) == plain(first)


@pytest.mark.parametrize(("name", "thing"), [(n, t) for n, t in cases("no") if t not in ("ids", "boxes")])
def test_what_is_not_held_is_counted_by_name(tmp_path: Path, name: str, thing: str) -> None:
    if kind_of(name) != "box" and thing in ("masks", "polygons", "keypoints", "crowd"):
        pytest.skip(f"a {kind_of(name)} field has no {thing}")
    if kind_of(name) != "box" and thing in ("tracks", "scores", "attributes") and kind_of(name) == "mask":
        pytest.skip("one class map a picture")
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    store = base(tmp_path / "media", name, video=name in VIDEO)
    before = dict(out(one, store, target_of(tmp_path, name)).lost)
    number = add(store, thing)
    again = tmp_path / "again"
    again.mkdir()
    after = out(one, store, target_of(again, name)).lost
    mine = {w: n - before.get(w, 0) for w, n in after.items() if re.search(WORDS[thing], w)}
    assert sum(mine.values()) == number, after


@pytest.mark.parametrize("name", WRITERS)
def test_tags_of_objects_come_back_or_are_counted(tmp_path: Path, name: str) -> None:
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    store = base(tmp_path / "media", name, video=name in VIDEO)
    for row in store.objects["ground_truth"]:
        row["tags"] = ["odd"]
    lost = out(one, store, target_of(tmp_path, name)).lost
    if "tags of objects" in lost:
        assert lost["tags of objects"] == len(store.objects["ground_truth"])
    else:
        assert part(back(one, target_of(tmp_path, name), store), "tags") == part(store, "tags")


@pytest.mark.parametrize("name", sorted(registry.names()))
def test_a_format_has_its_row_its_page_and_its_sample(name: str) -> None:
    row = SUPPORTS[name]
    assert set(row) == set(THINGS)
    assert all(re.fullmatch(r"exact|no|lossy: .+", word) for word in row.values())
    page, _, anchor = support_table.section(name).partition("#")
    text = (support_table.PAGE.parent / (page or support_table.PAGE.name)).read_text(encoding="utf-8")
    heads = [re.sub(r"\s+", "-", h.strip().lower()) for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    assert anchor in heads if anchor else heads, f"docs/formats/{name}.md is missing"
    assert name in {known for known, _ in test_sniffing.SAMPLES}


def test_the_page_shows_the_table_of_today() -> None:
    page = support_table.PAGE.read_text(encoding="utf-8")
    assert page == support_table.updated(page), "run: python tools/support_table.py --write"


def test_the_table_can_be_printed() -> None:
    done = subprocess.run([sys.executable, support_table.__file__], check=True, capture_output=True, encoding="utf-8")
    assert done.stdout == support_table.table()
