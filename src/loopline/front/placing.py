"""Where the samples of an import say that their pictures are: in an archive, at a URL, or where a label file says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from loopline.errors import FormatError
from loopline.front.incoming import Incoming
from loopline.kernel.exchange import Event, Problem, SampleRows
from loopline.media import is_url, remote
from loopline.media.references import media_file

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.+)")


def told(events: Iterator[Event], found: Incoming) -> Iterator[Event]:
    """What the import met on its way, then the events with problems told in places that the user knows."""
    yield from found.problems
    for event in events:
        if found.stands and isinstance(event, Problem):
            words = found.told(event.what), found.told(event.where), found.told(event.hint)
            yield replace(event, what=words[0], where=words[1], hint=words[2])
        else:
            yield event


def placed(events: Iterator[Event], found: Incoming, *, whole: bool) -> Iterator[Event]:
    """The events, with pictures in stands placed where these stand for: in those that hold the pictures (`whole`), or
    in those that hold label files alone."""
    for event in events:
        if found.stands and isinstance(event, SampleRows):
            yield _rooted(event, found, whole)
        else:
            yield event


def _rooted(event: SampleRows, found: Incoming, whole: bool) -> SampleRows:
    if "root" not in event.table.column_names and (one := found.of(event.root)) is not None:
        return replace(event, root=found.told(event.root)) if one.whole is whole else event
    roots, paths = roots_of(event), event.table["path"].to_pylist()
    for row, root in enumerate(roots):
        if (one := found.of(root)) is not None:
            roots[row] = found.told(root) if one.whole is whole else root
        elif root.startswith(str(found.folder)):  # the pictures' folder was taken to be above the stand
            file = media_file(root, paths[row])
            if (one := found.of(file)) is not None and one.whole is whole:
                roots[row], paths[row] = one.origin, file[len(str(one.folder)) + 1 :]
    return with_places(event, roots, paths)


def roots_of(event: SampleRows) -> list[str]:
    """The root of each row."""
    if "root" in event.table.column_names:
        return [root or event.root for root in event.table["root"].to_pylist()]
    return [event.root] * event.table.num_rows


def with_places(event: SampleRows, roots: list[str], paths: list[str]) -> SampleRows:
    """The event with other roots and paths."""
    table = event.table.set_column(event.table.column_names.index("path"), "path", pa.array(paths, pa.string()))
    if "root" in table.column_names:
        table = table.drop_columns(["root"])
    return replace(event, table=table.append_column("root", pa.array(roots, pa.string()).dictionary_encode()))


def at_urls(events: Iterator[Event], name: str) -> Iterator[Event]:
    """The events, with pictures at the URL that a field of the label file (`coco_url`, `flickr_url`, ...) or, for
    "path", their own name gives. A picture without one stays where it is.

    Raises FormatError where no picture has one.
    """
    seen = 0
    known: set[str] = set()
    for event in events:
        if not isinstance(event, SampleRows):
            yield event
            continue
        known |= {c.source_name or c.name for c in event.columns}
        column = next((c.name for c in event.columns if name in (c.source_name, c.name)), name)
        if column not in event.table.column_names:
            yield event
            continue
        roots, paths = roots_of(event), event.table["path"].to_pylist()
        for row, url in enumerate(event.table[column].to_pylist()):
            place = place_of(url) if isinstance(url, str) else None
            if place is not None:
                seen += 1
                roots[row], paths[row] = place
            elif isinstance(url, str) and name != "path":
                yield Problem(
                    "warning", "a URL that cannot be kept as a picture's place", url[:200], "its path is used"
                )
        yield with_places(event, roots, paths)
    if not seen:
        raise FormatError(
            f'no picture has a URL in "{name}"', hint=f"there are: path, {', '.join(sorted(known))}" if known else ""
        )


def place_of(url: str) -> tuple[str, str] | None:
    """Root and path of a URL, which may have lost slashes on its way through a label file; None: it is none, or one
    whose `?` a path cannot hold.

    >>> place_of("https:/host/x/a%20b.jpg"), place_of("https://host/a.jpg?key=1"), place_of("a/b.jpg")
    (('https://host/x', 'a b.jpg'), None, None)
    """
    match = _URL.fullmatch(url)
    if match is None:
        return None
    whole = f"{match[1].lower()}://{match[2]}"
    parts = urlsplit(whole)
    if remote.web(whole) and (parts.query or parts.fragment):
        return None
    root, _, last = whole.rpartition("/")
    name = unquote(last) if remote.web(whole) else last
    if not is_url(root) or not name or "/" in name or name in (".", ".."):
        return None
    return root, name
