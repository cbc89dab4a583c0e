"""How fast a data set is: import, queries, pages, edits, versions, export, on a made-up COCO set of any size.

    python benchmarks/store.py                                   100 k pictures, 0.7 M truths, 1 M predictions
    python benchmarks/store.py --images 1000000 --skip-export    1 M pictures, 17 M objects
    python benchmarks/store.py --polygons                        with outlines

Reading is compared with msgspec merely decoding the same text; queries with SQL written by hand on the same Parquet
files, in turn in one process. Prints tables and writes JSON to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))
from _coco import write_predictions, write_truth
from _measure import folder_mb, in_process, machine, median_ms, once_s, paired_ms, peak_memory_mb, table

import loopline as ll

RESULTS = Path(__file__).parent / "results"

QUERIES: dict[str, tuple[str, str]] = {
    "samples by a column": ("path.contains('77')", "SELECT count(*) FROM s WHERE contains(path, '77')"),
    "any object, label and score": (
        "predictions.any(label == 'class 3' and score > 0.5)",
        "SELECT count(*) FROM s WHERE id IN (SELECT sample_id FROM p WHERE label = 'class 3' AND score > 0.5)",
    ),
    "no object": (
        "not predictions.any(score > 0.6)",
        "SELECT count(*) FROM s WHERE id NOT IN (SELECT sample_id FROM p WHERE score > 0.6)",
    ),
    "count of objects": (
        "ground_truth.count(label == 'class 0') > 2",
        "SELECT count(*) FROM (SELECT sample_id FROM g WHERE label = 'class 0' GROUP BY 1 HAVING count(*) > 2)",
    ),
    "mean over objects": (
        "predictions.mean(score) > 0.3",
        "SELECT count(*) FROM (SELECT sample_id FROM p GROUP BY 1 HAVING avg(score) > 0.3)",
    ),
    "share of the picture": (
        "ground_truth.any(box.rel_area < 0.001)",
        "SELECT count(*) FROM s WHERE id IN (SELECT sample_id FROM g JOIN s ON s.id = g.sample_id WHERE w * h / (width * height) < 0.001)",
    ),
    "two fields": (
        "ground_truth.count() > predictions.count()",
        (
            "SELECT count(*) FROM s LEFT JOIN (SELECT sample_id, count(*) n FROM g GROUP BY 1) a ON a.sample_id = s.id "
            "LEFT JOIN (SELECT sample_id, count(*) n FROM p GROUP BY 1) b ON b.sample_id = s.id WHERE coalesce(a.n, 0) > coalesce(b.n, 0)"
        ),
    ),
    "a tag": (
        "'todo' in tags",
        "SELECT count(*) FROM s WHERE id IN (SELECT owner_id FROM t WHERE owner = 'sample' AND tag = 'todo')",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--truths", type=float, default=7.0, help="per picture")
    parser.add_argument("--predictions", type=float, default=10.0, help="per picture")
    parser.add_argument("--polygons", action="store_true")
    parser.add_argument("--skip-export", action="store_true")
    parser.add_argument(
        "--keep", type=Path, help="work in this folder and keep it; an earlier run's input is used again"
    )
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="loopline-benchmark-"))
    if options.step:
        print(json.dumps(STEPS[options.step](folder, options)))
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run(folder, options)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, options: argparse.Namespace) -> None:
    if not (folder / "predictions.json").exists():
        write_truth(folder / "truth.json", options.images, options.truths, polygons=options.polygons)
        write_predictions(folder / "predictions.json", options.images, options.predictions)
    shutil.rmtree(folder / "set", ignore_errors=True)
    extra = ["--keep", str(folder), "--images", str(options.images)]
    found: dict[str, Any] = {
        "machine": machine("duckdb", "pyarrow", "msgspec"),
        "images": options.images,
        "polygons": options.polygons,
    }
    steps = ["decode", "import", "queries", "edits"] + ([] if options.skip_export else ["export"])
    for step in steps:
        print(f"… {step}", file=sys.stderr, flush=True)
        found[step] = in_process(__file__, step, *extra)
    found["disk_mb"] = {
        "input": (folder / "truth.json").stat().st_size / 1e6 + (folder / "predictions.json").stat().st_size / 1e6,
        "data set": folder_mb(folder / "set"),
    }
    show(found)
    RESULTS.mkdir(exist_ok=True)
    name = f"store-{options.images}{'-polygons' if options.polygons else ''}.json"
    (RESULTS / name).write_text(json.dumps(found, indent=1) + "\n")


def decode(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    """msgspec turning the whole text into Python objects, and nothing else."""
    out: dict[str, Any] = {}
    for name in ("truth", "predictions"):
        text = (folder / f"{name}.json").read_bytes()
        gc.disable()
        wall, cpu, _unused = once_s(lambda text=text: len(msgspec.json.decode(text)))
        out[name] = {"wall_s": wall, "cpu_s": cpu, "mb": len(text) / 1e6}
    return out


def import_(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    ds = ll.create(folder / "set")
    out: dict[str, Any] = {}
    for name, field in (("truth", "ground_truth"), ("predictions", "predictions")):
        wall, cpu, report = once_s(lambda name=name, field=field: ds.add(folder / f"{name}.json", field=field))
        out[name] = {
            "wall_s": wall,
            "cpu_s": cpu,
            "samples": report.samples_added,
            "objects": sum(report.objects_added.values()),
        }
    return {**out, "peak_mb": peak_memory_mb()}


def queries(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    ds = ll.open(folder / "set")
    ds.tag(ds.where("path.contains('99')"), "todo")
    hand = _by_hand(folder / "set")
    out: dict[str, Any] = {}
    for name, (text, sql) in QUERIES.items():
        ours, theirs = ds.where(text).count(), hand.execute(sql).fetchone()[0]
        assert ours == theirs, f"{name}: {ours} and {theirs}"
        mine, plain = paired_ms(lambda text=text: ds.where(text).count(), lambda sql=sql: hand.execute(sql).fetchone())
        out[name] = {"ours_ms": mine, "sql_ms": plain, "rows": ours}
    fresh = iter(range(60, 200))  # the ids of a view are kept in memory, so each run asks for another view
    for name, call, sql in (
        (
            "facets of a class",
            lambda: ds.facets("predictions.label", limit=100),
            "SELECT label, count(*), count(DISTINCT sample_id) FROM p GROUP BY 1 ORDER BY 2 DESC",
        ),
        (
            "histogram of a score",
            lambda: ds.view().histogram("predictions.score"),
            (
                "WITH r AS (SELECT min(score) AS a, max(score) AS b FROM p) "
                "SELECT floor((score - a) / (b - a) * 24), count(*) FROM p, r GROUP BY 1"
            ),
        ),
        (
            "sort by a column",
            lambda: ds.view().sort("-path").limit(next(fresh)).ids(),
            "SELECT id FROM s ORDER BY path DESC LIMIT 60",
        ),
    ):
        mine, plain = paired_ms(call, lambda sql=sql: hand.execute(sql).fetchall())
        out[name] = {"ours_ms": mine, "sql_ms": plain}
    return {"queries": out, "pages": _pages(ds, options.images), "peak_mb": peak_memory_mb()}


def _by_hand(place: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for short, name in (("s", "samples"), ("g", "label__ground_truth"), ("p", "label__predictions"), ("t", "tag")):
        con.execute(f"CREATE VIEW {short} AS FROM read_parquet('{place}/data/main/{name}/*.parquet')")
    return con


def _pages(ds: Any, images: int) -> dict[str, float]:
    """60 samples with all labels: of the whole, of a filtered view, at scattered places."""
    everything, filtered = ds.view(), ds.where("predictions.any(score > 0.5)")
    rng = np.random.default_rng(5)
    count = filtered.count()
    scattered = ds.view().sample(60_000 if images > 60_000 else images // 2, seed=1)
    return {
        "open the data set": median_ms(lambda: _opened(ds), runs=3, warm_up=0),
        "first page": median_ms(lambda: everything.page(0, 60)),
        "deep page": median_ms(lambda: everything.page(int(rng.integers(images // 2, images - 60)), 60)),
        "page of a filter": median_ms(lambda: filtered.page(int(rng.integers(0, count - 60)), 60)),
        "page of a random order": median_ms(
            lambda: scattered.page(int(rng.integers(0, images // 2 if images <= 60_000 else 59_000)), 60)
        ),
    }


def _opened(ds: Any) -> None:
    from loopline.store.lake import Lake

    Lake.open(ds.lake.location).close()


def edits(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    ds = ll.open(folder / "set")
    ids = ds.objects("ground_truth").limit(200_000).ids()
    number = iter(range(1000))
    out: dict[str, float] = {
        "edit one object": median_ms(
            lambda: ds.labels.edit("ground_truth", {"id": [int(ids[next(number) * 37])], "label": ["class 1"]}), runs=15
        ),
        "tag one sample": median_ms(lambda: ds.tag([next(number)], "looked at"), runs=15),
        "add one object": median_ms(
            lambda: ds.labels.add(
                "ground_truth",
                {"sample_id": [next(number)], "label": ["class 2"], "x": [1.0], "y": [1.0], "w": [9.0], "h": [9.0]},
            ),
            runs=15,
        ),
    }
    out["page after edits"] = median_ms(lambda: ds.view().page(options.images // 2, 60))
    ds.version("before")
    out["tag a tenth"] = 1000 * once_s(lambda: ds.tag(ds.where("path.contains('7.jpg')"), "sevens"))[0]
    ds.columns.add("brightness", "float")
    all_ids = ds.view().ids()
    out["set a column, all samples"] = (
        1000 * once_s(lambda: ds.set("brightness", np.random.default_rng(0).random(len(all_ids))))[0]
    )
    changes = pa.table({"id": ids[:10_000], "x": np.full(10_000, 1.25)})
    out["edit 10,000 objects"] = 1000 * once_s(lambda: ds.labels.edit("ground_truth", changes))[0]
    wall, _, found = once_s(lambda: ds.diff("before"))
    assert found.fields["ground_truth"].changed == 10_000
    out["diff"] = 1000 * wall
    out["restore"] = 1000 * once_s(lambda: ds.restore("before"))[0]
    out["upkeep"] = 1000 * once_s(lambda: ds.upkeep())[0]
    return {"edits": out, "peak_mb": peak_memory_mb()}


def export(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    ds = ll.open(folder / "set")
    target = folder / "out.json"
    wall, cpu, _unused = once_s(lambda: ds.export(target, fields=["ground_truth"], overwrite=True))
    return {"wall_s": wall, "cpu_s": cpu, "mb": target.stat().st_size / 1e6, "peak_mb": peak_memory_mb()}


STEPS = {"decode": decode, "import": import_, "queries": queries, "edits": edits, "export": export}


def show(found: dict[str, Any]) -> None:
    decoded, imported = found["decode"], found["import"]
    print(f"{found['images']:,} pictures · " + " · ".join(f"{k} {v}" for k, v in found["machine"].items()))
    rows = []
    for name in ("truth", "predictions"):
        a, b = imported[name], decoded[name]
        rows.append(
            (
                f"{name}: {a['objects']:,} objects",
                f"{a['wall_s']:.2f} s",
                f"{a['wall_s'] / b['wall_s']:.2f}× msgspec decoding {b['mb']:.0f} MB (CPU {a['cpu_s'] / b['cpu_s']:.2f}×)",
            )
        )
    rows.append(("peak memory", f"{imported['peak_mb']:.0f} MB", ""))
    table("import", rows)
    table(
        "queries, against SQL by hand",
        [
            (n, f"{q['ours_ms']:.0f} ms", f"{q['ours_ms'] / q['sql_ms']:.2f}× of {q['sql_ms']:.0f} ms")
            for n, q in found["queries"]["queries"].items()
        ],
    )
    table(
        "a page of 60 samples with all labels", [(n, f"{t:.0f} ms", "") for n, t in found["queries"]["pages"].items()]
    )
    table("changes", [(n, f"{t:.0f} ms", "") for n, t in found["edits"]["edits"].items()])
    if "export" in found:
        e = found["export"]
        table(
            "export",
            [
                (
                    "COCO file",
                    f"{e['wall_s']:.2f} s",
                    f"{e['mb']:.0f} MB, {e['wall_s'] / decoded['truth']['wall_s']:.2f}× msgspec decoding",
                )
            ],
        )
    peaks = ", ".join(
        f"{s} {found[s]['peak_mb']:.0f} MB" for s in ("import", "queries", "edits", "export") if s in found
    )
    table("space", [(n, f"{v:.0f} MB", "") for n, v in found["disk_mb"].items()] + [("peak memory", "", peaks)])


if __name__ == "__main__":
    main()
