"""The command `loopline`: which commands there are, and the one place where an error becomes an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

import click

from loopline import __version__
from loopline.cli import _render
from loopline.errors import LooplineError, Stopped, near

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Data sets": {
        "create": "datasets:create",
        "list": "datasets:list_",
        "info": "datasets:info",
        "drop": "datasets:drop",
        "copy": "transfer:copy",
        "upkeep": "datasets:upkeep",
    },
    "In and out": {"add": "transfer:add", "export": "transfer:export", "zoo": "zoo:zoo"},
    "Look": {"app": "app:app", "query": "look:query", "facets": "look:facets", "histogram": "look:histogram"},
    "Find": {"similar": "similar:similar", "find": "find:find"},
    "Models": {"models": "models:models", "predict": "models:predict", "embed": "models:embed"},
    "Change": {
        "tag": "change:tag",
        "set": "change:set_",
        "split": "change:split",
        "delete": "change:delete",
        "column": "schema:column",
        "field": "schema:field",
    },
    "Measure": {
        "evaluate": "evaluate:evaluate",
        "evaluations": "evaluate:evaluations",
        "compare": "evaluate:compare",
        "next": "advice:next_",
        "suspects": "advice:suspects",
        "report": "advice:report",
    },
    "History": {
        "log": "history:log",
        "version": "history:version",
        "diff": "history:diff",
        "restore": "history:restore",
        "blame": "history:blame",
    },
    "More": {"demo": "demo:demo", "completion": "completion:completion"},
}
"""Section → command → where it is: `module:attribute` in this folder. Loaded when the command is asked for."""

HOMES: Final = {name: place for commands in SECTIONS.values() for name, place in commands.items()}

SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


class Commands(click.Group):
    """A group that loads a command's file when the command is named, and lists commands by section."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = HOMES.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(f"loopline.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in HOMES and not args[0].startswith("-"):
            raise click.UsageError(f'no command "{args[0]}"; {near(args[0], HOMES, limit=len(HOMES))}', ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read the output has seen enough, as in `loopline query … | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(SUCCESS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            rows = [(name, _short_help(self.get_command(ctx, name))) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)


def _short_help(command: click.Command | None) -> str:
    return command.get_short_help_str(limit=80) if command else ""


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n  loopline demo\n  loopline create masks\n  loopline add masks annotations/ --format voc",
)
@click.version_option(__version__, "-v", "--version", message="loopline %(version)s")
def loopline() -> None:
    """Look after a data set of pictures or video: collect, look, query, change, version.

    A data set is named by a word (it lies under $LOOPLINE_HOME, by default ~/.loopline), by a path such as ./masks, or
    by a URL postgresql://user@host/database/name.
    """


def run(args: Sequence[str]) -> int:
    """Run one command line; its exit code: 0 done, 1 reported failure, 2 wrong usage, 130 interrupted.

    With `--json`, an error is a document on stdout, too. LOOPLINE_DEBUG=1 shows where an error comes from.
    """
    as_json = "--json" in args
    try:
        loopline.main(args=list(args), prog_name="loopline", standalone_mode=False)
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except (click.Abort, KeyboardInterrupt):
        _report("Interrupted", Stopped("interrupted"), as_json)
        return INTERRUPTED
    except click.ClickException as wrong:
        return _wrong_usage(wrong, as_json)
    except Stopped as stopped:
        _report("Stopped", stopped, as_json)
        return INTERRUPTED
    except LooplineError as error:
        _report(type(error).__name__, error, as_json)
        return FAILURE
    except Exception as error:  # what nobody expected is shown as one message, too
        _report(type(error).__name__, _unexpected(error), as_json)
        return FAILURE
    return SUCCESS


def _wrong_usage(wrong: click.ClickException, as_json: bool) -> int:
    if as_json:
        _render.document({"error": {"type": "WrongUsage", "what": wrong.format_message()}})
    wrong.show(sys.stderr)
    return USAGE


def _unexpected(error: Exception) -> LooplineError:
    if isinstance(error, OSError) and error.strerror:
        return LooplineError(
            error.strerror, where=str(error.filename or ""), hint="see that it is there and yours to use"
        )
    return LooplineError(
        f"unexpected {type(error).__name__}: {error}", hint="LOOPLINE_DEBUG=1 shows where; please report it"
    )


def _report(kind: str, error: LooplineError, as_json: bool) -> None:
    if os.environ.get("LOOPLINE_DEBUG"):
        traceback.print_exc()
    if as_json:
        _render.document({"error": _render.error_document(kind, error)})
    _render.failure(error)


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to fail
    sys.exit(run(sys.argv[1:]))
