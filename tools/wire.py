"""Write web/openapi.json, the server's own description, from which `npm run types` makes the browser's types.

python tools/wire.py && (cd web && npm run types)
"""

from __future__ import annotations

import json
from pathlib import Path

from loopline.server.app import Interface
from loopline.server.library import Library

TARGET = Path(__file__).parents[1] / "web" / "openapi.json"


def described() -> str:
    """The description as text: names in order, so that a change of the server is a small change of the file."""
    schema = Interface(Library(home=False)).whole().openapi_schema.to_schema()
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(described(), encoding="utf-8")
