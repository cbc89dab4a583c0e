"""Pictures that are poor by themselves: dark, blurred, empty, of an odd size."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from loopline.curate.quality import odd
from loopline.front.finding._pictures import HASH, measure_pictures
from loopline.front.finding._searched import Searched
from loopline.front.finding.result import Found, measured
from loopline.jobs import SILENT, Progress, StopSignal
from loopline.query.view import View

_LONG: Final = float(np.log(4))  # a picture this much wider than tall is odd where few are so
_PLAIN: Final = 0.01  # contrast below which a picture is of one colour

_ODD: Final = (
    ("dark", "dark", "low", "nearly black all over"),
    ("bright", "bright", "high", "nearly white all over"),
    ("low contrast", "contrast", "low", "washed out"),
    ("blurred", "sharpness", "low", "no fine detail"),
    ("little information", "entropy", "low", "few grey levels"),
)
_POOR: Final = {
    "dark": (0.25, 0.06),
    "bright": (0.75, 0.94),
    "contrast": (0.08, 0.01),
    "sharpness": (0.02, 0.0005),
    "entropy": (4.0, 1.0),
}
"""Poor enough to be an issue where the picture stands apart from its set; and poor enough whatever its set looks like."""


def quality(
    here: Searched,
    *,
    where: View | None = None,
    again: bool = False,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Found:
    """Look at every picture once: brightness, contrast, sharpness, entropy, and a hash of its looks, as columns.

    The table names each issue with the condition that finds its pictures, how many there are, and what it means. A
    picture has an issue where it stands apart from the others of the set and is poor by itself as well. Pictures
    that were measured before are not decoded again, unless `again`.
    """
    with measured() as cost:
        problems = measure_pictures(here.lake, where or here.view, again=again, progress=progress, stop=stop)
        rows = [_issue(where or here.view, *issue) for issue in _ODD]
        rows += _odd_shapes(where or here.view)
        table = pa.table(
            {
                "issue": pa.array([row[0] for row in rows], pa.string()),
                "where": pa.array([row[1] for row in rows], pa.string()),
                "samples": pa.array([row[2] for row in rows], pa.int64()),
                "means": pa.array([row[3] for row in rows], pa.string()),
            }
        )
        conditions = [row[1] for row in rows if row[2]]
    view = (where or here.view).where(" or ".join(f"({c})" for c in conditions)) if conditions else None
    names = ("brightness", "dark", "bright", "contrast", "sharpness", "entropy", HASH)
    return Found("picture quality", table, view, names, cost, tuple(problems))


def _issue(view: View, name: str, column: str, side: str, means: str) -> tuple[str, str, int, str]:
    values = view.values(column).to_numpy(zero_copy_only=False).astype(float)
    low = side == "low"
    poor, unusable = _POOR[column]
    # Sharpness spreads over powers of ten: only as such do the blurred ones stand apart.
    scale = np.log(np.maximum(values, 1e-9)) if column == "sharpness" else values
    bad = odd(scale, low=low, high=not low) & ((values < poor) if low else (values > poor))
    bad |= (values < unusable) if low else (values > unusable)
    extra = ""
    if column == "sharpness":  # a picture of one colour has no detail, but nothing in it is blurred
        contrast = view.values("contrast").to_numpy(zero_copy_only=False).astype(float)
        bad &= contrast >= _PLAIN
        extra = f" and contrast >= {_PLAIN!r}"
    edge = unusable if not bad.any() else values[bad].max() if low else values[bad].min()
    condition = f"{column} {'<=' if low else '>='} {float(edge)!r}{extra}"
    return name, condition, int(bad.sum()), means


def _odd_shapes(view: View) -> list[tuple[str, str, int, str]]:
    """Pictures of a size or shape that hardly any other has."""
    sizes = view.to_arrow(["width", "height"])
    wide, high = (sizes[n].to_numpy(zero_copy_only=False).astype(float) for n in ("width", "height"))
    out = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, values, text, means in (
            ("odd shape", np.log(wide / high), "width / height", "much wider or taller than the others"),
            ("odd size", np.log(wide * high) / 2, "width * height", "far fewer or more pixels than the others"),
        ):
            apart = odd(values, spread=6.0)
            if name == "odd shape":
                apart |= odd(values) & (np.abs(values) > _LONG)
            power = 1 if text == "width / height" else 2
            known = np.exp(values[~apart & np.isfinite(values)] * power)
            if not apart.any() or not len(known):
                continue
            low, high_ = float(known.min()), float(known.max())
            # A little room, as the engine divides by itself.
            condition = f"{text} < {low * (1 - 1e-9)!r} or {text} > {high_ * (1 + 1e-9)!r}"
            out.append((name, condition, view.where(condition).count(), means))
    return out
