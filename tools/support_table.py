"""Print what each format keeps, as docs/formats.md shows it; with --write, put it there.

    python tools/support_table.py --write

The table is made from the constant `SUPPORT` of each format's module. tests/formats/test_support.py fails when the page
says something else.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from loopline.formats import registry
from loopline.formats._support import THINGS, Support

PAGE = Path(__file__).resolve().parents[1] / "docs" / "formats.md"
START, END = "<!-- support table: made by tools/support_table.py -->", "<!-- end of the support table -->"
_LEGEND = (
    "● the same when written and read again (the size of a box that is told by two corners: but for the last bit) · ◐ with a loss, below · – not held: counted by name when written. "
    "Tags are those of pictures; tags of objects are held by the tables, and counted elsewhere."
)
MARKS = {"exact": "●", "lossy": "◐", "no": "–"}


def supports() -> dict[str, Support]:
    """The row of each built-in format, by the format's name, in the order of names."""
    found: dict[str, Support] = {}
    for point in registry.entry_points():
        if point.module.startswith("loopline.formats."):
            module = import_module(point.module)
            formats = module.FORMATS if hasattr(module, "FORMATS") else (module.FORMAT,)
            rows = module.SUPPORT
            for one in formats:
                # A file with several formats may have one row for all, or one for each.
                found[one.name] = rows.get(one.name, rows)
    return dict(sorted(found.items()))


def section(name: str) -> str:
    """Where the page of a format is, from docs/formats.md: a file of its own, or a heading of the page."""
    own = PAGE.parent / "formats" / f"{name}.md"
    anchors = {"coco": "#coco", "voc": "#pascal-voc", "csv": "#csv-and-parquet", "parquet": "#csv-and-parquet"}
    return f"formats/{name}.md" if own.exists() else anchors.get(name, "#folders" if name == "folder" else "")


def table() -> str:
    """Markdown: one row a format, one column a thing; below it, what is lost."""
    heads = [thing.replace("_", " ") for thing in THINGS]
    lines = [
        _LEGEND,
        "",
        f"| format | reads | writes | {' | '.join(heads)} |",
        "| --- | --- | --- | " + " | ".join(":-:" for _ in THINGS) + " |",
    ]
    losses = []
    for name, row in supports().items():
        one = registry.get(name)
        marks = " | ".join(MARKS[row[thing].partition(":")[0]] for thing in THINGS)
        able = " | ".join("yes" if able else "no" for able in (one.reads, one.writes))
        lines.append(f"| [`{name}`]({section(name)}) {one.title} | {able} | {marks} |")
        lossy = [(t, row[t].removeprefix("lossy: ")) for t in THINGS if row[t].startswith("lossy: ")]
        if lossy:
            losses.append(
                f"- `{name}`: " + ". ".join(f"{t.replace('_', ' ').capitalize()}: {w}" for t, w in lossy) + "."
            )
    return "\n".join([*lines, "", *losses]) + "\n"


def updated(page: str) -> str:
    """The page with the table of today between its two marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{table()}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/formats.md")
    if parser.parse_args().write:
        PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(table())


if __name__ == "__main__":
    main()
