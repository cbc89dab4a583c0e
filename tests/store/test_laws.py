"""Random lives of a data set, step by step beside a plain-dictionary model of it."""

from __future__ import annotations

import copy
import datetime as dt
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loopline.kernel.schema import Column, LabelField
from loopline.store import edits, reshape, tags, versions
from loopline.store.diff import diff
from loopline.store.glance import glance
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.upkeep import upkeep
from tests.store import worlds
from tests.store.worlds import State, plain, state

EXAMPLES = int(os.environ.get("LOOPLINE_LAW_EXAMPLES", "5"))  # set it higher to hunt

floats = st.sampled_from([0.0, 1.5, -2.25, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"), None])
texts = st.sampled_from(["rain", "", "it's", 'quo"te', "naïve 🌧", "a\nb", "\\x00", None])
lists = st.sampled_from([[], [1.0, 2.0, 2.0], [float("nan")], [float("inf"), -0.5], None])
parts = st.sampled_from([[], [[]], [[1.0, 2.0], []], [[0.1, float("nan")]], None])
blobs = st.sampled_from([b"", b"\x00\xff'\\", b"abc", None])
whole = st.sampled_from([0, -1, 2**62, -(2**63), 2**63 - 1, None])


class Life:
    """A lake, the model of it, and the model as it was at every snapshot."""

    def __init__(self, lake: Lake, data: st.DataObject) -> None:
        self.lake = lake
        self.draw = data.draw
        self.model: State = state(lake)
        self.past: dict[int, State] = {}
        self.made = 0
        self.used: dict[bool, set[int]] = {True: set(), False: set()}  # keys of samples, of objects
        self.remember()

    def remember(self) -> None:
        self.model["schema"] = self.lake.schema()
        self.past[self.lake.snapshot()] = copy.deepcopy(self.model)
        seen = glance(self.lake.location)
        assert seen is not None
        there = len(self.model["samples"]), sum(map(len, self.model["fields"].values()))
        assert (seen.snapshot, seen.samples, seen.objects) == (self.lake.snapshot(), *there)
        self.used[True] |= self.model["samples"].keys()
        self.used[False] |= {i for rows in self.model["fields"].values() for i in rows}

    def step(self) -> None:
        verbs = [getattr(Life, n) for n in dir(Life) if n.startswith("do_")]
        self.draw(st.sampled_from(verbs))(self)
        self.remember()

    def field(self) -> str | None:
        names = sorted(self.model["fields"])
        return self.draw(st.sampled_from(names)) if names else None

    def some(self, ids: Any, most: int = 5) -> np.ndarray:
        known = sorted(ids)
        if not known:
            return np.empty(0, np.int64)
        return np.array(self.draw(st.lists(st.sampled_from(known), max_size=most, unique=True)), np.int64)

    def attributes(self, field: str) -> list[Column]:
        return list(self.model["schema"].field(field).attributes)

    # -- the verbs

    def do_add(self) -> None:
        n = self.draw(st.sampled_from([1, 3, 70]))
        before = state(self.lake)
        ingest(self.lake, worlds.events(worlds.paths(n, self.made), 1))
        self.made += n
        self.model = state(self.lake)
        for table in ("samples", *before["fields"]):
            old = before["samples"] if table == "samples" else before["fields"][table]
            new = self.model["samples"] if table == "samples" else self.model["fields"][table]
            assert {i: new[i] for i in old} == old
            assert not self.used[table == "samples"] & (new.keys() - old.keys()), "a key was used again"

    def do_add_objects(self) -> None:
        field = self.field()
        owners = self.some(self.model["samples"])
        if field is None or not len(owners):
            return
        columns: dict[str, Any] = {"sample_id": owners.tolist()}
        for name in ("x", "y"):
            columns[name] = [self.draw(floats) for _ in owners]
        columns |= {"w": [1.0] * len(owners), "h": [2.0] * len(owners)}
        columns["label"] = [self.draw(texts) for _ in owners]
        columns["keypoints"] = pa.array([self.draw(lists) for _ in owners], pa.list_(pa.float64()))
        columns["polygons"] = pa.array([self.draw(parts) for _ in owners], pa.list_(pa.list_(pa.float64())))
        columns["mask"] = pa.array([self.draw(blobs) for _ in owners], pa.binary())
        columns["track_id"] = pa.array([self.draw(whole) for _ in owners], pa.int64())
        rows = pa.table(columns)
        ids = edits.add_objects(self.lake, field, rows)
        for key, row in zip(ids.tolist(), rows.to_pylist(), strict=True):
            self.model["fields"][field][key] = {"id": key} | _kept(row)

    def do_edit_objects(self) -> None:
        field = self.field()
        if field is None:
            return
        ids = self.some(self.model["fields"][field], 80)
        changes: dict[str, Any] = {"id": ids, "x": pa.array([self.draw(floats) for _ in ids], pa.float64())}
        for a in self.attributes(field):
            values = {"text": texts, "int": whole, "float": floats}[a.type]
            changes[a.name] = pa.array(
                [self.draw(values) for _ in ids],
                {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}[a.type],
            )
        rows = pa.table(changes)
        edits.edit_objects(self.lake, field, rows)
        for row in rows.to_pylist():
            _set(self.model["fields"][field][row["id"]], row)

    def do_delete_objects(self) -> None:
        field = self.field()
        if field is None:
            return
        for key in _ints(ids := self.some(self.model["fields"][field])):
            del self.model["fields"][field][key]
            self._drop_tags(field, key)
        assert edits.delete_objects(self.lake, field, ids) == len(ids)

    def do_delete_samples(self) -> None:
        for key in _ints(ids := self.some(self.model["samples"], 3)):
            del self.model["samples"][key]
            self._drop_tags("sample", key)
            for field, rows in self.model["fields"].items():
                for owned in [i for i, row in rows.items() if row["sample_id"] == key]:
                    del rows[owned]
                    self._drop_tags(field, owned)
        assert edits.delete_samples(self.lake, ids) == len(ids)

    def _drop_tags(self, owner: str, key: int) -> None:
        self.model["tags"] = {t for t in self.model["tags"] if t[:2] != (owner, key)}

    def do_tag(self) -> None:
        owner = self.draw(st.sampled_from(["sample", *sorted(self.model["fields"])]))
        ids = self.some(self.model["samples"] if owner == "sample" else self.model["fields"][owner])
        words = self.draw(st.lists(st.sampled_from(["todo", "it's ok", "é"]), min_size=1, max_size=2, unique=True))
        if self.draw(st.booleans()):
            tags.add_tags(self.lake, owner, ids, words)
            self.model["tags"] |= {(owner, i, w) for i in ids.tolist() for w in words}
        else:
            tags.remove_tags(self.lake, owner, ids, words)
            self.model["tags"] -= {(owner, i, w) for i in ids.tolist() for w in words}

    def do_column(self) -> None:
        known = {c.name: c for c in self.model["schema"].columns}
        name = self.draw(st.sampled_from(["weather", "light"]))
        rows = self.model["samples"].values()
        if name not in known:
            kind, values = self.draw(st.sampled_from([("text", texts), ("int", whole), ("float", floats)]))
            reshape.add_column(self.lake, Column(name, kind))
            self.past.setdefault(self.lake.snapshot(), {**copy.deepcopy(self.model), "schema": self.lake.schema()})
            ids = self.some(self.model["samples"], 80)
            given_ = [self.draw(values) for _ in ids]
            edits.set_column(self.lake, name, ids, given_ if len(ids) else [])
            for i, v in zip(ids.tolist(), given_, strict=True):
                _set(self.model["samples"][i], {name: v})
        elif self.draw(st.booleans()):
            reshape.drop_column(self.lake, name)
            for row in rows:
                row.pop(name, None)
        elif known[name].type == "int":
            reshape.change_column(self.lake, Column(name, "text"))
            for row in rows:
                if name in row:
                    row[name] = str(row[name])
        elif len(known) == 1:
            other = {"weather": "light", "light": "weather"}[name]
            reshape.rename_column(self.lake, name, other)
            for row in rows:
                if name in row:
                    row[other] = row.pop(name)

    def do_attribute(self) -> None:
        field = self.field()
        if field is None:
            return
        if any(a.name == "size" for a in self.attributes(field)):
            reshape.drop_attribute(self.lake, field, "size")
            for row in self.model["fields"][field].values():
                row.pop("size", None)
        else:
            reshape.add_attribute(
                self.lake, field, Column("size", self.draw(st.sampled_from(["int", "float", "text"])))
            )

    def do_field(self) -> None:
        names = self.model["fields"]
        if "extra" not in names:
            reshape.add_field(self.lake, LabelField("extra", "box"))
            names["extra"] = {}
        elif "other" not in names and self.draw(st.booleans()):
            reshape.rename_field(self.lake, "extra", "other")
            names["other"] = names.pop("extra")
            self.model["tags"] = {("other" if o == "extra" else o, i, t) for o, i, t in self.model["tags"]}
        else:
            gone = self.draw(st.sampled_from(sorted(names)))
            reshape.drop_field(self.lake, gone)
            del names[gone]
            self.model["tags"] = {t for t in self.model["tags"] if t[0] != gone}

    def do_restore(self) -> None:
        target = self.draw(st.sampled_from(sorted(self.past)))
        versions.restore(self.lake, target)
        self.model = copy.deepcopy(self.past[target])
        assert self.lake.schema() == self.model["schema"]

    def do_upkeep(self) -> None:
        upkeep(self.lake, grace=dt.timedelta(0))


def _ints(ids: np.ndarray) -> list[int]:
    return [int(i) for i in ids]


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {k: plain(v) for k, v in row.items() if v is not None}


def _set(row: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in new.items():
        if value is None:
            row.pop(name, None)
        else:
            row[name] = plain(value)


def _by_hand(old: dict[int, dict[str, Any]], new: dict[int, dict[str, Any]]) -> dict[int, tuple[str, set[str]]]:
    """The brute-force comparison of two tables: id → (change, columns)."""
    out: dict[int, tuple[str, set[str]]] = {}
    for key in old.keys() | new.keys():
        if key not in old:
            out[key] = ("added", set())
        elif key not in new:
            out[key] = ("removed", set())
        else:
            names = {n for n in old[key].keys() | new[key].keys() if not _same(old[key].get(n), new[key].get(n))}
            if names:
                out[key] = ("changed", names)
    return out


def _same(a: Any, b: Any) -> bool:
    """Equal; values of different types are compared as text, as a retyped column is."""
    return bool(a == b) or (type(a) is not type(b) and None not in (a, b) and str(a) == str(b))


def _check_diff(lake: Lake, a: int, b: int, old: State, new: State) -> None:
    found = diff(lake, a, b)
    tables = {"samples": (found.samples, old["samples"], new["samples"])}
    for name in old["fields"].keys() | new["fields"].keys():
        tables[name] = (found.fields[name], old["fields"].get(name, {}), new["fields"].get(name, {}))
    assert set(found.fields) == set(tables) - {"samples"}
    for name, (got, before, after) in tables.items():
        wanted = _by_hand(before, after)
        rows = {r["id"]: (r["change"], set(r["columns"])) for r in got.rows.to_pylist()}
        assert rows == wanted, f"{name} between {a} and {b}"
        changes = [change for change, _ in wanted.values()]
        assert (got.added, got.removed, got.changed) == tuple(changes.count(c) for c in ("added", "removed", "changed"))
    assert found.tags_added == len(new["tags"] - old["tags"])
    assert found.tags_removed == len(old["tags"] - new["tags"])


def _equal(got: State, wanted: State) -> None:
    assert got["samples"] == wanted["samples"]
    assert got["fields"] == wanted["fields"]
    assert got["tags"] == wanted["tags"]
    assert got["schema"] == wanted["schema"]


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 5,
    phases=[Phase.explicit, Phase.generate],  # shrinking lives of a lake takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_a_random_life_agrees_with_a_dictionary_at_every_snapshot_in_every_diff_and_after_every_restore(
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory() as folder, worlds.make(Path(folder, "d")) as lake:
        ingest(lake, worlds.events(worlds.paths(70), 1))
        life = Life(lake, data)
        life.made = 70
        for _ in range(data.draw(st.integers(3, 12))):
            life.step()
        for snapshot, past in life.past.items():
            _equal(state(lake, snapshot), past)
        for _ in range(3):
            a, b = (data.draw(st.sampled_from(sorted(life.past))) for _ in "ab")
            _check_diff(lake, a, b, life.past[a], life.past[b])
            _check_diff(lake, b, a, life.past[b], life.past[a])
