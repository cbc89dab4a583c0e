"""The filter panel's answers: each value or bin in the whole data set, and in the view without the control's own filter."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np

from loopline.errors import LooplineError
from loopline.server.arrays import Ids
from loopline.server.problems import problem_of
from loopline.server.resident import Codes
from loopline.server.views import Asked
from loopline.server.wire import Control, Facet, Layers

ValueKind = Literal["text", "int", "float", "bool", "time"]


def facets(asked: Asked, controls: tuple[Control, ...]) -> list[Facet]:
    """One answer for each control, in their order. A control that makes no sense gets its problem, the others go on."""
    return [_facet(asked, control) for control in controls]


def _facet(asked: Asked, control: Control) -> Facet:
    try:
        codes, counts = _counted(asked, control)
    except LooplineError as error:
        nothing = Layers()
        return Facet(control.of, control.kind, "text", [], [], [], [], nothing, nothing, 0, problem_of(error, "of"))
    shown = _histogram if control.kind == "histogram" else _values
    return shown(control, codes, counts)


def _counted(asked: Asked, control: Control) -> tuple[Codes, Ids]:
    resident, at = asked.resident, asked.at
    if control.kind == "histogram":
        codes = resident.histogram(at, control.of, control.bins, control.range)
    else:
        codes = resident.values(at, control.of)
    kept = asked.kept(codes.field, without=control.of) if codes.field else None
    return codes, resident.counted(at, codes, asked.samples(without=control.of), kept)


def _values(control: Control, codes: Codes, counts: Ids) -> Facet:
    size = len(codes.values)
    listed = list(range(min(control.limit, size)))
    if size > control.limit:  # what is frequent in the view alone is listed, too
        top = np.argsort(-counts[:size], kind="stable")[: control.limit]
        listed += sorted(int(i) for i in top if i >= control.limit and counts[i])
    total, view = codes.totals[listed], counts[listed]
    return Facet(
        control.of,
        "values",
        _kind(codes),
        [codes.values[i] for i in listed],
        [],
        total.tolist(),
        view.tolist(),
        Layers(int(codes.totals[size]), int(counts[size])),
        Layers(int(codes.totals[:size].sum() - total.sum()), int(counts[:size].sum() - view.sum())),
        size,
    )


def _histogram(control: Control, codes: Codes, counts: Ids) -> Facet:
    assert codes.edges is not None
    bins = codes.missing
    return Facet(
        control.of,
        "histogram",
        _kind(codes),
        [],
        codes.edges.tolist(),
        codes.totals[:bins].tolist(),
        counts[:bins].tolist(),
        Layers(int(codes.totals[bins]), int(counts[bins])),
        Layers(int(codes.totals[bins + 1]), int(counts[bins + 1])),
        int(np.count_nonzero(codes.totals[:bins])),
    )


def _kind(codes: Codes) -> ValueKind:
    """Of the values; what is JSON in the store is text here."""
    return cast("ValueKind", codes.type) if codes.type in ("int", "float", "bool", "time") else "text"
