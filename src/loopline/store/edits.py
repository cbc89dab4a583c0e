"""Changing what is there: tags, columns, fields, objects, samples. Every function is one verb and one snapshot.

Rows are named by their ids (int64), so the same functions serve one object in an editor and a million in a view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue, UnknownField, near
from loopline.kernel.schema import GEOMETRIC, SAMPLE_COLUMNS, Column, DatasetSchema, LabelField, ScalarType, check_name
from loopline.store import tables
from loopline.store.lake import Lake, Transaction, current_author
from loopline.store.tables import SAMPLE_OWNER, SQL_TYPES, quoted
from loopline.store.values import check, column_array

Ids = npt.NDArray[np.int64]

SETTABLE: Final = ("split", "path", "root")
"""Built-in sample columns that a user may set; the others say what the media file is."""

_FEW: Final = (
    256  # ids up to here stand in the statement, where file statistics can use them; beyond, in a joined table
)


# -- tags


def add_tags(lake: Lake, owner: str, ids: Ids, names: Sequence[str], *, message: str = "") -> int:
    """Give samples (`owner` 'sample') or objects (`owner` a label field) tags; how many rows had not had them."""
    _check_tags(lake.schema(), owner, names)

    def body(tx: Transaction) -> int:
        tag = tx.table("tag")
        source = tx.table("samples" if owner == SAMPLE_OWNER else tx.schema().field(owner).table)
        tx.con.register("_ids", pa.table({"id": pa.array(ids, pa.int64())}))
        added = tx.number(
            f"""INSERT INTO {tag} SELECT ?, id, tag, ?, now()::TIMESTAMP FROM (
                    SELECT DISTINCT i.id, t.tag FROM _ids i JOIN {source} s ON s.id = i.id, (SELECT unnest(?::VARCHAR[]) AS tag) t)
                WHERE (id, tag) NOT IN (SELECT (owner_id, tag) FROM {tag} WHERE owner = ?)""",
            [owner, current_author(), list(names), owner],
        )
        tx.details.update(owner=owner, tags=list(names), rows=added)
        return added

    return lake.commit("tag", body, message=message or f"tag {', '.join(names)}")


def remove_tags(lake: Lake, owner: str, ids: Ids, names: Sequence[str], *, message: str = "") -> int:
    """Take tags away; how many there were."""
    _check_tags(lake.schema(), owner, names)

    def body(tx: Transaction) -> int:
        where, parameters = _by_ids(tx, "owner_id", ids)
        removed = tx.number(
            f"DELETE FROM {tx.table('tag')} WHERE owner = ? AND tag IN (SELECT unnest(?::VARCHAR[])) AND {where}",
            [owner, list(names), *parameters],
        )
        tx.details.update(owner=owner, tags=list(names), rows=removed)
        return removed

    return lake.commit("untag", body, message=message or f"untag {', '.join(names)}")


def _check_tags(schema: DatasetSchema, owner: str, names: Sequence[str]) -> None:
    if owner != SAMPLE_OWNER:
        schema.field(owner)
    if isinstance(names, str) or not names:
        raise BadValue("tags are a list of words", hint='write ["todo"]')
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > 200 or "\n" in name:
            raise BadValue(f"{name!r} cannot be a tag", hint="use one line of text, at most 200 characters")


# -- sample columns


def add_column(lake: Lake, column: Column) -> None:
    def body(tx: Transaction) -> None:
        tx.schema().check_new(column.name, "sample column")
        tables.add_column(tx.execute, column)
        if column.default is not None:
            tx.execute(
                f"UPDATE {tx.table('samples')} SET {quoted(column.name)} = ?::{SQL_TYPES[column.type]}",
                [column.default],
            )

    lake.commit("add column", body, message=f"add column {column.name}")


def drop_column(lake: Lake, name: str) -> None:
    lake.commit(
        "drop column",
        lambda tx: tables.drop_column(tx.execute, tx.schema().column(name).name),
        message=f"drop column {name}",
    )


def rename_column(lake: Lake, old: str, new: str) -> None:
    def body(tx: Transaction) -> None:
        schema = tx.schema()
        before = schema.column(old)
        schema.check_new(new, "sample column")
        tx.execute(f"ALTER TABLE {tx.table('samples')} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        tables.store_column(tx.execute, before, replace(before, name=new))

    lake.commit("rename column", body, message=f"rename column {old} to {new}")


def change_column(lake: Lake, column: Column) -> None:
    """Give a column of this name another type, list, limits or guidance. Raises BadValue where present values do not fit."""

    def body(tx: Transaction) -> None:
        before = tx.schema().column(column.name)
        _retype(tx, "samples", before, column)
        tables.store_column(tx.execute, before, column)

    lake.commit("change column", body, message=f"change column {column.name}")


def _retype(tx: Transaction, table: str, before: Column, after: Column) -> None:
    """Change a column's type by way of a new column: every conversion works, and a value that does not convert is named."""
    name, source = quoted(before.name), tx.table(table)
    if before.type != after.type:
        kind = SQL_TYPES[after.type]
        lost = tx.execute(
            f"SELECT count(*), first({name}::VARCHAR) FROM {source} WHERE {name} IS NOT NULL AND try_cast({name} AS {kind}) IS NULL"
        ).fetchone()
        if lost and lost[0]:
            raise BadValue(
                f'{lost[0]} values of "{before.name}" cannot become {after.type}, the first is {lost[1]!r}',
                hint="mend or clear them first",
            )
        rows = tx.execute(
            f"SELECT id, try_cast({name} AS {kind}) AS value FROM {source} WHERE {name} IS NOT NULL"
        ).to_arrow_table()
        tx.execute(f"ALTER TABLE {source} DROP COLUMN {name}")
        tx.execute(f"ALTER TABLE {source} ADD COLUMN {name} {kind}")
        if rows.num_rows:
            tx.con.register("_values", rows)
            tx.execute(f"UPDATE {source} AS t SET {name} = v.value FROM _values v WHERE t.id = v.id")
    present = tx.execute(f"SELECT DISTINCT {name} AS v FROM {source}").to_arrow_table()["v"].combine_chunks()
    check(after, present)


def set_column(lake: Lake, name: str, ids: Ids, values: object, *, message: str = "") -> int:
    """Set a sample column at some samples; how many there are. `values` is as long as `ids`, or one value for all.

    Raises BadValue when the values do not fit, UnknownField for a name that is no column of the user's or settable one.
    """
    column = _settable(lake.schema(), name)
    array = _as_long_as(ids, name, column, values)

    def body(tx: Transaction) -> int:
        set_ = _update(tx, "samples", pa.table({"id": pa.array(ids, pa.int64()), name: array}))
        tx.details.update(column=name, samples=set_)
        return set_

    return lake.commit("set", body, message=message or f"set {name}")


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


def _by_ids(tx: Transaction, column: str, ids: Ids) -> tuple[str, list[object]]:
    """A condition for the rows with these ids. Ids are whole numbers, so they may stand in the text."""
    if len(ids) <= _FEW:
        return f"{column} IN ({', '.join(str(int(i)) for i in ids) or 'NULL'})", []
    tx.con.register("_ids", pa.table({"id": pa.array(ids, pa.int64())}))
    return f"{column} IN (SELECT id FROM _ids)", []


# -- samples


def delete_samples(lake: Lake, ids: Ids, *, message: str = "") -> int:
    """Delete samples with all their labels and tags; how many. The media files stay where they are."""

    def body(tx: Transaction) -> int:
        schema = tx.schema()
        where, _ = _by_ids(tx, "sample_id", ids)
        for field in schema.fields:
            table = tx.table(field.table)
            tx.execute(
                f"DELETE FROM {tx.table('tag')} WHERE owner = ? AND owner_id IN (SELECT id FROM {table} WHERE {where})",
                [field.name],
            )
            tx.execute(f"DELETE FROM {table} WHERE {where}")
        tx.execute(
            f"DELETE FROM {tx.table('tag')} WHERE owner = '{SAMPLE_OWNER}' AND {_by_ids(tx, 'owner_id', ids)[0]}"
        )
        gone = tx.number(f"DELETE FROM {tx.table('samples')} WHERE {_by_ids(tx, 'id', ids)[0]}")
        tx.details.update(samples=gone)
        return gone

    return lake.commit("delete samples", body, message=message or f"delete {len(ids)} samples")


# -- label fields


def add_field(lake: Lake, field: LabelField) -> None:
    def body(tx: Transaction) -> None:
        tx.schema().check_new(field.name, "label field")
        tables.add_field(tx.execute, field)

    lake.commit("add field", body, message=f"add field {field.name}")


def drop_field(lake: Lake, name: str) -> None:
    lake.commit(
        "drop field",
        lambda tx: tables.drop_field(tx.execute, tx.schema().field(name).name),
        message=f"drop field {name}",
    )


def rename_field(lake: Lake, old: str, new: str) -> None:
    def body(tx: Transaction) -> None:
        schema = tx.schema()
        before = schema.field(old)
        schema.check_new(new, "label field")
        after = replace(before, name=new)
        tx.execute(f"ALTER TABLE {tx.table(before.table)} RENAME TO {quoted(after.table)}")
        tx.execute(f"UPDATE {tx.table('tag')} SET owner = ? WHERE owner = ?", [new, old])
        tables.store_field(tx.execute, before, after)
        tx.execute(f"UPDATE {tx.table('field')} SET name = ? WHERE name = ?", [new, old])

    lake.commit("rename field", body, message=f"rename field {old} to {new}")


def change_field(
    lake: Lake,
    name: str,
    *,
    classes: Sequence[str] | None = None,
    description: str | None = None,
    keypoint_names: Sequence[str] | None = None,
    skeleton: Sequence[tuple[int, int]] | None = None,
) -> LabelField:
    """Replace parts of a field's description. Raises BadValue when objects have a class that `classes` leaves out."""

    def body(tx: Transaction) -> LabelField:
        before = tx.schema().field(name)
        after = replace(
            before,
            classes=before.classes if classes is None else tuple(classes),
            description=before.description if description is None else description,
            keypoint_names=before.keypoint_names if keypoint_names is None else tuple(keypoint_names),
            skeleton=before.skeleton if skeleton is None else tuple(skeleton),
        )
        if classes is not None:
            used = tx.execute(
                f"SELECT DISTINCT label FROM {tx.table(before.table)} WHERE label IS NOT NULL ORDER BY 1"
            ).fetchall()
            lost = [label for (label,) in used if label not in after.classes]
            if lost:
                raise BadValue(
                    f'objects of "{name}" have the classes {", ".join(lost[:8])}',
                    hint="rename or delete those objects first",
                )
        tables.store_field(tx.execute, before, after)
        return after

    return lake.commit("change field", body, message=f"change field {name}")


def rename_classes(lake: Lake, name: str, new_names: Mapping[str, str], *, message: str = "") -> int:
    """Rename classes of a field, in its list and in its objects; two classes given one name are merged. Objects changed."""

    def body(tx: Transaction) -> int:
        field = tx.schema().field(name)
        for old in new_names:
            if old not in field.classes:
                raise UnknownField(f'field "{name}" has no class "{old}"', hint=near(old, field.classes))
        classes = tuple(dict.fromkeys(new_names.get(c, c) for c in field.classes))
        tables.store_field(tx.execute, field, replace(field, classes=classes))
        tx.con.register("_names", pa.table({"old": list(new_names), "new": list(new_names.values())}))
        changed = tx.number(
            f"UPDATE {tx.table(field.table)} AS t SET label = n.new FROM _names n WHERE t.label = n.old"
        )
        tx.details.update(field=name, classes=dict(new_names), objects=changed)
        return changed

    return lake.commit("rename classes", body, message=message or f"rename classes of {name}")


def add_attribute(lake: Lake, field: str, attribute: Column) -> None:
    def body(tx: Transaction) -> None:
        before = tx.schema().field(field)
        tables.store_field(tx.execute, before, replace(before, attributes=(*before.attributes, attribute)))
        if attribute.default is not None:
            tx.execute(
                f"UPDATE {tx.table(before.table)} SET {quoted(attribute.name)} = ?::{SQL_TYPES[attribute.type]}",
                [attribute.default],
            )

    lake.commit("add attribute", body, message=f"add attribute {field}.{attribute.name}")


def drop_attribute(lake: Lake, field: str, name: str) -> None:
    def body(tx: Transaction) -> None:
        before = tx.schema().field(field)
        before.attribute(name)
        tx.execute(f"ALTER TABLE {tx.table(before.table)} DROP COLUMN {quoted(name)}")
        tables.store_field(
            tx.execute, before, replace(before, attributes=tuple(a for a in before.attributes if a.name != name))
        )

    lake.commit("drop attribute", body, message=f"drop attribute {field}.{name}")


def rename_attribute(lake: Lake, field: str, old: str, new: str) -> None:
    def body(tx: Transaction) -> None:
        before = tx.schema().field(field)
        before.attribute(old)
        check_name(new, "attribute")
        after = replace(
            before, attributes=tuple(replace(a, name=new) if a.name == old else a for a in before.attributes)
        )
        tx.execute(f"ALTER TABLE {tx.table(before.table)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        tx.execute(f"UPDATE {tx.table('field')} SET spec = ? WHERE name = ?", [tables.spec(after), field])

    lake.commit("rename attribute", body, message=f"rename attribute {field}.{old} to {new}")


def change_attribute(lake: Lake, field: str, attribute: Column) -> None:
    """Give an attribute of this name another type, list, limits or guidance. Raises BadValue where values do not fit."""

    def body(tx: Transaction) -> None:
        before = tx.schema().field(field)
        _retype(tx, before.table, before.attribute(attribute.name), attribute)
        after = replace(
            before, attributes=tuple(attribute if a.name == attribute.name else a for a in before.attributes)
        )
        tx.execute(f"UPDATE {tx.table('field')} SET spec = ? WHERE name = ?", [tables.spec(after), field])

    lake.commit("change attribute", body, message=f"change attribute {field}.{attribute.name}")


# -- objects


def add_objects(lake: Lake, field: str, rows: pa.Table, *, message: str = "") -> Ids:
    """Add annotations: a table with `sample_id` and columns of the field; the ids they got, in the rows' order.

    Attributes that are left out get their defaults. Raises BadValue for rows that do not fit.
    """
    known = lake.schema().field(field)
    if "sample_id" not in rows.column_names:
        raise BadValue("objects need the column sample_id", hint="say which sample each belongs to")
    if not rows.num_rows:
        return np.empty(0, np.int64)
    defaults = {
        a.name: [a.default] * rows.num_rows
        for a in known.attributes
        if a.default is not None and a.name not in rows.column_names
    }
    missing = [a.name for a in known.attributes if a.required and a.default is None and a.name not in rows.column_names]
    if missing:
        raise BadValue(f'objects of "{field}" need {", ".join(missing)}', hint="give them values")
    for name, values in defaults.items():
        rows = rows.append_column(name, pa.array(values))
    checked = _checked(known, rows)
    if known.kind in GEOMETRIC and not {"x", "y", "w", "h"} <= set(checked.column_names):
        raise BadValue(f"{known.kind} objects need x, y, w, h", hint="pixels from the left top corner")

    def body(tx: Transaction) -> Ids:
        tx.con.register("_objects", checked)
        lost = tx.execute(
            f"SELECT DISTINCT sample_id FROM _objects WHERE sample_id IS NULL OR sample_id NOT IN (SELECT id FROM {tx.table('samples')}) LIMIT 5"
        ).fetchall()
        if lost:
            raise BadValue(f"no sample {', '.join(str(i) for (i,) in lost)}", where=field, hint="add the sample first")
        first = tx.reserve("object", checked.num_rows)
        ids = np.arange(first, first + checked.num_rows, dtype=np.int64)
        table = checked.append_column("id", pa.array(ids))
        tx.con.register("_objects", table)
        tx.execute(f"INSERT INTO {tx.table(known.table)} BY NAME SELECT * FROM _objects ORDER BY sample_id, id")
        _list_new_classes(tx, field, checked)
        tx.details.update(field=field, objects=checked.num_rows)
        return ids

    return lake.commit("add objects", body, message=message or f"add {rows.num_rows} objects to {field}")


def edit_objects(lake: Lake, field: str, changes: pa.Table, *, message: str = "") -> int:
    """Set columns of objects: a table with `id` and the columns to set (a null clears); how many objects there were.

    Raises BadValue for values that do not fit, and when an id is not there: then nothing is changed.
    """
    known = lake.schema().field(field)
    if "id" not in changes.column_names or len(changes.column_names) < 2:
        raise BadValue("edits need the column id and at least one column to set")
    if "sample_id" in changes.column_names:
        raise BadValue("an object stays with its sample", hint="delete it and add it to the other one")
    checked = _checked(known, changes)
    ids = checked["id"].to_numpy()
    if len(np.unique(ids)) != len(ids):
        raise BadValue("the same object stands twice in the edits", hint="name each object once")

    def body(tx: Transaction) -> int:
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
    table = lake.schema().field(field).table

    def body(tx: Transaction) -> int:
        gone = tx.number(f"DELETE FROM {tx.table(table)} WHERE {_by_ids(tx, 'id', ids)[0]}")
        tx.execute(f"DELETE FROM {tx.table('tag')} WHERE owner = ? AND {_by_ids(tx, 'owner_id', ids)[0]}", [field])
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
        tables.store_field(tx.execute, field, replace(field, classes=field.classes + new))


def retyped(column: Column, kind: ScalarType) -> Column:
    """`column` as another type, without the limits that the type cannot have."""
    number = kind in ("int", "float")
    return replace(
        column,
        type=kind,
        values=column.values if kind == "text" else (),
        minimum=column.minimum if number else None,
        maximum=column.maximum if number else None,
        default=None if kind != column.type else column.default,
    )
