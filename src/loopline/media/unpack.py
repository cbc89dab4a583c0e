"""Unpacking an archive that nobody vouches for.

Nothing is written outside the folder, links become copies of members or nothing, devices are left out, and what comes
out is counted as it comes, whatever the archive says of itself.
"""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final, Literal

from loopline.errors import FormatError
from loopline.kernel.exchange import Problem, quiet
from loopline.media.archives import BROKEN, Kind, archive_kind, followed, is_link, linked, member_name

RATIO: Final = 100
"""An archive may unpack to this many times its own size, unless the user says otherwise."""

ALWAYS: Final = 1 << 30
"""… and to this many bytes in any case."""

_MOST_MEMBERS: Final = 5_000_000
_MODES: Final[dict[Kind, Literal["r|", "r|gz", "r|bz2", "r|xz"]]] = {
    "tar": "r|",
    "tar.gz": "r|gz",
    "tar.bz2": "r|bz2",
    "tar.xz": "r|xz",
}
_SPARE: Final = 256 << 20  # bytes of the disk that are left free
_BLOCK: Final = 1 << 20
_JUNK: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_OPEN: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(slots=True)
class Unpacked:
    """What came out of an archive."""

    files: int = 0
    size_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Member:
    name: str  # as it stands in the archive
    kind: str  # file, symbolic, hard, odd, locked
    open: Callable[[], IO[bytes] | None]
    target: str = ""  # of a hard link


def unpack(
    archive: Path,
    into: Path,
    *,
    limit: int | None = None,
    report: Callable[[int, int], None] = quiet,
    check: Callable[[], None] = lambda: None,
) -> Unpacked:
    """Unpack a zip, or a tar that is packed or not, into an empty folder.

    limit    bytes that may come out; None: `RATIO` times the archive's size, but at least `ALWAYS`
    report   bytes of the archive read, bytes in all
    check    called between files; what it raises ends the work

    Members that are left out are problems, named and counted.
    Raises FormatError where it is no archive, cannot be read at all, unpacks to more than `limit` or than the disk holds.
    """
    kind = archive_kind(archive)
    if kind is None:
        raise FormatError("no archive that can be read: zip, tar, tar.gz, tar.bz2, tar.xz", where=str(archive))
    size = archive.stat().st_size
    most = limit if limit is not None else max(ALWAYS, RATIO * size)
    out = _Out(archive, into, most, min(most, shutil.disk_usage(into).free - _SPARE), Unpacked())
    members = _zip_members(archive, report) if kind == "zip" else _tar_members(archive, kind, report)
    try:
        for number, member in enumerate(members):
            check()
            if number >= _MOST_MEMBERS:
                raise FormatError(f"an archive of more than {_MOST_MEMBERS:,} files", where=str(archive))
            out.take(member)
    except BROKEN as error:
        if isinstance(error, FormatError):
            raise
        if not out.found.files:
            raise FormatError(
                "the archive is damaged or cut off", where=str(archive), hint="fetch or make it again"
            ) from None
        out.problem("the archive breaks off; what came before it was read", "", "fetch or make it again")
    out.follow()
    report(size, size)
    if not out.found.files and out.found.problems:
        first = out.found.problems[0]
        raise FormatError(f"nothing in it can be unpacked: {first.what}", where=first.where, hint=first.hint)
    return out.found


@dataclass(slots=True)
class _Out:
    archive: Path
    into: Path
    stated: int  # bytes that may come out
    most: int  # … and that the disk holds
    found: Unpacked
    names: set[str] = field(default_factory=set)
    folded: set[str] = field(default_factory=set)  # as a disk that knows no letter case sees them
    folders: set[Path] = field(default_factory=set)  # that are there
    links: dict[str, str] = field(default_factory=dict)

    def problem(self, what: str, name: str, hint: str = "") -> None:
        shown = f"{self.archive}/{name}".encode("utf-8", "backslashreplace").decode() if name else str(self.archive)
        self.found.problems.append(Problem("skipped", what, shown, hint))

    def take(self, member: _Member) -> None:
        name = member_name(member.name)
        if name is None:
            self.problem("a name in the archive that leads out of it, or is not text", member.name)
        elif name.startswith(_JUNK) or name.endswith(_JUNK[1:]):
            return
        elif member.kind == "locked":
            self.problem("an encrypted file in the archive", name, "unpack it with its password first")
        elif member.kind == "odd":
            self.problem("a device, pipe or the like in the archive", name)
        elif member.kind == "hard":
            self.links[name] = member_name(member.target) or ""
        elif member.kind == "symbolic":
            self.links[name] = linked(name, member.target) or ""
        else:
            self._write(name, member)

    def _write(self, name: str, member: _Member) -> None:
        file = self._place(name)
        if file is None:
            return
        try:
            content = member.open()
            if content is None:
                raise EOFError
            with content, os.fdopen(os.open(file, _OPEN, 0o644), "wb") as out:
                for block in iter(partial(content.read, _BLOCK), b""):
                    self._count(len(block))
                    out.write(block)
        except FileExistsError:
            self.problem("a name that is there twice in the archive; the first one counts", name)
            return
        except FormatError:
            raise
        except BROKEN as error:
            file.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise self._full() from None
            if isinstance(error, (tarfile.TarError, EOFError)):
                raise  # a tar has no way on from here
            self.problem("a damaged or oddly packed file in the archive", name, "fetch or make the archive again")
            return
        self._arrived(name)

    def _arrived(self, name: str) -> None:
        self.found.files += 1
        self.names.add(name)
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in self.folded:
            where = f"{self.archive}/{name}"
            self.found.problems.append(Problem("warning", "names that differ only in letter case or accents", where))
        self.folded.add(folded)

    def _place(self, name: str) -> Path | None:
        file = self.into / name
        if file.parent in self.folders:
            return file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.folders.add(file.parent)
        except (FileExistsError, NotADirectoryError):
            self.problem("a file in the archive stands where another one needs a folder", name)
            return None
        except OSError:
            self.problem("a name in the archive that cannot be a file here", name)
            return None
        return file

    def _count(self, size: int) -> None:
        self.found.size_bytes += size
        if self.found.size_bytes <= self.most:
            return
        if self.most < self.stated:
            raise self._full()
        raise FormatError(
            f"the archive unpacks to more than {self.stated:,} bytes",
            where=str(self.archive),
            hint=f"if it can be trusted, raise the limit: unpack_limit={10 * self.stated} (--unpack-limit)",
        )

    def _full(self) -> FormatError:
        return FormatError("the archive unpacks to more than the disk holds", where=str(self.archive))

    def follow(self) -> None:
        """Links to members become copies of them."""
        for name, target in followed(self.links):
            if target not in self.names:
                self.problem("a link that leads out of the archive, or nowhere", name)
                continue
            file = self._place(name)
            if file is None:
                continue
            if os.path.lexists(file):
                self.problem("a name that is there twice in the archive; the first one counts", name)
                continue
            self._count((self.into / target).stat().st_size)
            shutil.copyfile(self.into / target, file)
            self._arrived(name)


def _zip_members(archive: Path, report: Callable[[int, int], None]) -> Iterator[_Member]:
    size, done = archive.stat().st_size, 0
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                yield _Member(info.filename, "locked", lambda: None)
            elif is_link(info):
                short = info.file_size < 4096
                yield _Member(info.filename, "symbolic", lambda: None, _text(opened, info) if short else "/")
            else:
                yield _Member(info.filename, "file", partial(opened.open, info))
            done += info.compress_size
            report(min(done, size), size)


def _text(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    try:
        return opened.read(info).decode()
    except BROKEN:
        return "/"


def _tar_members(archive: Path, kind: Kind, report: Callable[[int, int], None]) -> Iterator[_Member]:
    size = archive.stat().st_size
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode=_MODES[kind]) as opened:
        for info in opened:
            if info.isdir():
                continue
            kinds = {"hard": info.islnk(), "symbolic": info.issym(), "file": info.isreg()}
            what = next((name for name, yes in kinds.items() if yes), "odd")
            yield _Member(info.name, what, partial(opened.extractfile, info), info.linkname)
            report(raw.tell(), size)
            vars(opened)["members"].clear()  # a million of them are not needed again
