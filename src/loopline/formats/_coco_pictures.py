"""A COCO file's images as sample rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from msgspec import UNSET

from loopline.formats._coco_chunk import (
    ID,
    REST,
    Where,
    all_missing,
    batches,
    column,
    extra,
    fault_problems,
    numbers,
    put_rest,
    rows_of,
)
from loopline.formats._coco_ids import Ids
from loopline.formats._coco_rows import IMAGE_KEYS, RowType
from loopline.formats._columns import OpenColumns
from loopline.formats._jsonstream import Elements
from loopline.formats._media import all_tidy, find_root, tidy_name
from loopline.kernel.exchange import Event, Problem, SampleRows, Source
from loopline.kernel.schema import SAMPLE_COLUMNS

_NEEDED: Final = frozenset({"id", "file_name"})


@dataclass(slots=True)
class Pictures:
    """The images of one file, chunk by chunk."""

    source: Source
    path: Path
    where: Where
    type: RowType = field(default_factory=lambda: RowType(IMAGE_KEYS, _NEEDED))
    columns: OpenColumns = field(init=False)
    ids: Ids = field(default_factory=Ids)
    root: Path | None = None  # once a picture is read
    keys: set[str] = field(default_factory=set)  # of file_name, width and height: those that the file uses

    def __post_init__(self) -> None:
        schema = self.source.schema
        fields = {f.name for f in schema.fields} | {self.source.name}
        self.columns = OpenColumns(set(SAMPLE_COLUMNS) | fields, schema.columns, {"id": ID, REST: REST})

    def events(self, part: Elements) -> Iterator[Event]:
        rows, left, faults = rows_of(self.type, part)
        yield from fault_problems(faults, part, self.where)
        index = [i for i, row in enumerate(rows) if row is not None]
        rows = [rows[i] for i in index] if len(index) < len(rows) else rows
        fresh = self.ids.add(column(rows, "id"))
        names = self._file_names(rows)
        if all(fresh) and set(map(type, names)) == {str} and all_tidy(pa.array(names)):
            paths = names
        else:
            keep, paths = [], []
            for place, (name, new) in enumerate(zip(names, fresh, strict=True)):
                path = tidy_name(name) if type(name) is str else None
                if path is not None and new:
                    keep.append(place)
                    paths.append(path)
                    if path != name:
                        left.setdefault(index[place], {})["file_name"] = name
                    continue
                what, hint = _fault(rows[place].id, name, new=new)
                yield Problem("skipped", what, self.where("images", part.first + index[place], rows[place].id), hint)
            if len(keep) < len(rows):
                rows, index = [rows[i] for i in keep], [index[i] for i in keep]
        if rows:
            if self.root is None:
                self.root = find_root(paths, self.path, self.source.media)
            rest = {new: left[old] for new, old in enumerate(index) if old in left} if left else {}
            table = pa.table(self._columns(rows, paths, rest))
            yield from batches(table, lambda table: SampleRows(table, str(self.root), self.columns.columns))

    def _columns(self, rows: Sequence[Any], paths: list[str], rest: dict[int, dict[str, Any]]) -> dict[str, Any]:
        ids = column(rows, "id")
        columns: dict[str, Any] = {"key": self.ids.array(ids), "path": pa.array(paths)}
        for key in ("width", "height"):
            values = column(rows, key)
            if not all_missing(values):
                self.keys.add(key)
                columns[key] = numbers(values, "int", rest, key)
        if not all_missing(column(rows, "file_name")):
            self.keys.add("file_name")
        if self.source.split is not None:
            columns["split"] = pa.array([self.source.split] * len(rows))
        extra(self.columns, "id", ids, columns, rest)
        for key in self.type.extras:
            extra(self.columns, key, self.type.column(rows, key), columns, rest)
        put_rest(self.columns, columns, rest)
        return columns

    def _file_names(self, rows: Sequence[Any]) -> list[Any]:
        """Each picture's name; from its URL where the file has only that (as LVIS)."""
        names = column(rows, "file_name")
        if UNSET in names and "coco_url" in self.type.extras:
            urls = self.type.column(rows, "coco_url")
            names = [
                "/".join(url.split("/")[-2:]) if name is UNSET and type(url) is str else name
                for name, url in zip(names, urls, strict=True)
            ]
        return names


def _fault(own: Any, name: Any, *, new: bool) -> tuple[str, str]:
    if own is UNSET or own is None:
        return "an image without an id", ""
    if name is UNSET or name is None:
        return "an image without a file_name", ""
    if not new:
        return "an image id is there twice, or is of another type than the first", "the first one counts"
    return "its file_name is empty or leads out of the picture folder", "name it relative to the folder"
