"""Archives and remote files as folders that formats can read, for as long as an import takes.

Formats read files on this disk. What an import names elsewhere is brought into a folder of the cache that stands for it
(a `Stand`); places in that folder are told, and kept with samples, as places in the archive or at the URL.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loopline.errors import FormatError, LooplineError
from loopline.front.passing import new_place, passing
from loopline.jobs import Progress, StopSignal, stage
from loopline.kernel.exchange import Problem
from loopline.media import is_url, remote
from loopline.media.archives import IN_PLACE, archive_kind, member_name, split_archive
from loopline.media.unpack import unpack

_AT_ONCE: Final = 8  # transfers
_PLAIN: Final = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz", ".zip", ".tar")


@dataclass(frozen=True, slots=True)
class Stand:
    """A folder on this disk that stands for another place.

    folder     absolute, links followed
    origin     an archive's path, or a URL
    whole      it holds the pictures too; else only label files were brought
    in_place   pictures can be read at the origin
    """

    folder: Path
    origin: str
    whole: bool
    in_place: bool


@dataclass(slots=True)
class Incoming:
    """What an import reads instead of what the user named."""

    folder: Path  # of all stands; made when the first is needed
    start: Callable[[], None]  # makes it
    path: Path = field(default_factory=Path)
    labels: Path | None = None
    stands: list[Stand] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def new_folder(self, name: str) -> Path:
        """An empty folder of that name."""
        if not self.folder.exists():
            self.start()
        folder = self.folder / str(len(self.stands)) / (member_name(name) or "files").rpartition("/")[2]
        folder.mkdir(parents=True)
        return folder

    def told(self, text: str) -> str:
        """A text in which places in stands are those that they stand for."""
        for one in self.stands:
            text = text.replace(str(one.folder), one.origin)
        return text

    def of(self, root: str) -> Stand | None:
        """The stand that a folder lies in."""
        return next((s for s in self.stands if root == str(s.folder) or root.startswith(f"{s.folder}/")), None)

    def at(self, root: str) -> str:
        """The folder on this disk that holds the pictures of a root as samples keep it."""
        for one in self.stands:
            if one.whole and (root == one.origin or root.startswith(f"{one.origin}/")):
                return f"{one.folder}{root[len(one.origin) :]}"
        return root

    def named(self, root: str) -> bool:
        """Whether a root is a URL that the user named, or lies under one."""
        return any(
            is_url(s.origin) and (root == s.origin or root.startswith(f"{s.origin.rstrip('/')}/")) for s in self.stands
        )


@contextmanager
def incoming(
    cache: Path,
    path: str,
    labels: str | None,
    *,
    as_it_is: bool = False,
    limit: int | None = None,
    progress: Progress,
    stop: StopSignal,
) -> Iterator[Incoming]:
    """What stands for `path` and `labels` while the block runs; themselves where they are plain files and folders.

    as_it_is   a local archive is read by the format itself
    limit      bytes that an archive may unpack to; see `unpack`

    An import that was killed leaves its folder behind; the next one removes it.
    Raises FormatError, MediaError, MissingDependency, Stopped, all with places that the user knows.
    """
    own = new_place(cache)
    with ExitStack() as opened:

        def start() -> None:
            opened.enter_context(passing(own))

        found = Incoming(own, start)
        bring = _Bring(found, limit, progress, stop)
        try:
            if labels is not None:
                found.labels = Path(labels) if as_it_is and not is_url(labels) else bring.one(labels)
            found.path = (
                Path(path) if as_it_is and not is_url(path) else bring.one(path, folder_only=labels is not None)
            )
            if found.labels is not None:
                found.path = _inner_folder(found.path, found)
            yield found
        except LooplineError as error:
            error.what, error.where, error.hint = map(found.told, (error.what, error.where, error.hint))
            error.args = (error.what,)
            raise


def _inner_folder(path: Path, found: Incoming) -> Path:
    """Of pictures in an archive: the one folder that everything in it lies in, as label files leave that out."""
    if found.of(str(path)) is None:
        return path
    names = []
    while len(inside := [e for e in path.iterdir() if not e.name.startswith(".")]) == 1 and inside[0].is_dir():
        path = inside[0]
        names.append(path.name)
    if names and found.labels is not None and found.labels.is_file():
        with found.labels.open("rb") as file:
            head = file.read(1 << 20)
        for depth, name in enumerate(names):  # …  unless they say it
            if f"{name}/".encode() in head:
                return path.parents[len(names) - depth - 1]
    return path


@dataclass(slots=True)
class _Bring:
    found: Incoming
    limit: int | None
    progress: Progress
    stop: StopSignal
    archives: dict[str, Path] = field(default_factory=dict)  # unpacked already, by path

    def one(self, text: str, folder_only: bool = False) -> Path:
        if is_url(text):
            return self._remote(text, folder_only)
        split = split_archive(str(Path(text).absolute()))
        if split is None:
            return Path(text)
        archive, inner = os.path.realpath(split[0]), split[1]
        folder = self._unpacked(Path(archive), archive, in_place=archive_kind(archive) in IN_PLACE)
        if inner and (member_name(inner) != inner or not (folder / inner).exists()):
            raise FormatError(
                "there is no such file or folder in the archive", where=text, hint="see how it is written"
            )
        return folder / inner

    def _unpacked(self, archive: Path, origin: str, *, in_place: bool) -> Path:
        if origin in self.archives:
            return self.archives[origin]
        name = next((archive.name[: -len(s)] for s in _PLAIN if archive.name.lower().endswith(s)), archive.name)
        folder = self.found.new_folder(name or "archive")
        self.found.stands.append(Stand(folder, origin, whole=True, in_place=in_place))
        with stage(self.progress, f"unpack {archive.name}", unit="bytes") as report:
            out = unpack(archive, folder, limit=self.limit, report=report, check=self.stop.check)
        self.found.problems += out.problems
        self.archives[origin] = folder
        return folder

    def _remote(self, url: str, folder_only: bool) -> Path:
        origin = url.rstrip("/")
        if remote.is_folder(url):
            folder = self.found.new_folder(origin.rpartition("/")[2])
            if folder_only and remote.web(url):  # a label file names the pictures there
                self.found.stands.append(Stand(folder, origin, whole=False, in_place=True))
            else:
                self.found.stands.append(Stand(folder, origin, whole=True, in_place=True))
                self._mirror(origin, folder)
            return folder
        name = remote.name_of(url) or "file"
        folder = self.found.new_folder("files")
        self.found.stands.append(Stand(folder, remote.shown(url).rpartition("/")[0], whole=False, in_place=True))
        file = folder / name
        with stage(self.progress, f"fetch {name}", unit="bytes") as report:
            remote.fetch(url, file, report=report, check=self.stop.check)
        if archive_kind(file) is None:
            return file
        self.found.stands[-1] = Stand(folder, remote.shown(url), whole=False, in_place=False)
        unpacked = self._unpacked(file, remote.shown(url), in_place=False)
        file.unlink()
        return unpacked

    def _mirror(self, url: str, folder: Path) -> None:
        """Bring every file of a remote folder; one that does not come is a problem."""
        files = list(remote.files_in(url))
        if not files:
            raise FormatError("there is nothing there", where=url, hint="see how it is written")
        total = sum(size for _, size in files)
        if total > shutil.disk_usage(folder).free:
            raise FormatError(f"the folder's {total:,} bytes are more than the disk holds", where=url)

        def fetch(name: str) -> Problem | None:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                remote.fetch(f"{url}/{name}", target, check=self.stop.check)
            except OSError as error:  # MediaError is one
                return Problem("skipped", f"a remote file: {getattr(error, 'what', error)}", f"{url}/{name}")
            return None

        with stage(self.progress, f"fetch {url}", unit="bytes") as report, ThreadPoolExecutor(_AT_ONCE) as pool:
            done = 0
            for (_, size), problem in zip(files, pool.map(fetch, [name for name, _ in files]), strict=True):
                self.stop.check()
                done += size
                report(done, total)
                if problem is not None:
                    self.found.problems.append(problem)
