"""Where data files may lie: a folder, or S3-compatible storage."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from loopline.store import extensions
from loopline.store.sql import literal


def needs_s3(data: str | None) -> bool:
    return data is not None and "://" in data and not data.startswith("file://")


def has_files(con: duckdb.DuckDBPyConnection, path: str) -> bool:
    if needs_s3(path):
        row = con.execute("SELECT count(*) FROM (FROM glob(?) LIMIT 1)", [f"{path}/**"]).fetchone()
        return row is not None and row[0] > 0
    folder = Path(path.removeprefix("file://"))
    return folder.is_dir() and any(folder.iterdir())


def use_s3(con: duckdb.DuckDBPyConnection) -> None:
    """Reach S3-compatible storage with the usual AWS environment variables."""
    extensions.load(con, "httpfs")
    env = os.environ
    settings = {
        "KEY_ID": env.get("AWS_ACCESS_KEY_ID"),
        "SECRET": env.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": env.get("AWS_SESSION_TOKEN"),
        "REGION": env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"),
    }
    endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
    if endpoint:
        scheme, _, host = endpoint.partition("://")
        settings |= {
            "ENDPOINT": host.rstrip("/"),
            "URL_STYLE": "path",
            "USE_SSL": "false" if scheme == "http" else "true",
        }
    given = {key: literal(value) for key, value in settings.items() if value}
    con.execute(
        "CREATE OR REPLACE SECRET loopline (TYPE s3" + "".join(f", {key} {value}" for key, value in given.items()) + ")"
    )
