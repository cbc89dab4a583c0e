"""What a person sees before anything runs: help, examples, completion, and how quickly."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from loopline import __version__
from loopline.cli._main import HOMES
from loopline.cli._main import loopline as root
from tests.cli.conftest import Loopline
from tests.test_package import cpu_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def commands(group: click.Group = root, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its full name."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        full = f"{name} {word}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, full)
        else:
            yield full, command


EVERY = dict(commands())


def test_help_takes_little_time() -> None:
    assert cpu_of("-m", "loopline", "--help") <= 0.3


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from loopline.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr.split()
    assert not {"duckdb", "pyarrow", "numpy", "PIL", "rich", "pandas", "polars"} & set(loaded)


def test_help_lists_every_command(loopline: Loopline) -> None:
    answer = loopline("--help")
    assert answer.code == 0
    assert not [name for name in HOMES if not re.search(rf"^  {name} +[A-Z]", answer.out, re.MULTILINE)]


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_json_a_first_line_and_examples_that_parse(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weather.csv").touch()
    Path("aerial").mkdir()
    command = EVERY[name]
    assert "--json" in [option for parameter in command.params for option in parameter.opts]
    assert len(command.get_short_help_str(200)) <= 60, "the first line wraps in the list of commands"
    lines = [line.strip() for line in (command.epilog or "").splitlines() if "loopline " in line]
    assert 1 <= len(lines) <= 3
    for line in lines:
        words = shlex.split(line[line.index("loopline ") :].partition(" > ~")[0])[1:]
        assert words[: len(name.split())] == name.split()
        command.make_context(name, words[len(name.split()) :])


def test_the_page_has_a_heading_for_every_command() -> None:
    headings = re.findall(r"^### `loopline ([a-z ]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(heading.strip() for heading in headings) == sorted(EVERY)


def test_the_version_is_the_package_s(loopline: Loopline) -> None:
    assert loopline("--version").out == loopline("-v").out == f"loopline {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(loopline: Loopline, shell: str) -> None:
    assert "_LOOPLINE_COMPLETE" in loopline("completion", shell).out


def test_the_tab_key_completes_data_sets_fields_versions_and_formats(filled: str) -> None:
    def offered(*words: str) -> set[str]:
        environment = {
            "_LOOPLINE_COMPLETE": "bash_complete",
            "COMP_WORDS": shlex.join(["loopline", *words]),
            "COMP_CWORD": str(len(words)),
            "LOOPLINE_HOME": str(Path(filled).parent),
            "PATH": "",
        }
        found = subprocess.run(
            [sys.executable, "-m", "loopline"], env=environment, capture_output=True, text=True, check=False
        )
        return {line.partition(",")[2] for line in found.stdout.splitlines() if line}

    assert offered("info", "sh") == {"shapes"}
    assert offered("export", "shapes", "--field", "gro") == {"ground_truth"}
    assert "coco" in offered("add", "shapes", ".", "--format", "c")
    assert offered("info", "shapes", "--at", "nothing") == set()
