"""What the data say about themselves: find, similar."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

import loopline as ll
from loopline.cli import _render
from loopline.cli._command import (
    Function,
    command,
    dataset_argument,
    epilog,
    limit_option,
    long_work,
    viewed,
    where_option,
)
from loopline.cli._render import Grid

if TYPE_CHECKING:
    from loopline.front.finding.result import Found

_key = click.option("--key", metavar="KEY", help="The embedding; may be left out where there is only one.")
_tag = click.option("--tag", metavar="TAG", help="Also tag what was found.")
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


def _into(default: str) -> Callable[[Function], Function]:
    return click.option("--into", default=default, show_default=True, metavar="COLUMN", help="The column to write.")


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
@_tag
@limit_option()
def quality(name: str, where: str | None, again: bool, tag: str | None, limit: int, as_json: bool) -> None:
    """Dark, bright, blurred or empty pictures, and odd sizes.

    Writes the columns brightness, contrast, sharpness, entropy, and looks (a perceptual hash).
    """
    ds = ll.open(name)
    with long_work(quiet=as_json) as work:
        found = ds.find.quality(where=viewed(ds, where), again=again, **work)
    _show(ds, found, tag, limit, as_json)


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
    _show(ds, found, None if delete else tag, limit, as_json, deleted=deleted)


@command("leaks", examples=["loopline find leaks masks", "loopline find leaks masks --by looks --tag leak"])
@dataset_argument
@_by
@_least
@_tag
@limit_option()
def leaks(name: str, by: str, least: float | None, tag: str | None, limit: int, as_json: bool) -> None:
    """Samples that have a double in another split."""
    ds = ll.open(name)
    with long_work(quiet=as_json) as work:
        found = ds.find.leaks(by, least=least, **work)
    _show(ds, found, tag, limit, as_json)


def _scored(verb: str, column: str, help_: str) -> click.Command:
    @command(verb, examples=[f"loopline find {verb} masks", f"loopline find {verb} masks --key clip --into {column}"])
    @dataset_argument
    @_key
    @_into(column)
    @limit_option()
    def scored(name: str, key: str | None, into: str, limit: int, as_json: bool) -> None:
        ds = ll.open(name)
        with long_work(quiet=as_json) as work:
            found = getattr(ds.find, verb)(key, into=into, progress=work["progress"])
        _show(ds, found, None, limit, as_json)

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
@_key
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
@_tag
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
    _show(ds, found, tag, limit, as_json)


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
@_key
@click.option(
    "--diversity", type=float, default=0.3, show_default=True, help="0: by likeness alone; towards 1: varied."
)
@_tag
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
    _show(ds, found, tag, limit, as_json)


def _only_a_queue(tag: str | None, count: int | None) -> None:
    if tag is not None and count is None:
        raise click.UsageError("--tag needs --count: every sample has a value")


def _queue(function: Function) -> Function:
    for option in (
        where_option(),
        click.option("--count", type=click.IntRange(min=1), help="Only so many: a queue to label."),
        click.option("--key", metavar="KEY", help="With --count: varied by this embedding."),
        click.option("--diversity", type=float, default=0.3, show_default=True, help="0: by the value alone."),
    ):
        function = option(function)
    return function


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
@_queue
@_into("uncertainty")
@_tag
@limit_option()
def uncertain(
    name: str,
    field: str,
    measure: Any,
    over: Any,
    where: str | None,
    count: int | None,
    key: str | None,
    diversity: float,
    into: str,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """How unsure a model is of each sample, in a column."""
    ds = ll.open(name)
    _only_a_queue(tag, count)
    found = ds.find.uncertain(
        field,
        measure=measure,
        over=over,
        where=viewed(ds, where),
        count=count,
        key=key,
        diversity=diversity,
        into=into,
    )
    _show(ds, found, tag, limit, as_json)


@command(
    "disagreement",
    examples=["loopline find disagreement masks ground_truth predictions --count 100 --tag look-again"],
)
@dataset_argument
@click.argument("truth", default="ground_truth")
@click.argument("predicted", default="predictions")
@_queue
@_into("disagreement")
@_tag
@limit_option()
def disagreement(
    name: str,
    truth: str,
    predicted: str,
    where: str | None,
    count: int | None,
    key: str | None,
    diversity: float,
    into: str,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """How far predictions are from the truth, in a column."""
    ds = ll.open(name)
    _only_a_queue(tag, count)
    found = ds.find.disagreement(
        truth, predicted, where=viewed(ds, where), count=count, key=key, diversity=diversity, into=into
    )
    _show(ds, found, tag, limit, as_json)


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
    _show(ds, ds.find.balance(of, where=viewed(ds, where)), None, limit, as_json)


@command("rebalance", examples=["loopline find rebalance masks ground_truth.label --into repeat"])
@dataset_argument
@click.argument("of", metavar="FIELD.NAME|COLUMN")
@where_option()
@click.option("--threshold", type=float, help="Share of samples below which a value counts as rare.")
@click.option("--most", type=float, default=10.0, show_default=True, help="Draw no sample more often than this.")
@_into("repeat")
@limit_option()
def rebalance(
    name: str, of: str, where: str | None, threshold: float | None, most: float, into: str, limit: int, as_json: bool
) -> None:
    """How often to draw each sample, so that rare ones count."""
    ds = ll.open(name)
    found = ds.find.rebalance(of, where=viewed(ds, where), threshold=threshold, most=most, into=into)
    _show(ds, found, None, limit, as_json)


@command("map", examples=["loopline find map masks", "loopline find map masks --key clip --method pacmap"])
@dataset_argument
@_key
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
    _show(ds, found, None, limit, as_json)


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


@command(
    "similar",
    examples=[
        "loopline similar masks outside.jpg --key clip --limit 50",
        'loopline similar masks --text "a dog on a sofa" --key words',
        "loopline similar masks 17 18 19 --where \"split == 'val'\"",
    ],
)
@dataset_argument
@click.argument("to", nargs=-1, metavar="[ID|FILE]...")
@click.option("--text", metavar="WORDS", help="Words instead, where the model of the embedding knows words.")
@_key
@where_option("Only among samples that meet this condition.")
@_tag
@limit_option()
def similar(
    name: str,
    to: tuple[str, ...],
    text: str | None,
    key: str | None,
    where: str | None,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """What is most like a sample, an object, a file, or words.

    Numbers are ids; anything else is a file.
    """
    ds = ll.open(name)
    ids = [int(part) for part in to if part.isdecimal()]
    asked: Any = None if not to else ids if len(ids) == len(to) else " ".join(to)
    within = ds.where(where) if where else None
    found = ds.similar(asked, text=text, key=key, within=within, limit=limit or len(ds))
    if tag is not None and len(found):
        ds.tag(found.view, tag)
    rows = found.to_arrow()
    if as_json:
        _render.document(
            {"key": found.key, "recall": found.recall, "seconds": found.cost.seconds, "rows": rows.to_pylist()}
        )
        return
    _render.grid(_grid(rows.to_pylist(), rows.column_names))
    _render.note(f"{len(found)} by {found.key}, {found.cost.seconds:.2f} s")


def _show(ds: ll.Dataset, found: Found, tag: str | None, limit: int, as_json: bool, *, deleted: int = 0) -> None:
    from loopline.front.finding.result import Doubles

    tagged = 0
    which = found.spare if isinstance(found, Doubles) else found.view
    if tag is not None and which is not None:
        tagged = ds.tag(which, tag)
    if as_json:
        said = {**found.to_json(), "tagged": tagged}
        if isinstance(found, Doubles):
            said |= {"groups": found.groups, "deleted": deleted}
        _render.document(said)
        return
    rows = found.table.slice(0, limit) if limit else found.table
    _render.line(found.title)
    if len(rows):
        _render.grid(_grid(rows.to_pylist(), rows.column_names))
    parts = [f"{len(rows):,} of {_render.counted(len(found), 'row')}"]
    if isinstance(found, Doubles):
        parts.append(_render.counted(found.groups, "group"))
    if found.columns:
        parts.append(f"written: {', '.join(found.columns)}")
    parts += [f"{tagged:,} tagged {tag}"] if tagged else []
    parts += [f"{deleted:,} deleted"] if deleted else []
    parts.append(f"{found.cost.seconds:.2f} s, at most {found.cost.peak_bytes / 2**20:,.0f} MiB")
    _render.note("; ".join(parts))
    for problem in found.problems:
        _render.note(f"problem: {problem}")


def _grid(rows: list[dict[str, Any]], names: list[str]) -> Grid:
    return Grid(names, [[row[name] for name in names] for row in rows])
