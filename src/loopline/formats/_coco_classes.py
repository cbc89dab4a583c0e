"""COCO's categories as classes, the same way when reading and when writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loopline.formats._columns import INT64
from loopline.kernel.exchange import Problem
from loopline.kernel.schema import LabelField


def class_names(categories: Sequence[Any]) -> dict[int, str]:
    """Category id → class, in the file's order. A name that is used twice gets its id behind it."""
    names: dict[int, str] = {}
    used: set[str] = set()
    for category in categories:
        code = category.get("id") if isinstance(category, dict) else None
        if type(code) is not int or code not in INT64 or code in names:
            continue
        name = category.get("name")
        name = name if isinstance(name, str) and name else f"category_{code}"
        names[code] = name if name not in used else f"{name} ({code})"
        used.add(names[code])
    return names


def category_problems(categories: Sequence[Any], where: str) -> list[Problem]:
    """What is wrong with a list of categories."""
    problems = []
    ids: set[int] = set()
    used: set[str] = set()
    for place, category in enumerate(categories):
        at = f"{where}: categories[{place}]"
        code = category.get("id") if isinstance(category, dict) else None
        if type(code) is not int or code not in INT64:
            problems.append(Problem("skipped", "a category without a number of at most 64 bits as its id", at))
        elif code in ids:
            problems.append(
                Problem("skipped", "a category id is there twice; the first one counts", f"{at} (id {code})")
            )
        else:
            ids.add(code)
            name = category.get("name")
            if isinstance(name, str) and name in used:
                problems.append(
                    Problem(
                        "warning", "two categories have one name; the later one has its id behind it", f"{at} ({name})"
                    )
                )
            if isinstance(name, str):
                used.add(name)
    return problems


def keypoints_of(categories: Sequence[Any]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Names and skeleton (0-based pairs) of the first category that has keypoints."""
    for category in categories:
        names = category.get("keypoints") if isinstance(category, dict) else None
        if isinstance(names, list) and names:
            pairs = category.get("skeleton")
            bones = [
                (pair[0] - 1, pair[1] - 1)
                for pair in (pairs if isinstance(pairs, list) else [])
                if isinstance(pair, list) and len(pair) == 2 and all(type(p) is int for p in pair)
            ]
            return tuple(str(n) for n in names), tuple(bones)
    return (), ()


def categories_for(field: LabelField) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The categories to write for a field, and class → category id.

    Categories that came from a COCO file are written as they were, less classes that the field has lost; classes that
    are new get the next free ids. Ids that a file used without listing them stay unlisted.
    """
    meta: Mapping[str, Any] = field.meta.get("coco", {})
    known = meta.get("categories") or []
    names = class_names(known)
    written = [dict(c) for c in known if isinstance(c, dict) and names.get(_code(c)) in field.classes]
    ids = {name: code for code, name in names.items() if name in field.classes}
    for code, name in meta.get("unlisted", []):
        ids.setdefault(name, code)
    following = max([0, *ids.values()]) + 1
    for name in field.classes:
        if name not in ids:
            ids[name] = following
            entry: dict[str, Any] = {"id": following, "name": name}
            if field.keypoint_names:
                entry["keypoints"] = list(field.keypoint_names)
                entry["skeleton"] = [[a + 1, b + 1] for a, b in field.skeleton]
            written.append(entry)
            following += 1
    return written, ids


def _code(category: Mapping[str, Any]) -> int:
    code = category.get("id")
    return code if type(code) is int else -1
