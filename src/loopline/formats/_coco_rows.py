"""COCO's images and annotations as typed rows.

The keys of COCO have fixed types. Every other key is an extra, of any type. The row type is made anew whenever a
chunk brings a key that it lacks, so decoding is both typed and complete: msgspec refuses a key that the type does not
have, the chunk is read as plain dicts, the type grows, and the rows are converted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from loopline.formats._jsonstream import without_nan

MOST_KEYS: Final = 200
"""Extra keys that get a column; a file with more uses them as values, and they stay JSON."""


class Rle(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A run-length mask; size is height, width."""

    size: tuple[int, int]
    counts: str | list[int]


IMAGE_KEYS: Final[dict[str, Any]] = {
    "id": int | str | None | UnsetType,
    "file_name": str | None | UnsetType,
    "width": int | None | UnsetType,
    "height": int | None | UnsetType,
}
ANNOTATION_KEYS: Final[dict[str, Any]] = {
    "id": int | str | None | UnsetType,
    "image_id": int | str | None | UnsetType,
    "category_id": int | None | UnsetType,
    "bbox": tuple[float, float, float, float] | None | UnsetType,
    "segmentation": list[list[float]] | Rle | None | UnsetType,
    "area": float | None | UnsetType,
    "iscrowd": int | None | UnsetType,
    "keypoints": list[float] | None | UnsetType,
    "score": float | None | UnsetType,
    "track_id": int | None | UnsetType,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that is not of its key's type. `fatal`: the row cannot stay without it."""

    row: int
    key: str
    what: str
    fatal: bool


@dataclass(slots=True)
class RowType:
    """The row type of one array: the `fixed` keys and the extra ones seen so far."""

    fixed: Mapping[str, Any]
    needed: frozenset[str]  # a row whose value of one of these has a wrong type is left out
    extras: list[str] = field(default_factory=list)
    _type: type[msgspec.Struct] = msgspec.Struct
    _decoder: msgspec.json.Decoder[Any] = field(default_factory=msgspec.json.Decoder)

    def __post_init__(self) -> None:
        self._build()

    def _build(self) -> None:
        fields: list[tuple[str, Any, Any]] = [(key, kind, UNSET) for key, kind in self.fixed.items()]
        rename = {}
        for number, key in enumerate(self.extras):
            fields.append((f"x{number}", Any, UNSET))
            rename[f"x{number}"] = key
        self._type = msgspec.defstruct(
            "Row", fields, rename=rename or None, forbid_unknown_fields=True, gc=False, kw_only=True
        )
        self._decoder = msgspec.json.Decoder(list[self._type])  # type: ignore[name-defined]

    def decode(self, raw: bytes) -> list[Any]:
        """Rows of a JSON array. Raises msgspec.ValidationError where a row has an unknown key or a wrong type."""
        rows: list[Any] = self._decoder.decode(raw)
        return rows

    def column(self, rows: Sequence[Any], key: str) -> list[Any]:
        """A key's values, UNSET where a row lacks it."""
        name = key if key in self.fixed else f"x{self.extras.index(key)}"
        return list(map(attrgetter(name), rows))

    def convert(
        self, items: Sequence[Any], *, strict: bool
    ) -> tuple[list[Any], dict[int, dict[str, Any]], list[Fault]]:
        """Plain items as rows; what did not fit, by row, to be kept as JSON; and the faults.

        A row that is left out is None.
        """
        faults: list[Fault] = []
        if not strict:
            cleaned = []
            for number, item in enumerate(items):
                clean = without_nan(item)
                if clean != item:
                    faults.append(Fault(number, "", "not a number (NaN or infinite); kept as null", fatal=False))
                cleaned.append(clean)
            items = cleaned
        if self._grow(items):
            try:
                return msgspec.convert(items, list[self._type]), {}, faults  # type: ignore[name-defined]
            except msgspec.ValidationError:
                pass
        rows: list[Any] = []
        left: dict[int, dict[str, Any]] = {}
        for number, item in enumerate(items):
            try:
                rows.append(msgspec.convert(item, self._type))
            except msgspec.ValidationError:
                row, rest, found = self._mend(number, item)
                faults += found
                rows.append(row)
                if rest:
                    left[number] = rest
        return rows, left, faults

    def _grow(self, items: Sequence[Any]) -> bool:
        known = {*self.fixed, *self.extras}
        new = [key for item in items if isinstance(item, dict) for key in item if key not in known]
        if new:
            self.extras += list(dict.fromkeys(new))[: MOST_KEYS - len(self.extras)]
            self._build()
        return True

    def _mend(self, number: int, item: Any) -> tuple[Any, dict[str, Any], list[Fault]]:
        """One row without the values that do not fit."""
        if not isinstance(item, dict):
            return None, {}, [Fault(number, "", f"not an object but {_kind(item)}", fatal=True)]
        good: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        faults: list[Fault] = []
        for key, value in item.items():
            if key in self.extras:
                good[key] = value
            elif key not in self.fixed:
                rest[key] = value
            elif isinstance(value, float) and value.is_integer() and _fits(int(value), self.fixed[key]):
                good[key] = int(value)
            elif _fits(value, self.fixed[key]):
                good[key] = value
            else:
                fatal = key in self.needed
                tail = "" if fatal else "; kept as it is, out of use"
                faults.append(Fault(number, key, f'"{key}" is not as COCO has it ({_kind(value)}){tail}', fatal))
                rest[key] = value
        if any(f.fatal for f in faults):
            return None, {}, [f for f in faults if f.fatal]
        return msgspec.convert(good, self._type), rest, faults


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _kind(value: Any) -> str:
    names = {str: "text", bool: "true/false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    if isinstance(value, list):
        return f"a list of {len(value)}" if len(value) < 10 else "a list"
    return names.get(type(value), "null")
