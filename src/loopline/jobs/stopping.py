"""Asking long work to stop, so that it ends between two steps and says what it kept; or to wait between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from loopline.errors import Stopped


class StopSignal:
    """Set once, by another thread or by Ctrl-C; looked at between steps. Every thread may call every method."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._going = threading.Event()  # unset: the next look waits
        self._going.set()
        self._kept = "nothing was written"
        self._resume = ""

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        """Stop at the next look, also where the work waits."""
        self._event.set()
        self._going.set()

    def pause(self) -> None:
        """Wait at the next look, until `go_on` or `request`."""
        self._going.clear()
        if self._event.is_set():  # looked at last: a request may come between any two lines
            self._going.set()

    def go_on(self) -> None:
        self._going.set()

    def keep(self, kept: str, *, resume: str = "") -> None:
        """From here on: what is kept if it stops now, and how to go on later."""
        self._kept, self._resume = kept, resume

    def check(self) -> None:
        """Go on, at once or after a pause; or raise Stopped with what was kept and how to resume.

        >>> stop = StopSignal()
        >>> stop.keep("3,000 of 9,000 files are probed", resume="run the same command again")
        >>> stop.check()
        >>> stop.request()
        >>> stop.check()
        Traceback (most recent call last):
        loopline.errors.Stopped: stopped; 3,000 of 9,000 files are probed
          hint: run the same command again
        """
        self._going.wait()
        if self._event.is_set():
            raise Stopped(f"stopped; {self._kept}", hint=self._resume)


@contextmanager
def stop_on_interrupt(stop: StopSignal) -> Iterator[StopSignal]:
    """Ctrl-C asks `stop`; a second Ctrl-C interrupts at once. Outside the main thread, and in a process that was
    started to ignore it (a shell's background job), it changes nothing."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield stop
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.request()
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler
    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
