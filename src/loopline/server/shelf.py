"""What every request handler is given: the data sets, and what the app keeps beside them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeAlias

from litestar.params import Dependency

from loopline.server.library import Library, Shown
from loopline.server.pictures import Pictures


class Shelf:
    """The app's own state. Shared by threads; closed with the app."""

    def __init__(self, library: Library, workers: ThreadPoolExecutor) -> None:
        self.library = library
        self.workers = workers
        self._pictures: dict[str, tuple[Shown, Pictures]] = {}
        self._lock = threading.Lock()

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

    def close(self) -> None:
        self.workers.shutdown(wait=False, cancel_futures=True)
        for _, pictures in self._pictures.values():
            pictures.close()


Given: TypeAlias = Annotated[Shelf, Dependency(skip_validation=True)]
