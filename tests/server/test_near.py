"""Beside a sample: the order of the view, and what looks like it."""

from __future__ import annotations

import numpy as np

import loopline as ll
from loopline.store.vectors import Embedding, write_vectors
from tests.server.conftest import Browser


def test_around_walks_the_view_in_its_order(ds: ll.Dataset, browser: Browser) -> None:
    spec = {"where": "weather == 'sun'", "sort": "-width"}
    ids = ds.where("weather == 'sun'").sort("-width").ids().tolist()
    for at, one in enumerate(ids):
        found = browser.post("around", id=one, view=spec, count=3)
        assert found["position"] == at
        assert found["ids"] == ids[found["offset"] : found["offset"] + 3]
        assert one in found["ids"]
    outside = int(ds.where("weather == 'rain'").ids()[0])
    assert browser.post("around", id=outside, view=spec) == {"position": None, "offset": 0, "ids": [], "of": len(ids)}


def test_around_walks_the_samples_of_objects(ds: ll.Dataset, browser: Browser) -> None:
    owners = ds.objects("truth").samples().ids().tolist()
    found = browser.post("around", id=owners[1], view={"objects": "truth"})
    assert found["ids"] == owners
    assert found["position"] == 1


def test_similar_is_what_the_data_set_says(ds: ll.Dataset, browser: Browser) -> None:
    ids = ds.view().ids()
    matrix = np.random.default_rng(0).standard_normal((len(ids), 4)).astype(np.float32)
    write_vectors(ds.lake, Embedding("v", "sample", "made up", "1", 4, False), ids, matrix)
    found = browser.post("similar", key="v", ids=[int(ids[2])], count=3)
    assert [row["id"] for row in found] == ds.similar(int(ids[2]), limit=3).ids.tolist()
    assert browser.problem("similar", key="w", ids=[int(ids[2])])["detail"].startswith('there is no embedding "w"')


def test_similar_takes_the_embedding_of_what_is_asked_about(ds: ll.Dataset, browser: Browser) -> None:
    samples, objects = ds.view().ids(), ds.objects("truth").ids()
    assert browser.post("similar", ids=[int(samples[0])]) == []
    for owner, ids in (("sample", samples), ("truth", objects)):
        matrix = np.random.default_rng(1).standard_normal((len(ids), 4)).astype(np.float32)
        write_vectors(ds.lake, Embedding(f"of_{owner}", owner, "made up", "1", 4, False), ids, matrix)
    found = browser.post("similar", ids=[int(objects[0])], of="truth", count=3)
    assert [row["id"] for row in found] == ds.similar(int(objects[0]), key="of_truth", limit=3).ids.tolist()
    assert browser.post("similar", ids=[int(samples[0])], count=1)[0]["id"] in samples.tolist()
    assert browser.post("similar", ids=[int(samples[0])], of="predictions") == []
