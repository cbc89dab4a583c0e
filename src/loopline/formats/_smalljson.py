"""Label files in JSON: one small document a picture, or one long list of items."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loopline.errors import FormatError
from loopline.formats._gather import Gather
from loopline.formats._inside import LEADS_OUT, LEADS_OUT_HINT, leads_out
from loopline.formats._jsonstream import Broken, Elements, JsonFile, Value, without_nan


def document(raw: bytes) -> tuple[Any, str]:
    """A small JSON document, and what was not quite JSON in it ("" mostly). NaN and infinity become null.

    Raises FormatError where it is not JSON.
    """
    text = raw.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise FormatError("the file is empty")
    try:
        return msgspec.json.decode(text), ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        try:
            value = json.loads(text.decode("utf-8"))
        except UnicodeDecodeError:
            value = json.loads(text.decode("cp1252", "replace"))
    except (ValueError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise FormatError(f"not JSON: {what}") from None
    return without_nan(value), "not quite JSON (NaN, or text that is not UTF-8); such numbers are left out"


def items(
    path: Path, key: str, gather: Gather, report: Callable[[int, int], None], others: dict[str, Any]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of one top-level list (`key` "" where the document is the list), each with its index.

    Everything else at the top level is in `others` before the first object comes, also what stands behind the list.
    What cannot be read is counted. Raises FormatError where the file is not JSON at all.
    """
    if leads_out(path, gather.source.path):
        gather.skip(LEADS_OUT, path.name, LEADS_OUT_HINT)
        return
    file = JsonFile(path, skip={key} if key else set(), report=report)
    # What is broken inside the list is told when the list is read.
    outside = (p for p in file if not (isinstance(p, Broken) and p.key == key and key in file.skipped))
    yield from _parts(outside, path, key, gather, others)
    if key in file.skipped:
        yield from _parts(file.array(key, file.skipped[key]), path, key, gather, others)


def _parts(
    parts: Iterable[Elements | Value | Broken], path: Path, key: str, gather: Gather, others: dict[str, Any]
) -> Iterator[tuple[int, dict[str, Any]]]:
    for part in parts:
        if isinstance(part, Value):
            if part.key == key:
                gather.skip(f'"{key}" is not a list of objects', f"{path.name}: {key}")
            others[part.key] = part.value
        elif isinstance(part, Broken):
            where = f"{path.name}: {part.key}[{part.index}] at byte {part.byte}"
            if part.fatal:
                hint = "what came before it was read; mend the file and add it again"
                gather.skip(f"{part.what}; the rest of the file is missing", where, hint)
            else:
                gather.skip(part.what, where)
        elif part.key != key:
            others.setdefault(part.key, []).extend(part.kept())
        else:
            yield from _checked(part, path, gather)


def _checked(part: Elements, path: Path, gather: Gather) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, item in enumerate(part.items, start=part.first):
        where = f"{path.name}: {part.key}[{index}]"
        if not isinstance(item, dict):
            gather.skip("not an object", where)
            continue
        if not part.strict:
            clean = without_nan(item)
            if clean != item:
                gather.warn("not a number (NaN or infinite); left out", where)
            item = clean
        yield index, item


def keys_in_head(path: Path, most: int = 1 << 16) -> tuple[bytes, set[str]]:
    """The first bytes that are not space, and the names of keys in them. For sniffing: reads little."""
    with path.open("rb") as file:
        head = file.read(most).removeprefix(b"\xef\xbb\xbf").lstrip()
    found = re.findall(rb'"([^"\\]{1,64})"\s*:', head)
    return head, {name.decode("utf-8", "replace") for name in found}


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """The value if it is a text that is not empty; a number as text."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def pretty(value: Any) -> bytes:
    """JSON as people read it, the same bytes for the same value."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
