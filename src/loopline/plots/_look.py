"""How charts look, in both themes: the app's own colours, so that a class or model keeps its colour everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Theme = Literal["dark", "light"]


@dataclass(frozen=True, slots=True)
class Look:
    """ground: behind everything; grid: hairlines; text, faint: of words; series: colours of lines and bars, in order;
    ramp: of a matrix, from nothing to everything."""

    ground: str
    grid: str
    text: str
    faint: str
    series: tuple[str, ...]
    ramp: tuple[str, str]


LOOKS: Final[dict[Theme, Look]] = {
    "dark": Look(
        ground="#13151a",
        grid="#2e3036",
        text="#eef2f9",
        faint="#95989f",
        series=(
            "#609efa", "#f0da1c", "#ec5d4b", "#64f0f4", "#d99bc1", "#9ebf68",
            "#cd63c6", "#9ac8fd", "#c2e5a7", "#e38f23", "#feb2c1", "#3ace93",
        ),
        ramp=("#13151a", "#609efa"),
    ),
    "light": Look(
        ground="#ffffff",
        grid="#e0e1e3",
        text="#1a1b1c",
        faint="#626365",
        series=(
            "#2a66bd", "#b1a00e", "#ac1c10", "#0cb5b9", "#9f6589", "#68872f",
            "#92298d", "#638fc1", "#8aab70", "#9d5e00", "#c17a89", "#079163",
        ),
        ramp=("#ffffff", "#2a66bd"),
    ),
}  # fmt: skip


def cell_text(value: object) -> str:
    """A table cell in words: numbers to four digits, nothing where there is none.

    >>> cell_text(0.12343), cell_text(float("nan")), cell_text(12)
    ('0.1234', '–', '12')
    """
    if value is None or value != value:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
