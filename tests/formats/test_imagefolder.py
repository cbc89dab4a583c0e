"""Class folders: the folder is the class, and nothing else is taken for one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import imagefolder
from loopline.formats.imagefolder import class_folders
from loopline.kernel.exchange import Source
from loopline.kernel.schema import DatasetSchema, LabelField
from tests.formats.memory_store import MemoryStore


def plant(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(folder / name)
    return folder


def load(path: Path, **options: Any) -> MemoryStore:
    return MemoryStore.of(imagefolder.read(Source(path), **options))


def labels(store: MemoryStore) -> dict[str, str]:
    paths = {r["id"]: r["path"] for r in store.rows}
    return {paths[o["sample_id"]]: o["label"] for o in store.objects.get("ground_truth", [])}


def kinds(store: MemoryStore) -> Counter[str]:
    return Counter(p.what for p in store.problems)


def test_the_first_folder_below_the_split_is_the_class(tmp_path: Path) -> None:
    plant(tmp_path, "train/cat/a.jpg", "train/cat/deep/b.jpg", "valid/dog/c.png")
    assert imagefolder.sniff(tmp_path) is not None
    store = load(tmp_path)
    assert labels(store) == {"train/cat/a.jpg": "cat", "train/cat/deep/b.jpg": "cat", "valid/dog/c.png": "dog"}
    assert [r["split"] for r in store.rows] == ["train", "train", "val"]
    assert store.schema.field("ground_truth").classes == ("cat", "dog")
    assert not store.problems


def test_pictures_outside_a_class_folder_arrive_without_a_label(tmp_path: Path) -> None:
    store = load(plant(tmp_path, "train/cat/a.jpg", "test/b.jpg", "c.jpg"))
    assert labels(store) == {"train/cat/a.jpg": "cat"}
    assert [(r["path"], r["split"]) for r in store.rows] == [
        ("c.jpg", None),
        ("test/b.jpg", "test"),
        ("train/cat/a.jpg", "train"),
    ]
    assert kinds(store) == {"a picture outside a class folder; added without a label": 2}


def test_a_class_list_gives_order_and_names(tmp_path: Path) -> None:
    plant(tmp_path, "n02/a.jpg", "n01/b.jpg", "n03/c.jpg", "big cat/d.jpg")
    (tmp_path / "classes.txt").write_bytes(
        b"\xef\xbb\xbfn02 tench, Tinca tinca\r\nbig cat\r\nn01\tgold fish\r\nn01\r\nempty\r\n"
    )
    store = load(tmp_path)
    assert store.schema.field("ground_truth").classes == ("tench, Tinca tinca", "big cat", "gold fish", "empty", "n03")
    assert labels(store)["n01/b.jpg"] == "gold fish"
    assert kinds(store) == {
        "a class folder is listed twice; the first line counts": 1,
        "a class folder that the class list lacks; added behind the others": 1,
    }


@pytest.mark.parametrize(
    "names",
    [
        ("cat/a.jpg",),
        ("cat/a.jpg", "b.jpg", "dog/c.jpg"),
        ("images/a.jpg", "masks/a.png"),
        ("train/a.jpg", "val/b.jpg"),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png"),
        ("seq1/img1/1.jpg", "seq2/img1/1.jpg"),
        (),
    ],
)
def test_other_folders_are_not_taken_for_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert imagefolder.sniff(plant(tmp_path, *names)) is None


def test_label_files_beside_the_pictures_speak_against_it(tmp_path: Path) -> None:
    plant(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "cat" / "a.xml").touch()
    assert imagefolder.sniff(tmp_path) is None


def test_links_out_of_the_folder_are_not_walked(tmp_path: Path) -> None:
    plant(tmp_path / "out", "x/a.jpg")
    plant(tmp_path / "in", "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "out")
    assert sorted(labels(load(tmp_path / "in")).values()) == ["cat", "dog"]


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no pictures"):
        load(tmp_path)
    with pytest.raises(FormatError, match="no such folder"):
        load(tmp_path / "absent")


names = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t", exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=6)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(names | st.sampled_from(["train", "..", "a/b", "CAT", "cat"]), min_size=1, max_size=5, unique=True),
    st.data(),
)
def test_writing_and_reading_gives_the_same_classes(
    tmp_path_factory: pytest.TempPathFactory, classes: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("classes")
    store = MemoryStore(DatasetSchema(fields=(LabelField("ground_truth", "class", tuple(classes)),)))
    chosen = data.draw(st.lists(st.sampled_from([None, *classes]), min_size=1, max_size=4))
    plant(folder, "x.jpg")
    for number, label in enumerate(chosen, 1):
        split = data.draw(st.sampled_from([None, "train", "val"]))
        store.rows.append({"id": number, "root": str(folder), "path": "x.jpg", "split": split, "tags": []})
        if label is not None:
            store.objects.setdefault("ground_truth", []).append(
                {"id": number, "sample_id": number, "label": label, "tags": []}
            )
    written = imagefolder.write(store, folder / "out", fields=["ground_truth"], media="link")
    assert written.lost == {}
    again = load(folder / "out")
    assert again.schema.field("ground_truth").classes == tuple(classes)
    before = Counter((r["split"], label) for r, label in zip(store.rows, chosen, strict=True))
    got = labels(again)
    assert Counter((r["split"], got.get(r["path"])) for r in again.rows) == before


def test_what_folders_cannot_hold_is_counted(tmp_path: Path) -> None:
    store = load(plant(tmp_path / "in", "cat/a.jpg", "dog/b.jpg"))
    store.rows[0] |= {"tags": ["x"], "split": "fold 1"}
    store.objects["ground_truth"].append({**store.objects["ground_truth"][0], "id": 9, "label": "dog", "score": 0.5})
    written = imagefolder.write(store, tmp_path / "out", fields=["ground_truth"])
    assert written.lost == {
        "further labels of one picture": 1, "scores": 1, "splits other than train, val, test": 1, "tags of samples": 1,
    }  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.jpg")) == ["a.jpg", "b.jpg"]
    assert imagefolder.write(store, tmp_path / "none", fields=["ground_truth"], media="none").objects == 0
    with pytest.raises(FormatError, match="media"):
        imagefolder.write(store, tmp_path / "x", fields=["ground_truth"], media="move")  # type: ignore[arg-type]


def test_class_folders_are_safe_and_differ_without_case() -> None:
    folders = class_folders(["a/b", "..", "Train", "cat", "CAT", "classes.txt"])
    assert list(folders.values()) == ["a_b", "class", "Train_", "cat", "CAT_2", "classes.txt_2"]
