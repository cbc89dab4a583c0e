"""Log, versions, differences and blame for the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec
import numpy as np

from loopline.errors import BadValue, DatasetExists
from loopline.front.opening import create, drop, list_datasets
from loopline.jobs import Progress, StopSignal
from loopline.server import pages
from loopline.server.arrays import Ids
from loopline.server.describe import stamp
from loopline.server.frames import Column, frame
from loopline.server.jobs import Jobs
from loopline.server.kept import Kept
from loopline.server.library import Shown
from loopline.server.samples import scalar
from loopline.server.told import told
from loopline.server.wire import (
    BranchIn,
    ChangeOut,
    DiffOut,
    JobOut,
    KeptView,
    LogLine,
    SavedView,
    Scalar,
    TableCounts,
    VersionOut,
    ViewSpec,
)
from loopline.store import diff as diffs
from loopline.store import saved_views, versions

_DIFFS = Kept(64 * 1024 * 1024)


def log(shown: Shown, limit: int) -> list[LogLine]:
    """Newest first."""
    return [
        LogLine(e.snapshot, stamp(e.at), e.author, e.verb, e.message, dict(e.details), list(e.names))
        for e in versions.log(shown.lake, limit=limit)
    ]


def version_list(shown: Shown) -> list[VersionOut]:
    """Oldest first."""
    return [version_out(v) for v in versions.versions(shown.lake)]


def version_out(v: versions.Version) -> VersionOut:
    return VersionOut(v.name, v.snapshot, v.message, v.author, stamp(v.at))


def branch(shown: Shown, jobs: Jobs, asked: BranchIn) -> JobOut:
    """Copy a version into a new data set under the home folder.

    Raises UnknownVersion, BadValue for a name that is a place, DatasetExists.
    """
    source = shown.dataset.at(asked.version)
    if "/" in asked.name or "\\" in asked.name or asked.name.startswith("."):
        raise BadValue(
            f'"{asked.name}" names a place; the app makes data sets under its home folder', hint="leave out slashes"
        )
    if asked.name in list_datasets():
        raise DatasetExists(f'there is a data set "{asked.name}" already', hint="give it another name")

    def work(progress: Progress, stop: StopSignal) -> Mapping[str, Scalar]:
        progress.start("copy")
        stop.check()
        made = create(asked.name)
        try:
            made.copy_from(source, same="path")  # two samples with one picture stay two
        except BaseException:
            drop(asked.name)  # so that the job can be begun again
            raise
        progress.finish()
        return {"dataset": asked.name}

    return jobs.start(f"Branch {asked.name} off {shown.name}", shown.name, work, only_one=f"branch {asked.name}")


class _Found:
    """A diff, and the samples that it touches."""

    def __init__(self, found: diffs.Diff) -> None:
        self.diff = found
        tables = [found.samples.rows["id"], *(table.rows["sample_id"] for table in found.fields.values())]
        self.touched: Ids = np.unique(np.concatenate([column.to_numpy() for column in tables])).astype(np.int64)
        self.nbytes = self.touched.nbytes + sum(t.rows.nbytes for t in (found.samples, *found.fields.values()))


def _between(shown: Shown, before: str, after: str) -> _Found:
    low, high = (versions.resolve(shown.lake, version) for version in (before, after))
    key = (str(shown.lake.location), low, high)
    return _DIFFS.get(key, lambda: _Found(diffs.diff(shown.lake, low, high)))


def diff(shown: Shown, before: str, after: str) -> DiffOut:
    """Counts of what is different. Raises UnknownVersion."""
    found = _between(shown, before, after)
    what = found.diff
    return DiffOut(
        what.before,
        what.after,
        _counts(what.samples),
        {name: _counts(table) for name, table in what.fields.items()},
        what.tags_added,
        what.tags_removed,
        list(what.schema),
        len(found.touched),
    )


def _counts(table: diffs.TableDiff) -> TableCounts:
    return TableCounts(table.added, table.removed, table.changed, dict(table.columns))


def diff_page(shown: Shown, before: str, after: str, offset: int, count: int) -> bytes:
    """Some of the touched samples: `id`, `change` (0 same, 1 added, 2 removed, 3 changed), and the columns of a page twice,
    as `before.…` and `after.…`. A side that lacks the sample has a width of 0. Header: `said` of each sample, and by
    field the `objects` that differ."""
    found = _between(shown, before, after)
    ids = found.touched[offset : offset + count]
    columns: dict[str, Column] = {"id": ids.astype(np.float64), "change": _changes(found.diff.samples, ids)}
    for side, at in (("before", found.diff.before), ("after", found.diff.after)):
        columns |= {f"{side}.{name}": column for name, column in _side(shown, at, ids).items()}
    said, objects = told(found.diff, shown.view, ids.tolist())
    span = {"before": found.diff.before, "after": found.diff.after, "offset": offset, "count": len(ids)}
    return frame(columns, {**span, "said": said, "objects": objects})


def _side(shown: Shown, at: int, ids: Ids) -> dict[str, Column]:
    """The page's columns at a snapshot. Samples that are not there have no size, no path and no objects."""
    asked = shown.ask(ViewSpec(snapshot=at))
    rows = shown.resident.samples(at).of(ids)
    there = np.flatnonzero(rows >= 0)
    found = pages.columns(shown, asked, rows[there])
    for name in ("width", "height", "media"):
        column = np.zeros(len(ids), found[name].dtype)
        column[there] = found[name]
        found[name] = column
    lengths = np.zeros(len(ids), np.int64)
    lengths[there] = np.diff(found["path.offsets"].astype(np.int64))
    found["path.offsets"] = np.concatenate(([0], np.cumsum(lengths))).astype(np.uint32)
    for name in [name for name in found if name.endswith(".sample")]:
        found[name] = there[found[name].astype(np.int64)].astype(np.uint32)
    del found["id"]
    return found


def _changes(table: diffs.TableDiff, ids: Ids) -> Column:
    words = {"added": 1, "removed": 2, "changed": 3}
    known = dict(zip(table.rows["id"].to_pylist(), table.rows["change"].to_pylist(), strict=True)) if table else {}
    return np.array([words.get(known.get(int(i), ""), 0) for i in ids], np.uint8)


def blame(shown: Shown, item: int, field: str | None) -> list[ChangeOut]:
    """Newest first. Raises UnknownField where there never was such a thing."""
    return [
        ChangeOut(
            c.snapshot,
            stamp(c.at),
            c.author,
            c.verb,
            c.message,
            c.change,
            {name: (_plain(a), _plain(b)) for name, (a, b) in c.values.items()},
        )
        for c in diffs.blame(shown.lake, field or "sample", item)
    ]


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, list):
        return json.dumps(value)[:2000]
    return scalar(value)


def saved(shown: Shown) -> list[SavedView]:
    """By name. One that this version cannot read is left out."""
    found = []
    for one in saved_views.saved_views(shown.lake):
        try:
            kept = _kept(one.spec)
        except msgspec.MsgspecError:
            continue
        found.append(SavedView(one.name, kept.view, kept.link, one.author, stamp(one.at)))
    return found


def _kept(text: str) -> KeptView:
    """Early ones are the view alone, without a link."""
    try:
        return msgspec.json.decode(text, type=KeptView)
    except msgspec.ValidationError:
        return KeptView(msgspec.json.decode(text, type=ViewSpec))


def save(shown: Shown, name: str, kept: KeptView) -> SavedView:
    """Raises BadValue, Located for a view that cannot be asked."""
    shown.ask(kept.view)
    saved_views.save_view(shown.lake, name, msgspec.json.encode(kept).decode())
    return next(one for one in saved(shown) if one.name == name)
