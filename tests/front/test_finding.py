"""Finding doubles, leaks, odd pictures, typical ones and what to label next, on real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import loopline as ll
from loopline.curate.neighbours import neighbours, uniqueness
from loopline.errors import BadValue, UnknownField
from loopline.store.vectors import Embedding, write_vectors
from tests.curate.test_pictures import drawing


@pytest.fixture
def ds(tmp_path: Path) -> ll.Dataset:
    """Twelve drawings; 0 also smaller, 1 also as the same file, 2 blurred, and a black picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(12):
        drawing(i).convert("RGB").save(folder / f"{i:02}.png")
    drawing(0).resize((100, 100)).convert("RGB").save(folder / "small.jpg", quality=70)
    (folder / "twin.png").write_bytes((folder / "01.png").read_bytes())
    drawing(2).filter(ImageFilter.GaussianBlur(6)).convert("RGB").save(folder / "soft.png")
    Image.new("RGB", (256, 256)).save(folder / "black.png")
    made = ll.create(str(tmp_path / "set"))
    made.add(folder)
    made.set("split", {i: "val" if place % 2 else "train" for place, i in enumerate(made.view().ids().tolist())})
    return made


def ids_of(ds: ll.Dataset, *names: str) -> list[int]:
    rows = ds.to_arrow(["id", "path"]).to_pylist()
    return [next(row["id"] for row in rows if row["path"] == name) for name in names]


def with_vectors(ds: ll.Dataset, key: str = "v") -> np.ndarray:
    ids = ds.view().ids()
    matrix = np.random.default_rng(0).standard_normal((len(ids), 8)).astype(np.float32)
    write_vectors(ds.lake, Embedding(key, "sample", "made up", "1", 8, False), ids, matrix)
    return matrix


def test_quality_names_dark_and_blurred_pictures_by_a_condition(ds: ll.Dataset) -> None:
    found = ds.find.quality()
    issues = {row["issue"]: row for row in found.table.to_pylist()}
    assert ds.where(issues["dark"]["where"]).ids().tolist() == ids_of(ds, "black.png")
    assert set(ids_of(ds, "soft.png")) <= set(ds.where(issues["blurred"]["where"]).ids().tolist())
    assert found.view is not None
    assert set(ids_of(ds, "black.png", "soft.png")) <= set(found.view.ids().tolist())
    assert {"brightness", "sharpness", "looks"} <= {column.name for column in ds.columns}
    assert ds.log()[0].verb == "set"


def test_a_picture_of_one_colour_is_not_called_blurred_and_a_slight_blur_is(ds: ll.Dataset, tmp_path: Path) -> None:
    drawing(3).filter(ImageFilter.GaussianBlur(3)).convert("RGB").save(tmp_path / "pictures" / "slight.png")
    ds.add(tmp_path / "pictures")
    found = {row["issue"]: row["where"] for row in ds.find.quality().table.to_pylist()}
    assert set(ds.where(found["blurred"]).ids().tolist()) == set(ids_of(ds, "soft.png", "slight.png"))


def test_pictures_are_looked_at_once_and_new_ones_later(ds: ll.Dataset, tmp_path: Path) -> None:
    ds.find.quality()
    before = ds.snapshot
    ds.find.quality()
    assert ds.snapshot == before
    more = tmp_path / "more"
    more.mkdir()
    drawing(50).save(more / "new.png")
    ds.add(more)
    ds.find.quality()
    assert ds.where("brightness is None").count() == 0


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_measured(ds: ll.Dataset, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "03.png").unlink()
    found = ds.find.quality()
    assert len(found.problems) == 1
    assert found.problems[0].startswith("03.png: ")
    assert ds.where("brightness is None").count() == 1


def test_doubles_by_content_and_by_looks(ds: ll.Dataset) -> None:
    twins = ds.find.duplicates()
    assert [set(ids_of(ds, "01.png", "twin.png"))] == [set(twins.table["id"].to_pylist())]
    assert twins.spare is not None
    assert twins.spare.ids().tolist() == ids_of(ds, "twin.png")
    looks = ds.find.duplicates("looks", keep="largest", into="double")
    assert set(ids_of(ds, "00.png", "small.jpg", "01.png", "twin.png")) <= set(looks.table["id"].to_pylist())
    kept = {row["path"] for row in looks.table.to_pylist() if row["keep"]}
    assert "00.png" in kept
    assert "small.jpg" not in kept
    assert ds.where("double is not None").count() == len(looks)
    ds.delete(looks.spare)
    assert len(ds.find.duplicates("looks")) == 0


def test_a_double_in_another_split_is_a_leak(ds: ll.Dataset) -> None:
    one, twin = ids_of(ds, "01.png", "twin.png")
    ds.set("split", {one: "train", twin: "val"})
    leaks = ds.find.leaks()
    assert {(row["id"], row["other_id"]) for row in leaks.table.to_pylist()} == {(one, twin), (twin, one)}
    ds.set("split", {twin: "train"})
    assert len(ds.find.leaks()) == 0


def test_doubles_by_vectors_and_a_label_count_that_decides(ds: ll.Dataset) -> None:
    ids = ds.view().ids()
    matrix = np.eye(len(ids), dtype=np.float32)
    matrix[4] = matrix[2]
    write_vectors(ds.lake, Embedding("v", "sample", "made up", "1", len(ids), True), ids, matrix)
    ds.fields.add("gt", "box", classes=["a"])
    ds.labels.add("gt", [{"sample_id": int(ids[4]), "label": "a", "x": 0, "y": 0, "w": 1, "h": 1}])
    found = ds.find.duplicates("v", keep="most_labels")
    assert found.table["id"].to_pylist() == [int(ids[4]), int(ids[2])]
    assert found.groups == 1
    assert ds.find.duplicates("v", where=ds.select([int(ids[4])])).groups == 0


def test_uniqueness_is_a_column_to_sort_by(ds: ll.Dataset) -> None:
    matrix = with_vectors(ds)
    ds.find.unique("v")
    stored = ds.view().values("uniqueness").to_numpy()
    np.testing.assert_allclose(stored, uniqueness(neighbours(matrix.astype(np.float16))), atol=1e-3)
    ds.find.outliers()
    ds.find.typical(into="usual")
    assert {"outlier", "usual"} <= {column.name for column in ds.columns}


def test_similar_ranks_by_the_cosine_and_leaves_out_what_was_asked(ds: ll.Dataset) -> None:
    matrix = with_vectors(ds)
    ids = ds.view().ids()
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    order = [i for i in np.argsort(-(unit @ unit[3])) if i != 3]
    found = ds.similar(int(ids[3]), limit=5)
    assert found.ids.tolist() == ids[order[:5]].tolist()
    assert found.to_arrow()["id"].to_pylist() == found.ids.tolist()
    inside = ds.where("split == 'val'")
    narrow = ds.similar(ds.select([int(ids[3])]), within=inside, limit=5)
    assert set(narrow.ids.tolist()) <= set(inside.ids().tolist())
    assert ds.similar(matrix[3], limit=1).ids.tolist() == [int(ids[3])]


def test_similar_to_a_picture_from_outside_and_to_an_object(ds: ll.Dataset, tmp_path: Path) -> None:
    ds.embed("histogram", key="plain")
    drawing(7).resize((200, 200)).save(tmp_path / "outside.png")
    assert ds.similar(tmp_path / "outside.png", limit=1).ids.tolist() == ids_of(ds, "07.png")
    with pytest.raises(BadValue, match="knows no words"):
        ds.similar("a red car")
    ds.fields.add("gt", "box", classes=["a"])
    for i in ds.view().ids()[:6].tolist():
        ds.labels.add("gt", [{"sample_id": i, "label": "a", "x": 40, "y": 40, "w": 90, "h": 90}])
    ds.embed("histogram", key="parts", field="gt")
    objects = ds.objects("gt").ids()
    near = ds.similar(int(objects[0]), key="parts", limit=3)
    assert set(near.ids.tolist()) < set(objects.tolist())
    with pytest.raises(BadValue, match="several embeddings"):
        ds.similar(int(objects[0]))


def test_what_has_no_vector_says_so(ds: ll.Dataset) -> None:
    with pytest.raises(UnknownField, match="there is no embedding"):
        ds.similar(1)
    with_vectors(ds)
    with pytest.raises(UnknownField, match='none of these has a vector in "v", such as 999'):
        ds.similar(999)


def test_a_coreset_keeps_clear_of_what_is_taken(ds: ll.Dataset) -> None:
    with_vectors(ds)
    ids = ds.view().ids()
    taken = ids[:4].tolist()
    for how in ("far", "typical"):
        found = ds.find.coreset(5, how=how, already=taken)
        assert len(set(found.table["id"].to_pylist()) - set(taken)) == 5
    narrow = ds.find.coreset(3, where=ds.where("split == 'val'"))
    assert set(narrow.table["id"].to_pylist()) <= set(ds.where("split == 'val'").ids().tolist())


def test_hard_samples_come_from_the_pool(ds: ll.Dataset) -> None:
    matrix = with_vectors(ds)
    ids = ds.view().ids()
    failures, pool = ds.select(ids[:2].tolist()), ds.select(ids[2:10].tolist())
    found = ds.find.hard(failures, pool, 4, diversity=0)
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    best = (unit[2:10] @ unit[:2].T).max(axis=1)
    assert found.table["id"].to_pylist() == ids[2:10][np.argsort(-best)[:4]].tolist()


def test_balance_and_a_plan_to_mend_it(ds: ll.Dataset) -> None:
    ids = ds.view().ids().tolist()
    ds.fields.add("gt", "class", classes=["car", "bus"])
    ds.labels.add("gt", [{"sample_id": i, "label": "bus" if i == ids[0] else "car"} for i in ids])
    found = ds.find.balance("gt.label")
    assert [(r["value"], r["objects"]) for r in found.table.to_pylist()] == [("car", 15), ("bus", 1)]
    assert ds.find.balance("split").table["value"].to_pylist() == ["train", "val"]
    plan = ds.find.rebalance("gt.label")
    assert plan.table.to_pylist()[1]["collect"] == 7
    repeat = dict(zip(ids, ds.view().values("repeat").to_pylist(), strict=True))
    assert repeat[ids[0]] > 1
    assert {repeat[i] for i in ids[1:]} == {1.0}


def test_a_map_is_kept_with_the_data(ds: ll.Dataset) -> None:
    with_vectors(ds)
    found = ds.find.map("v")
    ids, points = ds.vectors("v_pca")
    assert points.shape == (len(ds), 2)
    placed = np.stack([found.table["x"], found.table["y"]], axis=1)
    np.testing.assert_allclose(points, placed / np.abs(placed).max(), atol=1e-3)
    assert ids.tolist() == found.table["id"].to_pylist()
    with pytest.raises(BadValue, match='there is an embedding "v_pca"'):
        ds.find.map("v")
    ds.find.map("v", method="pacmap")
    before = ds.embeddings()
    ds.find.map("v", method="pacmap", replace=True, seed=1)
    assert {one.key for one in ds.embeddings()} == {one.key for one in before} == {"v", "v_pca", "v_pacmap"}
    with pytest.raises(BadValue, match="another name"):
        ds.find.map("v", into="v", replace=True)
    assert ds.similar(ids[:1]).key == "v"  # a map of it is not meant


def test_a_column_of_another_type_is_not_overwritten(ds: ll.Dataset) -> None:
    ds.columns.add("uniqueness", "text")
    with_vectors(ds)
    with pytest.raises(BadValue, match='"uniqueness" holds text, not float'):
        ds.find.unique("v")


def test_the_exact_pairs_of_the_masks_set_are_found_and_nothing_false(shared_data: Path, tmp_path: Path) -> None:
    with ll.create(str(tmp_path / "masks")) as masks:
        masks.add(shared_data / "face_mask")
        rows = masks.find.duplicates().table.to_pylist()
        numbers = [row["path"].removeprefix("maksssksksss").removesuffix(".jpg") for row in rows]
        assert [set(numbers[i : i + 2]) for i in range(0, len(numbers), 2)] == [
            {"13", "737"},
            {"146", "219"},
            {"656", "690"},
        ]
        # Looked at by eye: all eight pairs are one photograph, cut, marked or compressed anew.
        assert masks.find.duplicates("looks").groups == 8
