"""Small XML label files, read safely and quickly."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from loopline.errors import FormatError


class _NoDoctype(TreeBuilder):
    def doctype(self, *_: str | None) -> None:
        """Label files need no document type; one may hold entities that grow without end or name other files."""
        raise FormatError("the XML has a DOCTYPE, which is refused", hint="remove the DOCTYPE line")


def parse(text: bytes) -> Element:
    """The root element. Raises FormatError for XML that is broken or has a DOCTYPE."""
    parser = XMLParser(target=_NoDoctype())
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise FormatError(f"not XML: {error.msg.split(':')[0]}", where=f"line {line}, column {column + 1}") from error
    except (ValueError, LookupError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"not XML: {error}") from error
    return root


def as_value(element: Element) -> Any:
    """An element as plain data: its text, or a dict of its children (a list where a name is there twice)."""
    if not len(element) and not element.attrib:
        return element.text or ""
    out: dict[str, Any] = {f"@{key}": value for key, value in element.attrib.items()}
    for child in element:
        value = as_value(child)
        if child.tag not in out:
            out[child.tag] = value
        elif isinstance(out[child.tag], list):
            out[child.tag].append(value)
        else:
            out[child.tag] = [out[child.tag], value]
    text = (element.text or "").strip()
    if text:
        out["#text"] = text
    return out


def from_value(tag: str, value: Any) -> list[Element]:
    """Elements whose `as_value` is `value`: one, or one for each item of a list."""
    if isinstance(value, list):
        return [element for item in value for element in from_value(tag, item)]
    element = Element(tag)
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "#text":
                element.text = str(item)
            elif key.startswith("@"):
                element.set(key[1:], str(item))
            else:
                element.extend(from_value(key, item))
    else:
        element.text = value if isinstance(value, str) else str(value)
    return [element]
