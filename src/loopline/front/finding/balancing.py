"""How often each value is there, and how to draw samples so that rare ones count."""

from __future__ import annotations

import pyarrow as pa

from loopline.curate import balance as curated
from loopline.front.finding._searched import Searched, write_column
from loopline.front.finding._vectors import Ids
from loopline.front.finding.result import Found, measured
from loopline.kernel.schema import Column
from loopline.query.view import View


def balance(here: Searched, of: str, *, where: View | None = None) -> Found:
    """How often each value is there: `<field>.label`, `<field>.<attribute>`, or a sample column.

    Table: value · objects · samples · share. The title says how lopsided it is.
    """
    with measured() as cost:
        sample, value = _values(where or here.view, of)
        counted = curated.balance(sample, value)
        total = max(int(counted.objects.sum()), 1)
        table = pa.table(
            {
                "value": pa.array(counted.values, pa.string()),
                "objects": counted.objects,
                "samples": counted.samples,
                "share": counted.objects / total,
            }
        )
    title = f"balance of {of}: the commonest is {counted.imbalance:.3g} × the rarest, evenness {counted.evenness:.2f}"
    return Found(title, table, where or here.view, (), cost)


def rebalance(
    here: Searched,
    of: str,
    *,
    where: View | None = None,
    threshold: float | None = None,
    most: float = 10.0,
    into: str = "repeat",
) -> Found:
    """How often each sample should be drawn so that rare values are seen more, in a column; and what drawing alone
    cannot mend: how many objects to collect. See `curate.balance.rebalancing_plan`.

    Table: value · objects · as_drawn · collect.
    """
    view = where or here.view
    with measured() as cost:
        sample, value = _values(view, of)
        plan = curated.rebalancing_plan(sample, value, samples=view.ids(), threshold=threshold, most=most)
        write_column(
            here, Column(into, "float", guidance=f"how often to draw it, for {of}"), plan.sample, pa.array(plan.repeat)
        )
        table = pa.table(
            {
                "value": pa.array(plan.classes, pa.string()),
                "objects": plan.before,
                "as_drawn": plan.after,
                "collect": plan.missing,
            }
        )
    return Found(f"rebalancing plan for {of}", table, view.sort(f"-{into}"), (into,), cost)


def _values(view: View, of: str) -> tuple[Ids, pa.Array]:
    field, _, name = of.partition(".")
    known = {one.name for one in view.schema.fields}
    if field in known and name:
        rows = view.objects(field).to_arrow(["sample_id", name])
        return rows["sample_id"].to_numpy(), rows.column(1)
    return view.ids(), view.values(of)
