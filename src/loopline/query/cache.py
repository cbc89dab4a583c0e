"""The ordered ids of views that were asked before, so that a deep page needs no sort.

A view at a snapshot always has the same ids, so an entry never gets old; the least used go when memory is short.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.query.engine import Engine

IdArray: TypeAlias = npt.NDArray[np.int64]

MAX_BYTES: Final = 256 * 1024 * 1024


class IdCache:
    """Least recently used first out, by bytes. Shared by threads.

    The engine is part of the key by identity, not by name: another data set of the same name is another data set.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, IdArray] = OrderedDict()

    def get(self, engine: Engine, key: Hashable) -> IdArray | None:
        with self._lock:
            found = self._entries.get((weakref.ref(engine), key))
            if found is not None:
                self._entries.move_to_end((weakref.ref(engine), key))
            return found

    def get_or_make(self, engine: Engine, key: Hashable, make: Callable[[], IdArray]) -> IdArray:
        """The array of `key`, read-only; made outside of the lock, so two threads may both make it."""
        found = self.get(engine, key)
        if found is None:
            found = make()
            found.flags.writeable = False
            self._put((weakref.ref(engine), key), found)
        return found

    def _put(self, key: Hashable, ids: IdArray) -> None:
        if ids.nbytes > self._max_bytes:
            return
        with self._lock:
            if key not in self._entries:
                self._entries[key] = ids
                self._bytes += ids.nbytes
            while self._bytes > self._max_bytes:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone.nbytes

    @property
    def nbytes(self) -> int:
        return self._bytes


IDS: Final = IdCache()
