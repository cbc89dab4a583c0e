"""Writing one label file a picture: where it goes, and its picture beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from loopline.formats._pictures import Picture
from loopline.formats._place import Media, place


@dataclass(slots=True)
class Folders:
    """Names of the files of an export, each used once.

    Two pictures whose names differ only in the extension would share one label file; the second one's has the whole
    name.
    """

    target: Path
    lost: Counter[str]
    media: Media = "none"
    names: set[str] = field(default_factory=set)

    def stem(self, picture: Picture, under: str = "") -> str:
        """The picture's path without extension, in the form that label files of the folder `under` have."""
        pure = PurePosixPath(picture.path)
        stem = str(pure.with_suffix(""))
        if f"{under}/{stem}" in self.names:
            stem = picture.path
        self.names.add(f"{under}/{stem}")
        return stem

    def write(self, name: str, text: str | bytes) -> None:
        file = self.target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def picture(self, picture: Picture, name: str) -> None:
        """Put the picture at `name`, as `media` says."""
        reason = place(picture.sample.get("root"), picture.path, self.target / name, self.media)
        if reason:
            self.lost[reason] += 1
