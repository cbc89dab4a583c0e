"""Counting, in whole columns, what a format cannot hold. (Writers that go label by label count in `_pictures`.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from loopline.formats import _arrow
from loopline.kernel.exchange import Exportable
from loopline.kernel.schema import LABEL_COLUMNS, LabelField

_WORDS: Final = {
    "mask": "masks",
    "polygons": "polygons",
    "points": "outlines",
    "score": "scores",
    "area": "stated areas",
    "iscrowd": "crowd flags",
    "value": "values",
}
_EVERYWHERE: Final = frozenset({"id", "sample_id", "label", "x", "y", "w", "h", "closed"})


def count_labels(lost: Counter[str], labels: pa.Table, one: LabelField, held: Collection[str]) -> None:
    """Count the filled values of every column and attribute of the labels that is not in `held`, and tags of objects."""
    for name in LABEL_COLUMNS[one.kind]:
        if name not in held and name not in _EVERYWHERE and name in labels.column_names:
            column = labels[name]
            many = pc.sum(column).as_py() or 0 if name == "iscrowd" else _arrow.count_filled(labels, name)
            lost[_WORDS.get(name, name)] += many
    for attribute in one.attributes:
        if attribute.name not in held:
            lost[f"attribute {attribute.name}"] += _arrow.count_filled(labels, attribute.name)
    lost["tags of objects"] += _arrow.count_filled(labels, "tags")


def count_columns(lost: Counter[str], samples: pa.Table, what: Exportable, held: Collection[str] = ()) -> None:
    """Count the filled values of the user's sample columns that are not in `held`."""
    for column in what.schema.columns:
        if column.name not in held:
            lost[f"column {column.name}"] += _arrow.count_filled(samples, column.name)
