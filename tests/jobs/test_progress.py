from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopline.errors import Stopped
from loopline.jobs import SILENT, Bars, Lines, Pace, StopSignal, clock, stage, stop_on_interrupt, terminal_progress


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_lines_appear_every_few_seconds_and_at_the_end() -> None:
    out, now = io.StringIO(), Clock()
    with stage(Lines(out, every_s=5, now=now), "probe", total=100, unit="files") as report:
        for done in (10, 20, 30, 40):
            now.time += 2
            report(done, 100)
        now.time += 2
    assert out.getvalue().splitlines() == [
        "probe: 30 of 100 files, 5/s, 0:14 left",
        "probe: 40 of 100 files, 4/s, 0:15 left",
    ]


def test_a_short_stage_says_nothing_in_a_log() -> None:
    out = io.StringIO()
    with stage(Lines(out), "probe") as report:
        report(5, 0)
    assert out.getvalue() == ""


def test_a_stage_is_finished_when_its_work_fails() -> None:
    class Finishing(Lines):
        finished = False

        def finish(self) -> None:
            self.finished = True

    progress = Finishing(io.StringIO())
    with contextlib.suppress(ValueError), stage(progress, "probe"):
        raise ValueError
    assert progress.finished


def test_a_bar_draws_the_count_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    progress = terminal_progress(out)
    assert isinstance(progress, Bars)
    with stage(progress, "probe", unit="files") as report:
        report(3, 12)
    assert "3/12" in out.getvalue()
    assert "files" in out.getvalue()


def test_a_pipe_gets_lines_and_quiet_gets_nothing() -> None:
    assert isinstance(terminal_progress(io.StringIO()), Lines)
    assert terminal_progress(io.StringIO(), quiet=True) is SILENT


@given(st.integers(0, 10**9), st.one_of(st.none(), st.integers(0, 10**9)), st.floats(0, 1e6))
def test_a_pace_can_always_be_told(done: int, total: int | None, elapsed_s: float) -> None:
    pace = Pace(done, total, elapsed_s)
    assert pace.line("work", "rows").startswith("work: ")
    assert pace.left_s is None or pace.left_s >= 0


@given(st.integers(0, 10**6))
def test_a_clock_reads_back(seconds: int) -> None:
    value = 0
    for part in clock(seconds).split(":"):
        value = value * 60 + int(part)
    assert value == seconds


def test_a_stop_says_what_was_kept_and_how_to_go_on() -> None:
    stop = StopSignal()
    stop.check()
    stop.keep("40 of 90 files are probed", resume="run the same command again")
    stop.request()
    with pytest.raises(Stopped, match=r"(?s)40 of 90 files.*hint: run the same command again"):
        stop.check()


@pytest.fixture
def heeded_ctrl_c() -> Iterator[None]:
    """A run in the background ignores Ctrl-C from the start; here it is heeded."""
    given = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, given)


@pytest.mark.usefixtures("heeded_ctrl_c")
def test_a_stop_that_comes_while_a_pause_is_asked_for_does_not_wait() -> None:
    stop = StopSignal()

    class Interrupted(threading.Event):
        def clear(self) -> None:
            stop.request()  # as Ctrl-C, or another thread, may
            super().clear()

    stop._going = Interrupted()
    stop.pause()
    assert stop._going.is_set()
    with pytest.raises(Stopped):
        stop.check()


def test_ctrl_c_asks_first_and_interrupts_when_pressed_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt(StopSignal()) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_interrupt(StopSignal()) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.requested
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_ctrl_c_is_left_alone() -> None:
    seen: list[bool] = []

    def work() -> None:
        with stop_on_interrupt(StopSignal()) as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
