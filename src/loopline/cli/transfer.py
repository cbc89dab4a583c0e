"""Data in and out: add, export, copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import (
    at_option,
    command,
    dataset_argument,
    fields_option,
    format_options,
    key_values,
    listed,
    long_work,
    opened,
    shares_of,
    viewed,
    where_option,
)
from loopline.cli._render import Grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loopline.formats._place import Media
    from loopline.front.adding import Preview
    from loopline.front.own_media import Keep
    from loopline.kernel.exchange import Problem
    from loopline.store.ingest import AddReport, Existing, Same

_PROBLEMS = 10  # named one by one; the rest is counted


def _size_bytes(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """`20MB`, `1.5 GiB` or `1000` as a number of bytes."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?\s*", text, re.I)
    if match is None:
        raise click.BadParameter(f'"{text}" is not a number of bytes, such as 500GB')
    base, power = 1024 if match[3] else 1000, " kmgt".index((match[2] or " ").lower())
    return int(float(match[1]) * float(base) ** power)


existing_option = click.option(
    "--existing",
    type=click.Choice(["keep", "append", "replace"]),
    default="keep",
    show_default=True,
    help="What happens to labels of a sample that has labels in the field already.",
)


@command(
    "add",
    examples=[
        "loopline add masks export.zip --dry-run",
        "loopline add coco images/ --labels instances_val.json --split val",
        "loopline add coco results.json --field predictions --tag first-model",
    ],
)
@dataset_argument
@click.argument("path", type=click.Path())
@click.option("--labels", type=click.Path(), help="The label file or folder, where PATH is the folder of pictures.")
@click.option(
    "--field", default="ground_truth", show_default=True, help="Label field to fill.", shell_complete=_complete.fields
)
@format_options
@click.option("--split", help="Split of all pictures that are added.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag of all samples that are added; may be repeated.")
@existing_option
@click.option(
    "--same",
    type=click.Choice(["path", "content"]),
    default="path",
    show_default=True,
    help="What makes a picture one that is there already.",
)
@click.option(
    "--read-media/--no-read-media",
    default=True,
    help="Look at every media file (size, type, hash), or believe the label file.",
)
@click.option("--verify", is_flag=True, help="Decode every picture to its end.")
@click.option(
    "--media",
    type=click.Choice(["reference", "copy", "link"]),
    default="reference",
    show_default=True,
    help="Leave pictures where they are, copy them into the data set's folder, or link to them from there.",
)
@click.option(
    "--media-from",
    metavar="FIELD",
    help="Field of the label file with each picture's URL, such as coco_url; path: the name is one.",
)
@click.option(
    "--unpack-limit",
    callback=_size_bytes,
    metavar="SIZE",
    help="Bytes that an archive may unpack to, such as 500GB [default: 100 times its size, at least 1 GiB].",
)
@click.option("--dry-run", is_flag=True, help="Say what is there and what would be added; write nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def add(
    name: str,
    path: str,
    labels: str | None,
    field: str,
    format: str | None,  # noqa: A002
    options: tuple[str, ...],
    split: str | None,
    tags: tuple[str, ...],
    existing: Existing,
    same: Same,
    read_media: bool,
    verify: bool,
    media: Keep,
    media_from: str | None,
    unpack_limit: int | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Add label files with their pictures, or media alone.

    PATH is a label file, a folder of label files, or a folder of media; with --labels it is the folder of the pictures.
    It may be in an archive (zip, tar, packed tar), or a URL (https, s3, gs).
    Bad rows are named and counted, good ones arrive. Adding the same thing again adds nothing twice.
    """
    if dry_run:
        with long_work(quiet=quiet) as work:
            found = ll.open(name).preview(
                path,
                labels=labels,
                field=field,
                format=format,
                split=split,
                media_from=media_from,
                unpack_limit=unpack_limit,
                options=key_values(options),
                **work,
            )
        show_preview(found, as_json)
        return
    with long_work(quiet=quiet) as work:
        report = ll.open(name).add(
            path,
            labels=labels,
            field=field,
            format=format,
            split=split,
            tags=tags,
            existing=existing,
            same=same,
            read_media=read_media,
            verify=verify,
            media=media,
            media_from=media_from,
            unpack_limit=unpack_limit,
            options=key_values(options),
            **work,
        )
    show_added(report, as_json)


def show_added(report: AddReport, as_json: bool) -> None:
    """What arrived, and every kind of problem with its number; the first ones by name."""
    if as_json:
        _render.document(added_document(report))
        return
    rows: list[tuple[str, int, int]] = [("samples", report.samples_added, report.samples_known)]
    fields = {**report.objects_known, **report.objects_added}
    rows += [
        (f"objects of {f}", report.objects_added.get(f, 0), report.objects_known.get(f, 0)) for f in sorted(fields)
    ]
    if report.tags_added:
        rows.append(("tags", report.tags_added, 0))
    _render.grid(Grid(("", "added", "there already"), rows))
    if report.unreadable:
        _render.line(
            f"{_render.counted(report.unreadable, 'media file')} missing or broken (their samples are there all the same)"
        )
    show_problems(report.counts, report.problems)


def show_problems(counts: Mapping[tuple[str, str], int], problems: Sequence[Problem]) -> None:
    """Every kind of problem with its number; the first ones by name."""
    if not counts:
        return
    _render.line()
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    _render.grid(Grid(("problem", "rows", "what"), [(kind, n, what) for (kind, what), n in ordered]))
    _render.line()
    for problem in problems[:_PROBLEMS]:
        hint = f" ({problem.hint})" if problem.hint else ""
        _render.line(f"{problem.where}: {problem.what}{hint}")
    more = sum(counts.values()) - min(len(problems), _PROBLEMS)
    if more > 0:
        _render.line(f"… and {more:,} more; --json names the first 1,000")


def show_preview(found: Preview, as_json: bool) -> None:
    """What an import would find."""
    if as_json:
        counts = [{"kind": kind, "what": what, "rows": n} for (kind, what), n in found.counts.items()]
        names = ("format", "saw", "roots", "samples", "missing", "splits", "objects", "fields", "problems")
        _render.document({**{name: getattr(found, name) for name in names}, "counts": counts})
        return
    _render.line(found.saw or found.format)
    _render.line(f"pictures under {', '.join(found.roots) or '–'}")
    _render.line()
    rows: list[tuple[str, int, str]] = [
        ("samples", found.samples, f"{found.missing:,} media files missing" if found.missing else "")
    ]
    rows += [(f"split {split}", n, "") for split, n in sorted(found.splits.items())]
    for name, field in found.fields.items():
        classes = ", ".join(field.classes[:8]) + (
            f", … ({len(field.classes)} in all)" if len(field.classes) > 8 else ""
        )
        rows.append((f"objects of {name} ({field.kind})", found.objects.get(name, 0), classes))
    _render.grid(Grid(("", "found", ""), rows))
    show_problems(found.counts, found.problems)
    _render.line("nothing was written")


def added_document(report: AddReport) -> dict[str, Any]:
    return {
        "samples_added": report.samples_added,
        "samples_known": report.samples_known,
        "objects_added": report.objects_added,
        "objects_known": report.objects_known,
        "tags_added": report.tags_added,
        "unreadable": report.unreadable,
        "skipped": report.skipped,
        "warnings": report.warnings,
        "counts": [{"kind": kind, "what": what, "rows": n} for (kind, what), n in report.counts.items()],
        "problems": report.problems,
        "snapshot": report.snapshot,
    }


@command(
    "export",
    examples=[
        "loopline export masks rain/ --format voc --where \"weather == 'rain'\"",
        "loopline export masks old.json --format coco --at v1 --field ground_truth --overwrite",
        "loopline export masks out/ --format yolo --assign-split train=0.8,val=0.2 --class van=car --media copy",
    ],
)
@dataset_argument
@click.argument("path", type=click.Path(path_type=Path))
@format_options
@where_option()
@fields_option("Label field to write; may be repeated [default: all].")
@at_option
@click.option("--split", "splits", multiple=True, metavar="SPLIT", help="Only samples of this split; may be repeated.")
@click.option(
    "--assign-split",
    "shares",
    multiple=True,
    metavar="SPLIT=SHARE",
    help="Random splits in what is written, such as train=0.8,val=0.2; the data set keeps its own.",
)
@click.option("--by", multiple=True, metavar="EXPR", help="Of --assign-split: samples with one value stay together.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of --assign-split: another seed, another draw.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="OLD=NEW",
    help="Write a class as another; OLD= leaves it out, '*=' all that are not named; may be repeated.",
)
@click.option(
    "--class-order",
    metavar="A,B,...",
    help="Classes that come first, in this order: their numbers in YOLO (from 0), COCO (from 1) and the like.",
)
@click.option(
    "--media",
    type=click.Choice(["copy", "link", "none"]),
    help="Copy the pictures, link to them, or leave them [default: as the format does, mostly none].",
)
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def export(
    name: str,
    path: Path,
    format: str | None,  # noqa: A002
    options: tuple[str, ...],
    where: str | None,
    fields: tuple[str, ...],
    at: str | None,
    splits: tuple[str, ...],
    shares: tuple[str, ...],
    by: tuple[str, ...],
    seed: int,
    classes: tuple[str, ...],
    class_order: str | None,
    media: Media | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a data set, or a part of it, as label files.

    The format is seen from PATH where it is not named. The same data gives the same bytes.
    """
    if splits and shares:
        raise click.BadParameter("--split chooses samples, --assign-split draws splits anew; one of them")
    ds = opened(name, at)
    with long_work(quiet=quiet or as_json) as work:
        written = ds.export(
            path,
            format=format,
            view=viewed(ds, where),
            fields=fields or None,
            splits=shares_of(shares) if shares else splits,
            by=by,
            seed=seed,
            media=media,
            classes=_class_map(classes),
            class_order=None if class_order is None else listed([class_order]),
            options=key_values(options),
            overwrite=overwrite,
            **work,
        )
    if as_json:
        _render.document(written)
        return
    _render.line(
        f"wrote {_render.counted(written.samples, 'sample')} with {_render.counted(written.objects, 'object')}"
        f" to {path} ({_render.counted(len(written.files), 'file')})"
    )
    if written.lost:
        _render.line()
        lost = sorted(written.lost.items(), key=lambda item: item[1], reverse=True)
        _render.grid(Grid(("not in the files", "how many"), lost))


def _class_map(pairs: Sequence[str]) -> dict[str, str | None]:
    """`["car=vehicle", "dog="]` as {"car": "vehicle", "dog": None}. The last "=" parts the two."""
    found: dict[str, str | None] = {}
    for pair in pairs:
        old, mark, new = pair.rpartition("=")
        if not mark or not old:
            raise click.BadParameter(f'"{pair}" is not OLD=NEW', param_hint="--class")
        found[old] = new or None
    return found


@command(
    "copy",
    examples=[
        "loopline copy all masks",
        "loopline copy all masks --where \"split == 'train'\" --field ground_truth",
        "loopline copy all ./demo/trees --same path",
    ],
)
@dataset_argument
@click.argument("source", metavar="FROM", shell_complete=_complete.datasets)
@where_option("Only samples of FROM that meet this condition.")
@fields_option("Label field to copy; may be repeated [default: all].")
@existing_option
@click.option(
    "--same",
    type=click.Choice(["path", "content"]),
    default="content",
    show_default=True,
    help="What makes a picture one that is there already.",
)
def copy(
    name: str,
    source: str,
    where: str | None,
    fields: tuple[str, ...],
    existing: Existing,
    same: Same,
    as_json: bool,
) -> None:
    """Add the samples of another data set.

    Those of FROM go to NAME, with labels, attributes and tags. Media stay where they are.
    """
    report = ll.open(name).copy_from(
        viewed(ll.open(source), where), existing=existing, same=same, fields=fields or None
    )
    show_added(report, as_json)
