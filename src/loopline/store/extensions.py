"""DuckDB's extensions, loaded from their wheels so that nothing is downloaded at run time.

DuckDB checks the publisher's signature of every file that it loads, so a wheel repackaged by somebody else is safe
as long as `allow_unsigned_extensions` stays off. It is never turned on.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from loopline.errors import MissingDependency
from loopline.store.sql import literal

_EXTRA = {"postgres_scanner": "team", "httpfs": "team"}


def load(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load extension `name` into the connection's instance: from its wheel, else from DuckDB's own folder.

    Raises MissingDependency that names the package to install.
    """
    wheel = wheel_file(name)
    try:
        con.execute(f"LOAD {literal(str(wheel))}" if wheel else f"LOAD {name}")
    except duckdb.Error as error:
        package = f"duckdb-extension-{name.replace('_', '-')}"
        extra = _EXTRA.get(name)
        raise MissingDependency(
            f'the DuckDB extension "{name}" for DuckDB {duckdb.__version__} is missing or does not load: {error}',
            where=str(wheel or package),
            hint=f"pip install 'loopline[{extra}]'" if extra else f"pip install '{package}=={duckdb.__version__}'",
        ) from error


def wheel_file(name: str) -> Path | None:
    """The extension's file inside its wheel, for this DuckDB version; None where the wheel is not installed."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    return None
