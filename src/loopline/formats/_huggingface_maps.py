"""Class maps in a Hugging Face data set: a second column of pictures, whose pixels are numbers of classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from loopline.formats._class_table import ClassRow, colour_of
from loopline.formats._coco_classes import class_names
from loopline.formats._huggingface_write import ID2LABEL, MAPS, OURS
from loopline.formats._inside import read_bytes
from loopline.formats._mask_read import class_map, mask_field
from loopline.formats._shapes import whole
from loopline.formats._smalljson import document, mapping
from loopline.kernel.exchange import Event, FieldFound, Problem

_KEYS: Final = frozenset(
    {
        "annotation",
        "annotations",
        "mask",
        "masks",
        "label",
        "labels",
        "segmentation",
        "segmentation_map",
        "semantic_mask",
    }
)
_PLACE: Final = re.compile("[0-9]{1,5}")


@dataclass(slots=True)
class Maps:
    """The maps of a data set."""

    column: str = ""  # "": none was met
    numbers: set[int] = field(default_factory=set)  # that occur in them
    described: Mapping[str, Any] = field(default_factory=dict)  # what we wrote of them

    def are_in(self, key: str) -> bool:
        """Whether a column of pictures is that of the maps: the first of such a name."""
        return key in _KEYS and self.column in ("", key)

    def blob(self, picture: bytes) -> bytes:
        """A map as labels hold it. Raises Fault."""
        found = class_map(picture, ())
        self.numbers.update(found.ids)
        return found.blob

    def as_field(self, name: str, base: Path) -> Iterator[Event]:
        """The field of class maps: classes from our own metadata, else from id2label.json, else the numbers."""
        ids = mapping(self.described.get("ids"))
        if not ids and (file := base / ID2LABEL).is_file():
            ids = mapping(document(read_bytes(str(file), [base]))[0])
        rows = [{"id": int(k), "name": v} for k, v in ids.items() if _PLACE.fullmatch(k)]
        names = class_names(rows)
        void = whole(self.described.get("void"))
        strange = sorted(n for n in self.numbers if n not in names and n != void)
        if strange:
            told = ", ".join(map(str, strange[:8]))
            yield Problem("warning", "class maps with numbers that nothing names; they are classes of that name", told)
        taken = set(names.values())
        names |= {n: str(n) if str(n) not in taken else f"{n} (unlisted)" for n in strange}
        colours = mapping(self.described.get("colours"))
        table = [ClassRow(n, word, colour_of(colours.get(str(n)))) for n, word in names.items()]
        yield FieldFound(mask_field(name, names, table, void))


def described(schema: pa.Schema) -> Mapping[str, Any]:
    """What the metadata of a table that we wrote says of its class maps."""
    try:
        return mapping(mapping(msgspec.json.decode((schema.metadata or {}).get(OURS, b"{}"))).get(MAPS))
    except msgspec.DecodeError:
        return {}


def is_picture(value: Any) -> bool:
    """Whether a cell is a picture as such a data set holds it."""
    return isinstance(value, dict) and set(value) == {"bytes", "path"}
