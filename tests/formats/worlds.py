"""Small random data sets for round trips, and what makes two of them the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from loopline.formats._format import FileFormat
from loopline.formats._shapes import around, around_triplets, mask_box, triplets
from loopline.kernel import rle
from loopline.kernel.exchange import Problem, Source, Written
from loopline.kernel.schema import Column, DatasetSchema, FieldKind, LabelField, ScalarType
from tests.formats.memory_store import MemoryStore

WIDTH, HEIGHT = 24, 16
NOTHING = DatasetSchema()
CLASSES = ("car", "größe 人", 'a "b" & <c>')
words = st.text("abcä人 &<>\"'/", min_size=1, max_size=6).filter(lambda t: t.strip() == t)
quarters = st.integers(0, 4 * HEIGHT).map(lambda n: n / 4)


def values_of(kind: ScalarType) -> st.SearchStrategy[Any]:
    return {
        "text": words,
        "int": st.integers(-(2**40), 2**40),
        "float": st.floats(-1e6, 1e6).map(lambda v: v if v % 1 else v + 0.5),
        "bool": st.booleans(),
    }[kind]


@st.composite
def boxes(draw: Any, *, least: int = 1) -> dict[str, Any]:
    x, y = draw(quarters), draw(quarters)
    w, h = draw(st.integers(least, 20)) / 4, draw(st.integers(least, 20)) / 4
    return {"x": x, "y": y, "w": w, "h": h}


@st.composite
def flats(draw: Any, least: int) -> list[float]:
    return draw(
        st.lists(st.tuples(quarters, quarters), min_size=least, max_size=5).map(lambda p: [n for q in p for n in q])
    )


@st.composite
def shapes(draw: Any, forms: Collection[str]) -> tuple[FieldKind, dict[str, Any]]:
    form = draw(st.sampled_from(sorted(forms)))
    if form == "box":
        return "box", draw(boxes())
    if form == "turned":
        return "box", {**draw(boxes()), "rotation": draw(st.integers(1, 1439)) / 4}
    if form == "polygon":
        flat = draw(flats(3))
        return "box", {**_sides(around(flat)), "polygons": [flat]}
    if form == "mask":
        mask = np.zeros((HEIGHT, WIDTH), bool)
        for place in draw(
            st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1)), min_size=1, max_size=6)
        ):
            mask[place] = True
        blob = rle.encode(mask)
        return "box", {**_sides(mask_box(blob)), "mask": blob}
    if form == "polyline":
        flat = draw(flats(2))
        return "polyline", {**_sides(around(flat)), "points": [flat], "closed": False}
    if form == "point":
        flat = [draw(quarters), draw(quarters)]
        return "keypoint", {**_sides(around(flat)), "keypoints": triplets(flat)}
    if form == "points":
        flat = draw(flats(1))
        return "keypoint", {**_sides(around(flat)), "keypoints": triplets(flat)}
    if form == "skeleton":
        points = draw(st.lists(st.tuples(quarters, quarters, st.sampled_from([0.0, 1.0, 2.0])), min_size=3, max_size=3))
        flat = [n for p in points for n in p]
        return "box", {**_sides(around_triplets(flat)), "keypoints": flat}
    assert form == "class"
    return "class", {}


@st.composite
def worlds(
    draw: Any,
    forms: Collection[str],
    *,
    attributes: Mapping[str, ScalarType] = {},
    always: Mapping[str, st.SearchStrategy[Any]] = {},
    columns: Mapping[str, ScalarType] = {},
    splits: Sequence[str | None] = (None,),
    paths: Sequence[str] = ("a.jpg", "sub/b c.png", "ü.jpg", "d.e.jpg"),
    meta: Mapping[str, Any] | None = None,
    names: tuple[str, ...] = (),
    score: bool = False,
) -> MemoryStore:
    """A data set of up to four pictures; `always` are attributes that every label of the box field has."""
    rows = []
    objects: dict[str, list[dict[str, Any]]] = {}
    kinds: dict[str, FieldKind] = {"ground_truth": "box"}
    for number, path in enumerate(draw(st.lists(st.sampled_from(paths), unique=True, min_size=1)), start=1):
        row = {
            "id": number,
            "path": path,
            "width": WIDTH,
            "height": HEIGHT,
            "split": draw(st.sampled_from(splits)),
            "root": "",
        }
        row |= {name: draw(st.none() | values_of(kind)) for name, kind in columns.items()}
        rows.append({"tags": [], **row})
        for _ in range(draw(st.integers(0, 4))):
            kind, shape = draw(shapes(forms))
            name = "ground_truth" if kind == "box" else f"ground_truth_{kind}"
            kinds[name] = kind
            mine = objects.setdefault(name, [])
            label = {"id": len(mine) + 1, "sample_id": number, "label": draw(st.sampled_from(CLASSES)), **shape}
            if score:
                label["score"] = draw(st.integers(0, 64)) / 64
            if kind == "box":
                label |= {key: draw(values) for key, values in always.items()}
                label |= {key: draw(st.none() | values_of(one)) for key, one in attributes.items()}
            mine.append({"tags": [], **label})
    columns_of = tuple(Column(name, kind) for name, kind in columns.items())
    own = tuple(Column(name, kind) for name, kind in attributes.items())
    fields = tuple(
        LabelField(
            name,
            kind,
            CLASSES,
            (*own, *(_column(k, objects.get(name, [])) for k in always)) if kind == "box" else (),
            keypoint_names=names if kind == "box" else (),
            meta=(meta or {}) if kind == "box" else {},
        )
        for name, kind in kinds.items()
    )
    return MemoryStore(DatasetSchema(columns_of, fields), rows, objects)


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> Column:
    value = next((row[name] for row in rows if row.get(name) is not None), "")
    return Column(name, {bool: "bool", int: "int", float: "float", str: "text"}[type(value)])  # type: ignore[arg-type]


def _sides(box: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def plain(store: MemoryStore) -> tuple[Any, Any]:
    """Pictures by path, and labels of each field by picture, without ids, nulls and the place on disk."""
    paths = {row["id"]: row["path"] for row in store.rows}
    rows = {row["path"]: _bare(row, "id", "root", "path") for row in store.rows}
    objects: dict[str, dict[str, list[Any]]] = {}
    for name, mine in store.objects.items():
        for row in mine:
            objects.setdefault(name, {}).setdefault(paths[row["sample_id"]], []).append(_bare(row, "id", "sample_id"))
    return rows, objects


def _bare(row: Mapping[str, Any], *but: str) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in but and v is not None and v != []}


def written(one: FileFormat, store: MemoryStore, target: Path, **options: Any) -> Written:
    return one.write(store, target, fields=[f.name for f in store.schema.fields], **options)


def read(
    one: FileFormat,
    path: Path,
    *,
    split: str | None = None,
    media: Path | None = None,
    name: str = "ground_truth",
    schema: DatasetSchema = NOTHING,
    **options: Any,
) -> MemoryStore:
    return MemoryStore.of(one.read(Source(path, media=media, split=split, name=name, schema=schema), **options))


def told(problems: Sequence[Problem]) -> list[tuple[str, str]]:
    return [(p.kind, p.what) for p in problems]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
