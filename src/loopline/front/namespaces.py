"""Related verbs together: `ds.columns`, `ds.fields`, `ds.labels`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.kernel.schema import Column, FieldKind, LabelField, ScalarType
from loopline.store import edits, reshape
from loopline.store.lake import Lake


@dataclass(frozen=True, slots=True)
class Columns:
    """The user's own sample columns. Iterates over them."""

    _lake: Lake

    def __iter__(self) -> Iterator[Column]:
        return iter(self._lake.schema().columns)

    def __getitem__(self, name: str) -> Column:
        return self._lake.schema().column(name)

    def add(
        self,
        name: str,
        type: ScalarType,  # noqa: A002
        *,
        values: Sequence[str] = (),
        minimum: float | None = None,
        maximum: float | None = None,
        default: str | int | float | bool | None = None,
        required: bool = False,
        guidance: str = "",
    ) -> Column:
        """Add a column; `default` is given to the samples that are there."""
        column = Column(name, type, tuple(values), minimum, maximum, default, required, guidance)
        reshape.add_column(self._lake, column)
        return column

    def rename(self, old: str, new: str) -> None:
        reshape.rename_column(self._lake, old, new)

    def retype(self, name: str, type: ScalarType) -> None:  # noqa: A002
        """Give a column another type; its values are converted. Raises BadValue for one that cannot be."""
        reshape.change_column(self._lake, reshape.retyped(self[name], type))

    def change(self, column: Column) -> None:
        """Replace the list, limits, default or guidance of the column of this name."""
        reshape.change_column(self._lake, column)

    def drop(self, name: str) -> None:
        reshape.drop_column(self._lake, name)


@dataclass(frozen=True, slots=True)
class Fields:
    """The label fields. Iterates over them."""

    _lake: Lake

    def __iter__(self) -> Iterator[LabelField]:
        return iter(self._lake.schema().fields)

    def __getitem__(self, name: str) -> LabelField:
        return self._lake.schema().field(name)

    def add(
        self,
        name: str,
        kind: FieldKind,
        *,
        classes: Sequence[str] = (),
        attributes: Sequence[Column] = (),
        description: str = "",
        keypoint_names: Sequence[str] = (),
        skeleton: Sequence[tuple[int, int]] = (),
    ) -> LabelField:
        field = LabelField(
            name, kind, tuple(classes), tuple(attributes), description, tuple(keypoint_names), tuple(skeleton)
        )
        reshape.add_field(self._lake, field)
        return field

    def rename(self, old: str, new: str) -> None:
        reshape.rename_field(self._lake, old, new)

    def change(
        self,
        name: str,
        *,
        classes: Sequence[str] | None = None,
        description: str | None = None,
        keypoint_names: Sequence[str] | None = None,
        skeleton: Sequence[tuple[int, int]] | None = None,
    ) -> LabelField:
        """Replace parts of a field's description; see `store.reshape.change_field`."""
        return reshape.change_field(
            self._lake, name, classes=classes, description=description, keypoint_names=keypoint_names, skeleton=skeleton
        )

    def drop(self, name: str) -> None:
        """Drop a field with all its objects. An earlier version still has it."""
        reshape.drop_field(self._lake, name)

    def rename_classes(self, name: str, new_names: Mapping[str, str]) -> int:
        """Rename classes, {old: new}; two that get one name are merged. How many objects changed."""
        return reshape.rename_classes(self._lake, name, new_names)

    def add_attribute(self, field: str, attribute: Column) -> None:
        reshape.add_attribute(self._lake, field, attribute)

    def rename_attribute(self, field: str, old: str, new: str) -> None:
        reshape.rename_attribute(self._lake, field, old, new)

    def retype_attribute(self, field: str, name: str, type: ScalarType) -> None:  # noqa: A002
        known = self[field].attribute(name)
        reshape.change_attribute(self._lake, field, reshape.retyped(known, type))

    def change_attribute(self, field: str, attribute: Column) -> None:
        reshape.change_attribute(self._lake, field, attribute)

    def drop_attribute(self, field: str, name: str) -> None:
        reshape.drop_attribute(self._lake, field, name)


@dataclass(frozen=True, slots=True)
class Labels:
    """The objects of label fields. Rows are an Arrow table, a dictionary of columns, or a list of dictionaries."""

    _lake: Lake

    def add(
        self, field: str, rows: pa.Table | Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> npt.NDArray[np.int64]:
        """Add objects: `sample_id` and columns of the field; the ids that they got."""
        return edits.add_objects(self._lake, field, _table(rows))

    def edit(self, field: str, rows: pa.Table | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Set columns of objects: `id` and the columns to set; how many objects."""
        return edits.edit_objects(self._lake, field, _table(rows))

    def delete(self, field: str, ids: Sequence[int] | npt.NDArray[np.int64]) -> int:
        """Delete objects; how many there were."""
        return edits.delete_objects(self._lake, field, np.asarray(ids, np.int64))


def _table(rows: pa.Table | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    return pa.table(dict(rows)) if isinstance(rows, Mapping) else pa.Table.from_pylist([dict(row) for row in rows])
