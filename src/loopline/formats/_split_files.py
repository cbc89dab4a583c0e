"""Several label files that are one data set: a JSON file for each split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import FormatError
from loopline.formats._gather import no_file
from loopline.formats._media import split_named
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import DatasetSchema

OURS: Final = "instances"
UNSPLIT: Final = "unsplit"
_CODES: Final = 1 << 40  # category ids of a file start at its number times this
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A label file of a folder; `kind` is its name without the split."""

    file: Path
    kind: str
    split: str | None


def split_folders(folder: Path) -> list[Path]:
    """The folder, and the folders of splits in it."""
    return [folder, *(p for p in sorted(folder.iterdir())[:_MOST] if p.is_dir() and split_named(p.name))]


def candidates(folder: Path, pattern: str = "*.json") -> list[Path]:
    """Files that may be label files: in the folder, in `annotations`, and in the folders of splits."""
    top, *splits = split_folders(folder)
    places = [place for place in (top, top / "annotations", *splits) if place.is_dir()]
    found = [p for place in places for p in sorted(place.glob(pattern))[:_MOST]]
    return [p for p in found if p.is_file() and not p.is_symlink()]


def part_of(file: Path, top: Path) -> Part:
    """What a file's name and folder say of it: `instances_val2017.json`, `train/_annotations.coco.json`."""
    words = [w for w in re.split(r"[^A-Za-z0-9]+", file.stem) if w]
    for place, word in enumerate(words):
        bare = re.sub(r"(19|20)\d\d\Z", "", word).lower()
        split = split_named(bare)
        if split or bare == UNSPLIT:
            return Part(file, "_".join(words[:place] + words[place + 1 :]).lower(), split)
    folder = split_named(file.parent.name) if file.parent != top else None
    kind, _, rest = file.stem.partition("_")
    if folder is None and kind == OURS and rest:
        return Part(file, kind, rest)
    return Part(file, "_".join(words).lower(), folder)


def one_set(files: list[Path], top: Path) -> list[Part]:
    """The files as parts of one data set: of one kind, each of another split. Empty where they are not."""
    parts = [part_of(file, top) for file in files]
    splits = {part.split for part in parts}
    return parts if len({part.kind for part in parts}) == 1 and len(splits) == len(parts) else []


def read_file_or_parts(
    source: Source, found: Callable[[Path], list[Path]], read: Callable[[Source], Iterator[Event]], name: str
) -> Iterator[Event]:
    """The events of a file, or of a folder's files, one for each split.

    found   label files of a folder · name: what such a file is called
    Raises  FormatError where there is none, or where they are not one data set
    """
    if not source.path.exists():
        raise no_file(source.path)
    if source.path.is_file():
        return read(source)
    top = source.path.absolute()
    parts = one_set(found(top), top)
    if not parts:
        raise FormatError(f"no {name}, or several of one split", where=str(top), hint="name one file")
    return read_parts(parts, source, top, read)


def read_parts(
    parts: list[Part], source: Source, top: Path, read: Callable[[Source], Iterator[Event]]
) -> Iterator[Event]:
    """The events of all files. What the first file says of columns and types counts for the next ones."""
    schema = source.schema
    for number, part in enumerate(parts):
        apart = part.file.parent not in (top, top / "annotations")
        mine = replace(source, path=part.file, split=source.split or part.split, schema=schema)
        for event in read(mine):
            if isinstance(event, SampleRows):
                columns = {c.name: c for c in (*schema.columns, *event.columns)}
                schema = DatasetSchema(tuple(columns.values()), schema.fields)
                yield _samples(event, number, top if apart and source.media is None else None)
            elif isinstance(event, LabelRows):
                yield _labels(event, number)
            elif isinstance(event, FieldFound):
                known = [f for f in schema.fields if f.name != event.field.name]
                merged = schema.field(event.field.name).merged(event.field) if len(known) < len(schema.fields) else None
                schema = DatasetSchema(schema.columns, (*known, merged or event.field))
                yield replace(event, codes={code + number * _CODES: name for code, name in event.codes.items()})
            else:
                yield _problem(event, part.file, top)


def _samples(event: SampleRows, number: int, top: Path | None) -> SampleRows:
    table = _keyed(event.table, "key", number)
    root = Path(event.root)
    if top is not None and root != top and root.is_relative_to(top):
        # Files of two splits may have one name: the split's folder belongs to the path.
        under = root.relative_to(top).as_posix()
        paths = pc.binary_join_element_wise(under, table["path"].cast(pa.string()), "/")
        return replace(event, table=table.set_column(table.column_names.index("path"), "path", paths), root=str(top))
    return replace(event, table=table)


def _labels(event: LabelRows, number: int) -> LabelRows:
    table = event.table if event.match else _keyed(event.table, "sample_key", number)
    if number and "class_code" in table.column_names:
        codes = pc.add(table["class_code"], pa.scalar(number * _CODES, pa.int64()))
        table = table.set_column(table.column_names.index("class_code"), "class_code", codes)
    return replace(event, table=table)


def _keyed(table: pa.Table, name: str, number: int) -> pa.Table:
    """Ids of pictures start anew in each file, so the file's number belongs to them."""
    keys = pc.binary_join_element_wise(str(number), table[name].cast(pa.string()), "/")
    return table.set_column(table.column_names.index(name), name, keys)


def _problem(event: Problem, file: Path, top: Path) -> Problem:
    where = event.where.removeprefix(file.name)
    return event if where == event.where else replace(event, where=f"{file.relative_to(top).as_posix()}{where}")
