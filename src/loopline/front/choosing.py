"""What an import reads, and with which format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.formats._format import reader_options
from loopline.front.incoming import Incoming, Stand
from loopline.kernel.exchange import Format, Problem

SHARDS: Final = "webdataset"
"""The format that reads tar files itself."""

_OUT: Final = "extract_to"  # option of formats whose label files hold the pictures: the folder that these are put into


_ENTRIES: Final = 2_000  # of a folder that are looked at for other labels
_FOLDERS: Final = 20
_SURE: Final = 0.55


@dataclass(frozen=True, slots=True)
class Named:
    """What to read, and how."""

    reader: Format
    saw: str  # what made it known
    path: Path  # label file or folder
    media: Path | None
    options: Mapping[str, object]


def chosen(found: Incoming, name: str | None, options: Mapping[str, object] | None) -> Named:
    """The label file or folder to read, its format (`name`, or what the files look like), and what made it known.

    Raises FormatError, UnknownFormat.
    """
    path = found.labels if found.labels is not None else found.path
    media = found.path if found.labels is not None else None
    if not path.exists():
        raise FormatError("there is no such file or folder", where=str(path), hint="see how the path is written")
    stand = found.of(str(path))
    if name is not None:
        reader, saw = registry.get(name), ""
        if stand is not None:
            path = max(_alone(path), key=_by(reader))
    else:
        if stand is not None:
            path = max(_alone(path), key=_sureness)
            if media is None and _is_shard(Path(stand.origin), path):
                path = Path(stand.origin)
        reader, sniffed = registry.detect(path)
        saw = sniffed.saw
    if media is None and path.is_dir():
        found.problems += _others(path, reader)
    given = dict(options or {})
    if media is None and _OUT not in given and _OUT in reader_options(reader):
        given[_OUT] = _taken_out(path, found)
    return Named(reader, saw, path, media, given)


def _others(folder: Path, reader: Format) -> Iterator[Problem]:
    """Labels of other formats one level down, which an import of the whole folder leaves aside."""
    with os.scandir(folder) as entries:
        inner = sorted(e.name for e in islice(entries, _ENTRIES) if not e.name.startswith(".") and e.is_dir())
    for name in inner[:_FOLDERS]:
        seen = registry.sniff(folder / name)
        if seen and seen[0][1].confidence >= _SURE and all(one.name != reader.name for one, _ in seen):
            place = str(folder / name)
            hint = "add that folder by itself, into a field of its own"
            yield Problem("warning", f"other labels in a folder; not added: {seen[0][0].title}", place, hint)


def _taken_out(path: Path, found: Incoming) -> Path:
    """A folder for pictures that label files hold; from there they come into the data set."""
    folder = found.new_folder("pictures")
    found.stands.append(Stand(folder, found.told(str(path.resolve())), whole=True, in_place=False))
    return folder


def _alone(folder: Path) -> Iterator[Path]:
    """A folder, and what is the only thing in it, and the only thing in that, ..."""
    yield folder
    while folder.is_dir():
        inside = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        if len(inside) != 1:
            return
        folder = inside[0]
        yield folder


def _sureness(place: Path) -> float:
    found = registry.sniff(place)
    return found[0][1].confidence if found else 0.0


def _by(reader: Format) -> Callable[[Path], float]:
    def sure(place: Path) -> float:
        sniffed = reader.sniff(place)
        return sniffed.confidence if sniffed else 0.0

    return sure


def _is_shard(archive: Path, unpacked: Path) -> bool:
    """Whether an archive is a shard rather than a folder that some format knows."""
    if not archive.is_file() or (seen := registry.get(SHARDS).sniff(archive)) is None:
        return False
    return seen.confidence > max(0.8, _sureness(unpacked))
