"""Exit codes, and how a mistake is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import loopline as ll
from loopline.jobs import StopSignal
from tests.cli.conftest import Loopline


def test_an_unknown_command_is_wrong_usage_and_offers_near_ones(loopline: Loopline) -> None:
    answer = loopline("qeury")
    assert answer.code == 2
    assert 'did you mean "query"?' in answer.err
    assert answer.out == ""


def test_an_unknown_option_is_wrong_usage(loopline: Loopline) -> None:
    assert loopline("add", "x", ".", "--exsiting", "keep").code == 2


def test_a_data_set_that_is_not_there_is_a_reported_failure(loopline: Loopline) -> None:
    answer = loopline("info", "nowhere")
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert 'no data set "nowhere"' in answer.err
    assert "hint: loopline list" in answer.err


def test_a_fault_in_an_expression_has_a_caret_under_it(loopline: Loopline, filled: str) -> None:
    answer = loopline("query", filled, "heigth > 3 and ground_truth.count() > 1")
    assert answer.code == 1
    lines = answer.err.splitlines()
    assert lines[1].index("heigth") == lines[2].index("^")
    assert 'did you mean "height"?' in lines[3]


def test_with_json_an_error_is_a_document_on_stdout_too(loopline: Loopline, filled: str) -> None:
    answer = loopline("query", filled, "width > 3 and heigth > 3", "--json")
    assert answer.code == 1
    error = answer.document["error"]
    assert error["type"] == "UnknownName"
    assert error["text"][error["column"] :].startswith("heigth")
    assert "error: " in answer.err
    assert loopline("query", "--json").document["error"]["type"] == "WrongUsage"


def test_no_traceback_is_shown_unless_it_is_asked_for(loopline: Loopline, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Traceback" not in loopline("info", "nowhere").err
    monkeypatch.setenv("LOOPLINE_DEBUG", "1")
    assert "Traceback" in loopline("info", "nowhere").err


def test_drop_is_not_done_unasked(loopline: Loopline, tmp_path: Path) -> None:
    place = tmp_path / "gone"
    assert loopline("create", place).code == 0
    answer = loopline("drop", place)
    assert answer.code == 2
    assert "--yes" in answer.err
    assert place.exists()
    assert loopline("drop", place, "--yes", "--json").document["dropped"] == "gone"
    assert not place.exists()


class Interrupted:
    """A data set whose import is interrupted with Ctrl-C after three of nine files."""

    def add(self, path: Path, *, stop: StopSignal, **rest: Any) -> None:
        stop.keep("3 of 9 files are looked at", resume="run the same command again")
        signal.raise_signal(signal.SIGINT)
        stop.check()


def test_ctrl_c_ends_an_import_with_what_was_kept(loopline: Loopline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ll, "open", lambda name: Interrupted(), raising=False)
    answer = loopline("add", "x", ".", "--json")
    assert answer.code == 130
    assert answer.document["error"]["what"] == "stopped; 3 of 9 files are looked at"
    assert "run the same command again" in answer.err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "loopline", "completion", "bash"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    with child.stderr as errors:
        assert errors.read() == b""
    assert child.wait() == 0


def test_control_characters_in_names_do_not_reach_the_terminal(loopline: Loopline, filled: str) -> None:
    answer = loopline("query", filled, "path == '\x1b[31m'", "--sort", "\x1b[31m")
    assert answer.code == 1
    assert "\x1b" not in answer.err


def test_an_import_that_adds_nothing_lists_its_problems_as_json(loopline: Loopline, tmp_path: Path) -> None:
    loopline("create", tmp_path / "set")
    (tmp_path / "labels.json").write_text('{"images": [{"id": 1}], "annotations": [], "categories": []}')
    answer = loopline("add", tmp_path / "set", tmp_path / "labels.json", "--format", "coco", "--json")
    assert answer.code == 1
    error = answer.document["error"]
    assert error["type"] == "NothingAdded"
    assert sum(one["rows"] for one in error["counts"]) == len(error["problems"]) == 1
    assert error["problems"][0]["where"].startswith("labels.json")
