"""The loop on real pictures, told in steps. It says what happened as values; who calls it shows them."""

from __future__ import annotations

from loopline.demo.photographs import HOW_TO_GET, Photograph, drawn, find
from loopline.demo.story import Step, tell

__all__ = ["HOW_TO_GET", "Photograph", "Step", "drawn", "find", "tell"]
