"""From an evaluation to what to do: next, suspects, report."""

from __future__ import annotations

from pathlib import Path

import click

import loopline as ll
from loopline.cli import _render
from loopline.cli._command import command, dataset_argument, limit_option
from loopline.cli._render import Grid

_key = click.argument("key", metavar="KEY")


@command(
    "next",
    examples=[
        "loopline next masks ev1",
        "loopline next masks ev1 --take 2 --tag look-at",
        "loopline next masks ev2 --since ev1",
    ],
)
@dataset_argument
@_key
@click.option(
    "--by",
    multiple=True,
    metavar="EXPR",
    help="Name parts of the data by this, about annotated objects; several may be given [default: all that fit].",
)
@click.option("--since", metavar="KEY", help="Say what was gained since this evaluation instead.")
@click.option("--take", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="The step to tag.")
@click.option("--tag", metavar="TAG", help="Tag the samples of that step.")
@limit_option(10)
def next_(
    name: str,
    key: str,
    by: tuple[str, ...],
    since: str | None,
    take: int,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """What to do next, by the AP that it would return.

    Labels to look at, mistakes to mend, data to collect: each with how its gain was estimated.
    """
    ds = ll.open(name)
    found = ds.evaluation(key)
    if since is not None:
        _gained(found, since, as_json)
        return
    steps = found.next_steps(attributes=by or None, limit=limit or 1000)
    tagged = 0
    if tag is not None and steps:
        place = min(take, len(steps)) - 1
        tagged = ds.tag(steps[place].samples(), tag)
    if as_json:
        _render.document({"steps": [step.to_json() for step in steps], "tagged": tagged})
        return
    if not steps:
        _render.note("nothing that would return a measurable AP")
        return
    for place, step in enumerate(steps, 1):
        what = step.what
        objects = _render.counted(what.count, "object")
        most = f", at most {what.gain:+.4f}" if what.gain != what.expected else ""
        _render.line(f"{place:>2}  {what.expected:+.4f} AP expected{most}, {objects}\n    {what.title}")
    best = steps[0].what
    _render.note(f"1: {best.how}; assumes: {best.assumes}")
    if tag is not None:
        _render.note(f"{tagged:,} samples tagged {tag}")


def _gained(found: ll.Evaluation, since: str, as_json: bool) -> None:
    gained = found.gained(since)
    if as_json:
        _render.document(gained.to_json())
        return
    rows = [(name, was, now, f"{now - was:+.4f}") for name, (was, now) in gained.numbers.items()]
    _render.grid(Grid(("number", gained.before, gained.now, "gained"), rows))
    _render.note(f"{_render.counted(gained.changed, 'label')} changed in between")
    if gained.acted:
        taken = [(touched, f"{s.what.expected:+.4f}", s.what.title) for s, touched in gained.acted]
        _render.grid(Grid(("touched", "expected AP", "step"), taken, title="Steps that were taken"))


@command("suspects", examples=["loopline suspects masks ev1", "loopline suspects masks ev1 --kind missing --tag check"])
@dataset_argument
@_key
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["missing", "misplaced", "mislabelled", "spurious", "doubtful"]),
    help="Only this kind; several may be given.",
)
@click.option("--least", type=float, default=0.0, metavar="SCORE", help="Only suspects of this score or more.")
@click.option("--tag", metavar="TAG", help="Tag the suspect objects; of missing labels, the predictions.")
@click.option("--keep", is_flag=True, help="Keep them with the matches: KEY.suspect and KEY.error in conditions.")
@limit_option()
def suspects(
    name: str, key: str, kinds: tuple[str, ...], least: float, tag: str | None, keep: bool, limit: int, as_json: bool
) -> None:
    """Labels that are probably wrong, the most suspicious first.

    Boxes that are missing, misplaced, mislabelled or spurious, as far as the predictions can be believed. Classes that
    are mislabelled, or doubtful: the predictions name another, but no more often than they are expected to be wrong."""
    ds = ll.open(name)
    evaluation = ds.evaluation(key)
    if keep:
        evaluation.explain()
    every = evaluation.suspects().table.to_pylist()
    rows = [row for row in every if row["score"] >= least and (not kinds or row["kind"] in kinds)]
    tagged = 0
    if tag is not None:
        record = evaluation.record
        for field, column in ((record.truth, "id"), (record.predicted, "prediction_id")):
            missing = column == "prediction_id"
            ids = [row[column] for row in rows if (row["kind"] == "missing") == missing]
            tagged += ds.tag(ids, tag, field=field) if ids else 0
    if as_json:
        _render.document({"suspects": rows[:limit] if limit else rows, "count": len(rows), "tagged": tagged})
        return
    names = ("kind", "score", "sample_id", "id", "prediction_id", "label", "reason")
    shown = rows[:limit] if limit else rows
    _render.grid(Grid(names, [[row[n] for n in names] for row in shown]))
    _render.note(
        f"{len(shown):,} of {_render.counted(len(rows), 'suspect')}" + (f"; {tagged:,} tagged {tag}" if tag else "")
    )


@command(
    "report",
    examples=["loopline report masks ev1", "loopline report masks ev1 ev2 --output compared.html"],
)
@dataset_argument
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The file to write [default: KEY….html].")
def report(name: str, keys: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """One HTML page of an evaluation, or of several side by side.

    The first is what the others are compared with. Needs Plotly: pip install 'loopline[plots]'.
    """
    ds = ll.open(name)
    first, *others = (ds.evaluation(key) for key in keys)
    written = first.save_report(output or Path(f"{'-'.join(keys)}.html"), *others)
    _render.document({"written": str(written)}) if as_json else _render.line(str(written))
