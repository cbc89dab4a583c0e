"""`ds.find`: what is doubled, leaking, odd, unlike the rest, lopsided, or worth labelling next.

Each verb gives a `Found`: rows, a view to look at, the columns it wrote, and what it cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from loopline.front.finding import apart, balancing, doubles, issues, maps, queues
from loopline.front.finding._searched import Searched


@dataclass(frozen=True, slots=True)
class Find(Searched):
    """The verbs; `ds.find` makes it."""

    quality = issues.quality
    duplicates = doubles.duplicates
    leaks = doubles.leaks
    unique = apart.unique
    outliers = apart.outliers
    typical = apart.typical
    coreset = apart.coreset
    hard = queues.hard
    uncertain = queues.uncertain
    disagreement = queues.disagreement
    balance = balancing.balance
    rebalance = balancing.rebalance
    map = maps.map_
