"""What to label or look at next, as queues: find hard, find uncertain, find disagreement."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

import loopline as ll
from loopline.cli._command import command, dataset_argument, limit_option, viewed, where_option
from loopline.cli._found import into_option, key_option, show, tag_option

if TYPE_CHECKING:
    from loopline.front.finding.result import Found


@command(
    "hard",
    examples=[
        "loopline find hard masks 200 --failures \"ground_truth.any(ev1.outcome == 'fn')\" --pool \"split == 'new'\" --tag to-label"
    ],
)
@dataset_argument
@click.argument("count", type=click.IntRange(min=1))
@click.option("--failures", required=True, metavar="EXPR", help="Samples on which the model fails.")
@click.option("--pool", required=True, metavar="EXPR", help="Samples to choose from.")
@key_option
@click.option(
    "--diversity", type=float, default=0.3, show_default=True, help="0: by likeness alone; towards 1: varied."
)
@tag_option
@limit_option()
def hard(
    name: str,
    count: int,
    failures: str,
    pool: str,
    key: str | None,
    diversity: float,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Samples of a pool that are most like what fails."""
    ds = ll.open(name)
    found = ds.find.hard(ds.where(failures), ds.where(pool), count, key, diversity=diversity)
    show(ds, found, tag, limit, as_json)


def _ranking(column: str) -> Callable[[Callable[..., Found]], Callable[..., None]]:
    """A command from what gives each sample a value: its options of a queue by that value, and the answer shown.

    The function gets the data set, and the options that `ds.find` takes by their names.
    """

    def made(look: Callable[..., Found]) -> Callable[..., None]:
        @functools.wraps(look)
        def run(
            name: str, where: str | None, count: int | None, tag: str | None, limit: int, as_json: bool, **asked: Any
        ) -> None:
            if tag is not None and count is None:
                raise click.UsageError("--tag needs --count: every sample has a value")
            ds = ll.open(name)
            show(ds, look(ds, where=viewed(ds, where), count=count, **asked), tag, limit, as_json)

        for option in (
            limit_option(),
            tag_option,
            into_option(column),
            click.option("--diversity", type=float, default=0.3, show_default=True, help="0: by the value alone."),
            click.option("--key", metavar="KEY", help="With --count: varied by this embedding."),
            click.option("--count", type=click.IntRange(min=1), help="Only so many: a queue to label."),
            where_option(),
        ):
            run = option(run)
        return run

    return made


@command(
    "uncertain",
    examples=[
        "loopline find uncertain masks predictions",
        "loopline find uncertain masks predictions --measure margin --over mean --count 200 --key clip --tag to-label",
    ],
)
@dataset_argument
@click.argument("field", default="predictions")
@click.option("--measure", type=click.Choice(["entropy", "margin", "least"]), default="entropy", show_default=True)
@click.option(
    "--over", type=click.Choice(["max", "mean"]), default="max", show_default=True, help="Of a picture's objects."
)
@_ranking("uncertainty")
def uncertain(ds: ll.Dataset, field: str, **asked: Any) -> Found:
    """How unsure a model is of each sample, in a column."""
    return ds.find.uncertain(field, **asked)


@command(
    "disagreement",
    examples=["loopline find disagreement masks ground_truth predictions --count 100 --tag look-again"],
)
@dataset_argument
@click.argument("truth", default="ground_truth")
@click.argument("predicted", default="predictions")
@_ranking("disagreement")
def disagreement(ds: ll.Dataset, truth: str, predicted: str, **asked: Any) -> Found:
    """How far predictions are from the truth, in a column."""
    return ds.find.disagreement(truth, predicted, **asked)
