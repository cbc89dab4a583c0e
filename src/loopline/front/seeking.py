"""Pictures that lie deeper in the folder of pictures than their label file says.

Archives are packed by folder (`part1/a.jpg`, `part2/b.jpg`) while labels name `a.jpg`. A file is taken where it is the
only one whose path ends in the name that the label file gives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loopline.errors import MediaError
from loopline.formats._media import files_under
from loopline.front.placing import roots_of, with_places
from loopline.kernel.exchange import Event, Problem, SampleRows
from loopline.media.references import media_file

_MOST: Final = 5_000_000  # files in a folder that is searched


def sought(events: Iterator[Event], folder: Path) -> Iterator[Event]:
    """The events, with pictures that are not where they should be looked for deeper in `folder`, the one that the user
    named for them. Of several that would do none is taken. The folder is listed once, where a picture is missing."""
    index = _Index(folder)
    for event in events:
        if not isinstance(event, SampleRows):
            yield event
            continue
        roots, paths = roots_of(event), event.table["path"].to_pylist()
        moved = False
        for row, (root, path) in enumerate(zip(roots, paths, strict=True)):
            if root != str(folder) or _is_there(root, path):
                continue
            found = index.ending_in(path)
            if len(found) > 1:
                both = f"{found[0]} and {found[1]}"
                yield Problem("warning", "several files have the name of a picture; none is taken", path, both)
            elif found and found[0] not in index.taken:
                index.taken.add(found[0])
                yield Problem("warning", "a picture deeper in the folder than its label file says", path, found[0])
                paths[row] = found[0]
                moved = True
        yield with_places(event, roots, paths) if moved else event


def _is_there(root: str, path: str) -> bool:
    try:
        return os.path.exists(media_file(root, path))  # noqa: PTH110  a million of them
    except MediaError:
        return True  # it leads out: no search, and told with the missing ones


@dataclass(slots=True)
class _Index:
    folder: Path
    names: Mapping[str, list[str]] | None = None  # last part of a path → paths
    taken: set[str] = field(default_factory=set)

    def ending_in(self, path: str) -> list[str]:
        """Files, relative to the folder, that are the path or end in it."""
        if self.names is None:
            found: dict[str, list[str]] = {}
            for number, name in enumerate(files_under(self.folder)):
                if number >= _MOST:
                    break
                found.setdefault(name.rpartition("/")[2], []).append(name)
            self.names = found
        return sorted(n for n in self.names.get(path.rpartition("/")[2], ()) if f"/{n}".endswith(f"/{path}"))
