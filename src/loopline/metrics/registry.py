"""Every known metric by name: those in this folder, those of plug-ins, and those registered in this process.

A plug-in names its metrics in its package metadata, under the entry point group `loopline.metrics`:

    [project.entry-points."loopline.metrics"]
    mine = "my_package.mine:METRIC"

The value is one `Metric` or a tuple of them. A file in this folder without a leading underscore is such an entry point
by itself, if it has `METRIC` or `METRICS`.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Final

from loopline.errors import BadValue, UnknownField, near
from loopline.kernel import plugins
from loopline.metrics.metric import AnyMetric

_HERE: Final = "loopline.metrics"
_NOT_METRICS: Final = frozenset({"registry", "metric"})
_OWN: dict[str, AnyMetric] = {}  # the one thing here that changes: what this process has registered


@cache
def _installed() -> dict[str, AnyMetric]:
    return plugins.load(plugins.entry_points(_HERE, without=_NOT_METRICS), "metric", _of_file, BadValue)


def _of_file(module: ModuleType) -> tuple[AnyMetric, ...]:
    one: AnyMetric | None = getattr(module, "METRIC", None)
    several: tuple[AnyMetric, ...] = getattr(module, "METRICS", () if one is None else (one,))
    return several


def all_metrics() -> dict[str, AnyMetric]:
    """Every metric by name; what this process registered comes last."""
    return {**_installed(), **_OWN}


def names() -> list[str]:
    return sorted(all_metrics())


def get(name: str) -> AnyMetric:
    """The metric of that name. Raises UnknownField with near names."""
    found = all_metrics().get(name)
    if found is None:
        raise UnknownField(f'no metric "{name}"', hint=near(name, all_metrics()))
    return found


def register(metric: AnyMetric, *, replace: bool = False) -> AnyMetric:
    """Make a metric known by its name in this process, and return it.

    `replace` allows a name that this process registered before (a notebook cell runs twice).
    Raises BadValue where the name is taken.
    """
    if metric.name in _installed() or (metric.name in _OWN and not replace):
        raise BadValue(f'there is a metric "{metric.name}" already', hint="choose another name, or replace=True")
    _OWN[metric.name] = metric
    return metric


def unregister(name: str) -> None:
    """Forget a metric that this process registered. Raises UnknownField where it did not."""
    if _OWN.pop(name, None) is None:
        raise UnknownField(f'this process registered no metric "{name}"', hint=near(name, _OWN))
