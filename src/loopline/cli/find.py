"""What the data say about themselves: find. Its queues are next door, in find_queues.py."""

from __future__ import annotations

from typing import Any

import click

import loopline as ll
from loopline.cli._command import command, dataset_argument, epilog, limit_option, long_work, viewed, where_option
from loopline.cli._found import into_option, key_option, show, tag_option
from loopline.cli.find_queues import disagreement, hard, uncertain

_least = click.option(
    "--least", type=float, metavar="SHARE", help="Likeness from which on two are the same [default: 0.97; looks: 0.94]."
)
_by = click.option(
    "--by",
    default="content",
    show_default=True,
    metavar="HOW",
    help="content (the same bytes), looks (resized or recompressed too), or the key of an embedding.",
)


@click.group(
    epilog=epilog(
        [
            "loopline find quality masks",
            "loopline find duplicates masks --by looks --tag double",
            "loopline find leaks masks --by looks",
            "loopline find coreset masks 500 --key clip --tag to-label",
        ]
    )
)
def find() -> None:
    """Find what is doubled, leaking, odd, lopsided, or hard.

    What needs an embedding says so: loopline embed makes one.
    """


@command("quality", examples=["loopline find quality masks", "loopline find quality masks --tag poor"])
@dataset_argument
@where_option()
@click.option("--again", is_flag=True, help="Look at pictures again that were measured before.")
@tag_option
@limit_option()
def quality(name: str, where: str | None, again: bool, tag: str | None, limit: int, as_json: bool) -> None:
    """Dark, bright, blurred or empty pictures, and odd sizes.

    Writes the columns brightness, contrast, sharpness, entropy, and looks (a perceptual hash).
    """
    ds = ll.open(name)
    with long_work(quiet=as_json) as work:
        found = ds.find.quality(where=viewed(ds, where), again=again, **work)
    show(ds, found, tag, limit, as_json)


@command(
    "duplicates",
    examples=[
        "loopline find duplicates masks",
        "loopline find duplicates masks --by clip --least 0.98 --keep most_labels --tag double",
    ],
)
@dataset_argument
@_by
@_least
@click.option(
    "--keep",
    type=click.Choice(["first", "largest", "most_labels"]),
    default="first",
    show_default=True,
    help="Which one of a group stays.",
)
@where_option()
@click.option("--into", metavar="COLUMN", help="Also write the number of each sample's group into this column.")
@click.option("--tag", metavar="TAG", help="Tag all but one of each group.")
@click.option("--delete", is_flag=True, help="Delete all but one of each group; media files stay.")
@limit_option()
def duplicates(
    name: str,
    by: str,
    least: float | None,
    keep: Any,
    where: str | None,
    into: str | None,
    tag: str | None,
    delete: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Groups of samples that are the same."""
    ds = ll.open(name)
    with long_work(quiet=as_json) as work:
        found = ds.find.duplicates(by, least=least, keep=keep, where=viewed(ds, where), into=into, **work)
    deleted = ds.delete(found.spare) if delete and found.spare is not None else 0
    show(ds, found, None if delete else tag, limit, as_json, deleted=deleted)


@command("leaks", examples=["loopline find leaks masks", "loopline find leaks masks --by looks --tag leak"])
@dataset_argument
@_by
@_least
@tag_option
@limit_option()
def leaks(name: str, by: str, least: float | None, tag: str | None, limit: int, as_json: bool) -> None:
    """Samples that have a double in another split."""
    ds = ll.open(name)
    with long_work(quiet=as_json) as work:
        found = ds.find.leaks(by, least=least, **work)
    show(ds, found, tag, limit, as_json)


def _scored(verb: str, column: str, help_: str) -> click.Command:
    @command(verb, examples=[f"loopline find {verb} masks", f"loopline find {verb} masks --key clip --into {column}"])
    @dataset_argument
    @key_option
    @into_option(column)
    @limit_option()
    def scored(name: str, key: str | None, into: str, limit: int, as_json: bool) -> None:
        ds = ll.open(name)
        with long_work(quiet=as_json) as work:
            found = getattr(ds.find, verb)(key, into=into, progress=work["progress"])
        show(ds, found, None, limit, as_json)

    scored.help = help_
    return scored


unique = _scored("unique", "uniqueness", "How unlike all others each sample is, in a column.")
outliers = _scored("outliers", "outlier", "How far from its neighbours each sample is, in a column.")
typical = _scored("typical", "typicality", "How like its neighbours each sample is, in a column.")


@command(
    "coreset",
    examples=[
        "loopline find coreset masks 500 --tag to-label",
        "loopline find coreset masks 100 --how typical --already \"'labelled' in tags\"",
    ],
)
@dataset_argument
@click.argument("count", type=click.IntRange(min=1))
@key_option
@click.option(
    "--how",
    type=click.Choice(["far", "typical"]),
    default="far",
    show_default=True,
    help="far: each as unlike those before as can be; typical: the most typical of each cluster.",
)
@where_option("Only take samples that meet this condition.")
@click.option("--already", metavar="EXPR", help="Samples that are taken already, such as labelled ones.")
@click.option("--seed", type=int, default=0, show_default=True)
@tag_option
@limit_option()
def coreset(
    name: str,
    count: int,
    key: str | None,
    how: Any,
    where: str | None,
    already: str | None,
    seed: int,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Some samples that stand for all: what to label first."""
    ds = ll.open(name)
    inside = ds.where(where) if where else None
    with long_work(quiet=as_json) as work:
        found = ds.find.coreset(
            count, key, how=how, where=inside, already=already, seed=seed, progress=work["progress"]
        )
    show(ds, found, tag, limit, as_json)


@command(
    "balance",
    examples=["loopline find balance masks ground_truth.label", "loopline find balance masks weather"],
)
@dataset_argument
@click.argument("of", metavar="FIELD.NAME|COLUMN")
@where_option()
@limit_option()
def balance(name: str, of: str, where: str | None, limit: int, as_json: bool) -> None:
    """How often each class, attribute or value is there."""
    ds = ll.open(name)
    show(ds, ds.find.balance(of, where=viewed(ds, where)), None, limit, as_json)


@command("rebalance", examples=["loopline find rebalance masks ground_truth.label --into repeat"])
@dataset_argument
@click.argument("of", metavar="FIELD.NAME|COLUMN")
@where_option()
@click.option("--threshold", type=float, help="Share of samples below which a value counts as rare.")
@click.option("--most", type=float, default=10.0, show_default=True, help="Draw no sample more often than this.")
@into_option("repeat")
@limit_option()
def rebalance(
    name: str, of: str, where: str | None, threshold: float | None, most: float, into: str, limit: int, as_json: bool
) -> None:
    """How often to draw each sample, so that rare ones count."""
    ds = ll.open(name)
    found = ds.find.rebalance(of, where=viewed(ds, where), threshold=threshold, most=most, into=into)
    show(ds, found, None, limit, as_json)


@command("map", examples=["loopline find map masks", "loopline find map masks --key clip --method pacmap"])
@dataset_argument
@key_option
@click.option(
    "--method",
    type=click.Choice(["pca", "pacmap", "umap"]),
    default="pca",
    show_default=True,
    help="pca: at once; the others keep neighbours together, and take longer.",
)
@click.option("--into", metavar="KEY", help="Name of the map [default: KEY_METHOD].")
@click.option("--replace", is_flag=True, help="Make a map of that name anew.")
@click.option("--seed", type=int, default=0, show_default=True)
@limit_option()
def map_(
    name: str, key: str | None, method: Any, into: str | None, replace: bool, seed: int, limit: int, as_json: bool
) -> None:
    """Place each sample in the plane, near those it is like."""
    ds = ll.open(name)
    with long_work(quiet=as_json) as work:
        found = ds.find.map(key, method=method, into=into, replace=replace, seed=seed, **work)
    show(ds, found, None, limit, as_json)


for _one in (
    quality,
    duplicates,
    leaks,
    unique,
    outliers,
    typical,
    coreset,
    hard,
    uncertain,
    disagreement,
    balance,
    rebalance,
    map_,
):
    find.add_command(_one)
