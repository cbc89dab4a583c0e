"""What an export sees in place of the view: samples with other splits, or with remote pictures brought to this disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from loopline.front.looking import Remote
from loopline.front.passing import new_place, passing
from loopline.jobs import Progress, StopSignal, stage
from loopline.kernel.exchange import Exportable, Page, quiet
from loopline.kernel.schema import DatasetSchema
from loopline.media.references import is_url, relative_path

_TRANSFERS: Final = 8  # at once
_AT_ONCE: Final = 256  # pictures between two looks at the stop signal


@dataclass(frozen=True, slots=True)
class Changed:
    """Implements `Exportable` over another one, its tables of samples passed through a function."""

    what: Exportable
    change: Callable[[pa.Table], pa.Table]

    @property
    def schema(self) -> DatasetSchema:
        return self.what.schema

    def count(self) -> int:
        return self.what.count()

    def samples(self) -> Iterator[pa.Table]:
        return map(self.change, self.what.samples())

    def labels(self, field: str) -> Iterator[pa.Table]:
        return self.what.labels(field)

    def pages(self) -> Iterator[Page]:
        return (replace(page, samples=self.change(page.samples)) for page in self.what.pages())


def with_splits(what: Exportable, drawn: Mapping[int, str]) -> Exportable:
    """The view as if its samples were in these splits, by sample id."""

    def change(samples: pa.Table) -> pa.Table:
        found = pa.array([drawn.get(one) for one in samples["id"].to_pylist()], pa.string())
        return samples.set_column(samples.column_names.index("split"), "split", found)

    return Changed(what, change)


@contextmanager
def brought(what: Exportable, cache: Path, progress: Progress, stop: StopSignal) -> Iterator[Exportable]:
    """The view with remote pictures as files on this disk while the block runs; they are fetched as a writer comes to
    them. One that does not come keeps its URL, and the writer counts it.

    cache   the data set's: what is kept there is not fetched again, and what is fetched is kept
    """
    own = new_place(cache)
    with ExitStack() as opened:

        def start() -> None:
            opened.enter_context(passing(own))
            bring.report = opened.enter_context(stage(progress, "fetch pictures", unit="files"))

        bring = _Bring(own, start, Remote(cache, lambda _: True), stop)
        yield Changed(what, bring.here)


@dataclass(slots=True)
class _Bring:
    folder: Path
    start: Callable[[], None]  # makes it
    remote: Remote
    stop: StopSignal
    report: Callable[[int, int], None] = quiet
    stands: dict[str, str] = field(default_factory=dict)  # URL → the folder that stands for it
    done: dict[tuple[str, str], str | None] = field(default_factory=dict)  # root and path → the root it has now

    def here(self, samples: pa.Table) -> pa.Table:
        names = samples["root"].unique().to_pylist()
        if not any(root is not None and is_url(root) for root in names):
            return samples
        pairs = list(zip(samples["root"].to_pylist(), samples["path"].to_pylist(), strict=True))
        wanted = [p for p in dict.fromkeys(pairs) if p[0] is not None and is_url(p[0]) and p not in self.done]
        if wanted and not self.stands:
            self.start()
        for root, _ in wanted:
            self.stands.setdefault(root, str(self.folder / str(len(self.stands))))
        with ThreadPoolExecutor(_TRANSFERS, thread_name_prefix="fetch") as pool:
            for start in range(0, len(wanted), _AT_ONCE):
                self.stop.check()
                some = wanted[start : start + _AT_ONCE]
                self.done |= zip(some, pool.map(self._one, some), strict=True)
                self.report(len(self.done), 0)
        roots = pa.array([self.done.get(pair) or pair[0] for pair in pairs], pa.string())
        return samples.set_column(samples.column_names.index("root"), "root", roots)

    def _one(self, pair: tuple[str, str]) -> str | None:
        root, path = pair
        file, _ = self.remote.fetched(root, path)
        if file is None:
            return None
        stand = self.stands[root]
        target = Path(stand, relative_path(path))  # which `fetched` has checked
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(file)  # a second name: what the cache drops to make room stays for the export
        except OSError:
            shutil.copyfile(file, target)
        return stand
