"""Fixtures that all tests share."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopline.store import lake as lakes
from tests import services

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"


def pytest_configure() -> None:
    """Ctrl-C is what it is in a terminal, though a shell's background job is started to ignore it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets that lie beside the checkout on some machines; a test that wants them is skipped elsewhere."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("no real data beside this checkout (../shared/data)")
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test touches the user's data sets, or leaves one of its own open: closing lets the next use its engine."""
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "loopline_home"))
    opened = set(lakes._open_lakes)
    monkeypatch.setattr(lakes, "_open_lakes", opened)
    yield
    for lake in opened:
        if not lake.closed and str(lake.location).startswith(f"{tmp_path}/"):
            lake.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this test process: the URL of its maintenance database."""
    programs = services.postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with services.postgres_server(programs) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """The URL of an empty PostgreSQL database for one test."""
    programs = services.postgres_programs()
    assert programs is not None
    return services.new_postgres_database(programs, postgres_url, f"t{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[services.S3Server]:
    """An S3-compatible server of this test process, with one bucket."""
    with services.moto_server() as server:
        yield server


@pytest.fixture
def s3_env(s3_server: services.S3Server, monkeypatch: pytest.MonkeyPatch) -> services.S3Server:
    """`s3_server`, with what its clients need set in the environment of one test."""
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    return s3_server
