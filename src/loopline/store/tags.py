"""Tags of samples and objects: one word each, with who gave it and when."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from loopline.errors import BadValue
from loopline.store.edits import Ids, by_ids
from loopline.store.lake import Lake, Transaction, current_author
from loopline.store.tables import SAMPLE_OWNER


def add_tags(lake: Lake, owner: str, ids: Ids, names: Sequence[str], *, message: str = "") -> int:
    """Give samples (`owner` 'sample') or objects (`owner` a label field) tags; how many rows had not had them."""
    check_tags(names)

    def body(tx: Transaction) -> int:
        _check_owner(tx, owner)
        tag = tx.table("tag")
        source = tx.table("samples" if owner == SAMPLE_OWNER else tx.schema().field(owner).table)
        tx.con.register("_ids", pa.table({"id": pa.array(ids, pa.int64())}))
        added = tx.number(
            f"""INSERT INTO {tag} SELECT ?, id, tag, ?, now()::TIMESTAMP FROM (
                    SELECT DISTINCT i.id, t.tag FROM _ids i JOIN {source} s ON s.id = i.id, (SELECT unnest(?::VARCHAR[]) AS tag) t)
                WHERE (id, tag) NOT IN (SELECT (owner_id, tag) FROM {tag} WHERE owner = ?)""",
            [owner, current_author(), list(names), owner],
        )
        tx.details.update(owner=owner, tags=list(names), rows=added)
        return added

    return lake.commit("tag", body, message=message or f"tag {', '.join(names)}")


def remove_tags(lake: Lake, owner: str, ids: Ids, names: Sequence[str], *, message: str = "") -> int:
    """Take tags away; how many there were."""
    check_tags(names)

    def body(tx: Transaction) -> int:
        _check_owner(tx, owner)
        where, parameters = by_ids(tx, "owner_id", ids)
        removed = tx.number(
            f"DELETE FROM {tx.table('tag')} WHERE owner = ? AND tag IN (SELECT unnest(?::VARCHAR[])) AND {where}",
            [owner, list(names), *parameters],
        )
        tx.details.update(owner=owner, tags=list(names), rows=removed)
        return removed

    return lake.commit("untag", body, message=message or f"untag {', '.join(names)}")


def _check_owner(tx: Transaction, owner: str) -> None:
    if owner != SAMPLE_OWNER:
        tx.schema().field(owner)


def check_tags(names: Sequence[str]) -> None:
    """Raise BadValue unless every name can be a tag."""
    if isinstance(names, str) or not names:
        raise BadValue("tags are a list of words", hint='write ["todo"]')
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > 200 or "\n" in name:
            raise BadValue(f"{name!r} cannot be a tag", hint="use one line of text, at most 200 characters")
