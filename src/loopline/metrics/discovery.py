"""Where is a model worst? Slices of one to three conditions whose loss is high, each cause named once.

How it works. Every attribute becomes a few cells; for every one, two or three attributes one table of counts and sums
holds all their slices at once. A slice is kept if it is worse than the rest, and worse than each slice that it refines
(a condition has to earn its place), both after Bonferroni's correction for all slices that were looked at. The kept
ones are then taken by significance. After each, what names mostly the same rows (or a wider or narrower range of the
same attributes) goes under its `also`, and the others are tested again beyond the taken slices: a slice that is bad
only because it overlaps one of them goes away.

Test     the sum of the loss (of its ranks, unless the loss is 0 or 1) in the slice, against drawing as many rows at
         random: the normal approximation of the Mann-Whitney test, and for 0 and 1 the exact hypergeometric tail.
Source   Slice search as in Chung et al., Slice Finder, 2019, and Sagadeeva, Boehm, SliceLine, 2021; the rule for
         duplicates is our own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue
from loopline.kernel.expr import And, Expr, to_text
from loopline.metrics._arrays import NAN, BoolArray, FloatArray, IntArray, exact_mean, finite
from loopline.metrics._conditions import Attribute, attribute, joined_conditions
from loopline.metrics.regression import mean_ranks


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """What to look for.

    conditions    at most so many in a slice: 1, 2 or 3
    min_size      rows that a slice has at least; None: 30, or 0.1 % of all rows if that is more
    min_effect    least difference of mean loss between slice and rest, in the unit of the loss
    alpha         the chance that any slice at all is reported where there is none to find
    limit         slices to report
    bins          quantile bins of a number; a number with at most so many distinct values keeps each
    most_values   commonest values of a category that get a condition of their own
    """

    conditions: int = 3
    min_size: int | None = None
    min_effect: float = 0.0
    alpha: float = 0.05
    limit: int = 20
    bins: int = 8
    most_values: int = 20

    def __post_init__(self) -> None:
        if self.conditions not in (1, 2, 3):
            raise BadValue(f"a slice has 1, 2 or 3 conditions, not {self.conditions}")
        if not 0 < self.alpha < 1 or self.limit < 1 or self.bins < 2 or self.most_values < 1:
            raise BadValue("alpha lies in (0, 1); limit and most_values are at least 1, bins at least 2")
        if self.min_size is not None and self.min_size < 2:
            raise BadValue(f"a slice has at least 2 rows, not {self.min_size}")


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that a condition names, and how much worse they are.

    condition     text of the query language; expr: the same as a tree
    mean          mean loss in the slice; elsewhere: of all other rows; effect: the difference
    excess        part of the whole loss that would go away if the slice were as good as the rest
    p_value       corrected for all slices that were looked at
    also          other conditions for mostly the same rows, the most significant first
    """

    condition: str
    expr: Expr
    size: int
    share: float
    mean: float
    elsewhere: float
    effect: float
    excess: float
    p_value: float
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscoveryReport:
    """slices: the most significant first. tests: how many slices were looked at. mean: of the loss over all rows."""

    rows: int
    mean: float
    tests: int
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Rows with the same cells everywhere, as one. cells (attributes, g); the rest (g,): rows, and sums over them."""

    cells: IntArray
    count: FloatArray
    loss: FloatArray
    value: FloatArray  # loss or its rank: what is tested
    square: FloatArray


@dataclass(frozen=True, slots=True)
class _Candidate:
    attributes: tuple[int, ...]
    conditions: tuple[int, ...]
    z: float


_PER_TABLE = 12  # slices kept of one combination of attributes: more are variations of the same bins
_CANDIDATES = 150
_SAME = 0.5  # overlap (intersection over union) from which two conditions describe the same rows
_MOST_ALSO = 5


def discover_slices(
    loss: npt.ArrayLike, attributes: pa.Table, *, options: DiscoveryOptions = DiscoveryOptions()
) -> DiscoveryReport:
    """The slices where the loss is worst.

    loss         (n,) finite, high is bad: 1 for a missed object and 0 for a found one, 1 - IoU, an error in pixels
    attributes   n rows; each column's name is query text (`weather`, `box.rel_area`), its values text, booleans or
                 numbers. A missing value or NaN is a value of its own: `weather is None`.
    Time         grows with rows and with combinations of attributes: a million rows and ten attributes (175 combinations)
                 take about ten seconds and 600 MB, a hundred thousand about one second
    Raises       BadValue for a NaN in the loss, columns of another length, a column of dates or lists

    No rows, no attributes, or equal loss everywhere: no slices.
    """
    values = finite("loss", loss)
    if attributes.num_rows != len(values):
        raise BadValue(f"there are {len(values)} values of loss and {attributes.num_rows} rows of attributes")
    known = [
        attribute(name, attributes[name], bins=options.bins, most_values=options.most_values)
        for name in attributes.column_names
    ]
    known = [a for a in known if a.conditions]
    mean = exact_mean(values)
    if not known or values.size < 2 or values.min() == values.max():
        return DiscoveryReport(len(values), mean, 0, ())
    is_binary = bool(np.isin(values, (0.0, 1.0)).all())
    groups = _grouped(known, values, values if is_binary else mean_ranks(values))
    least = options.min_size or max(30, math.ceil(len(values) / 1000))
    tests, candidates = _candidates(known, groups, least, options, exact=is_binary)
    slices = _told_apart(known, groups, candidates, tests, least, options, exact=is_binary) if tests else ()
    return DiscoveryReport(len(values), mean, tests, slices)


def rows_inside(one: Slice, attributes: pa.Table, *, options: DiscoveryOptions = DiscoveryOptions()) -> BoolArray:
    """Which rows a discovered slice names, (n,). Attributes and options are those that it was discovered with."""
    parts = one.expr.parts if isinstance(one.expr, And) else (one.expr,)
    inside = np.ones(attributes.num_rows, bool)
    left = list(parts)
    for name in attributes.column_names:
        known = attribute(name, attributes[name], bins=options.bins, most_values=options.most_values)
        for place, condition in enumerate(known.conditions):
            if condition in left:
                left.remove(condition)
                inside &= known.holds[place][known.cell]
    if left:
        raise BadValue(f"these attributes do not make the slice {one.condition}")
    return inside


def _grouped(known: Sequence[Attribute], loss: FloatArray, value: FloatArray) -> _Groups:
    cells = np.stack([a.cell for a in known])
    sizes = [a.cells for a in known]
    ones = np.ones(len(loss))
    if math.prod(sizes) < 2**62:
        code = np.ravel_multi_index(tuple(cells), sizes)
        found, place = np.unique(code, return_inverse=True)
        if found.size <= len(loss) // 2:
            sums = [np.bincount(place, weights=w).astype(np.float64) for w in (ones, loss, value, value**2)]
            return _Groups(np.stack(np.unravel_index(found, sizes)).astype(np.int64), *sums)
    return _Groups(cells, ones, loss, value, value**2)


# -- every slice, by tables


def _candidates(
    known: Sequence[Attribute], groups: _Groups, least: int, options: DiscoveryOptions, *, exact: bool
) -> tuple[int, list[_Candidate]]:
    """(number of slices looked at, the significant ones, the most significant first)."""
    tables: dict[tuple[int, ...], tuple[FloatArray, FloatArray, FloatArray]] = {}
    tests = 0
    for which in _combinations(len(known), options.conditions):
        tables[which] = count, _, _ = _table(known, groups, which)
        tests += int((count >= least).sum())
    if not tests:
        return 0, []
    needed = -NormalDist().inv_cdf(options.alpha / tests)
    rows, total, squares = (float(x.sum()) for x in (groups.count, groups.value, groups.square))
    spread = squares / rows - (total / rows) ** 2
    found: list[_Candidate] = []
    for which, (count, value, loss) in tables.items():
        z = _z(count, value, rows, total, spread)
        mean = loss / np.maximum(count, 1)
        elsewhere = (groups.loss.sum() - loss) / np.maximum(rows - count, 1)
        effect = mean - elsewhere
        good = (count >= least) & (rows > count) & (z > needed) & (effect > 0) & (effect >= options.min_effect)
        for axis in range(len(which)) if len(which) > 1 else ():
            parent = tables[which[:axis] + which[axis + 1 :]]
            of_count, of_value = (np.expand_dims(x, axis) for x in parent[:2])
            of_mean = of_value / np.maximum(of_count, 1)
            # 0 and 1: the spread within the parent; ranks: that of all rows, which is near enough
            within = of_mean * (1 - of_mean) if exact else spread
            good &= _z(count, value, of_count, of_value, within) > needed
        best = np.flatnonzero(good)
        best = best[np.argsort(-z.ravel()[best], kind="stable")][:_PER_TABLE]
        found += [
            _Candidate(which, tuple(int(i) for i in np.unravel_index(flat, z.shape)), float(z.ravel()[flat]))
            for flat in best
        ]
    found.sort(key=lambda c: (-c.z, len(c.attributes), c.attributes, c.conditions))
    return tests, found[:_CANDIDATES]


def _combinations(attributes: int, most: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, most + 1):
        yield from combinations(range(attributes), size)


def _table(
    known: Sequence[Attribute], groups: _Groups, which: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(rows, sum of value, sum of loss) of each slice with one condition on each of the attributes."""
    sizes = tuple(known[a].cells for a in which)
    code = np.zeros(groups.cells.shape[1], np.int64)
    for a, size in zip(which, sizes, strict=True):
        code = code * size + groups.cells[a]
    out: list[FloatArray] = []
    for weights in (groups.count, groups.value, groups.loss):
        cube: FloatArray = np.bincount(code, weights=weights, minlength=math.prod(sizes)).reshape(sizes).astype(float)
        for a in which:
            cube = np.tensordot(cube, known[a].holds.astype(np.float64), axes=(0, 1))  # the new axis comes last
        out.append(cube)
    return out[0], out[1], out[2]


def _z(
    count: FloatArray, value: FloatArray, rows: npt.ArrayLike, total: npt.ArrayLike, spread: npt.ArrayLike
) -> FloatArray:
    """How many standard deviations the sum of `count` rows lies above that of as many random ones out of `rows`."""
    rows, total, spread = (np.asarray(x, np.float64) for x in (rows, total, spread))
    expected = count * total / np.maximum(rows, 1)
    variance = count * spread * (rows - count) / np.maximum(rows - 1, 1)
    return np.where(variance > 1e-12, (value - expected) / np.sqrt(np.maximum(variance, 1e-12)), 0.0)


# -- each cause once


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """A candidate that no taken slice explains so far. rows: which groups it holds; size: rows."""

    candidate: _Candidate
    rows: BoolArray
    size: float
    z: float


def _told_apart(
    known: Sequence[Attribute],
    groups: _Groups,
    candidates: Sequence[_Candidate],
    tests: int,
    least: int,
    options: DiscoveryOptions,
    *,
    exact: bool,
) -> tuple[Slice, ...]:
    needed = -NormalDist().inv_cdf(options.alpha / tests)
    left = []
    for candidate in candidates:
        rows = _mask(known, groups, candidate)
        if _p_value(groups, rows, candidate.z, exact=exact) * tests < options.alpha:
            left.append(_Open(candidate, rows, float(groups.count[rows].sum()), candidate.z))
    found: list[Slice] = []
    part = np.zeros(groups.cells.shape[1], np.int64)  # groups that the same taken slices hold; 0: none does
    while left and len(found) < options.limit:
        chosen = max(left, key=lambda one: (one.z, -len(one.candidate.attributes)))
        others = [one for one in left if one is not chosen]
        same = _same_cause(known, groups, chosen, others)
        also = [to_text(_expr(known, one.candidate)) for one, is_same in zip(others, same, strict=True) if is_same]
        found.append(_slice(known, groups, chosen, also[:_MOST_ALSO], tests, exact=exact))
        part = np.unique(np.r_[0, part * 2 + chosen.rows], return_inverse=True)[1][1:].astype(np.int64)
        sums = [np.bincount(part, weights=w).astype(np.float64) for w in (groups.count, groups.value, groups.square)]
        tested = [
            replace(one, z=_z_beyond(groups, one.rows, part, sums, least))
            for one, is_same in zip(others, same, strict=True)
            if not is_same
        ]
        left = [one for one in tested if one.z > needed]
    return tuple(found)


def _same_cause(known: Sequence[Attribute], groups: _Groups, taken: _Open, others: Sequence[_Open]) -> list[bool]:
    """Which of the others are another view of one cause: mostly the same rows, or a wider or narrower range of such."""
    mostly = [one for one in others if _overlap(groups, taken, one) >= _SAME]
    views = [taken.candidate, *(one.candidate for one in mostly)]
    return [one in mostly or any(_nested(known, one.candidate, view) for view in views) for one in others]


def _overlap(groups: _Groups, a: _Open, b: _Open) -> float:
    """Intersection over union of their rows."""
    if min(a.size, b.size) < _SAME * max(a.size, b.size):
        return 0.0
    both = float(groups.count @ (a.rows & b.rows))
    return both / (a.size + b.size - both)


def _nested(known: Sequence[Attribute], a: _Candidate, b: _Candidate) -> bool:
    """Conditions on the same attributes of which one implies the other."""
    if a.attributes != b.attributes:
        return False
    pairs = [
        (known[i].holds[p], known[i].holds[q]) for i, p, q in zip(a.attributes, a.conditions, b.conditions, strict=True)
    ]
    return all((p <= q).all() for p, q in pairs) or all((q <= p).all() for p, q in pairs)


def _mask(known: Sequence[Attribute], groups: _Groups, candidate: _Candidate) -> BoolArray:
    out = np.ones(groups.cells.shape[1], bool)
    for a, condition in zip(candidate.attributes, candidate.conditions, strict=True):
        out &= known[a].holds[condition][groups.cells[a]]
    return out


def _z_beyond(groups: _Groups, slice_rows: BoolArray, part: IntArray, sums: Sequence[FloatArray], least: int) -> float:
    """`_z` of what the taken slices leave open. part: 0 for rows in none of them; sums: over each whole part.

    A slice that reaches outside the taken ones must be worse out there. One that lies inside must be worse than the
    taken slices it lies in.
    """
    rows, total, squares = sums
    inside = part[slice_rows]
    weights = (groups.count[slice_rows], groups.value[slice_rows])
    count, value = (np.bincount(inside, weights=w, minlength=len(rows)).astype(np.float64) for w in weights)
    if count[0] >= least:
        count[1:] = value[1:] = 0
    if float(count[rows > count].sum()) < least:
        return 0.0
    mean = total / np.maximum(rows, 1)
    spread = np.maximum(squares / np.maximum(rows, 1) - mean**2, 0)
    variance = float((count * spread * (rows - count) / np.maximum(rows - 1, 1)).sum())
    return float((value - count * mean).sum()) / math.sqrt(variance) if variance > 1e-12 else 0.0


def _expr(known: Sequence[Attribute], candidate: _Candidate) -> Expr:
    pairs = zip(candidate.attributes, candidate.conditions, strict=True)
    return joined_conditions(tuple(known[a].conditions[condition] for a, condition in pairs))


def _slice(
    known: Sequence[Attribute],
    groups: _Groups,
    chosen: _Open,
    also: Iterable[str],
    tests: int,
    *,
    exact: bool,
) -> Slice:
    size, everything = chosen.size, float(groups.count.sum())
    inside, total = math.fsum(groups.loss[chosen.rows].tolist()), math.fsum(groups.loss.tolist())
    mean, elsewhere = inside / size, (total - inside) / (everything - size)
    expr = _expr(known, chosen.candidate)
    return Slice(
        condition=to_text(expr),
        expr=expr,
        size=int(size),
        share=size / everything,
        mean=mean,
        elsewhere=elsewhere,
        effect=mean - elsewhere,
        excess=size * (mean - elsewhere) / total if total > 0 else NAN,
        p_value=min(1.0, tests * _p_value(groups, chosen.rows, chosen.candidate.z, exact=exact)),
        also=tuple(also),
    )


def _p_value(groups: _Groups, rows: BoolArray, z: float, *, exact: bool) -> float:
    """The chance that random rows do as badly, not corrected."""
    if not exact:
        return 0.5 * math.erfc(z / math.sqrt(2))
    everything, bad = round(float(groups.count.sum())), round(float(groups.loss.sum()))
    size, hits = round(float(groups.count[rows].sum())), round(float(groups.loss[rows].sum()))
    if z > 12:
        return 0.5 * math.erfc(z / math.sqrt(2))  # below 1e-32 either way
    k = np.arange(hits, min(size, bad) + 1)
    log = _log_choose(bad, k) + _log_choose(everything - bad, size - k) - _log_choose(everything, np.array([size]))
    return float(np.exp(log).sum())


def _log_choose(n: int, k: IntArray) -> FloatArray:
    return _log_factorial(np.array([n])) - _log_factorial(k) - _log_factorial(n - k)


def _log_factorial(n: IntArray) -> FloatArray:
    """ln n!, by Stirling's series above 20 (error below 1e-12)."""
    x = np.maximum(n, 20).astype(np.float64) + 1
    series = (
        (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi) + 1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5)
    )
    exact = np.array([math.log(math.factorial(i)) for i in range(21)])
    return np.where(n > 20, series, exact[np.clip(n, 0, 20)])
