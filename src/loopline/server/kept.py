"""Things that took a while to make, kept by key until memory is short."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Protocol, TypeVar, cast

MAX_BYTES: Final = 768 * 1024 * 1024


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


class Kept:
    """Least recently used first out, by bytes. Shared by threads: of several that want one key, one makes it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, Sized] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, from `make` where it is not there. An error of `make` is passed on, not kept."""
        found = self._find(key)
        if found is None:
            with self._lock:
                own = self._making.setdefault(key, threading.Lock())
            with own:
                found = self._find(key)
                try:
                    if found is None:
                        found = make()
                        self._put(key, found)
                finally:
                    with self._lock:
                        self._making.pop(key, None)
        return cast("T", found)

    def peek(self, key: Hashable) -> Sized | None:
        """The value of `key`, if it is there."""
        return self._find(key)

    def _find(self, key: Hashable) -> Sized | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def _put(self, key: Hashable, value: Sized) -> None:
        with self._lock:
            self._entries[key] = value
            self._bytes += value.nbytes
            while self._bytes > self._max_bytes and len(self._entries) > 1:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone.nbytes

    @property
    def nbytes(self) -> int:
        return self._bytes


class KeptApart(Kept):
    """A part of what another keeps, under keys of its own: two data sets have tables of the same number and state."""

    def __init__(self, shared: Kept) -> None:
        super().__init__(0)
        self._shared = shared
        self._whose = object()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        return self._shared.get((self._whose, key), make)

    def peek(self, key: Hashable) -> Sized | None:
        return self._shared.peek((self._whose, key))
