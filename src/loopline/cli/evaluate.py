"""Measuring predictions: evaluate, evaluations, compare."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import command, dataset_argument, key_values, long_work, opened, where_option
from loopline.cli._thresholds import best_json, cost_of, show_best, threshold_option

if TYPE_CHECKING:
    from loopline.metrics.bootstrap import Comparison, Interval

MOST_CLASSES = 20


@command(
    "evaluate",
    examples=[
        "loopline evaluate masks --truth ground_truth --predicted yolo --where \"split == 'val'\" --key yolo_val",
        'loopline evaluate masks --truth ground_truth --predicted yolo --slice "box.rel_area < 0.05" --slice weather',
        "loopline evaluate masks --truth ground_truth --predicted yolo --protocol voc2007 --threshold f1",
    ],
)
@dataset_argument
@click.option(
    "--truth", required=True, metavar="FIELD", help="Label field of the truth.", shell_complete=_complete.fields
)
@click.option(
    "--predicted",
    required=True,
    metavar="FIELD",
    help="Label field of the predictions.",
    shell_complete=_complete.fields,
)
@where_option("Only samples that meet this condition take part.")
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="EXPR",
    help="Numbers of a part: a condition on samples or objects, or a value to cut by; several may be given.",
)
@click.option("--key", metavar="KEY", help="Name of the evaluation [default: ev1, ev2, …].")
@click.option(
    "--protocol", metavar="PROTOCOL", help="How to measure [default: what fits the labels]; e.g. coco, voc2012."
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="One more metric by name; several may be given."
)
@click.option("--iou", type=float, default=0.5, show_default=True, help="At which objects get their outcome.")
@click.option(
    "--bootstrap",
    "replicates",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Intervals by resampling N times.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resampling.")
@click.option("--drop-bad", is_flag=True, help="Leave out rows that cannot be measured, and count them.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the protocol.")
@click.option("--at", metavar="VERSION", help="Measure an earlier version.", shell_complete=_complete.versions)
@threshold_option
@click.option("--no-save", is_flag=True, help="Show the numbers and write nothing.")
def evaluate(
    name: str,
    truth: str,
    predicted: str,
    where: str | None,
    slices: tuple[str, ...],
    key: str | None,
    protocol: str | None,
    metrics: tuple[str, ...],
    iou: float,
    replicates: int,
    seed: int,
    drop_bad: bool,
    options: tuple[str, ...],
    at: str | None,
    threshold: str | None,
    no_save: bool,
    as_json: bool,
) -> None:
    """Measure predictions against the truth.

    Numbers and the outcome of each object are kept: then conditions may say predictions.any(KEY.outcome == 'fp').
    """
    from loopline.front.evaluating.verb import evaluate as measure

    cost = None if threshold is None else cost_of(threshold)
    ds = opened(name, at)
    with long_work(quiet=as_json) as work:
        found = measure(
            ds.where(where) if where else ds.view(),
            truth=truth,
            predicted=predicted,
            key=key,
            protocol=protocol,
            slices=slices,
            metrics=metrics,
            iou=iou,
            replicates=replicates,
            seed=seed,
            bad_rows="drop" if drop_bad else "raise",
            options={name: _listed(value) for name, value in key_values(options).items()},
            save=not no_save,
            **work,
        )
    _shown(found, threshold is not None, cost, as_json)
    if not as_json and not no_save and found.record.counts:
        _render.note(f"to see what is wrong: loopline query {name} \"{predicted}.any({found.key}.outcome == 'fp')\"")


def _shown(found: ll.Evaluation, best: bool, cost: dict[str, float] | None, as_json: bool) -> None:
    """An evaluation, and its best thresholds where they are asked for."""
    if as_json:
        _render.document({**found.to_json(), **({"best_threshold": best_json(found, cost)} if best else {})})
        return
    show(found)
    if best:
        show_best(found, cost)


def _listed(value: object) -> object:
    """A text in brackets as the list or object that it is: iou=[0.5,0.75]."""
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError as error:
            raise click.BadParameter(f"{value} is not JSON: {error}", param_hint="--option") from error
    return value


def show(found: ll.Evaluation) -> None:
    """Print an evaluation."""
    record = found.record
    _render.heading(
        f"{record.key}: {record.predicted} against {record.truth} by {record.protocol}, "
        f"{_render.counted(record.samples, 'sample')} at snapshot {record.snapshot}"
    )
    intervals = record.intervals
    rows = [(name, _number(value), _interval(found, name)) for name, value in record.numbers.items()]
    if intervals:
        _render.grid(_render.Grid(("number", "value", "95 % of resamples"), rows))
    else:
        _render.facts((name, value) for name, value, _ in rows)
    for metric, numbers in record.custom.items():
        _render.heading(metric)
        _render.facts((name, _number(value)) for name, value in numbers.items())
    if record.counts:
        _render.line(
            f"at IoU {record.settings['iou']:g}: "
            + ", ".join(f"{count:,} {name}" for name, count in record.counts.items())
            if record.task == "detection"
            else ", ".join(f"{count:,} {name}" for name, count in record.counts.items())
        )
    _per_class(found)
    if record.slices:
        names = list(dict.fromkeys(name for one in record.slices for name in one.numbers))
        shown = [n for n in names if n in ("AP", "AP50", "AP75", "AR", "truths", "samples", record.main)]
        cells = [(one.name, *(_number(one.numbers.get(n, math.nan)) for n in shown)) for one in record.slices]
        _render.grid(_render.Grid(("slice", *shown), cells, title="Slices"))
    for what, count in record.dropped.items():
        _render.note(f"left out: {what} ({count:,} rows)")


def _per_class(found: ll.Evaluation) -> None:
    table = found.record.per_class
    known = {name: row for name, row in table.items() if not all(math.isnan(v) or v == 0 for v in row.values())}
    if not known:
        return
    headers = list(dict.fromkeys(header for row in known.values() for header in row))[:6]
    rows = [
        (name, *(_number(row.get(h, math.nan)) for h in headers)) for name, row in list(known.items())[:MOST_CLASSES]
    ]
    _render.grid(_render.Grid(("class", *headers), rows, title="Classes"))
    if len(known) > MOST_CLASSES:
        _render.note(f"… and {len(known) - MOST_CLASSES} more classes: --json lists all")


def _number(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() and abs(value) > 1 else value


def _interval(found: ll.Evaluation, name: str) -> str | None:
    one = found.record.intervals.get(name)
    return None if one is None or math.isnan(one.low) else f"{one.low:.4f} … {one.high:.4f}"


@command(
    "evaluations",
    examples=[
        "loopline evaluations masks ev1 --threshold fp=1,fn=5",
        "loopline evaluations masks ev1 --rerun",
        "loopline evaluations masks ev1 --delete",
    ],
)
@dataset_argument
@click.argument("key", required=False, metavar="[KEY]")
@click.option("--delete", is_flag=True, help="Delete it with its matches.")
@click.option(
    "--rerun", is_flag=True, help="Measure the same data once more with the same settings, and write nothing."
)
@threshold_option
def evaluations(name: str, key: str | None, delete: bool, rerun: bool, threshold: str | None, as_json: bool) -> None:
    """List evaluations, or show, repeat or delete one."""
    cost = None if threshold is None else cost_of(threshold)
    if (delete or rerun or threshold) and not key:
        raise click.UsageError("say which one: loopline evaluations NAME KEY")
    ds = ll.open(name)
    if key and delete:
        ds.drop_evaluation(key)
        if as_json:
            _render.document({"deleted": key, "snapshot": ds.snapshot})
        else:
            _render.line(f"deleted {key}")
        return
    if key:
        found = ds.rerun_evaluation(key) if rerun else ds.evaluation(key)
        _shown(found, threshold is not None, cost, as_json)
        return
    known = [one.record for one in ds.evaluations()]
    if as_json:
        _render.document(
            [
                {
                    "key": r.key,
                    "protocol": r.protocol,
                    "truth": r.truth,
                    "predicted": r.predicted,
                    "samples": r.samples,
                    "snapshot": r.snapshot,
                    "at": r.at,
                    "author": r.author,
                    "main": r.main,
                    "numbers": r.numbers,
                }
                for r in known
            ]
        )
    elif not known:
        _render.note("there are none yet: loopline evaluate NAME --truth FIELD --predicted FIELD")
    else:
        rows = [
            (r.key, r.predicted, r.truth, r.protocol, r.main, _number(r.numbers[r.main]), r.samples, r.snapshot, r.at)
            for r in known
        ]
        _render.grid(
            _render.Grid(
                ("key", "predicted", "truth", "protocol", "number", "value", "samples", "snapshot", "at"), rows
            )
        )


def _signed(one: Interval) -> tuple[str | None, str | None]:
    """A difference and its interval; nothing where there is none."""
    value = None if math.isnan(one.value) else f"{one.value:+.4f}"
    return value, None if math.isnan(one.low) else f"{one.low:+.4f} … {one.high:+.4f}"


@command("compare", examples=["loopline compare masks yolo_val detr_val", "loopline compare masks ev1 ev2 --json"])
@dataset_argument
@click.argument("a", metavar="KEY")
@click.argument("b", metavar="KEY")
@click.option(
    "--bootstrap", "replicates", type=click.IntRange(min=2), default=1000, show_default=True, metavar="N", help="Draws."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Samples to show.")
def compare(name: str, a: str, b: str, replicates: int, seed: int, limit: int, as_json: bool) -> None:
    """Is the second better than the first? With a paired test.

    Both are evaluations of the same truth on the same samples. Also shows the samples where they disagree most.
    """
    ds = ll.open(name)
    first, second = ds.evaluation(a), ds.evaluation(b)
    found: Comparison = ll.compare(first, second, replicates=replicates, seed=seed)
    worst = found.disagreements.slice(0, limit)
    if as_json:
        _render.document(
            {
                "a": found.a,
                "b": found.b,
                "difference": found.difference,
                "p_value": found.p_value,
                "per_class": found.per_class,
                "confidence": found.confidence,
                "disagreements": worst.to_pylist(),
            }
        )
        return
    rows = [
        (
            number,
            _number(found.a[number].value),
            _number(found.b[number].value),
            *_signed(found.difference[number]),
            _number(found.p_value[number]),
        )
        for number in found.difference
    ]
    _render.grid(_render.Grid(("number", a, b, "difference", f"{found.confidence:.0%} interval", "p"), rows))
    changed = [row for row in worst.to_pylist() if row["disagreement"] > 0]
    if changed:
        headers = ("sample_id", "disagreement", "gain", "only_a", "only_b")
        cells = [[row[h] for h in headers] for row in changed]
        _render.grid(_render.Grid(headers, cells, title="Where they disagree most"))
