"""The types of the wire are worked out before threads meet them, and nothing is loaded that no page has asked for yet."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import sys, threading, msgspec
from loopline.server.app import Interface
from loopline.server.library import Library
from loopline.server.wire import SaveViewIn, Selection, ViewIn, ViewSpec
Interface(Library(home=False)).whole()
sys.setswitchinterval(1e-6)
body = b'{"view":{"where":"a","filters":[{"control":"b","where":"c"}],"keep":[{"field":"f","where":"g"}]}}'
start = threading.Barrier(6)
def meet(kind, data):
    start.wait()
    msgspec.json.decode(data, type=kind)
pairs = [(ViewIn, body), (ViewSpec, body[8:-1]), (Selection, body)] * 2
threads = [threading.Thread(target=meet, args=pair) for pair in pairs]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("alive", *(name for name in sys.modules if name.startswith("loopline.")))
"""


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=dict(os.environ), timeout=120
    )


def test_threads_that_meet_a_type_at_the_same_time_do_not_end_the_process(
    done: subprocess.CompletedProcess[str],
) -> None:
    assert (done.returncode, done.stdout[:5]) == (0, "alive"), done.stderr[-2000:]


def test_the_app_starts_without_the_metrics(done: subprocess.CompletedProcess[str]) -> None:
    heavy = ("loopline.metrics", "loopline.front.evaluating", "loopline.models", "loopline.curate", "loopline.formats")
    assert [name for name in done.stdout.split() if name.startswith(heavy)] == []
