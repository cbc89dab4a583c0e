"""Public data sets by name, from a server of this machine in the layout of the real ones."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import loopline as ll
from loopline.errors import BadValue, MediaError, MissingDependency
from loopline.front.zoo import bring, entries, take
from loopline.front.zoo.entries import File, PublicSet, entry
from loopline.media import remote
from tests.cli.conftest import Loopline, loopline  # noqa: F401  a fixture


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL that serves it."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch, site: tuple[Path, str]) -> Callable[[str], PublicSet]:
    """Lets an entry point at the served folder, with the hashes of what lies there."""
    folder, url = site

    def here(file: File | None) -> File | None:
        if file is None:
            return None
        name = remote.name_of(file.url)
        return File(f"{url}/{name}", hashlib.md5((folder / name).read_bytes()).hexdigest())

    def move(name: str) -> PublicSet:
        found = entry(name)
        parts = tuple(replace(p, pictures=here(p.pictures), labels=here(p.labels)) for p in found.parts)  # type: ignore[arg-type]
        new = replace(found, parts=parts)
        monkeypatch.setattr(entries, "ENTRIES", tuple(new if e.name == name else e for e in entries.ENTRIES))
        return new

    return move


def picture(file: Path, shade: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (shade, 90, 30)).save(file)


def coco(folder: Path, work: Path) -> None:
    for number in range(3):
        picture(work / "val2017" / f"{number:012}.jpg", number)
    images = [{"id": n, "file_name": f"{n:012}.jpg", "width": 40, "height": 30} for n in range(3)]
    boxes = [{"id": 9, "image_id": 1, "category_id": 18, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 18, "name": "dog"}]}
    with zipfile.ZipFile(folder / "val2017.zip", "w") as out:
        for file in sorted((work / "val2017").iterdir()):
            out.write(file, f"val2017/{file.name}")
    with zipfile.ZipFile(folder / "annotations_trainval2017.zip", "w") as out:
        out.writestr("annotations/captions_val2017.json", "{}")
        out.writestr("annotations/instances_val2017.json", json.dumps(document))


def voc(folder: Path, work: Path) -> None:
    for archive, split, number in (("VOCtrainval_06-Nov-2007", "train", "000005"), ("VOCtest_06-Nov-2007", "test", "000001")):  # fmt: skip
        base = work / archive / "VOCdevkit" / "VOC2007"
        picture(base / "JPEGImages" / f"{number}.jpg")
        (base / "Annotations").mkdir()
        (base / "ImageSets" / "Main").mkdir(parents=True)
        (base / "ImageSets" / "Main" / f"{split}.txt").write_text(f"{number}\n")
        (base / "Annotations" / f"{number}.xml").write_text(
            f"<annotation><folder>VOC2007</folder><filename>{number}.jpg</filename><size><width>40</width><height>30"
            "</height><depth>3</depth></size><object><name>chair</name><pose>Rear</pose><truncated>0</truncated>"
            "<difficult>0</difficult><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object></annotation>"
        )
        shutil.make_archive(str(folder / archive), "tar", work / archive)


def imagenette(folder: Path, work: Path) -> None:
    for split in ("train", "val"):
        for number, name in enumerate(("n01440764", "n03888257")):
            picture(work / "imagenette2-160" / split / name / f"{split}{number}.JPEG", 40 * number)
    shutil.make_archive(str(work / "it"), "gztar", work, "imagenette2-160")
    (work / "it.tar.gz").rename(folder / "imagenette2-160.tgz")


def test_coco_s_two_archives_become_one_data_set(
    site: tuple[Path, str], moved: Callable[[str], PublicSet], tmp_path: Path
) -> None:
    coco(site[0], tmp_path / "work")
    moved("coco_2017_val")
    taken = ll.from_zoo("coco_2017_val")
    ds = taken.dataset
    assert (ds.name, ds.count(), ds.facets("split")["value"].to_pylist()) == ("coco_2017_val", 3, ["val"])
    assert ds.objects("ground_truth").to_arrow(["label"])["label"].to_pylist() == ["dog"]
    assert not (ds.lake.location.cache / "zoo").exists(), "what was fetched lies in the data set now"
    assert ds.find.quality().problems == (), "the pictures are there"


def test_voc_2007_has_its_two_archives_and_splits(
    site: tuple[Path, str], moved: Callable[[str], PublicSet], tmp_path: Path
) -> None:
    voc(site[0], tmp_path / "work")
    moved("voc_2007")
    ds = ll.from_zoo("voc_2007", "voc").dataset
    assert sorted(ds.facets("split")["value"].to_pylist()) == ["test", "train"]
    assert ds.objects("ground_truth").count() == 2


def test_imagenette_gets_names_for_its_numbers(
    site: tuple[Path, str], moved: Callable[[str], PublicSet], tmp_path: Path
) -> None:
    imagenette(site[0], tmp_path / "work")
    moved("imagenette_160")
    mine = ll.create("mine")
    ds = ll.from_zoo("imagenette_160", mine).dataset
    assert ds is mine
    assert sorted(ds.facets("ground_truth.label")["value"].to_pylist()) == ["parachute", "tench"]
    assert sorted(ds.facets("split")["value"].to_pylist()) == ["train", "val"]


def test_open_images_brings_only_the_pictures_of_the_classes(
    site: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = site
    monkeypatch.setattr(bring, "OPEN_LABELS", url)
    monkeypatch.setattr(bring, "OPEN_PICTURES", url)
    (folder / "class-descriptions-boxable.csv").write_text("/m/01,Cat\n/m/02,Dog\n")
    head = (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    with (folder / "validation-annotations-bbox.csv").open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(head.split(","))
        for one, label in (("aa", "02"), ("bb", "01"), ("bb", "02"), ("cc", "01"), ("dd", "01")):
            rows.writerow([one, "xclick", f"/m/{label}", 1, 0.25, 0.75, 0.5, 1, 0, 0, 0, 0, 0])
    for name in ("bb", "cc"):
        picture(folder / "validation" / f"{name}.jpg")
    ds = ll.from_zoo("open_images_val", classes=["Cat"], most=2).dataset
    assert sorted(ds.to_arrow(["path"])["path"].to_pylist()) == ["bb.jpg", "cc.jpg"]
    assert sorted(ds.objects("ground_truth").to_arrow(["label"])["label"].to_pylist()) == ["Cat", "Cat", "Dog"]
    with pytest.raises(BadValue, match="Kat") as error:
        ll.from_zoo("open_images_val", "other", classes=["Kat"])
    assert "Cat" in error.value.hint


def test_trees_come_out_of_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def wheel(requirement: str, folder: Path) -> Path:
        picture(folder / "a.png")
        box = "<bndbox><xmin>3</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
        label = f"<annotation><filename>a.png</filename><object><name>Tree</name>{box}</object></annotation>"
        with zipfile.ZipFile(folder / "deepforest-2.1.0-py3-none-any.whl", "w") as out:
            out.write(folder / "a.png", "deepforest/data/a.png")
            out.write(folder / "a.png", "deepforest/data/not_labelled.png")
            out.writestr("deepforest/data/a.xml", label)
        return folder / "deepforest-2.1.0-py3-none-any.whl"

    monkeypatch.setattr(bring, "wheel", wheel)
    ds = ll.from_zoo("trees").dataset
    assert (ds.count(), ds.objects("ground_truth").count()) == (1, 1)


def test_digits_need_scikit_learn_and_no_internet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    assert sum(1 for _ in bring.digits(tmp_path).rglob("*.png")) == 1797
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependency, match="scikit-learn"):
        ll.from_zoo("digits")


def test_another_hash_keeps_nothing(site: tuple[Path, str], moved: Callable[[str], PublicSet], tmp_path: Path) -> None:
    imagenette(site[0], tmp_path / "work")
    moved("imagenette_160")
    (site[0] / "imagenette2-160.tgz").write_bytes(b"something else")
    with pytest.raises(MediaError, match="another hash"):
        ll.from_zoo("imagenette_160")
    assert ll.list_datasets() == []


def test_without_internet_one_message_says_so_and_a_later_try_works(
    site: tuple[Path, str], moved: Callable[[str], PublicSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imagenette(site[0], tmp_path / "work")
    moved("imagenette_160")

    def no_answer(url: str, target: Path, **_: object) -> None:
        raise MediaError("the server cannot be reached", where=url, hint="is there a connection? try again later")

    with monkeypatch.context() as offline:
        offline.setattr(remote, "fetch", no_answer)
        with pytest.raises(MediaError, match="cannot be reached") as error:
            ll.from_zoo("imagenette_160")
    assert "over the internet" in error.value.hint
    assert ll.from_zoo("imagenette_160").dataset.count() == 4


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadValue, match="no data set") as error:
        ll.from_zoo("coco_2017_vla")
    assert "coco_2017_val" in error.value.hint
    with pytest.raises(BadValue, match="taken whole"):
        ll.from_zoo("voc_2012", most=3)


def test_every_entry_says_where_it_comes_from() -> None:
    assert len({one.name for one in ll.list_zoo()}) == len(ll.list_zoo())
    for one in ll.list_zoo():
        assert one.licence
        assert one.sources
        assert one.how != "archives" or one.parts
    assert take.MOST == 500


def test_the_command_line_lists_tells_and_gets(
    loopline: Loopline,  # noqa: F811
    site: tuple[Path, str],
    moved: Callable[[str], PublicSet],
    tmp_path: Path,
) -> None:
    imagenette(site[0], tmp_path / "work")
    moved("imagenette_160")
    assert "voc_2007" in loopline("zoo", "list").out
    assert len(loopline("zoo", "list", "--json", "--task", "classification").document) == 7
    assert "MD5" in loopline("zoo", "info", "coco_2017_val").out
    assert "4 samples and 4 objects" in loopline("zoo", "get", "imagenette_160", "--into", "nette").out
    assert loopline("zoo", "info", "cocoa").code == 1


def test_what_is_wrong_with_a_set_is_told_as_add_tells_it(
    loopline: Loopline,  # noqa: F811
    site: tuple[Path, str],
    moved: Callable[[str], PublicSet],
    tmp_path: Path,
) -> None:
    coco(site[0], tmp_path / "work")
    with zipfile.ZipFile(site[0] / "val2017.zip", "w") as out:
        out.write(tmp_path / "work" / "val2017" / f"{1:012}.jpg", f"val2017/{1:012}.jpg")
    moved("coco_2017_val")
    (report,) = loopline("zoo", "get", "coco_2017_val", "--json").document["reports"]
    assert (report["samples_added"], report["unreadable"]) == (3, 2)
    assert [(one["kind"], one["rows"]) for one in report["counts"]] == [("warning", 2)]
