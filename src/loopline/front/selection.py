"""Which samples or objects a verb is about, in the ways that people say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.kernel.expr import Expr
from loopline.query.builder import Built
from loopline.query.view import ObjectView, View
from loopline.store.lake import Lake

Selection: TypeAlias = "View | ObjectView | Expr | Built | str | int | Iterable[int]"
"""A view, an expression (its text or built with `F`), one id, or several ids."""


def sample_ids(everything: View, which: Selection) -> npt.NDArray[np.int64]:
    """Ids of the chosen samples; those of an object view's samples for objects."""
    if isinstance(which, ObjectView):
        return which.samples().ids()
    if isinstance(which, View):
        return which.ids()
    if isinstance(which, (str, Expr, Built)):
        return everything.where(which).ids()
    return _numbers(which)


def object_ids(everything: View, field: str, which: Selection) -> npt.NDArray[np.int64]:
    """Ids of the chosen objects of a field; an expression is about the objects."""
    if isinstance(which, ObjectView):
        return which.ids()
    if isinstance(which, View):
        return which.objects(field).ids()
    if isinstance(which, (str, Expr, Built)):
        return everything.objects(field).where(which).ids()
    return _numbers(which)


def _numbers(which: int | Iterable[int]) -> npt.NDArray[np.int64]:
    numbers = np.atleast_1d(np.asarray(which if isinstance(which, (int, np.ndarray)) else list(which)))
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise BadValue(f"ids are whole numbers, not {numbers.dtype}", hint="give ids, a view, or an expression")
    return np.asarray(numbers, np.int64)


class Changeable(Protocol):
    """A data set, as far as a verb that writes needs it."""

    @property
    def lake(self) -> Lake: ...

    def writable(self) -> Lake:
        """The store. Raises ReadOnlyVersion where this is an earlier version."""

    def chosen(self, which: Selection | None) -> View:
        """Samples as a view; None: all."""
