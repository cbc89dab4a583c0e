"""The interface's own description of itself: complete, and no request that fits it is a fault of ours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error

import loopline as ll
from loopline.server.app import Interface
from loopline.server.library import Library
from loopline.server.serve import Server

ROOT = Path(__file__).parents[2]
RENEW = "python tools/wire.py && (cd web && npm run types)"
ENDLESS = "events"
EXAMPLES = 4


@pytest.fixture(scope="module")
def served(made_once: Path) -> Iterator[str]:
    """The address of a running app over a data set that may be spoiled."""
    spoiled = made_once.parent / "spoiled"
    shutil.copytree(made_once, spoiled)
    with ll.open(spoiled) as ds:
        server = Server([ds], port=0, home=False).start()
        yield server.address.base
        server.close()


def test_every_operation_has_a_name_and_a_line_of_its_own() -> None:
    paths = Interface(Library(home=False)).whole().openapi_schema.to_schema()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    assert len(operations) > 35
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["description"].strip().endswith((".", ")")) for operation in operations)


@pytest.mark.skipif(not (ROOT / "web" / "openapi.json").is_file(), reason="no sources of the app here")
def test_the_browsers_types_come_from_this_schema() -> None:
    found = (ROOT / "web" / "openapi.json").read_text(encoding="utf-8")
    schema = Interface(Library(home=False)).whole().openapi_schema.to_schema()
    same = json.loads(found) == json.loads(json.dumps(schema))
    assert same, f"web/openapi.json is not what the server says of itself; renew it: {RENEW}"


@pytest.mark.slow
def test_no_request_that_fits_the_schema_is_a_fault_of_ours(served: str) -> None:
    schema = schemathesis.openapi.from_url(f"{served}/api/schema/openapi.json")
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] == ENDLESS:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def attempt(case: Case) -> None:
            case.path_parameters = {**(case.path_parameters or {}), "name": "spoiled"}
            case.call_and_validate(checks=[not_a_server_error], timeout=60)

        attempt()
