"""One self-contained HTML page of charts: opens without a network, follows the reader's light or dark theme, prints."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

from loopline.kernel.charts import Chart, Table
from loopline.plots._look import LOOKS, Look, Theme, cell_text
from loopline.plots.plotly import plotly_figure, require_plotly


def html_page(title: str, *, facts: Mapping[str, object], charts: Sequence[Chart]) -> str:
    """The page as text, about 5 MB: it carries the code that draws its charts. Raises MissingDependency without Plotly.

    facts  what is to be known about the numbers, such as the data's version: name and value, under the title
    """
    require_plotly()
    from plotly.offline import get_plotlyjs

    figures = {}
    parts = []
    for place, chart in enumerate(charts):
        if isinstance(chart, Table):
            parts.append(_table(chart))
            continue
        name = f"chart{place}"
        themes: tuple[Theme, ...] = ("light", "dark")
        figures[name] = {
            theme: json.loads(plotly_figure(chart, theme=theme, titled=False).to_json()) for theme in themes
        }
        title_of = html.escape(chart.title)
        parts.append(f'<figure><h2>{title_of}</h2><div id="{name}" role="img" aria-label="{title_of}"></div></figure>')
    known = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts.items())
    # "</" could end the script early, wherever a name holds it.
    drawn = json.dumps(figures).replace("</", "<\\/")
    return _PAGE.format(
        title=html.escape(title),
        light=_variables(LOOKS["light"]),
        dark=_variables(LOOKS["dark"]),
        facts=known,
        body="\n".join(parts),
        plotly=get_plotlyjs(),
        figures=drawn,
    )


def _table(chart: Table) -> str:
    numeric = [any(isinstance(row[i], int | float) for row in chart.rows) for i in range(len(chart.columns))]
    head = "".join(
        f'<th scope="col"{" class=n" if number else ""}>{html.escape(name)}</th>'
        for name, number in zip(chart.columns, numeric, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if isinstance(cell, int | float) else ''}>{html.escape(cell_text(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in chart.rows
    )
    return f"<section><h2>{html.escape(chart.title)}</h2><div class=wide><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"


def _variables(look: Look) -> str:
    return (
        f"--ground:{look.ground};--line:{look.grid};--text:{look.text};--faint:{look.faint};--accent:{look.series[0]}"
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ {light}; color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
body {{ margin: 0 auto; max-width: 1240px; padding: 24px; background: var(--ground); color: var(--text);
  font: 13px/1.5 Inter, system-ui, sans-serif; font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 20px; font-weight: 600; margin: 0 0 8px; }}
h2 {{ font-size: 15px; font-weight: 600; margin: 24px 0 8px; }}
dl {{ display: flex; flex-wrap: wrap; gap: 4px 24px; margin: 0 0 16px; }}
dl > * {{ margin: 0; }} dt {{ color: var(--faint); }} dt + dd {{ margin-left: -16px; }}
main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 16px 24px; }}
section {{ grid-column: 1 / -1; }}
figure {{ margin: 0; min-width: 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: 4px 0 4px 12px; border-bottom: 1px solid var(--line); vertical-align: top; }}
th {{ color: var(--faint); font-weight: 500; }} td.n, th.n {{ text-align: right; white-space: nowrap; }}
th:first-child, td:first-child {{ padding-left: 0; }} td:not(.n) {{ min-width: 12em; }}
</style>
</head>
<body>
<h1>{title}</h1>
<dl>{facts}</dl>
<main>
{body}
</main>
<script>{plotly}</script>
<script>
const figures = {figures};
const dark = matchMedia("(prefers-color-scheme: dark)");
function draw() {{
  for (const [name, themes] of Object.entries(figures)) {{
    const {{ data, layout }} = themes[dark.matches ? "dark" : "light"];
    Plotly.react(name, data, layout, {{ responsive: true, displaylogo: false, displayModeBar: false }});
  }}
}}
dark.addEventListener("change", draw);
draw();
</script>
</body>
</html>
"""
