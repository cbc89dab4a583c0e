"""Do values fit their column? Checked once, on whole columns, before anything is written."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.kernel.schema import Column, PhysicalType

ARROW_TYPES: Final[dict[PhysicalType, pa.DataType]] = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us"),
    "json": pa.string(),
    "bytes": pa.binary(),
    "floats": pa.list_(pa.float64()),
    "parts": pa.list_(pa.list_(pa.float64())),
}

_SHOWN: Final = 5


def column_array(name: str, kind: PhysicalType, values: object) -> pa.Array:
    """`values` (a sequence, NumPy or Arrow array) as an Arrow array of the type. Raises BadValue naming what does not fit."""
    wanted = ARROW_TYPES[kind]
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    try:
        array = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=False)
        if pa.types.is_boolean(array.type) and kind in ("int", "float", "text"):
            raise pa.ArrowInvalid("these are booleans")
        if kind == "bool" and not (pa.types.is_boolean(array.type) or pa.types.is_null(array.type)):
            raise pa.ArrowInvalid(f"these are {array.type}")
        if kind == "text" and not (
            pa.types.is_string(array.type)
            or pa.types.is_large_string(array.type)
            or pa.types.is_null(array.type)
            or pa.types.is_dictionary(array.type)
        ):
            raise pa.ArrowInvalid(f"these are {array.type}")
        return array.cast(wanted)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowNotImplementedError,
        TypeError,
        ValueError,
        OverflowError,
    ) as error:
        raise BadValue(
            f'"{name}" is of type {kind}; the values do not fit: {error}',
            hint=f"give {kind} values, or retype the column",
        ) from error


def check(column: Column, array: pa.Array) -> None:
    """Raise BadValue for values outside the column's closed list or limits, or missing where one is required."""
    if column.required and array.null_count:
        raise BadValue(
            f'"{column.name}" is required, and {array.null_count} values are missing', hint="give each a value"
        )
    if column.values:
        outside = pc.and_(pc.is_valid(array), pc.invert(pc.is_in(array, value_set=pa.array(column.values))))
        _refuse(
            column,
            array,
            outside,
            f"not in its list ({', '.join(column.values[:10])})",
            "add them to the column's values, or mend them",
        )
    if column.minimum is not None:
        _refuse(
            column, array, pc.less(array, column.minimum), f"below {column.minimum:g}", "mend them, or lower the limit"
        )
    if column.maximum is not None:
        _refuse(
            column,
            array,
            pc.greater(array, column.maximum),
            f"above {column.maximum:g}",
            "mend them, or raise the limit",
        )


def _refuse(column: Column, array: pa.Array, mask: pa.Array, what: str, hint: str) -> None:
    bad = array.filter(mask)
    if len(bad):
        shown = ", ".join(repr(v) for v in bad.unique().to_pylist()[:_SHOWN])
        raise BadValue(f'{len(bad)} values of "{column.name}" are {what}: {shown}', hint=hint)
