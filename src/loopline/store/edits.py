"""Changing what is there: values of samples, and objects. Every function is one verb and one snapshot.

Rows are named by their ids (int64), so the same functions serve one object in an editor and a million in a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue, UnknownField, near
from loopline.kernel.schema import GEOMETRIC, SAMPLE_COLUMNS, Column, DatasetSchema, LabelField
from loopline.store import tables
from loopline.store.lake import Lake, Transaction
from loopline.store.sql import quoted
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.values import check, column_array

Ids = npt.NDArray[np.int64]

SETTABLE: Final = ("split", "path", "root")
"""Built-in sample columns that a user may set; the others say what the media file is."""

_FEW: Final = (
    256  # ids up to here stand in the statement, where file statistics can use them; beyond, in a joined table
)


def set_column(lake: Lake, name: str, ids: Ids, values: object, *, message: str = "") -> int:
    """Set a sample column at some samples; how many there are. `values` is as long as `ids`, or one value for all.

    Raises BadValue when the values do not fit, UnknownField for a name that is no column of the user's or settable one.
    """

    def body(tx: Transaction) -> int:
        array = _as_long_as(ids, name, _settable(tx.schema(), name), values)
        set_ = _update(tx, "samples", pa.table({"id": pa.array(ids, pa.int64()), name: array}))
        tx.details.update(column=name, samples=set_)
        return set_

    return lake.commit("set", body, message=message or f"set {name}")


def set_columns(lake: Lake, columns: Sequence[Column], ids: Ids, values: pa.Table, *, message: str = "") -> int:
    """Set several sample columns of the user's at some samples in one snapshot; columns that are not there are made.

    values: a column for each of `columns`, as long as `ids`. Raises BadValue when they do not fit, or a column of the
    name is there with another type.
    """

    def body(tx: Transaction) -> int:
        schema = tx.schema()
        known = {column.name: column for column in schema.columns}
        arrays = {"id": pa.array(ids, pa.int64())}
        for column in columns:
            before = known.get(column.name)
            if before is None:
                schema.check_new(column.name, "sample column")
                tables.add_column(tx, column)
            elif before.type != column.type:
                raise BadValue(
                    f'the column "{column.name}" holds {before.type}, not {column.type}',
                    hint="rename that column first",
                )
            arrays[column.name] = _as_long_as(ids, column.name, before or column, values[column.name])
        set_ = _update(tx, "samples", pa.table(arrays))
        tx.details.update(columns=[column.name for column in columns], samples=set_)
        return set_

    return lake.commit("set", body, message=message or f"set {', '.join(column.name for column in columns)}")


def _settable(schema: DatasetSchema, name: str) -> Column:
    if name in SETTABLE:
        return Column(name, SAMPLE_COLUMNS[name])
    if name in SAMPLE_COLUMNS:
        raise BadValue(f'"{name}" says what the media file is, and cannot be set', hint="add a column of your own")
    return schema.column(name)


def _as_long_as(ids: Ids, name: str, column: Column, values: object) -> pa.Array:
    if values is None or isinstance(values, (str, int, float, bool)):
        array = pa.repeat(column_array(name, column.type, [values])[0], len(ids))
    else:
        array = column_array(name, column.type, values)
    if len(array) != len(ids):
        raise BadValue(
            f'{len(array)} values for "{name}", but {len(ids)} samples', hint="give one value each, or one for all"
        )
    if len(np.unique(ids)) != len(ids):
        raise BadValue("the same sample stands twice in what is to be set", hint="name each sample once")
    check(column, array)
    return array


def _update(tx: Transaction, table: str, changes: pa.Table) -> int:
    """Set the columns of `changes` (id, ...) in the rows with these ids."""
    names = [name for name in changes.column_names if name != "id"]
    ids = changes["id"].to_numpy()
    if not len(ids):
        return 0
    tx.con.register("_changes", changes)
    sets = ", ".join(f"{quoted(n)} = c.{quoted(n)}" for n in names)
    few = f"AND t.id IN ({', '.join(str(int(i)) for i in ids)})" if len(ids) <= _FEW else ""
    return tx.number(f"UPDATE {tx.table(table)} AS t SET {sets} FROM _changes c WHERE t.id = c.id {few}")


def by_ids(tx: Transaction, column: str, ids: Ids) -> tuple[str, list[object]]:
    """A condition for the rows with these ids. Ids are whole numbers, so they may stand in the text."""
    if len(ids) <= _FEW:
        return f"{column} IN ({', '.join(str(int(i)) for i in ids) or 'NULL'})", []
    tx.con.register("_ids", pa.table({"id": pa.array(ids, pa.int64())}))
    return f"{column} IN (SELECT id FROM _ids)", []


def delete_samples(lake: Lake, ids: Ids, *, message: str = "") -> int:
    """Delete samples with all their labels and tags; how many. The media files stay where they are."""

    def body(tx: Transaction) -> int:
        schema = tx.schema()
        where, _ = by_ids(tx, "sample_id", ids)
        for field in schema.fields:
            table = tx.table(field.table)
            tx.execute(
                f"DELETE FROM {tx.table('tag')} WHERE owner = ? AND owner_id IN (SELECT id FROM {table} WHERE {where})",
                [field.name],
            )
            tx.execute(f"DELETE FROM {table} WHERE {where}")
        tx.execute(f"DELETE FROM {tx.table('tag')} WHERE owner = '{SAMPLE_OWNER}' AND {by_ids(tx, 'owner_id', ids)[0]}")
        gone = tx.number(f"DELETE FROM {tx.table('samples')} WHERE {by_ids(tx, 'id', ids)[0]}")
        tx.details.update(samples=gone)
        return gone

    return lake.commit("delete samples", body, message=message or f"delete {len(ids)} samples")


def add_objects(lake: Lake, field: str, rows: pa.Table, *, message: str = "") -> Ids:
    """Add annotations: a table with `sample_id` and columns of the field; the ids they got, in the rows' order.

    Attributes that are left out get their defaults. Raises BadValue for rows that do not fit.
    """
    if "sample_id" not in rows.column_names:
        raise BadValue("objects need the column sample_id", hint="say which sample each belongs to")
    if "id" in rows.column_names:
        raise BadValue("new objects get their ids from the data set", hint="leave the column id out")

    def body(tx: Transaction) -> Ids:
        ids = put_objects(tx, field, rows)
        tx.details.update(field=field, objects=len(ids))
        return ids

    return lake.commit("add objects", body, message=message or f"add {rows.num_rows} objects to {field}")


def put_objects(tx: Transaction, field: str, rows: pa.Table) -> Ids:
    """`add_objects` inside a transaction."""
    known = tx.schema().field(field)
    checked = _complete(known, rows)
    if not checked.num_rows:
        return np.empty(0, np.int64)
    tx.con.register("_objects", checked)
    lost = tx.execute(
        f"SELECT DISTINCT sample_id FROM _objects WHERE sample_id IS NULL OR sample_id NOT IN (SELECT id FROM {tx.table('samples')}) LIMIT 5"
    ).fetchall()
    if lost:
        raise BadValue(f"no sample {', '.join(str(i) for (i,) in lost)}", where=field, hint="add the sample first")
    first = tx.reserve("object", checked.num_rows)
    ids = np.arange(first, first + checked.num_rows, dtype=np.int64)
    tx.con.register("_objects", checked.append_column("id", pa.array(ids)))
    tx.execute(f"INSERT INTO {tx.table(known.table)} BY NAME SELECT * FROM _objects ORDER BY sample_id, id")
    _list_new_classes(tx, field, checked)
    return ids


def _complete(known: LabelField, rows: pa.Table) -> pa.Table:
    """New objects with the defaults of the attributes that they leave out."""
    defaults = {
        a.name: [a.default] * rows.num_rows
        for a in known.attributes
        if a.default is not None and a.name not in rows.column_names
    }
    missing = [a.name for a in known.attributes if a.required and a.default is None and a.name not in rows.column_names]
    if missing:
        raise BadValue(f'objects of "{known.name}" need {", ".join(missing)}', hint="give them values")
    for name, values in defaults.items():
        rows = rows.append_column(name, pa.array(values))
    checked = _checked(known, rows)
    if known.kind in GEOMETRIC and not {"x", "y", "w", "h"} <= set(checked.column_names):
        raise BadValue(f"{known.kind} objects need x, y, w, h", hint="pixels from the left top corner")
    return checked


def edit_objects(lake: Lake, field: str, changes: pa.Table, *, message: str = "") -> int:
    """Set columns of objects: a table with `id` and the columns to set (a null clears); how many objects there were.

    Raises BadValue for values that do not fit, and when an id is not there: then nothing is changed.
    """
    if "id" not in changes.column_names or len(changes.column_names) < 2:
        raise BadValue("edits need the column id and at least one column to set")
    if "sample_id" in changes.column_names:
        raise BadValue("an object stays with its sample", hint="delete it and add it to the other one")
    ids = column_array("id", "int", changes["id"]).to_numpy()
    if len(np.unique(ids)) != len(ids):
        raise BadValue("the same object stands twice in the edits", hint="name each object once")

    def body(tx: Transaction) -> int:
        known = tx.schema().field(field)
        checked = _checked(known, changes)
        done = _update(tx, known.table, checked)
        if done != len(ids):
            raise BadValue(
                f'{len(ids) - done} of the {len(ids)} objects are not in "{field}"',
                hint="somebody may have deleted them: look again",
            )
        _list_new_classes(tx, field, checked)
        tx.details.update(field=field, objects=done)
        return done

    return lake.commit("edit objects", body, message=message or f"edit {len(ids)} objects of {field}")


def delete_objects(lake: Lake, field: str, ids: Ids, *, message: str = "") -> int:
    """Delete objects and their tags; how many."""

    def body(tx: Transaction) -> int:
        table = tx.schema().field(field).table
        gone = tx.number(f"DELETE FROM {tx.table(table)} WHERE {by_ids(tx, 'id', ids)[0]}")
        tx.execute(f"DELETE FROM {tx.table('tag')} WHERE owner = ? AND {by_ids(tx, 'owner_id', ids)[0]}", [field])
        tx.details.update(field=field, objects=gone)
        return gone

    return lake.commit("delete objects", body, message=message or f"delete {len(ids)} objects of {field}")


def _checked(field: LabelField, rows: pa.Table) -> pa.Table:
    """The rows with each column in its type; attributes within their lists and limits; sizes not negative."""
    kinds = field.columns()
    own = {a.name: a for a in field.attributes}
    out = {}
    for name in rows.column_names:
        if name not in kinds:
            raise UnknownField(f'field "{field.name}" has no column "{name}"', hint=near(name, kinds))
        array = column_array(name, kinds[name], rows[name])
        if name in own:
            check(own[name], array)
        if name in ("w", "h"):
            check(Column(name, "float", minimum=0.0), array)
        out[name] = array
    return pa.table(out)


def _list_new_classes(tx: Transaction, name: str, rows: pa.Table) -> None:
    if "label" not in rows.column_names:
        return
    field = tx.schema().field(name)
    new = tuple(c for c in rows["label"].unique().to_pylist() if c is not None and c not in field.classes)
    if new:
        tables.store_field(tx, field, replace(field, classes=field.classes + new))
