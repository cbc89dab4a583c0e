"""What pictures and annotations of a COCO file have in common: rows of a chunk as columns, and leftovers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeAlias

import pyarrow as pa
from msgspec import UNSET

from loopline.formats._coco_rows import Fault, RowType
from loopline.formats._columns import ARROW, EXACT, INT64, OpenColumns
from loopline.formats._jsonstream import Elements
from loopline.kernel.exchange import BATCH_ROWS, Event, Problem

ID: Final = "coco_id"  # sample column and attribute: the file's own ids
REST: Final = "coco_rest"  # the same: keys whose value did not fit their column, as one JSON object
DERIVED: Final = "coco_box_derived"  # attribute: the file had no bbox; it is the box of the mask, outline or points

Where: TypeAlias = Callable[[str, int, Any], str]
"""Array, index and id (or UNSET) of a row → where it is, in words."""

Rest: TypeAlias = dict[int, dict[str, Any]]
"""Row → keys and values that no column holds."""


def rows_of(kind: RowType, part: Elements) -> tuple[list[Any], Rest, list[Fault]]:
    """A chunk's rows, None where one cannot stay; what did not fit, and the faults."""
    return (list(part.items), {}, []) if part.typed else kind.convert(part.items, strict=part.strict)


def fault_problems(faults: Sequence[Fault], part: Elements, where: Where) -> Iterator[Problem]:
    for fault in faults:
        item = part.items[fault.row]
        own = item.get("id", UNSET) if isinstance(item, dict) else UNSET
        yield Problem("skipped" if fault.fatal else "warning", fault.what, where(part.key, part.first + fault.row, own))


def column(rows: Sequence[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), rows))


def all_missing(values: list[Any]) -> bool:
    return values.count(UNSET) == len(values)


def numbers(values: Sequence[Any], kind: str, rest: Rest, key: str) -> pa.Array:
    """A column of a built-in number; null and what does not fit go to the leftovers."""
    good = {int} if kind == "int" else {int, float}
    if set(map(type, values)) <= good:
        try:
            return pa.array(values, ARROW[kind])
        except (OverflowError, pa.ArrowInvalid):  # one of them is a number that the column cannot hold
            pass
    limit = INT64 if kind == "int" else EXACT
    kept = [v if type(v) in good and (type(v) is float or v in limit) else None for v in values]
    for i, (value, held) in enumerate(zip(values, kept, strict=True)):
        if held is None and value is not UNSET:
            rest.setdefault(i, {})[key] = value
    return pa.array(kept, ARROW[kind])


def extra(columns: OpenColumns, key: str, values: Sequence[Any], table: dict[str, Any], rest: Rest) -> None:
    """Add a key that COCO has no type for to the table, and what does not fit to the leftovers."""
    name, array, odd = columns.add(key, values)
    if array is not None:
        table[name] = array
    for i in odd:
        rest.setdefault(i, {})[key] = values[i]


def put_rest(columns: OpenColumns, table: dict[str, Any], rest: Mapping[int, dict[str, Any]]) -> None:
    if rest:
        size = len(next(iter(table.values())))
        name, array, _ = columns.add(REST, [rest.get(i, UNSET) for i in range(size)])
        table[name] = array


def batches(table: pa.Table, make: Callable[[pa.Table], Event]) -> Iterator[Event]:
    for start in range(0, table.num_rows, BATCH_ROWS):
        yield make(table.slice(start, BATCH_ROWS))
