"""The same charts as Matplotlib figures, for papers: savefig writes them as PDF, SVG or PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from loopline.errors import MissingDependency
from loopline.kernel.charts import Bars, Chart, Lines, Matrix, Table
from loopline.plots._look import LOOKS, Look, Theme, cell_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = ("-", "--", "-.", ":")


def matplotlib_figure(chart: Chart, *, theme: Theme = "light", width_in: float = 5.5) -> Figure:
    """The chart as a figure that no window owns. Raises MissingDependency."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency("matplotlib is not installed", hint="pip install 'loopline[plots]'") from error
    look = LOOKS[theme]
    figure = Figure(figsize=(width_in, _height_in(chart, width_in)), facecolor=look.ground, layout="constrained")
    axes = figure.add_subplot(facecolor=look.ground)
    axes.set_title(chart.title, loc="left", fontsize=10, color=look.text)
    match chart:
        case Lines():
            _draw_lines(axes, chart, look)
        case Bars():
            _draw_bars(axes, chart, look)
        case Matrix():
            _draw_matrix(axes, chart, look)
        case Table():
            _draw_table(axes, chart, look)
    return figure


def _height_in(chart: Chart, width_in: float) -> float:
    if isinstance(chart, Bars):
        return max(2.0, 1.0 + 0.16 * len(chart.names) * max(len(chart.series), 1))
    if isinstance(chart, Matrix):
        return max(0.9 * width_in, 0.14 * len(chart.rows) + 1.2)
    return 0.75 * width_in if isinstance(chart, Lines) else 0.5 + 0.25 * len(chart.rows)


def _style(axes: Axes, look: Look, *, grid: bool = True) -> None:
    axes.tick_params(colors=look.faint, labelsize=8)
    axes.xaxis.label.set_color(look.text)
    axes.yaxis.label.set_color(look.text)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(look.grid)
    if grid:
        axes.grid(visible=True, color=look.grid, linewidth=0.5)
        axes.set_axisbelow(True)


def _legend(axes: Axes, look: Look, series: int) -> None:
    if series > 1:
        axes.legend(fontsize=8, frameon=False, labelcolor=look.text)


def _draw_lines(axes: Axes, chart: Lines, look: Look) -> None:
    _style(axes, look)
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], ":", color=look.faint, linewidth=1)
    for i, one in enumerate(chart.series):
        colour = look.series[i % len(look.series)]
        marker = "o" if len(one.x) <= 30 else ""
        axes.plot(
            one.x, one.y, _DASHES[i % 4], marker=marker, markersize=3, color=colour, linewidth=1.5, label=one.name
        )
        if one.low is not None and one.high is not None:
            axes.fill_between(one.x, one.low, one.high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xlabel(chart.x_title)
    axes.set_ylabel(chart.y_title)
    if chart.x_range is not None:
        axes.set_xlim(chart.x_range)
    if chart.y_range is not None:
        axes.set_ylim(chart.y_range[0], chart.y_range[1] + 0.02 * (chart.y_range[1] - chart.y_range[0]))
    _legend(axes, look, len(chart.series))


def _draw_bars(axes: Axes, chart: Bars, look: Look) -> None:
    _style(axes, look)
    thick = 0.75 / max(len(chart.series), 1)
    for i, one in enumerate(chart.series):
        error = None
        if one.low is not None and one.high is not None:
            error = np.nan_to_num(np.stack([one.y - one.low, one.high - one.y]))
        place = np.arange(len(chart.names)) + thick * (i - (len(chart.series) - 1) / 2)
        axes.barh(
            place, np.nan_to_num(one.y), height=thick, xerr=error, label=one.name,
            color=look.series[i % len(look.series)], error_kw={"ecolor": look.faint, "elinewidth": 1},
        )  # fmt: skip
    axes.set_yticks(range(len(chart.names)), chart.names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(chart.x_title)
    if chart.x_range is not None:
        axes.set_xlim(chart.x_range)
    _legend(axes, look, len(chart.series))


def _draw_matrix(axes: Axes, chart: Matrix, look: Look) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    _style(axes, look, grid=False)
    ramp = LinearSegmentedColormap.from_list("share", list(look.ramp))
    shares = chart.shares()
    axes.imshow(shares, cmap=ramp, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(chart.columns)), chart.columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(chart.rows)), chart.rows, fontsize=8)
    axes.set_xlabel(chart.column_title)
    axes.set_ylabel(chart.row_title)
    if max(chart.counts.shape) <= 15:
        for (row, column), count in np.ndenumerate(chart.counts):
            strong = shares[row, column] > 0.5
            colour = look.ground if strong else look.text
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)


def _draw_table(axes: Axes, chart: Table, look: Look) -> None:
    axes.axis("off")
    cells = [[cell_text(cell) for cell in row] for row in chart.rows]
    if cells:
        drawn = axes.table(cellText=cells, colLabels=list(chart.columns), loc="center", cellLoc="left")
        for cell in drawn.get_celld().values():
            cell.set_facecolor(look.ground)
            cell.set_edgecolor(look.grid)
            cell.get_text().set_color(look.text)
