"""A COCO file as events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET

from loopline.formats._coco_classes import category_problems, class_names, keypoints_of
from loopline.formats._coco_labels import Labels, Truth
from loopline.formats._coco_pictures import Pictures
from loopline.formats._columns import json_text
from loopline.formats._jsonstream import WINDOW, Broken, Elements, JsonFile, Value
from loopline.kernel.exchange import Event, FieldFound, Problem, Source
from loopline.kernel.schema import LabelField

MOST_EXTRA_BYTES: Final = 4 << 20


@dataclass(slots=True)
class CocoReader:
    """One pass over one file."""

    source: Source
    path: Path
    truth: Truth | None
    pictures: Pictures = field(init=False)
    labels: Labels = field(init=False)
    top: dict[str, Any] = field(default_factory=dict)
    categories: list[Any] | None = None
    too_long: set[str] = field(default_factory=set)  # lists that were not kept

    def __post_init__(self) -> None:
        self.pictures = Pictures(self.source, self.path, self._where)
        self.labels = Labels(self.source, self.path, self._where, self.truth, self.pictures.ids)

    def events(self) -> Iterator[Event]:
        array = "" if self.truth else "annotations"
        file = JsonFile(
            self.path,
            {"images": self.pictures.type.decode, array: self.labels.decode},
            skip={"annotations"} - {array if self.truth else ""},
            report=self.source.report,
            window=WINDOW,
        )
        for part in file:
            if isinstance(part, Value):
                yield from self._value(part)
            elif isinstance(part, Broken):
                yield self._broken(part)
            elif part.key == array:
                yield from self._labels(part)
            elif part.key == "images":
                yield from self._samples(part)
                # From here on annotations can be checked against the pictures, so they are read as they come.
                file.skip.discard("annotations")
            else:
                yield from self._other(part)
        if "annotations" in file.skipped:
            for part in file.array("annotations", file.skipped["annotations"]):
                if isinstance(part, Elements):
                    yield from self._labels(part)
                elif isinstance(part, Broken):
                    yield self._broken(part)
        yield from self._end()

    def _samples(self, part: Elements) -> Iterator[Event]:
        return self.pictures.events(part)

    def _labels(self, part: Elements) -> Iterator[Event]:
        return self.labels.events(part)

    def _where(self, key: str, index: int, own: Any = UNSET) -> str:
        tail = "" if own is UNSET else f" (id {own})"
        return f"{self.path.name}: {key}[{index}]{tail}"

    def _broken(self, part: Broken) -> Problem:
        if not part.fatal:
            return Problem("skipped", part.what, self._where(part.key, part.index) + f" at byte {part.byte}")
        return Problem(
            "skipped",
            f"{part.what}; the rest of the file is missing",
            f"{self._where(part.key, part.index)} at byte {part.byte}",
            "what came before it was read; mend the file and add it again",
        )

    def _value(self, part: Value) -> Iterator[Event]:
        if part.key in ("images", "annotations", "categories", ""):
            yield Problem("skipped", f'"{part.key}" is not a list of objects', f"{self.path.name}: {part.key}")
            return
        self.top[part.key] = part.value

    def _other(self, part: Elements) -> Iterator[Event]:
        """Categories, licences, and arrays that COCO does not have: kept with the field as they are."""
        if part.key == "categories":
            self.categories = [*(self.categories or []), *part.kept()]
            return
        if part.key in self.too_long:
            return
        kept = self.top.setdefault(part.key, [])
        kept += part.kept()
        if len(json_text(kept)) > MOST_EXTRA_BYTES:
            del self.top[part.key]
            self.too_long.add(part.key)
            yield Problem(
                "skipped", "a list that COCO does not have is too long to keep", f"{self.path.name}: {part.key}"
            )

    def _end(self) -> Iterator[Event]:
        """What can only be said of the whole file: its classes, ids that are there twice, and the field."""
        labels, array = self.labels, "" if self.truth else "annotations"
        if self.categories is not None:
            yield from category_problems(self.categories, self.path.name)
        categories = self.truth.categories if self.truth else (self.categories or [])
        names = class_names(categories)
        unlisted = {}
        taken = set(names.values())
        for code, (first, own, count) in sorted(labels.codes.items()):
            if code not in names:
                unlisted[code] = (
                    f"category_{code}" if f"category_{code}" not in taken else f"category_{code} (unlisted)"
                )
                yield Problem(
                    "warning",
                    f'category_id {code} is not among the categories; kept as class "{unlisted[code]}"',
                    self._where(array, first, own),
                    f"{count} annotations have it",
                )
        for place, own in labels.ids.repeated():
            what = "an annotation id is there twice; both are kept"
            yield Problem("warning", what, self._where(array, place, own))
        if self.truth is None and self.categories is None and not labels.codes and labels.kind is None:
            return
        points, bones = keypoints_of(categories)
        size = range(len(points))
        kind = labels.kind or "box"
        yield FieldFound(
            LabelField(
                self.source.name,
                kind,
                classes=(*names.values(), *unlisted.values()),
                attributes=labels.attribute_columns(),
                keypoint_names=points if kind == "box" else (),
                skeleton=tuple(b for b in bones if b[0] in size and b[1] in size) if kind == "box" else (),
                meta={"coco": self._meta(categories, unlisted)},
            ),
            {**names, **unlisted},
        )

    def _meta(self, categories: list[Any], unlisted: dict[int, str]) -> dict[str, Any]:
        """What a COCO file says and Loopline has no word for, so that it can be written out again."""
        meta: dict[str, Any] = {"categories": categories} if self.truth or self.categories is not None else {}
        pictures = self.pictures
        absent = sorted({"file_name", "width", "height"} - pictures.keys) if pictures.root is not None else []
        listed = [[code, name] for code, name in unlisted.items()]
        more = {"top": self.top, "nested": self.labels.nested_names(), "absent": absent, "unlisted": listed}
        meta |= {key: value for key, value in more.items() if value}
        if self.truth:
            meta["results"] = True
        return meta
