"""What the demo does, step by step, through the public names of the package only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import loopline as ll
from loopline import F
from loopline.demo import tiles
from loopline.demo.photographs import Photograph
from loopline.errors import DatasetExists

MARK: Final = "made-by-loopline-demo.txt"
"""Says that a folder is the demo's own, and may be made anew."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn: the Python that does it, and what came out.

    rows   the answer as a table, one mapping a row
    shell  the same on the command line, where there is such a command
    """

    title: str
    code: str = ""
    rows: Sequence[Mapping[str, Any]] = ()
    note: str = ""
    shell: str = ""


def tell(folder: Path, photographs: Sequence[Photograph], rule: tiles.Tiling = tiles.Tiling()) -> Iterator[Step]:  # noqa: B008
    """Make the data set `folder/trees` of tiles of the photographs, and take it once round. Each step is done when it
    is told.

    Raises DatasetExists for a folder that is there and is not the demo's own.
    """
    _make_anew(folder)
    place = folder / "trees"

    cut = tiles.write(photographs, folder / "tiles", rule)
    yield Step(
        f"{len(photographs)} photographs from the air become {cut} tiles",
        rows=[
            {
                "photograph": p.name,
                "width": p.picture.width,
                "height": p.picture.height,
                "boxes": len(p.labels),
            }
            for p in photographs
        ],
        note=f"Tiles of {rule.size} px, overlapping by {rule.overlap}. A box is cut at the edge and kept where at least "
        f"{rule.inside:.0%} of it is inside; then it is marked as truncated.",
    )

    ds = ll.create(place)
    report = ds.add(folder / "tiles", field="trees")
    yield Step(
        "Pictures and labels go in",
        f'ds = ll.create("{place}")\nds.add("{folder / "tiles"}", field="trees")',
        [
            {
                "samples": report.samples_added,
                "trees": report.objects_added["trees"],
                "problems": sum(report.counts.values()),
            }
        ],
        "Nobody said that it is Pascal VOC: the format is seen from the files.",
        f"loopline create {place} && loopline add {place} {folder / 'tiles'} --field trees",
    )
    ds.version("first-labels", "as they came")

    yield from _look(ds, place)
    yield from _change(ds, place, photographs[min(1, len(photographs) - 1)].name)
    yield from _compare(ds, place)

    target = folder / "trees.coco.json"
    written = ds.export(target, format="coco", view=ds.where("trees.count() > 0"))
    yield Step(
        "And out again, as COCO",
        f'ds.export("{target}", format="coco", view=ds.where("trees.count() > 0"))',
        [{"file": str(target), "samples": written.samples, "objects": written.objects}],
        shell=f"loopline export {place} {target} --format coco --where 'trees.count() > 0'",
    )
    ds.close()


def _make_anew(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise DatasetExists(
                "this folder is there, and is not of the demo",
                where=str(folder),
                hint="choose another: loopline demo FOLDER",
            )
        if (folder / "trees").exists():
            ll.drop(folder / "trees")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("`loopline demo` made this folder. Running it again replaces everything in here.\n")


def _look(ds: ll.Dataset, place: Path) -> Iterator[Step]:
    view = ds.view().sort("-trees.count()").limit(5)
    yield Step(
        "Which tiles are the most crowded?",
        'ds.sort("-trees.count()").limit(5)',
        view.rows(columns=["path", "trees.count()", "trees.mean(box.area)"]),
        shell=f"loopline query {place} --sort '-trees.count()' --limit 5",
    )
    text = "trees.any(truncated and (box.w < 12 or box.h < 12))"
    found = ds.where(text)
    yield Step(
        "Where are slivers of trees, cut off at the edge of a tile?",
        f'ds.where("{text}")',
        found.rows(5, ["path", "trees.count()", "trees.min(box.w)", "trees.min(box.h)"]),
        f"{found.count()} tiles. The same text works in Python, on the command line and in the app.",
        f"loopline query {place} '{text}'",
    )
    small = ds.objects("trees").where("box.rel_area < 0.002").sort("box.area")
    yield Step(
        "And as objects: one row a tree",
        'ds.objects("trees").where("box.rel_area < 0.002").sort("box.area")',
        small.rows(5, ["id", "sample.path", "label", "box.w", "box.h", "truncated"]),
        f"{small.count()} trees cover less than 0.2 % of their tile.",
        f"loopline query {place} 'box.rel_area < 0.002' --objects trees --sort box.area",
    )
    yield Step(
        "How many of each class?",
        'ds.facets("trees.label")',
        ds.facets("trees.label").to_pylist(),
        shell=f"loopline facets {place} trees.label",
    )
    sizes = ds.view().histogram("trees.box.area", bins=8, range=(0.0, 4000.0))
    edges = sizes.edges.tolist()
    yield Step(
        "How big are the trees?",
        'ds.view().histogram("trees.box.area", bins=8, range=(0, 4000))',
        [
            {"from px²": low, "to px²": high, "count": count}
            for low, high, count in zip(edges[:-1], edges[1:], sizes.counts.tolist(), strict=True)
        ],
        f"{sizes.outside} are bigger." if sizes.outside else "",
        f"loopline histogram {place} trees.box.area --bins 8 --range 0 4000",
    )


def _change(ds: ll.Dataset, place: Path, held_back: str) -> Iterator[Step]:
    empty = ds.tag("trees.count() == 0", "empty")
    ds.columns.add("crowding", "float", guidance="share of the tile that trees cover")
    ds.set("crowding", F.trees.sum(F.box.rel_area))
    of_one = f"path.startswith('{held_back}')"
    ds.set("split", "train")
    val = ds.set("split", "val", at=of_one)
    yield Step(
        "Tag, compute a column, choose a split",
        'ds.tag("trees.count() == 0", "empty")\n'
        'ds.columns.add("crowding", "float")\n'
        'ds.set("crowding", F.trees.sum(F.box.rel_area))\n'
        'ds.set("split", "train")\n'
        f'ds.set("split", "val", at="{of_one}")',
        ds.sort("-crowding").limit(4).rows(columns=["path", "split", "crowding", "tags"]),
        f"{empty} tiles hold no tree; {val} are held back: all tiles of one photograph, as tiles of one overlap.",
        f"loopline tag {place} empty --where 'trees.count() == 0'",
    )
    code = [
        'slivers = ds.objects("trees").where("truncated and (box.w < 12 or box.h < 12)")',
        "ds.delete(slivers)",
        'ds.tag(ds.objects("trees").where("box.rel_area < 0.001"), "tiny")',
    ]
    gone = ds.delete(ds.objects("trees").where("truncated and (box.w < 12 or box.h < 12)"))
    tiny = ds.tag(ds.objects("trees").where("box.rel_area < 0.001"), "tiny")
    done = [f"{gone} slivers are deleted, {tiny} trees tagged."]
    if "Alive" in ds.fields["trees"].classes:
        code.append('ds.fields.rename_classes("trees", {"Alive": "Tree"})')
        renamed = ds.fields.rename_classes("trees", {"Alive": "Tree"})
        done.append(f"One photograph says Alive where the others say Tree: {renamed} objects now agree.")
    ds.version("clean", "no slivers, two classes")
    code.append('ds.version("clean", "no slivers, two classes")')
    yield Step(
        "Mend the labels",
        "\n".join(code),
        note=" ".join(done),
        shell=f"loopline delete {place} --field trees --where 'truncated and (box.w < 12 or box.h < 12)'",
    )


def _compare(ds: ll.Dataset, place: Path) -> Iterator[Step]:
    found = ds.diff("first-labels", "clean")
    yield Step(
        "What is different now?",
        'ds.diff("first-labels", "clean")',
        [
            {
                "what": what,
                "added": table.added,
                "removed": table.removed,
                "changed": table.changed,
                "changed in": [f"{column} ({n})" for column, n in table.columns.items()],
            }
            for what, table in {"samples": found.samples, **found.fields}.items()
        ]
        + [{"what": "tags", "added": found.tags_added, "removed": found.tags_removed, "changed": 0, "changed in": []}],
        "; ".join(found.schema),
        f"loopline diff {place} first-labels clean --rows",
    )
    changed = [row for row in found.fields["trees"].rows.to_pylist() if row["change"] != "added"]
    if not changed:
        return
    one = int(changed[-1]["id"])
    yield Step(
        "What happened to this one, and who did it?",
        f'ds.blame({one}, "trees")',
        [
            {
                "snapshot": change.snapshot,
                "at (UTC)": change.at,
                "author": change.author,
                "what": change.message,
                "change": change.change,
                "label": " → ".join(str(v) for v in change.values["label"] if v is not None),
            }
            for change in ds.blame(one, "trees")
        ],
        'Everything is still there as it came, too: ds.at("first-labels").',
        f"loopline blame {place} {one} --field trees",
    )
