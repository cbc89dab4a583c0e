"""Label rows as class indices: class lists, samples by row, and a state that keeps label rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, near
from loopline.metrics._arrays import AnyArray, IntArray, class_names

LabelBatches: TypeAlias = tuple[tuple[pa.Table, pa.Table], ...]
"""Label rows of truth and predictions, batch by batch: a state. Memory: the rows."""

_KEPT: Final = {"sample_id": pa.int64(), "label": pa.string(), "score": pa.float64(), "value": pa.float64()}


def paired(truth: pa.Table, predicted: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Both tables with the columns that label metrics read, in one type each."""
    return _kept(truth), _kept(predicted)


def _kept(table: pa.Table) -> pa.Table:
    names = [name for name in _KEPT if name in table.column_names]
    out = table.select(names)
    return out.cast(pa.schema([(name, _KEPT[name]) for name in names]))


def seen(state: LabelBatches, batch: tuple[pa.Table, pa.Table]) -> LabelBatches:
    return (*state, batch)


def merged(a: LabelBatches, b: LabelBatches) -> LabelBatches:
    return a + b


def together(batches: LabelBatches) -> tuple[pa.Table, pa.Table]:
    """All batches of the truth and of the predictions, each as one table. Rows without a label stay out."""
    return _together([t for t, _ in batches]), _together([p for _, p in batches])


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    if not tables:
        return pa.table({"sample_id": pa.array([], pa.int64()), "label": pa.array([], pa.string())})
    whole = pa.concat_tables(tables, promote_options="default")
    if whole["sample_id"].null_count:
        raise BadValue(f"{whole['sample_id'].null_count} label rows have no sample_id")
    return whole.filter(pc.is_valid(whole["label"])) if "label" in whole.column_names else whole


def class_list(classes: Iterable[str] | None, *tables: pa.Table) -> tuple[str, ...]:
    """`classes`, or all labels that occur, sorted."""
    if classes is not None:
        return class_names(classes)
    found: set[str] = set()
    for table in tables:
        found |= set(pc.unique(table["label"]).to_pylist())
    return tuple(sorted(found - {None}))


def encode(labels: pa.ChunkedArray | pa.Array | Sequence[str | None], classes: Sequence[str], *, side: str) -> IntArray:
    """The index of each label in `classes`; -1 for a missing label.

    Raises BadValue for labels that are not in `classes`, with their number, the first of them, and near names.

    >>> encode(["b", None, "a"], ["a", "b"], side="truth")
    array([ 1, -1,  0])
    """
    column = labels if isinstance(labels, pa.ChunkedArray | pa.Array) else pa.array(labels, pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    at = pc.index_in(column, value_set=pa.array(list(classes), pa.string()))
    unknown = pc.and_(pc.is_null(at), pc.is_valid(column))
    strangers = pc.unique(column.filter(unknown)).to_pylist()
    if strangers:
        raise BadValue(
            f'{pc.sum(unknown).as_py()} rows have a class that is not in the list, such as "{strangers[0]}"',
            where=side,
            hint=near(strangers[0], classes),
        )
    return (
        np.asarray(pc.fill_null(at, -1).to_numpy(zero_copy_only=False), np.int64) if len(column) else np.zeros(0, int)
    )


def rows_of(samples: AnyArray, sample_id: pa.ChunkedArray) -> IntArray:
    """Where each sample_id is in `samples`, which is sorted and holds them all."""
    return np.asarray(np.searchsorted(samples, sample_id.to_numpy()), np.int64)
