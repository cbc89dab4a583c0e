"""`ll.show` and `loopline app`: the address that shows a view."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import loopline as ll
from loopline.errors import BadValue
from loopline.server.show import link_of


def test_a_view_is_an_address(ds: ll.Dataset) -> None:
    view = ds.where("weather == 'rain'").where("width > 70").sort("-width", "path")
    assert link_of(view) == {"q": "weather == 'rain' and width > 70", "sort": "-width, path"}
    objects = ds.where("width > 70").objects("truth").sort("-box.area")
    assert link_of(objects) == {"q": "width > 70", "objects": "truth", "sort": "-box.area"}
    assert link_of(ds.view()) == {}


def test_a_view_that_no_condition_describes_is_an_address_of_ids(ds: ll.Dataset) -> None:
    ids = ds.view().limit(2).ids()
    assert link_of(ds.view().limit(2)) == {"q": f"id in [{ids[0]}, {ids[1]}]"}
    assert ds.where(link_of(ds.sample(3, seed=1))["q"]).count() == 3
    assert ds.where(link_of(ds.view().limit(0))["q"]).count() == 0


def test_too_many_ids_for_an_address_are_an_error_that_says_what_to_do(
    ds: ll.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loopline.server.show.MOST_IDS", 3)
    with pytest.raises(BadValue, match="4 rows") as raised:
        link_of(ds.view().limit(4))
    assert "tag" in raised.value.hint


def test_show_serves_the_data_set_until_it_is_closed(
    ds: ll.Dataset, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.7 51000 10.0.0.9 22")
    app = ll.show(ds.where("weather == 'rain'"), port=0)
    try:
        assert app.url.endswith("/d/small?q=weather+%3D%3D+%27rain%27")
        with urllib.request.urlopen(f"{app.server.address.base}/api/d/small") as answer:
            assert json.load(answer)["samples"] == 12
        assert "ssh -N -L" in capsys.readouterr().err
        assert ll.show(ds).server is app.server
    finally:
        app.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(app.url)


def test_the_command_says_where_it_listens_and_ends_on_interrupt_whatever_still_runs(made_once: Path) -> None:
    command = [sys.executable, "-m", "loopline", "app", str(made_once), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            lines = []
            for line in program.stdout:
                lines.append(line)
                if line.startswith("}") or (line.startswith("{") and line.rstrip().endswith("}")):
                    break
            told = json.loads("".join(lines))
            assert told["token"] is None
            with urllib.request.urlopen(f"http://127.0.0.1:{told['port']}/api/datasets") as answer:
                assert "small" in [one["name"] for one in json.load(answer)]
            waiting = socket.create_connection(("127.0.0.1", told["port"]))
            head = f"POST /api/d/small/page HTTP/1.1\r\nHost: 127.0.0.1:{told['port']}\r\n"
            waiting.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
            time.sleep(0.5)  # it waits for the rest now
        finally:
            program.send_signal(2)
            _, said = program.communicate(timeout=20)
    assert program.returncode == 130
    assert "running task" in said
    assert "Traceback" not in said
    waiting.close()
