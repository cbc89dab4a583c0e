"""Writing a data set, or a view of it, as label files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.formats._format import writer_options
from loopline.formats._place import Media, beside, checked
from loopline.formats._remap import left_out, remapped
from loopline.front import splitting
from loopline.front.outgoing import brought, with_splits
from loopline.front.selection import Changeable
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.kernel.exchange import Exportable, Format, Written
from loopline.query.export import exportable
from loopline.query.view import Expression, View


def export(
    ds: Changeable,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    view: View | None = None,
    fields: Sequence[str] | None = None,
    splits: Sequence[str] | Mapping[str, float] = (),
    by: Expression | Sequence[Expression] = (),
    seed: int = 0,
    media: Media | None = None,
    classes: Mapping[str, str | None] | None = None,
    class_order: Sequence[str] | None = None,
    options: Mapping[str, object] | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Written:
    """Write the data set, or a view of it, as a label file or folder. The same view gives the same bytes.

    splits       only samples of these splits; formats that have splits lay them out by the column `split`. Or random
                 ones for this export alone, {"train": 0.8, "val": 0.2}: `by` and `seed` as for `split`
    media        copy the pictures, link to them, or leave them ("none"); None: as the format does. A format that has no
                 place of its own for pictures gets them in `images`, in the target or beside it, under their names.
                 Remote ones that are to be copied are fetched
    classes      old class → new one, {"car": "vehicle", "van": "vehicle", "dog": None}; two may become one; None leaves
                 a class out, and its objects are counted. "*" stands for every class that is not named
    class_order  classes that come first, in this order; the others follow in the data set's order. With this or
                 `classes`, ids of classes are their places (YOLO from 0, COCO from 1), not those the labels came with

    Raises FormatError, UnknownFormat; FileExistsError-like FormatError where the target is there and `overwrite` is not set.
    """
    target, what = Path(path).expanduser(), _what(ds.chosen(view), fields, splits, by, seed)
    writer = registry.get(format) if format else _writer_for(target)
    if target.exists() and not overwrite and not (target.is_dir() and not any(target.iterdir())):
        raise FormatError(
            "there is something there already", where=str(target), hint="choose another target, or say overwrite"
        )
    names = [f.name for f in what.schema.fields]
    chosen = list(fields) if fields is not None else names
    for name in chosen:
        what.schema.field(name)
    what = remapped(what, classes, class_order)
    named = dict(options or {})
    with ExitStack() as opened:
        here = what
        if _copies(writer, media, named):
            here = opened.enter_context(brought(what, ds.lake.location.cache, progress, stop or StopSignal()))
        written = _written(writer, here, target, chosen, media, named, overwrite=overwrite)
    left = left_out(what)
    return replace(written, lost=dict(sorted({**written.lost, **left}.items()))) if left else written


def _what(
    view: View,
    fields: Sequence[str] | None,
    splits: Sequence[str] | Mapping[str, float],
    by: Expression | Sequence[Expression],
    seed: int,
) -> Exportable:
    if isinstance(splits, Mapping):
        return with_splits(exportable(view, fields), splitting.drawn(view, splits, by=by, seed=seed))
    return exportable(splitting.of_splits(view, splits) if splits else view, fields)


def _copies(writer: Format, media: Media | None, named: Mapping[str, object]) -> bool:
    """Whether bytes of pictures go out: as asked, or as the format does by itself."""
    return (media or named.get("media") or writer_options(writer).get("media")) == "copy"


def _written(
    writer: Format,
    what: Exportable,
    target: Path,
    chosen: Sequence[str],
    media: Media | None,
    named: dict[str, object],
    *,
    overwrite: bool,
) -> Written:
    if media is None:
        return writer.write(what, target, fields=chosen, **named)
    if "media" in writer_options(writer):
        return writer.write(what, target, fields=chosen, **{**named, "media": checked(media)})
    images = (target.parent if target.suffix else target) / "images"
    if checked(media) != "none" and target.suffix and images.exists() and not overwrite:
        raise FormatError(
            "there are pictures already", where=str(images), hint="choose another folder, or say overwrite"
        )
    written = writer.write(what, target, fields=chosen, **named)
    return beside(what, written, images, media)


def _writer_for(target: Path) -> Format:
    """The format that a target's ending stands for."""
    name = {".json": "coco", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}.get(target.suffix.lower())
    if name is None:
        known = ", ".join(n for n in registry.names() if registry.get(n).writes)
        raise FormatError("its name does not tell the format", where=str(target), hint=f"name the format: {known}")
    return registry.get(name)
