"""Charts as Plotly figures: hover shows each point, a click on a legend entry hides it."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np

from loopline.errors import MissingDependency
from loopline.kernel.charts import Bars, Chart, FloatArray, Lines, Matrix, Series, Table
from loopline.plots._look import LOOKS, Look, Theme, cell_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "Inter, system-ui, sans-serif"
_ROW_PX = 22


def plotly_figure(chart: Chart, *, theme: Theme = "light", titled: bool = True) -> go.Figure:
    """The chart as a figure; titled=False: without its title, which is written elsewhere. Raises MissingDependency."""
    go = require_plotly()
    look = LOOKS[theme]
    figure = go.Figure(layout=_layout(chart, look))
    match chart:
        case Lines():
            _draw_lines(figure, chart, look)
        case Bars():
            _draw_bars(figure, chart, look)
        case Matrix():
            _draw_matrix(figure, chart, look)
        case Table():
            _draw_table(figure, chart, look)
    if not titled:
        figure.update_layout(title=None, margin={"t": 36 if len(getattr(chart, "series", ())) > 1 else 12})
    return figure


def require_plotly() -> ModuleType:
    """plotly.graph_objects. Raises MissingDependency."""
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingDependency("plotly is not installed", hint="pip install 'loopline[plots]'") from error
    return cast("ModuleType", go)


def _layout(chart: Chart, look: Look) -> dict[str, object]:
    axis = {
        "gridcolor": look.grid,
        "zerolinecolor": look.grid,
        "linecolor": look.grid,
        "tickfont": {"color": look.faint},
    }
    return {
        "title": {
            "text": chart.title,
            "font": {"size": 15, "color": look.text},
            "x": 0.01,
            "y": 0.97,
            "yanchor": "top",
        },
        "height": 360,
        "font": {"family": FONT, "size": 12, "color": look.text},
        "paper_bgcolor": look.ground,
        "plot_bgcolor": look.ground,
        "colorway": look.series,
        "margin": {"l": 48, "r": 16, "t": 72, "b": 44},
        "legend": {"font": {"color": look.text}, "orientation": "h", "y": 1.0, "yanchor": "bottom"},
        "showlegend": len(getattr(chart, "series", ())) > 1,
        "xaxis": axis,
        "yaxis": axis,
        "hoverlabel": {"font": {"family": FONT}},
    }


def _draw_lines(figure: go.Figure, chart: Lines, look: Look) -> None:
    if chart.diagonal:
        figure.add_scatter(
            x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": look.faint, "width": 1},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    for i, one in enumerate(chart.series):
        colour = look.series[i % len(look.series)]
        if one.low is not None and one.high is not None:
            figure.add_scatter(
                x=np.concatenate([one.x, one.x[::-1]]), y=np.concatenate([one.high, one.low[::-1]]), fill="toself",
                fillcolor=f"{colour}33", line={"width": 0}, hoverinfo="skip", showlegend=False,
            )  # fmt: skip
        figure.add_scatter(
            x=one.x, y=one.y, name=one.name, text=one.notes or None,
            mode="lines+markers" if len(one.x) <= 30 else "lines",
            # A second line style, so that colour is never the only sign.
            line={"color": colour, "width": 2, "dash": "solid" if i % 2 == 0 else "dash"},
            hovertemplate=f"{chart.x_title} %{{x:.3f}}<br>{chart.y_title} %{{y:.3f}}<br>%{{text}}<extra>{one.name}</extra>"
            if one.notes
            else None,
        )  # fmt: skip
    figure.update_xaxes(title=chart.x_title, range=_padded(chart.x_range))
    figure.update_yaxes(title=chart.y_title, range=_padded(chart.y_range))


def _draw_bars(figure: go.Figure, chart: Bars, look: Look) -> None:
    for i, one in enumerate(chart.series):
        figure.add_bar(
            y=list(chart.names), x=one.y, name=one.name, orientation="h",
            marker={"color": look.series[i % len(look.series)]}, error_x=_error_bars(one, look),
            hovertemplate="%{y}: %{x:.4f}<extra>" + one.name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title=chart.x_title, range=chart.x_range)
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    rows = len(chart.names) * max(len(chart.series), 1)
    figure.update_layout(height=max(240, 120 + _ROW_PX * rows), barmode="group", bargap=0.25)


def _error_bars(one: Series, look: Look) -> dict[str, object] | None:
    if one.low is None or one.high is None:
        return None
    return {"array": one.high - one.y, "arrayminus": one.y - one.low, "color": look.faint, "thickness": 1.5}


def _draw_matrix(figure: go.Figure, chart: Matrix, look: Look) -> None:
    shares: FloatArray = chart.shares()
    few = max(chart.counts.shape) <= 15
    figure.add_heatmap(
        z=shares, x=list(chart.columns), y=list(chart.rows), customdata=chart.counts, zmin=0, zmax=1,
        text=chart.counts if few else None, texttemplate="%{text}" if few else None,
        colorscale=[[0, look.ramp[0]], [1, look.ramp[1]]], xgap=1, ygap=1, showscale=False,
        hovertemplate=f"{chart.row_title} %{{y}}<br>{chart.column_title} %{{x}}<br>%{{customdata}} (%{{z:.1%}} of the row)"
        "<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title=chart.column_title, side="bottom", type="category", showgrid=False, automargin=True)
    figure.update_yaxes(title=chart.row_title, autorange="reversed", type="category", showgrid=False, automargin=True)
    figure.update_layout(height=max(320, 160 + _ROW_PX * len(chart.rows)))


def _draw_table(figure: go.Figure, chart: Table, look: Look) -> None:
    cells = [[cell_text(row[i]) for row in chart.rows] for i in range(len(chart.columns))]
    figure.add_table(
        header={
            "values": list(chart.columns),
            "fill": {"color": look.grid},
            "font": {"color": look.text},
            "align": "left",
        },
        cells={"values": cells, "fill": {"color": look.ground}, "font": {"color": look.text}, "align": "left"},
    )


def _padded(span: tuple[float, float] | None) -> tuple[float, float] | None:
    """A little room, so that a line along the border is seen."""
    return None if span is None else (span[0] - 0.01 * (span[1] - span[0]), span[1] + 0.02 * (span[1] - span[0]))
