"""Showing how far long work is. A verb knows the `Progress` protocol; who calls it chooses how it looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from loopline.jobs.pace import Pace

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_EVERY_S: Final = 5.0


class Progress(Protocol):
    """One stage of work at a time: start, advance as often as you like, finish."""

    def start(self, name: str, *, total: int | None = None, unit: str = "") -> None:
        """A stage begins; `total` is None where nobody knows it."""

    def advance(self, count: int = 1, *, total: int | None = None) -> None:
        """`count` more units are done; `total` if it became known."""

    def finish(self) -> None:
        """The stage is over, whether all was done or not."""


@contextmanager
def stage(
    progress: Progress, name: str, *, total: int | None = None, unit: str = ""
) -> Iterator[Callable[[int, int], None]]:
    """A stage as a `report(done, total)` callback, which is what readers and `probe_many` call; total 0: not known.

    >>> with stage(SILENT, "probe", unit="files") as report:
    ...     report(10, 200)
    """
    seen = 0

    def report(done: int, of: int) -> None:
        nonlocal seen
        progress.advance(done - seen, total=of or None)
        seen = done

    progress.start(name, total=total, unit=unit)
    try:
        yield report
    finally:
        progress.finish()


class Silent:
    """Shows nothing."""

    def start(self, name: str, *, total: int | None = None, unit: str = "") -> None: ...

    def advance(self, count: int = 1, *, total: int | None = None) -> None: ...

    def finish(self) -> None: ...


SILENT: Final = Silent()


class Lines:
    """Plain lines, for a log or a pipe: one every few seconds and one at the end of a stage that took a while."""

    def __init__(
        self, out: TextIO, *, every_s: float = LINE_EVERY_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._out, self._every_s, self._now = out, every_s, now
        self._name, self._unit = "", ""
        self._total: int | None = None
        self._done, self._began, self._said = 0, 0.0, 0.0

    def start(self, name: str, *, total: int | None = None, unit: str = "") -> None:
        self._name, self._unit, self._total, self._done = name, unit, total, 0
        self._began = self._said = self._now()

    def advance(self, count: int = 1, *, total: int | None = None) -> None:
        self._done += count
        self._total = total if total is not None else self._total
        if self._now() - self._said >= self._every_s:
            self._say()

    def finish(self) -> None:
        if self._said > self._began:
            self._say()

    def _say(self) -> None:
        self._said = self._now()
        pace = Pace(self._done, self._total, self._said - self._began)
        print(pace.line(self._name, self._unit), file=self._out, flush=True)


class Bars:
    """A bar that moves, with rate and time left. Shown only while a stage runs, so that nothing is left behind."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._bars: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, name: str, *, total: int | None = None, unit: str = "") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self.finish()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(),
            console=Console(file=self._out),
            transient=True,
        )
        self._task = self._bars.add_task(name, total=total, unit=unit)
        self._bars.start()

    def advance(self, count: int = 1, *, total: int | None = None) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, advance=count, total=total)

    def finish(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars = self._task = None


def terminal_progress(out: TextIO | None = None, *, quiet: bool = False) -> Progress:
    """A bar on a terminal, plain lines elsewhere, on stderr unless told otherwise; nothing if `quiet`."""
    stream = out if out is not None else sys.stderr
    if quiet:
        return SILENT
    return Bars(stream) if stream.isatty() else Lines(stream)
