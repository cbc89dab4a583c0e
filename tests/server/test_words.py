"""Searching by words in the app: the view's order is how well the words fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from litestar.testing import TestClient
from PIL import Image

import loopline as ll
from loopline.server.app import make_app
from loopline.server.library import Library
from loopline.server.safety import Rules
from tests.models.test_text import pair
from tests.server.conftest import Browser

pytest.importorskip("onnxruntime")


def test_the_view_is_ordered_by_how_well_words_fit(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("red", "green", "blue", "yellow"):
        Image.new("RGB", (60 if name == "green" else 20, 12), name).save(tmp_path / "pictures" / f"{name}.png")
    with ll.create(tmp_path / "set") as ds:
        ds.add(tmp_path / "pictures")
        ds.embed(pair(tmp_path / "model"), key="words")
        ds.embed(key="looks")  # newer, and knows no words
        with TestClient(make_app(Library([ds]), Rules()), base_url="http://127.0.0.1:5151") as client:
            browser = Browser(client, ds.name)

            def paths(**view: object) -> list[str]:
                ids = browser.columns("page", view=view, count=10)["id"]
                names = dict(
                    zip(ds.view().ids().tolist(), ds.view().to_arrow(["path"])["path"].to_pylist(), strict=True)
                )
                return [names[int(i)] for i in np.asarray(ids)]

            assert paths(words="blue")[0] == "blue.png"
            assert len(paths(words="blue")) == 4
            # The tiles' shapes come in the same order.
            wide = browser.columns("layout", view={"words": "green"})["aspect"]
            assert wide[0] == max(wide) != min(wide)
            assert paths(words="red, green")[0] == "yellow.png"
            assert paths(words="green", where="path != 'green.png'")[0] == "yellow.png"
            told = browser.post("view", view={"words": "green", "where": "width > 1"})
            assert told["count"] == 4
            assert (
                told["python"]
                == f"ll.open({ds.name!r}).similar(text='green', key='words', within=ll.open({ds.name!r}).where('width > 1'))"
            )
            # What looks like the path of a file is words all the same.
            browser.post("view", view={"words": str(tmp_path / "pictures" / "red.png")})


def test_without_an_embedding_that_knows_words_it_says_what_to_do(ds: ll.Dataset, browser: Browser) -> None:
    problem = browser.problem("view", view={"words": "rain"})
    assert problem["part"] == "words"
    assert "no embedding of samples" in problem["detail"]
    assert f"loopline embed {ds.name} imagenet_words" in problem["hint"]
    ds.embed(key="looks")
    assert "knows no words" in browser.problem("view", view={"words": "rain"})["detail"]
