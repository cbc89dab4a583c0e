"""Which staged pictures are samples that are there already."""

from __future__ import annotations

from typing import Literal

Same = Literal["path", "content"]
"""What makes a picture one that is there already: the same root and path, or the same bytes. A file without a content
hash (it could not be read, or was not looked at) goes by its path in both cases."""


def match_sql(samples: str, same: Same, content_hash: str | None, join: str) -> str:
    """SQL that makes the temporary table `_keys`: _place and key of each staged picture of the view `_samples s`, the
    id of the sample that it is (null: `fresh`), and its leader, the first place that is the same new picture.

    `samples` reads the lake's samples; `content_hash` is the staged picture's, as SQL over `_samples s` and `join`.
    """
    if same == "path" or content_hash is None:
        return f"""CREATE OR REPLACE TEMP TABLE _keys AS
            WITH there AS (SELECT root, path, min(id) AS id FROM {samples}
                    WHERE path IN (SELECT path FROM _samples) GROUP BY ALL)
            SELECT s._place, s.key, l.id, l.id IS NULL AS fresh, s._place AS leader
            FROM _samples s LEFT JOIN there l ON l.root = s.root::VARCHAR AND l.path = s.path"""
    # `name` is what a picture goes by among the new ones; two that have it are the same, so one id serves them all.
    return f"""CREATE OR REPLACE TEMP TABLE _keys AS
        WITH staged AS (SELECT s._place, s.key, s.root::VARCHAR AS root, s.path, {content_hash} AS hash,
                coalesce({content_hash}, s.root::VARCHAR || chr(0) || s.path) AS name FROM _samples s {join}),
            by_hash AS (SELECT content_hash AS hash, min(id) AS id FROM {samples}
                WHERE content_hash IN (SELECT hash FROM staged) GROUP BY ALL),
            by_path AS (SELECT root, path, min(id) AS id, min(id) FILTER (content_hash IS NULL) AS unread
                FROM {samples} WHERE path IN (SELECT path FROM staged) GROUP BY ALL),
            found AS (SELECT s._place, s.key, s.name,
                    coalesce(h.id, CASE WHEN s.hash IS NULL THEN p.id ELSE p.unread END) AS id
                FROM staged s LEFT JOIN by_hash h ON h.hash = s.hash
                    LEFT JOIN by_path p ON p.root = s.root AND p.path = s.path)
        SELECT _place, key, min(id) OVER same AS id, min(id) OVER same IS NULL AS fresh, min(_place) OVER same AS leader
        FROM found WINDOW same AS (PARTITION BY name)"""
