"""Which protocol measures what, and how its slices are measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from loopline.errors import BadValue, UnknownField, near
from loopline.front.evaluating import claiming, detection, labels, maps, values
from loopline.front.evaluating.protocol import Answer, Protocol, Question
from loopline.front.evaluating.sides import refuse_unlabelled, two_fields
from loopline.front.evaluating.slicing import Part
from loopline.jobs import StopSignal
from loopline.kernel.schema import LabelField
from loopline.metrics.record import SliceNumbers


def protocols() -> dict[str, Protocol]:
    """Every way to measure, by name."""
    return {
        p.name: p
        for p in (*detection.PROTOCOLS, *claiming.PROTOCOLS, *labels.PROTOCOLS, *values.PROTOCOLS, *maps.PROTOCOLS)
    }


def protocol_for(name: str | None, truth: LabelField) -> Protocol:
    known = protocols()
    if name is not None:
        if name not in known:
            raise UnknownField(f'no protocol "{name}"', hint=near(name, known, limit=20))
        return known[name]
    for one in known.values():
        if truth.kind in one.kinds:
            return one
    raise BadValue(f"nothing measures {truth.kind} labels by default", hint=f"name a protocol: {', '.join(known)}")


def measured_slices(
    chosen: Protocol, question: Question, answer: Answer, parts: Sequence[Part], stop: StopSignal
) -> list[SliceNumbers]:
    if not parts:
        return []
    if answer.slices is not None:
        return answer.slices(parts)
    found = []
    for part in parts:
        stop.check()
        found.append(measured_apart(chosen, question, part))
    return found


_ONE_ROW: Final = ("classification", "regression")
"""Tasks with one true row a sample: a condition on that row chooses samples."""


def measured_apart(chosen: Protocol, question: Question, part: Part) -> SliceNumbers:
    """A slice of samples, measured as if there were no others. Without labels its numbers are empty.

    Raises BadValue for a condition on objects, where samples have several.
    """
    if part.of_objects and chosen.task not in _ONE_ROW:
        raise BadValue(
            f"{chosen.name} cannot be cut by objects: {part.text}",
            hint="its numbers need all objects of a picture together; a condition on samples works",
        )
    condition = f"{question.truth}.any({part.text})" if part.of_objects else part.text
    inside = dataclasses.replace(question, view=question.view.where(condition))
    try:
        refuse_unlabelled(inside.view, two_fields(inside.view, question.truth, question.predicted))
    except BadValue:
        return SliceNumbers(part.text, {"samples": float(inside.view.count())})
    answer = chosen.measure(inside)
    return SliceNumbers(part.text, {**answer.numbers, "samples": float(inside.view.count())})
