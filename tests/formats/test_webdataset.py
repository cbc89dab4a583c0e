"""WebDataset shards."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import webdataset
from loopline.kernel.schema import FieldKind
from tests.formats.memory_store import MemoryStore
from tests.formats.worlds import HEIGHT, WIDTH, files_in, plain, read, told, worlds, written


def picture(colour: int = 0) -> bytes:
    out = io.BytesIO()
    Image.new("L", (WIDTH, HEIGHT), colour).save(out, format="PNG")
    return out.getvalue()


def shard(file: Path, members: dict[str, bytes | str], *, mode: str = "w") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, mode) as archive:
        for name, content in members.items():
            raw = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return file


BOXES = {"annotations": [{"bbox": [1, 2, 3.5, 4], "label": "cat", "sure": True}], "source": "web"}


def sample(number: int, **more: Any) -> dict[str, bytes | str]:
    return {f"sub.dir/{number:06d}.{k.replace('_', '.')}": v for k, v in {"png": picture(number), **more}.items()}


def plant(base: Path) -> Path:
    (base / "classnames.txt").parent.mkdir(parents=True, exist_ok=True)
    (base / "classnames.txt").write_text("day\nnight\n")
    shard(base / "train-000000.tar", {**sample(0, cls="1", json=json.dumps(BOXES)), **sample(1, txt="a cat")})
    shard(base / "val-000000.tar.gz", sample(2, cls="9", seg_png=picture(9)), mode="w:gz")
    return base


def test_members_of_one_name_are_a_sample_and_pictures_go_to_the_named_folder(tmp_path: Path) -> None:
    target = tmp_path / "pictures"
    store = read(webdataset.FORMAT, plant(tmp_path / "in"), extract_to=target)
    assert told(store.problems) == [("warning", "a second picture of a sample; left out")]
    rows, objects = plain(store)
    assert rows == {
        "train-000000/sub.dir/000000.png": {"split": "train", "source": "web"},
        "train-000000/sub.dir/000001.png": {"split": "train"},
        "val-000000/sub.dir/000002.png": {"split": "val"},
    }
    first, second, third = rows
    assert objects["ground_truth"] == {first: [{"label": "cat", "x": 1.0, "y": 2.0, "w": 3.5, "h": 4.0, "sure": True}]}
    assert objects["ground_truth_class"] == {
        first: [{"label": "night"}],
        second: [{"caption": "a cat"}],
        third: [{"label": "9"}],
    }
    assert store.rows[0]["root"] == str(target)
    assert files_in(target) == {name: picture(number) for number, name in enumerate(rows)}
    again = read(webdataset.FORMAT, tmp_path / "in", extract_to=target)
    assert plain(again) == plain(store)


def test_without_a_folder_for_the_pictures_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="extract_to"):
        read(webdataset.FORMAT, plant(tmp_path))
    before = files_in(tmp_path)
    assert len(read(webdataset.FORMAT, tmp_path, media=tmp_path / "elsewhere").rows) == 3
    assert files_in(tmp_path) == before


@settings(max_examples=20, deadline=None)
@given(
    worlds(
        ("box", "turned", "polygon", "mask", "skeleton", "polyline", "points", "class"),
        attributes={"b": "bool", "t": "text", "n": "int", "f": "float"},
        columns={"weather": "text", "seconds": "float"},
        splits=(None, "train", "my split"),
        names=("a", "b", "c"),
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store: MemoryStore) -> None:
    base = tmp_path_factory.mktemp("webdataset")
    for row in store.rows:
        row |= {"tags": ["x", "ü"], "root": str(base / "in")}
        file = base / "in" / row["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture())
    assert written(webdataset.FORMAT, store, base / "out", shard_samples=2).lost == {}
    before = files_in(base / "out")
    written(webdataset.FORMAT, store, base / "out", shard_samples=2)
    assert files_in(base / "out") == before
    again = read(webdataset.FORMAT, base / "out", extract_to=base / "pictures")
    assert again.problems == []
    assert plain(again) == plain(store)
    assert sorted(files_in(base / "pictures")) == sorted(row["path"] for row in store.rows)
    kinds: dict[str, FieldKind] = {f.name: f.kind for f in store.schema.fields}
    assert {f.name: f.kind for f in again.schema.fields} == kinds
    assert all(again.schema.field(f.name).classes == f.classes for f in store.schema.fields)


def test_bad_members_are_named_and_the_good_samples_arrive(tmp_path: Path) -> None:
    base = tmp_path / "in"
    evil = {"loopline": {"path": "../../evil.png"}}
    shell = {"loopline": {"path": ".profile"}}
    unknown = {"loopline": {"path": "ok.png", "labels": [{"field": "x"}]}}
    boxes = {
        "annotations": [
            {"bbox": [1, 2, 3]},
            {"bbox": [1, 2, "x", 4]},
            {"bbox": [1, 2, -3, 4]},
            5,
            {"bbox": [1, 2, 3, 4]},
        ]
    }
    file = shard(
        base / "a-0.tar",
        {
            **sample(0, json=json.dumps(evil)),
            **sample(1, json=json.dumps(shell)),
            **sample(2, json=json.dumps(unknown)),
            **sample(3, json=json.dumps(boxes), pyd=b"\x80\x04K\x05.", cls=" "),
            **sample(4, json="{"),
            "lonely.json": "{}",
            "../../out.png": picture(),
            "/abs/p.png": picture(),
        },
    )
    with tarfile.open(file, "a") as archive:
        link = tarfile.TarInfo("z.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    cut = shard(base / "b-0.tar", sample(5))
    cut.write_bytes(cut.read_bytes()[:540])
    store = read(webdataset.FORMAT, base, extract_to=tmp_path / "pictures")
    assert sorted(told(store.problems)) == sorted(
        [
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a picture whose name is not a picture's"),
            ("skipped", "a label of a field that fields.json does not have"),
            ("skipped", "an annotation without a bbox of x, y, width, height"),
            ("skipped", "a coordinate is missing or not a number"),
            ("skipped", "a box of negative size"),
            ("skipped", "an annotation without a bbox of x, y, width, height"),
            ("warning", "no class; kept without one"),
            ("warning", "members that are not read: .pyd"),
            ("skipped", "an empty .cls member"),
            ("skipped", "the .json member: not JSON: Expecting property name enclosed in double quotes"),
            ("skipped", "a sample without a picture"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a link or a device in the shard"),
            ("skipped", "the shard breaks off; what came before it was read"),
        ]
    )
    assert sorted(files_in(tmp_path / "pictures")) == [
        "a-0/abs/p.png",
        "a-0/sub.dir/000003.png",
        "a-0/sub.dir/000004.png",
        "ok.png",
    ]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "loopline_home") == ["in", "pictures"]


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    base = plant(tmp_path / "in")
    mine = tmp_path / "pictures" / "train-000000" / "sub.dir" / "000000.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    store = read(webdataset.FORMAT, base, extract_to=tmp_path / "pictures")
    assert ("skipped", "another file of the picture's name is there already") in told(store.problems)
    assert (mine.read_bytes(), len(store.rows)) == (b"mine", 2)


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(webdataset.FORMAT, plant(tmp_path / "in"), media=tmp_path / "nothing")
    done = written(webdataset.FORMAT, store, tmp_path / "out")
    assert done.lost == {"missing pictures": 3}


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    base = plant(tmp_path / "in")
    assert webdataset.FORMAT.sniff(base) is not None
    assert webdataset.FORMAT.sniff(base / "train-000000.tar") is not None
    other = shard(tmp_path / "code" / "code.tar", {"main.c": "int main;"})
    assert webdataset.FORMAT.sniff(other) is None
    (tmp_path / "no.tar").write_bytes(b"nothing")
    assert webdataset.FORMAT.sniff(tmp_path / "no.tar") is None
    with pytest.raises(FormatError, match="no tar files"):
        read(webdataset.FORMAT, other.parent.parent / "in" / "classnames.txt")


def test_webdataset_itself_reads_the_shards_that_we_write(tmp_path: Path) -> None:
    tariterators = pytest.importorskip("webdataset.tariterators")
    store = read(webdataset.FORMAT, plant(tmp_path / "in"), extract_to=tmp_path / "pictures")
    written(webdataset.FORMAT, store, tmp_path / "out")
    with (tmp_path / "out" / "train-000000.tar").open("rb") as stream:
        members = tariterators.tar_file_expander([{"url": "shard", "stream": stream}])
        found = list(tariterators.group_by_keys(members))
    assert [one["__key__"] for one in found] == ["000000000", "000000001"]
    assert [one["png"] for one in found] == [picture(0), picture(1)]
    assert (found[0]["cls"], (tmp_path / "out" / "classnames.txt").read_text()) == (b"0", "night\n9\n")
