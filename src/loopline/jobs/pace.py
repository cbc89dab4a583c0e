"""How far work is, how fast, and how long it still takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`done` of `total` units after `elapsed_s` seconds; `total` is None where nobody knows it."""

    done: int
    total: int | None
    elapsed_s: float

    @property
    def rate(self) -> float | None:
        """Units a second; None before there is anything to divide.

        >>> Pace(50, 200, 10.0).rate
        5.0
        """
        return self.done / self.elapsed_s if self.done > 0 and self.elapsed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds still to go at this rate.

        >>> Pace(50, 200, 10.0).left_s
        30.0
        """
        if self.total is None or self.rate is None:
            return None
        return max(0, self.total - self.done) / self.rate

    def line(self, name: str, unit: str) -> str:
        """One line for a log.

        >>> Pace(50, 200, 10.0).line("probe", "files")
        'probe: 50 of 200 files, 5/s, 0:30 left'
        >>> Pace(7, None, 0.0).line("probe", "files")
        'probe: 7 files'
        """
        of = f" of {self.total:,}" if self.total is not None else ""
        parts = [f"{self.done:,}{of}{' ' + unit if unit else ''}"]
        if self.rate is not None:
            parts.append(f"{self.rate:,.0f}/s" if self.rate >= 1 else f"{1 / self.rate:,.0f} s each")
        if self.left_s is not None:
            parts.append(f"{clock(self.left_s)} left")
        return f"{name}: " + ", ".join(parts)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any.

    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
