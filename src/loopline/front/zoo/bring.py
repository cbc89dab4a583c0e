"""Bringing the files of a public data set to this disk, each checked by its hash."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final
from xml.etree import ElementTree as ET

from PIL import Image

from loopline.errors import BadValue, MediaError, MissingDependency, near
from loopline.front.zoo.entries import File
from loopline.jobs import Progress, StopSignal, stage
from loopline.media import remote
from loopline.models.fetch import wheel

OPEN_LABELS: Final = "https://storage.googleapis.com/openimages/v5"
OPEN_PICTURES: Final = "https://open-images-dataset.s3.amazonaws.com"
_AT_ONCE: Final = 16  # transfers of small pictures
_MEMBER_MOST: Final = 100 << 20  # bytes of one file in a wheel
_WORDS: Final = {"val": "validation", "test": "test"}
_OFFLINE: Final = "this data set comes over the internet: try again with a connection; `trees` and `digits` are small"


def download(file: File, folder: Path, progress: Progress, stop: StopSignal) -> Path:
    """The file in `folder`, fetched unless it is there. Raises MediaError: it does not come, or has another hash."""
    target = folder / remote.name_of(file.url)
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with stage(progress, f"fetch {target.name}", unit="bytes") as report:
            _fetch(file.url, target, report=report, check=stop.check)
    if file.md5 and (digest := _md5(target)) != file.md5:
        target.unlink()
        raise MediaError(
            f"what came has another hash (MD5 {digest}, not {file.md5})",
            where=file.url,
            hint="it has changed at its source, or was damaged on the way; nothing was kept",
        )
    return target


def _fetch(url: str, target: Path, *, report: Callable[[int, int], None], check: Callable[[], None]) -> None:
    try:
        remote.fetch(url, target, report=report, check=check)
    except MediaError as error:
        error.hint = error.hint and _OFFLINE  # a hint says that there was no answer at all
        raise


def _md5(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def trees(requirement: str, folder: Path) -> Path:
    """The labelled photographs inside the wheel of `deepforest`, as Pascal VOC; nothing of it is installed or run.

    Raises ModelError where pip cannot get the wheel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel(requirement, folder)) as archive:
        inside = {PurePosixPath(name).name: name for name in archive.namelist() if "/data/" in name}
        out = folder / "trees"
        out.mkdir(exist_ok=True)
        for name in [one for one in inside if one.endswith(".xml")]:
            text = _member(archive, inside[name])
            picture = PurePosixPath(ET.fromstring(text).findtext("filename", "")).name
            if picture in inside:
                (out / name).write_bytes(text)
                (out / picture).write_bytes(_member(archive, inside[picture]))
    return out


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MEMBER_MOST:
        raise MediaError(f"a file of more than {_MEMBER_MOST:,} bytes in it", where=name)
    return archive.read(name)


def digits(folder: Path) -> Path:
    """The digits that come with scikit-learn, as PNG files in a folder a class. Raises MissingDependency."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingDependency(
            "the digits come with scikit-learn, which is not installed", hint="pip install scikit-learn"
        ) from None
    found = load_digits()
    out = folder / "digits"
    for number, (grey, label) in enumerate(zip(found.images, found.target, strict=True)):
        (out / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray((grey * (255 / 16)).astype("uint8")).save(out / str(label) / f"{number:04}.png")
    return out


def open_images(
    split: str, folder: Path, classes: Sequence[str], most: int, progress: Progress, stop: StopSignal
) -> Path:
    """A folder in the layout of Open Images with the first `most` pictures that have a box of one of the classes, and
    all boxes on them. split: "val" or "test". Raises BadValue for a class that is not known, MediaError."""
    word = _WORDS[split]
    names = download(File(f"{OPEN_LABELS}/class-descriptions-boxable.csv"), folder, progress, stop)
    boxes = download(File(f"{OPEN_LABELS}/{word}-annotations-bbox.csv"), folder, progress, stop)
    wanted = _codes(names, classes)
    with boxes.open(newline="", encoding="utf-8") as opened:
        found = dict.fromkeys(r["ImageID"] for r in csv.DictReader(opened) if not wanted or r["LabelName"] in wanted)
    ids = dict.fromkeys(islice(found, most))
    out = folder / f"open_images_{split}"
    (out / "images").mkdir(parents=True, exist_ok=True)
    with boxes.open(newline="", encoding="utf-8") as opened, (out / boxes.name).open("w", newline="") as kept:
        reader = csv.DictReader(opened)
        writer = csv.DictWriter(kept, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in reader if row["ImageID"] in ids)
    (out / names.name).write_bytes(names.read_bytes())

    def bring(one: str) -> None:
        target = out / "images" / f"{PurePosixPath(one).name}.jpg"
        if not target.exists():
            _fetch(f"{OPEN_PICTURES}/{word}/{one}.jpg", target, report=lambda _, __: None, check=stop.check)

    with (
        stage(progress, "fetch pictures", total=len(ids), unit="pictures") as report,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        for done, _ in enumerate(pool.map(bring, ids), 1):
            report(done, len(ids))
    return out


def _codes(names: Path, classes: Sequence[str]) -> set[str]:
    """LabelNames of classes; empty for none, which means all."""
    with names.open(newline="", encoding="utf-8") as opened:
        known = {row[1].strip(): row[0].strip() for row in csv.reader(opened) if len(row) > 1}
    if unknown := [one for one in classes if one not in known]:
        raise BadValue(f'Open Images has no class "{unknown[0]}"', hint=near(unknown[0], known))
    return {known[one] for one in classes}
