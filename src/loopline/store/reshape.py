"""Changing the schema: sample columns, label fields, classes and attributes. Every function is one verb and one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from loopline.errors import BadValue, UnknownField, near
from loopline.kernel.schema import Column, LabelField, ScalarType, check_name
from loopline.store import tables
from loopline.store.lake import Lake, Transaction
from loopline.store.sql import quoted
from loopline.store.tables import SQL_TYPES
from loopline.store.values import check, column_array


def add_column(lake: Lake, column: Column) -> None:
    def body(tx: Transaction) -> None:
        tx.schema().check_new(column.name, "sample column")
        _check_default(column)
        tables.add_column(tx, column)
        if column.default is not None:
            tx.execute(
                f"UPDATE {tx.table('samples')} SET {quoted(column.name)} = ?::{SQL_TYPES[column.type]}",
                [column.default],
            )

    lake.commit("add column", body, message=f"add column {column.name}")


def _check_default(column: Column) -> None:
    """Raise BadValue for a default that the column itself would refuse."""
    if column.default is not None:
        check(column, column_array(column.name, column.type, [column.default]))


def drop_column(lake: Lake, name: str) -> None:
    lake.commit(
        "drop column",
        lambda tx: tables.drop_column(tx, tx.schema().column(name)),
        message=f"drop column {name}",
    )


def rename_column(lake: Lake, old: str, new: str) -> None:
    def body(tx: Transaction) -> None:
        schema = tx.schema()
        before = schema.column(old)
        schema.check_new(new, "sample column")
        tx.execute(f"ALTER TABLE {tx.table('samples')} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        tables.store(tx, before, replace(before, name=new))

    lake.commit("rename column", body, message=f"rename column {old} to {new}")


def change_column(lake: Lake, column: Column) -> None:
    """Give a column of this name another type, list, limits or guidance. Raises BadValue where present values do not fit."""

    def body(tx: Transaction) -> None:
        before = tx.schema().column(column.name)
        _check_default(column)
        _retype(tx, "samples", before, column)
        tables.store(tx, before, column)

    lake.commit("change column", body, message=f"change column {column.name}")


def _retype(tx: Transaction, table: str, before: Column, after: Column) -> None:
    """Change a column's type by way of a new column: every conversion works, and a value that does not convert is named."""
    name, source = quoted(before.name), tx.table(table)
    if before.type != after.type:
        kind = SQL_TYPES[after.type]
        value = _converted(name, before.type, after.type)
        lost = tx.execute(
            f"SELECT count(*), first({name}::VARCHAR ORDER BY id) FROM {source} WHERE {name} IS NOT NULL AND {value} IS NULL"
        ).fetchone()
        if lost and lost[0]:
            raise BadValue(
                f'{lost[0]} values of "{before.name}" cannot become {after.type}, the first is {lost[1]!r}',
                hint="mend or clear them first",
            )
        rows = tx.execute(f"SELECT id, {value} AS value FROM {source} WHERE {name} IS NOT NULL").to_arrow_table()
        tx.execute(f"ALTER TABLE {source} DROP COLUMN {name}")
        tx.execute(f"ALTER TABLE {source} ADD COLUMN {name} {kind}")
        if rows.num_rows:
            tx.con.register("_values", rows)
            tx.execute(f"UPDATE {source} AS t SET {name} = v.value FROM _values v WHERE t.id = v.id")
    present = tx.execute(f"SELECT DISTINCT {name} AS v FROM {source}").to_arrow_table()["v"].combine_chunks()
    check(after, present)


def _converted(name: str, before: ScalarType, after: ScalarType) -> str:
    """SQL for a value as another type; null where something would be lost, such as the half of 1.5 as int."""
    kind = SQL_TYPES[after]
    if after == "json":  # a column of JSON holds JSON text
        if before == "text":
            return f"CASE WHEN json_valid({name}) THEN {name} ELSE to_json({name})::VARCHAR END"
        return f"to_json({name})::VARCHAR"
    value = f"try_cast({name} AS {kind})"
    if before in ("int", "float", "bool") and after in ("int", "float", "bool"):
        return f"CASE WHEN try_cast({value} AS {SQL_TYPES[before]}) IS NOT DISTINCT FROM {name} THEN {value} END"
    if after == "int":  # '1.5' casts to 2
        return f"CASE WHEN regexp_full_match(trim({name}), '[+-]?[0-9]+([.]0*)?') THEN {value} END"
    return value


def add_field(lake: Lake, field: LabelField) -> None:
    def body(tx: Transaction) -> None:
        tx.schema().check_new(field.name, "label field")
        tables.add_field(tx, field)

    lake.commit("add field", body, message=f"add field {field.name}")


def drop_field(lake: Lake, name: str) -> None:
    lake.commit(
        "drop field",
        lambda tx: tables.drop_field(tx, tx.schema().field(name)),
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
        tables.rename_in_evaluations(tx, schema, old, new)
        tables.store(tx, before, after)

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
        tables.store_field(tx, before, after)
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
        tables.store_field(tx, field, replace(field, classes=classes))
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
        _check_default(attribute)
        tables.store_field(tx, before, replace(before, attributes=(*before.attributes, attribute)))
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
            tx, before, replace(before, attributes=tuple(a for a in before.attributes if a.name != name))
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
        tables.store(tx, before, after)

    lake.commit("rename attribute", body, message=f"rename attribute {field}.{old} to {new}")


def change_attribute(lake: Lake, field: str, attribute: Column) -> None:
    """Give an attribute of this name another type, list, limits or guidance. Raises BadValue where values do not fit."""

    def body(tx: Transaction) -> None:
        before = tx.schema().field(field)
        _check_default(attribute)
        _retype(tx, before.table, before.attribute(attribute.name), attribute)
        after = replace(
            before, attributes=tuple(attribute if a.name == attribute.name else a for a in before.attributes)
        )
        tables.store(tx, before, after)

    lake.commit("change attribute", body, message=f"change attribute {field}.{attribute.name}")


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
