"""Label rows of a view as checked columns of truth and predictions, on one list of classes.

The classes are those of the truth field, in its order. Predictions of other classes are left out and counted, as COCO
does; where no class of the predictions is known to the truth, that is an error. Classes that are not told apart are
all classes of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, near
from loopline.kernel.detection_rows import from_rows
from loopline.kernel.detections import BadRows, Detections
from loopline.kernel.schema import GEOMETRIC, LabelField
from loopline.metrics._arrays import IntArray
from loopline.metrics._pairs import Geometry
from loopline.query.view import View

COCO_ID: Final = "coco_id"
"""Sample column: the picture's id in the COCO file that it came from."""

_BOX: Final = ("id", "sample_id", "frame", "label", "x", "y", "w", "h", "score", "iscrowd", "area")
_MORE: Final[dict[Geometry, tuple[str, ...]]] = {
    "box": (),
    "mask": ("mask", "polygons", "points"),
    "keypoints": ("keypoints",),
}


def pinned(view: View) -> View:
    """The view at the snapshot that is the newest now, so that every read sees the same data."""
    return view if view.snapshot is not None else View(view.engine, view.ops, view.engine.snapshot())


def two_fields(view: View, truth: str, predicted: str) -> tuple[LabelField, LabelField]:
    """The two label fields. Raises UnknownField with near names, BadValue where they are one."""
    found = view.schema.field(truth), view.schema.field(predicted)
    if truth == predicted:
        raise BadValue(f'"{truth}" cannot be measured against itself', hint="name the field of the predictions")
    return found


def read_rows(view: View, field: LabelField, columns: Sequence[str] | None = None) -> pa.Table:
    """Label rows of the view's samples, as kept. Raises BadValue where there is none."""
    return view.objects(field.name).to_arrow(None if columns is None else list(columns))


def read_detections(
    view: View, truth: str, predicted: str, *, geometry: Geometry, by_class: bool, bad_rows: BadRows
) -> tuple[Detections, Detections]:
    """Both sides on all samples of the view, also those without a row.

    Pictures stand in the order of their COCO ids, where they have them, so that equal scores are taken in the order in
    which pycocotools takes them; `sample_id` then does not rise. Frames of videos stand in the order of our ids.

    Raises BadValue where a side has no row, or bad ones (see `kernel.detections.detections`).
    """
    true_field, guess_field = two_fields(view, truth, predicted)
    rows = []
    for field in (true_field, guess_field):
        if field.kind not in GEOMETRIC:
            raise BadValue(
                f"{field.name} holds {field.kind} labels, which have no boxes",
                hint="name a field of boxes, polygons or keypoints",
            )
        known = field.columns()
        rows.append(read_rows(view, field, [c for c in (*_BOX, *_MORE[geometry]) if c in known]))
    refuse_nothing(view, rows, (true_field, guess_field))
    classes = class_list(rows, (true_field, guess_field), by_class=by_class)
    ids, sizes = _samples(view, sized=geometry == "mask")
    # Ties of scores go to the lower unit: the place of a picture stands for its id until the rows are sorted.
    in_frames = any(table["frame"].null_count < len(table) for table in rows)
    order = np.sort(ids) if in_frames else ids
    place = pa.array(order)
    sides = [
        from_rows(
            table.set_column(
                table.column_names.index("sample_id"), "sample_id", pc.index_in(table["sample_id"], value_set=place)
            ),
            classes=classes,
            scored=scored,
            samples=np.arange(len(order)),
            sizes_px=dict(enumerate(sizes[i] for i in order.tolist())) if len(sizes) == len(order) else None,
            bad_rows=bad_rows,
            other_classes="drop" if scored else bad_rows,
        )
        for table, scored in zip(rows, (False, True), strict=True)
    ]
    return replace(sides[0], sample_id=order[sides[0].sample_id]), replace(
        sides[1], sample_id=order[sides[1].sample_id]
    )


def _samples(view: View, *, sized: bool) -> tuple[IntArray, dict[int, tuple[int, int]]]:
    """Ids of the samples as pycocotools takes them: by the ids of their COCO file, those without one last, by our id.

    Also height and width of each, where asked for.
    """
    from_coco = view.schema.sample_columns().get(COCO_ID) == "int"
    if not (sized or from_coco):
        return np.sort(view.ids()), {}
    table = view.to_arrow(["id", *([COCO_ID] if from_coco else []), *(["width", "height"] if sized else [])])
    ids = np.asarray(table["id"].to_numpy(), np.int64)
    theirs = pc.fill_null(table[COCO_ID], 2**62).to_numpy() if from_coco else np.zeros(len(ids), np.int64)
    sizes: dict[int, tuple[int, int]] = {}
    if sized:
        size = zip(ids.tolist(), table["height"].to_pylist(), table["width"].to_pylist(), strict=True)
        sizes = {i: (h, w) for i, h, w in size if h and w}
    return np.asarray(ids[np.lexsort((ids, theirs))], np.int64), sizes


def refuse_nothing(view: View, rows: Sequence[pa.Table], fields: Sequence[LabelField]) -> None:
    """Raise BadValue where the view has no label row in one of the fields."""
    for table, field in zip(rows, fields, strict=True):
        if not table.num_rows:
            raise BadValue(
                f'there is nothing in "{field.name}" on the {view.count()} samples to be measured',
                hint="see which samples have labels: loopline info; or choose others with a condition",
            )


def refuse_unlabelled(view: View, fields: Sequence[LabelField]) -> None:
    """As `refuse_nothing`, before any row is read."""
    refuse_nothing(view, [view.objects(field.name).limit(1).to_arrow(["id"]) for field in fields], fields)


def class_list(rows: Sequence[pa.Table], fields: Sequence[LabelField], *, by_class: bool) -> tuple[str, ...]:
    """The classes to measure: those of the truth in its order; with by_class=False those of both.

    Raises BadValue where the predictions have none of them.
    """
    listed = [*dict.fromkeys([*fields[0].classes, *_sorted_labels(rows[0])])]
    theirs = _sorted_labels(rows[1])
    if not by_class:
        return tuple(dict.fromkeys([*listed, *fields[1].classes, *theirs])) or ("",)
    if theirs and not set(theirs) & set(listed):
        raise BadValue(
            f'no class of "{fields[1].name}" is one of "{fields[0].name}", for instance "{theirs[0]}"',
            hint=f"{near(theirs[0], listed)}; ds.labels renames classes, by_class=False does not tell them apart",
        )
    return tuple(listed)


def _sorted_labels(table: pa.Table) -> list[str]:
    return sorted(name for name in table["label"].unique().to_pylist() if name is not None)
