"""`loopline app`: the web app, in the browser."""

from __future__ import annotations

import os

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import command
from loopline.store.location import FolderLocation, locate


@command(
    "app",
    examples=["loopline app", "loopline app masks", "loopline app masks --host 0.0.0.0 --no-browser"],
)
@click.argument("name", required=False, shell_complete=_complete.datasets)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but this machine's own needs a token.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port [default: 5151, or the next that is free].")
@click.option("--no-browser", is_flag=True, help="Print the link; do not open it.")
@click.option("--token", help="Ask for this token [default: one made up where --host is not this machine].")
def app(name: str | None, host: str, port: int | None, no_browser: bool, token: str | None, as_json: bool) -> None:
    """Look at data sets in the browser.

    NAME is the data set to begin with. Runs until Ctrl-C. With --json one document says where it listens.
    """
    from loopline.server.serve import Server, forward_line, open_browser, page_path

    place = locate(name) if name else None
    # A data set in a folder is opened while browser and server start; what may not be there is opened first.
    folder = place.folder if isinstance(place, FolderLocation) and place.exists() else None
    given = [ll.open(name)] if name and folder is None else []
    server = Server(
        given, folder=folder, host=host, port=port, token=token, path=page_path(place.name if place else None)
    )
    address = server.address
    if as_json:
        _render.document({"url": address.url, "host": address.host, "port": address.port, "token": address.token})
    else:
        _render.line(address.url)
        forward = forward_line(address.port, os.environ)
        if forward:
            _render.note(f"From the machine that you sit at:  {forward}", err=False)
    if not no_browser and not as_json:
        open_browser(address.url)
    server.run()
