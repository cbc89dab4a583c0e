"""What advice and charts ask of an evaluation: less than it is, so that it can offer both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from loopline.front.evaluating.protocol import Answer, Question
from loopline.metrics.coco import CocoReport
from loopline.metrics.record import EvaluationRecord
from loopline.query.view import View
from loopline.store.lake import Lake


class Judged(Protocol):
    """A stored evaluation with its data set; see `stored.Evaluation`."""

    @property
    def key(self) -> str: ...

    @property
    def record(self) -> EvaluationRecord: ...

    @property
    def lake(self) -> Lake: ...

    @property
    def view(self) -> View: ...

    @property
    def answer(self) -> Answer: ...

    @property
    def question(self) -> Question: ...

    @property
    def outcomes(self) -> pa.Table: ...

    @property
    def measured(self) -> CocoReport: ...

    @property
    def matches(self) -> object: ...

    def siblings(self) -> Sequence[Judged]: ...
