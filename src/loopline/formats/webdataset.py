"""WebDataset shards: tar files in which the members of a sample have one name up to the first dot.

A picture or video with `.json`, `.cls` and `.txt` beside it. Shards are read as a stream. Shards hold
pictures under names of their own, so reading puts them into a folder. Pickles and arrays are never read.
"""

from __future__ import annotations

import base64
import binascii
import filecmp
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

from loopline.errors import FormatError
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import MOST_BYTES, read_bytes
from loopline.formats._media import IMAGES, VIDEOS, split_named, split_of, tidy_name
from loopline.formats._shapes import Fault, mask_box, number, size_px
from loopline.formats._smalljson import document, listed, mapping, text
from loopline.formats._support import support
from loopline.formats._webdataset_write import FIELDS, MARK, NAMES, SAMPLE, write
from loopline.kernel.exchange import Event, FieldFound, Sniffed, Source
from loopline.kernel.schema import (
    LABEL_COLUMNS,
    SAMPLE_COLUMNS,
    FieldKind,
    LabelField,
    ScalarType,
    field_from_json,
    unique_name,
)

SUPPORT: Final = support(
    **dict.fromkeys(("boxes", "masks", "polygons", "keypoints", "attributes", "tracks"), "exact"),
    **dict.fromkeys(("scores", "crowd", "tags", "splits", "picture_fields"), "exact"),
    ids="lossy: the place in the shards is the order of the view",
)
OWN: Final[dict[str, ScalarType]] = {"caption": "text"}
_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz")
_MOST_MEDIA: Final = 4 << 30
_PART: Final = 1 << 20
_PART_FILE: Final = ".webdataset.part"
_DEFAULT_NAME: Final = "ground_truth"


def sniff(path: Path) -> Sniffed | None:
    """A tar file that begins with a picture and what belongs to it, or a folder of such files."""
    shards = _shards(path)[:1]
    for shard in shards:
        try:
            with tarfile.open(shard, "r:*") as archive:
                names = [one.name for one, _ in zip(archive, range(8), strict=False) if one.isfile()]
        except (tarfile.TarError, OSError, EOFError):
            return None
        keys: dict[str, set[str]] = {}
        for name in names:
            key, ending = _parted(name)
            keys.setdefault(key, set()).add(f".{ending.rpartition('.')[2]}")
        ours = [e for e in keys.values() if e & (IMAGES | VIDEOS)]
        if ours:
            sure = 0.9 if any(len(e) > 1 for e in ours) else 0.6
            return Sniffed(sure, f"WebDataset: {len(_shards(path))} shards")
    return None


def _shards(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.name.lower().endswith(_SUFFIXES) else []
    if not path.is_dir():
        return []
    found = [p for pattern in ("*.tar*", "*.tgz", "*/*.tar*") for p in path.glob(pattern) if p.is_file()]
    return sorted(p for p in found if p.name.lower().endswith(_SUFFIXES) and not p.name.startswith("."))


def _parted(name: str) -> tuple[str, str]:
    """A member's name up to the first dot of its last part, and the lower-case rest.

    >>> _parted("a.b/000.seg.png")
    ('a.b/000', 'seg.png')
    """
    folder, _, last = name.rpartition("/")
    stem, _, ending = last.partition(".")
    return (f"{folder}/{stem}" if folder else stem), ending.lower()


def read(source: Source, *, extract_to: Path | str | None = None) -> Iterator[Event]:
    """A shard, or a folder of shards, as events.

    extract_to   folder that the pictures are put into; no file there is replaced. Instead, `media` may name a
                 folder where they are.

    Raises FormatError where there is no shard, or no folder for the pictures is named.
    """
    path = source.path.absolute()
    if not path.exists():
        raise no_file(source.path)
    shards = _shards(path)
    if not shards:
        raise FormatError("no tar files", where=str(source.path), hint="name a shard, or the folder of the shards")
    if extract_to is None and source.media is None:
        raise FormatError(
            "the pictures are inside the shards",
            where=str(source.path),
            hint='say where to put them: extract_to="folder"',
        )
    folder = path if path.is_dir() else path.parent
    target = Path(extract_to).absolute() if extract_to is not None else None
    root = target or source.media
    assert root is not None
    reader = _Reader(source, root.absolute(), target is not None, Gather(source, "webdataset", path, OWN))
    reader.declare(folder)
    for number_, shard in enumerate(shards):
        split = split_named(re.split(r"[^A-Za-z]", shard.name)[0]) or split_of(shard.as_posix()[len(str(folder)) :])
        for group in _groups(shard, reader):
            with reader.gather.row(group.where):
                reader.sample(group, shard, split)
            if reader.full():
                yield from reader.flush()
        source.report(number_ + 1, len(shards))
    yield from reader.end()


@dataclass(slots=True)
class _Group:
    key: str
    where: str
    texts: dict[str, bytes] = field(default_factory=dict)  # json, cls, txt
    media: str = ""  # ending of the picture
    file: Path | None = None  # where the picture was put for now


def _groups(shard: Path, reader: _Reader) -> Iterator[_Group]:
    """The samples of a shard, one after the other; a picture is on the disk when its sample comes."""
    group: _Group | None = None
    gather = reader.gather
    try:
        with tarfile.open(shard, "r|*") as archive:
            for member in archive:
                where = f"{shard.name}: {member.name}"
                if member.isdir():
                    continue
                if not member.isfile():
                    gather.skip("a link or a device in the shard", where)
                    continue
                key, ending = _parted(member.name)
                if group is None or group.key != key:
                    if group is not None:
                        yield group
                    group = _Group(key, f"{shard.name}: {key}")
                _take(group, member, ending, archive, where, reader)
    except (tarfile.TarError, OSError, EOFError) as error:
        gather.skip("the shard breaks off; what came before it was read", f"{shard.name}: {error}")
    if group is not None:
        yield group


def _take(
    group: _Group, member: tarfile.TarInfo, ending: str, archive: tarfile.TarFile, where: str, reader: _Reader
) -> None:
    gather = reader.gather
    short = f".{ending.rpartition('.')[2]}"
    content = archive.extractfile(member)
    if content is None:
        return
    if ending in ("json", "cls", "txt", "text", "caption"):
        if member.size > MOST_BYTES:
            gather.skip(f"a label of more than {MOST_BYTES:,} bytes", where)
        else:
            group.texts[ending] = content.read()
    elif short in IMAGES or short in VIDEOS:
        if group.media:
            gather.warn("a second picture of a sample; left out", where)
        elif member.size > _MOST_MEDIA:
            gather.skip(f"a picture of more than {_MOST_MEDIA:,} bytes", where)
        else:
            group.media = ending
            if reader.extract:
                group.file = reader.put(content)
    else:
        gather.warn(f"members that are not read: .{ending}", where)


@dataclass(slots=True)
class _Reader:
    source: Source
    root: Path
    extract: bool
    gather: Gather
    fields: dict[str, Gather] = field(default_factory=dict)
    declared: dict[str, LabelField] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)  # of classes

    def declare(self, folder: Path) -> None:
        """What stands beside the shards: fields.json, which we write, and names of classes."""
        try:
            if (folder / FIELDS).is_file():
                for one in listed(document(read_bytes(str(folder / FIELDS), [folder]))[0]):
                    found = field_from_json(one)
                    self.declared[found.name] = found
            for name in NAMES:
                if (folder / name).is_file() and not self.names:
                    lines = read_bytes(str(folder / name), [folder]).decode("utf-8", "replace").splitlines()
                    self.names = [line.strip() for line in lines if line.strip()]
        except (FormatError, KeyError, TypeError, ValueError) as error:
            self.gather.warn(f"{FIELDS} cannot be used: {type(error).__name__}", str(folder))
        self.gather.classes = list(dict.fromkeys(self.names))

    def put(self, content: IO[bytes]) -> Path:
        """A picture, for now under a name of its own; it gets its own when its sample is complete."""
        file = self.root / _PART_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        with new_file(file) as out:
            while part := content.read(_PART):
                out.write(part)
        return file

    def sample(self, group: _Group, shard: Path, split: str | None) -> None:
        where = group.where
        content: Any = None
        said = ""
        if "json" in group.texts:
            try:
                content, said = document(group.texts["json"])
            except FormatError as error:
                self.gather.skip(f"the .json member: {error.what}", where)
        if said:
            self.gather.warn(said, where)
        found = mapping(content)
        ours = mapping(found.get(MARK))
        path = text(ours.get("path")) if ours else None
        if path is None:
            if not group.media:
                raise Fault("a sample without a picture")
            path = f"{shard.name.partition('.')[0]}/{group.key}.{group.media}"
        name = tidy_name(path)
        if name is not None and group.file is not None:
            self._settle(group.file, name)
        built_in = {k: v for k in SAMPLE if (v := ours.get(k)) is not None}
        sides = {k: size_px(ours.get(k, found.get(k))) for k in ("width", "height")}
        columns = dict(mapping(ours.get("columns")))
        if not ours:
            columns = {
                k: v
                for k, v in found.items()
                if k not in ("annotations", "objects", "width", "height") and v is not None
            }
        split_here = {"split": built_in.pop("split", None)} if ours else {"split": split}
        key = self.gather.sample(path, where, root=self.root, columns=columns, **{**built_in, **sides, **split_here})
        for index, one in enumerate(listed(ours.get("labels"))):
            place = f"{where}.json: labels[{index}]"
            with self.gather.row(place):
                self._label(mapping(one), key, place)
        if not ours:
            self._others(group, found, key, where)

    def _settle(self, file: Path, name: str) -> None:
        target = self.root / name
        if target.suffix.lower() not in IMAGES | VIDEOS:
            raise Fault("a picture whose name is not a picture's")
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise Fault("a picture's folder is a link that leads out")
        if target.exists():
            if not filecmp.cmp(file, target, shallow=False):
                raise Fault("another file of the picture's name is there already", "name an empty folder")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)

    def _others(self, group: _Group, found: Mapping[str, Any], key: int, where: str) -> None:
        """Labels as other tools write them: .cls, .txt, and boxes in .json."""
        if "cls" in group.texts:
            word = group.texts["cls"].decode("utf-8", "replace").strip()
            place = int(word) if word.isdecimal() and len(word) < 9 else -1
            with self.gather.row(where):
                if not word:
                    raise Fault("an empty .cls member")
                self.gather.add("class", key, self.names[place] if 0 <= place < len(self.names) else word, where)
        caption = next((group.texts[k] for k in ("txt", "text", "caption") if k in group.texts), None)
        if caption is not None and (words := caption.decode("utf-8", "replace").strip()):
            self.gather.add("class", key, None, where, own={"caption": words})
        for name in ("annotations", "objects"):
            for index, one in enumerate(listed(found.get(name))):
                place_ = f"{where}.json: {name}[{index}]"
                with self.gather.row(place_):
                    one = mapping(one)
                    box = [number(n) for n in listed(one.get("bbox"))]
                    if len(box) != 4:
                        raise Fault("an annotation without a bbox of x, y, width, height")
                    label = next(
                        (t for k in ("label", "category", "category_name", "class") if (t := text(one.get(k)))), None
                    )
                    rest = {
                        k: v for k, v in one.items() if k not in ("bbox", "label", "category", "category_name", "class")
                    }
                    self.gather.add(
                        "box", key, label, place_, attributes=rest or None, x=box[0], y=box[1], w=box[2], h=box[3]
                    )

    def _label(self, one: Mapping[str, Any], key: int, where: str) -> None:
        name = text(one.get("field")) or ""
        if name not in self.declared:
            raise Fault(f"a label of a field that {FIELDS} does not have", f"{FIELDS} stands beside the shards")
        kind = self.declared[name].kind
        values = {k: v for k, v in mapping(one.get("values")).items() if k in LABEL_COLUMNS[kind]}
        for side in (k for k in "xywh" if k in values):
            values[side] = number(values[side])
        if "mask" in values:
            try:
                values["mask"] = base64.b64decode(values["mask"], validate=True)
            except (binascii.Error, ValueError, TypeError):
                raise Fault("a mask that is not base64") from None
            if kind == "box":
                mask_box(values["mask"])
        tags = [t for tag in listed(one.get("tags")) if (t := text(tag))]
        if tags:
            values["tags"] = tags
        self.met.add(name)
        self._gather(name, kind).add(
            kind, key, text(one.get("label")), where, attributes=dict(mapping(one.get("attributes"))) or None, **values
        )

    def _gather(self, name: str, kind: FieldKind) -> Gather:
        if name not in self.fields:
            schema, given = self.source.schema, self.source.name
            alone = len(self.declared) == 1 and given != _DEFAULT_NAME
            taken = set(SAMPLE_COLUMNS) | {f.name for f in schema.fields if f.kind != kind}
            taken |= {c.name for c in schema.columns} | {g.source.name for g in self.fields.values()}
            own = replace(self.source, name=unique_name(given if alone else name, taken))
            gather = self.fields[name] = Gather(own, "webdataset", self.source.path)
            found = self.declared[name]
            gather.classes = list(found.classes)
            gather.keypoint_names, gather.skeleton = found.keypoint_names, found.skeleton
            gather.declared = {a.source_name or a.name: a for a in found.attributes}
            self.gather.columns.taken.add(own.name)
        return self.fields[name]

    def full(self) -> bool:
        return self.gather.full() or any(one.full() for one in self.fields.values())

    def flush(self) -> Iterator[Event]:
        yield from self.gather.flush()
        for one in self.fields.values():
            yield from one.flush()

    def end(self) -> Iterator[Event]:
        if self.extract:
            (self.root / _PART_FILE).unlink(missing_ok=True)
        if self.declared:
            yield from self.gather.flush()
        else:
            yield from self.gather.end()
        for name, found in self.declared.items():
            own = self._gather(name, found.kind).source.name
            yield FieldFound(replace(found, name=own, attributes=()))
            if name in self.met:
                yield from self.fields[name].end()
            else:
                yield FieldFound(replace(found, name=own))


FORMAT: Final = FileFormat("webdataset", "WebDataset", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
