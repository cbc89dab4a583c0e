"""Pascal VOC files as events."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from loopline.formats._voc_batch import Batch, SoFar
from loopline.formats._voc_layout import VocSet
from loopline.kernel.exchange import Event, FieldFound, Problem, SampleRows, Source
from loopline.kernel.schema import LabelField

BATCH: Final = 4096  # files

_ROOT: Final = re.compile(rb"<annotation[\s>]")  # not <annotations>: that is CVAT


@dataclass(slots=True)
class VocReader:
    """One pass over some sets."""

    source: Source
    sets: list[VocSet]
    so_far: SoFar = field(init=False)

    def __post_init__(self) -> None:
        self.so_far = SoFar(self.source)

    def events(self) -> Iterator[Event]:
        total = sum(len(s.xmls) for s in self.sets)
        done = 0
        for one in self.sets:
            used: set[str] = set()
            for start in range(0, len(one.xmls), BATCH):
                batch = Batch(self.so_far, one, used)
                for name in one.xmls[start : start + BATCH]:
                    batch.add(name)
                yield from batch.events()
                done += min(BATCH, len(one.xmls) - start)
                self.source.report(done, total)
            yield from self._without_labels(one, used)
        yield FieldFound(
            LabelField(
                self.source.name,
                "box",
                tuple(sorted(self.so_far.classes)),
                self.so_far.attributes.columns,
                meta={"voc": {}},
            )
        )

    def _without_labels(self, one: VocSet, used: set[str]) -> Iterator[Event]:
        """Pictures that no XML file tells of."""
        if not one.xmls or one.xml_root.is_file():
            return
        left = [name for names in one.pictures.values() for name in names if name not in used]
        if len(one.xmls) == 1 and one.xml_root != one.root and not one.splits:
            left = [] if self.source.path.is_file() else left
        if self.source.path.is_file() or not left:
            return
        splits = [self.source.split or one.split(os.path.splitext(name)[0]) for name in left]  # noqa: PTH122
        table = pa.table(
            {
                "key": pa.array(range(self.so_far.key, self.so_far.key + len(left)), pa.int64()),
                "path": pa.array(left),
                "split": pa.array(splits, pa.string()),
            }
        )
        self.so_far.key += len(left)
        yield SampleRows(table, str(one.root))
        yield Problem(
            "warning", "pictures without an XML file; added without labels", f"{one.root}: {len(left)}, first {left[0]}"
        )


def here(path: Path) -> bool:
    """Whether the file's first kB look like a VOC annotation."""
    with path.open("rb") as file:
        head = file.read(2048)
    return _ROOT.search(head) is not None and (b"<object" in head or b"<size" in head)
