"""The same thing twice: groups of samples that are alike, and those that reach over splits."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate import groups
from loopline.curate.groups import Groups, Keep
from loopline.curate.looks import alike_groups
from loopline.errors import BadValue
from loopline.front.finding._pictures import HASH, measure_pictures
from loopline.front.finding._searched import Searched, paths, viewed, write_column
from loopline.front.finding._vectors import Ids, neighbours_of
from loopline.front.finding.result import Doubles, Found, measured
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.kernel.schema import Column
from loopline.query.view import View
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.vectors import Embedding, embedding

By: TypeAlias = str
"""How samples are compared: "content" (the same bytes), "looks" (perceptual hash), or the key of an embedding."""

NEAR: Final = 0.97  # cosine of two pictures that are much the same; lower finds more and is wrong more often
LOOKS_BITS: Final = 4


def duplicates(
    here: Searched,
    by: By = "content",
    *,
    least: float | None = None,
    keep: Keep = "first",
    where: View | None = None,
    into: str | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Doubles:
    """Groups of samples (by an embedding of objects: objects) that are the same.

    by     "content": the same bytes · "looks": nearly the same picture, resized or recompressed · or the key of an
           embedding: much the same to the model
    least  the likeness from which on two are the same: cosine for an embedding (default 0.97), the share of equal
           bits for "looks" (default 60 of 64)
    keep   which one of a group stays: the "first", the "largest" picture, or the one with "most_labels"
    into   also write the number of each sample's group into this column
    """
    view = where or here.view
    with measured() as cost:
        ids, found, problems, owner = _groups(here, view, by, least, keep, progress, stop)
        table = _told(here, ids, found, owner)
        columns: tuple[str, ...] = ()
        if into is not None and owner == SAMPLE_OWNER:
            group = found.of_row(len(ids))
            values = pa.array(np.where(group < 0, 0, group), mask=group < 0)
            write_column(here, Column(into, "int", guidance=f"group of duplicates by {by}"), ids, values)
            columns = (into,)
    return Doubles(
        f"duplicates by {by}",
        table,
        viewed(here, owner, ids[found.rows]),
        columns,
        cost,
        tuple(problems),
        spare=viewed(here, owner, ids[found.spare()]),
        groups=len(found),
    )


def leaks(
    here: Searched,
    by: By = "content",
    *,
    least: float | None = None,
    where: View | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Found:
    """Samples that have a double in another split: an evaluation on them measures memory. See `duplicates`.

    Table: id · split · other_id · other_split · closeness.
    """
    view = where or here.view
    with measured() as cost:
        ids, found, problems, owner = _groups(here, view, by, least, "first", progress, stop)
        if owner != SAMPLE_OWNER:
            raise BadValue(f'"{by}" holds vectors of objects; splits are of samples', hint="use one of samples")
        split = dict(zip(view.ids().tolist(), view.values("split").to_pylist(), strict=True))
        pairs = groups.leaks(found, [split.get(int(i)) for i in ids])
        rows, others = pairs["row"].to_numpy(), pairs["other_row"].to_numpy()
        table = pa.table(
            {
                "id": ids[rows],
                "split": pairs["split"],
                "other_id": ids[others],
                "other_split": pairs["other_split"],
                "closeness": pairs["closeness"],
            }
        )
    return Found(f"leaks between splits by {by}", table, here.view.select(ids[rows]), (), cost, tuple(problems))


def _groups(
    here: Searched, view: View, by: By, least: float | None, keep: Keep, progress: Progress, stop: StopSignal | None
) -> tuple[Ids, Groups, list[str], str]:
    """Ids, their groups, problems, and whose ids they are."""
    if by not in ("content", "looks"):
        chosen = embedding(here.lake, by)
        ids, table = neighbours_of(here.lake, by, progress=progress)
        inside = view.ids() if chosen.owner == SAMPLE_OWNER else view.objects(chosen.owner).ids()
        found = groups.near_groups(table, least=NEAR if least is None else least, rank=_rank(here, chosen, ids, keep))
        return ids, _only(found, np.isin(ids, inside)), [], chosen.owner
    problems = []
    if by == "looks":
        problems = measure_pictures(here.lake, view, again=False, progress=progress, stop=stop)
    rows = view.to_arrow(["id", "content_hash" if by == "content" else HASH])
    ids = rows["id"].to_numpy()
    rank = _rank(here, None, ids, keep)
    if by == "content":
        return ids, groups.equal_groups(rows["content_hash"], rank=rank), problems, SAMPLE_OWNER
    bits = LOOKS_BITS if least is None else round((1 - least) * 64)
    return ids, alike_groups(rows[HASH], most_bits=bits, rank=rank), problems, SAMPLE_OWNER


def _rank(here: Searched, of: Embedding | None, ids: Ids, keep: Keep) -> npt.NDArray[np.float64]:
    if of is not None and of.owner != SAMPLE_OWNER:
        pixels = labels = np.zeros(len(ids))
    else:
        view = here.view
        fields = [field.name for field in view.schema.fields]
        counts = " + ".join(f"{name}.count()" for name in fields) or "0"
        known = view.to_arrow(["id", "width", "height"])
        place = np.searchsorted(known["id"].to_numpy(), ids)
        pixels = (known["width"].to_numpy(zero_copy_only=False) * known["height"].to_numpy(zero_copy_only=False))[place]
        labels = np.zeros(len(ids))
        if keep == "most_labels" and fields:
            labels = np.asarray(view.values(counts).to_numpy(zero_copy_only=False), np.float64)[place]
    return groups.keep_rank(keep, pixels=np.nan_to_num(pixels), labels=labels)


def _told(here: Searched, ids: Ids, found: Groups, owner: str) -> pa.Table:
    first = np.zeros(len(found.rows), bool)
    first[found.offsets[:-1]] = True
    members = ids[found.rows]
    return pa.table(
        {
            "group": np.repeat(np.arange(len(found)), np.diff(found.offsets)),
            "id": members,
            "keep": first,
            "closeness": found.closeness,
            "path": paths(here, members, owner),
        }
    )


def _only(found: Groups, inside: npt.NDArray[np.bool_]) -> Groups:
    """Groups of the rows inside; those that are left alone are none."""
    group = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    keep = inside[found.rows]
    keep &= np.bincount(group[keep], minlength=max(len(found), 1))[group] > 1 if len(group) else keep
    rows, left = found.rows[keep], group[keep]
    starts = np.flatnonzero(np.diff(left, prepend=-1))
    return Groups(rows, np.append(starts, len(rows)).astype(np.int64), found.closeness[keep])
