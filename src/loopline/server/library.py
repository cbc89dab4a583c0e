"""The data sets that the app shows: those under the home folder, and those that it was started with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from loopline.errors import DatasetNotFound, near
from loopline.front.dataset import Dataset, Info
from loopline.front.opening import list_datasets, open_dataset
from loopline.query.view import View
from loopline.server.kept import Kept, KeptApart
from loopline.server.ready import Ready
from loopline.server.resident import Resident
from loopline.server.views import Asked, ask, snapshot_of
from loopline.server.wire import ViewSpec
from loopline.server.words import WordSearch
from loopline.store.lake import Lake
from loopline.store.location import Location, locate


@dataclass(frozen=True, slots=True)
class Shown:
    """One open data set, and what is held in memory of it."""

    name: str
    dataset: Dataset
    resident: Resident
    ready: Ready
    words: WordSearch
    infos: dict[int, Info] = field(default_factory=dict, repr=False, compare=False)
    counting: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def info(self, snapshot: int | None = None) -> Info:
        """Counts of a snapshot; None: the newest. Counted once: at ten million objects it takes a second.

        Its names of versions are those of the moment of counting, for a version can be named later.
        """
        at = self.at(snapshot)
        with self.counting:  # one counts for all who ask at the same time
            found = self.infos.get(at)
            if found is None:
                found = (self.dataset if snapshot is None else self.dataset.at(snapshot)).info()
                # A few are enough: those before and after an edit, and one that is compared with.
                for old in sorted(self.infos)[:-7]:
                    self.infos.pop(old, None)
                self.infos[found.snapshot] = found
            return found

    @property
    def lake(self) -> Lake:
        return self.dataset.lake

    def at(self, snapshot: int | None) -> int:
        """A snapshot that is kept; None: the newest. Raises UnknownVersion."""
        return snapshot_of(self.lake, snapshot)

    def view(self, at: int) -> View:
        return View(self.lake, (), at)

    def ask(self, spec: ViewSpec) -> Asked:
        return ask(self.resident, spec, self.words)


class Library:
    """Data sets by name. A name from a request is looked up, never used as a path. Shared by threads."""

    def __init__(self, given: Sequence[Dataset] = (), *, home: bool = True) -> None:
        self._given = {ds.name: ds for ds in given}
        self._home = home
        self._kept = Kept()
        self._shown: dict[str, Shown] = {}
        self._lock = threading.Lock()

    def add(self, dataset: Dataset) -> None:
        """Show this one, too, in place of one under the home folder that has its name."""
        with self._lock:
            self._given[dataset.name] = dataset

    def given(self) -> list[str]:
        """Names of those that it was started with."""
        return list(self._given)

    def names(self) -> list[str]:
        found = list_datasets() if self._home else []
        return [*self._given, *(name for name in found if name not in self._given)]

    def location(self, name: str) -> Location:
        """Where the data set of a name from `names` lies."""
        given = self._given.get(name)
        return locate(name) if given is None else given.lake.location

    def shown(self) -> dict[str, Shown]:
        """Those that have been asked for, by name."""
        with self._lock:
            return dict(self._shown)

    def get(self, name: str) -> Shown:
        """Raises DatasetNotFound."""
        with self._lock:
            known = self._shown.get(name)
            given = self._given.get(name)
            if known is not None and given is not None and known.lake is given.lake and not given.lake.closed:
                return known
            names = self.names()
            if name not in names:
                self._shown.pop(name, None)
                raise DatasetNotFound(f'no data set "{name}"', hint=near(name, names))
            dataset = open_dataset(name) if given is None else given  # an empty one is false
            if known is None or known.lake is not dataset.lake:
                kept = KeptApart(self._kept)
                resident = Resident(dataset.lake, kept)
                known = self._shown[name] = Shown(name, dataset, resident, Ready(resident, kept), WordSearch(dataset))
            return known
