"""What comes in and goes out as JSON. The OpenAPI schema, and with it the browser's types, come from these."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

MAX_QUERY: Final = 20_000
MOST_IDS: Final = 2_000  # ids that an answer lists of what is behind a number
MAX_PAGE: Final = 512
MAX_SELECTED: Final = 100_000

Text: TypeAlias = Annotated[str, Meta(max_length=MAX_QUERY)]
Name: TypeAlias = Annotated[str, Meta(max_length=200)]
Id: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
Scalar: TypeAlias = str | int | float | bool | None


class Problem(Struct, omit_defaults=True):
    """RFC 9457. `column` and `length`: the place in the query text; `part` says which text: where, filters[2], …"""

    type: str
    title: str
    status: int
    detail: str = ""
    where: str = ""
    hint: str = ""
    column: int | None = None
    length: int | None = None
    part: str = ""


# -- views


class FilterSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The condition that one control of the filter panel makes."""

    control: Name
    where: Text


class KeepSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Of a label field only the objects that meet the condition. `control`: the filter control that asks for it."""

    field: Name
    where: Text
    control: Text = ""


class ViewSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """Which samples or objects, in which order. Conditions are about all objects; `keep` comes after them.

    words   in place of `sort`: what fits these words best comes first, by an embedding whose model knows words
    """

    where: Text = ""
    words: Annotated[str, Meta(max_length=1000)] = ""
    filters: Annotated[tuple[FilterSpec, ...], Meta(max_length=64)] = ()
    keep: Annotated[tuple[KeepSpec, ...], Meta(max_length=64)] = ()
    sort: Text = ""
    objects: Name | None = None
    select: Annotated[tuple[Id, ...], Meta(max_length=MAX_SELECTED)] | None = None
    snapshot: Id | None = None


class Selection(Struct, frozen=True, forbid_unknown_fields=True):
    """Some rows of a view: all of it but `exclude`, or those in `include`."""

    view: ViewSpec = ViewSpec()
    all: bool = False
    include: Annotated[tuple[Id, ...], Meta(max_length=MAX_SELECTED)] = ()
    exclude: Annotated[tuple[Id, ...], Meta(max_length=MAX_SELECTED)] = ()


class HintOut(Struct):
    """Something allowed that is likely a slip, at a column of the text `part`."""

    what: str
    part: str
    column: int


class ViewIn(Struct, forbid_unknown_fields=True):
    view: ViewSpec = ViewSpec()


class ViewOut(Struct):
    """`total`: samples (or objects) of the whole data set. `newest`: the newest snapshot, whatever was asked for."""

    count: int
    total: int
    objects: dict[str, int]  # kept objects of the view, by label field
    snapshot: int
    newest: int
    text: str
    python: str
    hints: list[HintOut]


class PageIn(Struct, forbid_unknown_fields=True):
    view: ViewSpec = ViewSpec()
    offset: Id = 0
    count: Annotated[int, Meta(ge=0, le=MAX_PAGE)] = 128
    fields: Annotated[tuple[Name, ...], Meta(max_length=100)] | None = None
    evaluation: Name | None = None  # its outcomes come along


class CheckIn(Struct, forbid_unknown_fields=True):
    where: Text = ""
    objects: Name | None = None
    sort: Text = ""
    snapshot: Id | None = None


class CheckOut(Struct):
    """`error`: why it cannot be asked. A condition half written is no failed request, so this comes with status 200."""

    hints: list[HintOut]
    error: Problem | None = None


# -- facets


class Control(Struct, frozen=True, forbid_unknown_fields=True):
    """What one filter control shows. `of`: an expression about samples, `<field>.<name>` about objects, or tags."""

    of: Text
    kind: Literal["values", "histogram"] = "values"
    bins: Annotated[int, Meta(ge=1, le=250)] = 24
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    range: tuple[float, float] | None = None


class FacetsIn(Struct, forbid_unknown_fields=True):
    view: ViewSpec = ViewSpec()
    controls: Annotated[tuple[Control, ...], Meta(max_length=64)] = ()


class CrossIn(Struct, forbid_unknown_fields=True):
    x: Control
    y: Control
    view: ViewSpec = ViewSpec()


class Axis(Struct):
    """One side of a plot of two: the values, or the edges of the bins; times in seconds since 1970."""

    of: str
    kind: Literal["values", "histogram"]
    values: list[Scalar]
    edges: list[float]
    is_time: bool


class Cross(Struct):
    """counts   one number for each pair, `counts[place on y * places on x + place on x]`
    inside, outside   rows that are counted, and rows without a value or with one that is not listed
    field    the rows are objects of this label field; empty: samples
    """

    x: Axis
    y: Axis
    counts: list[int]
    inside: int
    outside: int
    field: str


class Layers(Struct):
    """A number in the whole data set, and in the view without the control's own filter."""

    total: int = 0
    view: int = 0


class Facet(Struct):
    """The answer to one control.

    values    of kind "values": the most frequent ones of the data set first
    edges     of kind "histogram": bins + 1 numbers; times in seconds since 1970
    total     for each value or bin: rows of the whole data set
    view      likewise: rows of the view without this control's own filter
    missing   rows without a value; `other`: rows whose value is not listed, or outside of the range
    """

    of: str
    kind: Literal["values", "histogram"]
    type: Literal["text", "int", "float", "bool", "time"]
    values: list[Scalar]
    edges: list[float]
    total: list[int]
    view: list[int]
    missing: Layers
    other: Layers
    distinct: int
    error: Problem | None = None


# -- data sets


class DatasetLine(Struct):
    """One data set in the list; `error` says why it could not be read."""

    name: str
    samples: int
    objects: int
    snapshot: int
    versions: int
    changed_at: str
    error: str = ""


class ColumnOut(Struct):
    """A sample column or an attribute."""

    name: str
    type: Literal["text", "int", "float", "bool", "time", "json"]
    own: bool  # added by the user, so it can be set
    description: str = ""
    values: list[str] = []
    minimum: float | None = None
    maximum: float | None = None
    default: Scalar = None
    required: bool = False


class FieldOut(Struct):
    """A label field. `colors`: one for each class."""

    name: str
    kind: Literal["box", "polygon", "polyline", "keypoint", "class", "value", "mask"]
    objects: int
    classes: list[str]
    colors: list[str]
    attributes: list[ColumnOut]
    names: list[str]  # what a condition on its objects may name
    description: str
    keypoint_names: list[str]
    skeleton: list[tuple[int, int]]


class VersionOut(Struct):
    name: str
    snapshot: int
    message: str
    author: str
    at: str  # UTC


class TagCount(Struct):
    tag: str
    samples: int


class KeptView(Struct, frozen=True, forbid_unknown_fields=True):
    """`link`: what follows the `?` in the app's address of the view, which says how it is looked at; empty: not known."""

    view: ViewSpec
    link: Text = ""


class SavedView(Struct):
    name: str
    view: ViewSpec
    link: str = ""
    author: str = ""
    at: str = ""


class DatasetOut(Struct):
    name: str
    location: str
    snapshot: int
    samples: int
    columns: list[ColumnOut]
    fields: list[FieldOut]
    tags: list[TagCount]
    versions: list[VersionOut]
    evaluations: list[str]
    embeddings: list[str]
    views: list[SavedView]


# -- samples


class ObjectOut(Struct):
    """One annotation, exact. `box`: x y w h in pixels; `polygons`: parts of x y pairs; `keypoints`: x y v triplets.

    `outcome`, `iou` with its partner and `partner_id`: of the evaluation that was asked for, where it judged the object.
    """

    id: int
    label: str | None
    score: float | None
    box: tuple[float, float, float, float] | None
    frame: int | None
    track_id: int | None
    tags: list[str]
    attributes: dict[str, Scalar]
    polygons: list[list[float]] | None = None
    closed: bool | None = None
    keypoints: list[float] | None = None
    rotation: float | None = None
    value: float | None = None
    iscrowd: bool | None = None
    has_mask: bool = False
    outcome: str | None = None
    iou: float | None = None
    partner_id: int | None = None


class SampleOut(Struct):
    id: int
    snapshot: int
    columns: dict[str, Scalar]
    tags: list[str]
    fields: dict[str, list[ObjectOut]]


class ThumbsIn(Struct, forbid_unknown_fields=True):
    ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_PAGE)]
    size: Literal[128, 256, 512] = 256


class MasksIn(Struct, forbid_unknown_fields=True):
    field: Name
    ids: Annotated[tuple[Id, ...], Meta(max_length=5_000)]
    snapshot: Id | None = None


# -- changes


class Changed(Struct):
    """What a write did. `undo` names it for POST /undo; empty where nothing changed."""

    changed: int
    snapshot: int
    undo: str
    said: str


class TagIn(Struct, forbid_unknown_fields=True):
    selection: Selection
    tags: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=100)]


class SetIn(Struct, forbid_unknown_fields=True):
    """`column` of samples, or of the objects that the selection is about (label, score, an attribute)."""

    selection: Selection
    column: Name
    value: Scalar


class DeleteIn(Struct, forbid_unknown_fields=True):
    selection: Selection


class EditIn(Struct, forbid_unknown_fields=True):
    """Objects of a field: each edit names its object's `id` and the columns to set (box: x, y, w, h in pixels).
    An edit without `id` adds an object and names its `sample_id`."""

    field: Name
    edits: Annotated[tuple[dict[str, Scalar], ...], Meta(min_length=1, max_length=10_000)]


class UndoIn(Struct, forbid_unknown_fields=True):
    undo: Name
    said: Text = ""  # of what is undone


# -- history


class LogLine(Struct):
    snapshot: int
    at: str
    author: str
    verb: str
    message: str
    details: dict[str, object]
    names: list[str]


class VersionIn(Struct, forbid_unknown_fields=True):
    name: Name
    message: Text = ""
    snapshot: Id | None = None


class BetweenIn(Struct, forbid_unknown_fields=True):
    """Versions by name, or snapshots by number as text; now is the newest."""

    before: Name
    after: Name = "now"


class BetweenPageIn(Struct, forbid_unknown_fields=True):
    before: Name
    after: Name = "now"
    offset: Id = 0
    count: Annotated[int, Meta(ge=0, le=MAX_PAGE)] = 128


class TableCounts(Struct):
    added: int
    removed: int
    changed: int
    columns: dict[str, int]


class DiffOut(Struct):
    """`touched`: samples that POST /diff/page lists: those with a change of their own or of an object on them."""

    before: int
    after: int
    samples: TableCounts
    fields: dict[str, TableCounts]
    tags_added: int
    tags_removed: int
    schema: list[str]
    touched: int


class RestoreIn(Struct, forbid_unknown_fields=True):
    version: Name


class BranchIn(Struct, forbid_unknown_fields=True):
    """`name`: of the new data set, beside this one under the home folder."""

    name: Name
    version: Name


class ChangeOut(Struct):
    """`values`: column → before and after."""

    snapshot: int
    at: str
    author: str
    verb: str
    message: str
    change: str
    values: dict[str, tuple[Scalar, Scalar]]


class SaveViewIn(Struct, forbid_unknown_fields=True):
    name: Name
    view: ViewSpec
    link: Text = ""


# -- help while typing


class CompleteIn(Struct, forbid_unknown_fields=True):
    """`objects`: the text is about the objects of that field."""

    text: Text
    cursor: Id
    objects: Name | None = None
    snapshot: Id | None = None


class Offer(Struct, rename={"start": "from", "end": "to"}):
    """What may stand instead of the characters from … to of the text."""

    text: str
    start: int
    end: int
    kind: Literal["field", "column", "function", "value", "operator"]
    detail: str = ""
    count: int | None = None


# -- jobs


class JobOut(Struct):
    """Work that goes on beside the requests. `rate`: units a second of this stage. `result`: what it gave, or a link."""

    id: str
    name: str
    state: Literal["running", "paused", "done", "failed", "stopped"]
    dataset: str
    stage: str
    unit: str
    done: int
    total: int | None
    started_at: str
    ended_at: str
    rate: float | None
    left_s: float | None
    log: list[str]
    result: dict[str, Scalar]
    error: Problem | None


# -- evaluations


class EvaluationLine(Struct):
    """One stored evaluation. `main`: name of the number that stands for all; a number that is undefined is null."""

    key: str
    task: str
    protocol: str
    truth: str
    predicted: str
    snapshot: int
    at: str
    author: str
    samples: int
    main: str
    numbers: dict[str, float | None]
    counts: dict[str, int]


class CurveOut(Struct):
    """Precision and score at rising recall; null where there is none."""

    recall: list[float | None]
    precision: list[float | None]
    score: list[float | None]


class EvaluateIn(Struct, forbid_unknown_fields=True):
    truth: Name
    predicted: Name
    view: ViewSpec = ViewSpec()
    key: Name | None = None
    protocol: Name | None = None
    slices: Annotated[tuple[Text, ...], Meta(max_length=200)] = ()
    iou: Annotated[float, Meta(gt=0, le=1)] = 0.5
    replicates: Annotated[int, Meta(ge=0, le=10_000)] = 0
    options: dict[str, Scalar] = {}  # of the protocol, by name; see docs/evaluation.md


class CompareIn(Struct, forbid_unknown_fields=True):
    """From evaluation `a` to `b`."""

    a: Name
    b: Name
    replicates: Annotated[int, Meta(ge=10, le=10_000)] = 1000
    seed: Id = 0
