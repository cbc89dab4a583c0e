"""Keeping the pictures of an import inside the data set's own folder.

A file goes to `<data set>/media/<prefix>/<path>`, where the prefix is the first two hex digits of its content's hash
(BLAKE2b-128), more of them where another picture has that place. So the path of the sample stays as it was, the same
picture always gets the same place, and no picture ever replaces another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal, TypeAlias

from loopline.errors import FormatError, MediaError
from loopline.front.placing import roots_of, with_places
from loopline.kernel.exchange import Event, SampleRows
from loopline.media.references import is_url, media_file
from loopline.store.location import FolderLocation, Location

Keep: TypeAlias = Literal["reference", "copy", "link"]
"""What an import does with pictures: refers to them where they are, copies them into the data set, or links to them."""

FOLDER: Final = "media"
_LEAST: Final = 2  # hex digits of the prefix
_PREFIX: Final = re.compile("[0-9a-f]{2,32}")
_BLOCK: Final = 1 << 20


def folder_of(location: Location) -> Path:
    """The folder of a data set's own pictures. Raises FormatError where the data set is not in a folder."""
    if not isinstance(location, FolderLocation):
        raise FormatError(
            "only a data set in a folder can keep pictures of its own",
            where=str(location),
            hint='leave the pictures where all users reach them, with media="reference"',
        )
    return location.folder / FOLDER


def made_all(folder: Path) -> bool:
    """Whether everything in the folder was put there by `kept`."""
    return folder.is_dir() and all(_PREFIX.fullmatch(entry.name) for entry in folder.iterdir())


def kept(
    events: Iterator[Event],
    folder: Path,
    keep: Keep,
    check: Callable[[], None],
    *,
    passing: Path | None = None,
    fetch: Callable[[str, str], str | None] = lambda _root, _path: None,
    only: Callable[[str], bool] = lambda _root: True,
) -> Iterator[Event]:
    """The events, with every picture that can be read copied or linked into `folder`, and its sample rooted there.

    passing   files in this folder are about to be deleted: they get a second name rather than a copy
    only      whether pictures of this root are meant
    fetch     a file with the remote picture of a root and path; None: it does not come

    A picture that is missing stays where its label file says it is. Breaking off loses nothing: what is in place by
    then is found there next time. Raises FormatError for remote pictures that would be linked to.
    """
    for event in events:
        yield _placed(event, folder, keep, check, passing, fetch, only) if isinstance(event, SampleRows) else event


def _placed(
    event: SampleRows,
    folder: Path,
    keep: Keep,
    check: Callable[[], None],
    passing: Path | None,
    fetch: Callable[[str, str], str | None],
    only: Callable[[str], bool],
) -> SampleRows:
    roots = []
    for before, path in zip(roots_of(event), event.table["path"].to_pylist(), strict=True):
        check()
        root = None
        try:
            if not only(before):
                pass
            elif keep == "link" and (is_url(before) or (passing and Path(before).is_relative_to(passing))):
                raise FormatError(
                    "pictures in an archive or on the network cannot be linked to",
                    where=before,
                    hint='copy them: media="copy"; or leave them where they are: media="reference"',
                )
            elif is_url(before):
                remote = fetch(before, path)
                root = str(_place(Path(remote), path, folder, keep, None)) if remote else None
            else:
                file = Path(media_file(before, path))
                inside = file.is_relative_to(folder)  # it is the data set's own already
                if not inside and file.is_file():
                    root = str(_place(file, path, folder, keep, passing))
        except MediaError:
            pass  # a path that leads nowhere is reported with the missing pictures
        roots.append(root or before)
    return with_places(event, roots, event.table["path"].to_pylist())


def _place(file: Path, path: str, folder: Path, keep: Keep, passing: Path | None) -> Path:
    """Put one picture in place; the root that it then has."""
    digest = _hash(file)
    for digits in range(_LEAST, len(digest) + 1):
        root = folder / digest[:digits]
        target = Path(media_file(str(root), path))
        if target.is_file():
            if _hash(target) == digest:
                return root
        elif not os.path.lexists(target):
            _put(file, target, keep, passing)
            return root
    raise FormatError("no free place for a picture", where=str(file), hint=f"look into {folder}")


def _put(file: Path, target: Path, keep: Keep, passing: Path | None) -> None:
    """Beside the target first, then renamed: a crash leaves no half picture."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    beside.unlink(missing_ok=True)
    try:
        if keep == "link":
            beside.symlink_to(file.resolve())
        elif passing is not None and file.is_relative_to(passing) and _named_again(file, beside):
            pass
        else:
            with file.open("rb") as source, beside.open("wb") as out:
                while block := source.read(_BLOCK):
                    out.write(block)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _named_again(file: Path, beside: Path) -> bool:
    """Give a file a second name; False where the disk has no such thing."""
    try:
        beside.hardlink_to(file)
    except OSError:
        return False
    return True


def _hash(file: Path) -> str:
    found = blake2b(digest_size=16)
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
