"""Writes. Each answers what it did and how to take it back."""

from __future__ import annotations

from typing import Final

from litestar import post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from loopline.server import changing
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import Changed, DeleteIn, EditIn, RestoreIn, SetIn, TagIn, UndoIn


@post("/api/d/{name:str}/tag", status_code=200, sync_to_thread=True)
def tag(shelf: Given, name: DatasetName, data: JSONBody[TagIn]) -> Changed:
    """Give the chosen samples or objects tags."""
    return changing.tag(shelf.shown(name), data.selection, data.tags)


@post("/api/d/{name:str}/untag", status_code=200, sync_to_thread=True)
def untag(shelf: Given, name: DatasetName, data: JSONBody[TagIn]) -> Changed:
    """Take tags away."""
    return changing.tag(shelf.shown(name), data.selection, data.tags, take=True)


@post("/api/d/{name:str}/set", status_code=200, sync_to_thread=True)
def set_column(shelf: Given, name: DatasetName, data: JSONBody[SetIn]) -> Changed:
    """Set one column of the chosen samples or objects to one value."""
    return changing.set_column(shelf.shown(name), data.selection, data.column, data.value)


@post("/api/d/{name:str}/delete", status_code=200, sync_to_thread=True)
def delete(shelf: Given, name: DatasetName, data: JSONBody[DeleteIn]) -> Changed:
    """Delete the chosen samples or objects. Media files stay."""
    return changing.delete(shelf.shown(name), data.selection)


@post("/api/d/{name:str}/edit", status_code=200, sync_to_thread=True)
def edit(shelf: Given, name: DatasetName, data: JSONBody[EditIn]) -> Changed:
    """Change single objects, or add some."""
    return changing.edit(shelf.shown(name), data.field, data.edits)


@post("/api/d/{name:str}/undo", status_code=200, sync_to_thread=True)
def undo(shelf: Given, name: DatasetName, data: JSONBody[UndoIn]) -> Changed:
    """Take a change back. What was changed again since is left as it is."""
    return changing.undo(shelf.shown(name), data.undo, data.said)


@post("/api/d/{name:str}/restore", status_code=200, sync_to_thread=True)
def restore(shelf: Given, name: DatasetName, data: JSONBody[RestoreIn]) -> Changed:
    """Make everything as it was at a version, as a new snapshot."""
    return changing.restore(shelf.shown(name), data.version)


ROUTES: Final[list[ControllerRouterHandler]] = [tag, untag, set_column, delete, edit, undo, restore]
