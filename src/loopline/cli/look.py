"""Questions: query, facets, histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import (
    at_option,
    command,
    dataset_argument,
    limit_option,
    listed,
    opened,
    viewed,
    where_option,
)
from loopline.cli._render import Grid


@command(
    "query",
    examples=[
        "loopline query masks \"ground_truth.count(label == 'mask') > 3\" --count",
        "loopline query masks \"split == 'val'\" --columns id,path --sort -width --limit 50",
        "loopline query masks \"score > 0.9 and sample.split == 'val'\" --objects predictions",
    ],
)
@dataset_argument
@click.argument("expression", metavar="[EXPR]", required=False)
@click.option("--count", is_flag=True, help="Only say how many.")
@click.option("--columns", multiple=True, metavar="NAMES", help="Columns or expressions to show, separated by commas.")
@click.option(
    "--objects",
    "field",
    metavar="FIELD",
    help="One row an object of this label field; EXPR is about objects.",
    shell_complete=_complete.fields,
)
@where_option("With --objects: only objects on samples that meet this condition.")
@click.option("--sort", "keys", multiple=True, metavar="KEY", help="Sort by a column or expression; -KEY falls.")
@click.option("--random", type=int, metavar="SEED", help="Draw the rows to show at random instead of the first ones.")
@limit_option()
@at_option
@click.option("--explain", is_flag=True, help="Show the SQL and the engine's plan instead.")
def query(
    name: str,
    expression: str | None,
    count: bool,
    columns: tuple[str, ...],
    field: str | None,
    where: str | None,
    keys: tuple[str, ...],
    random: int | None,
    limit: int,
    at: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Find samples, or objects, that meet a condition. Without EXPR: all."""
    if where and not field:
        raise click.UsageError("--where goes with --objects; a condition on samples is EXPR itself")
    ds = opened(name, at)
    view: ll.View | ll.ObjectView = viewed(ds, where).objects(field) if field else ds.view()
    if expression:
        view = view.where(expression)
    hints = [str(hint) for hint in view.hints()]
    for hint in hints:
        _render.note(f"note: {hint}")
    if explain:
        _show_plan(view, as_json)
        return
    found = view.count()
    if count:
        _render.document({"count": found, "hints": hints}) if as_json else _render.line(f"{found}")
        return
    if random is not None and limit:
        view = view.sample(limit, seed=random)
    if keys:
        view = view.sort(*keys)
    asked = listed(columns)
    chosen = asked or _shown_columns(ds, field)
    rows = view.rows(limit or None, chosen)
    if as_json:
        _render.document({"view": str(view), "count": found, "hints": hints, "rows": rows})
        return
    if not asked:
        chosen = _filled(chosen, rows)
    if rows:
        _render.grid(Grid(chosen, [[row[column] for column in chosen] for row in rows]))
    word = "object" if field else "sample"
    shown = f"{len(rows):,} of {_render.counted(found, word)}; --limit 0 shows all"
    _render.note(shown if len(rows) < found else _render.counted(found, word))


def _show_plan(view: ll.View | ll.ObjectView, as_json: bool) -> None:
    if as_json:
        _render.document({"view": str(view), "plan": view.explain()})
    else:
        _render.line(f"{view}\n\n{view.explain()}")


_SAMPLE = ("id", "path", "split", "width", "height", "duration_s")
_OBJECT = ("id", "sample_id", "sample.path", "frame", "label", "score", "track_id", "value")
_BOX = ("box.x", "box.y", "box.w", "box.h")
_OWN = 5  # of the user's own columns at most, so that a line stays a line


def _shown_columns(ds: ll.Dataset, field: str | None) -> list[str]:
    """What a person wants to see of a sample or of an object, when nothing was asked for."""
    schema = ds.schema
    if field is None:
        own = [c.name for c in schema.columns if c.type != "json"][:_OWN]
        return [*_SAMPLE, *own, *(f"{f.name}.count()" for f in schema.fields), "tags"]
    known = schema.field(field)
    columns = known.columns()
    box = _BOX if "x" in columns else ()
    attributes = [a.name for a in known.attributes if a.type != "json"][:_OWN]
    return [*(c for c in _OBJECT if c in columns or "." in c), *box, *attributes, "tags"]


def _filled(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[str]:
    """The columns that have a value in some row."""
    return [c for c in columns if c == "id" or any(row[c] not in (None, []) for row in rows)]


@command(
    "facets",
    examples=[
        "loopline facets masks split",
        "loopline facets masks ground_truth.label --where \"split == 'val'\"",
        "loopline facets masks tags --json",
    ],
)
@dataset_argument
@click.argument("of", metavar="FIELD", shell_complete=_complete.names)
@where_option()
@limit_option()
@at_option
def facets(name: str, of: str, where: str | None, limit: int, at: str | None, as_json: bool) -> None:
    """Count the values of a column or expression.

    FIELD is a sample column, LABELFIELD.label or another name of its objects, tags, or an expression.
    """
    rows = viewed(opened(name, at), where).facets(of, limit=limit or None).to_pylist()
    if as_json:
        _render.document({"of": of, "values": rows})
        return
    most = max((row["count"] for row in rows), default=0)
    per_object = any(row["count"] != row["samples"] for row in rows)
    headers = [of, "count", *(["samples"] if per_object else []), ""]
    cells = [
        [row["value"], row["count"], *([row["samples"]] if per_object else []), _render.bar(row["count"], most)]
        for row in rows
    ]
    _render.grid(Grid(headers, cells))


@command(
    "histogram",
    examples=[
        "loopline histogram masks width",
        "loopline histogram masks predictions.score --bins 10 --range 0 1",
        "loopline histogram masks ground_truth.box.area --where \"split == 'val'\"",
    ],
)
@dataset_argument
@click.argument("of", metavar="FIELD", shell_complete=_complete.names)
@click.option("--bins", type=click.IntRange(1, 10_000), default=12, show_default=True, help="Number of bins.")
@click.option("--range", "limits", type=(float, float), metavar="LOW HIGH", help="[default: least to greatest value]")
@where_option()
@at_option
def histogram(
    name: str,
    of: str,
    bins: int,
    limits: tuple[float, float] | None,
    where: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Count numbers or times in equal bins.

    FIELD is a sample column, LABELFIELD.score or another name of its objects, or an expression.
    """
    found = viewed(opened(name, at), where).histogram(of, bins=bins, range=limits)
    edges, counts = found.edges.tolist(), found.counts.tolist()
    if as_json:
        _render.document(
            {"of": of, "edges": edges, "counts": counts, "missing": found.missing, "outside": found.outside}
        )
        return
    most = max(counts)
    rows = [
        (low, high, count, _render.bar(count, most))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    _render.grid(Grid((f"{of} from", "to", "count", ""), rows))
    beside = [(found.missing, "missing"), (found.outside, "outside")]
    if any(count for count, _ in beside):
        _render.note(", ".join(f"{count:,} {word}" for count, word in beside if count))
