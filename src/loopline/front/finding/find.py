"""`ds.find`: what is doubled, leaking, odd, unlike the rest, lopsided, or worth labelling next.

Each verb gives a `Found`: rows, a view to look at, the columns it wrote, and what it cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate import coreset, groups, mining
from loopline.curate.balance import balance, rebalancing_plan
from loopline.curate.groups import Groups, Keep
from loopline.curate.looks import alike_groups
from loopline.curate.neighbours import Neighbours, density, outlier_score, uniqueness
from loopline.curate.projection import Method, project
from loopline.curate.quality import odd
from loopline.curate.uncertainty import Measure, Over
from loopline.errors import BadValue
from loopline.front.finding._pictures import HASH, measure_pictures
from loopline.front.finding._unsure import differing, unsure
from loopline.front.finding._vectors import Ids, neighbours_of
from loopline.front.finding.result import Cost, Doubles, Found, measured
from loopline.front.finding.similar import chosen_key
from loopline.front.selection import Selection, sample_ids
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.kernel.schema import Column
from loopline.query.view import ObjectView, View
from loopline.store import edits
from loopline.store.lake import Lake
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.vector_cache import vectors
from loopline.store.vectors import Embedding, embedding, embeddings, write_vectors

_LONG: Final = float(np.log(4))  # a picture this much wider than tall is odd where few are so
_PLAIN: Final = 0.01  # contrast below which a picture is of one colour

By: TypeAlias = str
"""How samples are compared: "content" (the same bytes), "looks" (perceptual hash), or the key of an embedding."""

Spread = Literal["far", "typical"]
Score = Callable[[Neighbours], npt.NDArray[np.float64]]

NEAR: Final = 0.97  # cosine of two pictures that are much the same; lower finds more and is wrong more often
LOOKS_BITS: Final = 4

_ODD: Final = (
    ("dark", "dark", "low", "nearly black all over"),
    ("bright", "bright", "high", "nearly white all over"),
    ("low contrast", "contrast", "low", "washed out"),
    ("blurred", "sharpness", "low", "no fine detail"),
    ("little information", "entropy", "low", "few grey levels"),
)
_POOR: Final = {
    "dark": (0.25, 0.06),
    "bright": (0.75, 0.94),
    "contrast": (0.08, 0.01),
    "sharpness": (0.02, 0.0005),
    "entropy": (4.0, 1.0),
}
"""Poor enough to be an issue where the picture stands apart from its set; and poor enough whatever its set looks like."""


@dataclass(frozen=True, slots=True)
class Find:
    """The verbs; `ds.find` makes it."""

    _lake: Lake
    _view: View

    # -- pictures

    def quality(
        self,
        *,
        where: View | None = None,
        again: bool = False,
        progress: Progress = SILENT,
        stop: StopSignal | None = None,
    ) -> Found:
        """Look at every picture once: brightness, contrast, sharpness, entropy, and a hash of its looks, as columns.

        The table names each issue with the condition that finds its pictures, how many there are, and what it means. A
        picture has an issue where it stands apart from the others of the set and is poor by itself as well. Pictures
        that were measured before are not decoded again, unless `again`.
        """
        with measured() as cost:
            problems = measure_pictures(self._lake, where or self._view, again=again, progress=progress, stop=stop)
            rows = [self._issue(where or self._view, *issue) for issue in _ODD]
            rows += self._odd_shapes(where or self._view)
            table = pa.table(
                {
                    "issue": pa.array([row[0] for row in rows], pa.string()),
                    "where": pa.array([row[1] for row in rows], pa.string()),
                    "samples": pa.array([row[2] for row in rows], pa.int64()),
                    "means": pa.array([row[3] for row in rows], pa.string()),
                }
            )
            conditions = [row[1] for row in rows if row[2]]
        view = (where or self._view).where(" or ".join(f"({c})" for c in conditions)) if conditions else None
        names = ("brightness", "dark", "bright", "contrast", "sharpness", "entropy", HASH)
        return Found("picture quality", table, view, names, cost, tuple(problems))

    def _issue(self, view: View, name: str, column: str, side: str, means: str) -> tuple[str, str, int, str]:
        values = view.values(column).to_numpy(zero_copy_only=False).astype(float)
        low = side == "low"
        poor, unusable = _POOR[column]
        # Sharpness spreads over powers of ten: only as such do the blurred ones stand apart.
        scale = np.log(np.maximum(values, 1e-9)) if column == "sharpness" else values
        bad = odd(scale, low=low, high=not low) & ((values < poor) if low else (values > poor))
        bad |= (values < unusable) if low else (values > unusable)
        extra = ""
        if column == "sharpness":  # a picture of one colour has no detail, but nothing in it is blurred
            contrast = view.values("contrast").to_numpy(zero_copy_only=False).astype(float)
            bad &= contrast >= _PLAIN
            extra = f" and contrast >= {_PLAIN!r}"
        edge = unusable if not bad.any() else values[bad].max() if low else values[bad].min()
        condition = f"{column} {'<=' if low else '>='} {float(edge)!r}{extra}"
        return name, condition, int(bad.sum()), means

    def _odd_shapes(self, view: View) -> list[tuple[str, str, int, str]]:
        """Pictures of a size or shape that hardly any other has."""
        sizes = view.to_arrow(["width", "height"])
        wide, high = (sizes[n].to_numpy(zero_copy_only=False).astype(float) for n in ("width", "height"))
        out = []
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, values, text, means in (
                ("odd shape", np.log(wide / high), "width / height", "much wider or taller than the others"),
                ("odd size", np.log(wide * high) / 2, "width * height", "far fewer or more pixels than the others"),
            ):
                apart = odd(values, spread=6.0)
                if name == "odd shape":
                    apart |= odd(values) & (np.abs(values) > _LONG)
                power = 1 if text == "width / height" else 2
                known = np.exp(values[~apart & np.isfinite(values)] * power)
                if not apart.any() or not len(known):
                    continue
                low, high_ = float(known.min()), float(known.max())
                # A little room, as the engine divides by itself.
                condition = f"{text} < {low * (1 - 1e-9)!r} or {text} > {high_ * (1 + 1e-9)!r}"
                out.append((name, condition, view.where(condition).count(), means))
        return out

    # -- the same thing twice

    def duplicates(
        self,
        by: By = "content",
        *,
        least: float | None = None,
        keep: Keep = "first",
        where: View | None = None,
        into: str | None = None,
        progress: Progress = SILENT,
        stop: StopSignal | None = None,
    ) -> Doubles:
        """Groups of samples (by an embedding of objects: objects) that are the same.

        by     "content": the same bytes · "looks": nearly the same picture, resized or recompressed · or the key of an
               embedding: much the same to the model
        least  the likeness from which on two are the same: cosine for an embedding (default 0.97), the share of equal
               bits for "looks" (default 60 of 64)
        keep   which one of a group stays: the "first", the "largest" picture, or the one with "most_labels"
        into   also write the number of each sample's group into this column
        """
        view = where or self._view
        with measured() as cost:
            ids, found, problems, owner = self._groups(view, by, least, keep, progress, stop)
            table = self._told(ids, found, owner)
            columns: tuple[str, ...] = ()
            if into is not None and owner == SAMPLE_OWNER:
                group = found.of_row(len(ids))
                values = pa.array(np.where(group < 0, 0, group), mask=group < 0)
                self._write(Column(into, "int", guidance=f"group of duplicates by {by}"), ids, values)
                columns = (into,)
        return Doubles(
            f"duplicates by {by}",
            table,
            self._of(owner, ids[found.rows]),
            columns,
            cost,
            tuple(problems),
            spare=self._of(owner, ids[found.spare()]),
            groups=len(found),
        )

    def leaks(
        self,
        by: By = "content",
        *,
        least: float | None = None,
        where: View | None = None,
        progress: Progress = SILENT,
        stop: StopSignal | None = None,
    ) -> Found:
        """Samples that have a double in another split: an evaluation on them measures memory. See `duplicates`.

        Table: id · split · other_id · other_split · closeness.
        """
        view = where or self._view
        with measured() as cost:
            ids, found, problems, owner = self._groups(view, by, least, "first", progress, stop)
            if owner != SAMPLE_OWNER:
                raise BadValue(f'"{by}" holds vectors of objects; splits are of samples', hint="use one of samples")
            split = dict(zip(view.ids().tolist(), view.values("split").to_pylist(), strict=True))
            pairs = groups.leaks(found, [split.get(int(i)) for i in ids])
            rows, others = pairs["row"].to_numpy(), pairs["other_row"].to_numpy()
            table = pa.table(
                {
                    "id": ids[rows],
                    "split": pairs["split"],
                    "other_id": ids[others],
                    "other_split": pairs["other_split"],
                    "closeness": pairs["closeness"],
                }
            )
        return Found(f"leaks between splits by {by}", table, self._view.select(ids[rows]), (), cost, tuple(problems))

    def _groups(
        self, view: View, by: By, least: float | None, keep: Keep, progress: Progress, stop: StopSignal | None
    ) -> tuple[Ids, Groups, list[str], str]:
        """Ids, their groups, problems, and whose ids they are."""
        if by not in ("content", "looks"):
            chosen = embedding(self._lake, by)
            ids, table = neighbours_of(self._lake, by, progress=progress)
            inside = view.ids() if chosen.owner == SAMPLE_OWNER else view.objects(chosen.owner).ids()
            found = groups.near_groups(
                table, least=NEAR if least is None else least, rank=self._rank(chosen, ids, keep)
            )
            return ids, _only(found, np.isin(ids, inside)), [], chosen.owner
        problems = []
        if by == "looks":
            problems = measure_pictures(self._lake, view, again=False, progress=progress, stop=stop)
        rows = view.to_arrow(["id", "content_hash" if by == "content" else HASH])
        ids = rows["id"].to_numpy()
        rank = self._rank(None, ids, keep)
        if by == "content":
            return ids, groups.equal_groups(rows["content_hash"], rank=rank), problems, SAMPLE_OWNER
        bits = LOOKS_BITS if least is None else round((1 - least) * 64)
        return ids, alike_groups(rows[HASH], most_bits=bits, rank=rank), problems, SAMPLE_OWNER

    def _rank(self, of: Embedding | None, ids: Ids, keep: Keep) -> npt.NDArray[np.float64]:
        if of is not None and of.owner != SAMPLE_OWNER:
            pixels = labels = np.zeros(len(ids))
        else:
            view = self._view
            fields = [field.name for field in view.schema.fields]
            counts = " + ".join(f"{name}.count()" for name in fields) or "0"
            known = view.to_arrow(["id", "width", "height"])
            place = np.searchsorted(known["id"].to_numpy(), ids)
            pixels = (known["width"].to_numpy(zero_copy_only=False) * known["height"].to_numpy(zero_copy_only=False))[
                place
            ]
            labels = np.zeros(len(ids))
            if keep == "most_labels" and fields:
                labels = np.asarray(view.values(counts).to_numpy(zero_copy_only=False), np.float64)[place]
        return groups.keep_rank(keep, pixels=np.nan_to_num(pixels), labels=labels)

    def _told(self, ids: Ids, found: Groups, owner: str) -> pa.Table:
        first = np.zeros(len(found.rows), bool)
        first[found.offsets[:-1]] = True
        members = ids[found.rows]
        return pa.table(
            {
                "group": np.repeat(np.arange(len(found)), np.diff(found.offsets)),
                "id": members,
                "keep": first,
                "closeness": found.closeness,
                "path": self._paths(members, owner),
            }
        )

    def _paths(self, ids: Ids, owner: str) -> pa.Array:
        view = self._of(owner, ids)
        rows = view.to_arrow(["id", "path" if owner == SAMPLE_OWNER else "sample.path"])
        order = np.argsort(rows["id"].to_numpy(), kind="stable")
        at = order[np.searchsorted(rows["id"].to_numpy()[order], ids)] if len(ids) else np.zeros(0, np.int64)
        return rows.column(1).combine_chunks().take(pa.array(at))

    # -- apart, typical, spread

    def unique(self, key: str | None = None, *, into: str = "uniqueness", progress: Progress = SILENT) -> Found:
        """How unlike all others each sample is: 0 … 1, in a column; the table holds the most unique ones."""
        return self._scored(key, into, uniqueness, "uniqueness", progress)

    def outliers(self, key: str | None = None, *, into: str = "outlier", progress: Progress = SILENT) -> Found:
        """How much further from its neighbours each sample is than they are from theirs: about 1 is usual, in a column."""
        return self._scored(key, into, outlier_score, "outliers", progress)

    def typical(self, key: str | None = None, *, into: str = "typicality", progress: Progress = SILENT) -> Found:
        """How like its neighbours each sample is, -1 … 1, in a column: high means many others look like it."""
        return self._scored(key, into, density, "typicality", progress)

    def _scored(self, key: str | None, into: str, score: Score, title: str, progress: Progress) -> Found:
        with measured() as cost:
            chosen = chosen_key(self._lake, key, owner=SAMPLE_OWNER)
            _only_samples(chosen)
            ids, table = neighbours_of(self._lake, chosen.key, progress=progress)
            values: npt.NDArray[np.float64] = score(table)
            self._write(
                Column(into, "float", guidance=f"{title} by {chosen.key}"), ids, pa.array(values, from_pandas=True)
            )
            best = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:100]
            rows = pa.table({"id": ids[best], into: values[best], "path": self._paths(ids[best], SAMPLE_OWNER)})
        return Found(f"{title} by {chosen.key}", rows, self._view.sort(f"-{into}"), (into,), cost)

    def coreset(
        self,
        count: int,
        key: str | None = None,
        *,
        how: Spread = "far",
        where: View | None = None,
        already: Selection | None = None,
        seed: int = 0,
        progress: Progress = SILENT,
    ) -> Found:
        """`count` samples that stand for all of the view.

        how      "far": each as far as possible from those before (and from `already`): also the odd ones ·
                 "typical": the most typical one of each of as many clusters: what to label first with a small budget
        already  samples that are taken, such as those with labels
        """
        if how not in ("far", "typical"):
            raise BadValue(f'no way to spread "{how}"', hint="far, typical")
        with measured() as cost:
            chosen = chosen_key(self._lake, key, owner=SAMPLE_OWNER)
            _only_samples(chosen)
            ids, matrix = vectors(self._lake, chosen.key)
            taken = np.zeros(0, np.int64) if already is None else sample_ids(self._view, already)
            inside = np.ones(len(ids), bool) if where is None else np.isin(ids, where.ids())
            is_taken = np.isin(ids, taken)
            rows = np.flatnonzero(inside | is_taken)
            rng = np.random.default_rng(seed)
            if how == "far":
                picked = rows[coreset.k_center(matrix[rows], count, already=np.flatnonzero(is_taken[rows]), rng=rng)]
            else:
                _, table = neighbours_of(self._lake, chosen.key, progress=progress)
                rows = np.flatnonzero(inside & ~is_taken)
                picked = rows[coreset.typical(matrix[rows], count, density(table)[rows], rng=rng)]
            answer = pa.table({"id": ids[picked], "path": self._paths(ids[picked], SAMPLE_OWNER)})
        return Found(f"{len(picked)} samples that stand for all", answer, self._view.select(ids[picked]), (), cost)

    # -- worth labelling

    def hard(
        self,
        failures: View | ObjectView,
        pool: View,
        count: int,
        key: str | None = None,
        *,
        diversity: float = 0.3,
    ) -> Found:
        """The samples of a pool that are most like what fails, and not like one another: a queue for labelling.

        failures  samples, or objects by whose samples: `report.matches.where("outcome == 'fn'").samples()`
        Table: id · similarity · because (the sample that failed) · path.
        """
        with measured() as cost:
            chosen = chosen_key(self._lake, key, owner=SAMPLE_OWNER)
            _only_samples(chosen)
            ids, matrix = vectors(self._lake, chosen.key)
            bad = failures.samples().ids() if isinstance(failures, ObjectView) else failures.ids()
            wrong = np.flatnonzero(np.isin(ids, bad))
            rest = np.flatnonzero(np.isin(ids, pool.ids()) & ~np.isin(ids, bad))
            found = mining.mine(matrix[rest], matrix[wrong], count, diversity=diversity)
            picked = ids[rest[found.rows]] if len(rest) else np.zeros(0, np.int64)
            table = pa.table(
                {
                    "id": picked,
                    "similarity": found.score,
                    "because": ids[wrong[found.because]] if len(wrong) else picked,
                    "path": self._paths(picked, SAMPLE_OWNER),
                }
            )
        return Found(f"{len(picked)} samples like what fails", table, self._view.select(picked), (), cost)

    def uncertain(
        self,
        field: str = "predictions",
        *,
        measure: Measure = "entropy",
        over: Over = "max",
        where: View | None = None,
        count: int | None = None,
        key: str | None = None,
        diversity: float = 0.3,
        into: str = "uncertainty",
    ) -> Found:
        """How unsure a model is of each sample, by the scores of its predictions, in a column: see `curate.uncertainty`.

        over   of a picture's objects the greatest ("max") or the "mean"; a picture without one has no value
        count  a queue to label: so many of the view, the unsurest first; with the `key` of an embedding ever less of what
               is like something picked before
        """
        with measured() as cost:
            ids, values = unsure(where or self._view, field, measure, over)
            title = f"{measure} of {field}"
            return self._ranked(ids, values, into, title, cost, count=count, key=key, diversity=diversity)

    def disagreement(
        self,
        truth: str = "ground_truth",
        predicted: str = "predictions",
        *,
        where: View | None = None,
        count: int | None = None,
        key: str | None = None,
        diversity: float = 0.3,
        into: str = "disagreement",
    ) -> Found:
        """How far a model's predictions are from what people said, 0 … 1, in a column: what is hard, or labelled wrongly.

        Objects agree where class and place do (IoU of 0.5); each prediction counts by its score. Of classes: 1 - the
        score of the true one. count, key, diversity: as in `uncertain`
        """
        with measured() as cost:
            ids, values = differing(where or self._view, truth, predicted)
            title = f"disagreement of {predicted} with {truth}"
            return self._ranked(ids, values, into, title, cost, count=count, key=key, diversity=diversity)

    def _ranked(
        self,
        ids: Ids,
        values: npt.NDArray[np.float64],
        into: str,
        title: str,
        cost: Cost,
        *,
        count: int | None,
        key: str | None,
        diversity: float,
    ) -> Found:
        """Values as a column, and the highest, or a queue of them."""
        self._write(Column(into, "float", guidance=title), ids, pa.array(values, from_pandas=True))
        order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
        if count is not None and key is None:
            order = order[:count]
        elif count is not None:
            _only_samples(embedding(self._lake, str(key)))
            owners, matrix = vectors(self._lake, str(key))
            here = np.flatnonzero(np.isin(ids, owners))
            rows = np.searchsorted(owners, ids[here])
            order = here[mining.diverse(matrix[rows], values[here], count, diversity=diversity)]
        best = order if count is not None else order[:100]
        table = pa.table({"id": ids[best], into: values[best], "path": self._paths(ids[best], SAMPLE_OWNER)})
        view = self._view.select(ids[order]) if count is not None else self._view.sort(f"-{into}")
        return Found(title, table, view, (into,), cost)

    # -- balance

    def balance(self, of: str, *, where: View | None = None) -> Found:
        """How often each value is there: `<field>.label`, `<field>.<attribute>`, or a sample column.

        Table: value · objects · samples · share. The title says how lopsided it is.
        """
        with measured() as cost:
            sample, value = self._values(where or self._view, of)
            counted = balance(sample, value)
            total = max(int(counted.objects.sum()), 1)
            table = pa.table(
                {
                    "value": pa.array(counted.values, pa.string()),
                    "objects": counted.objects,
                    "samples": counted.samples,
                    "share": counted.objects / total,
                }
            )
        title = (
            f"balance of {of}: the commonest is {counted.imbalance:.3g} × the rarest, evenness {counted.evenness:.2f}"
        )
        return Found(title, table, where or self._view, (), cost)

    def rebalance(
        self,
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
        view = where or self._view
        with measured() as cost:
            sample, value = self._values(view, of)
            plan = rebalancing_plan(sample, value, samples=view.ids(), threshold=threshold, most=most)
            self._write(
                Column(into, "float", guidance=f"how often to draw it, for {of}"), plan.sample, pa.array(plan.repeat)
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

    def _values(self, view: View, of: str) -> tuple[Ids, pa.Array]:
        field, _, name = of.partition(".")
        known = {one.name for one in view.schema.fields}
        if field in known and name:
            rows = view.objects(field).to_arrow(["sample_id", name])
            return rows["sample_id"].to_numpy(), rows.column(1)
        return view.ids(), view.values(of)

    # -- maps

    def map(
        self,
        key: str | None = None,
        *,
        method: Method = "pca",
        into: str | None = None,
        replace: bool = False,
        seed: int = 0,
        progress: Progress = SILENT,
        stop: StopSignal | None = None,
    ) -> Found:
        """Each vector as a point in the plane, kept with the data as the embedding `into` (default `<key>_<method>`).

        method   "pca": principal components, at once · "pacmap": keeps neighbours together, in about a second for each
                 thousand vectors · "umap": likewise, where umap-learn is installed
        replace  a map of that name: made anew, such as after more vectors came
        Table: id · x · y.
        """
        with measured() as cost:
            chosen = chosen_key(self._lake, key)
            name = into or f"{chosen.key}_{method}"
            ids, matrix = vectors(self._lake, chosen.key)
            known = {one.key: one for one in embeddings(self._lake)}.get(name)
            new = Embedding(name, chosen.owner, f"{method} of {chosen.key}", chosen.fingerprint, 2, False)
            if known is not None and not (replace and known.model == new.model):
                hint = "`replace` makes it anew" if known.model == new.model else "choose another name with `into`"
                raise BadValue(f'there is an embedding "{name}" of {known.model}', hint=hint)
            points = self._projected(chosen, ids, matrix, method, seed, progress, stop)
            reach = float(np.abs(points).max(initial=0)) or 1.0
            write_vectors(self._lake, new, ids, points / reach, replace=known is not None)
        table = pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1]})
        return Found(f"map of {chosen.key} by {method}", table, self._of(chosen.owner, ids[:0]), (), cost)

    def _projected(
        self,
        of: Embedding,
        ids: Ids,
        matrix: npt.NDArray[np.float16],
        method: Method,
        seed: int,
        progress: Progress,
        stop: StopSignal | None,
    ) -> npt.NDArray[np.float32]:
        if method != "pacmap" or len(ids) < 3:
            return project(matrix, method=method, seed=seed)
        _, table = neighbours_of(self._lake, of.key, progress=progress)
        with stage(progress, "map", total=None, unit="rounds") as report:

            def told(done: int, total: int) -> None:
                if stop is not None:
                    stop.check()
                report(done, total)

            return project(matrix, method=method, seed=seed, table=table, report=told)

    # -- inside

    def _write(self, column: Column, ids: Ids, values: pa.Array) -> None:
        edits.set_columns(self._lake, [column], ids, pa.table({column.name: values}), message=f"find {column.name}")

    def _of(self, owner: str, ids: Ids) -> View | ObjectView:
        return self._view.select(ids) if owner == SAMPLE_OWNER else self._view.objects(owner).select(ids)


def _only_samples(of: Embedding) -> None:
    if of.owner != SAMPLE_OWNER:
        raise BadValue(f'"{of.key}" holds vectors of objects of {of.owner}', hint="name an embedding of samples by key")


def _only(found: Groups, inside: npt.NDArray[np.bool_]) -> Groups:
    """Groups of the rows inside; those that are left alone are none."""
    group = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    keep = inside[found.rows]
    keep &= np.bincount(group[keep], minlength=max(len(found), 1))[group] > 1 if len(group) else keep
    rows, left = found.rows[keep], group[keep]
    starts = np.flatnonzero(np.diff(left, prepend=-1))
    return Groups(rows, np.append(starts, len(rows)).astype(np.int64), found.closeness[keep])
