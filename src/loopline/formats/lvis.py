"""LVIS: COCO JSON with many classes, where each picture says which absent classes were looked for.

Read and written by COCO's own reader and writer, so LVIS → Loopline → LVIS is the same document: `neg_category_ids` and
`not_exhaustive_category_ids` are JSON columns of the samples; `frequency`, `synset`, `synonyms`, `def` and the counts stay
with the classes. Pictures are named by the last two parts of `coco_url` where they have no `file_name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from loopline.errors import FormatError
from loopline.formats._coco_read import CocoReader
from loopline.formats._coco_write import _Writer
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._support import support
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written

LISTS: Final = ("neg_category_ids", "not_exhaustive_category_ids")
_HEAD: Final = 1 << 16
_MARK: Final = re.compile(rb'"(neg_category_ids|not_exhaustive_category_ids)"\s*:')
_CLASS: Final = re.compile(rb'"(frequency|synset)"\s*:')
_RARE, _COMMON = 10, 100  # pictures: up to 10 is rare, up to 100 common, as LVIS has it


def sniff(path: Path) -> Sniffed | None:
    """By LVIS's own keys in the first or last 64 kB of a JSON file."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, path.stat().st_size - _HEAD))
        both = head + b"\n" + file.read()
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
        return None
    if _MARK.search(both) or len(set(_CLASS.findall(both))) == 2:
        return Sniffed(1.0, "LVIS JSON")
    return None


def read(source: Source) -> Iterator[Event]:
    """An LVIS file as events. Raises FormatError where there is no such file or it is not JSON."""
    path = source.path.absolute()
    if not path.is_file():
        raise FormatError("there is no such file", where=str(path), hint="name the JSON file")
    return CocoReader(source, path, None).events()


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write one box field as LVIS.

    Pictures that did not come from LVIS get empty lists, and classes get `frequency`, `image_count` and `instance_count`.
    Raises FormatError for more than one field, or another kind than boxes and polygons.
    """
    if len(fields) != 1 or what.schema.field(fields[0]).kind not in ("box", "polygon"):
        raise FormatError("LVIS holds exactly one field of boxes or polygons", hint="name one field")
    label_field = what.schema.field(fields[0])
    file = target if target.suffix.lower() == ".json" else target / "annotations.json"
    writer = _LvisWriter(what, label_field, label_field.meta.get("coco", {}), False)
    with new_file(file) as out:
        writer.write(out)
    lost = {name: n for name, n in sorted(writer.lost.items()) if n}
    return Written([file], writer.samples, writer.objects, lost)


@dataclass
class _LvisWriter(_Writer):
    """COCO's writer, with what LVIS's own tools ask for."""

    def _document(self, out: Any, images: Any, categories: Any, codes: Any, plan: Any) -> None:
        if any("frequency" not in c for c in categories):
            categories = self._counted(categories)
        _Writer._document(self, out, images, categories, codes, plan)

    def _counted(self, categories: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The categories with their counts, where they have none."""
        assert self.label_field is not None
        objects: dict[str, int] = {}
        pictures: dict[str, set[int]] = {}
        for table in self.what.labels(self.label_field.name):
            for label, sample in zip(table["label"].to_pylist(), table["sample_id"].to_pylist(), strict=True):
                objects[label] = objects.get(label, 0) + 1
                pictures.setdefault(label, set()).add(sample)
        out = []
        for category in categories:
            name = category.get("name", "")
            count = len(pictures.get(name, ()))
            frequency = "r" if count <= _RARE else "c" if count <= _COMMON else "f"
            found = {"frequency": frequency, "image_count": count, "instance_count": objects.get(name, 0)}
            out.append({**found, **category})
        return out

    def _images(self, images: Any) -> Iterator[list[Any]]:
        for rows in _Writer._images(self, images):
            yield [{**{key: [] for key in LISTS}, **msgspec.to_builtins(row)} for row in rows]


SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="exact",
    keypoints="exact",
    attributes="exact",
    tracks="lossy: track ids, no frames",
    scores="exact",
    crowd="exact",
    ids="exact",
    picture_fields="exact",
)

FORMAT: Final = FileFormat("lvis", "LVIS JSON", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
