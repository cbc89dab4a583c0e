"""Objects of a Pascal VOC file as columns of text, where they are all of one simple form.

A set's objects have the same elements in the same order, as one program wrote them. So the form of one object is a
pattern that finds the others, several times quicker than a tree of elements is made and walked. The rest of the file,
and every file that has anything else in it, goes to the XML parser as before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.etree.ElementTree import Element

CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")

_TAG: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TEXT: Final = r"([^<>&\x00-\x08\x0b\x0c\x0e-\x1f\r\ufffe\uffff]*)"
_SPACE: Final = r"[ \t\n]*"
_UTF_8: Final = re.compile(r"""<\?xml version=["']1\.0["']( encoding=["'](utf|UTF)-8["'])?\s*\?>""")
_MOST_TAGS: Final = 20


@dataclass(frozen=True, slots=True)
class Form:
    """What the objects look like: `tags` of their texts in order, those of the bndbox among them."""

    tags: tuple[str, ...]
    pattern: re.Pattern[str]


def form_of(element: Element) -> Form | None:
    """The form of an object; None where it has anything but texts, each once, and one bndbox of four corners."""
    tags: list[str] = []
    for child in element:
        if child.tag == "bndbox":
            inner = [corner.tag for corner in child]
            if sorted(inner) != sorted(CORNERS) or any(len(corner) or corner.attrib for corner in child):
                return None
            tags += ["bndbox", *inner, "/bndbox"]
        elif len(child) or not _TAG.match(child.tag):
            return None
        else:
            tags.append(child.tag)
        if child.attrib:
            return None
    scores = len({"score", "confidence"} & set(tags))  # which of the two counts depends on what the first one holds
    if (
        scores > 1
        or element.attrib
        or len(set(tags)) < len(tags)
        or len(tags) > _MOST_TAGS
        or not {"name", "bndbox"} <= set(tags)
    ):
        return None
    return _form(tuple(tags))


@lru_cache(maxsize=64)
def _form(tags: tuple[str, ...]) -> Form:
    parts = [f"<{tag}>" if tag in ("bndbox", "/bndbox") else f"<{tag}>{_TEXT}</{tag}>" for tag in tags]
    pattern = _SPACE.join([f"{_SPACE}<object>", *parts, "</object>"])
    return Form(tuple(t for t in tags if t not in ("bndbox", "/bndbox")), re.compile(pattern))


def taken_out(file: bytes, form: Form) -> tuple[bytes, dict[str, list[str]]] | None:
    """The file without its objects, and their texts by tag; None where they are not all of this form, side by side
    right under the root, or the file holds what only a parser can tell."""
    try:
        text = file.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    width = len(form.tags) + 1
    parts = form.pattern.split(text)
    count = len(parts) // width
    if not count or count != text.count("<object") or "<!" in text:
        return None
    head, tail = parts[0], parts[-1]
    if any(parts[width:-1:width]) or not _at_the_root(head):
        return None
    return (head + tail).encode(), {tag: parts[place::width] for place, tag in enumerate(form.tags, start=1)}


def _at_the_root(head: str) -> bool:
    """Whether a file's beginning leaves exactly the root open."""
    declared = _UTF_8.match(head)
    body = head[declared.end() :] if declared else head
    if "=" in body or "<?" in body:  # an attribute may hold what looks like the end of an element
        return False
    closed = body.count("</")
    return body.count("<") - body.count("/>") - 2 * closed == 1
