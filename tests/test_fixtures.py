"""The servers that other tests rely on do start, and DuckDB can read and write them."""

from __future__ import annotations

import importlib
from pathlib import Path

import duckdb

from tests.services import S3Server


def connection_with(*extensions: str) -> duckdb.DuckDBPyConnection:
    """DuckDB with extensions from their installed wheels; nothing is downloaded."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name in extensions:
        package = importlib.import_module(f"duckdb_extension_{name}")
        folder = Path(next(iter(package.__path__))) / "extensions" / f"v{duckdb.__version__}"
        connection.load_extension(str(folder / f"{name}.duckdb_extension"))
    return connection


def test_duckdb_writes_and_reads_a_postgres_table(postgres_database: str) -> None:
    with connection_with("postgres_scanner") as connection:
        connection.execute(f"attach '{postgres_database}' as pg (type postgres)")
        connection.execute("create table pg.made as select range as n from range(3)")
        assert connection.execute("select sum(n) from pg.made").fetchone() == (3,)


def test_each_test_has_its_own_postgres_database(postgres_database: str) -> None:
    with connection_with("postgres_scanner") as connection:
        connection.execute(f"attach '{postgres_database}' as pg (type postgres)")
        tables = "select * from duckdb_tables() where database_name = 'pg' and schema_name = 'public'"
        assert connection.execute(tables).fetchall() == []


def test_duckdb_writes_and_reads_a_parquet_file_on_s3(s3_server: S3Server) -> None:
    with connection_with("httpfs") as connection:
        connection.execute(
            "create secret (type s3, provider config, key_id ?, secret ?, region ?, endpoint ?, url_style 'path', use_ssl false)",
            [
                s3_server.env["AWS_ACCESS_KEY_ID"],
                s3_server.env["AWS_SECRET_ACCESS_KEY"],
                s3_server.env["AWS_REGION"],
                s3_server.url.removeprefix("http://"),
            ],
        )
        target = f"s3://{s3_server.bucket}/smoke/made.parquet"
        connection.execute(f"copy (select range as n from range(3)) to '{target}'")
        assert connection.execute("select sum(n) from read_parquet(?)", [target]).fetchone() == (3,)
