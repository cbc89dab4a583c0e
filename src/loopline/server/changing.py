"""Writes from the browser: each is one verb of the data set, and says how to take it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.server.arrays import Ids
from loopline.server.library import Shown
from loopline.server.wire import Changed, Scalar, Selection
from loopline.store import edits, reverting, tags, versions
from loopline.store.lake import current_author
from loopline.store.tables import SAMPLE_OWNER

_RESTORE = "restore:"
_PLACES = ("path", "root")


def chosen(shown: Shown, selection: Selection) -> tuple[str, Ids]:
    """The label field whose objects are selected ("" for samples), and the ids. Raises Located."""
    asked = shown.ask(selection.view)
    if not selection.all:
        return asked.field, np.unique(np.array(selection.include, np.int64))
    ids = asked.ids()
    return asked.field, ids[~np.isin(ids, np.array(selection.exclude, np.int64))] if selection.exclude else ids


def tag(shown: Shown, selection: Selection, names: Sequence[str], *, take: bool = False) -> Changed:
    """Give tags, or take them away."""
    field, ids = chosen(shown, selection)
    verb = tags.remove_tags if take else tags.add_tags
    word = "Untagged" if take else "Tagged"
    owner = field or SAMPLE_OWNER
    return _done(shown, "untag" if take else "tag", lambda: verb(shown.lake, owner, ids, names), word, field)


def set_column(shown: Shown, selection: Selection, column: str, value: Scalar) -> Changed:
    """One value for a column of the chosen samples or objects."""
    field, ids = chosen(shown, selection)
    if not field and column in _PLACES:
        # Whoever may write here must not come to read any file of this machine by that.
        raise BadValue(f'"{column}" says where the file is, and cannot be set here', hint="set it from Python")
    if not field:
        return _done(shown, "set", lambda: edits.set_column(shown.lake, column, ids, value), f"Set {column} of", field)
    return _done(
        shown,
        "edit",
        lambda: edits.edit_objects(shown.lake, field, _same(ids, column, value)),
        f"Set {column} of",
        field,
    )


def _same(ids: Ids, column: str, value: Scalar) -> pa.Table:
    return pa.table({"id": pa.array(ids), column: pa.array([value] * len(ids))})


def delete(shown: Shown, selection: Selection) -> Changed:
    """Delete the chosen samples with their labels, or the chosen objects. Media files stay."""
    field, ids = chosen(shown, selection)
    lake = shown.lake
    if field:
        return _done(shown, "delete objects", lambda: edits.delete_objects(lake, field, ids), "Deleted", field)
    return _done(shown, "delete", lambda: edits.delete_samples(lake, ids), "Deleted", field)


def edit(shown: Shown, field: str, changes: Sequence[Mapping[str, Scalar]]) -> Changed:
    """Change objects, or add some: all edits have an `id`, or none has. Raises BadValue."""
    names = {frozenset(one) for one in changes}
    if len(names) > 1:
        raise BadValue(
            "the edits of one request set the same columns", hint="send edits of other columns by themselves"
        )
    rows = pa.Table.from_pylist([dict(one) for one in changes])
    lake = shown.lake
    if "id" in rows.column_names:
        return _done(shown, "edit", lambda: edits.edit_objects(lake, field, rows), "Edited", field)
    return _done(shown, "add objects", lambda: len(edits.add_objects(lake, field, rows)), "Added", field)


def undo(shown: Shown, token: str, said: str) -> Changed:
    """Take a change back by the token that it gave; the answer's token is the redo. Raises BadValue, StoreError."""
    if token.startswith(_RESTORE) and token[len(_RESTORE) :].isdigit():
        return restore(shown, token[len(_RESTORE) :])
    if not (token.isascii() and token.isdigit() and len(token) < 18):
        raise BadValue(f'"{token}" names no change', hint="give the `undo` of an earlier answer")
    found = reverting.revert(shown.lake, int(token), message=f"undo: {said}" if said else "")
    left = f"; {found.left} changed since were left" if found.left else ""
    return Changed(
        found.rows,
        found.snapshot,
        str(found.snapshot) if found.rows else "",
        f"Undone: {said}{left}" if said else f"Undone{left}",
    )


def restore(shown: Shown, version: str) -> Changed:
    """Everything as it was at a version."""
    before = shown.lake.snapshot()
    made = versions.restore(shown.lake, version)
    return Changed(1, made, f"{_RESTORE}{before}" if made > before else "", f"Restored {version}")


def _done(shown: Shown, verb: str, change: Callable[[], int], word: str, field: str) -> Changed:
    before = shown.lake.snapshot()
    count = change()
    after = shown.lake.snapshot()
    noun = f"object{'' if count == 1 else 's'} of {field}" if field else f"sample{'' if count == 1 else 's'}"
    return Changed(count, after, _own_snapshot(shown, before, after, verb), f"{word} {count:,} {noun}")


def _own_snapshot(shown: Shown, before: int, after: int, verb: str) -> str:
    """The snapshot that this change made; empty where it made none, or where others wrote so close that it cannot be told."""
    if after == before + 1:
        return str(after)
    own = (
        [e for e in shown.dataset.log(after - before) if e.snapshot > before and e.author == current_author()]
        if after > before
        else []
    )
    own = [e for e in own if e.verb.startswith(verb.split()[0])]
    return str(own[0].snapshot) if len(own) == 1 else ""
