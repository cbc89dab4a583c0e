"""Imports point down; parts do not import each other; nothing imports in a circle. See ARCHITECTURE.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "loopline"

LAYERS = (
    {"errors", "kernel"},
    {"store", "media"},
    {"query", "runs", "jobs"},
    {"formats", "metrics", "curate", "annotate", "models", "train", "monitor", "plots"},  # the parts
    {"front", "__init__"},
    {"server", "notebook", "cli", "demo", "__main__"},
)
PARTS = LAYERS[3]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

Edge = tuple[str, str]


def modules(source: Path) -> dict[str, Path]:
    """Dotted module name to file; a package goes by its own name."""
    found = {}
    for file in sorted(source.rglob("*.py")):
        parts = [source.name, *file.relative_to(source).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def edges(source: Path) -> Iterator[Edge]:
    """Who imports whom, as dotted module names, imports inside functions and for types included."""
    known = modules(source)
    for name, file in known.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for target in _imported(node, package, known):
                if target != name:
                    yield name, target


def _imported(node: ast.AST, package: str, known: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif isinstance(node, ast.ImportFrom):
        start = ".".join(package.split(".")[: len(package.split(".")) + 1 - node.level]) if node.level else ""
        base = ".".join(part for part in (start, node.module or "") if part)
        for alias in node.names:
            if f"{base}.{alias.name}" in known:
                yield f"{base}.{alias.name}"
            elif base in known:
                yield base


def area(module: str) -> str:
    """The folder or top-level file that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def faults(source: Path) -> list[str]:
    """Each edge that points up or from part to part, each area without a layer, and the first circle."""
    strangers = [module for module in modules(source) if area(module) not in LEVEL]
    found = [f"{module} is in no layer: add {area(module)!r} to LAYERS and ARCHITECTURE.md" for module in strangers]
    graph: dict[str, set[str]] = {}
    for importer, imported in edges(source):
        graph.setdefault(importer, set()).add(imported)
        above, below = area(importer), area(imported)
        if LEVEL.get(above, 0) < LEVEL.get(below, 0):
            found.append(f"{importer} imports {imported}, which is in a higher layer")
        elif above != below and {above, below} <= PARTS:
            found.append(f"{importer} imports {imported}: parts do not import each other; move what they share down")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        found.append("imports in a circle: " + " -> ".join(circle.args[1]))
    return found


def test_imports_point_down() -> None:
    assert not faults(SOURCE), "\n".join(faults(SOURCE))


def plant(folder: Path, **files: str) -> Path:
    source = folder / "loopline"
    for name, text in files.items():
        file = source / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text)
    return source


def test_an_edge_that_points_up_is_found(tmp_path: Path) -> None:
    source = plant(tmp_path, kernel__boxes="", store__lake="from loopline.kernel import boxes", query__view="")
    assert faults(source) == []
    plant(tmp_path, store__lake="def late():\n    from ..query.view import View")
    assert faults(source) == ["loopline.store.lake imports loopline.query.view, which is in a higher layer"]


def test_a_part_that_imports_a_part_is_found(tmp_path: Path) -> None:
    source = plant(tmp_path, formats__coco="import loopline.metrics.detection", metrics__detection="")
    assert "parts do not import each other" in faults(source)[0]


def test_a_circle_is_found(tmp_path: Path) -> None:
    source = plant(tmp_path, kernel__a="from loopline.kernel import b", kernel__b="from . import a")
    assert faults(source)[0].startswith("imports in a circle")


def test_a_folder_without_a_layer_is_found(tmp_path: Path) -> None:
    assert "is in no layer" in faults(plant(tmp_path, helpers__strings=""))[0]
