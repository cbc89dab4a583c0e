"""A folder of media: what is taken, what is not, and what folder names say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loopline.errors import FormatError
from loopline.formats import folder
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

FILES = ["train/cats/b.JPG", "train/cats/a.jpg", "val/dogs/c.png", "clip.mp4", "notes.txt", ".hidden/d.jpg", ".e.jpg"]


def made(tmp_path: Path, files: list[str] = FILES) -> Path:
    for name in files:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "set"


def stored(path: Path, split: str | None = None, **options: Any) -> MemoryStore:
    return MemoryStore.of(folder.FORMAT.read(Source(path, split=split), **options))


def test_media_arrive_in_order_with_the_split_of_their_folder_and_the_rest_is_counted(tmp_path: Path) -> None:
    store = stored(made(tmp_path))
    assert [(r["path"], r["media"], r["split"]) for r in store.rows] == [
        ("clip.mp4", "video", None),
        ("train/cats/a.jpg", "image", "train"),
        ("train/cats/b.JPG", "image", "train"),
        ("val/dogs/c.png", "image", "val"),
    ]
    assert [p.what for p in store.problems] == ["hidden files and folders: not added", "other files: not added"]
    assert "2, first .e.jpg" in store.problems[0].where


def test_folder_names_are_classes_when_asked(tmp_path: Path) -> None:
    store = stored(made(tmp_path), labels="dirnames")
    assert store.schema.field("ground_truth").classes == ("cats", "dogs")
    assert [(o["sample_id"], o["label"]) for o in store.objects["ground_truth"]] == [
        (2, "cats"),
        (3, "cats"),
        (4, "dogs"),
    ]
    assert "files without a folder that names a class: added without one" in [p.what for p in store.problems]


def test_splits_can_be_left_alone_or_given(tmp_path: Path) -> None:
    assert {r["split"] for r in stored(made(tmp_path), splits=False).rows} == {None}
    assert {r["split"] for r in stored(made(tmp_path), split="test").rows} == {"test"}


def test_links_that_go_round_or_lead_out_are_not_followed(tmp_path: Path) -> None:
    path = made(tmp_path)
    (path / "train" / "loop").symlink_to(path)
    (path / "out").symlink_to("/")
    store = stored(path)
    assert store.count() == 4
    assert "linked folders: not added" in [p.what for p in store.problems]


def test_one_file_is_one_sample(tmp_path: Path) -> None:
    assert [r["path"] for r in stored(made(tmp_path) / "clip.mp4").rows] == ["clip.mp4"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        stored(tmp_path / "x")
    with pytest.raises(FormatError, match='labels="dirname" is not known'):
        stored(tmp_path, labels="dirname")
