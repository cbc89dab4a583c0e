"""Shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from loopline.cli import _render
from loopline.cli._command import command


@command(
    "completion",
    examples=[
        "loopline completion bash > ~/.local/share/bash-completion/completions/loopline",
        "loopline completion zsh > ~/.zfunc/_loopline",
        "loopline completion fish > ~/.config/fish/completions/loopline.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion script of a shell.

    It completes commands, options, data sets, fields, versions, tags and formats.
    """
    found = get_completion_class(shell)
    assert found is not None
    script = found(ctx.find_root().command, {}, "loopline", "_LOOPLINE_COMPLETE").source()
    _render.document({"shell": shell, "script": script}) if as_json else click.echo(script)
