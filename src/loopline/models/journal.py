"""What a run has found and not yet committed, a file for each batch, so that a kill loses at most one batch.

A commit costs as much as many batches of a quick model, so batches are committed together every few seconds; until
then each lies in the cache folder, written beside its name and renamed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows that were found, the samples that are done with them, the samples that could not be looked at (id → why), and
    the videos that are not done yet (id → the frame to go on with)."""

    rows: pa.Table
    samples: tuple[int, ...]
    problems: dict[int, str] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)


class Journal:
    """A folder of numbered batches. One process at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._next = 1 + max((int(file.stem) for file in folder.glob("*.arrow")), default=0)

    def append(self, batch: Batch) -> Path:
        """Keep a batch; the file that it is in."""
        file = self._folder / f"{self._next:09}.arrow"
        self._next += 1
        told = msgspec.json.encode((batch.samples, batch.problems, batch.begun))
        table = batch.rows.replace_schema_metadata({"loopline": told})
        beside = file.with_suffix(".part")
        with pa.OSFile(str(beside), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
        beside.replace(file)
        return file

    def batches(self) -> Iterator[Batch]:
        """What is there, in the order it was appended."""
        for file in sorted(self._folder.glob("*.arrow")):
            with pa.OSFile(str(file), "rb") as source:
                table = pa.ipc.open_file(source).read_all()
            told = msgspec.json.decode(
                table.schema.metadata[b"loopline"], type=tuple[tuple[int, ...], dict[int, str], dict[int, int]]
            )
            yield Batch(table.replace_schema_metadata(None), *told)

    def forget(self, files: Iterable[Path]) -> None:
        """Delete these files: what is in them is committed."""
        for file in files:
            file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all that is there."""
        self.forget(sorted(self._folder.glob("*.arrow")))

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
