"""The data set that a verb of `ds.find` looks through, and what these verbs have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue
from loopline.front.finding._vectors import Ids
from loopline.front.finding.similar import chosen_key
from loopline.kernel.lookup import places
from loopline.kernel.schema import Column
from loopline.query.view import ObjectView, View
from loopline.store import edits
from loopline.store.lake import Lake
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.vectors import Embedding


@dataclass(frozen=True, slots=True)
class Searched:
    """A data set that may be changed, and all of it as a view."""

    lake: Lake
    view: View


def write_column(here: Searched, column: Column, ids: Ids, values: pa.Array) -> None:
    edits.set_columns(here.lake, [column], ids, pa.table({column.name: values}), message=f"find {column.name}")


def viewed(here: Searched, owner: str, ids: Ids) -> View | ObjectView:
    """Samples, or objects of the field `owner`, as a view."""
    return here.view.select(ids) if owner == SAMPLE_OWNER else here.view.objects(owner).select(ids)


def paths(here: Searched, ids: Ids, owner: str = SAMPLE_OWNER) -> pa.Array:
    """(n,) the path of each."""
    rows = viewed(here, owner, ids).to_arrow(["id", "path" if owner == SAMPLE_OWNER else "sample.path"])
    return rows.column(1).combine_chunks().take(pa.array(places(rows["id"].to_numpy(), ids)))


def with_paths(here: Searched, column: str, ids: Ids, values: npt.NDArray[np.float64]) -> pa.Table:
    """Samples with their value: id · the column · path."""
    return pa.table({"id": ids, column: values, "path": paths(here, ids)})


def of_samples(here: Searched, key: str | None) -> Embedding:
    """An embedding of samples; without a name the only one. Raises UnknownField, BadValue."""
    found = chosen_key(here.lake, key, owner=SAMPLE_OWNER)
    if found.owner != SAMPLE_OWNER:
        raise BadValue(
            f'"{found.key}" holds vectors of objects of {found.owner}', hint="name an embedding of samples by key"
        )
    return found
