"""Random splits of a data set, and the samples of some splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from loopline.errors import BadValue, near
from loopline.kernel import splits
from loopline.kernel.expr import Expr
from loopline.query.builder import Built
from loopline.query.view import Expression, View
from loopline.store import edits
from loopline.store.lake import Lake

_SAME: Final = "content_hash"


def drawn(
    view: View, shares: Mapping[str, float], *, by: Expression | Sequence[Expression] = (), seed: int = 0
) -> dict[int, str]:
    """A random split for each sample of a view, by its id. Nothing is written.

    shares  split → share of the samples; they add up to 1
    by      columns or expressions: samples with one value of any of them stay together (one video, one patient). Files
            with the same content always do.
    seed    another seed, another draw. Seed and paths decide, not the order of the samples.

    Whole groups go to one split, so shares are met as nearly as they allow. Raises BadValue, QueryError.
    """
    keys: list[Expression] = [by] if isinstance(by, (str, Expr, Built)) else list(by)
    ids = view.ids()
    columns = [view.values(key).to_pylist() for key in (_SAME, *keys)]
    names = view.values("path").to_pylist()
    found = splits.assign(names, splits.linked(columns, len(ids)), shares, seed)
    return dict(zip(map(int, ids), found, strict=True))


def split(
    lake: Lake, view: View, shares: Mapping[str, float], *, by: Expression | Sequence[Expression] = (), seed: int = 0
) -> dict[str, int]:
    """Give the samples of a view random splits, as `drawn`; how many each got."""
    found = drawn(view, shares, by=by, seed=seed)
    edits.set_column(lake, "split", np.fromiter(found, np.int64), list(found.values()), message="split")
    counts = Counter(found.values())
    return {name: counts[name] for name in shares}


def of_splits(view: View, names: Sequence[str]) -> View:
    """Only the samples of these splits. Raises BadValue for one that no sample has."""
    known = [value for value in view.facets("split", limit=None)["value"].to_pylist() if value is not None]
    for name in names:
        if name not in known:
            raise BadValue(f'no sample is in the split "{name}"', hint=near(name, known))
    return view.where(" or ".join(f"split == {name!r}" for name in names))
