"""A table with a column for each class: 1 where a picture has it. Roboflow calls it `_classes.csv`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loopline.errors import FormatError
from loopline.formats import _table_csv
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather
from loopline.formats._shapes import Fault
from loopline.formats._split_files import UNSPLIT, candidates, one_set, read_file_or_parts
from loopline.formats._support import support
from loopline.kernel.exchange import Event, Sniffed, Source

SUPPORT: Final = support(splits="lossy: read only")
NAME: Final = "_classes.csv"
_PICTURE: Final = frozenset({"filename", "file", "image", "path"})
_TRUTH: Final = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": False}


def sniff(path: Path) -> Sniffed | None:
    """A file named `_classes.csv` whose first column names pictures; a folder with one for each split."""
    if path.is_dir():
        parts = one_set(found, path) if (found := _files_in(path)) else []
        return Sniffed(0.9, f"classes of pictures: {', '.join(p.split or UNSPLIT for p in parts)}") if parts else None
    if path.name.lower() != NAME or not path.is_file():
        return None
    try:
        names, _ = _table_csv.header(path)
    except FormatError:
        return None
    if not names or names[0].lower() not in _PICTURE or len(names) < 2:
        return None
    return Sniffed(0.95, f"classes of pictures: {', '.join(names[1:9])}")


def _files_in(folder: Path) -> list[Path]:
    return [p for p in candidates(folder, NAME) if sniff(p) is not None]


def read(source: Source) -> Iterator[Event]:
    """A table, or a folder with one for each split, as rows of a class field. Raises FormatError where it is none."""
    return read_file_or_parts(source, _files_in, _read_file, NAME)


def _read_file(source: Source) -> Iterator[Event]:
    names, _ = _table_csv.header(source.path)
    if len(names) < 2:
        raise FormatError("no columns of classes", where=str(source.path), hint="filename, then a column a class")
    gather = Gather(source, "onehot", source.path.absolute(), classes=names[1:])
    for batch in _table_csv.batches(source.path, source.report):
        for problem in batch.problems:
            (gather.skip if problem.kind == "skipped" else gather.warn)(problem.what, problem.where, problem.hint)
        pictures, *columns = (batch.columns[name] for name in names)
        for row, line in enumerate(batch.lines):
            where = f"{source.path.name}:{line}"
            with gather.row(where):
                truths = [_TRUTH.get((cells[row] or "").strip().lower()) for cells in columns]
                if None in truths:
                    raise Fault("a cell that is neither 0 nor 1", f'column "{names[1 + truths.index(None)]}"')
                key = gather.sample(pictures[row] or "", where)
                for name, truth in zip(names[1:], truths, strict=True):
                    if truth:
                        gather.add("class", key, name, where)
        yield from gather.flush()
    yield from gather.end()


FORMAT: Final = FileFormat("onehot", "Table of classes", sniff, read)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff"]
