"""The same ugly inputs for every registered format: each gives events and named problems, or a FormatError.

What a fault does to the rows of one format is tested beside that format; here no format may be without.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.formats._format import FileFormat, reader_options
from loopline.formats._media import IMAGES, VIDEOS
from tests.formats.memory_store import MemoryStore
from tests.formats.test_sniffing import SAMPLES
from tests.formats.worlds import plain, read, written

TEXTS = {".txt", ".json", ".xml", ".csv", ".yaml", ".names", ".ini"}
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "'
    + b"&a;" * 50
    + b'"><!ENTITY c "'
    + b"&b;" * 50
    + b'">]><annotations>&c;</annotations>'
)


def numbers(put: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: re.sub(rb"(?<![\w.])\d+(\.\d+)?(?![\w.])", put, raw)


UGLY: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _raw: b"",
    "only a mark": lambda _raw: b"\xef\xbb\xbf",
    "cut in half": lambda raw: raw[: len(raw) // 2],
    "without its last byte": lambda raw: raw[:-1],
    "twice": lambda raw: raw + raw,
    "zero bytes": lambda raw: raw[:20] + b"\0" * 20 + raw[20:],
    "not UTF-8": lambda raw: raw.replace(b"a", b"\xe4"),
    "UTF-16": lambda raw: raw.decode("latin-1").encode("utf-16"),
    "huge numbers": numbers(b"9" * 400),
    "NaN": numbers(b"NaN"),
    "negative": numbers(b"-7"),
    "endless": numbers(b"1e999"),
    "wrong types": numbers(b'"x"'),
    "paths that lead out": lambda raw: re.sub(rb"[\w/]*\w\.(jpg|png)", rb"../../../etc/passwd.\1", raw),
    "paths of another machine": lambda raw: re.sub(rb"[\w/]*\w\.(jpg|png)", rb"C:/users/me/a.\1", raw),
    "an entity bomb": lambda _raw: BOMB,
    "another format": lambda _raw: b'{"images": [{"id": 1}], "shapes": 4, "items": null}',
}
HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "a mark": lambda raw: b"\xef\xbb\xbf" + raw.removeprefix(b"\xef\xbb\xbf"),
    "Windows' line ends": lambda raw: raw.replace(b"\n", b"\r\n"),
}
READERS = [name for name in registry.names() if registry.get(name).reads]


def sample(name: str, folder: Path) -> tuple[Path, list[Path]]:
    """What a reader of the format is given, and its files with labels: all that are no media, else all."""
    folder.mkdir()
    path = next(make for known, make in SAMPLES if known == name)(folder)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    labels = [p for p in files if p.suffix.lower() not in IMAGES | VIDEOS]
    return path, labels or files


def taken(name: str, path: Path) -> MemoryStore | None:
    """What the reader gives; None where it refuses. Any other error fails the test."""
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    out = path.parent / "taken out"
    shutil.rmtree(out, ignore_errors=True)
    more = {"extract_to": out} if "extract_to" in reader_options(one) else {}
    registry.sniff(path)
    try:
        store = read(one, path, **more)
    except FormatError:
        return None
    for row in store.rows:
        assert not {"..", ""} & set(row["path"].split("/")), row["path"]
    for problem in store.problems:
        assert problem.what
        assert problem.where
    return store


@pytest.mark.parametrize("name", READERS)
def test_ugly_files_give_events_or_an_error_that_says_why(tmp_path: Path, name: str) -> None:
    path, files = sample(name, tmp_path / "in")
    for file in files:
        raw = file.read_bytes()
        for spoil in UGLY.values():
            file.write_bytes(spoil(raw))
            taken(name, path)
        file.unlink()
        if path.exists():
            taken(name, path)
        file.write_bytes(raw)


@pytest.mark.parametrize("name", READERS)
def test_marks_and_line_ends_change_nothing(tmp_path: Path, name: str) -> None:
    path, files = sample(name, tmp_path / "in")
    before = taken(name, path)
    assert before is not None
    for change in HARMLESS.values():
        for file in files:
            if file.suffix.lower() in TEXTS:
                raw = file.read_bytes()
                file.write_bytes(change(raw))
                after = taken(name, path)
                assert after is not None
                assert plain(after) == plain(before), file.name
                file.write_bytes(raw)


IN_TEXT = [name for name in READERS if name not in ("voc_masks", "webdataset", "semantic_masks", "huggingface")]


@pytest.mark.parametrize("name", IN_TEXT)
def test_labels_that_are_links_out_of_the_folder_are_not_read(tmp_path: Path, name: str) -> None:
    path, files = sample(name, tmp_path / "in")
    texts = [file for file in files if file.suffix.lower() in TEXTS]
    if path.is_file() or not texts:
        pytest.skip("the user names the file itself, or labels are no texts")
    for number, file in enumerate(texts):
        secret = tmp_path / f"secret {number}"
        file.rename(secret)
        file.symlink_to(secret)
    store = taken(name, path)
    assert store is None or not any(store.objects.values())


ONE_ODD_SPOT = [
    ("fiftyone", b'"_cls": "GeoLocation"', b'"_cls": [1]'),
    ("supervisely", b'"value": 3}', b'"value": ' + b"9" * 400 + b"}"),
    ("voc", b"<width>40", b"<width>1e308"),
    ("yolo", b"train: images", b"train: " + b"i" * 400),
]


@pytest.mark.parametrize(("name", "spot", "odd"), ONE_ODD_SPOT, ids=[name for name, *_ in ONE_ODD_SPOT])
def test_one_odd_spot_does_not_stop_a_reader(tmp_path: Path, name: str, spot: bytes, odd: bytes) -> None:
    path, files = sample(name, tmp_path / "in")
    (file,) = (file for file in files if spot in file.read_bytes())
    file.write_bytes(file.read_bytes().replace(spot, odd))
    store = taken(name, path)
    assert store is not None
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    written(one, store, tmp_path / "again")
