"""Work that takes long: how far it is, and stopping it. Its parallel workers are threads."""

from __future__ import annotations

from loopline.jobs.pace import Pace, clock
from loopline.jobs.progress import SILENT, Bars, Lines, Progress, Silent, stage, terminal_progress
from loopline.jobs.stopping import StopSignal, stop_on_interrupt

__all__ = [
    "SILENT",
    "Bars",
    "Lines",
    "Pace",
    "Progress",
    "Silent",
    "StopSignal",
    "clock",
    "stage",
    "stop_on_interrupt",
    "terminal_progress",
]
