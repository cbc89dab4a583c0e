"""What every request handler is given: the data sets, and what the app keeps beside them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Annotated, Final, TypeAlias

from litestar.di import NamedDependency
from litestar.params import PathParameter, SkipValidation

from loopline.errors import LooplineError
from loopline.server.jobs import Events, Jobs
from loopline.server.library import Library, Shown
from loopline.server.pictures import Pictures

LOOK_EVERY_S: Final = 0.5


class Shelf:
    """The app's own state. Shared by threads; closed with the app."""

    def __init__(self, library: Library, workers: ThreadPoolExecutor) -> None:
        self.library = library
        self.workers = workers
        self.events = Events()
        self.jobs = Jobs(self.events)
        self.closed = False
        self._pictures: dict[str, tuple[Shown, Pictures]] = {}
        self._snapshots: dict[str, int] = {}
        self._looked = 0.0
        self._lock = threading.Lock()
        self._looking = threading.Lock()

    def shown(self, name: str) -> Shown:
        """The data set of a name in a URL. Raises DatasetNotFound."""
        return self.library.get(name)

    def pictures(self, name: str) -> Pictures:
        """Its media. Raises DatasetNotFound."""
        shown = self.shown(name)
        with self._lock:
            known = self._pictures.get(name)
            if known is None or known[0] is not shown:
                known = self._pictures[name] = (shown, Pictures(shown, self.workers))
            return known[1]

    def look_for_changes(self) -> None:
        """An event for each open data set that has a new snapshot since the last look, whoever wrote it: a tab that was
        hidden meanwhile asks for what it missed. Looks twice a second at most."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            if time.monotonic() - self._looked < LOOK_EVERY_S:
                return
            self._looked = time.monotonic()
            for shown in self.library.shown().values():
                with suppress(LooplineError, OSError):
                    self._look_at(shown)
        finally:
            self._looking.release()

    def _look_at(self, shown: Shown) -> None:
        if shown.lake.closed:
            return
        now = shown.lake.snapshot()
        before = self._snapshots.get(shown.name)
        self._snapshots[shown.name] = now
        if before is None or before == now:
            return
        last = shown.dataset.log(1)[0]
        body = {
            "dataset": shown.name,
            "snapshot": now,
            "verb": last.verb,
            "message": last.message,
            "author": last.author,
        }
        self.events.publish("snapshot", body)

    def close(self) -> None:
        self.closed = True
        self.jobs.stop_all()
        self.workers.shutdown(wait=False, cancel_futures=True)
        for _, pictures in self._pictures.values():
            pictures.close()


Given: TypeAlias = NamedDependency[SkipValidation[Shelf]]

DatasetName: TypeAlias = Annotated[str, PathParameter(max_length=200, description="name of a data set")]
