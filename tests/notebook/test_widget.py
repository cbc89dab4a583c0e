"""`ll.show` in a notebook: the widget, its views, its still picture."""

from __future__ import annotations

import base64
import builtins
import io
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import loopline as ll
from loopline.errors import BadValue, LooplineError, MissingDependency
from loopline.notebook import show as showing

pytest.importorskip("IPython", reason="the notebook extra is not installed")
pytest.importorskip("anywidget", reason="the notebook extra is not installed")

from loopline.notebook import widget as widgets


@pytest.fixture(autouse=True)
def notebook(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A process that takes itself for a kernel, with an app that is built."""
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    built = tmp_path_factory.mktemp("static")
    for name in ("widget.js", "app.js", "app.css"):
        (built / name).write_text(f"/* {name} */")
    monkeypatch.setattr(widgets, "STATIC", built)
    yield
    showing.close()


def tell(app: Any, **doing: object) -> None:
    """As the page does when the reader moves."""
    app._handle_custom_msg({"doing": doing}, [])


def test_a_notebook_gets_the_widget_at_the_view(ds: ll.Dataset) -> None:
    app = ll.show(ds.where("width > 120").sort("-width"), height=400)
    assert isinstance(app, widgets.NotebookApp)
    assert app.link == "/d/shapes?sort=-width&q=width+%3E+120"
    assert (app.height, app._esm) == (400, "/* widget.js */")
    assert app.view.count() == 4
    assert app.selected.count() == 0
    assert ll.show(ds)._bridge._app is app._bridge._app


def test_what_is_chosen_comes_back_as_a_view(ds: ll.Dataset) -> None:
    app = ll.show(ds)
    ids = ds.view().ids().tolist()
    view = {"where": "width > 120", "filters": [{"control": "x", "where": "ground_truth.any(label == 'disc')"}]}
    tell(app, link="/d/shapes?q=width", dataset="shapes", selection={"view": view, "include": ids[:4]})
    assert app.view.count() == 2
    assert app.selected.ids().tolist() == [ids[3]]
    tell(app, link="/d/shapes", dataset="shapes", selection={"all": True, "exclude": ids[:2]})
    assert app.selected.ids().tolist() == ids[2:]
    assert repr(app) == "<NotebookApp /d/shapes>"


def test_chosen_objects_come_back_as_objects(ds: ll.Dataset) -> None:
    app = ll.show(ds.objects("ground_truth"))
    assert isinstance(app.view, ll.ObjectView)
    ids = app.view.ids().tolist()
    tell(app, dataset="shapes", selection={"view": {"objects": "ground_truth"}, "include": ids[1:3]})
    assert app.selected.ids().tolist() == ids[1:3]


def test_the_list_of_data_sets_has_no_view(ds: ll.Dataset) -> None:
    with pytest.raises(BadValue, match="no data set"):
        ll.show().view  # noqa: B018


def test_messages_of_the_page_are_answered_through_the_comm(ds: ll.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    app = ll.show(ds)
    told: list[Any] = []
    monkeypatch.setattr(app, "send", lambda content, buffers: told.append((content, buffers)))
    app._handle_custom_msg({"code": 5}, [])
    assert told == [({"id": 5, "status": 200, "type": "code", "more": False}, [b"/* app.js */", b"/* app.css */"])]
    app.close()
    app._tell({"id": 6}, [])
    assert len(told) == 1


def test_the_saved_notebook_keeps_a_picture_with_boxes(ds: ll.Dataset) -> None:
    """Red pictures; the boxes on them are in the colours of their classes, blue and yellow."""
    found = ll.show(ds)._repr_mimebundle_()
    assert found is not None
    assert "application/vnd.jupyter.widget-view+json" in found[0]
    picture = Image.open(io.BytesIO(base64.b64decode(found[0]["image/jpeg"])))
    assert picture.width == 960
    assert picture.height > 200
    pixels = np.asarray(picture.convert("RGB"), int)
    red = (pixels[..., 0] > 160) & (pixels[..., 1] < 80)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 150)
    yellow = (pixels[..., 0] > 180) & (pixels[..., 1] > 160)
    assert red.mean() > 0.4
    assert blue.mean() > 0.001
    assert yellow.mean() > 0.001


def test_objects_are_cut_out_and_nothing_has_no_picture(ds: ll.Dataset) -> None:
    found = ll.show(ds.objects("ground_truth"))._repr_mimebundle_()
    picture = Image.open(io.BytesIO(base64.b64decode(found[0]["image/jpeg"])))
    assert picture.height < 600
    assert "image/jpeg" not in ll.show(ds.where("width > 9000"))._repr_mimebundle_()[0]
    assert "image/jpeg" not in ll.show()._repr_mimebundle_()[0]


def test_without_anywidget_it_says_how_to_get_it(ds: ll.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "loopline.notebook.widget":
            raise ModuleNotFoundError("No module named 'anywidget'", name="anywidget")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match="anywidget") as raised:
        ll.show(ds)
    assert "loopline[notebook]" in raised.value.hint


def test_an_app_that_is_not_built_says_how_to_build_it(ds: ll.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widgets, "STATIC", widgets.STATIC / "none")
    with pytest.raises(LooplineError, match="not built") as raised:
        ll.show(ds)
    assert "make app" in raised.value.hint


def test_a_prompt_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("IPython.get_ipython", lambda: types.SimpleNamespace())
    assert not showing.in_notebook()
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert not showing.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not showing.in_notebook()
