"""The schema of a data set: typed sample columns, and label fields with classes and attributes.

One place says which columns each kind of label has. The store makes its tables from it, the query language
resolves names with it, formats map to it.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Final, Literal, get_args

from loopline.errors import SchemaError, UnknownField, near

ScalarType = Literal["text", "int", "float", "bool", "time", "json"]
"""Types of sample columns and attributes. `time` is UTC without a zone, in microseconds; `json` is JSON text."""

FieldKind = Literal["box", "polygon", "polyline", "keypoint", "class", "value", "mask"]
"""What a label field holds: one row of its table is one annotation."""

PhysicalType = Literal["text", "int", "float", "bool", "time", "json", "bytes", "floats", "parts"]
"""Scalar types plus what geometry needs: `floats` is a list of float64, `parts` a list of such lists."""

GEOMETRIC: Final[tuple[FieldKind, ...]] = ("box", "polygon", "polyline", "keypoint")
"""Kinds whose rows carry an enclosing box x, y, w, h."""

_COMMON: Final[dict[str, PhysicalType]] = {
    "id": "int",  # rising, never reused
    "sample_id": "int",
    "frame": "int",  # 0-based; only for video
    "label": "text",  # the class
    "score": "float",  # only for predictions
    "track_id": "int",  # the same object through a video
}
_BOX: Final[dict[str, PhysicalType]] = {
    "x": "float",
    "y": "float",
    "w": "float",
    "h": "float",
}  # pixels, left-top origin

LABEL_COLUMNS: Final[dict[FieldKind, dict[str, PhysicalType]]] = {
    "box": {
        **_COMMON,
        **_BOX,
        "iscrowd": "bool",  # a region of many objects (COCO crowd, Open Images group-of)
        "area": "float",  # the annotated area in square pixels where a source states one; else null
        "rotation": "float",  # degrees, clockwise, about the box centre
        "mask": "bytes",  # instance mask, see kernel/rle.py
        "polygons": "parts",  # instance outline, each part flat x0 y0 x1 y1 ...
        "keypoints": "floats",  # flat x y v triplets, v: 0 not labelled, 1 hidden, 2 visible
    },
    "polygon": {**_COMMON, **_BOX, "points": "parts", "closed": "bool"},
    "polyline": {**_COMMON, **_BOX, "points": "parts", "closed": "bool"},
    "keypoint": {**_COMMON, **_BOX, "keypoints": "floats"},
    "class": {**_COMMON},  # several rows on one sample = multi-label
    "value": {**_COMMON, "value": "float"},
    "mask": {**_COMMON, "mask": "bytes"},  # the class map of a whole picture: PNG of class ids, 8 or 16 bit
}

SAMPLE_COLUMNS: Final[dict[str, ScalarType]] = {
    "id": "int",  # rising, never reused
    "path": "text",  # relative to its media root, with forward slashes
    "root": "text",  # folder or URL that `path` is relative to
    "media": "text",  # 'image' | 'video'
    "mime": "text",  # from the content, never from the file's extension
    "width": "int",  # pixels as shown: EXIF orientation applied
    "height": "int",
    "size_bytes": "int",
    "content_hash": "text",  # BLAKE2b-128 of the file, hex
    "created_at": "time",  # when the row was added
    "split": "text",
    "duration_s": "float",  # the rest: video only
    "fps": "float",
    "frame_count": "int",
}

_RESERVED: Final[frozenset[str]] = frozenset(
    {"tags", "box", "sample", "F", "any", "all", "count", "min", "max", "mean", "sum"}
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Column:
    """A sample column that the user added, or an attribute of a label field."""

    name: str
    type: ScalarType
    values: tuple[str, ...] = ()  # a closed list, for text
    minimum: float | None = None
    maximum: float | None = None
    default: str | int | float | bool | None = None
    required: bool = False
    guidance: str = ""
    source_name: str = ""  # the name in the file it came from, where that is not a Python name

    def __post_init__(self) -> None:
        check_name(self.name, "column")
        if self.type not in get_args(ScalarType):
            raise SchemaError(
                f'unknown type "{self.type}" of "{self.name}"', hint=near(self.type, get_args(ScalarType))
            )
        if self.values and self.type != "text":
            raise SchemaError(f'"{self.name}" has a list of values, so its type must be text, not {self.type}')
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("int", "float"):
            raise SchemaError(f'"{self.name}" has a limit, so its type must be int or float, not {self.type}')


@dataclass(frozen=True, slots=True)
class LabelField:
    """One set of labels over the samples: ground truth, one model's predictions, one annotator's work, ...

    `classes` in a fixed order (a class keeps its place, so its colour is stable). `keypoint_names` and `skeleton`
    (pairs of 0-based indices) describe the points of every object. `meta` keeps what a file format says about the
    field and Loopline has no word for, under the format's name, so that it can be written out again.
    """

    name: str
    kind: FieldKind
    classes: tuple[str, ...] = ()
    attributes: tuple[Column, ...] = ()
    description: str = ""
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name, "label field")
        if self.kind not in LABEL_COLUMNS:
            raise SchemaError(f'unknown kind "{self.kind}" of field "{self.name}"', hint=near(self.kind, LABEL_COLUMNS))
        taken = set(LABEL_COLUMNS[self.kind])
        for attribute in self.attributes:
            if attribute.name.lower() in taken:
                raise SchemaError(f'attribute "{attribute.name}" of field "{self.name}" is there twice or is built in')
            taken.add(attribute.name.lower())
        if len(set(self.classes)) < len(self.classes):
            twice = sorted({c for c in self.classes if self.classes.count(c) > 1})
            raise SchemaError(f'field "{self.name}" names a class twice: {", ".join(twice)}')

    @property
    def table(self) -> str:
        return label_table(self.name)

    def columns(self) -> dict[str, PhysicalType]:
        """Name and type of every column of the field's table, attributes last."""
        return {**LABEL_COLUMNS[self.kind], **{a.name: a.type for a in self.attributes}}

    def attribute(self, name: str) -> Column:
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        raise UnknownField(
            f'field "{self.name}" has no attribute "{name}"', hint=near(name, [a.name for a in self.attributes])
        )

    def merged(self, other: LabelField) -> LabelField:
        """This field with the classes and attributes of `other` that it lacks.

        Raises SchemaError where an attribute of both cannot hold the other's type, or the kinds differ.
        """
        if other.kind != self.kind:
            raise SchemaError(
                f'field "{self.name}" holds {self.kind} labels; cannot add {other.kind} labels to it',
                hint="choose another field name",
            )
        mine = {a.name: a for a in self.attributes}
        for attribute in other.attributes:
            known = mine.get(attribute.name)
            if known is None:
                mine[attribute.name] = attribute
            elif known.type not in (attribute.type, "json") and (known.type, attribute.type) != ("float", "int"):
                raise SchemaError(
                    f'attribute "{attribute.name}" of field "{self.name}" is {known.type}; the new labels have {attribute.type}',
                    hint="rename it, or retype the attribute first",
                )
            elif known.values and not set(attribute.values) <= set(known.values):
                more = tuple(v for v in attribute.values if v not in known.values)
                mine[attribute.name] = replace(known, values=known.values + more)
        return replace(
            self,
            classes=self.classes + tuple(c for c in other.classes if c not in self.classes),
            attributes=tuple(mine.values()),
            description=self.description or other.description,
            keypoint_names=self.keypoint_names or other.keypoint_names,
            skeleton=self.skeleton or other.skeleton,
            meta={**other.meta, **self.meta},
        )


MATCH_COLUMNS: Final[dict[str, ScalarType]] = {
    "outcome": "text",  # 'tp' | 'fp' | 'fn' | 'ignored'
    "iou": "float",  # overlap with the partner
    "partner_id": "int",  # the object of the other side
    "off": "float",  # of a number: predicted - truth
    "error": "text",  # kind of mistake: 'cls' | 'loc' | 'both' | 'dupe' | 'bkg' | 'miss'; once explained
    "suspect": "text",  # why its label is doubted, 'missing' | 'misplaced' | … (evaluating.suspected); once explained
    "suspect_score": "float",  # how much, in [0, 1]
}
"""What evaluations know about each object that took part: `<key>.outcome` and so on. Of one field: `match_columns`."""


def match_columns(kind: FieldKind) -> dict[str, ScalarType]:
    """What an evaluation knows about each object of a field of that kind: only numbers are `off`."""
    return {name: type_ for name, type_ in MATCH_COLUMNS.items() if name != "off" or kind == "value"}


@dataclass(frozen=True, slots=True)
class EvaluationNames:
    """A stored evaluation, as far as queries need it: its key, and the two label fields whose objects it judged."""

    key: str
    truth: str
    predicted: str

    @property
    def table(self) -> str:
        return match_table(self.key)


@dataclass(frozen=True, slots=True)
class DatasetSchema:
    """What a data set holds: built-in and own sample columns, and label fields, in the order they were added."""

    columns: tuple[Column, ...] = ()  # the user's own; the built-in ones are SAMPLE_COLUMNS
    fields: tuple[LabelField, ...] = ()
    evaluations: tuple[EvaluationNames, ...] = ()  # those with matches of objects

    def sample_columns(self) -> dict[str, ScalarType]:
        return {**SAMPLE_COLUMNS, **{c.name: c.type for c in self.columns}}

    def field(self, name: str) -> LabelField:
        for known in self.fields:
            if known.name == name:
                return known
        raise UnknownField(f'no label field "{name}"', hint=near(name, [f.name for f in self.fields]))

    def has_field(self, name: str) -> bool:
        return any(f.name == name for f in self.fields)

    def evaluations_of(self, field_name: str) -> dict[str, EvaluationNames]:
        """The evaluations that judged objects of a label field, by key."""
        return {e.key: e for e in self.evaluations if field_name in (e.truth, e.predicted)}

    def column(self, name: str) -> Column:
        for known in self.columns:
            if known.name == name:
                return known
        raise UnknownField(f'no sample column "{name}"', hint=near(name, [c.name for c in self.columns]))

    def check_new(self, name: str, what: str) -> None:
        """Raise SchemaError unless `name` may become a sample column or label field."""
        check_name(name, what)
        taken = {
            n.lower()
            for n in (*self.sample_columns(), *(f.name for f in self.fields), *(e.key for e in self.evaluations))
        }
        if name.lower() in taken:
            raise SchemaError(f'"{name}" is taken by another column, field or evaluation', hint="choose another name")


def pixel_classes(one: LabelField, classes: Sequence[str]) -> tuple[dict[int, int], int | None]:
    """Of a field of class maps: the place in `classes` that each pixel value stands for, and the value for no class.

    >>> pixel_classes(LabelField("roads", "mask", classes=("sky", "road")), ("road", "sky"))
    ({0: 1, 1: 0}, None)
    """
    meta = one.meta.get("mask", {})
    names = meta.get("ids") or {str(i): name for i, name in enumerate(one.classes)}
    place = {name: k for k, name in enumerate(classes)}
    return {int(value): place[name] for value, name in names.items() if name in place}, meta.get("void")


def label_table(field_name: str) -> str:
    return f"label__{field_name}"


def match_table(key: str) -> str:
    return f"match__{key}"


def check_name(name: str, what: str) -> None:
    """Raise SchemaError unless `name` can stand in a query as it is."""
    if not _NAME.match(name) or keyword.iskeyword(name) or name in _RESERVED:
        raise SchemaError(
            f'"{name}" cannot name a {what}',
            hint=f'use letters, digits and _, not a Python keyword; for example "{python_name(name)}"',
        )


def python_name(text: str) -> str:
    """The nearest name that `check_name` accepts.

    >>> python_name("is occluded?"), python_name("2nd"), python_name("class"), python_name("")
    ('is_occluded', '_2nd', 'class_', 'unnamed')
    """
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:60] or "unnamed"
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in _RESERVED else name


def unique_name(text: str, taken: Iterable[str]) -> str:
    """`python_name(text)`, with a number behind it while it is in `taken` (compared without case)."""
    lowered = {t.lower() for t in taken}
    base = name = python_name(text)
    number = 2
    while name.lower() in lowered:
        name, number = f"{base}_{number}", number + 1
    return name


def as_json(value: LabelField | Column) -> dict[str, Any]:
    """A field or column as plain JSON, without what is at its default."""
    out: dict[str, Any] = {}
    for f in fields(value):
        item = getattr(value, f.name)
        usual = f.default_factory() if f.default_factory is not MISSING else f.default
        if item != usual:  # not "if item": a limit of 0 and a default of False say something
            out[f.name] = [as_json(a) for a in item] if f.name == "attributes" else item
    return out


def column_from_json(value: Mapping[str, Any]) -> Column:
    return Column(**{**value, "values": tuple(value.get("values", ()))})


def field_from_json(value: Mapping[str, Any]) -> LabelField:
    return LabelField(
        name=value["name"],
        kind=value["kind"],
        classes=tuple(value.get("classes", ())),
        attributes=tuple(column_from_json(a) for a in value.get("attributes", ())),
        description=value.get("description", ""),
        keypoint_names=tuple(value.get("keypoint_names", ())),
        skeleton=tuple((int(a), int(b)) for a, b in value.get("skeleton", ())),
        meta=value.get("meta", {}),
    )
