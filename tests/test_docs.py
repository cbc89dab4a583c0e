"""Every Python example in the README and the docs runs, file by file, top to bottom, in an empty folder.

One that cannot run (it needs a graphics card, a server, the user's own files) has `<!-- not run -->` on the line
before its fence.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
FENCE = re.compile(r"(?P<not_run><!-- not run -->\s*\n)?^```python\s*\n(?P<code>.*?)^```\s*$", re.MULTILINE | re.DOTALL)


def examples(page: str) -> list[tuple[int, str]]:
    """Line number and code of each example that is to run."""
    found = FENCE.finditer(page)
    return [(page.count("\n", 0, m.start("code")) + 1, m["code"]) for m in found if not m["not_run"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for line, code in examples(page.read_text(encoding="utf-8")):
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)  # so that a traceback shows the page's line


def test_an_example_is_run_unless_the_line_before_says_not() -> None:
    page = "# a\n\n```python\nx = 1\n```\n\n<!-- not run -->\n```python\ny\n```\n\n```sh\nls\n```\n"
    assert examples(page) == [(4, "x = 1\n")]
