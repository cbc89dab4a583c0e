"""Pictures that come into a data set's own folder, and that go out beside the labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import loopline as ll
from loopline.errors import FormatError
from loopline.formats._place import Media
from loopline.front import own_media
from loopline.store.location import PostgresLocation


def coco(folder: Path, names: tuple[str, ...] = ("night/a.png", "b.png"), shade: int = 0) -> Path:
    """A COCO file with one box a picture, and the pictures."""
    for number, name in enumerate(names):
        file = folder / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (number, shade, 7)).save(file)
    document = {
        "images": [{"id": n, "file_name": name, "width": 8, "height": 6} for n, name in enumerate(names)],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 2, 2]} for n in range(len(names))],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (folder / "labels.json").write_text(json.dumps(document))
    return folder / "labels.json"


def places(ds: ll.Dataset) -> list[tuple[str, str]]:
    table = ds.view().to_arrow(["root", "path"])
    return list(zip(table["root"].to_pylist(), table["path"].to_pylist(), strict=True))


@pytest.mark.parametrize("media", ["copy", "link"])
def test_pictures_come_into_the_data_sets_folder_under_their_paths(tmp_path: Path, media: own_media.Keep) -> None:
    ds = ll.create(tmp_path / "set")
    report = ds.add(coco(tmp_path / "in"), media=media)
    assert (report.samples_added, report.unreadable, sum(report.objects_added.values())) == (2, 0, 2)
    assert [path for _, path in places(ds)] == ["night/a.png", "b.png"]
    for root, path in places(ds):
        kept = Path(root) / path
        assert kept.is_relative_to(tmp_path / "set" / "media")
        assert kept.is_symlink() == (media == "link")
        assert kept.read_bytes() == (tmp_path / "in" / "images" / path).read_bytes()


def test_adding_twice_adds_nothing_and_copies_nothing_twice(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    file = coco(tmp_path / "in")
    ds.add(file, media="copy")
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "set" / "media").rglob("*")}
    report = ds.add(file, media="copy")
    assert (report.samples_added, report.samples_known) == (0, 2)
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "set" / "media").rglob("*")} == before


def test_a_changed_picture_of_the_same_name_does_not_replace_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one whose hash begins the same."""
    made = own_media._hash
    monkeypatch.setattr(own_media, "_hash", lambda file: "00" + made(file)[2:])
    ds = ll.create(tmp_path / "set")
    ds.add(coco(tmp_path / "in", ("a.png",)), media="copy")
    first = places(ds)
    kept = (Path(first[0][0]) / "a.png").read_bytes()
    ds.add(coco(tmp_path / "in", ("a.png",), shade=99), media="copy")
    assert places(ds)[:1] == first
    assert len({root for root, _ in places(ds)}) == 2
    assert (Path(first[0][0]) / "a.png").read_bytes() == kept


def test_a_missing_picture_keeps_the_place_its_label_file_says(tmp_path: Path) -> None:
    file = coco(tmp_path / "in")
    (tmp_path / "in" / "images" / "b.png").unlink()
    ds = ll.create(tmp_path / "set")
    report = ds.add(file, media="copy")
    assert (report.samples_added, report.unreadable) == (2, 1)
    assert places(ds)[1] == (str(tmp_path / "in" / "images"), "b.png")


def test_a_picture_that_is_the_data_sets_own_already_stays(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    ds.add(coco(tmp_path / "in"), media="copy")
    before = sorted((tmp_path / "set" / "media").rglob("*"))
    assert ds.add(tmp_path / "set" / "media", format="folder", media="copy").unreadable == 0
    assert sorted((tmp_path / "set" / "media").rglob("*")) == before


def test_dropping_a_data_set_takes_its_copies_but_nothing_else(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    ds.add(coco(tmp_path / "in"), media="copy")
    ll.drop(tmp_path / "set")
    assert not (tmp_path / "set").exists()
    assert (tmp_path / "in" / "images" / "b.png").exists()
    ll.create(tmp_path / "other").lake.close()
    (tmp_path / "other" / "media").mkdir()
    (tmp_path / "other" / "media" / "mine.png").touch()
    with pytest.raises(ll.errors.StoreError, match="holds other things too: media"):
        ll.drop(tmp_path / "other")


def test_a_data_set_of_a_team_refers_to_its_pictures() -> None:
    with pytest.raises(FormatError, match="in a folder can keep pictures of its own"):
        own_media.folder_of(PostgresLocation("postgresql://me@host/db", "cats"))


@pytest.mark.parametrize(
    ("format_name", "target", "where", "media"),
    [
        ("coco", "out", "out/images/{}", "copy"),
        ("coco", "labels/a.json", "labels/images/{}", "link"),
        ("csv", "labels/a.csv", "labels/images/{}", "copy"),
        ("voc", "out", "out/images/{}", "link"),
        ("voc", "out", "out/images/{}", "none"),
        ("yolo", "out", "out/images/unsplit/{}", "copy"),
    ],
)
def test_pictures_go_out_where_the_format_has_them(
    tmp_path: Path, format_name: str, target: str, where: str, media: Media
) -> None:
    ds = ll.create(tmp_path / "set")
    ds.add(coco(tmp_path / "in"))
    ds.export(tmp_path / target, format=format_name, media=media)
    for name in ("night/a.png", "b.png"):
        file = tmp_path / where.format(name)
        assert file.exists() == (media != "none")
        assert file.is_symlink() == (media == "link")
    if media != "none":
        again = ll.create(tmp_path / "again")
        assert again.add(tmp_path / target, format=format_name).unreadable == 0


def test_an_export_beside_pictures_asks_first_and_leaves_the_ones_it_would_copy_onto_themselves(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    file = coco(tmp_path / "in")
    ds.add(file)
    with pytest.raises(FormatError, match="there are pictures already"):
        ds.export(tmp_path / "in" / "new.json", media="copy")
    written = ds.export(tmp_path / "in" / "new.json", media="copy", overwrite=True)
    assert written.lost == {}
    assert (tmp_path / "in" / "images" / "b.png").stat().st_size > 0


def test_pictures_that_cannot_be_placed_are_counted(tmp_path: Path) -> None:
    ds = ll.create(tmp_path / "set")
    ds.add(coco(tmp_path / "in"))
    (tmp_path / "in" / "images" / "b.png").unlink()
    assert ds.export(tmp_path / "out", format="coco", media="copy").lost == {"missing pictures": 1}
    with pytest.raises(FormatError, match=r'media="move" is not known'):
        ds.export(tmp_path / "out2", format="coco", media="move")  # type: ignore[arg-type]
